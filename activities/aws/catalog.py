"""AWS Marketplace's offers, through the Catalog API.

Every call can be repeated: a creation looks for a change set of its name first and sends the same
client token each time, so a lost answer never leads to a second offer.
"""

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from temporalio import activity

from activities.aws import documents
from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.business_time import business_now, business_schedule
from activities.errors import aws_errors, aws_failure, not_found, not_ready
from activities.eula.links import EulaLinks, PublishedEula
from offers.clock import Clock
from offers.lifecycle.aws_errors import AwsError
from offers.lifecycle.read_back import PublishedOffer
from offers.model import FrozenModel
from offers.policy.policy import PublicationPolling
from offers.preflight.marketplace import OpenOffer
from offers.terms.terms import OfferTerms

WITHDRAWAL_POLLING = PublicationPolling(check_after=(), check_every=timedelta(minutes=1))


class SubmitOffer(FrozenModel):
    """A request to create one revision of an offer."""

    reference: str
    """Identifies this revision of the offer (`OfferRecord.reference`)."""
    terms: OfferTerms
    eula: PublishedEula | None = None
    """A custom contract; None: the standard one."""
    """The address of a custom contract."""
    replaces: str | None = None
    """For an amendment, the id of the agreement that it replaces."""


class WithdrawOffer(FrozenModel):
    """A request to withdraw an offer by setting its last day (UTC) to a past one."""

    offer_id: str
    revision: int = 1
    """Of the offer's record now: a run that was started again counts from 1 again."""
    number: int
    """Its number among the requests for the offer, which makes its token unique."""
    last_day: date


class EditOffer(FrozenModel):
    """A request to change a released offer in place."""

    offer_id: str
    reference: str
    revision: int = 1
    """Of the offer's record now: a run that was started again counts from 1 again."""
    number: int
    """Its number among the edits of the offer, which makes its token unique."""
    before: OfferTerms
    after: OfferTerms


SIGNATURE = re.compile(r"\?X-Amz-\S*")
"""Of a link to a contract, should AWS repeat it: whoever has the link reads the contract."""


class WaitForChangeSet(FrozenModel):
    """Which change set to wait for, and how often to check it."""

    change_set_id: str
    polling: PublicationPolling


class WaitForRelease(FrozenModel):
    """Which offer to wait for until it is released, and how often to check it."""

    offer_id: str
    polling: PublicationPolling


class ChangeSetOutcome(FrozenModel):
    """How a change set ended."""

    offer: PublishedOffer | None = None
    """The offer as AWS shows it afterwards; None if the change set did not succeed."""
    conflicting_offers: tuple[OpenOffer, ...] = ()
    """Our other offers that its buyers can accept, perhaps created at the same time."""
    has_agreement: bool = False
    """Whether a buyer has accepted it already."""
    offer_url: str | None = None
    """The address at which the buyer accepts it."""
    errors: tuple[AwsError, ...] = ()


class ReleasedOffer(FrozenModel):
    """An offer that buyers can accept."""

    offer: PublishedOffer
    offer_url: str
    conflicting_offers: tuple[OpenOffer, ...] = ()
    """Our other offers that its buyers can accept."""


