"""Logs: one line of JSON per event, or a readable line on a terminal.

Workflows and activities log through Temporal's loggers, which do not log during replay.
"""

import logging
import sys
from enum import StrEnum

import structlog
from temporalio import activity, workflow

from activities.vendor_calls import is_own_failure


class WithoutSignalContents(logging.Filter):
    """Removes the error with which the SDK logs a signal that it cannot decode.

    Its text quotes the signal's arguments, which may be personal.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record without its error."""
        if "deserializing signal input" in record.getMessage():
            record.exc_info = record.exc_text = None
        return True


class WithoutOwnFailures(logging.Filter):
    """Drops what the SDK logs, with a traceback, when an activity fails with one of our failures.

    `activities.vendor_calls` logs them in our own words.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to keep the record."""
        is_failed_attempt = getattr(record, "__temporal_error_identifier", "") == "ActivityFailure"
        error = record.exc_info[1] if record.exc_info else None
        return not (is_failed_attempt and is_own_failure(error))


class LogLevel(StrEnum):
    """What is logged: this, and what is more serious."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


def configure_logs(level: LogLevel = LogLevel.INFO, log_format: LogFormat | None = None) -> None:
    """Send all logs to standard error.  Nothing personal and no secret may be logged.

    `log_format`: None for text on a terminal, and else JSON.
    """
    if log_format is None:
        log_format = LogFormat.TEXT if sys.stderr.isatty() else LogFormat.JSON
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    handler.addFilter(WithoutSignalContents())
    handler.addFilter(WithoutOwnFailures())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "botocore", "urllib3", "aiosmtplib"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # A collector of traces that does not answer is told once, and not at each of its tries.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    # At DEBUG the SDK shows whole inputs and results.
    logging.getLogger("temporalio.worker._activity").setLevel(logging.INFO)
    # The context is in fields of its own; in the text, too, it would only make lines longer.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
