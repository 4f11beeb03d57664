"""The rows and files that AWS has delivered in its data feeds so far."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class AgreementRevision:
    """One version of a revision of an agreement.  Its fields are the columns of
    `agreementfeed_v1` (AWS: agreements data feed, agreement report)."""

    agreement_id: str
    valid_from: datetime
    """When this revision began; together with the agreement's id it is the key."""
    insert_date: datetime
    update_date: datetime
    offer_id: str
    """AWS's sample queries use this name; its documentation says `offer_revision_at_acceptance`."""
    proposer_account_id: str
    acceptor_account_id: str
    acceptance_time: datetime
    start_time: datetime
    end_time: datetime
    status: str
    intent: str
    """`NEW`, `REPLACE` or `RENEW`."""
    estimated_agreement_value: Decimal
    currency_code: str
    preceding_agreement_id: str | None = None
    status_reason_code: str | None = None
    offer_set_id: str | None = None
    catalog: str = "AWSMarketplace"
    delete_date: datetime | None = None
    """Always empty here."""


@dataclass
class DataFeed:
    """The feeds' files as delivered, independent of later changes of the objects in the bucket."""

    revisions: list[AgreementRevision] = field(default_factory=list)
    """In the order they were written."""
    latest_revisions: dict[str, AgreementRevision] = field(default_factory=dict)
    """The last revision of each agreement, by its id."""
    lines: dict[str, list[str]] = field(default_factory=dict)
    """The lines of each file by its key, header first."""
    delivered_counts: dict[str, int] = field(default_factory=dict)
    """The number of versions delivered, by table."""
    delivered_until: datetime | None = None
    """The instant up to which versions have been delivered."""
