"""Runs that continue as new at every moment at which that is allowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest
from temporalio import workflow

from offers.stage import Stage
from workflows.offer import continuation
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow

FIRST_TASK_EVENTS = 4
"""The longest history in the first task of a run: started, perhaps a signal, scheduled, started."""


@contextmanager
def continue_as_new_always(*, with_amendments: bool = False) -> Iterator[list[Stage]]:
    """Continue as new in every task but a run's first; gives the stage of each run that did.

    The time-skipping server stops when a child closes whose parent has continued as new, so there
    an offer with amendments does not.
    """
    continued: list[Stage] = []
    continue_as_new = workflow.continue_as_new

    def is_suggested() -> bool:
        instance = workflow.instance()
        assert isinstance(instance, OfferWorkflow)
        record = instance.get_record()
        if record.amendments and not with_amendments:
            return False
        return workflow.info().get_current_history_length() > FIRST_TASK_EVENTS

    def count(request: OfferRequest) -> NoReturn:
        assert request.state
        continued.append(request.state.record.stage)
        continue_as_new(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(continuation, "is_suggested", is_suggested)
        patch.setattr(workflow, "continue_as_new", count)
        yield continued
