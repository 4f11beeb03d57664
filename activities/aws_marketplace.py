"""AWS Marketplace: offers through the Catalog API, agreements through the Agreement API.

Every call is one that may be made again: a creation is looked up by its name first and carries our
own stable token, so a lost answer can never make a second offer.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import AwareDatetime, BaseModel, ConfigDict
from temporalio import activity

from activities import aws_documents
from activities.errors import aws_failure, not_ready
from activities.marketplace_lookup import MarketplaceLookup
from activities.timing import business_now
from offers.agreement import Agreement, AgreementReport
from offers.clock import Clock
from offers.comparison import BuiltOffer
from offers.marketplace import OpenOffer
from offers.policy import Generation
from offers.refusals import Refusal
from offers.terms import OfferTerms

PAGE_PAUSE_SECONDS = 0.25
"""Between the pages of a list: SearchAgreements is allowed five times a second."""
MOST_PAGES = 60
"""In one reading: 3,000 agreements, well within a payload's two megabytes and a minute."""

WITHDRAWAL_CHECKS = Generation(check_after=(), check_every=timedelta(minutes=1))


class SubmitOffer(BaseModel):
    """Which revision of an opportunity's offer is to be created, with what terms."""

    model_config = ConfigDict(frozen=True)

    opportunity_id: str
    revision: int
    terms: OfferTerms
    eula_url: str | None = None
    """Where AWS reads a custom contract."""


class WithdrawOffer(BaseModel):
    """Which offer is to be made void, by which last day (UTC, in the past)."""

    model_config = ConfigDict(frozen=True)

    offer_id: str
    last_day: date


class FollowChangeSet(BaseModel):
    """Which change set is waited for, and when to look."""

    model_config = ConfigDict(frozen=True)

    change_set_id: str
    checks: Generation


class FollowOffer(BaseModel):
    """Which offer is waited for until it is released, and how often to look."""

    model_config = ConfigDict(frozen=True)

    offer_id: str
    checks: Generation


class ChangeSetOutcome(BaseModel):
    """How a change set ended."""

    model_config = ConfigDict(frozen=True)

    succeeded: bool
    offer: BuiltOffer | None = None
    """The offer as it reads back afterwards; None if the set did not succeed."""
    rivals: tuple[OpenOffer, ...] = ()
    """Other offers of ours that its buyers can accept: perhaps made at the same time."""
    offer_url: str | None = None
    """Where the buyer sees and accepts it."""
    refusals: tuple[Refusal, ...] = ()
    cancelled: bool = False


class ReleasedOffer(BaseModel):
    """An offer that buyers can accept."""

    model_config = ConfigDict(frozen=True)

    offer: BuiltOffer
    offer_url: str


class AgreementPage(BaseModel):
    """The news of the agreement feed."""

    model_config = ConfigDict(frozen=True)

    reports: tuple[AgreementReport, ...]


class FeedPosition(BaseModel):
    """From which instant (UTC, by AWS's time of last update) the agreement feed is read."""

    model_config = ConfigDict(frozen=True)

    since: AwareDatetime


