"""The clients of the outside systems, and what is built of them, from the settings."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from activities.aws_agreements import AwsAgreements
from activities.aws_marketplace import AwsMarketplace
from activities.eula_documents import EulaDocuments
from activities.marketplace_lookup import MarketplaceLookup
from activities.opportunities import Opportunities
from activities.preflight import Preflight
from activities.salesforce import Salesforce
from activities.salesforce_client import SalesforceClient
from runtime.settings import WorkerSettings, WrongSettings

THREADS = 20
"""For boto3 and simple-salesforce, which block."""

AWS_CALLS = Config(
    region_name="us-east-1",  # sellers have no other
    connect_timeout=3,
    read_timeout=20,
    max_pool_connections=THREADS,
    # Temporal does the retrying.
    retries={"mode": "standard", "total_max_attempts": 1},
)


def aws_marketplace(settings: WorkerSettings) -> AwsMarketplace:
    """AWS Marketplace's activities."""
    return AwsMarketplace(
        _aws("marketplace-catalog"),
        _aws("marketplace-agreement"),
        settings.clock,
        settings.offers_url_pattern,
    )


def aws_agreements(settings: WorkerSettings) -> AwsAgreements:
    """AWS Marketplace's agreements."""
    return AwsAgreements(_aws("marketplace-agreement"), settings.clock)


def eula_documents(settings: WorkerSettings) -> EulaDocuments | None:
    """Custom contracts; None if there is no bucket for them."""
    if settings.offers_eula_bucket is None:
        return None
    return EulaDocuments(_aws("s3"), settings.offers_eula_bucket)


def salesforce(settings: WorkerSettings) -> Salesforce:
    """Salesforce's activities."""
    return Salesforce(_salesforce(settings), settings.fields(), settings.clock)


def opportunities(settings: WorkerSettings) -> Opportunities:
    """What reads opportunities."""
    return Opportunities(_salesforce(settings), settings.fields(), settings.policy().billing_method)


def preflight(settings: WorkerSettings) -> Preflight:
    """Preflight: reads Salesforce and AWS, and writes nothing."""
    return Preflight(
        opportunities(settings),
        MarketplaceLookup(_aws("marketplace-catalog"), _aws("marketplace-agreement")),
        eula_documents(settings),
        policy=settings.policy(),
        product=settings.product,
        clock=settings.clock,
    )


def _salesforce(settings: WorkerSettings) -> SalesforceClient:
    return SalesforceClient(settings.salesforce_login, settings.salesforce_ca)


def _aws(service: str) -> Any:
    try:
        return boto3.client(service, config=AWS_CALLS)
    except BotoCoreError as error:
        raise WrongSettings(f"AWS: {error}") from None
