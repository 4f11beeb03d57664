"""AWS Marketplace's offers, through the Catalog API.

Every call is one that may be made again: a creation is looked up by its name first and carries our
own stable token, so a lost answer can never make a second offer.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.aws import documents
from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.business_time import business_now
from activities.errors import aws_errors, aws_failure, not_ready
from offers.clock import Clock
from offers.lifecycle.aws_errors import Refusal
from offers.lifecycle.read_back import BuiltOffer
from offers.policy.policy import Generation
from offers.preflight.marketplace import OpenOffer
from offers.terms.terms import OfferTerms

WITHDRAWAL_CHECKS = Generation(check_after=(), check_every=timedelta(minutes=1))


class SubmitOffer(BaseModel):
    """Which revision of an opportunity's offer is to be created, with what terms."""

    model_config = ConfigDict(frozen=True)

    reference: str
    """Names this revision of the offer, and none else (`OfferRecord.reference`)."""
    terms: OfferTerms
    eula_url: str | None = None
    """Where AWS reads a custom contract."""
    replaces: str | None = None
    """For an amendment, the id of the agreement that it replaces."""


class WithdrawOffer(BaseModel):
    """Which offer is to be made void, by which last day (UTC, in the past)."""

    model_config = ConfigDict(frozen=True)

    offer_id: str
    number: int
    """Counts the changes of the offer: each is another request."""
    last_day: date


class EditOffer(BaseModel):
    """Which released offer is to be changed in place, from what to what."""

    model_config = ConfigDict(frozen=True)

    offer_id: str
    reference: str
    number: int
    """Counts the edits of the offer: each is another request."""
    before: OfferTerms
    after: OfferTerms


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
    rivals: tuple[OpenOffer, ...] = ()
    """Other offers of ours that its buyers can accept."""


class AwsMarketplace:
    """Activities on AWS Marketplace, with boto3 clients that never retry by themselves."""

    def __init__(self, catalog: Any, agreements: Any, clock: Clock, url_pattern: str) -> None:
        self._catalog = catalog
        self._lookup = MarketplaceLookup(catalog, agreements)
        self._clock = clock
        self._url_pattern = url_pattern

    @activity.defn
    def submit_offer(self, request: SubmitOffer) -> str:
        """Hand the offer to AWS; gives the change set's id, the same one however often called."""
        return self._submit(
            request.reference,
            documents.create_offer(
                request.terms,
                request.reference,
                business_now(self._clock).date(),
                request.eula_url,
                request.replaces,
            ),
        )

    @activity.defn
    def edit_offer(self, request: EditOffer) -> str:
        """Ask AWS to change a released offer in place; gives the change set's id."""
        return self._submit(
            f"{request.offer_id}-edit-{request.number}",
            documents.edit(request.before, request.after, request.reference, request.offer_id),
        )

    @activity.defn
    def withdraw_offer(self, request: WithdrawOffer) -> str:
        """Ask AWS to void a released offer; gives the change set's id."""
        return self._submit(
            f"{request.offer_id}-withdraw-{request.number}",
            documents.end_availability(request.offer_id, request.last_day),
        )

    def _submit(self, reference: str, changes: list[dict[str, Any]]) -> str:
        with aws_errors():
            # AWS does not say how long it remembers a token; it keeps change sets for 60 days.
            listed = self._catalog.list_change_sets(
                Catalog=documents.CATALOG,
                FilterList=[{"Name": "ChangeSetName", "ValueList": [reference]}],
            )
            for summary in listed["ChangeSetSummaryList"]:
                if summary.get("ChangeSetName") == reference:
                    return str(summary["ChangeSetId"])
            started = self._catalog.start_change_set(
                Catalog=documents.CATALOG,
                ChangeSetName=reference,
                ClientRequestToken=reference,
                ChangeSet=changes,
            )
        return str(started["ChangeSetId"])

    @activity.defn
    def follow_change_set(self, request: FollowChangeSet) -> ChangeSetOutcome:
        """How a change set ended.  While it has not, fails NOT_READY: the server asks again."""
        with aws_errors():
            described = self._catalog.describe_change_set(
                Catalog=documents.CATALOG, ChangeSetId=request.change_set_id
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
        offer_id = documents.created_offer_id(described["ChangeSet"])
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
        with aws_errors():
            _, found = self._lookup.of_buyers(offer.product_id, offer.buyer_accounts, today)
        return tuple(each for each in found if each.offer_id != offer.offer_id)

    @activity.defn
    def cancel_change_set(self, change_set_id: str) -> bool:
        """Cancel a change set.  False if it is too late: AWS allows it only while PREPARING."""
        try:
            self._catalog.cancel_change_set(Catalog=documents.CATALOG, ChangeSetId=change_set_id)
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
        with aws_errors():
            return self._described(offer_id)

    def _described(self, offer_id: str) -> BuiltOffer:
        entity = self._catalog.describe_entity(Catalog=documents.CATALOG, EntityId=offer_id)
        details = entity.get("DetailsDocument") or json.loads(entity["Details"])
        return documents.built_offer(offer_id, details)

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
        return ReleasedOffer(offer=offer, offer_url=self._url(offer), rivals=self._rivals(offer))

    def _url(self, offer: BuiltOffer) -> str:
        # AWS gives no address of an offer; its pattern is a setting.
        return self._url_pattern.format(product_id=offer.product_id, offer_id=offer.offer_id)


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
