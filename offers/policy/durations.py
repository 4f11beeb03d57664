"""Durations that a policy can name (ISO 8601 in its file)."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

YEAR = timedelta(days=366)
Wait = Annotated[timedelta, Field(ge=timedelta(), le=YEAR)]
Interval = Annotated[timedelta, Field(ge=timedelta(seconds=1), le=YEAR)]
Reminders = Annotated[tuple[Wait, ...], AfterValidator(lambda times: tuple(sorted(set(times))))]
"""How long after something a reminder is sent."""
