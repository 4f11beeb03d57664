"""What every system says of one offer at one time: all that a diagnosis is made from."""

from datetime import date, datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from offers.agreements.agreement import Agreement, AgreementStatus, Entitlement
from offers.clock import end_of_day
from offers.lifecycle import guards
from offers.lifecycle.commands import Extension
from offers.lifecycle.read_back import PublishedOffer
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.summary import OfferSummary, Wait
from offers.model import FrozenModel
from offers.payouts.forecast import ExpectedPayment, forecast
from offers.payouts.model import InvoicePayout, Payout
from offers.policy.payouts import PayoutRules
from offers.preflight.marketplace import HeldAgreement, ObservedOffer, OpenOffer
from offers.stage import Stage

EXTENSION = timedelta(days=7)
"""More time that is tried, to find out whether the offer can be extended at all."""


class System(StrEnum):
    """What is asked for, as people name it."""

    OFFER = "the offer's workflow"
    CATALOG = "the offer in AWS"
    AGREEMENTS = "its agreements in AWS"
    ENTITLEMENTS = "the buyer's entitlements in AWS"
    BUYERS = "the buyer's other offers and agreements in AWS"
    CLAZAR = "the offer in Clazar"
    PAYOUTS = "the payout data"


class Unanswered(FrozenModel):
    """What is not known, because a system could not be asked or did not answer."""

    system: System
    problem: str
    """Without a full stop."""


class Snapshot(FrozenModel):
    """What is known of one offer at one time.  Instants are UTC business time."""

    now: AwareDatetime
    summary: OfferSummary
    """As Temporal keeps it: known also while no worker runs."""
    record: OfferRecord | None = None
    """None: the offer's workflow did not answer."""
    is_followed: bool = True
    """Whether the offer's workflow is open."""
    offer: PublishedOffer | None = None
    """As AWS shows it."""
    agreements: tuple[Agreement, ...] = ()
    """Those of the offer that AWS shows, the active ones first, then the newest."""
    amended: Agreement | None = None
    """For an amendment, the agreement that it changes, as AWS shows it."""
    entitlements: tuple[Entitlement, ...] = ()
    held: tuple[HeldAgreement, ...] = ()
    """The agreements for the product of the offer's accounts, and of the one signed in."""
    open_offers: tuple[OpenOffer, ...] = ()
    """Our other offers that these accounts can accept."""
    in_clazar: ObservedOffer | None = None
    reported_payout: Payout | None = None
    """As the payout data shows it."""
    rules: PayoutRules = PayoutRules()
    signed_in_account: str | None = None
    """The account in which the buyer looks for the offer, as they say."""
    answered: frozenset[System] = frozenset()

    @property
    def today(self) -> date:
        """The UTC day."""
        return self.now.date()

    @property
    def stage(self) -> Stage:
        return self.summary.progress.stage

    @property
    def offer_id(self) -> str | None:
        return self.summary.progress.offer_id

    @property
    def is_amendment(self) -> bool:
        return "/" in self.summary.deal.path

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that can accept the offer; empty if nobody says."""
        if self.offer and self.offer.buyer_accounts:
            return self.offer.buyer_accounts
        if self.amended:
            return (self.amended.buyer_account,)
        terms = self.record.terms if self.record else None
        return terms.buyer_accounts if terms else ()

    @property
    def last_day(self) -> date | None:
        """The last day (UTC) to accept: AWS's, or else as it was asked."""
        shown = self.offer.availability_end if self.offer else None
        return shown or self.summary.deal.last_day

    @property
    def is_over(self) -> bool:
        """Whether the last day is over."""
        return self.last_day is not None and end_of_day(self.last_day) < self.now

    @property
    def agreement(self) -> Agreement | None:
        """The one that proves the acceptance."""
        if self.agreements:
            return next((each for each in self.agreements if each.is_acceptance), None)
        return self.record.agreement if self.record else None

    @property
    def accepted_at(self) -> datetime | None:
        """None: it is not accepted, as far as anybody says."""
        if self.agreement:
            return self.agreement.accepted_at
        return None if self.agreements else self.summary.progress.accepted_at

    @property
    def is_accepted(self) -> bool:
        return self.accepted_at is not None

    @property
    def is_acceptable(self) -> bool:
        """Whether its accounts can accept it now, as far as anybody says."""
        if self.is_accepted or self.is_over or self.stage not in SHOWN:
            return False
        return self.offer is None or self.offer.released

    @property
    def is_signed_in_elsewhere(self) -> bool:
        """Whether the buyer looks for it in an account that it is not for."""
        return bool(self.signed_in_account and self.accounts) and (
            self.signed_in_account not in self.accounts
        )

    @property
    def extendable_until(self) -> datetime | None:
        """Until when an offer whose last day is over can still be extended; None: it cannot be."""
        progress = self.summary.progress
        if not self.is_followed or self.why_not_extendable:
            return None
        if progress.waits_for is Wait.EXTENSION:
            until = progress.waits_until
            return until if until and until > self.now else None
        last_day = self.last_day
        if self.stage not in guards.CAN_BE_ACCEPTED or last_day is None or self.record is None:
            return None
        policy = self.record.policy
        return end_of_day(last_day) + policy.expiry_grace + policy.extend_expired_within

    @property
    def why_not_extendable(self) -> str | None:
        """Why its terms let it not be extended, as far as they are known."""
        if self.record is None:
            return None
        until = self.today + EXTENSION
        reason = guards.why_cannot_extend(self.record, Extension(until=until), self.now, None)
        return str(reason).rstrip(".") if reason else None

    @property
    def payout(self) -> Payout | None:
        """As the payout data shows it, or else as it was when the offer last looked."""
        known = self.summary.payout
        if System.PAYOUTS not in self.answered:
            return known
        if known and self.reported_payout:
            return self.reported_payout.with_older(known, self.rules.begin_on(self.today))
        return self.reported_payout or known

    @property
    def invoices(self) -> tuple[InvoicePayout, ...]:
        return self.payout.invoices if self.payout else ()

    @property
    def is_money_known(self) -> bool:
        """Whether the payout data answered, now or before."""
        return System.PAYOUTS in self.answered or self.payout is not None

    @property
    def has_ended_agreement(self) -> bool:
        """Whether nothing more is invoiced."""
        return self.agreement is not None and self.agreement.status in ENDED

    @property
    def expected_payments(self) -> tuple[ExpectedPayment, ...]:
        """What is still to come."""
        terms = self.summary.deal.payment
        if terms is None or self.accepted_at is None:
            return ()
        return forecast(
            terms,
            self.accepted_at.date(),
            self.payout,
            self.rules,
            today=self.today,
            paused_on=self.summary.money.paused_on,
            ended=self.has_ended_agreement,
        )


SHOWN = frozenset({Stage.LIVE, Stage.SHARED, Stage.EXPIRED})
"""Stages in which the buyer sees the offer, unless its last day is over."""

ENDED = frozenset({AgreementStatus.CANCELLED, AgreementStatus.TERMINATED, AgreementStatus.REPLACED})
