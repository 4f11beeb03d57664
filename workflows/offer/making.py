"""How an offer comes to be, and is made void: the stages up to its release."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.common.escalation import GivenUp, ask, refusals_in, unless
from workflows.offer.change_set import Generation
from workflows.offer.changes_of_mind import ChangesOfMind
from workflows.offer.clazar_handoff import HandOff
from workflows.offer.drafting import NoSuchOpportunity, checked

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog, ReleasedOffer, SubmitOffer
    from activities.email.message import EmailKind
    from activities.errors import Failure
    from activities.eula.documents import EulaDocuments, PublishEula
    from activities.preflight import CheckDeal
    from offers.lifecycle.aws_errors import explain
    from offers.lifecycle.read_back import PublishedOffer, differences
    from offers.policy.policy import CreationMethod
    from offers.preflight.marketplace import OpenOffer, conflicting_offers
    from offers.stage import Stage
    from offers.terms.terms import CustomEula

ACCEPTED_OTHERWISE = (
    "accepted-otherwise",
    "The buyer accepted an offer that differs from what was asked",
    "Compare the findings with the agreement, and talk to the buyer",
)
CORRECT = "Revise the terms, or correct the opportunity and resume; or cancel"


class Making(ChangesOfMind):
    """From a draft to a released offer, and back."""

    async def draft(self) -> Stage:
        """Preflight; mistakes are corrected and exceptions approved until nothing is in the way."""
        while not self._is_stopping():
            if earlier := await self._acceptance.of_earlier():
                self.record.restore_revision(*earlier)
                return Stage.ACCEPTED
            revision = self._changed
            deal = CheckDeal(
                opportunity_id=self.record.opportunity_id,
                terms=self._changes.terms,
                method=self._changes.method,
                withdrawn_offer_ids=tuple(
                    past.offer_id for past in self.record.previous_revisions if past.offer_id
                ),
                amends=self.record.amends,
            )
            try:
                found = await checked(
                    self._people,
                    deal,
                    lambda: self._is_stopping() or self._changed != revision,  # noqa: B023
                )
            except NoSuchOpportunity as missing:
                if not self.record.history:
                    raise await self._not_begun(str(missing)) from None
                await self._people.wait_for(
                    "refused",
                    str(missing),
                    "Find out who deleted it; cancel, or resume",
                    or_when=self._is_stopping,
                )
                continue
            if found is None or self._changed != revision:
                continue  # revised at the very moment of the answer
            self.record.apply_report(found.report, found.policy, found.clock, found.method)
            self._checked = revision
            if not self.record.blocking_findings:
                return Stage.SUBMITTED
            await self._approvals.settled(CORRECT, interrupted=self._is_outdated)
        return self._give_up()

    async def submitted(self) -> Stage:
        """The offer is handed to AWS as one change set, or to a person who makes it in Clazar."""
        if self.record.method is CreationMethod.CLAZAR:
            return await self._handed_to_a_person()
        try:
            eula_url = await self._published_eula()
            if self._is_stopping():
                return self._give_up()
            self.record.change_set_id = await ask(
                self._people,
                AwsCatalog.submit_offer,
                SubmitOffer(
                    reference=self.record.reference,
                    terms=self.record.require_terms(),
                    eula_url=eula_url,
                    replaces=self.record.replaces,
                ),
                expected=Failure.REJECTED,
                held_up=self._publish,
                give_up=self._is_stopping,
            )
        except GivenUp:
            return self._give_up()
        except ActivityError as error:
            self.record.findings = tuple(map(explain, refusals_in(error)))
            return Stage.FAILED
        return Stage.GENERATING

    async def generating(self) -> Stage:
        """AWS builds the offer; it must come out as it was asked."""
        if self._hand_off:
            return await self._made_by_a_person(self._hand_off)
        self._generation = Generation(
            self.record, self._people, self._correspondence, self._now, self._is_stopping
        )
        outcome = await self._generation.outcome()
        if outcome.offer is None:
            if self._is_stopping():
                return self._give_up()
            self.record.findings = tuple(map(explain, outcome.errors))
            return Stage.FAILED
        self.record.offer_id, self.record.offer_url = outcome.offer.offer_id, outcome.offer_url
        if self._is_stopping():
            return await self._withdraw()
        return await self._looked_over(outcome.offer, outcome.conflicting_offers)

    async def failed(self) -> Stage:
        """AWS said no; a person revises the terms or corrects the opportunity, or cancels."""
        await self._people.wait_for(
            "failed",
            "The offer was not made, or was withdrawn at once",
            CORRECT,
            or_when=self._is_outdated,
        )
        if self._is_stopping():
            return self._give_up()
        self.record.start_revision(
            "withdrawn" if self.record.offer_id else "refused by AWS", self._now()
        )
        return Stage.DRAFT

    # What these are made of -----------------------------------------------------------------------

    async def _looked_over(self, offer: PublishedOffer, rivals: tuple[OpenOffer, ...]) -> Stage:
        """It must be as it was asked, and the only one, before anybody is told of it."""
        if earlier := await self._acceptance.of_earlier():
            if await self._void():
                self.record.restore_revision(*earlier)
            return Stage.ACCEPTED
        wrong = differences(self.record.require_terms(), offer)
        if wrong := wrong + conflicting_offers(
            self.record.require_terms(), rivals, self.record.policy
        ):
            self.record.findings = wrong
            return await self._withdraw(then=Stage.FAILED)
        return await self._withdraw() if self._is_stopping() else Stage.LIVE

    async def _published_eula(self) -> str | None:
        """Where AWS reads a custom contract; None for the standard one, or if it is cancelled."""
        eula = self.record.require_terms().eula
        if not isinstance(eula, CustomEula):
            return None
        contract = PublishEula(
            opportunity_id=self.record.opportunity_id,
            revision=self.record.revision,
            documents=eula.documents,
            sha256=self.record.eula_sha256,
        )
        return await unless(
            self._is_stopping,
            ask(self._people, EulaDocuments.publish, contract, expected=Failure.REJECTED),
        )

    async def _handed_to_a_person(self) -> Stage:
        self._publish()
        self._hand_off = HandOff(
            self.record, self._people, self._correspondence, self._now, self._is_stopping
        )
        for seen in self._seen.values():
            self._hand_off.heard(seen)
        self.record.offer_id = await self._hand_off.made()
        if self.record.offer_id:
            return Stage.GENERATING
        self._hand_off = None
        return self._give_up()

    async def _made_by_a_person(self, hand_off: HandOff) -> Stage:
        """What somebody made in Clazar is taken as it is, or goes back to be made again."""
        while True:
            released = await hand_off.released()
            if released is None:
                self.record.offer_id = self._hand_off = None
                return self._give_up()
            offer = released.offer
            self.record.offer_id, self.record.offer_url = offer.offer_id, released.offer_url
            if self._is_stopping():
                return await self._undo(hand_off, offer)
            if hand_off.takes(offer):
                if taken := await self._taken(hand_off, released):
                    return taken
                continue
            await self._approvals.settled(
                "Correct it in Clazar and resume",
                interrupted=lambda: (
                    hand_off.has_news() or self._acceptance.reported or hand_off.sends_back()
                ),
            )
            if self._acceptance.reported and await self._acceptance.is_there():
                self._people.call(*ACCEPTED_OTHERWISE)
                return Stage.ACCEPTED
            if hand_off.sends_back() and not hand_off.has_news():
                return await self._undo(hand_off, offer, then=Stage.DRAFT)

    async def _taken(self, hand_off: HandOff, released: ReleasedOffer) -> Stage | None:
        """The offer is right: it must also be the only one; None to look at it again."""
        if await self._acceptance.is_there():
            return Stage.ACCEPTED
        if earlier := await self._acceptance.of_earlier():
            if not hand_off.is_ours(released.offer) or await self._void():
                self.record.restore_revision(*earlier)
            self._hand_off = None
            return Stage.ACCEPTED
        others = {*await hand_off.others()}
        if conflicting_offers(
            self.record.require_terms(), released.conflicting_offers, self.record.policy
        ):
            others |= {rival.offer_id for rival in released.conflicting_offers}
        if hand_off.has_news():
            return None
        if not others:
            self._hand_off = None
            return Stage.LIVE
        await self._people.wait_for(
            "made-twice",
            f"{released.offer.offer_id} is right, but {', '.join(sorted(others))} can be accepted,"
            " too",
            "Withdraw all but one in Clazar or AWS, then resume; or tell which it is with"
            " starter.py handed-off",
            or_when=hand_off.has_news,
        )
        return None

    async def _undo(
        self, hand_off: HandOff, offer: PublishedOffer, then: Stage | None = None
    ) -> Stage:
        """Make void what was made for this hand-off, and nothing else."""
        others = await hand_off.others()
        for offer_id in [offer.offer_id, *others] if hand_off.is_ours(offer) else others:
            self.record.offer_id = offer_id
            if not await self._void():
                return Stage.ACCEPTED
        if not hand_off.is_ours(offer):
            self._people.call(
                "not-ours",
                f"{offer.offer_id} does not carry the reference, so it was left as it is",
                "If it was made for this deal, withdraw it in AWS; resume when you have seen to it",
            )
        self._hand_off = None
        return self._give_up(then)

    async def _not_begun(self, why: str) -> ApplicationError:
        """The failure to end the run with: nothing was begun, so the id may be started again."""
        self._missing = why
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ApplicationError(why, type=Failure.NOT_FOUND, non_retryable=True)

    async def _withdraw(self, then: Stage | None = None) -> Stage:
        """Make the offer void and give it up, unless somebody accepted it first."""
        return self._give_up(then) if await self._void() else Stage.ACCEPTED

    async def _void(self) -> bool:
        """Make the offer void.  False if somebody accepted it first."""
        self._correspondence.stop_letters()
        await self._edits.settle()
        if await self._acceptance.prevented():
            return True
        if not self._is_stopping():
            self._people.call(*ACCEPTED_OTHERWISE)
        return False

    def _give_up(self, then: Stage | None = None) -> Stage:
        """This revision will not be made, or is void: what people wish follows, or `then`."""
        then = self._stopping or then or Stage.CANCELLED
        if then is not Stage.FAILED:
            self._correspondence.tell_buyer_void(
                EmailKind.OFFER_CHANGING if then is Stage.DRAFT else EmailKind.OFFER_VOID
            )
        if then is Stage.DRAFT:
            fate = "amended" if self._is_stopping() else "sent back to be made again"
            self.record.start_revision(fate, self._now())
            self._stopping = None
        return then
