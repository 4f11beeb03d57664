"""The protocol, errors and pages of the Agreement API."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.aws.marketplace_state import Agreement
from sandbox.aws.paging import page
from sandbox.aws.protocol import AwsError, AwsService, json_object, json_response
from sandbox.world import World

DEFAULT_PAGE = 50
CONTENT_TYPE = "application/x-amz-json-1.0"


class AgreementService(AwsService):
    """JSON 1.0: members and error codes are in the body."""

    async def members(
        self,
        operation: str,  # noqa: ARG002  all members are in the body, whatever the operation
        request: Request,
    ) -> dict[str, Any]:
        return json_object(await request.body())

    def field_error(self, path: str, message: str) -> AwsError:
        return field_error("OTHER", path.strip("/").replace("/", "."), message)

    def error(self, error: AwsError, status: int) -> Response:
        body = {
            "__type": f"com.amazonaws.awsmpcommerceservice#{error.code}",
            "message": error.message,
            **error.members,
        }
        return json_response(body, status, CONTENT_TYPE)

    def respond(self, body: dict[str, Any], status: int) -> Response:
        return json_response(body, status, CONTENT_TYPE)


def field_error(reason: str, field: str, message: str) -> AwsError:
    """The error for an invalid field of a request."""
    return AwsError(
        "ValidationException",
        f"{field}: {message}",
        reason=reason,
        fields=[{"name": field, "message": message}],
    )


def find_agreement(world: World, agreement_id: str) -> Agreement:
    """The agreement with this id.  Raises AwsError for an unknown id."""
    if agreement_id not in world.aws.agreements:
        raise AwsError(
            "ResourceNotFoundException",
            f"Agreement {agreement_id} isn't found.",
            resourceId=agreement_id,
            resourceType="Agreement",
        )
    return world.aws.agreements[agreement_id]


def paginate(items: list[Any], request: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    """One page of a list, and the token of the next if there is one."""
    try:
        shown, token = page(
            items, request.get("maxResults", DEFAULT_PAGE), request.get("nextToken")
        )
    except ValueError:
        raise field_error("INVALID_NEXT_TOKEN", "nextToken", "isn't valid") from None
    return list(shown), {"nextToken": token} if token else {}
