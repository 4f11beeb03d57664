"""Durations that a policy can name (ISO 8601 in its file)."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from offers.findings import illegal

YEAR = timedelta(days=366)


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta) or (isinstance(value, str) and value[:1] == "P"):
        return value
    # pydantic would take a number for seconds.
    raise illegal("it is not a duration", "Write it as PT5M, PT2H or P30D")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Wait = Annotated[Duration, Field(ge=timedelta(), le=YEAR)]
Interval = Annotated[Duration, Field(ge=timedelta(seconds=1), le=YEAR)]
Reminders = Annotated[tuple[Wait, ...], AfterValidator(lambda times: tuple(sorted(set(times))))]
"""How long after something a reminder is sent."""
