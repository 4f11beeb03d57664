"""The state of AWS Marketplace: offers, change sets, agreements, buyers, and AWS's rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sandbox.aws.eventbridge.event_bus import EventBus
from sandbox.aws.storage import Storage


def given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


@dataclass
class Offer:
    """An entity of type `Offer@1.0` in the AWS catalog."""

    id: str
    product_id: str
    state: str = "Draft"
    """`Draft` or `Released`; an acceptance does not change it."""
    name: str | None = None
    description: str | None = None
    buyer_accounts: list[str] = field(default_factory=list)
    terms: list[dict[str, Any]] = field(default_factory=list)
    availability_end: date | None = None
    replaces_agreement: str | None = None
    renews_agreement: str | None = None
    """Set on an offer that AWS created to renew an agreement."""
    country_codes: list[str] = field(default_factory=list)
    """Where a public offer can be accepted; empty for a private one."""
    pre_existing_agreement: dict[str, str] | None = None
    """Set on an offer that renews an earlier purchase, which lowers the listing fee."""
    revision: int = 1
    released_at: datetime | None = None
    last_modified: datetime | None = None


@dataclass
class Change:
    type: str
    name: str | None
    entity_type: str
    entity_id: str | None
    details: dict[str, Any]
    errors: list[dict[str, str]] = field(default_factory=list)


@dataclass
class ChangeSet:
    """A change set: all of its changes succeed, or none."""

    id: str
    name: str | None
    token: str
    started_at: datetime
    changes: list[Change]
    status: str = "PREPARING"
    ended_at: datetime | None = None
    failure_code: str | None = None
    failure_description: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    """The request body, to tell a repeated request from another one with the same token."""
    locked_entities: list[str] = field(default_factory=list)
    """The entities that it locks while it runs; `$name` of the change for an offer it creates."""

    @property
    def entity_ids(self) -> list[str]:
        """The ids of the existing entities in it."""
        ids = [each.entity_id.partition("@")[0] for each in self.changes if each.entity_id]
        return sorted({each for each in ids if not each.startswith("$")})


@dataclass
class Agreement:
    """A purchase agreement: the only record of an acceptance."""

    id: str
    offer_id: str
    product_id: str
    acceptor: str
    accepted_at: datetime
    start: datetime
    end: datetime
    value: Decimal
    currency: str
    terms: list[dict[str, Any]]
    initial_agreement_id: str
    last_update: datetime
    status: str = "ACTIVE"
    replaces: str | None = None
    """The agreement that this one amended or renewed."""
    replaced_by: str | None = None
    entitlement_failure: str | None = None
    """The reason code for which AWS could not give the buyer the product; None: it could."""


@dataclass
class CancellationRequest:
    """The seller's request to cancel an agreement, which the buyer may approve or reject."""

    id: str
    agreement_id: str
    reason_code: str
    description: str | None
    token: str | None
    created_at: datetime
    updated_at: datetime
    status: str = "PENDING_APPROVAL"
    """Or `APPROVED`, `REJECTED`, `CANCELLED`, `VALIDATION_FAILED`."""
    status_message: str | None = None

    def set_result(self, status: str, message: str, now: datetime) -> None:
        self.status = status
        self.status_message = message
        self.updated_at = now


RacePoint = Literal["submitted", "applying", "released", "last-second"]
"""Points in time at which an acceptance races with the seller or AWS.

`submitted`: a change of the released offer was requested; `applying`: just before AWS applies that
change; `released`: the instant of release; `last-second`: 23:59:59 UTC of the last day.
"""


@dataclass
class RaceAcceptance:
    point: RacePoint
    offer_filter: str = ""
    """An offer's id, or text in its name or description; empty: every offer to this buyer."""


@dataclass
class Buyer:
    """How the buyer with this AWS account answers offers and cancellation requests."""

    account: str
    exists: bool = True
    accept_after_days: float | None = None
    """Days of business time from release to acceptance; None: never accepts."""
    cancellation_answer: Literal["approve", "reject"] | None = None
    """The answer to a seller's cancellation request; None: no answer."""
    cancellation_answer_after_days: float = 1
    """Days from the request to the answer; after 7 days without one, AWS approves the request."""
    race_acceptances: list[RaceAcceptance] = field(default_factory=list)


@dataclass
class ChangeSetProcessing:
    """How AWS processes change sets.  Times are business minutes from the request."""

    preparing_minutes: float = 5
    """Until AWS has checked a change set: an invalid one fails then."""
    publish_minutes: float = 45
    """Until a new offer is released."""
    update_minutes: float = 2
    """Until a change of released offers is applied."""
    failures: list[str] = field(default_factory=list)
    """Error codes for the next valid change sets, one each: `SERVER_FAULT`, or a code such as
    `INVALID_TAX_INFORMATION` whose cause is unknown to the simulator."""


class Aws:
    """What AWS knows of one seller and the buyers of its product."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        seller_account: str = "123456789012",
        product_id: str = "prod-examplesaas01",
        dimensions: tuple[str, ...] = ("platform",),
    ) -> None:
        self._now = now
        self.seller_account = seller_account
        self.caller_account = seller_account
        """The account to which STS says that the credentials belong."""
        self.product_id = product_id
        self.product_visibility = "Public"
        """`Draft`, `Limited`, `Public` or `Restricted`."""
        self.dimensions = dimensions
        self.concurrent_agreements = False
        """Whether one account can have several contracts for the product at a time."""
        self.throttle = True
        """Whether AWS enforces its rate limits (per business second) and its quotas for change
        sets."""
        self.agreement_lag_minutes: float = 0
        """Business minutes until SearchAgreements lists an agreement (ASSUMED: that there is a
        lag)."""
        self.change_set_processing = ChangeSetProcessing()
        self.event_bus: EventBus | None = None
        """Where AWS sends its events; None: it sends none."""
        self.offers: dict[str, Offer] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self.agreements: dict[str, Agreement] = {}
        self.cancellation_requests: dict[str, CancellationRequest] = {}
        self.buyers: dict[str, Buyer] = {}
        self.storage = Storage()

    def arn(self, kind: str, entity_id: str) -> str:
        seller = self.seller_account
        return f"arn:aws:aws-marketplace:us-east-1:{seller}:AWSMarketplace/{kind}/{entity_id}"

    def acceptable(self, offer: Offer) -> bool:
        """Whether a buyer could accept this offer now, judged by the offer and its agreement."""
        replaced = self.agreements.get(offer.replaces_agreement or "")
        return (
            offer.state == "Released"
            and (replaced is None or replaced.status == "ACTIVE")
            and offer.availability_end is not None
            and self._now().date() <= offer.availability_end
            and not self.agreements_of(offer.id)
        )

    def agreements_of(self, offer_id: str) -> list[Agreement]:
        """The agreements from an offer that AWS has not rolled back."""
        return [
            each
            for each in self.agreements.values()
            if each.offer_id == offer_id and each.status != "ROLLED_BACK"
        ]

    def pending_cancellation(self, agreement_id: str) -> CancellationRequest | None:
        """The pending cancellation request; an agreement has at most one."""
        every = (r for r in self.cancellation_requests.values() if r.agreement_id == agreement_id)
        return next((each for each in every if each.status == "PENDING_APPROVAL"), None)
