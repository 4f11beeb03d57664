"""Validation of requests and responses against botocore's service models.

botocore's client does not check patterns, enums and maximum lengths, but the service does.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

PATTERNS = {
    "ChangeName": r"[a-zA-Z]{1,72}",
    "EntityType": r"[a-zA-Z]+(@\d+\.\d+)?",
    "EntityNameString": r"\S[\S\s]*",
    "Identifier": r"[\w\-@$.]+",
}
"""Replacements for patterns of the model that contradict AWS's documented examples: one-letter
change names, entity types without a version, names with backslashes, references to other changes
as identifiers."""


PROTOCOL_ERROR_STATUS = {"SerializationException": 400, "UnknownOperationException": 400}
"""HTTP statuses of protocol errors, which no service model lists; all others have 403."""


class Violation(NamedTuple):
    """A value that violates the model, and its path."""

    path: str
    message: str


class Shapes:
    """The service model of one service."""

    def __init__(self, service: str) -> None:
        self.model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
        self._errors: dict[str, int] = {
            shape.name: shape.metadata["error"]["httpStatusCode"]
            for shape in self.model.error_shapes
        }

    def status_of(self, code: str) -> int:
        """The HTTP status of an error."""
        return self._errors.get(code) or PROTOCOL_ERROR_STATUS.get(code, 403)

    def code_of(self, status: int) -> str:
        """An error code that has this HTTP status."""
        defaults = {503: "ServiceUnavailableException", 400: "ValidationException"}
        return next(
            (code for code, each in self._errors.items() if each == status),
            defaults.get(status, "InternalFailure"),
        )

    def query(self, operation: str, sent: dict[str, str]) -> dict[str, str]:
        """The members of a request that are in the query string."""
        shape = self.model.operation_model(operation).input_shape
        names = {name: member.serialization["name"] for name, member in shape.members.items()}
        return {name: sent[key] for name, key in names.items() if key in sent}

    def violations(self, operation: str, request: dict[str, Any]) -> list[Violation]:
        """The violations in a request's members."""
        return list(_check(self.model.operation_model(operation).input_shape, request, ""))

    def check_response(self, operation: str, answer: dict[str, Any]) -> None:
        """Raise AssertionError for a response that violates the model: a defect of the sandbox."""
        shape = self.model.operation_model(operation).output_shape
        found = list(_check(shape, answer, ""))
        found += [Violation(name, "unknown member") for name in answer if name not in shape.members]
        if found:
            raise AssertionError(f"the response of {operation} violates AWS's model: {found}")


def _check(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    if getattr(shape, "is_document_type", False):
        return
    match shape.type_name:
        case "structure":
            yield from _check_structure(shape, value, path)
        case "list":
            yield from _check_list(shape, value, path)
        case "string":
            yield from _check_string(shape, value, path)
        case "integer":
            if isinstance(value, bool) or not isinstance(value, int):
                yield Violation(path, "must be an integer")
            else:
                yield from _check_range(shape, value, path, "value")
        case "boolean":
            if not isinstance(value, bool):
                yield Violation(path, "must be a boolean")
        case "timestamp":
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield Violation(path, "must be a time in seconds")
        case other:
            raise NotImplementedError(other)


def _check_structure(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield Violation(path, "must be an object")
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield Violation(f"{path}/{name}", "must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _check(member, value[name], f"{path}/{name}")


def _check_list(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, list):
        yield Violation(path, "must be a list")
        return
    yield from _check_range(shape, len(value), path, "length")
    for index, each in enumerate(value):
        yield from _check(shape.member, each, f"{path}/{index}")


def _check_string(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, str):
        yield Violation(path, "must be a string")
        return
    yield from _check_range(shape, len(value), path, "length")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield Violation(path, f"must satisfy enum value set: {', '.join(allowed)}")
    pattern = PATTERNS.get(shape.name) or shape.metadata.get("pattern")
    # Python's re has no \p{..}; only tags need it, and the sandbox ignores tags.
    if pattern and r"\p" not in pattern and not re.fullmatch(pattern, value):
        yield Violation(path, f"must satisfy regular expression pattern: {pattern}")


def _check_range(shape: Shape, number: int, path: str, what: str) -> Iterator[Violation]:
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and number < lowest:
        yield Violation(path, f"must have {what} greater than or equal to {lowest}")
    if highest is not None and number > highest:
        yield Violation(path, f"must have {what} less than or equal to {highest}")
