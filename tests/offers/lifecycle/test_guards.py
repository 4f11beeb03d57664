"""What can be asked of an offer in which stage, and which command does it where this one cannot."""

import re
import shlex
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import typer.main

import starter
from cli import common
from offers.agreements.agreement import AgreementStatus
from offers.lifecycle import guards
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.record import Amendment, OfferRecord
from offers.policy.policy import CreationMethod
from offers.stage import ENDS, TRANSITIONS, Stage
from tests.support.agreements import LATER, accepted, agreement
from tests.support.builders import NOW, TODAY, terms
from tests.support.builders import facts as opportunity_facts
from workflows.offer.change_requests import DECIDED

ID = "0065g00000AbCdEAAV"
UNTIL = date(2026, 4, 10)
COMMANDS: Any = typer.main.get_command(starter.app)
COMMAND = re.compile(r'starter\.py (\w+)((?: (?:--[\w-]+|0065\S+?(?=[\s;:,)]|$)|\w+=\S+|…|"…"))*)')


def record(stage: Stage, **known: Any) -> OfferRecord:
    """An offer in a stage."""
    agreed = stage in (Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED)
    contacts = {n: v for n, v in opportunity_facts().items() if n.endswith("_email")}
    return OfferRecord.model_validate(
        {
            "opportunity_id": ID,
            "stage": stage,
            "terms": terms(),
            "contacts": contacts,
            "agreement": agreement() if agreed else None,
            "replaced_by": "agmt-2" if stage is Stage.REPLACED else None,
            "amendments": (
                Amendment(number=1, stage=Stage.CANCELLED),
                Amendment(number=3, stage=stage, agreement_id="agmt-2"),
            ),
            **known,
        }
    )


def amending(offer: OfferRecord, busy: str | None = None, **given: Any) -> str | None:
    return guards.why_cannot_amend(offer, TermChanges(terms=given), NOW, stopping=False, busy=busy)


WISHES: dict[str, Callable[[OfferRecord], str | None]] = {
    "revise": lambda offer: guards.why_cannot_revise(
        offer, TermChanges(terms={"company": "Other"})
    ),
    "amend": lambda offer: amending(offer, company="Other"),
    "extend": lambda offer: guards.why_cannot_extend(offer, Extension(until=UNTIL), NOW, None),
    "cancel": lambda offer: guards.why_cannot_cancel(offer) if offer.stage in DECIDED else None,
    "request": lambda offer: guards.why_cannot_request_cancellation(
        offer, asked=False, amending=None
    ),
}

REVISE, AMEND = "starter.py revise {path}", "starter.py amend {path}"
CANCEL, AGAIN = "starter.py cancel {path}", "starter.py start {path} --again"
TAKEN, NOTHING = "starter.py show {id}/amendment/3", "there is nothing to cancel"
ANEW = "made anew"
YES = None
TABLE: dict[Stage, tuple[str | None, ...]] = {
    #                revise  amend  extend          cancel             request
    Stage.DRAFT: (YES, YES, REVISE + " availability_end=2026-04-10", YES, CANCEL),
    Stage.SUBMITTED: (AMEND, YES, "once the buyer can accept it", YES, CANCEL),
    Stage.GENERATING: (AMEND, YES, "once the buyer can accept it", YES, CANCEL),
    Stage.FAILED: (YES, YES, REVISE + " availability_end=2026-04-10", YES, CANCEL),
    Stage.LIVE: (AMEND, YES, YES, YES, CANCEL),
    Stage.SHARED: (AMEND, YES, YES, YES, CANCEL),
    Stage.ACCEPTED: (AMEND, YES, AMEND, CANCEL + " --agreement --reason-code", YES),
    Stage.DISBURSED: (AMEND, YES, AMEND, CANCEL + " --agreement --reason-code", YES),
    Stage.EXPIRED: (AMEND, YES, YES, NOTHING, AGAIN),
    Stage.CANCELLED: (AGAIN, ANEW, AGAIN, NOTHING, AGAIN),
    Stage.REPLACED: (TAKEN, TAKEN, TAKEN, TAKEN, TAKEN),
    Stage.TERMINATED: (AGAIN, AGAIN, AGAIN, NOTHING, AGAIN),
}
CASES = [
    (stage, wish, expected)
    for stage, row in TABLE.items()
    for wish, expected in zip(WISHES, row, strict=True)
]


