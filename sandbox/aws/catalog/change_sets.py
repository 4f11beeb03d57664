"""Processing of change sets: from the request over PREPARING and APPLYING to the end."""

from datetime import datetime, timedelta

from sandbox.aws.catalog.change_set_request import RequestedChange, field_error, parse_changes
from sandbox.aws.catalog.rules import changes as rules
from sandbox.aws.catalog.rules import offer_rules
from sandbox.aws.catalog.rules.details import CreateOffer, CreateReplacementOffer, ReleaseOffer
from sandbox.aws.catalog.rules.offer_rules import Conflict
from sandbox.aws.catalog.rules.working_copy import Problem, WorkingCopy
from sandbox.aws.eventbridge import marketplace_events
from sandbox.aws.marketplace_state import ChangeSet, Offer, RacePoint
from sandbox.aws.protocol import AwsError, Members
from sandbox.marketplace import buyers, race_injection
from sandbox.random_ids import new_id
from sandbox.world import World

RUNNING_STATUSES = ("PREPARING", "APPLYING")
MAX_OFFERS_AT_ONCE = 20


class ChangeSets:
    def __init__(self, world: World) -> None:
        self.world = world

    def start(self, request: Members) -> ChangeSet:
        """Accept a request; a repeated request with the same token starts one change set."""
        token = request.get("ClientRequestToken")
        if token and (started := self._by_token(token)):
            if started.request == request:
                return started
            message = f"The token was used for another request: change set {started.id}"
            raise field_error("/ClientRequestToken", message)
        changes = parse_changes(self.world, request)
        self._check_locks(_targets(changes))
        change_set = ChangeSet(
            new_id("", 25),
            request.get("ChangeSetName"),
            token or "",
            self.world.now(),
            [change.change for change in changes],
            request=request,
            locked_entities=_targets(changes),
        )
        self.world.aws.change_sets[change_set.id] = change_set
        checked, finished = self._times(change_set)
        self.world.schedule(checked, lambda _: self._check(change_set, changes, finished))
        self._accept_at("submitted", change_set.locked_entities)
        return change_set

    def cancel(self, change_set: ChangeSet) -> None:
        """Cancel a change set; possible only before it is applied."""
        if change_set.status == "APPLYING":
            raise AwsError(
                "ResourceInUseException",
                f"Change set {change_set.id} is APPLYING and can't be cancelled.",
            )
        if change_set.status != "PREPARING":
            raise field_error("/ChangeSetId", f"Change set {change_set.id} is {change_set.status}")
        self._finish(change_set, "CANCELLED")

    def _by_token(self, token: str) -> ChangeSet | None:
        every = self.world.aws.change_sets.values()
        return next((each for each in every if each.token == token), None)

    def _check_locks(self, targets: list[str]) -> None:
        every = self.world.aws.change_sets.values()
        running = [each for each in every if each.status in RUNNING_STATUSES]
        for each in running:
            existing = {entity for entity in each.locked_entities if not entity.startswith("$")}
            if locked := existing & set(targets):
                raise AwsError(
                    "ResourceInUseException",
                    "Requested change set has entities locked by change sets -"
                    f" Entity: '{min(locked)}' ChangeSetId: '{each.id}'",
                )
        in_progress = sum(len(each.locked_entities) for each in running)
        if self.world.aws.throttle and in_progress + len(targets) > MAX_OFFERS_AT_ONCE:
            raise AwsError(
                "ServiceQuotaExceededException",
                f"{MAX_OFFERS_AT_ONCE} offers are being created or updated.",
            )

    def _times(self, change_set: ChangeSet) -> tuple[datetime, datetime]:
        """When the check ends, and when the changes are applied."""
        processing = self.world.aws.change_set_processing
        offers = [self.world.aws.offers.get(target) for target in change_set.locked_entities]
        update = all(offer and offer.state == "Released" for offer in offers)
        minutes = processing.update_minutes if update else processing.publish_minutes
        checking = min(processing.preparing_minutes, minutes / 2)
        start = change_set.started_at
        return start + timedelta(minutes=checking), start + timedelta(minutes=minutes)

    def _check(
        self, change_set: ChangeSet, changes: list[RequestedChange], finished: datetime
    ) -> None:
        if change_set.status != "PREPARING":
            return
        working_copy = WorkingCopy(self.world, change_set.started_at.date())
        created = _dry_run(working_copy, changes)
        failures = self.world.aws.change_set_processing.failures
        failure = None
        if failures and not any(change.change.errors for change in changes):
            failure = failures.pop(0)
            if failure != "SERVER_FAULT":
                _add_error(changes[-1], Problem(failure, "This failure was injected."))
        if any(change.change.errors for change in changes):
            change_set.failure_code = "CLIENT_ERROR"
            self._finish(change_set, "FAILED")
            return
        change_set.status = "APPLYING"

        def apply(_: datetime) -> None:
            if failure:
                change_set.failure_code = failure
                change_set.failure_description = "There was a fault in AWS. Try again."
                self._finish(change_set, "FAILED")
                return
            self._accept_at("applying", change_set.locked_entities)
            for change in changes:
                if change.target in created:
                    change.change.entity_id = f"{created[change.target]}@1"
            self._commit(working_copy)
            self._finish(change_set, "SUCCEEDED")

        self.world.schedule(finished, apply)

    def _commit(self, working_copy: WorkingCopy) -> None:
        released = working_copy.save()
        for offer in working_copy.offers.values():
            buyers.schedule_acceptances(self.world, offer)
            race_injection.schedule_last_second(self.world, offer)
        for offer in released:
            marketplace_events.send_offer_released(self.world, offer)
        self._accept_at("released", [offer.id for offer in released])

    def _accept_at(self, point: RacePoint, entities: list[str]) -> None:
        for entity_id in entities:
            if entity_id in self.world.aws.offers:
                race_injection.accept_at(self.world, point, entity_id)

    def _finish(self, change_set: ChangeSet, status: str) -> None:
        change_set.status = status
        change_set.ended_at = self.world.now()
        marketplace_events.send_change_set_ended(self.world, change_set)


