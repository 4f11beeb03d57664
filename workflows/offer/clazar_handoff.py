"""The hand-off: a person makes the offer in Clazar, and it is recognised when it is there."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.escalation import ask, unless
from workflows.offer.attentions import People
from workflows.offer.notifications import Correspondence

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog, ReleasedOffer, WaitForRelease
    from activities.clazar.offers import Clazar, FindOffers
    from activities.email.message import EmailKind
    from activities.errors import Failure
    from activities.salesforce.write_back import ClazarHandoffTask, Salesforce
    from offers.findings import Finding, Severity
    from offers.lifecycle.clazar_field_sheet import clazar_reference, with_reference
    from offers.lifecycle.read_back import (
        DIFFERENCE,
        PublishedOffer,
        UnsupportedTerms,
        differences,
        terms_from_published,
    )
    from offers.lifecycle.record import OfferRecord
    from offers.preflight.marketplace import ObservedOffer

HANDED_OFF = "handed-off"
"""The attention under which a hand-off waits."""

BACK = "Accept it by approving, or decline to have it withdrawn and made again"


class HandOff:
    """One offer that waits to be made."""

    def __init__(
        self,
        record: OfferRecord,
        people: People,
        correspondence: Correspondence,
        now: Callable[[], datetime],
        cancelling: Callable[[], bool],
    ) -> None:
        self._record = record
        self._people = people
        self._correspondence = correspondence
        self._now = now
        self._cancelling = cancelling
        self._mark = clazar_reference(record.opportunity_id, record.revision)
        self._asked = with_reference(record.require_terms(), self._mark)
        self._since = now()
        self._told: str | None = None
        self._seen: str | None = None
        """The offer that carries the reference, once Clazar or AWS shows it."""
        self._made = False
        self._different: tuple[Finding, ...] = ()

    def tell_offer_id(self, offer_id: str) -> None:
        """Somebody says which offer it is."""
        self._told = offer_id

    def heard(self, seen: ObservedOffer) -> None:
        """Clazar or AWS shows an offer: if it carries the reference, it is the one."""
        if self._mark in (seen.name or ""):
            self._seen = self._seen or seen.offer_id

    def has_news(self) -> bool:
        """Whether somebody says that it is another offer, or that it is not wanted any more."""
        return self._told is not None or self._cancelling()

    async def made(self) -> str | None:
        """The id of the offer that was made; None if there is none and it is cancelled."""
        self._record.terms = self._asked
        waiting = self._people.call(
            HANDED_OFF,
            f"The offer is to be made in Clazar, with {self._mark} in its name",
            "Copy the field sheet (in the mail, the task and starter.py show) into Clazar's form;"
            " it is recognised by itself, or told with starter.py handed-off",
        )
        self._correspondence.tell_owner(EmailKind.OWNER_HAND_OFF)
        self._correspondence.run_errand(self._task())
        offer_id = await self._found()
        self._people.dismiss(waiting)
        self._made = True
        if offer_id is None:
            self._correspondence.tell_owner(EmailKind.OWNER_HAND_OFF_VOID)
        return offer_id

    async def released(self) -> ReleasedOffer | None:
        """The offer as AWS shows it once it is released; None if it is cancelled and never was."""
        while True:
            offer_id, self._told = self._told or self._record.require_offer_id(), None
            self._record.offer_id = offer_id
            follow = WaitForRelease(offer_id=offer_id, polling=self._record.policy.publication)
            budget = self._record.clock.real_duration(self._record.policy.publication.delayed_after)
            released = await unless(
                self.has_news,
                ask(self._people, AwsCatalog.wait_for_release, follow, budget=budget),
            )
            if released or self._told:
                if released:
                    return released
            elif not await self._is_known(offer_id):
                return None
            else:
                # AWS is at it, and only what is released can be made void.
                return await ask(self._people, AwsCatalog.wait_for_release, follow)

    def takes(self, built: PublishedOffer) -> bool:
        """Whether the offer is as it was asked, or every difference is accepted."""
        record = self._record
        rule = record.policy.rules.clazar_difference
        known = tuple(f for f in record.findings if f.code != DIFFERENCE)
        self._different = tuple(
            finding
            for each in differences(self._asked, built)
            for finding in rule.violation(each.code, each.field, each.problem, BACK, each.seen)
        )
        try:
            terms = terms_from_published(self._asked, built)
        except UnsupportedTerms as impossible:
            self._different = impossible.findings
        record.findings = known + self._different
        if record.blocking_findings:
            return False
        record.terms = terms
        return True

    def sends_back(self) -> bool:
        """Whether a difference is one that nobody may accept, or somebody does not."""
        return any(
            finding.severity is Severity.REFUSE or self._record.is_declined(finding)
            for finding in self._different
        )

    def is_ours(self, built: PublishedOffer) -> bool:
        """Whether an offer was made for this hand-off: any other is not ours to withdraw."""
        return self._mark in (built.name or "")

    async def others(self) -> list[str]:
        """Further offers that were made for this hand-off and that buyers can still accept."""
        open_offers = []
        for offer_id in await self._named():
            if offer_id != self._record.offer_id:
                shown = await ask(self._people, AwsCatalog.read_offer, offer_id)
                if shown.released and not shown.is_void(self._now().date()):
                    open_offers.append(offer_id)
        return open_offers

    async def _task(self) -> None:
        """A task in Salesforce, for as long as somebody is waited for."""
        task = ClazarHandoffTask(
            opportunity_id=self._record.opportunity_id,
            revision=self._record.revision,
            terms=self._asked,
        )
        await ask(self._people, Salesforce.open_handoff_task, task)
        await workflow.wait_condition(lambda: self._made)
        await ask(self._people, Salesforce.close_handoff_task, task)

    async def _found(self) -> str | None:
        """Wait until it is there; when it is cancelled, look once more."""
        reminding = asyncio.create_task(self._remind())
        await workflow.wait_condition(lambda: self._seen is not None or self.has_news())
        reminding.cancel()
        if found := self._told or self._seen:
            return found
        return next(iter(await self._named()), None)

    async def _named(self) -> list[str]:
        """The offers that carry the reference in Clazar now."""
        query = FindOffers(reference=self._mark, created_after=self._since - timedelta(days=1))
        found = await ask(self._people, Clazar.find_offers, query)
        return [seen.offer_id for seen in found]

    async def _is_known(self, offer_id: str) -> bool:
        try:
            await ask(self._people, AwsCatalog.read_offer, offer_id, expected=Failure.REJECTED)
        except ActivityError:
            return False
        return True

    async def _remind(self) -> None:
        """Tell the owner again that the offer is to be made, at the policy's times.

        Not without a look of one's own: perhaps nobody reads Clazar's feed.
        """
        for after in sorted(self._record.policy.clazar_handoff.remind_after):
            left = self._since + after - self._now()
            await workflow.sleep(
                self._record.clock.real_duration(max(left, timedelta())),
                summary="until the owner is reminded of the hand-off",
            )
            if named := await self._named():
                self._seen = named[0]
                return
            self._correspondence.tell_owner(EmailKind.OWNER_HAND_OFF, f"after {after}")
