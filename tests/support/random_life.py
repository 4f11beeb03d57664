"""One offer's life in which people, buyers, AWS, vendors' failures and time do anything, in any
order.  The same seed chooses the same operations as long as the offers do the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

from offers.agreements.agreement import CancellationReasonCode, CancellationRequestInput
from offers.clock import end_of_day
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from sandbox.aws.marketplace_state import Agreement, RacePoint
from sandbox.faults import Fault
from sandbox.marketplace import agreements
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import AcceptanceRefused, accept
from sandbox.marketplace.race_injection import accept_when
from tests.support.random_operations import RandomOperations
from tests.support.workflow_harness import POLICY, WorkflowHarness

STARTS = ("draft", "shared", "accepted", "amending")


class Operation(NamedTuple):
    """Something that happens to the offer."""

    perform: Callable[[RandomLife], Awaitable[None]]
    is_possible: Callable[[RandomLife], bool]


OPERATIONS: dict[str, Operation] = {}
"""By name."""


def always(_life: RandomLife) -> bool:
    return True


def can_be_accepted(life: RandomLife) -> bool:
    return bool(life.operations.acceptable_offers())


def is_agreed(life: RandomLife) -> bool:
    return bool(life.active_agreements())


def operation(
    *names: str, when: Callable[[RandomLife], bool] = always
) -> Callable[[Callable[[RandomLife, str], Awaitable[None]]], None]:
    """Register a method under some names; it is called with the name."""

    def register(method: Callable[[RandomLife, str], Awaitable[None]]) -> None:
        for name in names:

            async def perform(life: RandomLife, name: str = name) -> None:
                await method(life, name)

            OPERATIONS[name] = Operation(perform, when)

    return register


def write_policy(folder: Path) -> Path:
    """The policy of random lives.

    The time-skipping server stops when a child closes after its parent has closed, so replaced
    offers stay open.
    """
    policy = folder / "policy.toml"
    policy.write_text(
        'rollback_within = "P366D"\n' + POLICY.read_text(encoding="utf-8"), encoding="utf-8"
    )
    return policy


class RandomLife:
    """The offer of a harness, and the choices."""

    def __init__(self, harness: WorkflowHarness, seed: int | str) -> None:
        self.random = Random(seed)  # noqa: S311
        self.operations = RandomOperations(harness)
        self.harness, self.world, self.client = harness, harness.world, harness.client
        self.performed: list[str] = []
        self.path = self.operations.opportunity_id

    async def prepare(self, start: str) -> None:
        """Bring the offer to where its life begins, without failures."""
        await self.operations.prepare(start, instalments=self.random.random() < 0.5)
        self.path = (await self.operations.paths())[-1]
        self.world.aws.agreement_lag_minutes = self.random.choice([0, 0, 3])

    async def live(self, steps: int, required: Collection[str] = ()) -> None:
        """Perform so many operations, those that are required among them; check after each."""
        missing = set(required)
        while len(self.performed) < steps or missing:
            assert len(self.performed) < 5 * steps, f"never possible: {missing}"
            possible = [name for name, each in OPERATIONS.items() if each.is_possible(self)]
            wanted = [name for name in possible if name in missing]
            name = self.random.choice(wanted if wanted and self.flip() else possible)
            await self.perform(name)
            missing.discard(name)

    async def perform(self, name: str) -> None:
        """Perform an operation, and check what must hold at every time."""
        self.performed.append(name)
        await OPERATIONS[name].perform(self)
        self.operations.check_aws()

    async def finish(self) -> None:
        """Let everything come to rest, and check what must hold then."""
        self.world.aws.change_set_processing.failures.clear()
        await self.operations.finish_pending_work()
        await self.operations.check_settled()

    def flip(self) -> bool:
        """One or the other."""
        return self.random.random() < 0.5

    def active_agreements(self) -> list[Agreement]:
        """AWS's agreements with the buyer that are in force."""
        return [each for each in self.operations.agreements() if each.status == "ACTIVE"]

    # People ---------------------------------------------------------------------------------------

    @operation("approve", "decline")
    async def decide(self, name: str) -> None:
        """Approve or decline what waits."""
        by = self.random.choice(["desk@example.com", "legal@example.com"])
        decision = ApprovalDecision(by=by, reason="random")
        decide = self.client.approve if name == "approve" else self.client.decline
        await self.operations.request(decide(self.path, decision))

    @operation("amend the price", "revise the price")
    async def change_price(self, name: str) -> None:
        """Ask for another price."""
        price = {"amount": str(self.random.randint(90_000, 130_000)), "currency": "USD"}
        change = self.client.amend if name == "amend the price" else self.client.revise
        await self.operations.request(change(self.path, TermChanges(terms={"price": price})))

    @operation("rename")
    async def rename(self, _: str) -> None:
        """Ask for another name."""
        terms = {"offer_name": self.random.choice(["Another name", "Yet another"])}
        await self.operations.request(self.client.amend(self.path, TermChanges(terms=terms)))

    @operation("change the last day")
    async def change_last_day(self, _: str) -> None:
        """Ask for another last day by an amendment."""
        until = self.world.now().date() + timedelta(days=self.random.randint(1, 40))
        changes = TermChanges(terms={"availability_end": str(until)})
        await self.operations.request(self.client.amend(self.path, changes))

    @operation("amend the agreement")
    async def amend_the_agreement(self, _: str) -> None:
        """Ask for an agreement-based offer."""
        added = f"{self.random.randint(0, 20_000)} USD"
        changes = TermChanges(terms={"additional_amount": added})
        await self.operations.request(self.client.amend(self.path, changes))

    @operation("extend")
    async def extend(self, _: str) -> None:
        """Give the buyer more time."""
        until = self.world.now().date() + timedelta(days=self.random.randint(-1, 40))
        await self.operations.request(self.client.extend(self.path, Extension(until=until)))

    @operation("cancel")
    async def cancel(self, _: str) -> None:
        """Cancel."""
        await self.operations.request(self.client.cancel(self.path, ""))

    @operation("request cancellation", when=is_agreed)
    async def request_cancellation(self, _: str) -> None:
        """Ask the buyer to agree to the agreement's cancellation."""
        request = CancellationRequestInput(
            reason_code=CancellationReasonCode.OTHER, message="Please"
        )
        await self.operations.request(self.client.request_cancellation(self.path, request))

    @operation("resume")
    async def resume(self, _: str) -> None:
        """Resolve whatever waits."""
        await self.operations.request(self.client.resume(self.path))

    @operation("resend")
    async def resend(self, _: str) -> None:
        """Write to the buyer again."""
        await self.operations.request(self.client.resend(self.path))

    @operation("restart")
    async def restart(self, _: str) -> None:
        """Start another offer for the opportunity."""
        opportunity = self.operations.opportunity_id
        await self.operations.request(self.client.start(opportunity, restart=True))

    @operation("select the offer", "select the last amendment")
    async def select(self, name: str) -> None:
        """Send the next requests there."""
        paths = await self.operations.paths()
        self.path = paths[0] if name == "select the offer" else paths[-1]

    # Buyers ---------------------------------------------------------------------------------------

    @operation("accept", when=can_be_accepted)
    async def accept(self, _: str) -> None:
        """The buyer accepts."""
        offer = self.operations.acceptable_offers()[0]
        try:
            accept(self.world, offer.id, self.harness.account)
        except AcceptanceRefused:
            return
        await self.operations.settle()

    @operation("accept during a change set")
    async def accept_during_a_change_set(self, _: str) -> None:
        """The buyer will accept while AWS changes something."""
        moments: list[RacePoint] = ["submitted", "applying", "released", "last-second"]
        accept_when(self.world, self.harness.account, self.random.choice(moments))

    # AWS ------------------------------------------------------------------------------------------

    @operation("roll back", when=is_agreed)
    async def roll_back(self, _: str) -> None:
        """AWS undoes an acceptance."""
        agreements.roll_back(self.world, self.active_agreements()[0])

    @operation("terminate", "let expire", when=is_agreed)
    async def end(self, name: str) -> None:
        """The agreement ends."""
        status = "TERMINATED" if name == "terminate" else "EXPIRED"
        agreements.end(self.world, self.active_agreements()[0], status)

    @operation("renew", when=is_agreed)
    async def renew(self, _: str) -> None:
        """AWS renews the agreement."""
        agreements.renew(self.world, self.active_agreements()[0])

    @operation("amend elsewhere", when=is_agreed)
    async def amend_elsewhere(self, _: str) -> None:
        """The agreement is replaced by an offer that somebody made in the portal."""
        agreement = self.active_agreements()[0]
        offer = create_amendment_in_portal(
            self.world,
            agreement_id=agreement.id,
            name="By hand",
            price=Decimal(1000),
            end=agreement.end.date(),
        )
        with suppress(AcceptanceRefused):  # the buyer accepted it during the change set
            accept(self.world, offer.id, self.harness.account)

    @operation("report the agreements", "report the agreements twice")
    async def report_agreements(self, name: str) -> None:
        """The watch signals what AWS's feed shows."""
        times = 2 if name.endswith("twice") else 1
        await self.operations.report(*(self.operations.agreements() * times))

    # Failures -------------------------------------------------------------------------------------

    @operation("fail a change set: SERVER_FAULT", "fail a change set: INVALID_TAX_INFORMATION")
    async def fail_change_set(self, name: str) -> None:
        """AWS will reject the next change set."""
        self.world.aws.change_set_processing.failures.append(name.partition(": ")[2])

    @operation("lose an answer: catalog", "fail: agreement", "fail: smtp", "fail: salesforce")
    async def fail_vendor_call(self, name: str) -> None:
        """A vendor will fail."""
        fault = {
            "catalog": Fault("catalog", "drop_after", "StartChangeSet"),
            "agreement": Fault("agreement", "status", status=503, times=2),
            "smtp": Fault("smtp", "status", "DATA", status=451, times=2),
            "salesforce": Fault("salesforce", "status", status=503, times=2),
        }[name.partition(": ")[2]]
        self.world.faults.waiting.append(fault)

    # Time -----------------------------------------------------------------------------------------

    @operation("advance some minutes")
    async def advance_minutes(self, _: str) -> None:
        """Some minutes pass."""
        await self.harness.sleep(timedelta(minutes=self.random.choice([1, 3, 20, 60])))
        await self.operations.settle()

    @operation("advance some days")
    async def advance_days(self, _: str) -> None:
        """Some days pass."""
        for _step in range(self.random.choice([1, 5, 31]) * 6):
            # The server does not wait for calls that have not begun.
            await self.harness.sleep(timedelta(hours=4))
        await self.operations.settle()

    @operation("advance to the last second", when=can_be_accepted)
    async def advance_to_the_last_second(self, _: str) -> None:
        """The last day to accept is about to be over, or has just been."""
        last_day = self.operations.acceptable_offers()[0].availability_end
        assert last_day is not None
        moment = end_of_day(last_day) + timedelta(seconds=self.random.choice([-40, 40]))
        if (left := moment - self.world.now()) > timedelta():
            await self.harness.sleep(left)
        await self.operations.settle()

    @operation("finish pending work")
    async def finish_pending_work(self, _: str) -> None:
        """Everything comes to rest."""
        await self.operations.finish_pending_work()
        await self.operations.check_settled()
