"""Faults to inject into calls, as set over the control API."""

from dataclasses import dataclass, field

KINDS = {
    "status": "answer with an HTTP status (or SMTP reply code); the operation is not executed",
    "timeout_before": "do not execute the operation, and do not answer for `delay_seconds`",
    "timeout_after": "execute the operation, and do not answer for `delay_seconds`",
    "drop_before": "do not execute the operation, and close the connection",
    "drop_after": "execute the operation, and close the connection without an answer",
}

EVENT_KINDS = {
    "duplicate": "send the event twice",
    "lose": "do not send the event",
    "delay": "send the event `delay_seconds` later",
    "reorder": "send the event after the next one",
}
"""Faults of the system `events`: the events that AWS sends."""


@dataclass
class Fault:
    """A fault for the next `times` matching calls; None: for all, until it is cleared."""

    system: str
    """`catalog`, `agreement`, `clazar`, `salesforce`, `smtp`, `s3` or `events`."""
    kind: str
    """One of `KINDS`; for `events`, of `EVENT_KINDS`."""
    operation: str | None = None
    """The operation, such as `StartChangeSet`, or an event's detail-type; None: every operation
    of the system."""
    times: int | None = 1
    status: int = 500
    code: str | None = None
    """The vendor's error code to answer with; None: the default for that status."""
    retry_after: float | None = None
    """Seconds, for the `Retry-After` header."""
    delay_seconds: float = 30
    """Real seconds without an answer (`timeout_…`), or until an event is sent (`delay`)."""


@dataclass
class Faults:
    """The faults that no call has used up yet."""

    waiting: list[Fault] = field(default_factory=list)

    def take(self, system: str, operation: str) -> Fault | None:
        """The fault for this call, if any; this counts as one of its `times`."""
        for fault in self.waiting:
            if fault.system == system and fault.operation in (None, operation):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.waiting.remove(fault)
                return fault
        return None
