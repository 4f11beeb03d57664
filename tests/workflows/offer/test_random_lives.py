"""Invariants hold for any operations of people, buyers and AWS, in any order.

`make soak` runs hundreds of such lives.
"""

from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support.continue_as_new import continue_as_new_always
from tests.support.long_tests import with_long
from tests.support.random_life import OPERATIONS, RandomLife, write_policy
from tests.support.workflow_harness import open_harness

STEPS = 14

REQUIRED = {
    ("draft", "one run"): (
        "approve", "decline", "revise the price", "resume", "fail a change set: SERVER_FAULT",
    ),
    ("draft", "continued"): (
        "cancel", "restart", "fail a change set: INVALID_TAX_INFORMATION",
        "lose an answer: catalog", "select the offer",
    ),
    ("shared", "one run"): (
        "amend the price", "rename", "extend", "fail: smtp", "advance to the last second",
    ),
    ("shared", "continued"): (
        "change the last day", "accept during a change set", "resend", "advance some minutes",
        "accept",
    ),
    ("accepted", "one run"): (
        "request cancellation", "roll back", "report the agreements", "fail: agreement",
    ),
    ("accepted", "continued"): (
        "amend the agreement", "let expire", "report the agreements twice", "advance some days",
    ),
    ("amending", "one run"): (
        "select the last amendment", "renew", "amend elsewhere", "fail: salesforce",
    ),
    ("amending", "continued"): ("terminate", "finish pending work"),
}  # fmt: skip
"""By life, the operations that are performed in it at least once."""


def test_each_operation_is_performed() -> None:
    assert sorted(name for names in REQUIRED.values() for name in names) == sorted(OPERATIONS)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "life_of",
    with_long(REQUIRED, short=[("shared", "one run"), ("accepted", "continued")]),
    ids="-".join,
)
async def test_random_life(life_of: tuple[str, str], tmp_path: Path) -> None:
    start, runs = life_of
    with continue_as_new_always() if runs == "continued" else nullcontext():
        async with open_harness(policy=write_policy(tmp_path)) as harness:
            life = RandomLife(harness, seed=start)
            try:
                await life.prepare(start)
                await life.live(STEPS, REQUIRED[start, runs])
                await life.finish()
            finally:
                print(life.performed)
                life.operations.cancel_requests()
