"""People and reminders are those of the policy as it is now, not as it was at the draft."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from activities.email.message import EmailKind
from client.offer_client import RequestRejected
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.stage import Stage
from tests.support.workflow_harness import OPPORTUNITY, POLICY, WorkflowHarness, open_harness
from workflows.schedules.policy_watch import PolicyWatch

DESK, SUCCESSOR = "desk@example.com", "successor@example.com"
TWO_YEARS = {"Contract_Months__c": 24.0}


def with_roles(before: str, *, deal_desk: str, rest: str = "") -> str:
    """The tests' policy with one other holder of a role."""
    return rest + before.replace(
        'deal-desk = ["desk@example.com", "second@example.com"]', f'deal-desk = ["{deal_desk}"]'
    )


async def change_policy(harness: WorkflowHarness, policy: Path, text: str) -> None:
    """Start the workers again with another policy, and let its Schedule run once."""
    await harness.stop_worker()
    await asyncio.to_thread(policy.write_text, text, encoding="utf-8")
    await harness.start_worker()
    assert await harness.run_schedule(PolicyWatch, None)
    await harness.settle()


def received(harness: WorkflowHarness, address: str) -> list[str]:
    return [mail.subject for mail in harness.world.mail.messages if address in mail.recipients]


async def test_whoever_holds_the_role_now_approves(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    before = POLICY.read_text(encoding="utf-8")
    policy.write_text(before, encoding="utf-8")
    async with open_harness(policy=policy, can_stop_worker=True) as harness:
        harness.put_opportunity(**TWO_YEARS)
        await harness.start()
        await harness.settle()
        await change_policy(harness, policy, with_roles(before, deal_desk=SUCCESSOR))
        assert received(harness, SUCCESSOR) == ["Approval required: the offer for Example Corp"]
        with pytest.raises(RequestRejected, match="needs the role deal-desk"):
            await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=SUCCESSOR))
        shared = await harness.advance_until(Stage.SHARED)
        assert [each.by for each in shared.decisions] == [SUCCESSOR]
        assert received(harness, SUCCESSOR)[1:] == [
            "Approved: exceptions in the offer for Example Corp"
        ]
        assert len(received(harness, DESK)) == 1, "who left the role still gets its mails"


async def test_decision_does_not_wait_for_the_schedule(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    before = POLICY.read_text(encoding="utf-8")
    policy.write_text(before, encoding="utf-8")
    async with open_harness(policy=policy, can_stop_worker=True) as harness:
        harness.put_opportunity(**TWO_YEARS)
        await harness.start()
        await harness.settle()
        await harness.stop_worker()
        await asyncio.to_thread(
            policy.write_text, with_roles(before, deal_desk=SUCCESSOR), encoding="utf-8"
        )
        await harness.start_worker()
        with pytest.raises(RequestRejected, match="needs the role deal-desk"):
            await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
        record = await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=SUCCESSOR))
        assert [each.by for each in record.decisions] == [SUCCESSOR]


