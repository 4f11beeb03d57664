"""A vendor in the sandbox at one instant, and activities run on it as a worker would."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFER = "offer-abcdefghijklm"


def run_activity(activity: Any, *arguments: Any) -> Any:
    """Run an activity as a worker would."""
    running = ActivityEnvironment()
    running.info = replace(running.info, started_time=NOW)
    return running.run(activity, *arguments)


def failure_type(raised: pytest.ExceptionInfo[ApplicationError]) -> str | None:
    return raised.value.type
