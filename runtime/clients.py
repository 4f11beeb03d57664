"""The clients of the outside systems, built from the settings."""

import re
from functools import cached_property
from http import HTTPStatus
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, HTTPClientError

from activities.aws.agreements import AwsAgreements
from activities.aws.catalog import AwsCatalog
from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.aws.seller_data_feed import SellerDataFeed
from activities.clazar.client import ClazarClient
from activities.clazar.disbursements import ClazarDisbursements
from activities.eula.documents import EulaDocuments
from activities.eula.links import EulaLinks
from activities.eula.stored_contracts import StoredContracts
from activities.preflight import Preflight
from activities.salesforce.client import SalesforceClient
from activities.salesforce.opportunities import Opportunities
from activities.salesforce.write_back import Salesforce
from activities.temporal.payouts import PayoutData
from activities.webhooks.delivery import WebhookDelivery
from activities.webhooks.sender import WebhookSender
from offers.policy.payouts import PayoutSource
from runtime.settings import InvalidSettings, WorkerSettings
from runtime.sqs_consumer import LONG_POLL_SECONDS, EventQueue

THREADS = 20
"""For the blocking calls of boto3 and simple-salesforce."""

AWS_CALLS = Config(
    region_name="us-east-1",  # sellers have no other
    connect_timeout=3,
    read_timeout=20,
    max_pool_connections=THREADS,
    # Temporal retries.
    retries={"mode": "standard", "total_max_attempts": 1},
)


class AwsClients:
    """The clients of AWS's services, each made once, when it is needed: that takes a while."""

    @cached_property
    def catalog(self) -> Any:
        return aws_client("marketplace-catalog")

    @cached_property
    def agreement(self) -> Any:
        return aws_client("marketplace-agreement")

    @cached_property
    def s3(self) -> Any:
        return aws_client("s3")

    @cached_property
    def sts(self) -> Any:
        return aws_client("sts")


def aws_marketplace(settings: WorkerSettings, aws: AwsClients) -> AwsCatalog:
    bucket = settings.offers_eula_bucket
    return AwsCatalog(
        aws.catalog,
        aws.agreement,
        settings.clock,
        settings.offers_url_pattern,
        EulaLinks(aws.s3, bucket, _credentials) if bucket else None,
    )


def aws_agreements(settings: WorkerSettings, aws: AwsClients) -> AwsAgreements:
    return AwsAgreements(aws.agreement, settings.clock)


def eula_documents(settings: WorkerSettings, aws: AwsClients) -> EulaDocuments | None:
    """None if no bucket is set."""
    if settings.offers_eula_bucket is None:
        return None
    return EulaDocuments(aws.s3, settings.offers_eula_bucket, settings.offers_eula_sources)


def stored_contracts(settings: WorkerSettings, aws: AwsClients) -> StoredContracts | None:
    """None if no bucket is set."""
    bucket = settings.offers_eula_bucket
    return StoredContracts(aws.s3, bucket) if bucket else None


def event_queue(settings: WorkerSettings) -> EventQueue | None:
    """None if no queue is set."""
    url = settings.offers_events_queue_url
    if url is None:
        return None
    named = re.match(r"https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com", url)
    region = (named[1] or named[2]) if named else AWS_CALLS.region_name
    long_poll = Config(region_name=region, read_timeout=LONG_POLL_SECONDS + 10)
    return EventQueue(aws_client("sqs", AWS_CALLS.merge(long_poll)), url)


def clazar_client(settings: WorkerSettings) -> ClazarClient:
    """The caller closes it."""
    return ClazarClient(
        settings.clazar_url, settings.clazar_client_id, settings.clazar_client_secret
    )


def payout_data(settings: WorkerSettings, clazar: ClazarClient, aws: AwsClients) -> PayoutData:
    """The source of payout data that the policy names."""
    rules = settings.policy().payouts
    if rules.source is PayoutSource.CLAZAR:
        return ClazarDisbursements(clazar)
    if settings.offers_feed_bucket is None:
        raise InvalidSettings(
            "OFFERS_FEED_BUCKET is not set, and the policy reads payouts from AWS's seller data"
            ' feed ([payouts] source = "aws"): set it, or read them from Clazar'
        )
    return SellerDataFeed(
        aws.s3,
        settings.offers_feed_bucket,
        settings.offers_feed_prefix,
        rules.feed_months,
        settings.offers_feed_memory_mb,
    )


def salesforce(settings: WorkerSettings) -> Salesforce:
    return Salesforce(salesforce_client(settings), settings.fields(), settings.clock)


def opportunities(settings: WorkerSettings) -> Opportunities:
    return Opportunities(
        salesforce_client(settings), settings.fields(), settings.policy().billing_method
    )


def preflight(settings: WorkerSettings, aws: AwsClients) -> Preflight:
    """Reads Salesforce and AWS; writes nothing."""
    return Preflight(
        opportunities(settings),
        MarketplaceLookup(aws.catalog, aws.agreement),
        eula_documents(settings, aws),
        policy=settings.policy(),
        product=settings.product,
        clock=settings.clock,
        salesforce_url=settings.salesforce_login_url,
    )


def salesforce_client(settings: WorkerSettings) -> SalesforceClient:
    return SalesforceClient(settings.salesforce_login, settings.salesforce_ca)


def webhook_sender(settings: WorkerSettings) -> WebhookSender:
    """Sends to each receiver of the policy; raises InvalidSettings for one without a secret."""
    rules, secrets = settings.policy().webhooks, settings.webhook_secrets
    if unsigned := [each.name for each in rules.endpoints if each.name not in secrets]:
        names = ", ".join(unsigned)
        raise InvalidSettings(
            f"OFFERS_WEBHOOK_SECRETS has no secret for {names}, and the policy sends events there:"
            f" add {unsigned[0]}:whsec_… (see .env.example), or remove the webhook from the policy"
        )
    return WebhookSender(secrets, allow_private=rules.allow_private)


def webhook_delivery(settings: WorkerSettings) -> WebhookDelivery:
    return WebhookDelivery(settings.policy().webhooks, webhook_sender(settings))


def _credentials() -> Credentials | None:
    """Those of boto3's clients, as they are now."""
    session = boto3.DEFAULT_SESSION or boto3.Session()
    return session.get_credentials()


def aws_client(service: str, config: Config = AWS_CALLS) -> Any:
    """A client of boto3 that fails at an answer that is not AWS's."""
    try:
        client = boto3.client(service, config=config)
    except BotoCoreError as error:
        raise InvalidSettings(f"AWS: {error}") from None
    if service != "sqs":  # an empty answer says that there is no message
        client.meta.events.register("after-call", _refuse_empty_answer)
    return client


class NotAnAnswer(HTTPClientError):  # type: ignore[misc]  # botocore has no types
    """An answer with a status of success that AWS did not give."""

    fmt = "the answer of {operation} has none of its members"


def _refuse_empty_answer(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """botocore reads a page, half a body and anything that is no JSON as an empty answer."""
    if http_response.status_code == HTTPStatus.NO_CONTENT == model.http.get("responseCode"):
        return  # all that it could say is in its headers
    expected = model.output_shape is not None and model.output_shape.members
    succeeded = http_response.status_code < HTTPStatus.MULTIPLE_CHOICES
    if succeeded and expected and not parsed.keys() & expected.keys():
        raise NotAnAnswer(operation=model.name)