class AwsCatalog:
    """Activities on offers. The boto3 clients must not retry: Temporal does."""

    def __init__(
        self,
        catalog: Any,
        agreements: Any,
        clock: Clock,
        url_pattern: str,
        eula_links: EulaLinks | None = None,
    ) -> None:
        """`eula_links`: None if there is no bucket, so that no custom contract is published."""
        self._catalog = catalog
        self._eula_links = eula_links
        self._lookup = MarketplaceLookup(catalog, agreements)
        self._clock = clock
        self._url_pattern = url_pattern

    @activity.defn
    def submit_offer(self, request: SubmitOffer) -> str:
        """Start the change set that creates the offer; returns its id, the same on every call."""
        return self._submit(
            request.reference,
            documents.create_offer(
                request.terms,
                request.reference,
                business_now(self._clock).date(),
                self._eula_link(request.eula),
                request.replaces,
            ),
            business_schedule(self._clock).replace(microsecond=0),  # as exact as AWS is
        )

    def _eula_link(self, eula: PublishedEula | None) -> str | None:
        if eula is None:
            return None
        if self._eula_links is None:
            raise not_found("The bucket for contracts: OFFERS_EULA_BUCKET is not set")
        with aws_errors():
            return self._eula_links.link(eula)

    @activity.defn
    def edit_offer(self, request: EditOffer) -> str:
        """Start the change set that changes a released offer in place; returns its id."""
        return self._submit(
            f"{request.offer_id}-rev{request.revision}-edit-{request.number}",
            documents.edit(request.before, request.after, request.reference, request.offer_id),
        )

    @activity.defn
    def withdraw_offer(self, request: WithdrawOffer) -> str:
        """Start the change set that withdraws a released offer; returns its id."""
        return self._submit(
            f"{request.offer_id}-rev{request.revision}-withdraw-{request.number}",
            documents.end_availability(request.offer_id, request.last_day),
        )

    def _submit(
        self, reference: str, changes: list[dict[str, Any]], since: datetime | None = None
    ) -> str:
        """The change set of this name, started unless there is one.

        `since`: one that was started before does not count if nothing of it is left: it was made
        for an offer whose history Temporal has deleted.  None: each counts.
        """
        token = reference
        with aws_errors():
            # AWS does not say how long it remembers a token; it keeps change sets for 60 days.
            pages = self._catalog.get_paginator("list_change_sets").paginate(
                Catalog=documents.CATALOG,
                FilterList=[{"Name": "ChangeSetName", "ValueList": [reference]}],
            )
            for page in pages:
                for summary in page["ChangeSetSummaryList"]:
                    if summary.get("ChangeSetName") != reference:
                        continue
                    if since is None or not self._is_over(summary, since):
                        return str(summary["ChangeSetId"])
                    token = f"{reference}-{since:%Y%m%dT%H%M%SZ}"
            started = self._catalog.start_change_set(
                Catalog=documents.CATALOG,
                ChangeSetName=reference,
                ClientRequestToken=token,
                ChangeSet=changes,
            )
        return str(started["ChangeSetId"])

    def _is_over(self, summary: dict[str, Any], since: datetime) -> bool:
        """Whether an earlier change set led to nothing that a buyer can accept, or has accepted."""
        if datetime.fromisoformat(summary["StartTime"]) >= since:
            return False
        if summary["Status"] != "SUCCEEDED":
            return summary["Status"] in ("FAILED", "CANCELLED")
        described = self._catalog.describe_change_set(
            Catalog=documents.CATALOG, ChangeSetId=summary["ChangeSetId"]
        )
        offer_id = documents.created_offer_id(described["ChangeSet"])
        if offer_id is None:
            return False
        offer, today = self._described(offer_id), business_now(self._clock).date()
        if offer.product_id is None or not offer.is_void(today):
            return False
        held, _ = self._lookup.of_buyers(offer.product_id, offer.buyer_accounts, today)
        return not any(each.offer_id == offer_id and each.active for each in held)

    @activity.defn
    def wait_for_change_set(self, request: WaitForChangeSet) -> ChangeSetOutcome:
        """The outcome of a change set; fails NOT_READY until it has ended, and Temporal retries."""
        with aws_errors():
            described = self._catalog.describe_change_set(
                Catalog=documents.CATALOG, ChangeSetId=request.change_set_id
            )
        status = described["Status"]
        if status in ("PREPARING", "APPLYING"):
            started = datetime.fromisoformat(described["StartTime"])
            elapsed = max(business_now(self._clock) - started, timedelta())
            wait = self._clock.real_duration(request.polling.next_check(elapsed))
            raise not_ready(f"AWS is still working on the change set ({status})", wait)
        if status != "SUCCEEDED":
            return ChangeSetOutcome(errors=tuple(_refusals(described)))
        offer_id = documents.created_offer_id(described["ChangeSet"])
        if offer_id is None:
            raise not_ready("AWS does not show the id of the offer yet")
        offer = self.read_offer(offer_id)
        has_agreement, others = self._of_its_buyers(offer)
        return ChangeSetOutcome(
            offer=offer,
            conflicting_offers=others,
            has_agreement=has_agreement,
            offer_url=self._url(offer),
        )

    def _of_its_buyers(self, offer: PublishedOffer) -> tuple[bool, tuple[OpenOffer, ...]]:
        """Whether its buyers have accepted it, and our other offers that they can accept."""
        today = business_now(self._clock).date()
        if offer.product_id is None or not offer.released or offer.is_void(today):
            return False, ()
        with aws_errors():
            held, found = self._lookup.of_buyers(offer.product_id, offer.buyer_accounts, today)
        has_agreement = any(each.offer_id == offer.offer_id for each in held)
        return has_agreement, tuple(each for each in found if each.offer_id != offer.offer_id)

    @activity.defn
    def cancel_change_set(self, change_set_id: str) -> bool:
        """Cancel a change set; False if it is too late: AWS allows it only while PREPARING."""
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
    def read_offer(self, offer_id: str) -> PublishedOffer:
        """The offer as AWS shows it now."""
        with aws_errors():
            return self._described(offer_id)

    def _described(self, offer_id: str) -> PublishedOffer:
        entity = self._catalog.describe_entity(Catalog=documents.CATALOG, EntityId=offer_id)
        details = entity.get("DetailsDocument") or json.loads(entity["Details"])
        return documents.published_offer(offer_id, details)

    @activity.defn
    def wait_for_release(self, request: WaitForRelease) -> ReleasedOffer:
        """An offer that was created elsewhere; fails NOT_READY until it is released."""
        wait = self._clock.real_duration(request.polling.check_every)
        try:
            offer = self._described(request.offer_id)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise not_ready("AWS does not show the offer yet", wait) from None
            raise aws_failure(error) from None
        except BotoCoreError as error:
            raise aws_failure(error) from None
        if not offer.released:
            raise not_ready("AWS has not released it yet", wait)
        _, others = self._of_its_buyers(offer)
        return ReleasedOffer(offer=offer, offer_url=self._url(offer), conflicting_offers=others)

    def _url(self, offer: PublishedOffer) -> str:
        # AWS returns no address of an offer; the pattern is a setting.
        return self._url_pattern.format(product_id=offer.product_id, offer_id=offer.offer_id)


def _refusals(described: dict[str, Any]) -> Iterator[AwsError]:
    named = False
    for change in described["ChangeSet"]:
        for error in change.get("ErrorDetailList", ()):
            named = True
            yield AwsError(
                code=error.get("ErrorCode", ""),
                message=SIGNATURE.sub("", error.get("ErrorMessage", "")),
                change_type=change.get("ChangeType"),
            )
    if not named:
        yield AwsError(
            code=described.get("FailureCode", described["Status"]),
            message=SIGNATURE.sub("", described.get("FailureDescription", "no reason given")),
        )
