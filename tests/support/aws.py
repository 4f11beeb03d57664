"""AWS in the sandbox, and our activities on it, run as a worker would."""

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
from sandbox.marketplace.buyers import accept
from sandbox.server import Sandbox
from sandbox.world import Agreement
from tests.support.builders import BUYER, terms
from tests.support.workflow_harness import OPPORTUNITY

REQUEST = SubmitOffer(reference=f"offer-{OPPORTUNITY}-rev1", terms=terms())


@dataclass
class Aws:
    """AWS at an instant, and our activities on it."""

    sandbox: Sandbox
    activities: AwsCatalog
    agreements: AwsAgreements
    lookup: MarketplaceLookup
    now: list[datetime]

    def advance(self, **later: float) -> None:
        """Let time pass."""
        self.now[0] += timedelta(**later)
        self.sandbox.world.advance()

    def run(self, activity: Any, argument: Any) -> Any:
        """Run an activity as a worker would."""
        running = ActivityEnvironment()
        running.info = replace(running.info, started_time=self.now[0])
        return running.run(activity, argument)

    def outcome(self, change_set_id: str) -> ChangeSetOutcome:
        """How a change set ends once AWS has had its time."""
        self.advance(minutes=50)
        follow = WaitForChangeSet(change_set_id=change_set_id, polling=PublicationPolling())
        ended = self.run(self.activities.wait_for_change_set, follow)
        assert isinstance(ended, ChangeSetOutcome)
        return ended

    def published_offer(self, change_set_id: str) -> PublishedOffer:
        """The offer that a change set leads to, which must succeed."""
        offer = self.outcome(change_set_id).offer
        assert offer is not None
        return offer

    def release_offer(self, **changes: Any) -> str:
        """Another offer that AWS has made; gives its id."""
        number = len(self.sandbox.world.change_sets) + 1
        request = SubmitOffer(reference=f"offer-{OPPORTUNITY}-rev{number}", terms=terms(**changes))
        return self.published_offer(self.run(self.activities.submit_offer, request)).offer_id

    def accept_offer(self, **changes: Any) -> Agreement:
        """The agreement of an offer that was made and accepted, with what is invoiced at once."""
        made = accept(self.sandbox.world, self.release_offer(**changes), BUYER)
        self.sandbox.world.advance()
        return made
