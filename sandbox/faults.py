"""Faults to inject into calls, as set over the control API."""

from dataclasses import dataclass
from typing import Any

SYSTEMS = ("catalog", "agreement", "s3", "sts", "events", "clazar", "salesforce", "smtp")

BODY_KINDS = ("malformed", "html", "truncated", "oversized")
"""The operation is not executed, and the answer is not the vendor's: status 200 with a body that is
no JSON; status 200 with a page; half a body, then the connection is closed; JSON of `size` bytes
without any of the vendor's members.  SMTP has them as replies that are none."""
KINDS = ("status", "timeout_before", "timeout_after", "drop_before", "drop_after", *BODY_KINDS)
"""`status`: an HTTP status or SMTP reply code, and the operation is not executed.  Before or after
the operation is executed, `timeout`: no answer for `delay_seconds`; `drop`: the connection is
closed."""

EVENT_KINDS = ("duplicate", "lose", "delay", "reorder")
"""Faults of the system `events`, the events that AWS sends.  `delay`: by `delay_seconds`;
`reorder`: after the next event."""


@dataclass
class Fault:
    """A fault for the next `times` matching calls; None: for all, until it is cleared."""

    system: str
    """One of `SYSTEMS`; `events` are those that AWS sends."""
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
    size: int = 60_000_000
    """Bytes of an `oversized` body."""

    @property
    def body(self) -> str:
        """The body of one of the `BODY_KINDS`, before it is cut off."""
        match self.kind:
            case "malformed":
                return '{"results": ['
            case "html":
                return "<!doctype html><title>We will be back soon</title>"
        padding = self.size if self.kind == "oversized" else 1000
        return f'{{"padding": "{"x" * padding}"}}'


class VendorFaults:
    def __init__(self, system: str, waiting: list[Fault]) -> None:
        self._system = system
        self._waiting = waiting

    def down(self) -> None:
        """Answer every call with 503, the mail server with 421, until the faults are cleared."""
        self.answer(421 if self._system == "smtp" else 503, times=None)

    def answer(self, status: int, operation: str | None = None, **options: Any) -> None:
        self.add("status", operation, status=status, **options)

    def lose_request(self, operation: str | None = None, **options: Any) -> None:
        """Close the connection before the operation is executed."""
        self.add("drop_before", operation, **options)

    def lose_answer(self, operation: str | None = None, **options: Any) -> None:
        """Close the connection after the operation was executed."""
        self.add("drop_after", operation, **options)

    def add(self, kind: str, operation: str | None = None, **options: Any) -> None:
        self._waiting.append(Fault(self._system, kind, operation, **options))


class Faults:
    """The faults that no call has used up yet."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.catalog, self.agreement, self.s3, self.sts, self.events, *others = (
            VendorFaults(system, self.waiting) for system in SYSTEMS
        )
        self.clazar, self.salesforce, self.smtp = others

    def clear(self) -> None:
        self.waiting.clear()

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
