"""Parsing of a StartChangeSet request: the errors that AWS returns at once."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from sandbox.aws.catalog.rules.details import (
    DETAILS,
    AddDimensions,
    CreateOffer,
    CreateReplacementOffer,
)
from sandbox.aws.marketplace_state import Change
from sandbox.aws.protocol import AwsError
from sandbox.world import World

OFFER = "Offer@1.0"
PRODUCT = "SaaSProduct@1.0"

REFERENCE = re.compile(r"\$([a-zA-Z]+)\.Entity\.Identifier")
"""A reference to the entity that another change of the same change set creates."""

CREATES = (CreateOffer, CreateReplacementOffer)


@dataclass
class RequestedChange:
    """One change of a request, parsed."""

    change: Change
    """The form in which the world stores it."""
    details: BaseModel
    target: str
    """The entity's id without revision, or `$` and the name of the change that creates it."""

    @property
    def creates(self) -> bool:
        """Whether it creates an offer."""
        return isinstance(self.details, CREATES)


def parse_changes(world: World, request: dict[str, Any]) -> list[RequestedChange]:
    """The changes of a request.  Raises AwsError for errors that AWS returns at once."""
    if request["Catalog"] != "AWSMarketplace":
        raise field_error("/Catalog", "Catalog must be AWSMarketplace")
    if request.get("Intent", "APPLY") != "APPLY":
        raise field_error(
            "/Intent", "Intent VALIDATE isn't supported for the requested change types"
        )
    changes = [
        _parse_change(world, sent, f"/ChangeSet/{index}", index)
        for index, sent in enumerate(request["ChangeSet"])
    ]
    _check_names(changes)
    for index, change in enumerate(changes):
        _check_exists(world, change, changes, f"/ChangeSet/{index}")
    return changes


def field_error(
    field: str,
    message: str,
    *,
    reason: str = "FieldValidationFailed",
    change_type: str | None = None,
) -> AwsError:
    """The error for an invalid field of a request."""
    entry = {"Reason": reason, "Field": field, "Message": message}
    if change_type:
        entry["ChangeType"] = change_type
    return AwsError(
        "ValidationException", f"{field}: {message}", ValidationExceptionFieldList=[entry]
    )


def _parse_change(world: World, sent: dict[str, Any], path: str, index: int) -> RequestedChange:
    kind = sent["ChangeType"]
    if kind not in DETAILS:
        raise field_error(
            f"{path}/ChangeType",
            f"ChangeType {kind} isn't supported for {sent['Entity']['Type']}",
            reason="UnknownOperation",
            change_type=kind if re.fullmatch(r"[A-Z]\w*", kind) else None,
        )
    document = _document(sent, path)
    details = _details(kind, document, path)
    identifier = sent["Entity"].get("Identifier")
    name = sent.get("ChangeName")
    change = Change(kind, name, sent["Entity"]["Type"], identifier, document)
    required = PRODUCT if isinstance(details, AddDimensions) else OFFER
    if change.entity_type != required:
        raise field_error(f"{path}/Entity/Type", f"{kind} needs an entity of type {required}")
    if isinstance(details, CREATES):
        if identifier:
            raise field_error(f"{path}/Entity/Identifier", f"{kind} takes no Identifier")
        return RequestedChange(change, details, f"${name or index}")
    if not identifier:
        raise field_error(f"{path}/Entity/Identifier", f"{kind} needs an Identifier")
    return RequestedChange(change, details, _target(world, identifier, f"{path}/Entity/Identifier"))


def _document(sent: dict[str, Any], path: str) -> Any:
    if ("Details" in sent) == ("DetailsDocument" in sent):
        raise field_error(f"{path}/Details", "Provide either Details or DetailsDocument")
    if "DetailsDocument" in sent:
        return sent["DetailsDocument"]
    try:
        return json.loads(sent["Details"])
    except ValueError:
        raise field_error(
            f"{path}/Details", "Details isn't valid JSON", reason="CannotParse"
        ) from None


def _details(kind: str, document: Any, path: str) -> BaseModel:
    try:
        # As JSON, where a date is a string.
        return DETAILS[kind].model_validate_json(json.dumps(document))
    except ValidationError as error:
        entries = [
            {
                "Reason": "FieldValidationFailed",
                "EntityType": "Offer",
                "ChangeType": kind,
                "Field": f"{path}/DetailsDocument{''.join(_path_parts(problem['loc']))}",
                "Message": problem["msg"],
            }
            for problem in error.errors()
        ]
        message = "; ".join(f"{entry['Field']}: {entry['Message']}" for entry in entries)
        raise AwsError(
            "ValidationException", message[:2048], ValidationExceptionFieldList=entries
        ) from None


def _path_parts(location: Sequence[int | str]) -> Iterator[str]:
    for step in location:
        # Pydantic adds the name of the union member to the path.
        if not str(step).endswith(("PricingTerm", "Eula")):
            yield "/" + re.sub(r"[^a-zA-Z0-9\-_.]", "_", str(step))


def _target(world: World, identifier: str, path: str) -> str:
    if reference := REFERENCE.fullmatch(identifier):
        return f"${reference[1]}"
    if "$" in identifier:
        raise field_error(
            path, f"{identifier} isn't a reference of the form $Name.Entity.Identifier"
        )
    entity_id, _, revision = identifier.partition("@")
    offer = world.aws.offers.get(entity_id)
    if offer and revision and revision != str(offer.revision):
        raise field_error(path, f"The latest revision is {entity_id}@{offer.revision}")
    return entity_id


def _check_names(changes: list[RequestedChange]) -> None:
    names = [change.change.name for change in changes if change.change.name]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise field_error("/ChangeSet", f"ChangeName must be unique: {sorted(repeated)}")
    seen = set()
    for index, change in enumerate(changes):
        if (change.target, change.change.type) in seen:
            raise field_error(
                f"/ChangeSet/{index}/ChangeType",
                f"{change.change.type} can be used once for an entity in a change set",
            )
        seen.add((change.target, change.change.type))


def _check_exists(
    world: World, change: RequestedChange, changes: list[RequestedChange], path: str
) -> None:
    if change.target.startswith("$"):
        if change.target not in {each.target for each in changes if each.creates}:
            raise field_error(f"{path}/Entity/Identifier", f"No change creates {change.target[1:]}")
    elif change.target not in (world.aws.product_id, *world.aws.offers):
        raise _not_found(f"Entity {change.target}")
    elif (change.target == world.aws.product_id) != isinstance(change.details, AddDimensions):
        raise field_error(f"{path}/Entity/Identifier", f"{change.target} is of another type")
    match change.details:
        case CreateOffer(product_id=product_id) if product_id != world.aws.product_id:
            raise _not_found(f"Product {product_id}")
        case CreateReplacementOffer(agreement_id=agreement_id) if (
            agreement_id not in world.aws.agreements
        ):
            raise _not_found(f"Agreement {agreement_id}")


def _not_found(what: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"{what} isn't found.")
