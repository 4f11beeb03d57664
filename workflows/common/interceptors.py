"""Signals whose arguments do not fit are dropped.

The Temporal UI lets people send any argument.  The SDK drops what it cannot decode; a missing or a
superfluous argument would fail the workflow task again and again, and no later signal would be
handled.  An error inside a handler is a bug and does fail the task: the next deploy handles the
signal, and nothing is lost.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cache, partial
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
        handler = workflow.get_signal_handler(input.signal)
        if handler is None or _fits(handler, input.args):
            await super().handle_signal(input)
        else:
            workflow.logger.warning("signal %s was dropped: its arguments do not fit", input.signal)


def _fits(handler: Callable[..., Any], arguments: Sequence[Any]) -> bool:
    try:
        _call_checker(_function_of(handler))(*arguments)
    except (TypeError, ValidationError):
        return False
    return True


def _function_of(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a handler that is bound to its workflow."""
    return handler.func if isinstance(handler, partial) else getattr(handler, "__func__", handler)


@cache
def _call_checker(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that raises if it cannot be called with the arguments, and does nothing else.

    The SDK decodes an empty payload as None, whatever the handler takes.
    """
    parameters = list(inspect.signature(function).parameters.values())[1:]
    hints = get_type_hints(function)
    adapters = {each.name: TypeAdapter(hints[each.name]) for each in parameters}
    signature = inspect.Signature(parameters)

    def check(*arguments: Any) -> None:
        for name, value in signature.bind(*arguments).arguments.items():
            adapters[name].validate_python(value)

    return check
