"""The watch of the policy."""

from activities.policy import SellingPolicy, digest
from offers.policy.policy import Policy
from tests.support.vendors import run_activity


class NoClient:
    """Every call fails."""


async def test_known_policy_asks_temporal_nothing() -> None:
    policy = Policy(reminder_days=(5,))
    watch = SellingPolicy(policy, NoClient())  # type: ignore[arg-type]
    known = digest(policy)
    assert await run_activity(watch.signal_policy_change, known) == known


def test_digest_is_of_people_and_reminders() -> None:
    policy = Policy()
    assert digest(policy.model_copy(update={"days_to_accept": 9})) == digest(policy)
    for change in ({"reminder_days": (5,)}, {"roles": {"finance": ("a@example.com",)}}):
        assert digest(policy.model_copy(update=change)) != digest(policy)
    payouts = policy.payouts.model_copy(update={"remind_after": ()})
    assert digest(policy.model_copy(update={"payouts": payouts})) != digest(policy)
