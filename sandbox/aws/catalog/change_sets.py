"""The life of change sets: from the request over PREPARING and APPLYING to the end."""

from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.catalog.change_set_request import RequestedChange, invalid, understand
from sandbox.aws.catalog.rules import changes as rules
from sandbox.aws.catalog.rules import offer_consistency, release
from sandbox.aws.catalog.rules.details import (
    AddDimensions,
    CreateOffer,
    CreateReplacementOffer,
    ReleaseOffer,
)
from sandbox.aws.catalog.rules.working_copy import Problem, WorkingCopy
from sandbox.aws.eventbridge import marketplace_events
from sandbox.aws.protocol import AwsError
from sandbox.marketplace import buyers, race_injection
from sandbox.world import ChangeSet, Offer, RacePoint, World, new_id

RUNNING = ("PREPARING", "APPLYING")
MAX_OPEN = 250
MAX_OFFERS_AT_ONCE = 20
MAX_MESSAGE = 2048


class ChangeSets:
    """The change sets of one seller, all of whose clients share them."""

    def __init__(self, world: World) -> None:
        self.world = world

    def start(self, request: dict[str, Any]) -> ChangeSet:
        """Take a request on; the same request with the same token is taken on once."""
        token = request.get("ClientRequestToken")
        if token and (started := self._by_token(token)):
            return self._repeated(started, request)
        changes = understand(self.world, request)
        self._check_locks(changes)
        if self.world.throttle:
            self._check_quotas(changes)
        change_set = ChangeSet(
            new_id("", 25),
            request.get("ChangeSetName"),
            token or "",
            self.world.now(),
            [change.change for change in changes],
            request=request,
            works_on=sorted({change.target for change in changes}),
        )
        self.world.change_sets[change_set.id] = change_set
        checked, finished = self._times(change_set, changes)
        self.world.at(checked, lambda _: self._check(change_set, changes, finished))
        self._strike("submitted", change_set.works_on)
        return change_set

    def cancel(self, change_set: ChangeSet) -> None:
        """Stop a set; possible only before it is applied."""
        if change_set.status == "APPLYING":
            raise AwsError(
                "ResourceInUseException",
                f"Change set {change_set.id} is APPLYING and can't be cancelled.",
            )
        if change_set.status != "PREPARING":
            raise invalid("/ChangeSetId", f"Change set {change_set.id} is {change_set.status}")
        self._end(change_set, "CANCELLED")

    def _by_token(self, token: str) -> ChangeSet | None:
        every = self.world.change_sets.values()
        return next((each for each in every if each.token == token), None)

    def _running(self) -> list[ChangeSet]:
        return [each for each in self.world.change_sets.values() if each.status in RUNNING]

    def _repeated(self, change_set: ChangeSet, request: dict[str, Any]) -> ChangeSet:
        if change_set.request != request:
            raise invalid(
                "/ClientRequestToken",
                f"The token was used for another request: change set {change_set.id}",
            )
        return change_set

    def _check_locks(self, changes: list[RequestedChange]) -> None:
        wanted = {change.target for change in changes if not change.target.startswith("$")}
        for running in self._running():
            if locked := wanted & set(running.works_on):
                raise AwsError(
                    "ResourceInUseException",
                    "Requested change set has entities locked by change sets -"
                    f" Entity: '{min(locked)}' ChangeSetId: '{running.id}'",
                )

    def _check_quotas(self, changes: list[RequestedChange]) -> None:
        running = self._running()
        if len(running) >= MAX_OPEN:
            raise AwsError("ServiceQuotaExceededException", f"{MAX_OPEN} change sets are open.")
        entities = [entity for each in running for entity in each.works_on]
        at_once = len(entities) - entities.count(self.world.product_id)
        if at_once + len(_offers(changes)) > MAX_OFFERS_AT_ONCE:
            raise AwsError(
                "ServiceQuotaExceededException",
                f"{MAX_OFFERS_AT_ONCE} offers are being created or updated.",
            )

    def _times(
        self, change_set: ChangeSet, changes: list[RequestedChange]
    ) -> tuple[datetime, datetime]:
        """When the set will have been checked, and when applied."""
        generation = self.world.generation
        known = [self.world.offers.get(target) for target in _offers(changes)]
        update = all(offer and offer.state == "Released" for offer in known)
        minutes = generation.update_minutes if update else generation.minutes
        checking = min(generation.preparing_minutes, minutes / 2)
        start = change_set.started_at
        return start + timedelta(minutes=checking), start + timedelta(minutes=minutes)

    def _check(
        self, change_set: ChangeSet, changes: list[RequestedChange], finished: datetime
    ) -> None:
        if change_set.status != "PREPARING":
            return
        stage = WorkingCopy(self.world, change_set.started_at.date())
        entities = _try_out(stage, changes)
        failures = self.world.generation.failures
        failure = None
        if not any(change.change.errors for change in changes) and failures:
            failure = failures.pop(0)
            if failure != "SERVER_FAULT":
                _note(changes[-1], Problem(failure, "There was a failure on demand."))
        if any(change.change.errors for change in changes):
            change_set.failure_code = "CLIENT_ERROR"
            self._end(change_set, "FAILED")
            return
        change_set.status = "APPLYING"

        def apply(_: datetime) -> None:
            if failure:
                change_set.failure_code = failure
                change_set.failure_description = "There was a fault in AWS. Try again."
                self._end(change_set, "FAILED")
                return
            self._strike("applying", change_set.works_on)
            self._commit(stage, changes, entities)
            self._end(change_set, "SUCCEEDED")

        self.world.at(finished, apply)

    def _commit(
        self, stage: WorkingCopy, changes: list[RequestedChange], entities: dict[str, str]
    ) -> None:
        released = [
            offer
            for offer in stage.offers.values()
            if offer.state == "Released" and offer.released_at is None
        ]
        for offer in released:
            offer.released_at = self.world.now()
        stage.commit()
        for change in changes:
            if change.target in entities:
                change.change.entity_id = f"{entities[change.target]}@1"
        for offer in stage.offers.values():
            buyers.plan(self.world, offer)
            race_injection.plan(self.world, offer)
        for offer in released:
            marketplace_events.offer_released(self.world, offer)
        self._strike("released", [offer.id for offer in released])

    def _strike(self, moment: RacePoint, entities: list[str]) -> None:
        for entity_id in entities:
            if entity_id in self.world.offers:
                race_injection.strike(self.world, moment, entity_id)

    def _end(self, change_set: ChangeSet, status: str) -> None:
        change_set.status = status
        change_set.ended_at = self.world.now()
        marketplace_events.change_set_ended(self.world, change_set)


