"""Delivery of AWS's events to an EventBridge, with injected faults."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Timer
from typing import Any

from sandbox.faults import Fault

logger = logging.getLogger(__name__)

Event = dict[str, Any]
"""An entry of EventBridge's PutEvents."""


class EventBus:
    """Sends events from a thread of its own, so that no caller waits for the delivery."""

    def __init__(self, endpoint: str) -> None:
        # Imported only here, as most runs of the sandbox send no events.
        import boto3
        from botocore.config import Config

        self._eventbridge = boto3.client(
            "events",
            region_name="us-east-1",
            # No retries: AWS delivers these events on a best-effort basis, too.
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
            endpoint_url=endpoint,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # noqa: S106
        )
        self._thread = ThreadPoolExecutor(1, "events")
        self._reordered: list[Event] = []

    def send(self, event: Event, fault: Fault | None = None) -> None:
        """Deliver an event soon, changed by the fault if there is one."""
        match fault:
            case Fault(kind="lose"):
                pass
            case Fault(kind="reorder"):
                self._reordered.append(event)
            case Fault(kind="delay", delay_seconds=seconds):
                later = Timer(seconds, self._deliver, [event])
                later.daemon = True
                later.start()
            case _:
                copies = 2 if fault and fault.kind == "duplicate" else 1
                for each in [event] * copies + self._reordered:
                    self._thread.submit(self._deliver, each)
                self._reordered.clear()

    def close(self) -> None:
        """Deliver the events sent so far and stop."""
        self._thread.shutdown()

    def _deliver(self, event: Event) -> None:
        try:
            self._eventbridge.put_events(Entries=[event])
        except Exception as error:
            logger.warning("an event was lost: %s", error)
