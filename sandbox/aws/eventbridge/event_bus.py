"""Delivery of AWS's events to an EventBridge, with injected faults."""

import json
import logging
import queue
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.faults import Fault

logger = logging.getLogger(__name__)


@dataclass
class Event:
    """One event, without the fields that EventBridge adds."""

    source: str
    detail_type: str
    at: datetime
    resources: list[str]
    detail: dict[str, Any]


class EventBus:
    """Sends events from a thread of its own, so that no caller waits for the delivery."""

    def __init__(self, endpoint: str) -> None:
        # Imported only here, as most runs of the sandbox send no events.
        import boto3
        from botocore.config import Config

        self.endpoint = endpoint
        self._eventbridge = boto3.client(
            "events",
            region_name="us-east-1",
            # No retries: AWS delivers these events on a best-effort basis, too.
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
            endpoint_url=endpoint,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # noqa: S106
        )
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._reordered: list[Event] = []
        self._thread = threading.Thread(target=self._deliver, name="events", daemon=True)
        self._thread.start()

    def send(self, event: Event, fault: Fault | None = None) -> None:
        """Queue an event for delivery, changed by the fault if there is one."""
        match fault.kind if fault else None:
            case "lose":
                return
            case "reorder":
                self._reordered.append(event)
                return
            case "delay":
                assert fault
                later = threading.Timer(fault.delay_seconds, self._queue.put, [event])
                later.daemon = True
                later.start()
                return
            case "duplicate":
                self._queue.put(event)
        self._queue.put(event)
        while self._reordered:
            self._queue.put(self._reordered.pop())

    def close(self) -> None:
        """Deliver the queued events and stop."""
        self._queue.put(None)
        self._thread.join()

    def _deliver(self) -> None:
        while event := self._queue.get():
            try:
                self._eventbridge.put_events(
                    Entries=[
                        {
                            "Source": event.source,
                            "DetailType": event.detail_type,
                            "Time": event.at,
                            "Resources": event.resources,
                            "Detail": json.dumps(event.detail),
                        }
                    ]
                )
            except Exception as error:
                logger.warning("an event was lost: %s", error)
