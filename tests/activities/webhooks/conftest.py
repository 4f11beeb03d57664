"""Receivers for tests of what is sent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from offers.lifecycle.webhook_events import EventData, EventType, WebhookEvent
from offers.stage import Stage
from tests.support.webhook_receiver import Receiver, running_receiver
from tests.support.workflow_harness import environment_variables


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with running_receiver(tmp_path) as receiver, environment_variables(receiver.trusted):
        yield receiver


@pytest.fixture
def event() -> WebhookEvent:
    return WebhookEvent(
        id="msg_1",
        type=EventType.STAGE_CHANGED,
        timestamp=datetime(2026, 3, 2, 9, tzinfo=UTC),
        data=EventData(offer="0065g00000AbCdEAAV", stage=Stage.SHARED),
    )