def check_commands(reason: str) -> None:
    """Every command that a reason names is there, and takes what is named with it."""
    found = COMMAND.findall(reason)
    assert len(found) == reason.count("starter.py"), "a command that cannot be copied"
    for name, words in found:
        arguments = shlex.split(words.replace("--reason-code …", "--reason-code OTHER"))
        context = COMMANDS.commands[name].make_context(name, arguments)
        changes = common.given_changes(None, context.params.get("changes"))
        assert TermChanges(terms=changes).unknown_field(amendment=True) is None


def test_the_table_is_whole() -> None:
    assert list(TABLE) == list(Stage)


@pytest.mark.parametrize(("stage", "wish", "expected"), CASES)
@pytest.mark.parametrize("amendment", [0, 2])
def test_each_wish_in_each_stage_is_granted_or_leads_on(
    stage: Stage, wish: str, expected: str | None, amendment: int
) -> None:
    amends = accepted() if amendment else None
    offer = record(stage, amendment=amendment, amends=amends)
    reason = WISHES[wish](offer)
    if expected is None or (expected is ANEW and not amendment):
        assert reason is None
        return
    if expected is ANEW:  # another amendment may be under way
        expected = AGAIN
    assert reason is not None
    assert f"the offer is {stage}" in reason
    check_commands(reason)
    if expected is AGAIN and amendment:
        expected = {
            Stage.TERMINATED: "its agreement is over, and a new offer needs an opportunity",
        }.get(stage, "starter.py amend {id})")
    assert expected.format(path=offer.path, id=ID) in reason


@pytest.mark.parametrize("wish", WISHES)
def test_what_took_its_place_elsewhere_is_named(wish: str) -> None:
    reason = WISHES[wish](record(Stage.REPLACED, amendments=()))
    assert reason is not None
    assert "agmt-2 took its place" in reason
    assert "starter.py" not in reason


def test_what_has_no_agreement_and_no_end_yet_can_be_cancelled() -> None:
    before = {stage for stage in Stage if not stage.is_end} - {Stage.ACCEPTED}
    assert set(Stage) - DECIDED == before
    assert all(Stage.CANCELLED in TRANSITIONS[stage] for stage in before)


# What is asked ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.FAILED])
def test_a_revision_says_something_that_there_is(stage: Stage) -> None:
    offer = record(stage)
    assert guards.why_cannot_revise(offer, TermChanges(method=CreationMethod.CLAZAR)) is None
    assert guards.why_cannot_revise(offer, TermChanges(terms={"company": None})) is None
    assert "name at least one" in str(guards.why_cannot_revise(offer, TermChanges()))
    reason = guards.why_cannot_revise(offer, TermChanges(terms={"prize": "1 USD"}))
    assert reason == "prize: there is no such term; correct its name"
    for name in ("added", "unpaid"):
        reason = guards.why_cannot_revise(offer, TermChanges(terms={name: "1 USD"}))
        assert (
            reason == f"{name} is for a change of an agreement: now give the whole price (price=…)"
        )
    amendment = record(stage, amends=accepted(), amendment=1)
    assert guards.why_cannot_revise(amendment, TermChanges(terms={"unpaid": "drop"})) is None
    whole = TermChanges(terms={"price": {"amount": "150000", "currency": "USD"}})
    assert "say what is added" in str(guards.why_cannot_revise(amendment, whole))


@pytest.mark.parametrize(
    "stage", sorted(set(TABLE) - {Stage.CANCELLED, Stage.REPLACED, Stage.TERMINATED})
)
def test_an_amendment_names_what_there_is(stage: Stage) -> None:
    assert amending(record(stage), prize="1") == "prize: there is no such term; correct its name"
    agreed = stage in (Stage.ACCEPTED, Stage.DISBURSED)
    reason = amending(record(stage), unpaid="drop")
    assert (reason is None) == agreed, "only an agreement has instalments that are invoiced"


