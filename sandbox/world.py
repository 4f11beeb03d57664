"""The state that all simulated systems share."""

import secrets
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sandbox.aws.eventbridge.event_bus import EventBus
from sandbox.billing.data_feed_state import DataFeed
from sandbox.billing.ledger import Ledger
from sandbox.billing.money import Disbursement, Invoice, PayoutSettings
from sandbox.faults import Faults
from sandbox.oauth_client import OAuthClient
from sandbox.operations import is_write, only_writes
from sandbox.scheduler import Scheduler

__all__ = [
    "Agreement",
    "Buyer",
    "CancellationRequest",
    "Change",
    "ChangeSet",
    "ChangeSetProcessing",
    "ClazarLinks",
    "Disbursement",
    "Invoice",
    "Mail",
    "Offer",
    "PayoutSettings",
    "RaceAcceptance",
    "RacePoint",
    "Storage",
    "World",
    "new_id",
]
"""The types of `billing.money` are part of the world and can be imported from here."""

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
    """One change of a change set, with the errors that AWS found in it."""

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
    status: str = "ACTIVE"
    last_update: datetime | None = None
    replaces: str | None = None
    """The agreement that this one amended or renewed."""
    replaced_by: str | None = None


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
        """End the request: it is no longer pending."""
        self.status = status
        self.status_message = message
        self.updated_at = now


@dataclass
class Mail:
    """A message in the mailbox."""

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
    """The only two fields of an offer, contract or buyer that a client can write in Clazar."""

    custom_properties: dict[str, Any] = field(default_factory=dict)
    external_object_associations: dict[str, Any] = field(default_factory=dict)
    written_at: datetime | None = None


RacePoint = Literal["submitted", "applying", "released", "last-second"]
"""Points in time at which an acceptance races with the seller or AWS.

`submitted`: a change of the released offer was requested; `applying`: just before AWS applies that
change; `released`: the instant of release; `last-second`: 23:59:59 UTC of the last day.
"""


@dataclass
class RaceAcceptance:
    """A buyer accepts matching offers at this point."""

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


@dataclass
class Storage:
    """The buckets of S3 and the metadata of their objects."""

    buckets: tuple[str, ...] = ("example-offers",)
    """All of them private, like the feed bucket."""
    feed_bucket: str = "example-feed"
    """Where AWS delivers the seller's data feeds; it may also be one of `buckets`."""
    feed_prefix: str = ""
    """The key prefix of the feed's tables, including its final slash."""
    modified: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Business time of the last PUT, by bucket and key."""
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    """The `Content-Type` that objects were put with, by bucket and key."""
    url: str | None = None
    """The address of the simulated S3, once it listens: AWS reads legal documents there, too."""


class World(Scheduler):
    """The state of all simulated systems, and the scheduled calls that will change it."""

    scale: float = 1
    """Business seconds in one real second: vendors count calls in business time."""
    agreement_lag_minutes: float = 0
    """Business minutes until SearchAgreements lists an agreement (ASSUMED: that there is a lag)."""
    product_visibility = "Public"
    """`Draft`, `Limited`, `Public` or `Restricted`."""
    concurrent_agreements = False
    """Whether one account can have several contracts for the product at a time."""
    throttle = True
    """Whether AWS enforces its rate limits (per business second) and its quotas for change sets."""
    payouts_held_until: datetime | None = None
    """No payout is made before; set by `transfers.hold_payouts`."""
    feed_enabled = True
    """Whether AWS delivers data feeds to the seller's bucket."""
    event_bus: EventBus | None = None
    """Where AWS sends its events; None: it sends none."""

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
        """The currencies for which the seller has a bank account at AWS."""
        self.offers: dict[str, Offer] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self.agreements: dict[str, Agreement] = {}
        self.cancellation_requests: dict[str, CancellationRequest] = {}
        self.invoices: list[Invoice] = []
        self.withheld_invoices: dict[str, list[Callable[[datetime], None]]] = {}
        """By agreement id, the calls that would have issued invoices after it was replaced."""
        self.ledger = Ledger()
        """AWS's billing events; `disbursements` is AWS's report of them."""
        self.disbursements: list[Disbursement] = []
        self.opportunities: dict[str, dict[str, Any]] = {}
        """Salesforce opportunities by id: their field values, parents as nested dicts, and under
        `_history` every write over the API.  `salesforce.records.put_opportunity` checks one and
        sets its timestamps, as when a user saves it."""
        self.tasks: dict[str, dict[str, Any]] = {}
        """Salesforce tasks by id."""
        self.salesforce = OAuthClient(
            "example-salesforce-client", "example-salesforce-secret", 2 * 3600
        )
        self.salesforce_username = "offers@example.com"
        """The user that a JWT bearer assertion may name as its subject."""
        self.salesforce_public_key: str | None = None
        """PEM; None: the signature of an assertion is not checked."""
        self.salesforce_daily_requests = 100_000
        """API requests allowed; after that Salesforce answers REQUEST_LIMIT_EXCEEDED."""
        self.clazar = OAuthClient("example-clazar-client", "example-clazar-secret", 24 * 3600)
        self.clazar_delay_minutes: float = 10
        """Business minutes until Clazar shows a change in AWS."""
        self.clazar_rate_limits = True
        """Whether Clazar enforces its rate limits (per business minute)."""
        self.clazar_links: dict[str, ClazarLinks] = {}
        """The fields that clients wrote in Clazar, by AWS offer, agreement or account id."""
        self.storage = Storage()
        self.objects: dict[tuple[str, str], bytes] = {}
        """The objects in S3, by bucket and key."""
        self.mails: list[Mail] = []
        self.buyers: dict[str, Buyer] = {}
        self.payout_settings = PayoutSettings()
        self.payout_settings_by_account: dict[str, PayoutSettings] = {}
        """By buyer account, where they differ from `payout_settings`."""
        self.feed = DataFeed()
        self.change_set_processing = ChangeSetProcessing()
        self.faults = Faults()
        self.calls: Counter[tuple[str, str]] = Counter()
        """Calls by (system, operation), including those that failed."""

    def count_call(self, system: str, operation: str) -> None:
        """Count a call.  Raises UnclassifiedOperation."""
        is_write(system, operation)
        self.calls[system, operation] += 1

    @property
    def writes(self) -> int:
        """The number of calls of write operations, including those that failed."""
        return sum(only_writes(self.calls).values())

    def acceptable(self, offer: Offer) -> bool:
        """Whether a buyer could accept this offer now, judged by the offer and its agreement."""
        replaced = self.agreements.get(offer.replaces_agreement or "")
        return (
            offer.state == "Released"
            and (replaced is None or replaced.status == "ACTIVE")
            and offer.availability_end is not None
            and self.now().date() <= offer.availability_end
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
        return next(
            (
                each
                for each in self.cancellation_requests.values()
                if each.agreement_id == agreement_id and each.status == "PENDING_APPROVAL"
            ),
            None,
        )
