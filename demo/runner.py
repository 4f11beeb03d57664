"""Runs the scenarios: sets up the sandbox, acts for people, and reads how each offer ended."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import httpx

from client.listing import OfferRow
from client.offer_client import (
    NoAnswer,
    OfferClient,
    PreflightPending,
    RequestRejected,
)
from demo.outcomes import Outcome, compare_with_scenario
from demo.scenarios import SCENARIOS, Scenario
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import CreationMethod
from offers.stage import Stage

DEAL_DESK = "deal-desk@example.com"
"""The approver of that role in the demo's policy."""

SLOW_CHANGE_SETS = {"preparing_minutes": 12 * 60, "publish_minutes": 2 * 24 * 60}
"""Two days, which are visible at this speed; AWS takes about 45 minutes."""
PAYOUTS = {"collected_after_days": 6, "disbursed_after_days": 8}
AGREED_STAGES = (Stage.ACCEPTED, Stage.DISBURSED)
"""An acceptance that AWS lists late may already be paid out when the list is read."""


class ScenarioRunner:
    """Runs the scenarios over the sandbox's control API and the product's client."""

    def __init__(self, control_url: str, client: OfferClient) -> None:
        self._control = httpx.AsyncClient(base_url=control_url, timeout=10)
        self._client = client
        self._done: set[tuple[str, str, str | None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._created_revisions: set[int] = set()
        """The revisions that have been created in Clazar."""

    async def set_up(self) -> None:
        """Put the opportunities into Salesforce, and configure buyers, payouts and AWS."""
        await self._send("PUT", "/control/change-set-processing", SLOW_CHANGE_SETS)
        for scenario in SCENARIOS:
            await self._send("POST", "/control/opportunities", scenario.opportunity())
            await self._send(
                "PUT", f"/control/buyers/{scenario.account}", {"exists": scenario.account_exists}
            )
            await self._send(
                "PUT",
                f"/control/buyers/{scenario.correct_account}",
                {"exists": scenario.account_exists or scenario.account_corrected}
                # Some accept only a later offer, with another price.
                | {
                    "accept_after_days": None
                    if scenario.rejects_first_offer
                    else scenario.accepts_after_days
                },
            )
            await self._send(
                "PUT",
                f"/control/payouts/{scenario.correct_account}",
                PAYOUTS | {"parts": list(scenario.payout_parts)},
            )

    async def start_clazar_offers(self) -> None:
        """Start the offers that are created in Clazar; the intake starts the others."""
        for scenario in SCENARIOS:
            if scenario.created_in_clazar:
                with suppress(NoAnswer):  # the offer is started without a worker, too
                    await self._client.start(scenario.opportunity_id, method=CreationMethod.CLAZAR)

    def act(self, rows: list[OfferRow]) -> None:
        """Act for people, once for each stage and attention of an offer."""
        for row in rows:
            scenario = next((s for s in SCENARIOS if s.has_offer(row.opportunity_id)), None)
            key = (row.opportunity_id, row.stage, row.attention)
            if scenario is None or key in self._done:
                continue
            self._done.add(key)
            if action := self._action_for(scenario, row):
                self._tasks.add(asyncio.create_task(action(scenario)))

    def _action_for(
        self, scenario: Scenario, row: OfferRow
    ) -> Callable[[Scenario], Coroutine[Any, Any, None]] | None:
        is_original = row.opportunity_id == scenario.opportunity_id
        actions = (
            (
                scenario.account_corrected and row.attention == "offer-rejected",
                self._correct_account,
            ),
            (scenario.account_too_short and row.attention == "terms-invalid", self._revise),
            (scenario.created_in_clazar and row.attention == "approval-required", self._decline),
            (row.attention == "approval-required", self._approve),
            (
                scenario.created_in_clazar and row.attention == "awaiting-clazar-offer",
                self._create_in_clazar,
            ),
            (scenario.new_price and row.stage == Stage.SHARED, self._change_price),
            (
                scenario.additional_amount and is_original and row.stage in AGREED_STAGES,
                self._amend_agreement,
            ),
            (scenario.cancelled_at == row.stage, self._cancel),
        )
        return next((action for is_due, action in actions if is_due), None)

    async def _revise(self, scenario: Scenario) -> None:
        changes = TermChanges(terms={"buyer_accounts": scenario.account})
        await request_until_answered(lambda: self._client.revise(scenario.opportunity_id, changes))

    async def _approve(self, scenario: Scenario) -> None:
        await request_until_answered(
            lambda: self._client.approve(scenario.path, ApprovalDecision(by=DEAL_DESK))
        )

    async def _decline(self, scenario: Scenario) -> None:
        decision = ApprovalDecision(by=DEAL_DESK, reason="the customer signed another price")
        await request_until_answered(
            lambda: self._client.decline(scenario.opportunity_id, decision)
        )

    async def _create_in_clazar(self, scenario: Scenario) -> None:
        record = await self._record(scenario.opportunity_id)
        # A second handoff has the same row in the list, so it must not count as done; only after
        # the query, because the server holds one query for a killed worker and rejects others.
        handoff = (scenario.opportunity_id, "awaiting-clazar-offer")
        self._done = {key for key in self._done if (key[0], key[2]) != handoff}
        if record.revision in self._created_revisions:
            return
        self._created_revisions.add(record.revision)
        terms = record.require_terms()
        is_correct = record.revision > 1
        amount = terms.price.amount if is_correct else terms.price.amount / 10
        if is_correct:
            await self._let_buyer_accept(scenario)
        await self._send(
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

    async def _correct_account(self, scenario: Scenario) -> None:
        corrected = scenario.opportunity() | {"AWS_Account_Id__c": scenario.correct_account}
        await self._send("POST", "/control/opportunities", corrected)
        await request_until_answered(lambda: self._client.resume(scenario.opportunity_id))

    async def _change_price(self, scenario: Scenario) -> None:
        # The offer enters `shared` a second time, with the new price.
        if self._done & {(scenario.opportunity_id, "price changed", None)}:
            return
        self._done.add((scenario.opportunity_id, "price changed", None))
        await self._send("POST", "/control/opportunities", scenario.opportunity(scenario.new_price))
        await request_until_answered(
            lambda: self._client.amend(scenario.opportunity_id, TermChanges(recreate=True))
        )
        await self._let_buyer_accept(scenario)

    async def _let_buyer_accept(self, scenario: Scenario) -> None:
        behaviour = {"accept_after_days": scenario.accepts_after_days}
        await self._send("PUT", f"/control/buyers/{scenario.account}", behaviour)

    async def _amend_agreement(self, scenario: Scenario) -> None:
        # The offer's row has another key with and without an attention.
        if self._done & {(scenario.opportunity_id, "agreement amended", None)}:
            return
        self._done.add((scenario.opportunity_id, "agreement amended", None))
        changes = TermChanges(terms={"additional_amount": scenario.additional_amount})
        await request_until_answered(lambda: self._client.amend(scenario.opportunity_id, changes))

    async def _cancel(self, scenario: Scenario) -> None:
        reason = "the customer signed elsewhere"
        await request_until_answered(lambda: self._client.cancel(scenario.opportunity_id, reason))

    def is_over(self, rows: list[OfferRow]) -> bool:
        """Whether every offer has reached its scenario's last stage."""
        stages = {row.opportunity_id: row.stage for row in rows}
        for task in self._tasks:
            if task.done():
                task.result()
        return all(stages.get(scenario.path) == scenario.last_stage for scenario in SCENARIOS)

    async def outcomes(self, *, crashed: bool) -> list[Outcome]:
        """How each offer ended, and what differs from its scenario."""
        aws, mails = await self._get("/control/aws"), await self._get("/mail")
        return [
            await self._outcome(scenario, aws["offers"], mails, crashed) for scenario in SCENARIOS
        ]

    async def _outcome(
        self,
        scenario: Scenario,
        offers: list[dict[str, Any]],
        mails: list[dict[str, Any]],
        crashed: bool,
    ) -> Outcome:
        record = await self._client.record(scenario.path)
        original = (
            await self._client.record(scenario.opportunity_id)
            if scenario.additional_amount
            else record
        )
        salesforce = await self._get(f"/control/opportunities/{scenario.opportunity_id}")
        return compare_with_scenario(
            scenario,
            record,
            original=original,
            acceptable=[
                offer["acceptable"]
                for offer in offers
                if scenario.opportunity_id in (offer["description"] or "")
            ],
            subjects=[
                mail["subject"]
                for mail in mails
                if scenario.has_mail(mail["subject"], mail["recipients"])
            ],
            in_salesforce=salesforce["fields"].get("Offer_Stage__c"),
            crashed=crashed,
        )

    async def _record(self, path: str) -> OfferRecord:
        while True:
            with suppress(NoAnswer):
                return await self._client.record(path)

    async def _send(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        (await self._control.request(method, path, json=body)).raise_for_status()

    async def _get(self, path: str) -> Any:
        return (await self._control.get(path)).raise_for_status().json()


async def request_until_answered(request: Callable[[], Awaitable[object]]) -> None:
    """Repeat a request to an offer until a worker has answered.

    The worker may just have been killed, and on a busy machine the next takes a while to start.
    The first request may have arrived nevertheless: the second is then rejected.
    """
    repeated = False
    while True:
        try:
            await request()
        except PreflightPending:
            return  # the request is accepted
        except NoAnswer:
            repeated = True
        except RequestRejected:
            if repeated:
                return
            raise
        else:
            return
