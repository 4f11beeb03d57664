"""The owner hears of an agreement's end, and of its renewal."""

import asyncio
from datetime import timedelta
from pathlib import Path

from offers.agreements.renewal import day_after
from offers.stage import Stage
from tests.support.workflow_harness import (
    OPPORTUNITY,
    POLICY,
    WorkflowHarness,
    open_harness,
    opportunity_fields,
)
from workflows.schedules.policy_watch import PolicyWatch

RENEWAL = "0065g00000ZyXwVAAV"


def ending_mails(harness: WorkflowHarness) -> list[tuple[int, str]]:
    """How many days before the end each mail about it was sent, and what it says."""
    end = harness.agreement().end
    return [
        ((end.date() - mail.received_at.date()).days, mail.text)
        for mail in harness.world.mail.messages
        if mail.subject.startswith(f"Ends on {end:%F}") and "owner@example.com" in mail.recipients
    ]


async def advance_to_days_before_end(harness: WorkflowHarness, days: int) -> None:
    await harness.sleep(harness.agreement().end - timedelta(days=days) - harness.time())
    await harness.settle()


async def test_reminders_until_the_renewal_is_accepted(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.advance(days=40)
    await harness.sweep_payouts()
    await harness.advance_until(Stage.DISBURSED)
    earlier = harness.agreement()
    harness.visibility.is_down = True
    await advance_to_days_before_end(harness, 70)
    harness.visibility.is_down = False
    ((days, text),) = ending_mails(harness)
    assert days == 90
    assert "Whether a renewal is on the way could not be read" in " ".join(text.split())
    assert "Value: USD 120,000.00" in text
    assert "does not renew by itself" in " ".join(text.split())

    start = day_after(earlier.end)
    harness.world.salesforce.put_opportunity(
        opportunity_fields(
            RENEWAL,
            Renews__c=OPPORTUNITY[:15],
            Contract_Start__c=f"{start}",
            Offer_Expires_On__c=f"{start - timedelta(days=2)}",
        )
    )
    await harness.client.start(RENEWAL)
    renewal = await harness.advance_until(Stage.SHARED, path=RENEWAL)
    assert renewal.renews == earlier.id
    offer = harness.world.aws.offers[renewal.require_offer_id()]
    assert offer.pre_existing_agreement == {
        "AcquisitionChannel": "AwsMarketplace",
        "PricingModel": "Contract",
    }
    await advance_to_days_before_end(harness, 50)
    _, (days, text) = ending_mails(harness)
    assert days == 60
    assert "The offer that renews it is shared:" in text
    assert f"offerflow show {RENEWAL}" in text

    harness.accept(renewal)
    await harness.watch_agreements()
    await harness.advance_until(Stage.ACCEPTED, path=RENEWAL)
    await advance_to_days_before_end(harness, 20)
    assert len(ending_mails(harness)) == 2


async def test_days_are_those_of_the_policy_now(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    before = POLICY.read_text(encoding="utf-8")
    policy.write_text(before, encoding="utf-8")
    async with open_harness(policy=policy, can_stop_worker=True) as harness:
        await harness.sell()
        await harness.advance(days=150)  # nothing else wakes it any more
        await harness.stop_worker()
        changed = f"renewal_reminder_days = [360, 200]\n{before}"
        await asyncio.to_thread(policy.write_text, changed, encoding="utf-8")
        await harness.start_worker()
        assert await harness.run_schedule(PolicyWatch, None)
        await harness.settle()
        await advance_to_days_before_end(harness, 190)
        ((days, text),) = ending_mails(harness)
        assert days == 200
        assert "No renewal of it is on the way" in text
