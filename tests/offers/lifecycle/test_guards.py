"""Which requests an offer accepts in each stage; why others are rejected; what to do instead."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from offers.agreements.agreement import (
    AgreementStatus,
    CancellationReasonCode,
    CancellationRequestInput,
)
from offers.findings import Finding, Severity
from offers.lifecycle import guards
from offers.lifecycle.account_confirmation import AccountConfirmation, AccountLink
from offers.lifecycle.actions import Action
from offers.lifecycle.actions import ActionKind as Kind
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.guards import Reason
from offers.lifecycle.guards import ReasonCode as Code
from offers.lifecycle.record import BUILT_IN, Amendment, OfferRecord
from offers.policy.policy import CreationMethod
from offers.stage import ENDS, TRANSITIONS, Stage
from tests.support.agreements import AFTER_FIRST_INSTALLMENT, accepted_offer, agreement
from tests.support.builders import BUYER, NOW, TODAY, terms
from tests.support.requests import ID, REQUESTS, UNTIL, record, why_cannot_amend
from workflows.offer.change_requests import DECIDED

Expected = tuple[Code, *tuple[Kind, ...]]
OK = None
"""The request is accepted."""
AMEND, CANCEL = Kind.AMEND, Kind.CANCEL
NOT_REVISABLE: Expected = (Code.TERMS_NOT_REVISABLE, AMEND)
REVISE: Expected = (Code.NOT_OPEN_YET, Kind.REVISE)
NOT_OPEN_YET: Expected = (Code.NOT_OPEN_YET,)
ALREADY_ACCEPTED: Expected = (Code.ALREADY_ACCEPTED, AMEND)
REQUEST_CANCELLATION: Expected = (Code.ALREADY_ACCEPTED, Kind.REQUEST_CANCELLATION, AMEND)
NO_AGREEMENT: Expected = (Code.NO_AGREEMENT, CANCEL)
NEVER_ACCEPTED: Expected = (Code.NO_AGREEMENT, Kind.START_AGAIN)
ENDED: Expected = (Code.OFFER_ENDED, Kind.START_AGAIN)
NOTHING: Expected = (Code.NOTHING_TO_CANCEL,)
REPLACED: Expected = (Code.OFFER_REPLACED, Kind.SHOW)
CREATE_AGAIN: Expected = (Code.OFFER_ENDED, Kind.RECREATE)
"""Accepted, except for an amendment: another one may be in progress."""

TABLE: dict[Stage, tuple[Expected | None, ...]] = {
    #                revise  amend  extend  cancel  request
    Stage.DRAFT: (OK, OK, REVISE, OK, NO_AGREEMENT),
    Stage.SUBMITTED: (NOT_REVISABLE, OK, NOT_OPEN_YET, OK, NO_AGREEMENT),
    Stage.GENERATING: (NOT_REVISABLE, OK, NOT_OPEN_YET, OK, NO_AGREEMENT),
    Stage.FAILED: (OK, OK, REVISE, OK, NO_AGREEMENT),
    Stage.LIVE: (NOT_REVISABLE, OK, OK, OK, NO_AGREEMENT),
    Stage.SHARED: (NOT_REVISABLE, OK, OK, OK, NO_AGREEMENT),
    Stage.ACCEPTED: (ALREADY_ACCEPTED, OK, ALREADY_ACCEPTED, REQUEST_CANCELLATION, OK),
    Stage.DISBURSED: (ALREADY_ACCEPTED, OK, ALREADY_ACCEPTED, REQUEST_CANCELLATION, OK),
    Stage.EXPIRED: (NOT_REVISABLE, OK, OK, NOTHING, NEVER_ACCEPTED),
    Stage.CANCELLED: (ENDED, CREATE_AGAIN, ENDED, NOTHING, NEVER_ACCEPTED),
    Stage.REPLACED: (REPLACED, REPLACED, REPLACED, REPLACED, REPLACED),
    Stage.TERMINATED: (ENDED, ENDED, ENDED, NOTHING, ENDED),
}
CASES = [
    (stage, request, expected)
    for stage, row in TABLE.items()
    for request, expected in zip(REQUESTS, row, strict=True)
]


def for_amendment(stage: Stage, expected: Expected) -> Expected:
    """The same for an amendment: the original is amended instead of started again."""
    code, *kinds = expected
    if stage is Stage.TERMINATED and code is Code.OFFER_ENDED:
        return (Code.AGREEMENT_ENDED,)
    instead = {Kind.START_AGAIN: AMEND, Kind.RECREATE: AMEND}
    return (code, *(instead.get(kind, kind) for kind in kinds))


def test_table_has_every_stage() -> None:
    assert list(TABLE) == list(Stage)


@pytest.mark.parametrize(("stage", "request_", "expected"), CASES)
@pytest.mark.parametrize("amendment", [0, 2])
def test_each_request_in_each_stage(
    stage: Stage, request_: str, expected: Expected | None, amendment: int
) -> None:
    amends = accepted_offer() if amendment else None
    offer = record(stage, amendment=amendment, amends=amends)
    reason = REQUESTS[request_](offer)
    if expected is None or (expected is CREATE_AGAIN and not amendment):
        assert reason is None
        return
    if amendment:
        expected = for_amendment(stage, expected)
    assert reason is not None
    assert (reason.code, *(action.kind for action in reason.actions)) == expected
    assert reason.problem.startswith(f"the offer is {stage}: ")
    assert reason.data["stage"] == stage
    original = {ENDED[0], CREATE_AGAIN[0]} | ({Code.NO_AGREEMENT} if stage.is_end else set())
    path = f"{ID}/amendment/3" if expected == REPLACED else offer.path
    if reason.code in original:
        path = ID
    assert all(action.offer == path for action in reason.actions)


@pytest.mark.parametrize("request_", REQUESTS)
def test_replacement_in_aws_is_named(request_: str) -> None:
    reason = REQUESTS[request_](record(Stage.REPLACED, amendments=()))
    assert reason is not None
    assert reason.code is Code.OFFER_REPLACED_IN_AWS
    assert "agreement agmt-2 replaced it" in reason.problem
    assert (reason.data["replaced_by"], reason.actions) == ("agmt-2", ())


def test_open_offers_without_an_agreement_can_be_cancelled() -> None:
    before = {stage for stage in Stage if not stage.is_end} - {Stage.ACCEPTED}
    assert set(Stage) - DECIDED == before
    assert all(Stage.CANCELLED in TRANSITIONS[stage] for stage in before)


# Terms -----------------------------------------------------------------------------------------


def code_and_terms(reason: Reason | None) -> tuple[Code, str | None]:
    assert reason is not None
    return reason.code, reason.data.get("term")


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.FAILED])
def test_revise_needs_an_existing_term(stage: Stage) -> None:
    offer = record(stage)
    assert guards.why_cannot_revise(offer, TermChanges(method=CreationMethod.CLAZAR)) is None
    assert guards.why_cannot_revise(offer, TermChanges(terms={"company": None})) is None
    reason = guards.why_cannot_revise(offer, TermChanges())
    assert code_and_terms(reason) == (Code.NOTHING_GIVEN, None)
    reason = guards.why_cannot_revise(offer, TermChanges(terms={"prize": "1 USD"}))
    assert code_and_terms(reason) == (Code.UNKNOWN_TERM, "prize")
    assert str(reason) == "prize: there is no such term; correct its name"
    for name in ("additional_amount", "unpaid_installments"):
        reason = guards.why_cannot_revise(offer, TermChanges(terms={name: "1 USD"}))
        assert code_and_terms(reason) == (Code.TERM_FOR_AMENDMENTS_ONLY, name)
        assert "give the whole price" in str(reason)
    amendment = record(stage, amends=accepted_offer(), amendment=1)
    drop = TermChanges(terms={"unpaid_installments": "drop"})
    assert guards.why_cannot_revise(amendment, drop) is None
    whole = TermChanges(terms={"price": {"amount": "150000", "currency": "USD"}})
    reason = guards.why_cannot_revise(amendment, whole)
    assert code_and_terms(reason) == (Code.AMENDMENT_PRICE_IS_COMPUTED, "price")
    assert "(additional_amount)" in str(reason)


@pytest.mark.parametrize(
    "stage", sorted(set(TABLE) - {Stage.CANCELLED, Stage.REPLACED, Stage.TERMINATED})
)
def test_amend_needs_an_existing_term(stage: Stage) -> None:
    reason = why_cannot_amend(record(stage), prize="1")
    assert code_and_terms(reason) == (Code.UNKNOWN_TERM, "prize")
    agreed = stage in (Stage.ACCEPTED, Stage.DISBURSED)
    reason = why_cannot_amend(record(stage), unpaid_installments="drop")
    assert (reason is None) == agreed, "instalments are invoiced only for an agreement"
    reason = why_cannot_amend(record(stage))
    assert code_and_terms(reason) == (Code.NOTHING_GIVEN, None)
    kinds = [action.kind for action in reason.actions] if reason else []
    assert kinds == ([] if agreed else [Kind.AMEND, Kind.RECREATE])


@pytest.mark.parametrize("stage", [Stage.ACCEPTED, Stage.DISBURSED])
def test_amend_needs_an_active_agreement_and_no_other_request(
    stage: Stage,
) -> None:
    in_progress = Amendment(number=1, stage=Stage.SHARED)
    busy = guards.why_agreement_is_busy(record(stage), requested=False, open_amendment=in_progress)
    assert busy is not None
    assert why_cannot_amend(record(stage), busy=busy, additional_amount="1 USD") is busy
    over = record(stage, agreement=agreement(status=AgreementStatus.EXPIRED))
    reason = why_cannot_amend(over, additional_amount="1 USD")
    assert reason == Reason(
        code=Code.AGREEMENT_NOT_ACTIVE,
        problem="the agreement is EXPIRED, and only an active one can be amended",
        data={"agreement_status": "EXPIRED"},
    )
    nothing = str(why_cannot_amend(record(stage)))
    fields = ("additional_amount", "unpaid_installments", "dimensions", "agreement_end")
    assert all(name in nothing for name in fields)


def test_renewed_agreement_cannot_be_amended() -> None:
    over = record(Stage.ACCEPTED, agreement=agreement(status=AgreementStatus.RENEWED))
    reason = why_cannot_amend(over, additional_amount="1 USD")
    assert reason is not None
    assert (reason.code, reason.actions) == (Code.AGREEMENT_NOT_ACTIVE, ())
    assert "look for it in AWS" in reason.problem


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"price": {"amount": "0", "currency": "USD"}}, "out of range"),
        ({"price": {"amount": "1.001", "currency": "USD"}}, "smallest unit"),
        ({"price": "110.000 USD"}, "could be 110,000.00 or 110.00"),
        ({"price": {"amount": "110.000", "currency": "USD"}}, "could be 110,000.00 or 110.00"),
        ({"price": "120000"}, "add the currency"),
        ({"payment_schedule": "2026-03-02 60.000"}, "instalment 1: it could be 60,000.00 or 60.00"),
        ({"buyer_accounts": "123"}, "12 digits"),
        ({"availability_end": "2026-03-01"}, "Choose a later day"),
        ({"offer_name": "a <b>"}, "AWS forbids"),
    ],
)
def test_invalid_change_is_rejected_before_the_withdrawal(
    given: dict[str, Any], message: str
) -> None:
    for stage in (Stage.LIVE, Stage.SHARED, Stage.EXPIRED):
        reason = why_cannot_amend(record(stage), **given)
        assert reason is not None
        assert reason.code is Code.CHANGE_INVALID
        assert reason.data["fields"]
        assert message in reason.problem


def test_expired_offer_cannot_only_be_renamed() -> None:
    reason = why_cannot_amend(record(Stage.EXPIRED), offer_name="Another name")
    assert reason is not None
    assert reason.code is Code.OFFER_STAYS_EXPIRED
    assert [action.kind for action in reason.actions] == [Kind.EXTEND, Kind.RECREATE]


def test_requests_during_a_withdrawal_are_rejected() -> None:
    reasons = [
        guards.why_cannot_amend(
            record(stage), TermChanges(terms={"company": "x"}), NOW, withdrawing=True, busy=None
        )
        for stage in (Stage.GENERATING, Stage.SHARED)
    ]
    extension = Extension(until=UNTIL)
    reasons.append(guards.why_cannot_extend(record(Stage.SHARED), extension, NOW, Stage.CANCELLED))
    for reason in reasons:
        assert reason is not None
        assert reason.code is Code.WITHDRAWAL_IN_PROGRESS
        assert [(action.kind, action.offer) for action in reason.actions] == [(Kind.SHOW, ID)]


@pytest.mark.parametrize(
    ("until", "months", "expected", "message"),
    [
        (UNTIL, None, None, ""),
        (date(2026, 4, 1), None, Code.LAST_DAY_NOT_LATER, "the last day to accept is 1 Apr 2026"),
        (date(2026, 3, 20), None, Code.LAST_DAY_NOT_LATER, "amend the offer to choose an earlier"),
        (UNTIL, 24, Code.DURATION_NOT_EDITABLE, "a longer contract needs a new offer"),
        (date(2027, 3, 1), None, Code.CHANGE_INVALID, "a longer contract needs a new offer"),
    ],
)
def test_extension_limits(
    until: date, months: int | None, expected: Code | None, message: str
) -> None:
    extension = Extension(until=until, duration_months=months)
    reason = guards.why_cannot_extend(record(Stage.SHARED), extension, NOW, None)
    assert (reason.code if reason else None) is expected
    assert message in str(reason)
    if expected is Code.LAST_DAY_NOT_LATER:
        assert reason
        assert reason.data == {"last_day": "2026-04-01"}
        later, *earlier = reason.actions
        assert (later.kind, later.terms) == (Kind.EXTEND, {"availability_end": ""})
        earlier_days = [action.terms["availability_end"] for action in earlier]
        assert earlier_days == ([] if until == date(2026, 4, 1) else [until.isoformat()])
    if expected is Code.DURATION_NOT_EDITABLE:
        assert reason
        (action,) = reason.actions
        assert action.kind is Kind.AMEND
        assert action.terms == {"availability_end": "2026-04-10", "duration_months": "24"}


@pytest.mark.parametrize("stage", [Stage.SHARED, Stage.EXPIRED])
@pytest.mark.parametrize("carried", [True, False])
def test_amendment_cannot_be_extended_to_the_next_instalment(stage: Stage, carried: bool) -> None:
    schedule = "2026-09-02 40000; 2027-01-02 40000" if carried else "2026-06-01 80000"
    offer = record(
        stage,
        amendment=1,
        amends=accepted_offer(),
        terms=terms(
            price={"amount": "80000", "currency": "USD"},
            payment_schedule=schedule,
            agreement_end="2027-03-05",
            availability_end="2026-09-01",
        ),
    )
    now = (
        NOW
        + (AFTER_FIRST_INSTALLMENT - TODAY)
        + timedelta(days=95 if stage is Stage.EXPIRED else 0)
    )
    reason = str(
        guards.why_cannot_extend(offer, Extension(until=date(2026, 9, 9)), now, None),
    )
    assert "the instalment of 2 Sep 2026 falls due by then" in reason
    assert "before 2 Sep 2026" in reason


def test_cancellation_request_needs_an_active_agreement_and_no_other_request() -> None:
    offer = record(Stage.ACCEPTED)
    why_cannot_request = guards.why_cannot_request_cancellation
    pending = why_cannot_request(offer, requested=True, open_amendment=None)
    assert pending is not None
    assert pending.code is Code.CANCELLATION_PENDING
    assert "seven days" in pending.problem
    reason = why_cannot_request(
        offer, requested=False, open_amendment=Amendment(number=1, stage=Stage.SHARED)
    )
    assert reason is not None
    assert reason.code is Code.AMENDMENT_IN_PROGRESS
    assert reason.data == {"amendment": "1", "stage": "shared"}
    assert {action.offer for action in reason.actions} == {f"{ID}/amendment/1"}
    assert Kind.CANCEL in [action.kind for action in reason.actions]
    over = record(Stage.ACCEPTED, agreement=agreement(status=AgreementStatus.CANCELLED))
    assert "only an active one can be cancelled" in str(
        why_cannot_request(over, requested=False, open_amendment=None)
    )
    assert guards.why_cannot_cancel(over).code is Code.AGREEMENT_NOT_ACTIVE


@pytest.mark.parametrize("stage", [Stage.ACCEPTED, *sorted(ENDS)])
def test_late_amend_names_the_possible_actions(stage: Stage) -> None:
    reason = guards.why_amended_too_late(record(stage))
    has_accepted = stage in (Stage.ACCEPTED, Stage.DISBURSED)
    assert (reason.code is Code.ACCEPTED_FIRST) == has_accepted
    assert ("the buyer has accepted the offer as it was" in reason.problem) == has_accepted
    assert reason.actions


def test_closing_offer_has_pending_notifications() -> None:
    reason = guards.why_closing(record(Stage.CANCELLED))
    assert reason.code is Code.NOTIFICATIONS_PENDING
    assert [action.kind for action in reason.actions] == [Kind.SHOW]


@pytest.mark.parametrize(
    ("stage", "unknown", "withdraw_to", "code"),
    [
        (Stage.SHARED, False, None, None),
        (Stage.SHARED, False, Stage.DRAFT, Code.WITHDRAWAL_IN_PROGRESS),
        (Stage.SHARED, True, Stage.DRAFT, None),
        (Stage.CANCELLED, True, None, None),
        (Stage.CANCELLED, False, None, Code.NOTHING_TO_RESEND),
    ],
)
def test_resend_sends_what_the_buyer_may_lack(
    stage: Stage, unknown: bool, withdraw_to: Stage | None, code: Code | None
) -> None:
    reason = guards.why_cannot_resend(
        record(stage), delivery_unknown=unknown, withdraw_to=withdraw_to
    )
    assert (reason and reason.code) == code


LINK = AccountLink(
    number=2,
    nonce="0f" * 16,
    accounts=(BUYER,),
    buyer_email="buyer@example.com",
    asked_at=NOW,
    expires_at=NOW + timedelta(days=14),
)
ANSWERED = AccountConfirmation(accounts=(BUYER,), given=(BUYER,), at=NOW, link=2)


@pytest.mark.parametrize(
    ("changes", "nonce", "days", "code"),
    [
        ({}, LINK.nonce, 13, OK),
        ({"account_confirmation": ANSWERED.model_copy(update={"link": 1})}, LINK.nonce, 13, OK),
        ({}, "f0" * 16, 13, Code.LINK_NOT_VALID),
        ({"account_link": None}, LINK.nonce, 13, Code.LINK_NOT_VALID),
        ({"terms": None}, LINK.nonce, 13, Code.LINK_NOT_VALID),
        ({"terms": terms(buyer_accounts="444455556666")}, LINK.nonce, 13, Code.LINK_NOT_VALID),
        ({"account_confirmation": ANSWERED}, LINK.nonce, 13, Code.LINK_USED),
        ({}, LINK.nonce, 14, Code.LINK_EXPIRED),
        ({"stage": Stage.SUBMITTED}, LINK.nonce, 13, Code.NOT_AWAITED),
        ({"stage": Stage.FAILED}, LINK.nonce, 13, Code.NOT_AWAITED),
    ],
)
def test_which_link_confirms_an_account(
    changes: dict[str, Any], nonce: str, days: int, code: Code | None
) -> None:
    draft = record(Stage.DRAFT).model_copy(update={"account_link": LINK} | changes)
    now = NOW + timedelta(days=days)
    reason = guards.why_cannot_confirm_account(draft, nonce, now, None)
    assert (reason and reason.code) == code
    if code is OK:
        withdrawn = guards.why_cannot_confirm_account(draft, nonce, now, Stage.CANCELLED)
        assert withdrawn
        assert withdrawn.code is Code.WITHDRAWAL_IN_PROGRESS


def test_reason_text_and_serialization() -> None:
    reason = guards.why_cannot_cancel(record(Stage.ACCEPTED))
    assert str(reason) == reason.problem
    assert Reason.model_validate_json(reason.model_dump_json()) == reason


@pytest.mark.parametrize(
    ("reason", "why"), [("", "say why"), (" \n", "say why"), ("x" * 2001, "at most 2000")]
)
def test_reason_of_a_decision_is_neither_empty_nor_too_long(reason: str, why: str) -> None:
    decision = ApprovalDecision(by="desk@example.com", reason=reason)
    rejected = guards.why_cannot_decide(record(Stage.DRAFT), decision, approved=False)
    assert rejected is not None
    assert why in rejected.problem


@pytest.mark.parametrize(
    ("message", "why"), [("", "at least 1"), (" ", "is empty"), ("x" * 2001, "at most 2000")]
)
def test_message_to_the_buyer_is_neither_empty_nor_too_long(message: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        CancellationRequestInput(reason_code=CancellationReasonCode.OTHER, message=message)


@pytest.mark.parametrize(
    ("holders", "code"), [([], Code.ROLE_VACANT), (["desk@example.com"], Code.ROLE_MISSING)]
)
def test_who_may_decide_about_an_exception(holders: list[str], code: Code) -> None:
    exception = Finding(
        code="not-annual",
        severity=Severity.APPROVAL,
        field="duration_months",
        problem="24 months",
        remedy="Get it approved",
        role="deal-desk",
    )
    everyone = {role: holders for role in ("deal-desk", "legal") if holders}
    policy = BUILT_IN.model_copy(update={"roles": everyone})
    waiting = record(Stage.DRAFT, findings=(exception,), policy=policy)
    by_other = guards.why_cannot_decide(
        waiting, ApprovalDecision(by="a@example.com"), approved=True
    )
    assert by_other is not None
    assert by_other.code is code
    for each in holders:
        decision = ApprovalDecision(by=each)
        assert guards.why_cannot_decide(waiting, decision, approved=True) is None


# What a reason is about -----------------------------------------------------------------------

EXCEPTION = Finding(
    code="not-annual",
    severity=Severity.APPROVAL,
    field="duration_months",
    problem="24 months",
    remedy="Get it approved",
    role="deal-desk",
)
DESK = "desk@example.com"
WAITING = record(
    Stage.DRAFT,
    findings=(EXCEPTION,),
    policy=BUILT_IN.model_copy(update={"roles": {"deal-desk": (DESK,)}}),
)
REFERENCE = WAITING.approval_reference(EXCEPTION)
NAMELESS = Attention(code=AttentionCode.SIGNAL_REJECTED, problem="p", remedy="r", since=NOW)
BUSY = record(
    Stage.DRAFT,
    attentions=(
        NAMELESS,
        NAMELESS.model_copy(update={"code": AttentionCode.CREDENTIALS_REJECTED}),
    ),
)


def decide(offer: OfferRecord, *, approved: bool = True, **given: Any) -> Reason | None:
    decision = ApprovalDecision(**{"by": DESK, "reason": "It is agreed"} | given)
    return guards.why_cannot_decide(offer, decision, approved=approved)


def amend_without_contacts() -> Reason | None:
    return why_cannot_amend(record(Stage.SHARED, contacts=None), offer_name="Another")


REASONS: dict[Code, tuple[Callable[[], Reason | None], dict[str, str], list[Action]]] = {
    Code.NOTHING_WAITS: (lambda: decide(record(Stage.DRAFT)), {"stage": "draft"}, []),
    Code.FINDING_NOT_WAITING: (
        lambda: decide(WAITING, finding="custom-contract"),
        {"waiting": REFERENCE},
        [Action(kind=Kind.APPROVE, offer=ID, finding=REFERENCE)],
    ),
    Code.DEAL_CHANGED: (
        lambda: decide(WAITING, deal="another"),
        {},
        [Action(kind=Kind.SHOW, offer=ID)],
    ),
    Code.ROLE_VACANT: (
        lambda: decide(WAITING.model_copy(update={"policy": BUILT_IN})),
        {"role": "deal-desk"},
        [],
    ),
    Code.ROLE_MISSING: (lambda: decide(WAITING, by="x@example.com"), {"roles": "deal-desk"}, []),
    Code.OWN_DEAL: (
        lambda: decide(WAITING.model_copy(update={"changed_by": (DESK,)})),
        {"roles": "deal-desk"},
        [],
    ),
    Code.NOTHING_GIVEN: (
        lambda: decide(WAITING, approved=False, reason=""),
        {},
        [Action(kind=Kind.DECLINE, offer=ID)],
    ),
    Code.CHANGE_INVALID: (lambda: decide(WAITING, reason="x" * 2001), {"fields": "reason"}, []),
    Code.ATTENTION_NOT_NAMED: (
        lambda: guards.why_cannot_resolve(BUSY, None),
        {"waiting": "credentials-rejected, signal-rejected"},
        [
            Action(kind=Kind.RESUME, offer=ID, attention=each)
            for each in ("credentials-rejected", "signal-rejected")
        ],
    ),
    Code.NO_OFFER_ID: (
        lambda: guards.why_cannot_link(record(Stage.GENERATING), "1234", awaited=True),
        {},
        [Action(kind=Kind.LINK_OFFER, offer=ID)],
    ),
    Code.NOT_AWAITED: (
        lambda: guards.why_cannot_link(record(Stage.GENERATING), "offer-1", awaited=False),
        {"stage": "generating"},
        [],
    ),
    Code.AMENDMENT_IN_PROGRESS: (
        lambda: guards.why_agreement_is_busy(
            record(Stage.ACCEPTED),
            requested=True,
            open_amendment=Amendment(number=3, stage=Stage.LIVE),
        ),
        {"amendment": "3", "stage": "live"},
        [Action(kind=kind, offer=f"{ID}/amendment/3") for kind in (Kind.SHOW, Kind.CANCEL)],
    ),
    Code.CANCELLATION_PENDING: (
        lambda: guards.why_agreement_is_busy(
            record(Stage.ACCEPTED), requested=True, open_amendment=None
        ),
        {},
        [Action(kind=Kind.SHOW, offer=ID)],
    ),
    Code.ACCEPTED_FIRST: (
        lambda: guards.why_amended_too_late(record(Stage.ACCEPTED)),
        {"stage": "accepted"},
        [Action(kind=Kind.AMEND, offer=ID)],
    ),
    Code.TERM_FOR_AMENDMENTS_ONLY: (
        lambda: why_cannot_amend(record(Stage.SHARED), additional_amount="1 USD"),
        {"term": "additional_amount", "stage": "shared"},
        [],
    ),
    Code.DURATION_NOT_EDITABLE: (
        lambda: guards.why_cannot_extend(
            record(Stage.SHARED), Extension(until=UNTIL, duration_months=24), NOW, None
        ),
        {"duration_months": "24"},
        [
            Action(
                kind=Kind.AMEND,
                offer=ID,
                terms={"availability_end": "2026-04-10", "duration_months": "24"},
            )
        ],
    ),
    Code.NOT_OPEN_YET: (
        lambda: guards.why_cannot_extend(record(Stage.DRAFT), Extension(until=UNTIL), NOW, None),
        {"stage": "draft"},
        [Action(kind=Kind.REVISE, offer=ID, terms={"availability_end": "2026-04-10"})],
    ),
    Code.OFFER_STAYS_EXPIRED: (
        lambda: why_cannot_amend(record(Stage.EXPIRED), offer_name="Another"),
        {"stage": "expired"},
        [
            Action(kind=Kind.EXTEND, offer=ID, terms={"availability_end": ""}),
            Action(kind=Kind.RECREATE, offer=ID),
        ],
    ),
    Code.ALREADY_ACCEPTED: (
        lambda: guards.why_cannot_cancel(record(Stage.ACCEPTED)),
        {"stage": "accepted"},
        [
            Action(
                kind=Kind.REQUEST_CANCELLATION, offer=ID, terms={"reason_code": "", "message": ""}
            ),
            Action(kind=Kind.AMEND, offer=ID),
        ],
    ),
    Code.NO_AGREEMENT: (
        lambda: guards.why_cannot_cancel(record(Stage.ACCEPTED, agreement=None)),
        {"stage": "accepted"},
        [],
    ),
    Code.OFFER_REPLACED: (
        lambda: guards.why_cannot_cancel(record(Stage.REPLACED)),
        {"stage": "replaced", "replaced_by": "agmt-2", "amendment": "3"},
        [Action(kind=Kind.SHOW, offer=f"{ID}/amendment/3")],
    ),
}


@pytest.mark.parametrize("code", REASONS)
def test_reason_has_its_data_and_what_can_be_done(code: Code) -> None:
    ask, data, actions = REASONS[code]
    reason = ask()
    assert reason is not None
    assert (reason.code, reason.data, list(reason.actions)) == (code, data, actions)


def test_decision_is_taken_by_its_code_its_reference_or_without_either() -> None:
    for finding in (None, "not-annual", REFERENCE):
        for approved in (True, False):
            assert decide(WAITING, approved=approved, finding=finding) is None
    own = WAITING.model_copy(update={"changed_by": (DESK,)})
    assert decide(own, approved=False) is None, "nobody may decline their own deal"
    policy = own.policy.model_copy(update={"approve_own_deals": True})
    assert decide(own.model_copy(update={"policy": policy})) is None
    assert decide(WAITING, deal=WAITING.deal.digest) is None
    assert decide(WAITING, approved=False, finding="x").actions == (  # type: ignore[union-attr]
        Action(kind=Kind.DECLINE, offer=ID, finding=REFERENCE),
    )
    assert decide(WAITING, reason="x" * 2000) is None


def test_attention_is_resolved_by_its_code_or_as_the_only_one() -> None:
    assert guards.why_cannot_resolve(BUSY, "signal-rejected") is None
    one = BUSY.model_copy(update={"attentions": BUSY.attentions[:1]})
    assert guards.why_cannot_resolve(one, None) is None
    wrong = guards.why_cannot_resolve(one, "approval-required")
    assert wrong is not None
    assert wrong.problem == "approval-required does not wait; signal-rejected does"
    nothing = guards.why_cannot_resolve(record(Stage.DRAFT), None)
    assert nothing is not None
    assert nothing.code is Code.NOTHING_WAITS


@pytest.mark.parametrize("stage", [Stage.SUBMITTED, Stage.GENERATING])
def test_offer_is_linked_while_it_is_awaited(stage: Stage) -> None:
    assert guards.why_cannot_link(record(stage), "offer-abc", awaited=True) is None
    late = guards.why_cannot_link(record(Stage.LIVE), "offer-abc", awaited=True)
    assert late is not None
    assert late.code is Code.NOT_AWAITED


def test_offer_whose_buyer_is_not_known_is_changed_in_aws() -> None:
    reason = amend_without_contacts()
    assert reason is not None
    assert (reason.code, reason.data) == (Code.CHANGE_INVALID, {"fields": "buyer_email"})
    (finding,) = guards.findings_of_edit(record(Stage.SHARED, contacts=None), {}, NOW)
    assert (finding.code, finding.field) == ("no-contacts", "buyer_email")


def test_fields_of_an_invalid_change_are_named_once() -> None:
    reason = why_cannot_amend(
        record(Stage.SHARED), buyer_accounts="1", net_payment_days=31, buyer_email="nobody"
    )
    assert reason is not None
    assert reason.data == {"fields": "buyer_accounts, net_payment_days"}
    reason = why_cannot_amend(record(Stage.SHARED), buyer_email="nobody")
    assert reason is not None
    assert reason.data == {"fields": "buyer_email"}
