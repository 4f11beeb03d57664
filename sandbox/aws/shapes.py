"""AWS's own description of its APIs: requests and answers are checked against botocore's models.

botocore's client checks no patterns, enums or maximum lengths; the service does, and so do we.
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
"""Where the model's own pattern contradicts AWS's documented examples: one-letter change names,
entity types without a version, names of backslashes, identifiers without a reference to another
change."""


STATUS_WITHOUT_SHAPE = {"SerializationException": 400, "UnknownOperationException": 400}
"""Errors of AWS's protocols, which no service's model lists; others of them are 403."""


class Violation(NamedTuple):
    """What is wrong with a value, and where it stands."""

    path: str
    message: str


class Shapes:
    """The model of one service."""

    def __init__(self, service: str) -> None:
        self.model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
        self._errors: dict[str, int] = {
            shape.name: shape.metadata["error"]["httpStatusCode"]
            for shape in self.model.error_shapes
        }

    def status_of(self, code: str) -> int:
        """The HTTP status of an error."""
        return self._errors.get(code) or STATUS_WITHOUT_SHAPE.get(code, 403)

    def code_of(self, status: int) -> str:
        """The error code that goes with an HTTP status."""
        usual = {503: "ServiceUnavailableException", 400: "ValidationException"}
        return next(
            (code for code, each in self._errors.items() if each == status),
            usual.get(status, "InternalFailure"),
        )

    def query(self, operation: str, sent: dict[str, str]) -> dict[str, str]:
        """A request's members, of those that travel in the address."""
        shape = self.model.operation_model(operation).input_shape
        names = {name: member.serialization["name"] for name, member in shape.members.items()}
        return {name: sent[wire] for name, wire in names.items() if wire in sent}

    def complaints(self, operation: str, request: dict[str, Any]) -> list[Violation]:
        """What is wrong with a request."""
        return list(_check(self.model.operation_model(operation).input_shape, request, ""))

    def assert_answer(self, operation: str, answer: dict[str, Any]) -> None:
        """An answer of ours that AWS could not give is a fault of the sandbox."""
        shape = self.model.operation_model(operation).output_shape
        wrong = list(_check(shape, answer, ""))
        wrong += [Violation(name, "unknown member") for name in answer if name not in shape.members]
        if wrong:
            raise AssertionError(f"{operation} answers against AWS's model: {wrong}")


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
    # Python's re has no \p{..}: only tags need it, which the sandbox does not keep.
    if pattern and r"\p" not in pattern and not re.fullmatch(pattern, value):
        yield Violation(path, f"must satisfy regular expression pattern: {pattern}")


def _check_range(shape: Shape, number: int, path: str, what: str) -> Iterator[Violation]:
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and number < lowest:
        yield Violation(path, f"must have {what} greater than or equal to {lowest}")
    if highest is not None and number > highest:
        yield Violation(path, f"must have {what} less than or equal to {highest}")
