"""What the operations of the Agreement API share: errors, agreements by id, and pages."""

from typing import Any

from sandbox.aws.marketplace_state import Agreement
from sandbox.aws.protocol import AwsError, Members, NotSimulated, page
from sandbox.world import World

DEFAULT_PAGE = 50


def model_error(path: str, message: str) -> AwsError:
    """The error for a member that violates the service model."""
    return field_error("OTHER", path.strip("/").replace("/", "."), message)


def field_error(reason: str, field: str, message: str) -> AwsError:
    fields = [{"name": field, "message": message}]
    return AwsError("ValidationException", f"{field}: {message}", reason=reason, fields=fields)


def not_found(kind: str, entity_id: str) -> AwsError:
    return AwsError(
        "ResourceNotFoundException",
        f"{kind} {entity_id} isn't found.",
        resourceId=entity_id,
        resourceType=kind,
    )


def find_agreement(world: World, request: Members) -> Agreement:
    """The agreement that a request is about.  Raises AwsError for an unknown id."""
    agreement_id = request["agreementId"]
    if agreement_id not in world.aws.agreements:
        raise not_found("Agreement", agreement_id)
    return world.aws.agreements[agreement_id]


def check_simulated(request: Members, **simulated: str) -> None:
    """Raise NotSimulated for another value of one of these members, where it is given."""
    for name, value in simulated.items():
        if request.get(name, value) != value:
            raise NotSimulated(f"{name} {request[name]}")


def paginate(items: list[Any], request: Members) -> tuple[list[Any], dict[str, str]]:
    """One page of a list, and the token of the next if there is one."""
    size = request.get("maxResults", DEFAULT_PAGE)
    try:
        shown, token = page(items, size, request.get("nextToken"))
    except ValueError:
        raise field_error("INVALID_NEXT_TOKEN", "nextToken", "isn't valid") from None
    return shown, {"nextToken": token} if token else {}
