"""Invariants hold for any operations of people, buyers and AWS, in any order."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import booleans, integers, sampled_from

from offers.agreements.agreement import CancellationReasonCode, CancellationRequestInput
from offers.clock import end_of_day
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from sandbox.faults import Fault
from sandbox.marketplace import agreements
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import AcceptanceRefused, accept
from sandbox.marketplace.race_injection import accept_when
from tests.support.random_operations import RandomOperations
from tests.support.workflow_harness import POLICY, open_harness

T = TypeVar("T")


class RandomOperationsMachine(RuleBasedStateMachine):
    """Requests of people, acceptances, events in AWS, failures, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    @initialize(
        start=sampled_from(["draft", "shared", "accepted", "amending"]),
        lag=sampled_from([0, 0, 3]),
        instalments=booleans(),
    )
    def begin(self, start: str, lag: float, instalments: bool) -> None:
        """Bring an offer to a stage without failures."""
        policy = Path(self.stack.enter_context(TemporaryDirectory())) / "policy.toml"
        # The time-skipping server stops when a child closes after its parent has closed, so
        # replaced offers stay open here.
        policy.write_text('rollback_within = "P366D"\n' + POLICY.read_text())
        harness = self.do(self.stack.enter_async_context(open_harness(policy=policy)))
        self.operations = RandomOperations(harness)
        self.world = world = harness.world
        self.client, self.id = self.operations.harness.client, self.operations.opportunity_id
        self.do(self.operations.prepare(start, instalments=instalments))
        self.path = self.do(self.operations.paths())[-1]
        world.agreement_lag_minutes = lag

    # People ---------------------------------------------------------------------------------------

    @rule(by=sampled_from(["desk@example.com", "legal@example.com"]))
    def approve(self, by: str) -> None:
        self.do(self.operations.request(self.client.approve(self.path, ApprovalDecision(by=by))))

    @rule(price=integers(90_000, 130_000))
    def amend(self, price: int) -> None:
        given = {"price": {"amount": str(price), "currency": "USD"}}
        self.do(self.operations.request(self.client.amend(self.path, TermChanges(terms=given))))

    @rule(name=sampled_from(["Another name", "Yet another"]))
    def rename(self, name: str) -> None:
        changes = TermChanges(terms={"offer_name": name})
        self.do(self.operations.request(self.client.amend(self.path, changes)))

    @rule(added=integers(0, 20_000))
    def amend_the_agreement(self, added: int) -> None:
        changes = TermChanges(terms={"additional_amount": f"{added} USD"})
        self.do(self.operations.request(self.client.amend(self.path, changes)))

    @rule(days=integers(-1, 40))
    def extend(self, days: int) -> None:
        until = self.world.now().date() + timedelta(days=days)
        self.do(self.operations.request(self.client.extend(self.path, Extension(until=until))))

    @rule()
    def cancel(self) -> None:
        self.do(self.operations.request(self.client.cancel(self.path, "")))

    @rule()
    def request_cancellation(self) -> None:
        cancellation = CancellationRequestInput(
            reason_code=CancellationReasonCode.OTHER, message="Please"
        )
        self.do(self.operations.request(self.client.request_cancellation(self.path, cancellation)))

    @rule()
    def resume(self) -> None:
        self.do(self.operations.request(self.client.resume(self.path)))

    @rule()
    def restart(self) -> None:
        self.do(self.operations.request(self.client.start(self.id, restart=True)))

    @rule(amendment=booleans())
    def select(self, amendment: bool) -> None:
        """Send the next requests to the opportunity's own offer, or to its last amendment."""
        paths = self.do(self.operations.paths())
        self.path = paths[-1] if amendment else self.id

    # Buyers ---------------------------------------------------------------------------------------

    @precondition(lambda self: self.operations.acceptable_offers())
    @rule()
    def accept(self) -> None:
        try:
            accept(
                self.world,
                self.operations.acceptable_offers()[0].id,
                self.operations.harness.account,
            )
        except AcceptanceRefused:
            return
        self.do(self.operations.settle())

    @rule(moment=sampled_from(["submitted", "applying", "released", "last-second"]))
    def accept_during_a_change_set(self, moment: Any) -> None:
        accept_when(self.world, self.operations.harness.account, moment)

    # AWS ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.active())
    @rule(change=sampled_from(["roll back", "terminate", "renew", "amend elsewhere"]))
    def change_agreement(self, change: str) -> None:
        agreement = self.active()[0]
        match change:
            case "roll back":
                agreements.roll_back(self.world, agreement)
            case "terminate":
                agreements.end(self.world, agreement, "TERMINATED")
            case "renew":
                agreements.renew(self.world, agreement)
            case "amend elsewhere":
                offer = create_amendment_in_portal(
                    self.world,
                    agreement_id=agreement.id,
                    name="By hand",
                    price=Decimal(1000),
                    end=agreement.end.date(),
                )
                accept(self.world, offer.id, self.operations.harness.account)

    def active(self) -> list[Any]:
        return [each for each in self.operations.agreements() if each.status == "ACTIVE"]

    @rule(code=sampled_from(["SERVER_FAULT", "INVALID_TAX_INFORMATION"]))
    def fail_change_set(self, code: str) -> None:
        self.world.change_set_processing.failures.append(code)

    @rule(
        fault=sampled_from(
            [
                Fault("catalog", "drop_after", "StartChangeSet"),
                Fault("agreement", "status", status=503, times=2),
                Fault("smtp", "status", "DATA", status=451, times=2),
                Fault("salesforce", "status", status=503, times=2),
            ]
        )
    )
    def fail_vendor_call(self, fault: Fault) -> None:
        self.world.faults.waiting.append(
            Fault(fault.system, fault.kind, fault.operation, times=fault.times, status=fault.status)
        )

    @rule(times=integers(1, 2))
    def report_agreements(self, times: int) -> None:
        self.do(self.operations.report(*(self.operations.agreements() * times)))

    # Time -----------------------------------------------------------------------------------------

    @rule(minutes=sampled_from([1, 3, 20, 60]))
    def advance_minutes(self, minutes: float) -> None:
        self.do(self.operations.harness.sleep(timedelta(minutes=minutes)))
        self.do(self.operations.settle())

    @rule(days=sampled_from([1, 5, 31]))
    def advance_days(self, days: int) -> None:
        for _ in range(days * 6):  # the server does not wait for calls that have not begun
            self.do(self.operations.harness.sleep(timedelta(hours=4)))
        self.do(self.operations.settle())

    @precondition(lambda self: self.operations.acceptable_offers())
    @rule(seconds=sampled_from([-40, 40]))
    def advance_to_the_end_of_the_last_day(self, seconds: float) -> None:
        last_day = self.operations.acceptable_offers()[0].availability_end
        assert last_day is not None
        left = end_of_day(last_day) + timedelta(seconds=seconds) - self.world.now()
        if left > timedelta():
            self.do(self.operations.harness.sleep(left))
        self.do(self.operations.settle())

    @rule()
    def finish_pending_work(self) -> None:
        self.do(self.operations.finish_pending_work())
        self.do(self.operations.check_settled())

    @invariant()
    def one_acceptable_offer_and_correct_mails(self) -> None:
        self.operations.check_aws()

    def teardown(self) -> None:
        try:
            if hasattr(self, "operations"):
                self.world.change_set_processing.failures.clear()
                self.do(self.operations.finish_pending_work())
                self.do(self.operations.check_settled())
        finally:
            if hasattr(self, "operations"):
                self.operations.cancel_requests()
            self.do(self.stack.aclose())
            self.loop.close()


TestRandomOperations = RandomOperationsMachine.TestCase
TestRandomOperations.settings = settings(
    max_examples=4,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