def _offers(changes: list[RequestedChange]) -> set[str]:
    return {each.target for each in changes if not isinstance(each.details, AddDimensions)}


def _try_out(stage: WorkingCopy, changes: list[RequestedChange]) -> dict[str, str]:
    """Make all changes on the stage and note their errors.

    Gives the ids of the offers created, by what the changes call them.
    """
    created: dict[str, str] = {}
    for change in changes:
        match change.details:
            case AddDimensions():
                stage.dimensions += [each.key for each in change.details.root]
            case CreateOffer():
                offer = rules.created_offer(change.details)
            case CreateReplacementOffer():
                agreement = stage.world.agreements[change.details.agreement_id]
                for problem in rules.replaceable(agreement):
                    _note(change, problem)
                offer = rules.replacement_offer(change.details, agreement)
        if change.creates:
            stage.add(offer)
            created[change.target] = offer.id
    for target in _offers(changes):
        offer = stage.offer(created.get(target, target))
        _try_offer(stage, [change for change in changes if change.target == target], offer)
    return created


def _try_offer(stage: WorkingCopy, changes: list[RequestedChange], offer: Offer) -> None:
    releases = [change for change in changes if isinstance(change.details, ReleaseOffer)]
    for change in changes:
        if change not in releases:
            for problem in rules.apply(change.details, offer, stage):
                _note(change, problem)
    by_type = {change.change.type: change for change in changes}
    for conflict in offer_consistency.conflicts(offer, stage.today):
        blamed = [by_type[each] for each in conflict.changes if each in by_type]
        for change in blamed[:1]:
            _note(change, conflict.problem)
    for change in releases:
        for problem in release.check(offer, stage):
            _note(change, problem)
        offer.state = "Released"


def _note(change: RequestedChange, problem: Problem) -> None:
    change.change.errors.append(
        {"ErrorCode": problem.code, "ErrorMessage": problem.message[:MAX_MESSAGE]}
    )
