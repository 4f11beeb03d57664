"""When owners are sent a digest of their offers: a part of a company's policy."""

from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from offers.findings import illegal
from offers.model import FrozenModel
from offers.policy.durations import Wait


class Weekday(StrEnum):
    """A day of the week, in the order of `date.weekday()`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


LATEST = time(20)
"""Later the four hours in which a missed digest still goes out would reach into the next day."""


def _no_number(value: Any) -> Any:
    # pydantic would take a number for seconds since midnight.
    if isinstance(value, time) or (isinstance(value, str) and ":" in value):
        return value
    raise illegal("it is not a time of day", 'Write it as "08:00"')


def _local(at: time) -> time:
    if at.tzinfo is not None or at > LATEST:
        raise illegal(f"it is no local time up to {LATEST:%H:%M}", 'Write it as "08:00"')
    return at


def _some(days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
    if not days:
        raise illegal("no day is named", "Name one, or pause the Schedule owner-digest")
    return days


class DigestRules(FrozenModel, extra="forbid"):
    """When digests are sent, and how far they look ahead."""

    at: Annotated[time, AfterValidator(_local), BeforeValidator(_no_number)] = time(8)
    """Local time where the owner is; the mail goes out within the hour."""
    days: Annotated[tuple[Weekday, ...], AfterValidator(_some)] = tuple(Weekday)[:5]
    """The working days."""
    time_zone: str = Field(default="UTC", max_length=100)
    """IANA name: of the owners whose own zone is not known."""
    look_ahead: Wait = timedelta(days=7)
    """An offer whose last day comes within this time is listed as expiring."""
