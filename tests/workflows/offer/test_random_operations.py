"""Whatever people, buyers and AWS do, and in whatever order: what is promised holds."""

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


class AnyLife(RuleBasedStateMachine):
    """Wishes of people, acts of buyers, doings of AWS, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.environment = AsyncExitStack()

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(what)

    @initialize(
        come=sampled_from(["draft", "shared", "accepted", "amending"]),
        lag=sampled_from([0, 0, 3]),
        instalments=booleans(),
    )
    def begin(self, come: str, lag: float, instalments: bool) -> None:
        """A deal that has come so far without trouble."""
        policy = Path(self.environment.enter_context(TemporaryDirectory())) / "policy.toml"
        # The time-skipping server stands still when a child closes after its parent has closed, so
        # offers that were replaced stay open here.
        policy.write_text('rollback_within = "P366D"\n' + POLICY.read_text())
        harness = self.do(self.environment.enter_async_context(open_harness(policy=policy)))
        self.deal = RandomOperations(harness)
        self.world = world = harness.world
        self.desk, self.id = self.deal.harness.client, self.deal.opportunity_id
        self.do(self.deal.prepare(come, instalments=instalments))
        self.path = self.do(self.deal.paths())[-1]
        world.agreement_lag_minutes = lag

    # People ---------------------------------------------------------------------------------------

    @rule(by=sampled_from(["desk@example.com", "legal@example.com"]))
    def approve(self, by: str) -> None:
        self.do(self.deal.request(self.desk.approve(self.path, ApprovalDecision(by=by))))

    @rule(price=integers(90_000, 130_000))
    def amend(self, price: int) -> None:
        given = {"price": {"amount": str(price), "currency": "USD"}}
        self.do(self.deal.request(self.desk.amend(self.path, TermChanges(terms=given))))

    @rule(name=sampled_from(["Another name", "Yet another"]))
    def rename(self, name: str) -> None:
        changes = TermChanges(terms={"offer_name": name})
        self.do(self.deal.request(self.desk.amend(self.path, changes)))

    @rule(added=integers(0, 20_000))
    def amend_the_agreement(self, added: int) -> None:
        changes = TermChanges(terms={"additional_amount": f"{added} USD"})
        self.do(self.deal.request(self.desk.amend(self.path, changes)))

    @rule(days=integers(-1, 40))
    def extend(self, days: int) -> None:
        until = self.world.now().date() + timedelta(days=days)
        self.do(self.deal.request(self.desk.extend(self.path, Extension(until=until))))

    @rule()
    def cancel(self) -> None:
        self.do(self.deal.request(self.desk.cancel(self.path, "")))

    @rule()
    def request_cancellation(self) -> None:
        wish = CancellationRequestInput(reason_code=CancellationReasonCode.OTHER, message="Please")
        self.do(self.deal.request(self.desk.request_cancellation(self.path, wish)))

    @rule()
    def resume(self) -> None:
        self.do(self.deal.request(self.desk.resume(self.path)))

    @rule()
    def start_again(self) -> None:
        self.do(self.deal.request(self.desk.start(self.id, restart=True)))

    @rule(amendment=booleans())
    def turn_to(self, amendment: bool) -> None:
        """Wishes are about the opportunity's own offer, or about its last amendment."""
        paths = self.do(self.deal.paths())
        self.path = paths[-1] if amendment else self.id

    # Buyers ---------------------------------------------------------------------------------------

    @precondition(lambda self: self.deal.acceptable())
    @rule()
    def accept(self) -> None:
        try:
            accept(self.world, self.deal.acceptable_offers()[0].id, self.deal.harness.account)
        except AcceptanceRefused:
            return
        self.do(self.deal.settle())

    @rule(moment=sampled_from(["submitted", "applying", "released", "last-second"]))
    def accept_at_the_worst_moment(self, moment: Any) -> None:
        accept_when(self.world, self.deal.harness.account, moment)

    # AWS ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.active())
    @rule(what=sampled_from(["roll back", "terminate", "renew", "amend elsewhere"]))
    def happen(self, what: str) -> None:
        agreement = self.active()[0]
        match what:
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
                accept(self.world, offer.id, self.deal.harness.account)

    def active(self) -> list[Any]:
        return [each for each in self.deal.agreements() if each.status == "ACTIVE"]

    @rule(code=sampled_from(["SERVER_FAULT", "INVALID_TAX_INFORMATION"]))
    def fail(self, code: str) -> None:
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
    def be_out_of_order(self, fault: Fault) -> None:
        self.world.faults.waiting.append(
            Fault(fault.system, fault.kind, fault.operation, times=fault.times, status=fault.status)
        )

    @rule(times=integers(1, 2))
    def watch(self, times: int) -> None:
        self.do(self.deal.report(*(self.deal.agreements() * times)))

    # Time -----------------------------------------------------------------------------------------

    @rule(minutes=sampled_from([1, 3, 20, 60]))
    def minutes_pass(self, minutes: float) -> None:
        self.do(self.deal.harness.sleep(timedelta(minutes=minutes)))
        self.do(self.deal.settle())

    @rule(days=sampled_from([1, 5, 31]))
    def days_pass(self, days: int) -> None:
        for _ in range(days * 6):  # the server does not wait for calls that have not begun
            self.do(self.deal.harness.sleep(timedelta(hours=4)))
        self.do(self.deal.settle())

    @precondition(lambda self: self.deal.acceptable())
    @rule(seconds=sampled_from([-40, 40]))
    def the_last_day_ends(self, seconds: float) -> None:
        last_day = self.deal.acceptable_offers()[0].availability_end
        assert last_day is not None
        left = end_of_day(last_day) + timedelta(seconds=seconds) - self.world.now()
        if left > timedelta():
            self.do(self.deal.harness.sleep(left))
        self.do(self.deal.settle())

    @rule()
    def all_is_quiet(self) -> None:
        self.do(self.deal.finish_pending_work())
        self.do(self.deal.check_settled())

    @invariant()
    def nothing_is_acceptable_twice_and_no_mail_is_untrue(self) -> None:
        self.deal.check_aws()

    def teardown(self) -> None:
        try:
            if hasattr(self, "deal"):
                self.world.change_set_processing.failures.clear()
                self.do(self.deal.finish_pending_work())
                self.do(self.deal.check_settled())
        finally:
            if hasattr(self, "deal"):
                self.deal.cancel_requests()
            self.do(self.environment.aclose())
            self.loop.close()


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(
    max_examples=4,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
