"""Business time, and the end of a day."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from offers.clock import Clock, end_of_day


def test_default_clock_is_real_time() -> None:
    now = datetime(2030, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    assert Clock().business_time(now) == now
    assert Clock().real_duration(timedelta(days=30)) == timedelta(days=30)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 2)),  # noqa: DTZ001
    st.timedeltas(timedelta(), timedelta(days=60)),
    st.sampled_from([10.0, 3600.0, 86400.0]),
)
def test_scaled_clock_and_durations_agree(
    start: datetime, business: timedelta, scale: float
) -> None:
    clock = Clock(scale=scale, origin=datetime(2026, 1, 1, tzinfo=UTC))
    real = start.replace(tzinfo=UTC)
    later = clock.business_time(real + clock.real_duration(business))
    assert abs(later - clock.business_time(real) - business) < timedelta(seconds=scale * 1e-5)


def test_end_of_day_is_its_last_second() -> None:
    assert end_of_day(date(2026, 4, 1)) == datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)


def test_slowed_clock_shows_the_same_and_goes_on_from_there() -> None:
    fast = Clock(scale=86_400, origin=datetime(2026, 3, 2, 9, tzinfo=UTC))
    changed = datetime(2026, 3, 2, 9, 0, 40, tzinfo=UTC)
    slow = fast.slowed_down(changed, 60)
    assert slow.business_time(changed) == fast.business_time(changed)
    later = changed + timedelta(seconds=2)
    assert slow.business_time(later) - slow.business_time(changed) == timedelta(minutes=2)
    assert slow.real_duration(timedelta(minutes=2)) == timedelta(seconds=2)
    real = fast.slowed_down(changed, 1)
    assert real.business_time(later) - real.business_time(changed) == timedelta(seconds=2)
