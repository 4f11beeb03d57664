"""The record of one offer: everything that is known of it, in one model."""

import hashlib
from datetime import date, datetime
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, Field

from offers.agreements.agreement import Agreement, CancellationRequest
from offers.agreements.amendment_pricing import AmendmentPricing, OriginalOffer
from offers.agreements.renewal import RenewalSearch
from offers.clock import Clock, end_of_day
from offers.findings import Finding, Severity
from offers.ids import offer_path, revision_reference
from offers.lifecycle.account_confirmation import CODES, AccountConfirmation, AccountLink
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.deal import Deal
from offers.model import FrozenModel
from offers.payouts.forecast import ExpectedPayment
from offers.payouts.model import Payout
from offers.payouts.refund import Refund
from offers.policy.policy import CreationMethod, Policy
from offers.preflight.report import PreflightReport
from offers.stage import Stage, require_transition
from offers.terms.contacts import Contacts, Owner, is_address_of
from offers.terms.terms import OfferTerms

T = TypeVar("T")


class StageEntry(FrozenModel):
    """When a stage was entered, in business time."""

    stage: Stage
    at: AwareDatetime


class Decision(FrozenModel):
    """What somebody decided about an exception."""

    finding: Finding
    deal: Deal
    """As it was shown."""
    approved: bool
    by: str = Field(repr=False)
    """Mail address: personal data."""
    reason: str | None = None
    at: AwareDatetime
    proof: str | None = Field(default=None, repr=False)
    """With whose key it was signed, and what; None: it was not signed."""

    def holds_for(self, deal: Deal) -> bool:
        """Whether it holds for the deal as it is now."""
        if self.approved:
            return not deal.worse_than(self.deal)
        return deal == self.deal


class RecordedRequest(FrozenModel):
    """Something that a person asked of the offer, and that could be done."""

    kind: ActionKind
    by: str | None = Field(default=None, repr=False)
    """Mail address, as they gave it: personal data.  None: they did not say."""
    at: AwareDatetime


LONGEST_REQUESTS = 50
"""How many of them are kept; the workflow's history has all."""


class PreviousRevision(FrozenModel):
    """An earlier offer for the opportunity, as it was when it was given up."""

    number: int
    terms: OfferTerms | None
    findings: tuple[Finding, ...]
    change_set_id: str | None
    offer_id: str | None
    offer_url: str | None = None
    outcome: str
    """Why it was given up."""
    contacts: Contacts | None = None
    owner: Owner | None = None
    buyer_notified: bool = False
    """Whether a mail about it was sent to the buyer, or may have been."""
    ended_at: AwareDatetime


class AgreementEvent(FrozenModel):
    """Something that happened to the agreement and is not a stage."""

    at: AwareDatetime
    description: str


class Amendment(FrozenModel):
    """An amendment of this offer: an agreement-based offer with its own workflow."""

    number: int
    stage: Stage
    """As it was last reported."""
    offer_id: str | None = None
    agreement_id: str | None = None


class NotYetKnown(LookupError):
    """A fact that is known only in a later stage."""


BUILT_IN = Policy()
"""The policy until one is known; a plain default would be copied, part by part, for each record."""


