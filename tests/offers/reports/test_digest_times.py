"""Each owner gets one digest on each working day, in any time zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.policy.digest import DigestRules, Weekday
from offers.preflight.draft import known_time_zones
from offers.reports.digest_times import DigestSchedule
from offers.terms.contacts import Owner

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 366
ZONES = sorted(known_time_zones())
TIMES = [time(hour, minute) for hour in range(20) for minute in (0, 15, 30)]


def owner(zone: str | None) -> Owner:
    return Owner(owner_email="owner@example.com", owner_time_zone=zone)


def digest_times(schedule: DigestSchedule, outages: list[tuple[int, int, int]]) -> list[datetime]:
    """When an owner gets a digest in a year of hourly runs, some of which are missed."""
    missed = {day * 24 + hour + n for day, hour, length in outages for n in range(length)}
    found: list[datetime] = []
    next_at = BEGIN
    for number in range(DAYS * 24):
        now = BEGIN + number * HOUR
        if number in missed or next_at > now:
            continue
        if schedule.is_due(found[-1] if found else LONG_AGO, now):
            found.append(now)
        next_at = schedule.next(now)
    return found


def working_days(rules: DigestRules) -> list[date]:
    """The working days of the year, without its first and last days."""
    numbers = {list(Weekday).index(day) for day in rules.days}
    days = [BEGIN.date() + timedelta(days=n) for n in range(2, DAYS - 2)]
    return [day for day in days if day.weekday() in numbers]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    at=st.sampled_from(TIMES),
    days=st.sets(st.sampled_from(Weekday), min_size=1),
    # Up to three hours a day: a run in the fourth hour is still in time.
    outages=st.lists(
        st.tuples(st.integers(0, DAYS), st.integers(0, 20), st.integers(1, 3)),
        unique_by=lambda outage: outage[0],
        max_size=100,
    ),
)
@example(
    "Europe/Berlin", time(2, 30), {*Weekday}, []
)  # an hour that is skipped, and one that occurs twice
@example("Africa/Cairo", time(0), {*Weekday}, [])  # the clock changes at midnight
@example("Australia/Lord_Howe", time(2), {*Weekday}, [])  # the clock changes by half an hour
@example("Asia/Kathmandu", time(8), {*Weekday}, [(d, 2, 3) for d in range(DAYS)])
@example("Pacific/Kiritimati", time(8), {Weekday.SAT}, [])
def test_one_digest_on_each_working_day(
    zone: str, at: time, days: set[Weekday], outages: list[tuple[int, int, int]]
) -> None:
    rules = DigestRules(at=at, days=tuple(days))
    runs = digest_times(DigestSchedule(owner(zone), rules), outages)
    local = [run.astimezone(ZoneInfo(zone)) for run in runs]
    expected = working_days(rules)
    inside = [each.date() for each in local if expected[0] <= each.date() <= expected[-1]]
    assert inside == expected


@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES))
def test_digest_is_within_its_hour(zone: str) -> None:
    # The first one may be late, because the owner was not known before.
    for run in digest_times(DigestSchedule(owner(zone), DigestRules()), [])[1:]:
        local = run.astimezone(ZoneInfo(zone))
        assert local.hour == 8
        assert local.weekday() < 5


def test_late_run_waits_for_the_next_morning() -> None:
    schedule = DigestSchedule(owner("Europe/Berlin"), DigestRules())
    friday = datetime(2026, 3, 6, 7, tzinfo=UTC)
    assert schedule.is_due(LONG_AGO, friday + timedelta(hours=3, minutes=59))
    assert not schedule.is_due(LONG_AGO, friday + timedelta(hours=4))
    assert not schedule.is_due(LONG_AGO, friday - HOUR)
    assert schedule.next(friday) == datetime(2026, 3, 9, 7, tzinfo=UTC)
    monday = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
    assert schedule.previous(monday) == friday
    assert schedule.is_due(friday, monday)
    assert not schedule.is_due(monday, monday + HOUR)


def test_owner_who_changes_time_zone_gets_one_digest_a_day() -> None:
    sent_in_berlin = datetime(2026, 3, 9, 7, tzinfo=UTC)
    in_new_york = DigestSchedule(owner("America/New_York"), DigestRules())
    assert not in_new_york.is_due(sent_in_berlin, datetime(2026, 3, 9, 12, tzinfo=UTC))
    assert in_new_york.is_due(sent_in_berlin, datetime(2026, 3, 10, 12, tzinfo=UTC))


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "../etc/passwd", "America", 5])
def test_unknown_time_zone_is_replaced_by_that_of_the_policy(zone: object) -> None:
    known = Owner.model_validate({"owner_email": "owner@example.com", "owner_time_zone": zone})
    rules = DigestRules(time_zone="Asia/Tokyo")
    assert DigestSchedule(known, rules).next(BEGIN) == datetime(2026, 1, 1, 23, tzinfo=UTC)


@pytest.mark.parametrize("wrong", [{"at": "08:00Z"}, {"at": "20:01"}, {"days": []}, {"on": 1}])
def test_invalid_digest_rules_are_rejected(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DigestRules.model_validate(wrong)
