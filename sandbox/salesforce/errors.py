"""The error responses of Salesforce's REST API."""

from starlette.responses import JSONResponse, Response

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

DEFAULT_MESSAGE = {
    "INVALID_SESSION_ID": "Session expired or invalid",
    "NOT_FOUND": "The requested resource does not exist",
    "REQUEST_LIMIT_EXCEEDED": "TotalRequests Limit exceeded.",
    "SERVER_UNAVAILABLE": "Server unavailable, please try again later",
    "UNABLE_TO_LOCK_ROW": "unable to obtain exclusive access to this record",
    "UNKNOWN_EXCEPTION": "An unexpected error occurred. Please include this ErrorId if you "
    "contact support: 1234567890-12345 (1234567890)",
}


class SalesforceError(Exception):
    """A request that Salesforce rejects."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str | None = None,
        fields: list[str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message or DEFAULT_MESSAGE.get(code, code)
        self.fields = fields
        super().__init__(self.message)

    def response(self) -> Response:
        """The response: always a JSON list, with `fields` only for an error of a field."""
        error: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            error["fields"] = self.fields
        return JSONResponse([error], self.status)


def not_simulated(name: str) -> SalesforceError:
    """The error for what Salesforce can do and this simulator cannot."""
    return SalesforceError(501, "NOT_SIMULATED", f"not simulated: {name}")


class TokenError(Exception):
    """A token request that Salesforce rejects.  An OAuth error is an object, not a list."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        self.error = error
        self.description = description
        self.status = status
        super().__init__(description)

    def response(self) -> Response:
        return JSONResponse(
            {"error": self.error, "error_description": self.description}, self.status
        )
