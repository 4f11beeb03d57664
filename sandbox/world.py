"""What is true in the outside world: the state that every pretended system shares."""

import secrets
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sandbox.access import Access
from sandbox.agenda import Agenda
from sandbox.event_bus import EventBus
from sandbox.faults import Faults
from sandbox.feed_files import Feed
from sandbox.ledger import Ledger
from sandbox.money import Disbursement, Invoice, PayoutHabit
from sandbox.operations import only_writes, writes

__all__ = [
    "Agreement",
    "Buyer",
    "CancellationRequest",
    "Change",
    "ChangeSet",
    "ClazarLinks",
    "Disbursement",
    "Generation",
    "Invoice",
    "Mail",
    "Moment",
    "Offer",
    "PayoutHabit",
    "Storage",
    "World",
    "WorstMoment",
    "new_id",
]
"""Money has a module of its own, but belongs to the world."""

ID_ALPHABET = string.ascii_lowercase + string.digits


def new_id(prefix: str, length: int) -> str:
    """An id as AWS makes them, such as `offer-` + 13 characters."""
    return prefix + "".join(secrets.choice(ID_ALPHABET) for _ in range(length))


@dataclass
class Offer:
    """An entity of type `Offer@1.0` in the AWS catalog."""

    id: str
    product_id: str
    state: str = "Draft"
    """`Draft` or `Released`; it never becomes "accepted"."""
    name: str | None = None
    description: str | None = None
    buyer_accounts: list[str] = field(default_factory=list)
    terms: list[dict[str, Any]] = field(default_factory=list)
    availability_end: date | None = None
    replaces_agreement: str | None = None
    renews_agreement: str | None = None
    """Set on an offer that AWS itself made to renew an agreement."""
    country_codes: list[str] = field(default_factory=list)
    """Where a public offer can be accepted; empty for a private one."""
    pre_existing_agreement: dict[str, str] | None = None
    """Set on an offer that renews an earlier purchase: a lower listing fee."""
    revision: int = 1
    released_at: datetime | None = None
    last_modified: datetime | None = None


@dataclass
class Change:
    """One change of a change set, with what AWS found wrong with it."""

    type: str
    name: str | None
    entity_type: str
    entity_id: str | None
    details: dict[str, Any]
    errors: list[dict[str, str]] = field(default_factory=list)


@dataclass
class ChangeSet:
    """A change set: it succeeds or fails as one."""

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
    """As it was sent, to know a repeated request from another one with the same token."""
    works_on: list[str] = field(default_factory=list)
    """The entities it locks while it runs; an offer that it creates by its change, as `$name`."""


@dataclass
class Agreement:
    """A purchase agreement: the only evidence of an acceptance."""

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
    status: str = "ACTIVE"
    last_update: datetime | None = None
    replaces: str | None = None
    """The agreement that this one took the place of, as its amendment or renewal."""
    replaced_by: str | None = None


@dataclass
class CancellationRequest:
    """The seller's wish to cancel an agreement, which the buyer answers or lets pass."""

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

    def close(self, status: str, message: str, now: datetime) -> None:
        """Nobody waits for an answer any more."""
        self.status = status
        self.status_message = message
        self.updated_at = now


@dataclass
class Mail:
    """A message as the mailbox received it."""

    number: int
    received_at: datetime
    sender: str
    recipients: list[str]
    subject: str
    message_id: str
    headers: dict[str, str]
    text: str
    html: str


@dataclass
class ClazarLinks:
    """The only two things a client can write on an offer or contract in Clazar."""

    custom_properties: dict[str, Any] = field(default_factory=dict)
    external_object_associations: dict[str, Any] = field(default_factory=dict)
    written_at: datetime | None = None


Moment = Literal["submitted", "applying", "released", "last-second"]
"""As soon as a change of a released offer is asked for; just before AWS makes it take effect; the
instant of release; and 23:59:59 of the last day."""


@dataclass
class WorstMoment:
    """When a buyer accepts just to be in the way, and what."""

    moment: Moment
    about: str = ""
    """An offer's id, or text in its name or description; empty: whatever is offered."""


@dataclass
class Buyer:
    """How one AWS account behaves towards offers made to it."""

    account: str
    exists: bool = True
    accept_after_days: float | None = None
    """Days from release to acceptance; None: never accepts."""
    answers_cancellation: Literal["approve", "reject"] | None = None
    """What the buyer says to a seller's request to cancel; None: nothing."""
    answers_after_days: float = 1
    """Days from such a request to the answer; after 7 nobody waits for it any more."""
    accepts_at_worst: list[WorstMoment] = field(default_factory=list)


@dataclass
class Generation:
    """How AWS works on change sets.  Times are business minutes from the request."""

    preparing_minutes: float = 5
    """Until AWS has checked a change set: a bad one fails then."""
    minutes: float = 45
    """Until an offer is made."""
    update_minutes: float = 2
    """Until offers that were already released are updated."""
    failures: list[str] = field(default_factory=list)
    """Error codes that the next good change sets fail with, one each: `SERVER_FAULT`, or a code
    such as `INVALID_TAX_INFORMATION` that only AWS can know the reason of."""


