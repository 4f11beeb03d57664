"""The policy as the worker has it now, and telling open offers when it has changed."""

import hashlib

from temporalio import activity
from temporalio.client import Client

from activities.temporal.offer_directory import OfferDirectory
from activities.temporal.signals import OfferSignal, send
from offers.policy.policy import AS_NOW, Policy


class SellingPolicy:
    """Activities on the policy of this worker."""

    def __init__(self, policy: Policy, client: Client) -> None:
        self._policy = policy
        self._client = client

    @activity.defn
    async def read_policy(self) -> Policy:
        """The policy as it is now."""
        return self._policy

    @activity.defn
    async def signal_policy_change(self, known: str | None) -> str:
        """Signal all running offers, unless people and reminders are those of a known digest.

        Returns the digest as it is now.
        """
        now = digest(self._policy)
        if now != known:
            offers = await OfferDirectory(self._client).find_running()
            await send(self._client, (OfferSignal(each, "policy_changed") for each in offers))
        return now


def digest(policy: Policy) -> str:
    """Identifies what of a policy holds as it is now."""
    current = Policy().as_now(policy).model_dump_json(include={*AS_NOW, "payouts"})
    return hashlib.sha256(current.encode()).hexdigest()[:16]