class AwsMarketplace:
    """Activities on AWS Marketplace, with boto3 clients that never retry by themselves."""

    def __init__(self, catalog: Any, agreements: Any, clock: Clock, url_pattern: str) -> None:
        self._catalog = catalog
        self._lookup = MarketplaceLookup(catalog, agreements)
        self._agreements = agreements
        self._clock = clock
        self._url_pattern = url_pattern

    @activity.defn
    def submit_offer(self, request: SubmitOffer) -> str:
        """Hand the offer to AWS; gives the change set's id, the same one however often called."""
        reference = aws_documents.offer_reference(request.opportunity_id, request.revision)
        return self._submit(
            reference,
            aws_documents.create_offer(
                request.terms, reference, business_now(self._clock).date(), request.eula_url
            ),
        )

    @activity.defn
    def withdraw_offer(self, request: WithdrawOffer) -> str:
        """Ask AWS to void a released offer; gives the change set's id."""
        return self._submit(
            f"{request.offer_id}-withdraw-{request.last_day.isoformat()}",
            aws_documents.end_availability(request.offer_id, request.last_day),
        )

    def _submit(self, reference: str, changes: list[dict[str, Any]]) -> str:
        with _aws_errors():
            # AWS does not say how long it remembers a token; it keeps change sets for 60 days.
            listed = self._catalog.list_change_sets(
                Catalog=aws_documents.CATALOG,
                FilterList=[{"Name": "ChangeSetName", "ValueList": [reference]}],
            )
            for summary in listed["ChangeSetSummaryList"]:
                if summary.get("ChangeSetName") == reference:
                    return str(summary["ChangeSetId"])
            started = self._catalog.start_change_set(
                Catalog=aws_documents.CATALOG,
                ChangeSetName=reference,
                ClientRequestToken=reference,
                ChangeSet=changes,
            )
        return str(started["ChangeSetId"])

    @activity.defn
    def follow_change_set(self, request: FollowChangeSet) -> ChangeSetOutcome:
        """How a change set ended.  While it has not, fails NOT_READY: the server asks again."""
        with _aws_errors():
            described = self._catalog.describe_change_set(
                Catalog=aws_documents.CATALOG, ChangeSetId=request.change_set_id
            )
        status = described["Status"]
        if status in ("PREPARING", "APPLYING"):
            started = datetime.fromisoformat(described["StartTime"])
            elapsed = max(business_now(self._clock) - started, timedelta())
            wait = self._clock.real_duration(request.checks.next_check(elapsed))
            raise not_ready(f"AWS is still at it ({status})", wait)
        if status != "SUCCEEDED":
            return ChangeSetOutcome(
                succeeded=False,
                cancelled=status == "CANCELLED",
                refusals=tuple(_refusals(described)),
            )
        offer_id = aws_documents.created_offer_id(described["ChangeSet"])
        if offer_id is None:
            raise not_ready("AWS does not name the offer yet")
        offer = self.read_offer(offer_id)
        return ChangeSetOutcome(
            succeeded=True,
            offer=offer,
            rivals=self._rivals(offer),
            offer_url=self._url(offer),
        )

    def _rivals(self, offer: BuiltOffer) -> tuple[OpenOffer, ...]:
        today = business_now(self._clock).date()
        if offer.product_id is None or not offer.released or offer.is_void(today):
            return ()
        with _aws_errors():
            _, found = self._lookup.of_buyers(offer.product_id, offer.buyer_accounts, today)
        return tuple(each for each in found if each.offer_id != offer.offer_id)

    @activity.defn
    def cancel_change_set(self, change_set_id: str) -> bool:
        """Cancel a change set.  False if it is too late: AWS allows it only while PREPARING."""
        try:
            self._catalog.cancel_change_set(
                Catalog=aws_documents.CATALOG, ChangeSetId=change_set_id
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ResourceInUseException", "ValidationException"):
                return False
            raise aws_failure(error) from None
        except BotoCoreError as error:
            raise aws_failure(error) from None
        return True

    @activity.defn
    def read_offer(self, offer_id: str) -> BuiltOffer:
        """The offer as AWS shows it now."""
        with _aws_errors():
            return self._described(offer_id)

    def _described(self, offer_id: str) -> BuiltOffer:
        entity = self._catalog.describe_entity(Catalog=aws_documents.CATALOG, EntityId=offer_id)
        details = entity.get("DetailsDocument") or json.loads(entity["Details"])
        return aws_documents.built_offer(offer_id, details)

    @activity.defn
    def follow_offer(self, request: FollowOffer) -> ReleasedOffer:
        """An offer that somebody else has AWS make; until it is released, fails NOT_READY."""
        wait = self._clock.real_duration(request.checks.check_every)
        try:
            offer = self._described(request.offer_id)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise not_ready("AWS shows no such offer yet", wait) from None
            raise aws_failure(error) from None
        except BotoCoreError as error:
            raise aws_failure(error) from None
        if not offer.released:
            raise not_ready("AWS has not released it yet", wait)
        return ReleasedOffer(offer=offer, offer_url=self._url(offer))

    def _url(self, offer: BuiltOffer) -> str:
        # AWS gives no address of an offer; its pattern is a setting.
        return self._url_pattern.format(product_id=offer.product_id, offer_id=offer.offer_id)

    @activity.defn
    def find_agreement(self, offer_id: str) -> Agreement | None:
        """The agreement that proves an offer's acceptance, the newest if there are several."""
        with _aws_errors():
            found = self._agreements.search_agreements(
                catalog=aws_documents.CATALOG,
                filters=[*_OUR_AGREEMENTS, {"name": "OfferId", "values": [offer_id]}],
            )
            summaries = sorted(
                found["agreementViewSummaries"], key=lambda row: row["acceptanceTime"], reverse=True
            )
            for summary in summaries:
                details = self._agreements.describe_agreement(agreementId=summary["agreementId"])
                agreement = aws_documents.agreement(details)
                if agreement.is_acceptance:
                    return agreement
        return None

    @activity.defn
    def read_agreement_feed(self, position: FeedPosition) -> AgreementPage:
        """The agreements that AWS has touched since an instant, oldest first, for all offers.

        What a long backlog leaves over comes with the next reading.
        """
        reports: list[AgreementReport] = []
        query: dict[str, Any] = {
            "catalog": aws_documents.CATALOG,
            "filters": [
                *_OUR_AGREEMENTS,
                {
                    "name": "AfterLastUpdateTime",
                    "values": [position.since.strftime("%Y-%m-%dT%H:%M:%SZ")],
                },
            ],
            "sort": {"sortBy": "LastUpdateTime", "sortOrder": "ASCENDING"},
            "maxResults": 50,
        }
        with _aws_errors():
            for _ in range(MOST_PAGES):
                page = self._agreements.search_agreements(**query)
                reports += filter(
                    None, map(aws_documents.agreement_report, page["agreementViewSummaries"])
                )
                if not page.get("nextToken"):
                    break
                query["nextToken"] = page["nextToken"]
                time.sleep(PAGE_PAUSE_SECONDS)
        return AgreementPage(reports=tuple(reports))


_OUR_AGREEMENTS = (
    {"name": "PartyType", "values": ["Proposer"]},
    {"name": "AgreementType", "values": ["PurchaseAgreement"]},
)


@contextmanager
def _aws_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise aws_failure(error) from None


def _refusals(described: dict[str, Any]) -> Iterator[Refusal]:
    named = False
    for change in described["ChangeSet"]:
        for error in change.get("ErrorDetailList", ()):
            named = True
            yield Refusal(
                code=error.get("ErrorCode", ""),
                message=error.get("ErrorMessage", ""),
                change_type=change.get("ChangeType"),
            )
    if not named:
        yield Refusal(
            code=described.get("FailureCode", described["Status"]),
            message=described.get("FailureDescription", "no reason given"),
        )
