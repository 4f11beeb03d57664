"""Signals whose arguments do not fit are dropped.

The Temporal UI lets people send any argument.  The SDK drops what it cannot decode; a missing or a
superfluous argument would fail the workflow task again and again, and no later signal would be
handled.  An error inside a handler is a bug and does fail the task: the next deploy handles the
signal, and nothing is lost.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from temporalio import workflow
from temporalio.worker import (
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


class DropUnfitSignals(Interceptor):
    """Belongs to every worker and replayer of our workflows."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002
    ) -> type[WorkflowInboundInterceptor]:
        """What each workflow's signals go through."""
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:
        workflow_class: Any = type(workflow.instance())
        check = _checks(workflow_class).get(input.signal)
        try:
            if check is not None:
                check(*input.args)
        except (TypeError, ValidationError):
            workflow.logger.warning("signal %s was dropped: its arguments do not fit", input.signal)
        else:
            await super().handle_signal(input)


@cache
def _checks(workflow_class: type) -> dict[str, Callable[..., None]]:
    """By signal, a function that raises if the handler cannot be called with the arguments."""
    checks = {}
    for _, function in inspect.getmembers(workflow_class, inspect.isfunction):
        # The SDK has no public way from a signal's name to its function.
        if definition := getattr(function, "__temporal_signal_definition", None):
            checks[definition.name] = _check(function)
    return checks


def _check(function: Callable[..., Any]) -> Callable[..., None]:
    signature = inspect.signature(function)
    signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    hints = get_type_hints(function)
    adapters = {name: TypeAdapter(hints[name]) for name in signature.parameters}

    def check(*arguments: Any) -> None:
        # The SDK decodes an empty payload as None, whatever the handler takes.
        for name, value in signature.bind(*arguments).arguments.items():
            adapters[name].validate_python(value)

    return check
