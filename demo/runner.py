"""The director: sets the scene, plays the people, and looks whether every offer met its fate."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import httpx

from cli.listing import OfferRow
from cli.offer_client import (
    NoWorkerRunning,
    OfferClient,
    PreflightPending,
    RequestRejected,
)
from demo.outcomes import Outcome, judge
from demo.scenarios import SCENARIOS, Scenario
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import CreationMethod
from offers.stage import Stage

DEAL_DESK = "deal-desk@example.com"
"""Who holds the role in the demo's policy."""

STRETCHED_GENERATION = {"preparing_minutes": 12 * 60, "publish_minutes": 2 * 24 * 60}
"""Two days, so that it can be seen; really AWS takes about 45 minutes."""
PAYOUTS = {"collected_after_days": 6, "disbursed_after_days": 8}
AGREED = (Stage.ACCEPTED, Stage.DISBURSED)
"""An acceptance that comes to light late may be paid before anybody has looked."""


class ScenarioRunner:
    """Plays the demo over the sandbox's control API and the product's own desk."""

    def __init__(self, control_url: str, desk: OfferClient) -> None:
        self._control = httpx.AsyncClient(base_url=control_url, timeout=10)
        self._desk = desk
        self._done: set[tuple[str, str, str | None]] = set()
        self._acting: set[asyncio.Task[None]] = set()
        self._made: set[int] = set()
        """The revisions that a person has made in Clazar."""

    async def set_the_scene(self) -> None:
        """Sign the opportunities, and tell buyers and AWS how to behave."""
        await self._tell("PUT", "/control/change-set-processing", STRETCHED_GENERATION)
        for fate in SCENARIOS:
            await self._tell("POST", "/control/opportunities", fate.opportunity())
            await self._tell(
                "PUT", f"/control/buyers/{fate.account}", {"exists": fate.account_exists}
            )
            await self._tell(
                "PUT",
                f"/control/buyers/{fate.right_account}",
                {"exists": fate.account_exists or fate.corrected}
                # Some wait for an offer at another price.
                | {"accept_after_days": None if fate.hesitates else fate.accepts_after_days},
            )
            await self._tell(
                "PUT",
                f"/control/payouts/{fate.right_account}",
                PAYOUTS | {"parts": list(fate.payout_parts)},
            )

    async def start_what_is_handed_off(self) -> None:
        """Start what is not to be made by AWS alone; intake starts the others by itself."""
        for fate in SCENARIOS:
            if fate.handed_off:
                with suppress(NoWorkerRunning):  # it is started all the same
                    await self._desk.start(fate.opportunity_id, method=CreationMethod.CLAZAR)

    def act(self, rows: list[OfferRow]) -> None:
        """Do what people do when an offer has come to a stage or waits for them, once."""
        for row in rows:
            fate = next((f for f in SCENARIOS if f.is_about(row.opportunity_id)), None)
            key = (row.opportunity_id, row.stage, row.attention)
            if fate is None or key in self._done:
                continue
            self._done.add(key)
            if act := self._act_of(fate, row):
                self._acting.add(asyncio.create_task(act(fate)))

    def _act_of(
        self, fate: Scenario, row: OfferRow
    ) -> Callable[[Scenario], Coroutine[Any, Any, None]] | None:
        is_original = row.opportunity_id == fate.opportunity_id
        acts = (
            (fate.corrected and row.attention == "offer-rejected", self._correct),
            (fate.mistyped and row.attention == "terms-invalid", self._revise),
            (fate.handed_off and row.attention == "approval-required", self._decline),
            (row.attention == "approval-required", self._approve),
            (fate.handed_off and row.attention == "awaiting-clazar-offer", self._make_by_hand),
            (fate.repriced and row.stage == Stage.SHARED, self._reprice),
            (fate.added and is_original and row.stage in AGREED, self._sell_more),
            (fate.cancelled_when == row.stage, self._cancel),
        )
        return next((act for is_due, act in acts if is_due), None)

    async def _revise(self, fate: Scenario) -> None:
        changes = TermChanges(terms={"buyer_accounts": fate.account})
        await answered(lambda: self._desk.revise(fate.opportunity_id, changes))

    async def _approve(self, fate: Scenario) -> None:
        await answered(lambda: self._desk.approve(fate.path, ApprovalDecision(by=DEAL_DESK)))

    async def _decline(self, fate: Scenario) -> None:
        verdict = ApprovalDecision(by=DEAL_DESK, reason="the customer signed another price")
        await answered(lambda: self._desk.decline(fate.opportunity_id, verdict))

    async def _make_by_hand(self, fate: Scenario) -> None:
        record = await self._record(fate.opportunity_id)
        # A second hand-off looks the same in the list.  Who asks again before the answer asks a
        # worker that was killed too often: the server holds one query for it and refuses others.
        again = (fate.opportunity_id, "awaiting-clazar-offer")
        self._done = {(who, stage, why) for who, stage, why in self._done if (who, why) != again}
        if record.revision in self._made:
            return
        self._made.add(record.revision)
        terms = record.require_terms()
        right = record.revision > 1
        amount = terms.price.amount if right else terms.price.amount / 10
        if right:
            habit = {"accept_after_days": fate.accepts_after_days}
            await self._tell("PUT", f"/control/buyers/{fate.account}", habit)
        await self._tell(
            "POST",
            "/control/clazar/offers",
            {
                "name": terms.offer_name,
                "buyer_accounts": list(terms.buyer_accounts),
                "price": str(amount),
                "currency": terms.price.currency,
                "months": terms.duration_months,
                "availability_end": terms.availability_end.isoformat(),
            },
        )

    async def _correct(self, fate: Scenario) -> None:
        right = fate.opportunity() | {"AWS_Account_Id__c": fate.right_account}
        await self._tell("POST", "/control/opportunities", right)
        await answered(lambda: self._desk.resume(fate.opportunity_id))

    async def _reprice(self, fate: Scenario) -> None:
        # It is shared a second time, at the right price.
        if self._done & {(fate.opportunity_id, "repriced", None)}:
            return
        self._done.add((fate.opportunity_id, "repriced", None))
        await self._tell("POST", "/control/opportunities", fate.opportunity(fate.repriced))
        await answered(lambda: self._desk.amend(fate.opportunity_id, TermChanges(recreate=True)))
        habit = {"accept_after_days": fate.accepts_after_days}
        await self._tell("PUT", f"/control/buyers/{fate.account}", habit)

    async def _sell_more(self, fate: Scenario) -> None:
        # With an attention it looks like another row.
        if self._done & {(fate.opportunity_id, "sold more", None)}:
            return
        self._done.add((fate.opportunity_id, "sold more", None))
        changes = TermChanges(terms={"additional_amount": fate.added})
        await answered(lambda: self._desk.amend(fate.opportunity_id, changes))

    async def _cancel(self, fate: Scenario) -> None:
        why = "the customer signed elsewhere"
        await answered(lambda: self._desk.cancel(fate.opportunity_id, why))

    def is_over(self, rows: list[OfferRow]) -> bool:
        """Whether every offer has come to where its story ends."""
        stages = {row.opportunity_id: row.stage for row in rows}
        for task in self._acting:
            if task.done():
                task.result()
        return all(stages.get(fate.path) == fate.ends for fate in SCENARIOS)

    async def outcomes(self, *, crashed: bool) -> list[Outcome]:
        """How each offer ended, and what is wrong with it if it did not meet its fate."""
        aws, mails = await self._ask("/control/aws"), await self._ask("/mail")
        return [await self._outcome(fate, aws["offers"], mails, crashed) for fate in SCENARIOS]

    async def _outcome(
        self,
        fate: Scenario,
        offers: list[dict[str, Any]],
        mails: list[dict[str, Any]],
        crashed: bool,
    ) -> Outcome:
        record = await self._desk.record(fate.path)
        original = await self._desk.record(fate.opportunity_id) if fate.added else record
        salesforce = await self._ask(f"/control/opportunities/{fate.opportunity_id}")
        return judge(
            fate,
            record,
            original=original,
            acceptable=[
                offer["acceptable"]
                for offer in offers
                if fate.opportunity_id in (offer["description"] or "")
            ],
            subjects=[
                mail["subject"]
                for mail in mails
                if fate.concerns(mail["subject"], mail["recipients"])
            ],
            in_salesforce=salesforce["fields"].get("Offer_Stage__c"),
            crashed=crashed,
        )

    async def _record(self, path: str) -> OfferRecord:
        while True:
            with suppress(NoWorkerRunning):
                return await self._desk.record(path)

    async def _tell(self, method: str, path: str, what: Mapping[str, Any]) -> None:
        (await self._control.request(method, path, json=what)).raise_for_status()

    async def _ask(self, path: str) -> Any:
        return (await self._control.get(path)).raise_for_status().json()


async def answered(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask an offer something until a worker has answered.

    The worker may just have been killed, and on a busy machine the next takes a while to begin.
    What was asked before may have arrived all the same: asked again, it is refused.
    """
    again = False
    while True:
        try:
            await ask()
        except PreflightPending:
            return  # it is taken
        except NoWorkerRunning:
            again = True
        except RequestRejected:
            if again:
                return
            raise
        else:
            return