def _targets(changes: list[RequestedChange]) -> list[str]:
    return sorted({each.target for each in changes})


def _dry_run(working_copy: WorkingCopy, changes: list[RequestedChange]) -> dict[str, str]:
    """Apply all changes to the working copy and record their errors.

    Returns the ids of the created offers, by the target that the changes use for them.
    """
    created: dict[str, str] = {}
    for change in changes:
        match change.details:
            case CreateOffer():
                created[change.target] = working_copy.add(rules.new_offer(change.details))
            case CreateReplacementOffer():
                agreement = working_copy.world.aws.agreements[change.details.agreement_id]
                if agreement.status != "ACTIVE":
                    _add_error(change, offer_rules.ended(agreement))
                offer = rules.replacement_offer(change.details, agreement)
                created[change.target] = working_copy.add(offer)
    for target in _targets(changes):
        own = [change for change in changes if change.target == target]
        _dry_run_offer(working_copy, own, working_copy.offer(created.get(target, target)))
    return created


def _dry_run_offer(working_copy: WorkingCopy, changes: list[RequestedChange], offer: Offer) -> None:
    by_type = {change.change.type: change for change in changes}
    releases = by_type.get(ReleaseOffer.__name__)
    for change in changes:
        if change is not releases:
            for problem in rules.apply(change.details, offer, working_copy):
                _add_error(change, problem)
    for conflict in offer_rules.conflicts(offer, working_copy.today):
        blamed = [by_type[each] for each in conflict.changes if each in by_type]
        for change in blamed[:1]:
            _add_error(change, conflict)
    if releases:
        for problem in offer_rules.check_release(offer, working_copy):
            _add_error(releases, problem)
        offer.state = "Released"


def _add_error(change: RequestedChange, problem: Problem | Conflict) -> None:
    change.change.errors.append({"ErrorCode": problem.code, "ErrorMessage": problem.message})
