"""Faults at the vendors' calls of one activity.

While a planned activity runs, each operation of each vendor meets the fault, once in a life; no
other activity runs meanwhile, so a fault is met by the calls of its own activity.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import temporalio.client
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.clazar import client as clazar_client
from activities.email import smtp
from activities.errors import Failure
from activities.salesforce import client as salesforce_client
from runtime import clients
from sandbox.faults import Fault
from sandbox.server import Sandbox
from workflows.common.activity_options import ACTIVITY_OPTIONS

Operation = tuple[str, str]
"""Its system and its name."""

AWS = ("catalog", "agreement")
SHORT_TIMEOUT = 0.5
LARGEST_ANSWER = 300_000
REFUSED = "refused connection"
"""Not a fault of the simulator: the connection fails in the client, once for each vendor."""
FOR_GOOD = "401 for good"
CONNECT = "connect"
NOT_AT_LOGIN = ("locked", "rule refusal")
LOGINS = {("salesforce", "Token"), ("clazar", "Authenticate")}


def _status(status: int, smtp_status: int, **options: Any) -> Callable[[str], Fault]:
    def fault(system: str) -> Fault:
        return Fault(
            system, "status", status=smtp_status if system == "smtp" else status, **options
        )

    return fault


def _kind(kind: str, **options: Any) -> Callable[[str], Fault]:
    return lambda system: Fault(system, kind, **options)


def _codes(**faults: tuple[int, str | None]) -> Callable[[str], Fault | None]:
    """By system: status and code; no fault for the others."""

    def fault(system: str) -> Fault | None:
        if system not in faults:
            return None
        status, code = faults[system]
        return Fault(system, "status", status=status, code=code)

    return fault


EXPIRED = _codes(
    catalog=(403, "ExpiredTokenException"),
    agreement=(403, "ExpiredTokenException"),
    s3=(400, "ExpiredToken"),
    clazar=(401, None),
    salesforce=(401, "INVALID_SESSION_ID"),
    smtp=(530, "5.7.0 Authentication required"),
)


def _expired_for_good(system: str) -> Fault | None:
    fault = EXPIRED(system)
    return fault and replace(fault, times=None)


FAULTS: dict[str, Callable[[str], Fault | None]] = {
    REFUSED: _kind("drop_before"),
    "time-out": _kind("timeout_before", delay_seconds=5),
    "answer lost": _kind("drop_after"),
    "429": _status(429, 451),
    "429, Retry-After": _status(429, 451, retry_after=7),
    "500": _status(500, 451),
    "503": _status(503, 421),
    "malformed": _kind("malformed"),
    "truncated": _kind("truncated"),
    "HTML": _kind("html"),
    "oversized": _kind("oversized", size=LARGEST_ANSWER * 2),
    "401 once": EXPIRED,
    FOR_GOOD: _expired_for_good,
    "403": _codes(
        catalog=(403, "AccessDeniedException"),
        agreement=(403, "AccessDeniedException"),
        s3=(403, "AccessDenied"),
        clazar=(403, None),
        salesforce=(403, "INSUFFICIENT_ACCESS_OR_READONLY"),
        smtp=(535, "5.7.8 Authentication credentials invalid"),
    ),
    "locked": _codes(
        catalog=(423, "ResourceInUseException"),
        salesforce=(400, "ENTITY_IS_LOCKED"),
        smtp=(450, "4.2.1 Mailbox is locked"),
    ),
    "rule refusal": _codes(
        catalog=(422, "ValidationException"),
        agreement=(400, "ValidationException"),
        s3=(400, "InvalidRequest"),
        clazar=(400, None),
        salesforce=(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        smtp=(554, None),
    ),
}
"""By name: the simulator's fault at a system; None where the vendor has no such answer.  The mail
server's replies are the nearest that SMTP has."""

