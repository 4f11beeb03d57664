"""What AWS has put into its data feeds so far."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class AgreementRevision:
    """One version of a revision of an agreement.  Its fields are the columns of
    `agreementfeed_v1` (AWS: agreements data feed, agreement report)."""

    agreement_id: str
    valid_from: datetime
    """When this revision began: an agreement and this make the key."""
    insert_date: datetime
    update_date: datetime
    offer_id: str
    """The documentation calls it `offer_revision_at_acceptance`, AWS's queries as it is here."""
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
    """The feeds' files as they are meant, whatever has become of those in the bucket."""

    revisions: list[AgreementRevision] = field(default_factory=list)
    """In the order they were written."""
    latest: dict[str, AgreementRevision] = field(default_factory=dict)
    """The last revision of each agreement, by its id."""
    lines: dict[str, list[str]] = field(default_factory=dict)
    """By key, header first."""
    published: dict[str, int] = field(default_factory=dict)
    """How many versions each table has been told, by its name."""
    until: datetime | None = None
    """Up to when it has been."""
    spoiled: set[str] = field(default_factory=set)
    """Keys of files that were broken on purpose since."""