async def test_rules_stay_those_that_the_deal_was_checked_against(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    before = POLICY.read_text(encoding="utf-8")
    policy.write_text(before, encoding="utf-8")
    async with open_harness(policy=policy, can_stop_worker=True) as harness:
        shared = await harness.share()
        await change_policy(
            harness, policy, with_roles(before, deal_desk=DESK, rest='expiry_grace = "PT9H"\n')
        )
        record = await harness.record()
        assert record.policy.expiry_grace == shared.policy.expiry_grace
        assert record.policy.roles["deal-desk"] == (DESK,)


async def test_buyers_are_reminded_on_the_days_of_the_policy_now(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    before = POLICY.read_text(encoding="utf-8")
    policy.write_text(before, encoding="utf-8")
    async with open_harness(policy=policy, can_stop_worker=True) as harness:
        shared = await harness.share()
        end = shared.require_terms().availability_end
        await change_policy(harness, policy, "reminder_days = [20, 10]\n" + before)
        await harness.advance(days=29)
        _, *reminders = [
            mail for mail in harness.world.mail.messages if "buyer@example.com" in mail.recipients
        ]
        assert [(end - mail.received_at.date()).days for mail in reminders] == [20, 10]


async def test_days_that_are_over_by_then_are_left_out(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    before = POLICY.read_text(encoding="utf-8")
    policy.write_text(before, encoding="utf-8")
    async with open_harness(policy=policy, can_stop_worker=True) as harness:
        await harness.share()
        await harness.advance(days=15)
        await change_policy(harness, policy, "reminder_days = [20]\n" + before)
        await harness.advance(days=1)
        assert len(received(harness, "buyer@example.com")) == 1


async def test_same_policy_signals_nobody(harness: WorkflowHarness) -> None:
    await harness.share()
    assert await harness.run_schedule(PolicyWatch, None)
    await harness.settle()
    events = await harness.history_events()
    await harness.handle.signal("policy_changed")
    await harness.settle()
    assert len(await harness.history_events()) == len(events) + 2, "more than signal and marker"


async def test_everybody_hears_of_a_decision(harness: WorkflowHarness) -> None:
    harness.put_opportunity(**TWO_YEARS)
    await harness.start()
    await harness.settle()
    sent = len(harness.world.mail.messages)
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, reason="a new customer"))
    await harness.settle()
    (mail,) = [
        each for each in harness.world.mail.messages[sent:] if each.subject.startswith("Approved")
    ]
    assert set(mail.recipients) == {DESK, "second@example.com", "owner@example.com"}
    text = " ".join(mail.text.split())
    assert f"{DESK} approved exceptions to the selling rules" in text
    assert "Reason: a new customer" in text
    assert f"If you are {DESK} and it was not you" in text
    assert "nobody has verified who decided" in text
    assert f"offerflow decline {OPPORTUNITY} --finding not-annual:" in text
    decided = harness.salesforce_fields()["Offer_Decisions__c"]
    assert decided.endswith(f"approved by {DESK}: not-annual")


async def test_who_asked_is_on_record(harness: WorkflowHarness) -> None:
    client = harness.client_of("asks@example.com")
    harness.put_opportunity(Order_Form_Signed__c=False)
    await harness.start()
    await harness.settle()
    harness.put_opportunity()
    await client.resume(OPPORTUNITY)
    shared = await harness.advance_until(Stage.SHARED)
    await client.resend(OPPORTUNITY)
    terms = shared.require_terms()
    later = (terms.availability_end + timedelta(days=2)).isoformat()
    async with harness.advance_until_answered(
        client.amend(OPPORTUNITY, TermChanges(terms={"availability_end": later}))
    ):
        pass
    await harness.settle()
    await harness.handle.signal("cancel", "by hand")
    ended = await harness.advance_until(Stage.CANCELLED)
    assert [(each.kind.value, each.by) for each in ended.requests] == [
        ("resume", "asks@example.com"),
        ("resend", "asks@example.com"),
        ("amend", "asks@example.com"),
        ("cancel", None),
    ]


@pytest.mark.parametrize("address", ["owner@evil.example", "owner@example.com.evil.example"])
async def test_internal_mails_do_not_leave_the_company(
    harness: WorkflowHarness, address: str
) -> None:
    await harness.share()
    with pytest.raises(RequestRejected, match="has a domain that is not the company's"):
        await harness.client.amend(OPPORTUNITY, TermChanges(terms={"owner_email": address}))
    harness.put_opportunity(
        Owner={"Name": "x", "Email": address, "TimeZoneSidKey": "Europe/Berlin"}
    )
    async with harness.advance_until_answered(
        harness.client.amend(OPPORTUNITY, TermChanges(recreate=True))
    ) as amended:
        record = amended.result()
    assert [each.code for each in record.blocking_findings] == ["foreign-owner"]
    await harness.settle()
    assert not received(harness, address)
    assert record.owner is not None
    assert record.owner.owner_email == "owner@example.com"
    assert received(harness, "owner@example.com")[-1].startswith("Action required")


async def test_previous_owner_hears_of_the_next(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.client.amend(OPPORTUNITY, TermChanges(terms={"owner_email": SUCCESSOR}))
    await harness.settle()
    assert received(harness, "owner@example.com") == [
        "Somebody else owns the offer for Example Corp now"
    ]
    assert received(harness, SUCCESSOR) == []


def test_kinds_of_mail_name_their_recipients() -> None:
    assert EmailKind.APPROVAL_DECIDED.summary == "approvers: decided"
