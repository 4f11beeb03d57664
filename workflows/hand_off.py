"""The hand-off: a person makes the offer in Clazar, and it is recognised when it is there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.asking import ask
from workflows.correspondence import Correspondence
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.aws_marketplace import AwsMarketplace, FollowOffer, ReleasedOffer
    from activities.clazar import Clazar, FindOffers
    from activities.letters import MailKind
    from activities.salesforce import HandOffTask, Salesforce
    from offers.comparison import DIFFERENCE, BuiltOffer, NotOurTerms, as_built, differences
    from offers.findings import Finding, Severity
    from offers.hand_off import reference, with_reference
    from offers.record import OfferRecord

HANDED_OFF, MADE_TWICE = "handed-off", "made-twice"

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
        self._mark = reference(record.opportunity_id, record.revision)
        self._since = now()
        self._told: str | None = None
        self._different: tuple[Finding, ...] = ()

    def tell_offer_id(self, offer_id: str) -> None:
        """Somebody says which offer it is."""
        self._told = offer_id

    async def made(self) -> str | None:
        """The id of the offer that was made; None if there is none and it is cancelled."""
        self._record.terms = with_reference(self._record.offered, self._mark)
        waiting = self._people.call(
            HANDED_OFF,
            f"The offer is to be made in Clazar, with {self._mark} in its name",
            "Copy the field sheet (in the mail, the task and starter.py show) into Clazar's form;"
            " it is recognised by itself, or told with starter.py handed-off",
        )
        task = HandOffTask(
            opportunity_id=self._record.opportunity_id,
            revision=self._record.revision,
            terms=self._record.offered,
        )
        await ask(self._people, Salesforce.open_hand_off, task)
        self._correspondence.tell_owner(MailKind.OWNER_HAND_OFF)
        offer_id = await self._found()
        self._people.dismiss(waiting)
        await ask(self._people, Salesforce.close_hand_off, task)
        if offer_id is None:
            self._correspondence.tell_owner(MailKind.OWNER_HAND_OFF_VOID)
        return offer_id

    async def released(self) -> ReleasedOffer:
        """The offer as AWS shows it once it is released, however long that takes."""
        while True:
            offer_id, self._told = self._told or self._record.made, None
            following = asyncio.create_task(
                ask(
                    self._people,
                    AwsMarketplace.follow_offer,
                    FollowOffer(offer_id=offer_id, checks=self._record.policy.generation),
                )
            )
            if released := await self._unless_told(following):
                return released

    async def _unless_told(self, following: asyncio.Task[ReleasedOffer]) -> ReleasedOffer | None:
        """The outcome; None if somebody says that it is another offer."""
        await workflow.wait_condition(lambda: following.done() or self._told is not None)
        if following.done():
            return await following
        following.cancel()
        return None

    def takes(self, built: BuiltOffer) -> bool:
        """Whether the offer is as it was asked, or every difference is accepted."""
        record = self._record
        rule = record.policy.rules.hand_off_difference
        known = tuple(f for f in record.findings if f.code != DIFFERENCE)
        self._different = tuple(
            finding
            for each in differences(record.offered, built)
            for finding in rule.broken(each.code, each.field, each.problem, BACK, each.seen)
        )
        try:
            terms = as_built(record.offered, built)
        except NotOurTerms as impossible:
            self._different = impossible.findings
        record.findings = known + self._different
        if record.obstacles:
            return False
        record.terms = terms
        return True

    def sends_back(self) -> bool:
        """Whether a difference is one that nobody may accept, or somebody does not."""
        return any(
            finding.severity is Severity.REFUSE or self._record.is_declined(finding)
            for finding in self._different
        )

    async def _found(self) -> str | None:
        """Look until it is there; when it is cancelled, once more."""
        while self._told is None:
            found = await self._look()
            if found is None:
                if self._told is None and self._cancelling():
                    last = await ask(self._people, Clazar.offers_named, self._query)
                    return last[0] if last else None
                continue
            if len(found) == 1:
                return found[0]
            await self._people.wait_for(
                MADE_TWICE,
                f"Several offers carry the reference: {', '.join(found)}",
                "Withdraw all but one in Clazar, and tell which stays with starter.py handed-off",
                or_when=lambda: self._told is not None,
            )
        return self._told

    async def _look(self) -> tuple[str, ...] | None:
        """The offers with the reference in their names; None if there is news before one is."""
        looking = asyncio.create_task(ask(self._people, Clazar.find_offers, self._query))
        while not looking.done():
            try:
                await workflow.wait_condition(
                    lambda: looking.done() or self._interrupted(),
                    timeout=self._until_reminder(),
                    timeout_summary="until the owner is reminded of the hand-off",
                )
            except TimeoutError:
                self._correspondence.tell_owner(MailKind.OWNER_HAND_OFF, f"{self._now():%F}")
                continue
            if not looking.done():
                looking.cancel()
                with suppress(ActivityError, asyncio.CancelledError):
                    await looking
                return None
        return await looking

    def _interrupted(self) -> bool:
        return self._told is not None or self._cancelling()

    def _until_reminder(self) -> timedelta | None:
        """Real time until the owner is told again; None after the last time."""
        policy, clock = self._record.policy.hand_off, self._record.clock
        moments = [self._since + after for after in policy.remind_after]
        left = min((at - self._now() for at in moments if at > self._now()), default=None)
        return None if left is None else clock.real_duration(left)

    @property
    def _query(self) -> FindOffers:
        return FindOffers(
            mark=self._mark,
            made_after=self._since - timedelta(days=1),
            look_every=self._record.policy.hand_off.look_every,
        )
