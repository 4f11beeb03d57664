"""The record of one offer: everything that is known of it, in one model."""

from datetime import date, datetime
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, Field

from offers.agreement import Agreement
from offers.clock import Clock, end_of_day
from offers.drafting import Contacts, Draft
from offers.fees import ListingFee, listing_fee
from offers.findings import Finding
from offers.lifecycle import Stage, require_transition
from offers.payouts import Payout
from offers.policy import Policy
from offers.terms import OfferTerms

T = TypeVar("T")


class Attention(BaseModel):
    """Something that waits for a person."""

    code: str
    """A short word, such as `credentials`: the value of the search attribute `OfferAttention`."""
    problem: str
    remedy: str
    since: AwareDatetime


class StageEntry(BaseModel):
    """When a stage was entered, in business time."""

    stage: Stage
    at: AwareDatetime


class NotYetKnown(LookupError):
    """Something was asked of a record that comes later in an offer's life."""


class OfferRecord(BaseModel):
    """One offer's life so far.  Instants are UTC business time."""

    opportunity_id: str
    revision: int = 1
    """Counts the offers made for the opportunity: a changed price or buyer is a new one."""
    stage: Stage = Stage.DRAFT
    terms: OfferTerms | None = None
    contacts: Contacts | None = None
    policy: Policy = Policy()
    clock: Clock = Clock()
    findings: tuple[Finding, ...] = ()
    """Why it does not go on, in `draft` and `failed`."""
    change_set_id: str | None = None
    offer_id: str | None = None
    offer_url: str | None = None
    agreement: Agreement | None = None
    payout: Payout | None = None
    cancel_reason: str | None = None
    attentions: tuple[Attention, ...] = ()
    history: list[StageEntry] = Field(default_factory=list)

    def enter(self, stage: Stage, at: datetime) -> None:
        """Go on to a stage; raises IllegalTransition if the table does not have that step."""
        require_transition(self.stage, stage)
        self.stage = stage
        if stage is Stage.CANCELLED:
            self.findings = ()  # there is nothing left to correct
        self.history.append(StageEntry(stage=stage, at=at))

    def take_draft(self, draft: Draft, policy: Policy, clock: Clock) -> None:
        """Take over a draft with the policy and clock it was made by."""
        self.policy, self.clock = policy, clock
        self.terms, self.contacts, self.findings = draft.terms, draft.contacts, draft.findings

    def extend(self, availability_end: date) -> None:
        """The buyer can accept until another last day (UTC)."""
        self.terms = self.offered.model_copy(update={"availability_end": availability_end})

    def was(self, stage: Stage) -> bool:
        """Whether the offer has ever been in a stage, in this or an earlier revision."""
        return any(entry.stage is stage for entry in self.history)

    def start_over(self) -> None:
        """Begin the next revision: nothing of what AWS made of this one is kept in view."""
        self.revision += 1
        self.findings = ()
        self.change_set_id = self.offer_id = self.offer_url = None
        self.agreement = None

    @property
    def offered(self) -> OfferTerms:
        """The terms; from `submitted` on there are some."""
        return _known(self.terms, "terms")

    @property
    def written_to(self) -> Contacts:
        """The contacts; from `submitted` on there are some."""
        return _known(self.contacts, "contacts")

    @property
    def handed_over(self) -> str:
        """The id of the change set; from `generating` on there is one."""
        return _known(self.change_set_id, "change set")

    @property
    def made(self) -> str:
        """The offer's id; from the end of `generating` on there is one."""
        return _known(self.offer_id, "offer")

    @property
    def paid(self) -> Payout:
        """What has been paid; in `disbursed` there is something."""
        return _known(self.payout, "payout")

    @property
    def expires_at(self) -> datetime | None:
        """The last second in which the buyer can accept."""
        return end_of_day(self.terms.availability_end) if self.terms else None

    @property
    def fee(self) -> ListingFee | None:
        """The expected listing fee."""
        return listing_fee(self.terms.price) if self.terms else None

    @property
    def attention(self) -> str | None:
        """The code of what has waited longest for a person; None when nothing does."""
        return self.attentions[0].code if self.attentions else None


def _known(value: T | None, name: str) -> T:
    if value is None:
        raise NotYetKnown(f"the offer has no {name} yet")
    return value
