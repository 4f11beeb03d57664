"""AWS: whose credentials these are, what is sold, and each right that can be tried by reading."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.aws.rights import (
    WRITES,
    AgreementRights,
    CatalogRights,
    NothingToRead,
    first_object,
    is_denied,
    try_reading,
    why_not,
)
from activities.errors import AWS
from activities.eula.allowed_sources import MERGED
from offers.policy.payouts import PayoutSource
from offers.preflight.marketplace import SELLABLE
from offers.terms.parsing import parse_dimensions
from runtime import clients
from runtime.checks.items import (
    Check,
    CheckedItem,
    Result,
    Status,
    not_checked,
    ok,
    run_checks,
    wrong,
)
from runtime.settings import InvalidSettings, WorkerSettings

SYSTEM = "AWS"
MARKETPLACE_POLICY = "Allow it: the policy is in docs/deployment.md, section 1"
FEED_POLICY = "Allow it: the policy is in docs/payouts.md"
QUEUE_POLICY = "Allow it: the policy is in docs/events.md"
ONLY_BY_WRITING = "it cannot be tried without writing"


async def check_aws(settings: WorkerSettings) -> list[CheckedItem]:
    aws = clients.AwsClients()
    account: list[str] = []

    def identity() -> list[Result]:
        # All clients are made here: boto3's session must not be used by two threads at once.
        _ = aws.catalog, aws.agreement, aws.s3
        try:
            account.append(aws.sts.get_caller_identity()["Account"])
        except (ClientError, BotoCoreError) as error:
            remedy = "Give the worker credentials of the seller account, by boto3's variables"
            return [wrong(why_not(error, AWS), remedy)]
        return [ok(f"the credentials are of account {account[0]}")]

    found = await run_checks([Check(SYSTEM, "account", identity)])
    if found[0].status is not Status.OK:
        return found

    def product() -> list[Result]:
        return _product(settings, aws, account[0])

    reads = {
        **CatalogRights(aws.catalog).reads(settings.offers_product_id),
        **AgreementRights(aws.agreement).reads(),
    }
    return found + await run_checks(
        [
            Check(SYSTEM, "product", product),
            *(
                _right(f"aws-marketplace:{action}", call, MARKETPLACE_POLICY)
                for action, call in reads.items()
            ),
            *_contracts(settings, aws),
            *_feed(settings, aws),
            *_events(settings),
            Check(
                SYSTEM,
                "rights to write",
                lambda: [not_checked(ONLY_BY_WRITING, item) for item in _writes(settings)],
            ),
        ]
    )


def _product(settings: WorkerSettings, aws: clients.AwsClients, account: str) -> list[Result]:
    product_id = settings.offers_product_id
    found = MarketplaceLookup(aws.catalog, aws.agreement).find_product(product_id)
    if found is None:
        return [wrong(f"AWS knows no {product_id}", "Correct OFFERS_PRODUCT_ID")]
    if found.seller_account != account:
        what = f"{product_id} belongs to account {found.seller_account}"
        return [wrong(what, "Give the worker credentials of that account")]
    if found.visibility not in SELLABLE:
        what = f"{product_id} is {found.visibility}, and cannot be sold by private offers"
        return [wrong(what, "Have AWS list it (Limited or Public)")]
    named = [each["key"] for each in parse_dimensions(settings.offers_dimension)]
    if unknown := [each for each in named if each not in found.dimensions]:
        what = f"it has no dimension {', '.join(unknown)}; it has {', '.join(found.dimensions)}"
        return [wrong(what, "Correct OFFERS_DIMENSION", "dimension")]
    return [
        ok(f"{product_id} is {found.visibility}"),
        ok(", ".join(named), "dimension"),
    ]


def _right(action: str, call: Callable[[], object], remedy: str) -> Check:
    """Whether a call is allowed."""

    def ask() -> list[Result]:
        try:
            call()
        except NothingToRead as nothing:
            return [not_checked(str(nothing))]
        except (ClientError, BotoCoreError) as error:
            if is_denied(error):
                return [wrong("AWS denies it", remedy)]
            return [wrong(why_not(error, AWS), "Correct what the answer names, or try later")]
        return [ok()]

    return Check(SYSTEM, action, ask)


def _contracts(settings: WorkerSettings, aws: clients.AwsClients) -> list[Check]:
    if settings.offers_eula_bucket is None:
        return []
    places = [f"{settings.offers_eula_bucket}/{MERGED}", *settings.offers_eula_sources.places]

    def reading(place: str) -> Check:
        bucket, _, prefix = place.partition("/")
        item = f"s3:GetObject on {place}"
        return _right(item, lambda: try_reading(aws.s3, bucket, prefix), MARKETPLACE_POLICY)

    return list(map(reading, dict.fromkeys(places)))


def _feed(settings: WorkerSettings, aws: clients.AwsClients) -> list[Check]:
    if not _reads_feed(settings):
        return []
    bucket, prefix = settings.offers_feed_bucket, settings.offers_feed_prefix
    if bucket is None:
        what = "the policy reads payouts from AWS's seller data feed, and no bucket is set"
        remedy = "Set OFFERS_FEED_BUCKET, or read payouts from Clazar ([payouts] source)"
        return [Check(SYSTEM, "seller data feed", lambda: [wrong(what, remedy)])]

    def read_one() -> None:
        if (key := first_object(aws.s3, bucket, prefix)) is None:
            raise NothingToRead(f"there is nothing under {bucket}/{prefix} yet")
        aws.s3.get_object(Bucket=bucket, Key=key)["Body"].close()

    return [
        _right(
            f"s3:ListBucket on {bucket}",
            lambda: first_object(aws.s3, bucket, prefix),
            FEED_POLICY,
        ),
        _right(f"s3:GetObject on {bucket}", read_one, FEED_POLICY),
    ]


def _reads_feed(settings: WorkerSettings) -> bool:
    try:
        return settings.policy().payouts.source is PayoutSource.AWS
    except InvalidSettings:  # reported as the policy's
        return settings.offers_feed_bucket is not None


def _events(settings: WorkerSettings) -> list[Check]:
    if settings.offers_events_queue_url is None:
        return []

    def queue() -> list[Result]:
        events: Any = clients.event_queue(settings)
        try:
            has_dead_letters = events.has_dead_letter_queue()
        except (ClientError, BotoCoreError) as error:
            remedy = QUEUE_POLICY if is_denied(error) else "Correct OFFERS_EVENTS_QUEUE_URL"
            return [wrong(why_not(error, "SQS"), remedy)]
        if not has_dead_letters:
            what = "the queue has no redrive policy: what cannot be read comes again and again"
            return [wrong(what, "Give it a dead-letter queue (docs/events.md)")]
        return [ok("with a dead-letter queue")]

    return [Check(SYSTEM, "event queue (sqs:GetQueueAttributes)", queue)]


def _writes(settings: WorkerSettings) -> list[str]:
    """What the worker may have to do and the check does not."""
    writes = list(WRITES)
    if settings.offers_eula_bucket is not None:
        writes.append(f"s3:PutObject on {settings.offers_eula_bucket}/{MERGED}")
    if settings.offers_events_queue_url is not None:
        # Receiving hides messages from the worker for a while.
        writes += ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
    return writes