@pytest.mark.parametrize("stage", [Stage.ACCEPTED, Stage.DISBURSED])
def test_an_agreement_is_amended_if_it_is_in_force_and_nothing_else_is_under_way(
    stage: Stage,
) -> None:
    assert amending(record(stage), busy="amendment 1 is under way", added="1 USD") == (
        "amendment 1 is under way"
    )
    over = record(stage, agreement=agreement(status=AgreementStatus.EXPIRED))
    assert "the agreement is EXPIRED, and only an active one can be amended" in str(
        amending(over, added="1 USD")
    )
    nothing = str(amending(record(stage)))
    assert all(name in nothing for name in ("added=", "unpaid=carry", "dimensions"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"price": {"amount": "0", "currency": "USD"}}, "out of range"),
        ({"price": {"amount": "1.001", "currency": "USD"}}, "smallest unit"),
        ({"buyer_accounts": "123"}, "12 digits"),
        ({"availability_end": "2026-03-01"}, "Choose a later day"),
        ({"offer_name": "a <b>"}, "AWS forbids"),
    ],
)
def test_what_is_illegal_is_refused_before_anything_is_withdrawn(
    given: dict[str, Any], said: str
) -> None:
    for stage in (Stage.LIVE, Stage.SHARED, Stage.EXPIRED):
        assert said in str(amending(record(stage), **given))


def test_an_offer_that_is_being_withdrawn_is_left_alone() -> None:
    for stage in (Stage.GENERATING, Stage.SHARED):
        reason = guards.why_cannot_amend(
            record(stage), TermChanges(terms={"company": "x"}), NOW, stopping=True, busy=None
        )
        assert "being withdrawn" in str(reason)
        check_commands(str(reason).replace("starter.py show", f"starter.py show {ID}"))
    extension = Extension(until=UNTIL)
    reason = guards.why_cannot_extend(record(Stage.SHARED), extension, NOW, Stage.CANCELLED)
    assert "being withdrawn" in str(reason)


@pytest.mark.parametrize(
    ("until", "months", "said"),
    [
        (UNTIL, None, None),
        (date(2026, 4, 1), None, "the last day is 2026-04-01 already"),
        (date(2026, 3, 20), None, "availability_end=…"),
        (UNTIL, 24, "no term of its own in this offer"),
        (date(2027, 3, 1), None, "make a new offer that lasts longer with amend"),
    ],
)
def test_an_extension_gives_more_time_and_nothing_else(
    until: date, months: int | None, said: str | None
) -> None:
    extension = Extension(until=until, duration_months=months)
    reason = guards.why_cannot_extend(record(Stage.SHARED), extension, NOW, None)
    assert (reason is None) if said is None else (said in str(reason))
    check_commands(reason or "")


@pytest.mark.parametrize("stage", [Stage.SHARED, Stage.EXPIRED])
@pytest.mark.parametrize("carried", [True, False])
def test_an_amendment_is_not_extended_to_the_next_instalment_of_the_agreement(
    stage: Stage, carried: bool
) -> None:
    schedule = "2026-09-02 40000; 2027-01-02 40000" if carried else "2026-06-01 80000"
    offer = record(
        stage,
        amendment=1,
        amends=accepted(),
        terms=terms(
            price={"amount": "80000", "currency": "USD"},
            payment_schedule=schedule,
            agreement_end="2027-03-05",
            availability_end="2026-09-01",
        ),
    )
    now = NOW + (LATER - TODAY) + timedelta(days=95 if stage is Stage.EXPIRED else 0)
    reason = str(
        guards.why_cannot_extend(offer, Extension(until=date(2026, 9, 9)), now, None),
    )
    assert "the instalment of 2026-09-02 falls due by then" in reason
    assert "before 2026-09-02" in reason


def test_a_buyer_is_asked_once_and_for_one_thing() -> None:
    offer = record(Stage.ACCEPTED)
    ask = guards.why_cannot_request_cancellation
    assert "seven days" in str(ask(offer, asked=True, amending=None))
    under_way = Amendment(number=1, stage=Stage.SHARED)
    assert "amendment 1 is under way: cancel it" in str(ask(offer, asked=False, amending=under_way))
    over = record(Stage.ACCEPTED, agreement=agreement(status=AgreementStatus.CANCELLED))
    assert "only an active one can be cancelled" in str(ask(over, asked=False, amending=None))


@pytest.mark.parametrize("stage", [Stage.ACCEPTED, *sorted(ENDS)])
def test_whoever_came_too_late_is_told_what_is_left(stage: Stage) -> None:
    reason = guards.why_amended_too_late(record(stage))
    check_commands(reason)
    has_accepted = stage in (Stage.ACCEPTED, Stage.DISBURSED)
    assert ("the buyer has accepted the offer as it was" in reason) == has_accepted
    assert "starter.py" in reason