@dataclass
class Storage:
    """What there is of S3 besides the objects themselves."""

    buckets: tuple[str, ...] = ("example-offers",)
    """All of them private, and so is the feed's."""
    feed_bucket: str = "example-feed"
    """Where AWS delivers the seller's data feeds; it may be one of the others."""
    feed_prefix: str = ""
    """What stands before the names of the feeds' tables there, with its slash."""
    modified: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """When objects were put, by bucket and key."""
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    """The `Content-Type` that objects were put with, by bucket and key."""
    url: str | None = None
    """Where it listens, once it does: AWS reads contracts there, too."""


class World(Agenda):
    """All that the sandbox knows, and what is going to happen."""

    scale: float = 1
    """Business seconds in one real second: vendors count calls in business time."""
    agreement_lag_minutes: float = 0
    """Business minutes until a search lists an agreement (ASSUMED: that it may lag at all)."""
    product_visibility = "Public"
    """`Draft`, `Limited`, `Public` or `Restricted`."""
    concurrent_agreements = False
    """Whether one account can have several contracts for the product at a time."""
    throttle = True
    """Whether AWS enforces its calls per second and its limits on parallel work."""
    payouts_held_until: datetime | None = None
    """Nothing is paid out before; `transfers.hold` sets it."""
    feed_enabled = True
    """Whether AWS delivers data feeds to the seller's bucket."""
    event_bus: EventBus | None = None
    """Where AWS tells what happens; None: nobody listens."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        seller_account: str = "123456789012",
        product_id: str = "prod-examplesaas01",
        dimensions: tuple[str, ...] = ("platform",),
    ) -> None:
        super().__init__(now)
        self.seller_account = seller_account
        self.product_id = product_id
        self.dimensions = dimensions
        self.payout_currencies: tuple[str, ...] = ("USD", "EUR", "GBP", "AUD", "JPY")
        """The currencies that the seller has told AWS a bank account for."""
        self.offers: dict[str, Offer] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self.agreements: dict[str, Agreement] = {}
        self.cancellation_requests: dict[str, CancellationRequest] = {}
        self.invoices: list[Invoice] = []
        self.withheld: dict[str, list[Callable[[datetime], None]]] = {}
        """By agreement id, the invoices that fell due after it had been replaced."""
        self.ledger = Ledger()
        """All money as AWS's billing events; `disbursements` is AWS's report of them."""
        self.disbursements: list[Disbursement] = []
        self.opportunities: dict[str, dict[str, Any]] = {}
        """Salesforce opportunities by id: their field values, parents as nested dicts, and under
        `_history` every write that came over the API.  `salesforce.records.put_opportunity` checks
        and stamps one, as when a person saves it."""
        self.tasks: dict[str, dict[str, Any]] = {}
        """Salesforce tasks by id, as they were created over the API."""
        self.salesforce = Access("example-salesforce-client", "example-salesforce-secret", 2 * 3600)
        self.salesforce_username = "offers@example.com"
        """The user a JWT bearer assertion may speak for."""
        self.salesforce_public_key: str | None = None
        """PEM; None: the signature of an assertion is not checked."""
        self.salesforce_daily_requests = 100_000
        """API requests allowed in all; past it Salesforce answers REQUEST_LIMIT_EXCEEDED."""
        self.clazar = Access("example-clazar-client", "example-clazar-secret", 24 * 3600)
        self.clazar_delay_minutes: float = 10
        """Business minutes until Clazar shows what happened in AWS."""
        self.clazar_rate_limits = True
        """Whether Clazar enforces its requests per minute."""
        self.clazar_links: dict[str, ClazarLinks] = {}
        """What clients wrote on offers and contracts in Clazar, by AWS offer or agreement id."""
        self.storage = Storage()
        self.objects: dict[tuple[str, str], bytes] = {}
        """What is in S3, by bucket and key."""
        self.mails: list[Mail] = []
        self.buyers: dict[str, Buyer] = {}
        self.payout_habit = PayoutHabit()
        self.payout_habits: dict[str, PayoutHabit] = {}
        """By buyer account, where it differs from `payout_habit`."""
        self.feed = Feed()
        self.generation = Generation()
        self.faults = Faults()
        self.calls: Counter[tuple[str, str]] = Counter()
        """How often each (system, operation) was called, refused and failed calls included."""

    def count(self, system: str, operation: str) -> None:
        """Note that an operation was called."""
        # Raises for one of which nobody has said what it is.
        writes(system, operation)
        self.calls[system, operation] += 1

    @property
    def writes(self) -> int:
        """How many calls meant to change something, refused and failed ones included."""
        return sum(only_writes(self.calls).values())

    def acceptable(self, offer: Offer) -> bool:
        """Whether a buyer could accept this offer now, as far as the offer goes."""
        replaced = self.agreements.get(offer.replaces_agreement or "")
        return (
            offer.state == "Released"
            and (replaced is None or replaced.status == "ACTIVE")
            and offer.availability_end is not None
            and self.now().date() <= offer.availability_end
            and not self.accepted(offer.id)
        )

    def accepted(self, offer_id: str) -> list[Agreement]:
        """The agreements that an offer led to and that AWS has not rolled back."""
        return [
            each
            for each in self.agreements.values()
            if each.offer_id == offer_id and each.status != "ROLLED_BACK"
        ]

    def pending_cancellation(self, agreement_id: str) -> CancellationRequest | None:
        """The request that waits for the buyer's answer; an agreement has at most one."""
        return next(
            (
                each
                for each in self.cancellation_requests.values()
                if each.agreement_id == agreement_id and each.status == "PENDING_APPROVAL"
            ),
            None,
        )
