"""What is logged, and what is not."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError
from temporalio import activity
from temporalio.client import ActivityFailureError
from temporalio.common import RetryPolicy

from activities.errors import unavailable
from runtime.clients import THREADS
from runtime.logging import LogFormat, configure_logs
from runtime.workers import worker_on
from tests.support.dev_server import new_namespace


@pytest.fixture
def logs() -> Iterator[None]:
    """The product's logging, for one test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level


@pytest.mark.usefixtures("logs")
def test_signal_contents_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    try:
        TypeAdapter(int).validate_python("jane@example.com")
    except ValidationError:
        # As the SDK logs it (temporalio 1.35, worker/_workflow_instance.py).
        logging.getLogger("temporalio.worker._workflow_instance").exception(
            "Failed deserializing signal input for amend on workflow OfferWorkflow"
        )
    logged = capsys.readouterr().err
    assert "signal input for amend" in logged
    assert "jane" not in logged


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize(
    ("error", "is_logged"),
    [(unavailable("Clazar", "status 503"), False), (ZeroDivisionError("a bug"), True)],
    ids=["vendor", "bug"],
)
async def test_only_a_bug_is_logged_with_a_traceback(
    error: Exception, is_logged: bool, capsys: pytest.CaptureFixture[str], dev_server: str
) -> None:
    """The worker logs each failed attempt."""
    configure_logs(log_format=LogFormat.JSON)

    @activity.defn(name="fail")
    async def fail() -> None:
        raise error

    client = await new_namespace(dev_server)
    with ThreadPoolExecutor(THREADS) as threads:
        async with worker_on("failing", client, [], [fail], threads, cached_workflows=1):
            with pytest.raises(ActivityFailureError):
                await client.execute_activity(
                    "fail",
                    id="fail",
                    task_queue="failing",
                    start_to_close_timeout=timedelta(minutes=1),
                    retry_policy=RetryPolicy(maximum_attempts=1),
                )
    logged = capsys.readouterr().err
    assert ("Traceback" in logged) is is_logged
    assert (type(error).__name__ in logged) is is_logged


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize("log_format", [*LogFormat, None])
def test_format_of_a_line(log_format: LogFormat | None, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal it is JSON."""
    configure_logs(log_format=log_format)
    logging.getLogger("test").warning("seen", extra={"vendor": "aws"})
    line = capsys.readouterr().err
    if log_format is LogFormat.TEXT:
        assert "seen" in line
        assert "vendor=aws" in line
    else:
        assert json.loads(line)["vendor"] == "aws"
