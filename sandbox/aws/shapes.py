"""Validation of requests and responses against botocore's service models."""

import re
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

PATTERNS = {
    "ChangeName": r"[a-zA-Z]{1,72}",
    "EntityType": r"[a-zA-Z]+(@\d+\.\d+)?",
    "EntityNameString": r"\S[\S\s]*",
    "Identifier": r"[\w\-@$.]+",
}
"""Replacements for patterns of the model that contradict AWS's documented examples: one-letter
change names, entity types without a version, names with backslashes, references to other changes
as identifiers."""

NOT_SIMULATED = "NotImplementedException"
PROTOCOL_ERROR_STATUS = {"SerializationException": 400, NOT_SIMULATED: 501}
"""HTTP statuses of errors that no service model lists; all others have 403."""


class Shapes:
    def __init__(self, service: str) -> None:
        self.model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
        self._errors: dict[str, int] = {
            shape.name: shape.metadata["error"]["httpStatusCode"]
            for shape in self.model.error_shapes
        }

    def status_of(self, code: str) -> int:
        return self._errors.get(code) or PROTOCOL_ERROR_STATUS.get(code, 403)

    def code_of(self, status: int) -> str:
        """An error code that has this HTTP status."""
        defaults = {503: "ServiceUnavailableException", 400: "ValidationException"}
        return next(
            (code for code, each in self._errors.items() if each == status),
            defaults.get(status, "InternalFailure"),
        )

    def violations(self, operation: str, request: dict[str, Any]) -> list[tuple[str, str]]:
        """The fields of a request that violate the model, each with a message."""
        return _violations(self.model.operation_model(operation).input_shape, request)

    def check_response(self, operation: str, answer: dict[str, Any]) -> None:
        """Raise AssertionError for a response that violates the model: a defect of the sandbox."""
        if found := _violations(self.model.operation_model(operation).output_shape, answer):
            raise AssertionError(f"the response of {operation} violates AWS's model: {found}")


def _violations(shape: Shape, value: Any) -> list[tuple[str, str]]:
    found = _Violations()
    _Validator()._validate(value, shape, found, name="")
    return found


class _Violations(list[tuple[str, str]]):
    """Takes the place of botocore's ValidationErrors."""

    def report(self, name: str, reason: str, **details: Any) -> None:
        if "required_name" in details:
            name = f"{name}.{details['required_name']}"
        self.append((re.sub(r"[.\[]", "/", name).replace("]", ""), reason))


class _Validator(ParamValidator):  # type: ignore[misc]  # botocore has no types
    """Checks what botocore's client leaves to the service, too: maxima, enums and patterns."""

    VALIDATED_METADATA_ATTRS = ParamValidator.VALIDATED_METADATA_ATTRS | {"max", "enum", "pattern"}

    def _validate_string(self, param: Any, shape: Any, errors: _Violations, name: str) -> None:
        super()._validate_string(param, shape, errors, name)
        if not isinstance(param, str):
            return
        self._check_maximum(len(param), shape, errors, name)
        allowed = shape.metadata.get("enum")
        if allowed and param not in allowed:
            errors.report(name, f"must satisfy enum value set: {', '.join(allowed)}")
        pattern = PATTERNS.get(shape.name) or shape.metadata.get("pattern")
        # Python's re has no \p{..}, which only tags need.
        if pattern and r"\p" not in pattern and not re.fullmatch(pattern, param):
            errors.report(name, f"must satisfy regular expression pattern: {pattern}")

    def _validate_list(self, param: Any, shape: Any, errors: _Violations, name: str) -> None:
        super()._validate_list(param, shape, errors, name)
        if isinstance(param, list):
            self._check_maximum(len(param), shape, errors, name)

    def _validate_integer(self, param: Any, shape: Any, errors: _Violations, name: str) -> None:
        super()._validate_integer(param, shape, errors, name)
        if isinstance(param, int):
            self._check_maximum(param, shape, errors, name)

    def _check_maximum(self, size: int, shape: Any, errors: _Violations, name: str) -> None:
        highest = shape.metadata.get("max")
        if highest is not None and size > highest:
            errors.report(name, f"must be at most {highest}")
