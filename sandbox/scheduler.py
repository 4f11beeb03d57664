"""The world's clock, and what is going to happen.

Things that will happen (AWS finishes a change set, a buyer accepts, money is paid out) are put on
an agenda; `advance` lets everything that is due happen, in order of time.  Each system calls
`advance` before it answers, so an answer is always up to date.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime


class Scheduler:
    """Moves by a clock of its own: business time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = itertools.count()
        self._moment: datetime | None = None
        # Tests reach into the world from their own thread, while the sandbox's moves it on.
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """The business time; while a due happening takes place, the instant it was due at."""
        with self._lock:
            return self._moment or self._now()

    def at(self, when: datetime, happen: Callable[[datetime], None]) -> None:
        """Put something on the agenda.  It is called with the instant it was due at."""
        heapq.heappush(self._agenda, (when, next(self._order), happen))

    def advance(self) -> None:
        """Let everything that is due by now happen, in order of time."""
        with self._lock:
            now = self._now()
            while self._agenda and self._agenda[0][0] <= now:
                when, _, happen = heapq.heappop(self._agenda)
                self._moment = when
                try:
                    happen(when)
                finally:
                    self._moment = None

    def stand_at(self, instant: datetime) -> None:
        """From now on business time stands at this instant, until the next call moves it on."""
        now = self.now()
        if instant < now:
            raise ValueError(f"time does not run backwards: it is {now.isoformat()} already")
        instant = instant.astimezone(UTC)
        self._now = lambda: instant
