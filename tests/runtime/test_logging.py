"""What is logged, and what is not."""

import logging
from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter, ValidationError

from runtime.logging import configure_logs


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The product's logging, for one test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr("runtime.logging.core_logs_to_standard_error", lambda: None)
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
