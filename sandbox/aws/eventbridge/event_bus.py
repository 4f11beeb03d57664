"""Where events of AWS go: an EventBridge, and what goes wrong on the way there."""

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
    """One event, without what EventBridge itself adds."""

    source: str
    detail_type: str
    at: datetime
    resources: list[str]
    detail: dict[str, Any]


class EventBus:
    """Puts events there in a thread of its own: nobody waits for them."""

    def __init__(self, endpoint: str) -> None:
        # Few that run the sandbox need it.
        import boto3
        from botocore.config import Config

        self.endpoint = endpoint
        self._eventbridge = boto3.client(
            "events",
            region_name="us-east-1",
            # What is lost is lost: AWS's own delivery is at best effort.
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
            endpoint_url=endpoint,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # noqa: S106
        )
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._after_next: list[Event] = []
        self._thread = threading.Thread(target=self._deliver, name="events", daemon=True)
        self._thread.start()

    def put(self, event: Event, fault: Fault | None = None) -> None:
        """Send an event on its way, or as the fault has it."""
        match fault.kind if fault else None:
            case "lose":
                return
            case "disorder":
                self._after_next.append(event)
                return
            case "late":
                assert fault
                later = threading.Timer(fault.hold_seconds, self._waiting.put, [event])
                later.daemon = True
                later.start()
                return
            case "duplicate":
                self._waiting.put(event)
        self._waiting.put(event)
        while self._after_next:
            self._waiting.put(self._after_next.pop())

    def close(self) -> None:
        """Deliver what is on its way, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _deliver(self) -> None:
        while event := self._waiting.get():
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
