"""Errors of the HTTP API: problem details (RFC 9457) with the field and the remedy."""

from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from offers.lifecycle.actions import Action
from web.rejection import Rejection

API = "/api/"
"""What the paths of the API begin with; all others are pages."""
MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One field that is not as it must be."""

    field: str | None
    detail: str
    remedy: str | None


class Problem(BaseModel):
    """Why a call is not done, as problem details for HTTP APIs (RFC 9457)."""

    type: str = Field(description="`urn:offerflow:problem:` and the code")
    title: str
    status: int
    detail: str = Field(description="What is wrong, in a sentence for people")
    code: str = Field(description="A stable name of the problem")
    field: str | None = Field(None, description="The field, parameter or header that is wrong")
    remedy: str | None = Field(None, description="What to do about it")
    actions: list[Action] = Field([], description="What can be done instead, the best first")
    errors: list[FieldProblem] = Field([], description="Every field that is wrong, if several are")


TITLES = {
    400: "The request cannot be read",
    401: "Who calls is not known",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible with this address",
    409: "Not possible now",
    413: "Too large",
    415: "Not JSON",
    422: "A value is not valid",
    429: "Too many requests",
    500: "An error of the program",
    503: "Not available now",
}


def problem_of(error: Rejection) -> Problem:
    """The same as problem details."""
    return Problem(
        type=f"urn:offerflow:problem:{error.code}",
        title=TITLES.get(error.status, "The request is not done"),
        status=error.status,
        detail=error.problem,
        code=error.code,
        field=error.field,
        remedy=error.remedy,
        actions=list(error.actions),
        errors=[
            FieldProblem(field=each.field, detail=each.problem, remedy=each.remedy)
            for each in error.others
        ],
    )


def problem_response(error: Rejection) -> Response:
    """What the API answers to a call that is not done."""
    headers: dict[str, str] = {}
    if error.retry_after:
        headers["retry-after"] = str(error.retry_after)
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    content = problem_of(error).model_dump(mode="json")
    return JSONResponse(content, error.status, headers, media_type=MEDIA_TYPE)


EXAMPLES: dict[int, Rejection] = {
    400: Rejection(
        400,
        "idempotency-key-invalid",
        "it does not have 1 to 64 printable ASCII characters",
        "Send a UUID, for example",
        field="Idempotency-Key",
    ),
    401: Rejection(
        401,
        "not-signed-in",
        "the call has no key that is known and valid",
        "Send it as Authorization: Bearer offerflow_…",
    ),
    403: Rejection(403, "not-allowed", "the key has no scope cancel", "Use a key that has it"),
    404: Rejection(404, "no-such-offer", "there is no offer for 0065g00000AbCdEAAV"),
    409: Rejection(
        409,
        "nothing-waits",
        "the offer is shared, and nothing waits for a decision",
    ),
    413: Rejection(413, "too-large", "the request is too large", "Send at most 262144 bytes"),
    415: Rejection(
        415,
        "not-json",
        "the body is not sent as JSON",
        "Send it with Content-Type: application/json",
        field="Content-Type",
    ),
    422: Rejection(422, "value-invalid", "it is missing", "Give it a value", field="opportunity"),
    429: Rejection(
        429,
        "too-many-requests",
        "too many requests in a short time",
        "Try again in a minute",
        retry_after=60,
    ),
    503: Rejection(
        503,
        "temporal-unavailable",
        "Temporal does not answer",
        "Try again in a minute",
        retry_after=60,
    ),
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Errors of an operation, for OpenAPI."""
    described: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        example = problem_of(EXAMPLES[status]).model_dump(mode="json")
        described[status] = {
            "description": TITLES[status],
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": example,
                }
            },
        }
        if EXAMPLES[status].retry_after:
            described[status]["headers"] = {
                "Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}
            }
    return described
