"""Logs: one line of JSON per event, or a readable line on a terminal.

Workflows and activities log through Temporal's loggers, which do not log during replay.
"""

import logging
import sys
from enum import StrEnum

import structlog
from temporalio import activity, workflow
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)


class WithoutSignalContents(logging.Filter):
    """Removes the error with which the SDK logs a signal that it cannot decode.

    Its text quotes the signal's arguments, which may be personal.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record without its error."""
        if "deserializing signal input" in record.getMessage():
            record.exc_info = record.exc_text = None
        return True


def core_logs_to_standard_error() -> None:
    """Send the logs of Temporal's core to standard error; by default they go to standard output."""
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    wanted = TelemetryFilter(core_level="WARN", other_level="ERROR")
    logs = LoggingConfig(wanted, forwarding=forwarding)
    Runtime.set_default(
        Runtime(telemetry=TelemetryConfig(logging=logs)), error_if_already_set=False
    )


class LogLevel(StrEnum):
    """What is logged: this, and what is more serious."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


def configure_logs(level: LogLevel = LogLevel.INFO) -> None:
    """Send all logs to standard error.  Nothing personal and no secret may be logged."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    core_logs_to_standard_error()
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
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "botocore", "urllib3", "aiosmtplib"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # At DEBUG the SDK shows whole inputs and results.
    logging.getLogger("temporalio.worker._activity").setLevel(logging.INFO)
    # The context is in fields of its own; in the text, too, it would only make lines longer.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