RETRIED = {Failure.UNAVAILABLE, Failure.RATE_LIMITED, Failure.NOT_READY}
EXPECTED_FAILURES: dict[str, Failure] = {
    REFUSED: Failure.UNAVAILABLE,
    "time-out": Failure.UNAVAILABLE,
    "answer lost": Failure.UNAVAILABLE,
    "429": Failure.RATE_LIMITED,
    "429, Retry-After": Failure.RATE_LIMITED,
    "500": Failure.UNAVAILABLE,
    "503": Failure.UNAVAILABLE,
    "malformed": Failure.UNAVAILABLE,
    "truncated": Failure.UNAVAILABLE,
    "HTML": Failure.UNAVAILABLE,
    "oversized": Failure.UNAVAILABLE,
    "401 once": Failure.CREDENTIALS,
    FOR_GOOD: Failure.CREDENTIALS,
    "403": Failure.CREDENTIALS,
    "locked": Failure.NOT_READY,
    "rule refusal": Failure.REJECTED,
}
"""By fault: the failure of the error table in `activities/errors.py`."""


IN_DOUBT = ("time-out", "answer lost", "malformed", "truncated", "HTML", "oversized")
"""After the message itself: the mail may have been sent."""


def expected_failures(fault: str, activity_name: str, operation: Operation) -> set[str | None]:
    """The failures that the error table allows; None: the activity succeeds in spite of it."""
    system, name = operation
    failure = EXPECTED_FAILURES[fault]
    allowed: set[str | None] = {failure}
    renewed = system in ("clazar", "salesforce") and operation not in LOGINS
    if operation == ("catalog", "CancelChangeSet") and fault in ("locked", "rule refusal"):
        allowed = {None}  # so AWS says that it is too late
    elif activity_name == "link_offers" or (fault == "401 once" and renewed):
        allowed = {None}  # the offer's own workflow links it later; a new token is fetched at once
    elif operation == ("salesforce", "Token") and failure in RETRIED:
        allowed = {Failure.UNAVAILABLE}
    elif (activity_name, name) == ("send_to_buyer", "DATA") and fault in IN_DOUBT:
        allowed = {Failure.DELIVERY_UNKNOWN}
    elif system == "smtp" and failure in RETRIED:
        allowed = {Failure.UNAVAILABLE}
    elif (system, fault) == ("s3", "503"):
        allowed = {Failure.RATE_LIMITED}  # SlowDown
    elif system == "s3" and fault in ("403", "rule refusal"):
        # A document that we may not read is a finding about the terms.
        allowed = {Failure.REJECTED, None} if name == "GetObject" else {Failure.CREDENTIALS}
    return allowed


def can_meet(fault: str, operations: Iterable[Operation]) -> bool:
    """Whether a vendor has such an answer to one of these operations."""
    return any(
        FAULTS[fault](system) and not (fault in NOT_AT_LOGIN and (system, name) in LOGINS)
        for system, name in operations
    )


@dataclass
class Attempt:
    """An attempt of an activity, in which calls met a fault; `failure`: None if it succeeded."""

    activity: str
    fault: str
    operations: tuple[Operation, ...]
    failure: str | None

    @property
    def is_expected(self) -> bool:
        """Whether the failure is that of the error table."""
        return any(
            self.failure in expected_failures(self.fault, self.activity, each)
            for each in self.operations
        )


def type_name(each: Callable[..., Any]) -> str:
    """The name of an activity at the server."""
    definition: Any = each.__temporal_activity_definition  # type: ignore[attr-defined]
    return str(definition.name)


ACTIVITIES = tuple(sorted(map(type_name, ACTIVITY_OPTIONS)))


