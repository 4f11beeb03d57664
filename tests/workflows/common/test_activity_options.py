"""The options of the activities."""

import inspect
import string
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest
from pydantic import BaseModel

from activities.email.message import EmailKind
from workflows.common.activity_options import ACTIVITY_OPTIONS


def argument_type(activity: Callable[..., Any]) -> Any:
    _, name = list(inspect.signature(activity).parameters)
    return get_type_hints(activity)[name]


@pytest.mark.parametrize("activity", ACTIVITY_OPTIONS, ids=lambda each: each.__qualname__)
def test_summary_placeholders_exist_in_the_argument(activity: Callable[..., Any]) -> None:
    summary = ACTIVITY_OPTIONS[activity].summary
    for _, placeholder, _, _ in string.Formatter().parse(summary):
        if placeholder is None:
            continue
        first, *path = placeholder.split(".")
        assert first == "0"
        kind = argument_type(activity)
        for name in path:
            if isinstance(kind, type) and issubclass(kind, BaseModel) and name in kind.model_fields:
                kind = kind.model_fields[name].annotation
            else:
                assert hasattr(kind, name), f"{kind} has no {name}"
        assert kind is str or path, "the summary would show a whole model"


def test_mail_summary_names_the_recipient() -> None:
    assert EmailKind.OFFER_REMINDER.summary == "buyer: reminder"
    assert EmailKind.OWNER_PUBLICATION_DELAYED.summary == "owner: publication delayed"
    assert EmailKind.APPROVAL_REQUIRED.summary == "approvers: required"
