"""Requests and responses of the control API: values are checked by the types of their names."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
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
        return json.dumps(
            content,
            default=lambda each: str(each) if isinstance(each, Decimal) else each.isoformat(),
        ).encode()


async def read_values(request: Request) -> dict[str, Any]:
    body = await request.body()
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    # Pages of other sites can send forms and plain text without asking; JSON they cannot.
    if body and media_type != "application/json":
        raise RequestError("send the body with Content-Type: application/json", 415)
    try:
        values = json.loads(body or "{}")
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise RequestError("the body is not a JSON object")
    return {**values, **request.path_params}


def keyword_arguments(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as keyword arguments of a function; those without default are required."""
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return dict(values)
    known = {each.name: each for each in parameters if each.kind is each.KEYWORD_ONLY}
    arguments = validated(values, {name: get_type_hints(function)[name] for name in known})
    for each in known.values():
        if each.default is each.empty and each.name not in arguments:
            raise RequestError(f"{each.name}: it is missing")
    return arguments


def with_changes(instance: T, changes: Mapping[str, Any]) -> T:
    """A copy of a dataclass instance with some fields changed."""
    types = get_type_hints(type(instance))
    known = {each.name: types[each.name] for each in fields(instance)}  # type: ignore[arg-type]
    return replace(instance, **validated(changes, known))  # type: ignore[type-var]


def validated(values: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    """The values, each converted to the type for its name."""
    converted = {}
    for name, value in values.items():
        if name not in types:
            raise RequestError(f"{name}: there is no such field; choose {', '.join(types)}")
        try:
            converted[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            message = error.errors()[0]["msg"].lower()
            raise RequestError(f"{name}: {message}, not {value!r}") from None
    return converted
