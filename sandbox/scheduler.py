"""Business time, and the calls that are due at a later time.

Whatever happens later (AWS finishes a change set, a buyer accepts, a payout is made) is scheduled
as a call; `advance` makes all calls that are due, in order of time.  Each simulated system calls
`advance` before it answers a request, so an answer is always up to date.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime


class Scheduler:
    """Calls in order of business time.  All instants are UTC."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._calls: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = itertools.count()
        self._due_time: datetime | None = None
        # Tests change the world from their own thread, while the server's thread calls `advance`.
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """The business time; during a scheduled call, the instant at which the call was due."""
        with self._lock:
            return self._due_time or self._now()

    def schedule(self, when: datetime, call: Callable[[datetime], None]) -> None:
        heapq.heappush(self._calls, (when, next(self._order), call))

    def advance(self) -> None:
        """Make all calls that are due by now, in order of time."""
        with self._lock:
            now = self._now()
            while self._calls and self._calls[0][0] <= now:
                when, _, call = heapq.heappop(self._calls)
                self._due_time = when
                try:
                    call(when)
                finally:
                    self._due_time = None

    def set_time(self, instant: datetime, *, speed: float = 0) -> None:
        """Stop business time at this instant; only the next call of this method moves it on.

        `speed`: it goes on from there, by so many seconds in a real one.
        """
        now = self.now()
        if instant < now:
            raise ValueError(f"time cannot go back: it is {now.isoformat()} already")
        instant = instant.astimezone(UTC)
        since = datetime.now(UTC)
        self._now = lambda: instant + (datetime.now(UTC) - since) * speed
