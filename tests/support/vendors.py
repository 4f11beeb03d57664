"""Runs activities on the sandbox at a fixed time, as a worker runs them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFER = "offer-abcdefghijklm"


def run_activity(activity: Any, *arguments: Any) -> Any:
    """Run an activity as a worker runs it."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=NOW)
    return environment.run(activity, *arguments)


def failure_type(raised: pytest.ExceptionInfo[ApplicationError]) -> str | None:
    return raised.value.type
