"""Rate limits.

They are measured in real time, even where a test stops business time; `World.scale` says how much
faster business time runs.
"""

import time
from collections import deque
from dataclasses import dataclass, field


@dataclass
class RateLimit:
    """At most `calls` in any period of `seconds` real seconds."""

    calls: int
    seconds: float
    _call_times: deque[float] = field(default_factory=deque)

    def acquire(self) -> float:
        """Count a call and return 0 if it is allowed now; else the seconds until it would be."""
        now = time.monotonic()
        while self._call_times and self._call_times[0] <= now - self.seconds:
            self._call_times.popleft()
        if len(self._call_times) >= self.calls:
            return self._call_times[0] + self.seconds - now
        self._call_times.append(now)
        return 0
