"""When an owner's digest is due.

A morning is the policy's local time on a working day, one instant for each such day: also where
clocks are turned, and where that time is skipped or comes twice.

What a machine knows of time zones changes: this is for activities, and never for workflow code.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from offers.policy.digest import DigestRules, Weekday
from offers.preflight.draft import known_time_zones
from offers.terms.contacts import Owner

LATE = timedelta(hours=4)
"""How long after its time a digest is still sent, if a run was missed."""

WEEKDAYS = tuple(Weekday)


class DigestSchedule:
    """The digest times of one owner.  Instants are UTC business time."""

    def __init__(self, owner: Owner, rules: DigestRules) -> None:
        own = owner.owner_time_zone
        self._zone = ZoneInfo(own if own in known_time_zones() else rules.time_zone)
        self._rules = rules

    def latest(self, now: datetime) -> datetime:
        """The latest digest time that has come."""
        day = self.day(now)
        while not self._works(day) or self._morning(day) > now:
            day -= timedelta(days=1)
        return self._morning(day)

    def next(self, now: datetime) -> datetime:
        """The next digest time."""
        day = self.day(now)
        while not self._works(day) or self._morning(day) <= now:
            day += timedelta(days=1)
        return self._morning(day)

    def previous(self, now: datetime) -> datetime:
        """The digest time before the latest one: on a Monday that of Friday."""
        return self.latest(self.latest(now) - timedelta(microseconds=1))

    def is_due(self, told_at: datetime, now: datetime) -> bool:
        """Whether a digest is due, and none was sent on this local day."""
        morning = self.latest(now)
        if now >= morning + LATE:
            return False
        return self.day(told_at) < self.day(morning)

    def day(self, instant: datetime) -> date:
        """The local day."""
        return instant.astimezone(self._zone).date()

    def _works(self, day: date) -> bool:
        return WEEKDAYS[day.weekday()] in self._rules.days

    def _morning(self, day: date) -> datetime:
        return datetime.combine(day, self._rules.at, self._zone).astimezone(UTC)
