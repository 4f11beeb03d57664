"""Each cause of the diagnosis: when it applies, and beside which others."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from offers.agreements.agreement import (
    Agreement,
    AgreementStatus,
    CancellationReasonCode,
    CancellationRequest,
    CancellationStatus,
    Entitlement,
)
from offers.diagnosis.cause import Explanation, Question
from offers.diagnosis.diagnosis import CAUSES, diagnose
from offers.diagnosis.snapshot import Snapshot, System
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.read_back import PublishedOffer
from offers.lifecycle.record import OfferRecord, PreviousRevision, StageEntry
from offers.lifecycle.summary import OfferSummary
from offers.money import Money
from offers.payouts.forecast import REMEDIES, Step
from offers.payouts.model import InvoicePayout, Payout, Transfer
from offers.payouts.refund import RefundStatus
from offers.policy.payouts import PayoutRules, PayoutSource
from offers.preflight.marketplace import HeldAgreement, ObservedOffer, OpenOffer
from offers.stage import Stage
from tests.support.agreements import accepted_offer
from tests.support.builders import BUYER, CONTACTS, NOW, refund, terms

OFFER = "offer-1234567890123"
AGREEMENT = "agmt-1"
OPPORTUNITY = "0065g00000AbCdEAAV"
OTHER = "444455556666"
POSSIBLE = ("missing-permission", "private-marketplace", "browser")
AFTER = datetime(2026, 4, 3, 12, tzinfo=UTC)
"""After the last day, which is 1 April."""
ACCEPTED = frozenset({Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED})


def usd(amount: str | int) -> Money:
    return Money.of(amount, "USD")


def agreement(status: AgreementStatus = AgreementStatus.ACTIVE, **changes: Any) -> Agreement:
    known: dict[str, Any] = {
        "agreement_id": AGREEMENT,
        "offer_id": OFFER,
        "buyer_account": BUYER,
        "status": status,
        "accepted_at": NOW,
        "starts_at": NOW,
        "ends_at": NOW + timedelta(days=365),
    }
    return Agreement.model_validate(known | changes)


def record(stage: Stage, **changes: Any) -> OfferRecord:
    known: dict[str, Any] = {
        "opportunity_id": OPPORTUNITY,
        "company": "Example Corp",
        "terms": terms(),
        "contacts": CONTACTS,
        "stage": stage,
        "offer_id": None if stage in (Stage.DRAFT, Stage.SUBMITTED) else OFFER,
        "history": [StageEntry(stage=stage, at=NOW)],
        "agreement": agreement() if stage in ACCEPTED else None,
    }
    return OfferRecord.model_validate(known | changes)


def published(**changes: Any) -> PublishedOffer:
    known: dict[str, Any] = {
        "offer_id": OFFER,
        "released": True,
        "buyer_accounts": (BUYER,),
        "availability_end": date(2026, 4, 1),
    }
    return PublishedOffer.model_validate(known | changes)


def snapshot(of: OfferRecord, **changes: Any) -> Snapshot:
    """All systems answer, and agree with the record, unless a test changes something."""
    known: dict[str, Any] = {
        "now": NOW + timedelta(hours=1),
        "summary": OfferSummary.of(of),
        "record": of,
        "offer": published() if of.offer_id else None,
        "agreements": (of.agreement,) if of.agreement else (),
        "in_clazar": ObservedOffer(offer_id=OFFER, linked_to=OPPORTUNITY),
        "reported_payout": of.payout,
        "answered": frozenset(System),
    }
    return Snapshot.model_validate(known | changes)


def shared(**changes: Any) -> Snapshot:
    """An open offer, and the buyer says that they are signed in to its account."""
    return snapshot(record(Stage.SHARED), **({"signed_in_account": BUYER} | changes))


def expired(of: dict[str, Any] | None = None, **changes: Any) -> Snapshot:
    return snapshot(record(Stage.EXPIRED, **(of or {})), **({"now": AFTER} | changes))


def amendment(stage: Stage = Stage.SHARED, **changes: Any) -> Snapshot:
    of = record(stage, amendment=1, amends=accepted_offer())
    changes = {"offer": published(buyer_accounts=()), "amended": agreement()} | changes
    return snapshot(of, **({"signed_in_account": BUYER} | changes))


def waiting(stage: Stage, code: AttentionCode) -> Snapshot:
    attention = Attention(code=code, problem="A problem", remedy="A remedy", since=NOW)
    return snapshot(record(stage, attentions=[attention], offer_id=None))


def held(account: str = BUYER, **changes: Any) -> HeldAgreement:
    known = {"agreement_id": "agmt-2", "offer_id": "offer-2", "account_id": account, "active": True}
    return HeldAgreement.model_validate(known | changes)


def ended(status: AgreementStatus, **changes: Any) -> Snapshot:
    of = record(Stage.TERMINATED, **changes)
    return snapshot(of, agreements=(agreement(status),))


def entitled(status: str, reason: str | None, **changes: Any) -> Snapshot:
    found = Entitlement(agreement_id=AGREEMENT, status=status, reason=reason)
    return snapshot(record(Stage.ACCEPTED), entitlements=(found,), **changes)


def invoice(*transfers: Transfer, **changes: Any) -> InvoicePayout:
    known: dict[str, Any] = {
        "invoice_id": "INV-1",
        "invoiced_on": "2026-03-02",
        "due_on": "2026-04-01",
        "gross": usd(120000),
        "refunded": usd(0),
        "listing_fee": usd(3600),
        "tax": usd(0),
        "transfers": transfers,
    }
    known |= changes
    owed = known["gross"] - known["refunded"] - known["listing_fee"]
    paid = sum((each.amount for each in transfers), usd(0))
    return InvoicePayout.model_validate({"undisbursed": owed - paid} | known)


def transfer(amount: int = 116400, **changes: Any) -> Transfer:
    known = {"on": "2026-05-09", "amount": usd(amount), "bank_trace_id": "TRACE-1"}
    return Transfer.model_validate(known | changes)


def invoiced(*invoices: InvoicePayout, now: datetime, **changes: Any) -> Snapshot:
    payout = Payout(offer_id=OFFER, invoices=invoices)
    of = record(Stage.ACCEPTED, **changes)
    rules = PayoutRules(source=PayoutSource.AWS)
    return snapshot(of, reported_payout=payout, rules=rules, now=now)


def on(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


EARLIER = PreviousRevision(
    number=1,
    terms=terms(),
    findings=(),
    change_set_id="cs-1",
    offer_id="offer-0",
    outcome="amended",
    buyer_notified=True,
    ended_at=NOW,
)
ASKED = CancellationRequest(
    request_id="acr-1",
    agreement_id=AGREEMENT,
    reason_code=CancellationReasonCode.TEST_AGREEMENT,
    status=CancellationStatus.APPROVED,
    updated_at=NOW,
)
FAILED_TRANSFER = transfer(-116400, on="2026-05-10", failed=True)
TWO_CHARGES = terms(
    payment_schedule=[
        {"on": "2026-03-02", "amount": "60000.00"},
        {"on": "2026-04-05", "amount": "60000.00"},
    ]
)

NOT_SEEN: dict[str, tuple[Snapshot, tuple[str, ...], str]] = {
    "held-up": (
        waiting(Stage.FAILED, AttentionCode.OFFER_REJECTED),
        ("held-up", "rejected"),
        "The offer waits for a person: A problem.",
    ),
    "not-created": (
        snapshot(record(Stage.DRAFT)),
        ("not-created",),
        "has not been created in AWS yet",
    ),
    "rejected": (snapshot(record(Stage.FAILED, offer_id=None)), ("rejected",), "did not take"),
    "being-created": (
        snapshot(record(Stage.GENERATING), offer=None, answered=frozenset()),
        ("being-created",),
        "for 1 hour. Usual are about 45 minutes",
    ),
    "not-released": (
        shared(offer=published(released=False)),
        ("not-released",),
        "it is a draft there",
    ),
    "not-in-aws": (shared(offer=None), ("not-in-aws", *POSSIBLE), "does not know"),
    "not-sent": (
        snapshot(record(Stage.LIVE), signed_in_account=BUYER),
        ("not-sent", *POSSIBLE),
        "has not been sent",
    ),
    "replaced": (
        snapshot(
            record(Stage.REPLACED, replaced_by="agmt-9"),
            agreements=(agreement(AgreementStatus.REPLACED),),
        ),
        ("replaced", "accepted-already"),
        "replaced by agmt-9",
    ),
    "accepted-already": (
        snapshot(record(Stage.SHARED), agreements=(agreement(),)),
        ("accepted-already",),
        f"Account {BUYER} accepted the offer on 2 Mar 2026 09:00 UTC",
    ),
    "account-in-offer-differs": (
        shared(offer=published(buyer_accounts=(OTHER,)), signed_in_account=OTHER),
        ("account-in-offer-differs", *POSSIBLE),
        f"({OTHER}) than was asked for ({BUYER})",
    ),
    "account-of-customer": (
        shared(signed_in_account=OTHER, held=(held(OTHER),)),
        ("account-of-customer", *POSSIBLE),
        f"{OTHER}, which has bought from us before",
    ),
    "signed-in-elsewhere": (
        shared(signed_in_account=OTHER, held=(held(BUYER, active=False),)),
        ("signed-in-elsewhere", *POSSIBLE),
        f"signed in to account {OTHER}, and the offer is for {BUYER}",
    ),
    "amendment-for-account": (
        amendment(signed_in_account=OTHER),
        (
            "amendment-for-account",
            "missing-permission",
            "private-marketplace",
            "amendment-not-previewed",
            "browser",
        ),
        f"only in the account of its agreement, {BUYER}",
    ),
    "amended-agreement-ended": (
        amendment(amended=agreement(AgreementStatus.TERMINATED), signed_in_account=None, now=AFTER),
        ("amended-agreement-ended", "expired"),
        "the agreement that it changes is TERMINATED",
    ),
    "withdrawn": (
        snapshot(record(Stage.CANCELLED, cancel_reason="lost"), now=AFTER),
        ("withdrawn",),
        "withdrawn on our side. Reason: lost.",
    ),
    "withdrawn-in-aws": (
        shared(offer=published(availability_end=date(2026, 3, 1))),
        ("withdrawn-in-aws",),
        "its last day there is over",
    ),
    "expired": (expired(), ("expired",), "until 16 Apr 2026 00:59 UTC"),
    "expired-not-extendable": (
        expired({"terms": TWO_CHARGES}),
        ("expired-not-extendable",),
        "cannot be extended: ",
    ),
    "expired-and-closed": (
        expired(is_followed=False),
        ("expired-and-closed",),
        "is not followed any more",
    ),
    "agreement-in-the-way": (
        shared(held=(held(ends_at="2027-01-01T00:00:00Z"),)),
        ("agreement-in-the-way", *POSSIBLE),
        f"Account {BUYER} has an active agreement",
    ),
    "not-in-clazar": (
        shared(in_clazar=None),
        ("not-in-clazar", *POSSIBLE),
        "Clazar does not show the offer yet",
    ),
    "linked-elsewhere": (
        shared(in_clazar=ObservedOffer(offer_id=OFFER, linked_to="0065g00000XXXXXAAA")),
        ("linked-elsewhere", *POSSIBLE),
        "at another Salesforce record",
    ),
    "account-not-known": (
        shared(signed_in_account=None),
        ("account-not-known", *POSSIBLE),
        f"the offer is for {BUYER}. This is the most common cause",
    ),
    "earlier-link": (
        snapshot(record(Stage.SHARED, previous_revisions=[EARLIER]), signed_in_account=BUYER),
        ("earlier-link", *POSSIBLE),
        "an earlier offer, offer-0,",
    ),
    "other-open-offers": (
        shared(
            open_offers=(
                OpenOffer(offer_id="offer-7", buyer_accounts=(BUYER,), availability_end=None),
            )
        ),
        ("other-open-offers", *POSSIBLE),
        "offer-7 can be accepted, too",
    ),
    "missing-permission": (shared(), POSSIBLE, "lack the permission"),
    "private-marketplace": (shared(), POSSIBLE, "private marketplace that does not allow"),
    "amendment-not-previewed": (
        amendment(),
        ("missing-permission", "private-marketplace", "amendment-not-previewed", "browser"),
        "nobody on the seller's side can preview",
    ),
    "browser": (shared(), POSSIBLE, "The buyer's browser"),
}
ENDED: dict[str, tuple[Snapshot, tuple[str, ...], str]] = {
    "invalid-payment-instrument": (
        entitled("FAILED", "INVALID_PAYMENT_INSTRUMENT"),
        ("invalid-payment-instrument",),
        "the payment method of their AWS account is not valid",
    ),
    "incompatible-currency": (
        entitled("FAILED", "INCOMPATIBLE_CURRENCY"),
        ("incompatible-currency",),
        "cannot pay in the currency",
    ),
    "account-suspended": (
        entitled("FAILED", "ACCOUNT_SUSPENDED"),
        ("account-suspended",),
        "is suspended",
    ),
    "product-restricted": (
        entitled("FAILED", "PRODUCT_RESTRICTED"),
        ("product-restricted",),
        "restricted the product",
    ),
    "unsupported-operation": (
        entitled("FAILED", "UNSUPPORTED_OPERATION"),
        ("unsupported-operation",),
        "could not do what the agreement asks for",
    ),
    "entitlement-failed": (
        entitled("FAILED", "A_NEW_REASON"),
        ("entitlement-failed",),
        "could not give the buyer the product",
    ),
    "cancelled-on-request": (
        ended(AgreementStatus.CANCELLED, cancellation=ASKED),
        ("cancelled-on-request",),
        "We asked the buyer",
    ),
    "cancelled-by-buyer": (
        ended(
            AgreementStatus.CANCELLED,
            cancellation=ASKED.model_copy(update={"status": CancellationStatus.REJECTED}),
        ),
        ("cancelled-by-buyer",),
        "The buyer has cancelled the agreement",
    ),
    "terminated-by-aws": (
        ended(AgreementStatus.TERMINATED),
        ("terminated-by-aws",),
        "AWS has terminated the agreement",
    ),
    "rolled-back": (
        snapshot(record(Stage.SHARED), agreements=(agreement(AgreementStatus.ROLLED_BACK),)),
        ("rolled-back",),
        "AWS has undone the acceptance",
    ),
    "provisioning": (
        entitled("PENDING", "PROVISIONING_IN_PROGRESS"),
        ("provisioning",),
        "nothing is cancelled",
    ),
    "starts-later": (
        entitled(
            "SCHEDULED",
            "FUTURE_START_DATE",
            agreements=(agreement(starts_at="2026-05-01T00:00:00Z"),),
        ),
        ("starts-later",),
        "access begins on 1 May 2026",
    ),
}
NOT_PAID: dict[str, tuple[Snapshot, tuple[str, ...], str]] = {
    "not-accepted": (shared(), ("not-accepted",), "there is nothing to pay"),
    "money-not-known": (
        snapshot(record(Stage.ACCEPTED), answered=frozenset(System) - {System.PAYOUTS}),
        ("money-not-known",),
        "is not known",
    ),
    "not-invoiced": (
        snapshot(record(Stage.ACCEPTED)),
        ("not-invoiced",),
        "AWS has not invoiced USD 116,400.00 yet",
    ),
    "not-due": (invoiced(invoice(), now=on(3, 20)), ("not-due",), "of invoice INV-1 are not due"),
    "not-collected": (
        invoiced(invoice(), now=on(4, 5)),
        ("not-collected",),
        "AWS has not collected it",
    ),
    "awaiting-payout": (
        invoiced(invoice(collected_on="2026-04-12"), now=on(4, 20)),
        ("awaiting-payout",),
        "wait for its next payout. It is expected between 8 May 2026 and 13 May 2026",
    ),
    "at-the-bank": (
        invoiced(invoice(collected_on="2026-04-12"), now=on(5, 25)),
        ("at-the-bank",),
        "It is overdue since 16 May 2026",
    ),
    "payouts-paused": (
        invoiced(invoice(collected_on="2026-04-12"), now=on(4, 20), payouts_paused_on="2026-04-15"),
        ("payouts-paused",),
        "for want of valid bank data",
    ),
    "payout-failed": (
        invoiced(invoice(transfer(), FAILED_TRANSFER), now=on(5, 12)),
        ("payout-failed",),
        "of invoice INV-1 on 10 May 2026: USD 116,400.00 are still to come",
    ),
    "payout-reversed": (
        invoiced(invoice(transfer(), transfer(-116400, on="2026-05-11")), now=on(5, 12)),
        ("payout-reversed",),
        "back on 11 May 2026",
    ),
    "agreement-ended": (
        ended(AgreementStatus.TERMINATED),
        ("agreement-ended",),
        "AWS invoices nothing more",
    ),
    "refunded": (
        invoiced(invoice(transfer(112400), refunded=usd(4000)), now=on(6, 1)),
        ("refunded", "paid-out"),
        "USD 4,000.00 of invoice INV-1 went back to the buyer",
    ),
    "refund-under-way": (
        invoiced(invoice(transfer()), now=on(6, 1), refunds=[refund(status=RefundStatus.PENDING)]),
        ("refund-under-way", "paid-out"),
        "is under way (pending)",
    ),
    "paid-out": (
        invoiced(invoice(transfer()), now=on(6, 1)),
        ("paid-out",),
        "USD 116,400.00 of invoice INV-1 out on 9 May 2026, with the bank trace id TRACE-1",
    ),
}
TABLES = {
    Question.NOT_SEEN: NOT_SEEN,
    Question.ENDED_AFTER_ACCEPTANCE: ENDED,
    Question.NOT_PAID: NOT_PAID,
}


def answers(of: Snapshot, question: Question) -> dict[str, Explanation]:
    return {each.code: each for each in diagnose(of) if each.question is question}


@pytest.mark.parametrize(
    ("question", "code"), [(question, code) for question in TABLES for code in TABLES[question]]
)
def test_each_cause(question: Question, code: str) -> None:
    of, expected, sentence = TABLES[question][code]
    found = answers(of, question)
    assert tuple(found) == expected
    assert sentence in found[code].sentence


def test_every_cause_has_a_case_and_a_source() -> None:
    cases = [(question, code) for question in TABLES for code in TABLES[question]]
    assert sorted((each.question, each.code) for each in CAUSES) == sorted(cases)
    for each in CAUSES:
        assert each.source
        assert each.sentence.endswith((".", "{reason}"))
        assert not each.remedy.endswith(".")
        assert not each.customer or each.customer.endswith((".", "?", "#/private-offers"))


def test_no_text_has_a_gap() -> None:
    """What a cause says is filled in everywhere, and spells out no command."""
    for question, table in TABLES.items():
        for of, _, _ in table.values():
            for each in answers(of, question).values():
                texts = (each.sentence, each.evidence, each.remedy, each.customer_text or "")
                for text in texts:
                    assert not re.search(r"[{}]|None|offerflow|\.\.|  ", text), text


# What the account decides -------------------------------------------------------------------------


def test_way_out_of_a_wrong_account() -> None:
    found = answers(shared(signed_in_account=OTHER), Question.NOT_SEEN)["signed-in-elsewhere"]
    (action,) = found.actions
    assert (action.kind, action.terms) == (ActionKind.AMEND, {"buyer_accounts": OTHER})


def test_agreement_of_another_account_is_not_in_the_way() -> None:
    found = answers(shared(held=(held(OTHER), held(active=False))), Question.NOT_SEEN)
    assert tuple(found) == POSSIBLE


def test_contract_that_starts_after_the_other_one_is_not_in_the_way() -> None:
    of = record(Stage.SHARED, terms=terms(starts_on="2026-06-01"))
    other = held(ends_at="2026-06-01T00:00:00Z")
    found = answers(snapshot(of, held=(other,), signed_in_account=BUYER), Question.NOT_SEEN)
    assert tuple(found) == POSSIBLE
    later = held(ends_at="2026-06-02T00:00:00Z")
    found = answers(snapshot(of, held=(later,), signed_in_account=BUYER), Question.NOT_SEEN)
    assert "agreement-in-the-way" in found


OPEN_OFFER = OpenOffer(offer_id="offer-7", buyer_accounts=(BUYER,), availability_end=None)


@pytest.mark.parametrize(
    "of",
    [
        snapshot(record(Stage.DRAFT), agreements=(agreement(),)),
        snapshot(record(Stage.FAILED), agreements=(agreement(),)),
        waiting(Stage.FAILED, AttentionCode.OFFER_REJECTED).model_copy(
            update={"agreements": (agreement(),)}
        ),
        snapshot(record(Stage.GENERATING), agreements=(agreement(),)),
        snapshot(record(Stage.LIVE), agreements=(agreement(),)),
        snapshot(record(Stage.CANCELLED), agreements=(agreement(),)),
        expired(agreements=(agreement(),)),
        amendment(amended=agreement(AgreementStatus.REPLACED), agreements=(agreement(),)),
        snapshot(
            record(Stage.SHARED),
            offer=published(buyer_accounts=(OTHER,)),
            agreements=(agreement(),),
        ),
        shared(held=(held(),), agreements=(agreement(),)),
        shared(open_offers=(OPEN_OFFER,), agreements=(agreement(),)),
    ],
)
def test_acceptance_explains_it_alone(of: Snapshot) -> None:
    assert tuple(answers(of, Question.NOT_SEEN)) == ("accepted-already",)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (snapshot(record(Stage.GENERATING), offer=published(released=False)), ("being-created",)),
        (waiting(Stage.GENERATING, AttentionCode.AWAITING_CLAZAR_OFFER), ("held-up",)),
        (
            waiting(Stage.GENERATING, AttentionCode.PUBLICATION_DELAYED),
            ("being-created",),
        ),
        (shared(offer=published(availability_end=date(2026, 3, 20))), POSSIBLE),
        (shared(in_clazar=None, answered=frozenset(System) - {System.CLAZAR}), POSSIBLE),
        (
            snapshot(
                record(
                    Stage.SHARED,
                    previous_revisions=[EARLIER.model_copy(update={"buyer_notified": False})],
                ),
                signed_in_account=BUYER,
            ),
            POSSIBLE,
        ),
        (expired(open_offers=(OPEN_OFFER,)), ("expired",)),
        (
            amendment(held=(held(agreement_id=AGREEMENT),)),
            ("missing-permission", "private-marketplace", "amendment-not-previewed", "browser"),
        ),
    ],
)
def test_what_is_no_cause(of: Snapshot, expected: tuple[str, ...]) -> None:
    assert tuple(answers(of, Question.NOT_SEEN)) == expected


# Expiry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC), "account-not-known"),
        (datetime(2026, 4, 2, tzinfo=UTC), "expired"),
        (datetime(2026, 4, 16, 0, 59, tzinfo=UTC), "expired"),
        (datetime(2026, 4, 16, 1, tzinfo=UTC), "expired-not-extendable"),
    ],
)
def test_extension_after_the_last_day(now: datetime, expected: str) -> None:
    stage = Stage.SHARED if expected == "account-not-known" else Stage.EXPIRED
    assert next(iter(answers(snapshot(record(stage), now=now), Question.NOT_SEEN))) == expected


def test_offer_whose_expiry_the_workflow_has_not_seen() -> None:
    """While no worker runs it stays in its stage, and can be extended all the same."""
    found = answers(snapshot(record(Stage.SHARED), now=AFTER), Question.NOT_SEEN)
    assert tuple(found) == ("expired",)


@pytest.mark.parametrize(
    ("is_followed", "is_amendment", "kind"),
    [
        (True, False, ActionKind.RECREATE),
        (False, False, ActionKind.START_AGAIN),
        (False, True, ActionKind.AMEND),
    ],
)
def test_only_what_can_be_done_is_proposed(
    is_followed: bool, is_amendment: bool, kind: ActionKind
) -> None:
    amends = {"amendment": 1, "amends": accepted_offer()} if is_amendment else {}
    of = record(Stage.CANCELLED, **amends)
    found = answers(snapshot(of, is_followed=is_followed), Question.NOT_SEEN)
    (action,) = found["withdrawn"].actions
    assert action.kind is kind
    assert is_followed or action.offer == OPPORTUNITY


# What is not known --------------------------------------------------------------------------------


def test_systems_that_do_not_answer_are_not_quoted() -> None:
    of = record(Stage.ACCEPTED)
    silent = snapshot(
        of, record=None, offer=None, agreements=(), in_clazar=None, answered=frozenset()
    )
    (accepted,) = answers(silent, Question.NOT_SEEN).values()
    assert accepted.sentence.startswith("The buyer accepted the offer on 2 Mar 2026 09:00 UTC")
    assert accepted.evidence.startswith(f"Agreement {AGREEMENT}. ")
    assert tuple(answers(silent, Question.NOT_PAID)) == ("money-not-known",)
    shared_silent = snapshot(
        record(Stage.SHARED), record=None, offer=None, in_clazar=None, answered=frozenset()
    )
    assert tuple(answers(shared_silent, Question.NOT_SEEN)) == POSSIBLE
    not_paid = answers(shared_silent, Question.NOT_PAID)["not-accepted"]
    assert not_paid.evidence.startswith("Temporal knows of no agreement")


def test_money_as_the_offer_last_saw_it() -> None:
    payout = Payout(offer_id=OFFER, invoices=(invoice(),))
    of = record(Stage.ACCEPTED, payout=payout)
    found = answers(
        snapshot(of, reported_payout=None, answered=frozenset(), now=on(3, 20)), Question.NOT_PAID
    )
    assert "the payout data does not answer now" in found["not-due"].evidence


def test_failed_payout_that_waits_for_bank_data() -> None:
    of = invoiced(
        invoice(transfer(), FAILED_TRANSFER), now=on(5, 12), payouts_paused_on="2026-05-11"
    )
    assert tuple(answers(of, Question.NOT_PAID)) == ("payout-failed", "payouts-paused")


def test_invoice_that_is_older_than_the_data() -> None:
    """AWS's feed is read for some months only: what the offer saw before still counts."""
    old = invoice(transfer(56400), invoice_id="INV-0", gross=usd(60000), invoiced_on="2025-01-02")
    new = invoice(gross=usd(60000), listing_fee=usd(1800))
    of = invoiced(
        new, now=on(4, 5), payout=Payout(offer_id=OFFER, invoices=(old,)), payout_fingerprint="x"
    )
    assert tuple(answers(of, Question.NOT_PAID)) == ("not-collected", "paid-out")


