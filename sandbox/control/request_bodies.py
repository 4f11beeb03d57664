"""Request and response bodies of the control API; request values are validated by type."""

import inspect
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

T = TypeVar("T")


class RequestError(Exception):
    """A request that cannot be executed; the message names the field and what to do."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class ControlResponse(JSONResponse):
    """JSON with instants in ISO 8601 and amounts as text."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, default=_as_json).encode()


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body."""
    try:
        body = await request.json()
    except json.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestError("the body is not a JSON object")
    return body


def with_changes(instance: T, changes: dict[str, Any], fixed: tuple[str, ...] = ()) -> T:
    """A copy of a dataclass instance with some fields changed, each validated by its type."""
    assert is_dataclass(instance)
    types = get_type_hints(type(instance))
    known = [field.name for field in fields(instance) if field.name not in fixed]
    values = validated(changes, {name: types[name] for name in known})
    result: T = replace(instance, **values)  # type: ignore[type-var]
    return result


def validated(body: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    """The values of a body, each converted to the type for its name."""
    for name in body:
        if name not in types:
            raise RequestError(f"{name}: there is no such field; choose {', '.join(types)}")
    values = {}
    for name, value in body.items():
        try:
            values[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            raise RequestError(
                f"{name}: {error.errors()[0]['msg'].lower()}, not {value!r}"
            ) from None
    return values


def keyword_arguments(function: Callable[..., Any], body: dict[str, Any]) -> dict[str, Any]:
    """A body as the keyword-only arguments of a function; those without default are required."""
    every = inspect.signature(function).parameters.values()
    parameters = [each for each in every if each.kind is each.KEYWORD_ONLY]
    types = get_type_hints(function)
    values = validated(body, {each.name: types[each.name] for each in parameters})
    for each in parameters:
        if each.default is each.empty and each.name not in values:
            raise RequestError(f"{each.name}: it is missing")
    return values


def required_text(body: dict[str, Any], name: str) -> str:
    """The value of a required text field."""
    value = body.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{name}: it is missing; give it as text")
    return value


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat()
