"""Bodies of the control API: in requests, each value checked against the type it goes to."""

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
    """A request that cannot be carried out; the text names the field and the remedy."""

    def __init__(self, what: str, status: int = 400) -> None:
        super().__init__(what)
        self.status = status


class JsonResponse(JSONResponse):
    """JSON with instants in ISO 8601 and amounts as text."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, default=_as_json).encode()


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object that a request carries."""
    try:
        body = await request.json()
    except json.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestError("the body is not a JSON object")
    return body


def changed(what: T, changes: dict[str, Any], fixed: tuple[str, ...] = ()) -> T:
    """A dataclass with some fields changed, each checked against its type."""
    assert is_dataclass(what)
    types = get_type_hints(type(what))
    known = [field.name for field in fields(what) if field.name not in fixed]
    values = checked(changes, {name: types[name] for name in known})
    result: T = replace(what, **values)  # type: ignore[type-var]
    return result


def checked(given: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    """The values given, each of the type its name stands for."""
    for name in given:
        if name not in types:
            raise RequestError(f"{name}: there is no such field; choose {', '.join(types)}")
    values = {}
    for name, value in given.items():
        try:
            values[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            raise RequestError(
                f"{name}: {error.errors()[0]['msg'].lower()}, not {value!r}"
            ) from None
    return values


def arguments(function: Callable[..., Any], body: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a function, of which a body must give those without default."""
    parameters = inspect.signature(function).parameters.values()
    named = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    types = get_type_hints(function)
    values = checked(body, {each.name: types[each.name] for each in named})
    for each in named:
        if each.default is each.empty and each.name not in values:
            raise RequestError(f"{each.name}: it is missing")
    return values


def text(body: dict[str, Any], name: str) -> str:
    """A field that must be there as text."""
    value = body.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{name}: it is missing; give it as text")
    return value


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat()