@dataclass
class FaultInjection(temporalio.client.Interceptor, Interceptor):
    """Injects the planned faults, and records what activities call and fail with."""

    plan: Mapping[str, str]
    """By activity: its fault."""
    attempts: list[Attempt] = field(default_factory=list)
    calls: dict[str, set[Operation]] = field(default_factory=dict)
    """By activity: the operations that it called."""
    sandbox: Sandbox | None = None
    """To be set before an activity runs."""
    met: set[tuple[str, Operation]] = field(default_factory=set)
    """By activity: the operations that have met its fault."""
    permanent: set[tuple[str, Operation]] = field(default_factory=set)
    """Those that meet it at each call until a person acts."""
    refusing: dict[int, str] = field(default_factory=dict)
    """By port: the systems whose next connection is refused."""
    _planned_ports: dict[int, str] = field(default_factory=dict)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Run activities one at a time, each with its fault."""
        injection = self

        class Inject(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                async with injection.one_at_a_time:
                    return await injection.run(super().execute_activity(input))

        return Inject(next)

    async def run(self, execution: Any) -> Any:
        """Run an activity with its fault."""
        assert self.sandbox
        world, name = self.sandbox.world, activity.info().activity_type
        before, failure = world.calls.copy(), None
        injected = self._inject(name)
        try:
            return await execution
        except ApplicationError as error:
            failure = error.type
            raise
        except Exception as error:
            failure = type(error).__name__
            raise
        finally:
            made = set((world.calls - before).keys())
            self.calls.setdefault(name, set()).update(made)
            if met := self._met(injected, made):
                self.attempts.append(Attempt(name, self.plan[name], tuple(met), failure))
                marked = {(name, operation) for operation in met}
                (self.permanent if self.plan[name] == FOR_GOOD else self.met).update(marked)

    def end_permanent_faults(self) -> None:
        """No call meets a permanent fault again: a person has removed its cause."""
        self.met |= self.permanent
        self.permanent.clear()

    def _inject(self, name: str) -> list[Fault]:
        assert self.sandbox
        planned = self.plan.get(name)
        if planned is None:
            return []
        if planned == REFUSED:
            self.refusing = {
                port: system
                for port, system in _ports(self.sandbox).items()
                if (name, (system, CONNECT)) not in self.met
            }
            self._planned_ports = dict(self.refusing)
            self.sandbox.disconnect()
            return []
        injected = [
            replace(fault, operation=operation)
            for system, operation in sorted(self.sandbox.world.operations)
            if (name, (system, operation)) not in self.met
            and not (planned in NOT_AT_LOGIN and (system, operation) in LOGINS)
            and (fault := FAULTS[planned](system))
        ]
        self.sandbox.world.faults.waiting += injected
        return injected

    def _met(self, injected: list[Fault], made: set[Operation]) -> list[Operation]:
        """The operations that met the fault; the faults that are left are removed."""
        assert self.sandbox
        waiting, met = self.sandbox.world.faults.waiting, []
        for fault in injected:
            operation = (fault.system, str(fault.operation))
            is_left = any(each is fault for each in waiting)
            if operation in made if fault.times is None else not is_left:
                met.append(operation)
        waiting[:] = [each for each in waiting if not any(each is fault for fault in injected)]
        refused = self._planned_ports.keys() - self.refusing.keys()
        met += [(self._planned_ports[port], CONNECT) for port in sorted(refused)]
        self.refusing, self._planned_ports = {}, {}
        return met


def _ports(sandbox: Sandbox) -> dict[int, str]:
    addresses = sandbox.addresses
    return {
        urlsplit(str(getattr(addresses, system))).port or 0: system
        for system in ("catalog", "agreement", "s3", "clazar", "salesforce", "smtp")
    }


@contextmanager
def patched_clients(injection: FaultInjection) -> Iterator[None]:
    """Clients with short time-outs and a small limit, whose connections can be refused."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        port = address[1] if isinstance(address, tuple) and address[0] == "127.0.0.1" else None
        if port is not None and injection.refusing.pop(port, ""):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(clazar_client, "LARGEST_ANSWER", LARGEST_ANSWER)
        if "time-out" in injection.plan.values():
            patch.setattr(clazar_client, "READ_SECONDS", SHORT_TIMEOUT)
            patch.setattr(smtp, "TIMEOUT_SECONDS", SHORT_TIMEOUT)
            patch.setattr(salesforce_client, "TIMEOUT_SECONDS", (3.05, SHORT_TIMEOUT))
            patch.setattr(clients.AWS_CALLS, "read_timeout", SHORT_TIMEOUT)
        yield
