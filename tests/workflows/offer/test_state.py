"""The workflow's composition: one class, one state, one table of stages."""

import ast
import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, get_type_hints

from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import TRANSITIONS, Stage
from tests.support.builders import terms
from tests.support.workflow_harness import OPPORTUNITY
from workflows.offer.context import OfferContext
from workflows.offer.stages import STAGES
from workflows.offer.state import (
    ClazarHandoffState,
    Control,
    EditRequest,
    EditsState,
    OfferState,
    OverduePayout,
    PayoutTrackingState,
    PublicationState,
)
from workflows.offer.workflow import OfferWorkflow

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def components() -> dict[str, Any]:
    context = OfferContext(OfferState(record=OfferRecord(opportunity_id=OPPORTUNITY)))
    others = {"failure", "state"}
    return {name: component for name, component in vars(context).items() if name not in others}


def test_each_stage_has_a_function_and_only_end_stages_return_none() -> None:
    assert set(STAGES) == set(TRANSITIONS) == set(Stage)
    for stage, function in STAGES.items():
        can_end = get_type_hints(function)["return"] != Stage
        assert can_end == stage.is_end, f"{stage}: {function.__name__}"
        assert function.__name__ == stage.value
        assert list(inspect.signature(function).parameters) == ["ctx"]


GUARDED = {Stage.DISBURSED: (Stage.SHARED,)}
"""What the called function returns in another stage only: AWS rolls back only what is accepted."""


def test_stages_return_only_allowed_transitions() -> None:
    """Each stage named in a return of a stage function, or of a function of its file that it calls.

    What `withdraw` and `give_up` lead to is decided by what was asked, and held by `enter`.
    """
    for stage, function in STAGES.items():
        allowed = {stage, *TRANSITIONS[stage], *GUARDED.get(stage, ())}
        unknown = stages_returned(function) - allowed
        assert not unknown, f"{stage}: {unknown}"


def stages_returned(function: Callable[..., Any], seen: frozenset[str] = frozenset()) -> set[Stage]:
    module = inspect.getmodule(function)
    found: set[Stage] = set()
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Return) and node.value:
            found |= {
                Stage[each.attr]
                for each in ast.walk(node.value)
                if isinstance(each, ast.Attribute)
                and isinstance(each.value, ast.Name)
                and each.value.id == "Stage"
            }
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called: Any = getattr(module, node.func.id, None)
            is_ours = inspect.isfunction(called) and called.__module__ == function.__module__
            if is_ours and called.__name__ not in seen:
                found |= stages_returned(called, seen | {called.__name__})
    return found


def test_workflow_has_no_base_class() -> None:
    assert OfferWorkflow.__bases__ == (object,)


def test_components_take_only_the_context() -> None:
    for name, component in components().items():
        kind = type(component)
        assert kind.__bases__ == (object,), name
        assert list(inspect.signature(kind).parameters) == ["ctx"], name


def test_components_hold_only_the_context_and_tasks() -> None:
    for name, component in components().items():
        for attribute, value in vars(component).items():
            assert isinstance(value, OfferContext | asyncio.Task) or value is None or value == [], (
                f"{name}.{attribute}"
            )
        for attribute, annotation in attributes_of(type(component)):
            assert attribute == "_ctx" or "asyncio.Task[" in annotation, f"{name}.{attribute}"


def attributes_of(kind: type) -> list[tuple[str, str]]:
    """Every attribute that a class sets on itself, with its annotation if it has one."""
    tree = ast.parse(inspect.getsource(kind))
    annotations: dict[str, str] = {}
    for node in ast.walk(tree):
        targets = (
            [node.target]
            if isinstance(node, ast.AnnAssign | ast.AugAssign)
            else node.targets
            if isinstance(node, ast.Assign)
            else []
        )
        for target in targets:
            if (
                isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id == "self"
            ):
                if isinstance(node, ast.AnnAssign):
                    annotations[target.attr] = ast.unparse(node.annotation)
                annotations.setdefault(target.attr, "")
    return list(annotations.items())


def test_workflow_holds_only_the_context() -> None:
    assert [name for name, _ in attributes_of(OfferWorkflow)] == ["_ctx"]


def test_state_survives_serialization() -> None:
    record = OfferRecord(opportunity_id=OPPORTUNITY, terms=terms(), stage=Stage.GENERATING)
    record.attentions = (
        Attention(number=3, code=AttentionCode.PAYOUT_OVERDUE, problem="p", remedy="r", since=NOW),
    )
    state = OfferState(
        record=record,
        control=Control(
            changes=TermChanges(terms={"company": "Example"}),
            withdraw_to=Stage.DRAFT,
            reminded_until=NOW,
        ),
        attentions_raised=3,
        edits=EditsState(pending=[EditRequest(changes={"availability_end": "2026-04-01"})]),
        publication=PublicationState(delayed_at=NOW, attention=2),
        clazar_handoff=ClazarHandoffState(
            reference="x-1",
            requested_terms=terms(),
            since=NOW,
            reminded_until=NOW,
            named_offer_id="offer-1",
        ),
        payout_tracking=PayoutTrackingState(
            overdue=OverduePayout(what="w", attention=3, since=date(2026, 3, 2)),
            paused_on=date(2026, 3, 1),
        ),
    )
    state.notifications.stages_notified.add("accepted 1")
    state.acceptance.rolled_back.add("agmt-1")
    assert OfferState.model_validate_json(state.model_dump_json()) == state
