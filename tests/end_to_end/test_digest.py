"""Owners get a digest of their offers in the morning, if there is something to report."""

from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    ScheduleActionStartWorkflow,
    WorkflowHandle,
)

from offers.clock import Clock
from offers.ids import parse_opportunity_id
from offers.policy.digest import DigestRules, Weekday
from offers.policy.policy import Policy
from offers.reports.digest import SETTLED
from offers.stage import Stage
from runtime import schedules
from runtime.schedules import OWNER_DIGEST
from sandbox.mail.mailbox_state import Mail
from tests.support.offer_environment import OfferEnvironment
from tests.support.workflow_harness import opportunity_fields
from workflows.schedules.owner_digest import DigestPosition

DAY = timedelta(days=1)


def clock_past_settling() -> Clock:
    """A clock that is ahead by more than `SETTLED`, so that what happens now is settled."""
    return Clock(scale=1 + 2 * SETTLED / DAY, origin=datetime.now(UTC) - DAY)


def zone(hour: int, now: datetime) -> str:
    """A time zone in which it is this hour of the day now."""
    east = (hour - now.hour + 12) % 24 - 12
    return f"Etc/GMT{-east:+d}"


def put(
    environment: OfferEnvironment, number: int, owner: str, time_zone: str, **fields: Any
) -> str:
    each = parse_opportunity_id(f"006OWNED{number:07}")
    owned = {
        "AWS_Account_Id__c": f"{555500000000 + number}",
        "Owner": {"Name": owner, "Email": f"{owner}@example.com", "TimeZoneSidKey": time_zone},
    }
    environment.world.salesforce.put_opportunity(opportunity_fields(each, **owned | fields))
    return each


async def calls(workflow: WorkflowHandle[Any, DigestPosition]) -> int:
    history = await workflow.fetch_history()
    scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    return sum(event.event_type == scheduled for event in history.events)


def sent(environment: OfferEnvironment) -> dict[str, Mail]:
    """The digests so far by recipient; at most one each."""
    mails = [
        mail
        for mail in environment.world.mail.messages
        if mail.subject.startswith("Your private offers")
    ]
    by_owner = {mail.recipients[0].partition("@")[0]: mail for mail in mails}
    assert len(by_owner) == len(mails)
    return by_owner


async def test_owners_get_a_digest_in_their_morning(environment: OfferEnvironment) -> None:
    clock = clock_past_settling()
    now = clock.business_time(datetime.now(UTC))
    # Hours that are not over before the test is.
    morning, evening = zone(9, now), zone(19, now)
    soon = {"Offer_Expires_On__c": (now + 3 * DAY).date().isoformat()}
    late = {"Offer_Expires_On__c": (now + 30 * DAY).date().isoformat()}
    expires = put(environment, 1, "ann", morning, **soon)
    waits = put(environment, 2, "ann", morning, AWS_Account_Id__c="12")
    accepted = put(environment, 3, "ben", morning, **late)
    evenings = put(environment, 4, "cora", evening, **soon)
    unchanged = put(environment, 5, "dan", morning, **late)
    for each in (expires, waits, accepted, evenings, unchanged):
        await environment.client.start(each)
    for each in (expires, accepted, evenings, unchanged):
        await environment.wait_until(each, lambda row: row.stage == Stage.SHARED)
    await environment.accept(accepted)
    await environment.run_agreement_watch()
    await environment.wait_until(accepted, lambda row: row.stage == Stage.ACCEPTED)
    await environment.wait_until(waits, lambda row: row.attention == "terms-invalid")
    for each in (expires, waits, accepted, evenings, unchanged):
        await environment.wait_until_idle(each)

    rules = DigestRules(at="08:00", days=tuple(Weekday))
    schedule = schedules.schedules(Policy(digest=rules), clock)[OWNER_DIGEST]
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    # The Schedule must not run by itself meanwhile.
    schedule.spec.intervals[0].offset = timedelta(minutes=(now.minute + 30) % 60)
    digests = await environment.temporal_client.create_schedule(OWNER_DIGEST, schedule)

    environment.world.faults.smtp.answer(550, "RCPT")
    first = await environment.run_schedule(digests, DigestPosition)
    assert len(sent(environment)) == 1, "the second owner got no mail after the first failed"
    assert await calls(first) == 3
    second = await environment.run_schedule(digests, DigestPosition)
    assert await calls(second) == 2, "an owner got a second call"
    mails = sent(environment)
    assert set(mails) == {"ann", "ben"}
    third = await environment.run_schedule(digests, DigestPosition)
    assert await calls(third) == 0, "an owner was called again"
    assert sent(environment) == mails
    assert (await third.result()) == (await second.result())

    ann, ben = mails["ann"], mails["ben"]
    assert ann.subject == "Your private offers: 1 expires soon, 1 needs action"
    assert f"offerflow extend {expires} --until" in ann.text
    assert f"offerflow show {waits}" in ann.text
    assert ben.subject == "Your private offers: 1 accepted"
    assert "USD 120,000.00" in ben.text
    assert accepted in ben.text
    delivered = {each.owner.owner_name: each.delivered_at for each in (await third.result()).owners}
    assert delivered["cora"] < now - timedelta(hours=12), "a digest was sent in the evening"
    assert delivered["ann"] >= now
