"""The addresses of the simulated systems."""

from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.world import World


@dataclass(frozen=True)
class Addresses:
    """The address of each system, and the product's settings for them in `env`."""

    control: str
    mailbox: str
    catalog: str
    agreement: str
    clazar: str
    salesforce: str
    salesforce_ca: str
    smtp: str
    s3: str
    sts: str
    env: dict[str, str]


def build_addresses(world: World, clock: Clock, ports: dict[str, int], ca_file: str) -> Addresses:
    url = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    url["salesforce"] = f"https://localhost:{ports['salesforce']}"
    url["smtp"] = f"smtp://127.0.0.1:{ports['smtp']}"
    return Addresses(
        **url,
        mailbox=f"{url['control']}/",
        salesforce_ca=ca_file,
        env={
            "AWS_ENDPOINT_URL_MARKETPLACE_CATALOG": url["catalog"],
            "AWS_ENDPOINT_URL_MARKETPLACE_AGREEMENT": url["agreement"],
            "AWS_ENDPOINT_URL_S3": url["s3"],
            "AWS_ENDPOINT_URL_STS": url["sts"],
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_DEFAULT_REGION": "us-east-1",
            "CLAZAR_URL": url["clazar"],
            "CLAZAR_CLIENT_ID": world.clazar.oauth.client_id,
            "CLAZAR_CLIENT_SECRET": world.clazar.oauth.client_secret,
            "SALESFORCE_LOGIN_URL": url["salesforce"],
            "SALESFORCE_CLIENT_ID": world.salesforce.oauth.client_id,
            "SALESFORCE_CLIENT_SECRET": world.salesforce.oauth.client_secret,
            "SALESFORCE_CA": ca_file,
            "SMTP_URL": url["smtp"],
            "MAIL_FROM": "offers@example.com",
            "OFFERS_PRODUCT_ID": world.aws.product_id,
            "OFFERS_DIMENSION": world.aws.dimensions[0],
            "OFFERS_EULA_BUCKET": world.aws.storage.buckets[0],
            "OFFERS_EULA_SOURCES": f"s3://{world.aws.storage.buckets[0]}",
            "OFFERS_FEED_BUCKET": world.aws.storage.feed_bucket,
            "OFFERS_CLOCK_SCALE": f"{clock.scale:g}",
            "OFFERS_CLOCK_ORIGIN": clock.origin.isoformat(),
        },
    )
