"""How the Agreement API speaks: its protocol, its errors and its pages."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.aws.paging import page
from sandbox.aws.protocol import AwsError, AwsService, json_object, json_response
from sandbox.world import Agreement, World

DEFAULT_PAGE = 50
CONTENT_TYPE = "application/x-amz-json-1.0"


class AgreementService(AwsService):
    """Members travel in the body; an error is named in the body."""

    async def members(
        self,
        operation: str,  # noqa: ARG002  it travels in a header; the body is all of the request
        request: Request,
    ) -> dict[str, Any]:
        """What the request says."""
        return json_object(await request.body())

    def invalid(self, path: str, message: str) -> AwsError:
        """The error for a member that is against the model."""
        return refused("OTHER", path.strip("/").replace("/", "."), message)

    def error(self, error: AwsError, status: int) -> Response:
        """An error as this protocol writes it."""
        body = {
            "__type": f"com.amazonaws.awsmpcommerceservice#{error.code}",
            "message": error.message,
            **error.members,
        }
        return json_response(body, status, CONTENT_TYPE)

    def respond(self, body: dict[str, Any], status: int) -> Response:
        """A body as this protocol writes it."""
        return json_response(body, status, CONTENT_TYPE)


def refused(reason: str, field: str, message: str) -> AwsError:
    """The error for a request that is wrong in one field."""
    return AwsError(
        "ValidationException",
        f"{field}: {message}",
        reason=reason,
        fields=[{"name": field, "message": message}],
    )


def found_agreement(world: World, agreement_id: str) -> Agreement:
    """The agreement with this id.  Raises AwsError if there is none."""
    if agreement_id not in world.agreements:
        raise AwsError(
            "ResourceNotFoundException",
            f"Agreement {agreement_id} isn't found.",
            resourceId=agreement_id,
            resourceType="Agreement",
        )
    return world.agreements[agreement_id]


def paged(items: list[Any], request: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    """One page of a list, and the token of the next if there is one."""
    try:
        shown, token = page(
            items, request.get("maxResults", DEFAULT_PAGE), request.get("nextToken")
        )
    except ValueError:
        raise refused("INVALID_NEXT_TOKEN", "nextToken", "isn't one that was given out") from None
    return list(shown), {"nextToken": token} if token else {}