def test_rolled_back_acceptance_is_none() -> None:
    of = record(Stage.ACCEPTED)
    undone = snapshot(of, agreements=(agreement(AgreementStatus.ROLLED_BACK),))
    assert "accepted-already" not in answers(undone, Question.NOT_SEEN)
    assert tuple(answers(undone, Question.NOT_PAID)) == ("not-accepted",)


# The same sentences as attentions -----------------------------------------------------------------


def test_attention_is_quoted() -> None:
    (each,) = (
        explanation
        for explanation in diagnose(waiting(Stage.DRAFT, AttentionCode.APPROVAL_REQUIRED))
        if explanation.code == "held-up"
    )
    assert (each.sentence, each.remedy) == (
        "The offer waits for a person: A problem.",
        "A remedy",
    )
    assert each.evidence == "Attention approval-required, since 2 Mar 2026 09:00 UTC."
    beside = waiting(Stage.DRAFT, AttentionCode.NOTIFICATION_FAILED)
    assert "held-up" not in answers(beside, Question.NOT_SEEN)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("not-invoiced", Step.INVOICE),
        ("not-due", Step.DUE_DATE),
        ("not-collected", Step.COLLECTION),
        ("awaiting-payout", Step.PAYOUT_CYCLE),
        ("at-the-bank", Step.BANK),
        ("payouts-paused", Step.PAUSED),
    ],
)
def test_payment_has_the_remedy_of_the_attention(code: str, step: Step) -> None:
    of, _, _ = NOT_PAID[code]
    assert answers(of, Question.NOT_PAID)[code].remedy == REMEDIES[step]


@pytest.mark.parametrize("code", NOT_SEEN)
def test_what_is_seen_comes_before_what_is_possible(code: str) -> None:
    certain = [each.certain for each in answers(NOT_SEEN[code][0], Question.NOT_SEEN).values()]
    assert certain == sorted(certain, reverse=True)
