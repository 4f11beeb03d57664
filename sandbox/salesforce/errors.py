"""The error responses of Salesforce's REST API."""

from typing import Any

from starlette.responses import JSONResponse

from sandbox.http import RequestRejected

DEFAULT_CODE = {
    400: "UNABLE_TO_LOCK_ROW",
    401: "INVALID_SESSION_ID",
    403: "REQUEST_LIMIT_EXCEEDED",
    404: "NOT_FOUND",
    412: "PRECONDITION_FAILED",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "UNKNOWN_EXCEPTION",
    503: "SERVER_UNAVAILABLE",
}
"""The error code by HTTP status, for an injected fault without a code."""


class SalesforceError(RequestRejected):
    """A response that is a JSON list, with `fields` only for an error of a field."""

    def __init__(self, status: int, code: str, message: str | None = None, *fields: str) -> None:
        error: dict[str, Any] = {"message": message or code, "errorCode": code}
        if fields:
            error["fields"] = fields
        self.status, self.code, self.message = status, code, error["message"]
        super().__init__(JSONResponse([error], status))


def not_simulated(name: str) -> SalesforceError:
    """The error for what Salesforce can do and this simulator cannot."""
    return SalesforceError(501, "NOT_SIMULATED", f"not simulated: {name}")


class TokenError(RequestRejected):
    """A token request that Salesforce rejects.  An OAuth error is an object, not a list."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(JSONResponse({"error": error, "error_description": description}, status))
