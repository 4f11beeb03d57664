"""Rate limits.

They are measured in real time as on the wire, even where a test lets business time stand; whoever
makes one has `World.scale` for how much faster business time runs.
"""

import time
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Rate:
    """At most `calls` in any `seconds` of real time."""

    calls: int
    seconds: float
    _times: deque[float] = field(default_factory=deque)

    def wait(self) -> float:
        """0 if a call is let through now, and counted; else the seconds until one would be."""
        now = time.monotonic()
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        if len(self._times) >= self.calls:
            return self._times[0] + self.seconds - now
        self._times.append(now)
        return 0
