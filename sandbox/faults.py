"""Faults on demand: what goes wrong with a call, chosen over the control API."""

from dataclasses import dataclass, field

KINDS = {
    "status": "answer with an HTTP status (or SMTP reply code) and do nothing",
    "timeout_before": "do nothing and keep the caller waiting",
    "timeout_after": "do it, then keep the caller waiting",
    "drop_before": "do nothing and cut the connection",
    "drop_after": "do it, then cut the connection",
}

EVENT_KINDS = {
    "duplicate": "tell it twice",
    "lose": "do not tell it",
    "late": "tell it `hold_seconds` later",
    "disorder": "tell it after the next one",
}
"""What goes wrong with the events that AWS sends by itself: the system `events`."""


@dataclass
class Fault:
    """One thing that goes wrong.  `times` None: until cleared."""

    system: str
    """`catalog`, `agreement`, `clazar`, `salesforce`, `smtp`, `s3` or `events`."""
    kind: str
    """One of `KINDS`; for `events`, of `EVENT_KINDS`."""
    operation: str | None = None
    """The operation it strikes, such as `StartChangeSet`, or an event's detail-type; None: every
    one of that system."""
    times: int | None = 1
    status: int = 500
    code: str | None = None
    """The vendor's error code to answer with; None: the usual one for that status."""
    retry_after: float | None = None
    """Seconds, for the `Retry-After` header."""
    hold_seconds: float = 30
    """Real seconds that a `timeout_…` fault keeps the caller waiting, or that an event is late."""


@dataclass
class Faults:
    """The faults that wait for a call to strike."""

    waiting: list[Fault] = field(default_factory=list)

    def strike(self, system: str, operation: str) -> Fault | None:
        """The fault that hits this call, used up by it."""
        for fault in self.waiting:
            if fault.system == system and fault.operation in (None, operation):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.waiting.remove(fault)
                return fault
        return None