class OfferRecord(BaseModel):
    """One offer's life so far.  Instants are UTC business time.

    Its parts are never changed, but replaced: so a plain copy is a snapshot.
    """

    opportunity_id: str
    amendment: int = 0
    """0 for the opportunity's own offer, otherwise which amendment of it this is."""
    amends: OriginalOffer | None = None
    """For an amendment, the accepted offer that it changes."""
    revision: int = 1
    """Counts the offers made for it: a changed price or buyer is a new one."""
    stage: Stage = Stage.DRAFT
    terms: OfferTerms | None = None
    company: str | None = None
    """The buyer's company; known even where other terms are illegal."""
    opportunity_url: str | None = None
    """Where Salesforce shows the opportunity."""
    contacts: Contacts | None = None
    owner: Owner | None = None
    """Known even where others are not."""
    eula_sha256: str | None = None
    """Of the custom contract that was checked, and approved as it was."""
    policy: Policy = Field(default_factory=lambda: BUILT_IN)
    clock: Clock = Clock()
    method: CreationMethod = CreationMethod.AWS
    findings: tuple[Finding, ...] = ()
    """What preflight, AWS or the comparison found; see `blocking_findings` for what blocks it."""
    changed_by: tuple[str, ...] = Field(default=(), repr=False)
    """Mail addresses of those who asked for other terms than the opportunity's: personal data."""
    decisions: tuple[Decision, ...] = ()
    """What was decided about exceptions, the newest last."""
    requests: tuple[RecordedRequest, ...] = ()
    """What people asked, the newest last."""
    account_link: AccountLink | None = None
    """By which the buyer was asked last to confirm the account."""
    account_confirmation: AccountConfirmation | None = None
    """What the buyer answered last."""
    previous_revisions: tuple[PreviousRevision, ...] = ()
    """The earlier revisions, the oldest first."""
    pricing: AmendmentPricing | None = None
    """Of an amendment."""
    renews: str | None = None
    """The first agreement of the chain that it renews (`initial_agreement_id`)."""
    renewal: RenewalSearch | None = None
    """What was found, before the agreement's end, of an offer that renews this one."""
    change_set_id: str | None = None
    offer_id: str | None = None
    offer_url: str | None = None
    buyer_notified: bool = False
    """Whether a mail about this revision was sent to the buyer, or may have been."""
    agreement: Agreement | None = None
    cancellation: CancellationRequest | None = None
    """Our last request that the buyer let the agreement be cancelled."""
    earlier_amendments: int = 0
    """How many amendments the opportunity had before."""
    amendments: tuple[Amendment, ...] = ()
    """The oldest first; only the last can be open."""
    replaced_by: str | None = None
    """The id of the agreement that took this one's place."""
    agreement_events: tuple[AgreementEvent, ...] = ()
    """The newest last."""
    payout: Payout | None = None
    payout_fingerprint: str | None = None
    """Of the data that `payout` was made from; a sweep reports only what differs."""
    payout_findings: tuple[Finding, ...] = ()
    """What of the payout is not as it was expected, for finance."""
    payouts_paused_on: date | None = None
    """The UTC day on which AWS last said that it pays nothing out for want of valid bank data."""
    expected_payments: tuple[ExpectedPayment, ...] = ()
    """The money still to come, as of when the payout was last looked at."""
    overdue: tuple[ExpectedPayment, ...] = ()
    """What of it was late then."""
    refunds: tuple[Refund, ...] = ()
    """The oldest first."""
    cancel_reason: str | None = None
    attentions: tuple[Attention, ...] = ()
    history: tuple[StageEntry, ...] = ()

    def enter(self, stage: Stage, at: datetime) -> None:
        """Go on to a stage; raises IllegalTransition if the table does not have that step."""
        require_transition(self.stage, stage)
        self.stage = stage
        self.history += (StageEntry(stage=stage, at=at),)

    def apply_report(self, report: PreflightReport) -> None:
        """Take over what preflight found: its fields are among the record's.

        An owner who may not be written to leaves the one before in place.
        """
        owner = report.owner or self.owner
        for name, value in report:
            setattr(self, name, value)
        self.owner = owner

    @property
    def blocking_findings(self) -> tuple[Finding, ...]:
        """What must be corrected or approved before it can go on."""
        if self.stage not in HELD_BY_FINDINGS:
            return ()
        return tuple(
            finding
            for finding in self.findings
            if finding.severity is Severity.REFUSE
            or (finding.severity is Severity.APPROVAL and not self.is_approved(finding))
        )

    @property
    def awaiting_approval(self) -> tuple[Finding, ...]:
        """The exceptions among the obstacles that nobody has decided about.

        None as long as the terms are not legal: what is not complete cannot be approved.
        """
        if self.terms is None:
            return ()
        return tuple(
            finding
            for finding in self.blocking_findings
            if finding.severity is Severity.APPROVAL and self.decision_on(finding) is None
        )

    @property
    def is_account_confirmed(self) -> bool:
        """Whether the buyer has confirmed exactly the accounts of the terms."""
        return (
            self.terms is not None
            and self.account_confirmation is not None
            and self.account_confirmation.confirms(self.terms.buyer_accounts)
        )

    @property
    def can_ask_buyer_again(self) -> bool:
        """Whether the buyer was asked to confirm the account, and the draft still needs that."""
        return (
            self.stage is Stage.DRAFT
            and self.account_link is not None
            and any(finding.code in CODES for finding in self.blocking_findings)
        )

    @property
    def last_decisions(self) -> tuple[Decision, ...]:
        """What was decided last: by one person at one time."""
        if not self.decisions:
            return ()
        last = self.decisions[-1]
        return tuple(each for each in self.decisions if (each.at, each.by) == (last.at, last.by))

    @property
    def deal(self) -> Deal:
        """What approvers are shown; raises NotYetKnown while the terms are not legal."""
        return Deal.of(self.require_terms(), self.contacts, self.eula_sha256)

    def note_change(self, by: str | None) -> None:
        """Put on record who asked for other terms."""
        if by is not None and by not in self.changed_by:
            self.changed_by += (by,)

    def note_request(self, kind: ActionKind, by: str | None, at: datetime) -> None:
        """Put on record what a person asked."""
        request = RecordedRequest(kind=kind, by=by, at=at)
        self.requests = (*self.requests, request)[-LONGEST_REQUESTS:]

    def is_own_deal(self, person: str) -> bool:
        """Whether somebody owns the opportunity, or asked for other terms than it has."""
        owner = (self.owner.owner_email,) if self.owner else ()
        return is_address_of(person, (*owner, *self.changed_by))

    def approval_reference(self, finding: Finding) -> str:
        """By which a person decides about this finding in exactly this deal."""
        shown = f"{finding.reference} {self.deal.digest}"
        return f"{finding.code}:{hashlib.sha256(shown.encode()).hexdigest()[:10]}"

    def refund_named(self, reference: str | None) -> Refund | None:
        """The refund that a decision is about; None: it is about something else."""
        return next((each for each in self.refunds if each.reference == reference), None)

    def set_refund(self, refund: Refund) -> None:
        """Put a refund on record, in the place of what was known of it."""
        others = {each.number: each for each in self.refunds}
        self.refunds = tuple((others | {refund.number: refund}).values())

    def is_approved(self, finding: Finding) -> bool:
        """Whether an exception was approved, and nothing has become worse for the seller since."""
        decision = self.decision_on(finding)
        return decision is not None and decision.approved

    def is_declined(self, finding: Finding) -> bool:
        """Whether an exception was declined, and nothing has changed since."""
        decision = self.decision_on(finding)
        return decision is not None and not decision.approved

    def decision_on(self, finding: Finding) -> Decision | None:
        """What was decided last about an exception, if that holds for the deal as it is now."""
        if self.terms is None:
            return None
        last = next((d for d in reversed(self.decisions) if d.finding.is_same(finding)), None)
        return last if last and last.holds_for(self.deal) else None

    def extend(self, availability_end: date) -> None:
        """The buyer can accept until another last day (UTC)."""
        self.terms = self.require_terms().model_copy(update={"availability_end": availability_end})

    def add_event(self, what: str, at: datetime) -> None:
        """Put something on record that happened to the agreement."""
        self.agreement_events += (AgreementEvent(description=what, at=at),)

    @property
    def last_amendment(self) -> int:
        """The number of the last amendment so far; 0 if there was none."""
        return max(
            self.earlier_amendments, self.amendment, *(each.number for each in self.amendments)
        )

    @property
    def reference(self) -> str:
        """Names this revision in AWS: its change set, its token, and the offer's description."""
        return revision_reference(self.opportunity_id, self.amendment, self.revision)

    @property
    def replaces(self) -> str | None:
        """For an amendment, the id of the agreement that it replaces."""
        return self.amends.agreement.agreement_id if self.amends else None

    @property
    def last_offer_id(self) -> str | None:
        """Its own id, or an earlier revision's: AWS may still show an acceptance of that."""
        ids = [self.offer_id, *(past.offer_id for past in reversed(self.previous_revisions))]
        return next(filter(None, ids), None)

    @property
    def path(self) -> str:
        """The offer's name, and its workflow's without `offer/`."""
        return offer_path(self.opportunity_id, self.amendment)

    def has_been(self, stage: Stage) -> bool:
        """Whether the offer has ever been in a stage, in this or an earlier revision."""
        return any(entry.stage is stage for entry in self.history)

    def start_revision(self, outcome: str, at: datetime) -> None:
        """Begin the next revision; this one stays on record with its outcome."""
        self.previous_revisions += (self.as_previous(outcome, at),)
        self.revision += 1
        self.findings = ()
        self.change_set_id = self.offer_id = self.offer_url = None
        self.agreement = self.payout = self.payout_fingerprint = None
        self.payout_findings, self.expected_payments, self.overdue = (), (), ()
        self.buyer_notified = False

    def restore_revision(self, past: PreviousRevision, agreement: Agreement) -> None:
        """An earlier revision was accepted after all: it is the offer, and this one is given up.

        The count goes on: a number names one request in AWS for ever.
        """
        self.previous_revisions += (
            self.as_previous("given up for an earlier one", agreement.accepted_at),
        )
        self.agreement = agreement
        self.terms, self.findings = past.terms, past.findings
        self.contacts, self.owner = self.contacts or past.contacts, self.owner or past.owner
        self.change_set_id, self.offer_id = past.change_set_id, past.offer_id
        self.offer_url, self.buyer_notified = past.offer_url, past.buyer_notified

    def as_previous(self, outcome: str, at: datetime) -> PreviousRevision:
        """This revision as it stays on record."""
        return PreviousRevision(
            number=self.revision,
            terms=self.terms,
            findings=self.findings,
            change_set_id=self.change_set_id,
            offer_id=self.offer_id,
            offer_url=self.offer_url,
            outcome=outcome,
            contacts=self.contacts,
            owner=self.owner,
            buyer_notified=self.buyer_notified,
            ended_at=at,
        )

    @property
    def stage_since(self) -> datetime:
        """When the last stage began."""
        return self.history[-1].at

    def require_terms(self) -> OfferTerms:
        """The terms; from `submitted` on there are some."""
        return _known(self.terms, "terms")

    def require_contacts(self) -> Contacts:
        """The contacts; from `submitted` on there are some."""
        return _known(self.contacts, "contacts")

    def require_owner(self) -> Owner:
        """Who owns the opportunity; raises NotYetKnown."""
        return _known(self.owner, "owner")

    def require_account_link(self) -> AccountLink:
        """By which the buyer was asked last to confirm the account; raises NotYetKnown."""
        return _known(self.account_link, "link")

    def require_change_set_id(self) -> str:
        """The id of the change set; from `generating` on there is one."""
        return _known(self.change_set_id, "change set")

    def require_offer_id(self) -> str:
        """The offer's id; from the end of `generating` on there is one."""
        return _known(self.offer_id, "offer")

    def require_agreement(self) -> Agreement:
        """The agreement; from `accepted` on there is one."""
        return _known(self.agreement, "agreement")

    def require_payout(self) -> Payout:
        """What has been paid; in `disbursed` there is something."""
        return _known(self.payout, "payout")

    @property
    def expires_at(self) -> datetime | None:
        """The last second in which the buyer can accept."""
        return end_of_day(self.terms.availability_end) if self.terms else None

    @property
    def attention_code(self) -> AttentionCode | None:
        """The code of what has waited longest for a person; None when nothing does."""
        return self.attentions[0].code if self.attentions else None


HELD_BY_FINDINGS = frozenset({Stage.DRAFT, Stage.SUBMITTED, Stage.GENERATING, Stage.FAILED})
"""Stages in which a finding can hold an offer up."""


def _known(value: T | None, name: str) -> T:
    if value is None:
        raise NotYetKnown(f"the offer has no {name} yet")
    return value
