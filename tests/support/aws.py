"""AWS in the sandbox, and the activities on it, run as a worker runs them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.aws.agreements import AwsAgreements
from activities.aws.catalog import (
    AwsCatalog,
    ChangeSetOutcome,
    SubmitOffer,
    WaitForChangeSet,
)
from activities.aws.marketplace_lookup import MarketplaceLookup
from offers.lifecycle.read_back import PublishedOffer
from offers.policy.policy import PublicationPolling
from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace.buyers import accept
from sandbox.server import Sandbox
from tests.support.builders import BUYER, terms
from tests.support.workflow_harness import OPPORTUNITY

REQUEST = SubmitOffer(reference=f"offer-{OPPORTUNITY}-rev1", terms=terms())


@dataclass
class Aws:
    """AWS at a fixed time, and the activities on it."""

    sandbox: Sandbox
    activities: AwsCatalog
    agreements: AwsAgreements
    lookup: MarketplaceLookup
    now: list[datetime]

    def advance(self, **later: float) -> None:
        """Advance the time."""
        self.now[0] += timedelta(**later)
        self.sandbox.world.advance()

    def run(self, activity: Any, argument: Any) -> Any:
        """Run an activity as a worker runs it."""
        environment = ActivityEnvironment()
        now = self.now[0]
        environment.info = replace(environment.info, scheduled_time=now, started_time=now)
        return environment.run(activity, argument)

    def outcome(self, change_set_id: str) -> ChangeSetOutcome:
        """Advance the time until a change set has ended; returns its outcome."""
        self.advance(minutes=50)
        follow = WaitForChangeSet(change_set_id=change_set_id, polling=PublicationPolling())
        outcome = self.run(self.activities.wait_for_change_set, follow)
        assert isinstance(outcome, ChangeSetOutcome)
        return outcome

    def published_offer(self, change_set_id: str) -> PublishedOffer:
        """The offer of a change set that succeeds."""
        offer = self.outcome(change_set_id).offer
        assert offer is not None
        return offer

    def release_offer(self, **changes: Any) -> str:
        """Create and release another offer; returns its id."""
        number = len(self.sandbox.world.aws.change_sets) + 1
        request = SubmitOffer(reference=f"offer-{OPPORTUNITY}-rev{number}", terms=terms(**changes))
        return self.published_offer(self.run(self.activities.submit_offer, request)).offer_id

    def accept_offer(self, **changes: Any) -> Agreement:
        """Create an offer and accept it; the upfront invoice is issued.  Returns the agreement."""
        agreement = accept(self.sandbox.world, self.release_offer(**changes), BUYER)
        self.sandbox.world.advance()
        return agreement
