"""AWS Marketplace's EventBridge events, parsed.

The bodies follow AWS's page on EventBridge events for sellers.  Fields that an event does not
always have are optional; unknown fields are ignored.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    ValidationError,
)
from pydantic.alias_generators import to_camel, to_pascal

from offers.model import FrozenModel

CATALOG = "aws.marketplacecatalog"
AGREEMENTS = "aws.agreement-marketplace"
DISBURSEMENTS = "aws.marketplace"
REGION = "us-east-1"
OLDEST, NEWEST = timedelta(days=30), timedelta(hours=1)
"""How far from now an event's time may be: dead letters, kept for 14 days, can be sent again."""

Id = Annotated[str, Field(pattern=r"\A[A-Za-z0-9-]{1,100}\z")]
"""Ids go into queries to Temporal: an invalid one would make the whole query fail."""


class InvalidEvent(Exception):
    """Not an event, or not one as documented by AWS.  The text contains nothing of its content."""


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is outside the calendar") from None


class _Event(FrozenModel):
    """The envelope of an EventBridge event."""

    source: str
    detail_type: str = Field(alias="detail-type")
    time: Annotated[AwareDatetime, AfterValidator(_in_utc)]
    account: str = Field(max_length=100)
    region: str = Field(max_length=100)
    detail: dict[str, Any]


class _EventDetail(FrozenModel, alias_generator=to_camel):
    pass


class _Offer(_EventDetail):
    id: Id
    name: str | None = None


class _Agreement(_EventDetail):
    id: Id
    previous_agreement_id: Annotated[Id | None, BeforeValidator(lambda text: text or None)] = None


class _CancelledAgreement(_EventDetail):
    id: Id
    offer_id: Id | None = None


class _CancellationRequest(_EventDetail):
    id: Id


class ChangeSetEnded(FrozenModel, alias_generator=to_pascal):
    """A change set succeeded, failed or was cancelled.  Its fields are in PascalCase."""

    change_set_id: Id
    change_set_name: str | None = None


class OfferReleased(_EventDetail):
    """An offer was released, whoever created it."""

    offer: _Offer


class AgreementChanged(_EventDetail):
    """An agreement was created, changed or ended, or will soon end or be renewed."""

    agreement: _Agreement
    offer: _Offer | None = None
    """None in an event about a coming renewal."""


class CancellationChanged(_EventDetail):
    """A seller's request to cancel an agreement was created, answered, withdrawn or rejected."""

    agreement: _CancelledAgreement
    agreement_cancellation_request: _CancellationRequest


class PayoutsPaused(_EventDetail):
    """AWS has paused all payouts: the bank data of the seller is not valid."""


Detail = ChangeSetEnded | OfferReleased | AgreementChanged | CancellationChanged | PayoutsPaused


class MarketplaceEvent(FrozenModel):
    """An event that may concern an offer, and when it happened (UTC)."""

    at: AwareDatetime
    account: str
    """The AWS account that sent it."""
    region: str
    detail: Detail

    def check_origin(self, account: str, now: datetime) -> None:
        """Raises InvalidEvent unless AWS Marketplace sent it to this account (UTC, business time).

        AWS Marketplace sends its events in us-east-1 alone (AWS: notifications-eventbridge).
        """
        if self.account != account:
            raise InvalidEvent("account: it is not that of the queue")
        if self.region != REGION:
            raise InvalidEvent(f"region: it is not {REGION}")
        if not now - OLDEST <= self.at <= now + NEWEST:
            raise InvalidEvent("time: it is far from now")


KINDS: dict[tuple[str, str], type[Detail]] = {
    **{
        (CATALOG, f"Change Set {ended}"): ChangeSetEnded
        for ended in ("Succeeded", "Failed", "Cancelled")
    },
    (CATALOG, "Offer Released"): OfferReleased,
    **{
        (AGREEMENTS, f"Purchase Agreement {change} - Proposer"): AgreementChanged
        for change in (
            *("Created", "Amended", "Ended", "Ending"),
            *("Renewal Terms Finalized", "Renewal Upcoming"),
        )
    },
    **{
        (AGREEMENTS, f"Agreement Cancellation Request {status} - Proposer"): CancellationChanged
        for status in ("Pending Approval", "Approved", "Rejected", "Cancelled", "Validation Failed")
    },
    (DISBURSEMENTS, "Disbursement Paused"): PayoutsPaused,
}
"""The events that are read, by source and detail-type."""


def read_event(body: str) -> MarketplaceEvent | None:
    """The parsed event; None if its type does not concern offers.  Raises InvalidEvent."""
    try:
        event = _Event.model_validate_json(body)
        kind = KINDS.get((event.source, event.detail_type))
        if kind is None:
            return None
        return MarketplaceEvent(
            at=event.time,
            account=event.account,
            region=event.region,
            detail=kind.model_validate(event.detail),
        )
    except ValidationError as error:
        raise InvalidEvent(
            "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['type']}"
                for each in error.errors()
            )
        ) from None
