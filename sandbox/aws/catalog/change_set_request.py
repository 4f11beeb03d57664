"""Parsing of a StartChangeSet request: the errors that AWS returns at once."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from sandbox.aws.catalog.rules.details import (
    DETAILS,
    ConfigurableUpfrontPricingTerm,
    CreateOffer,
    CreateReplacementOffer,
    UpdatePricingTerms,
)
from sandbox.aws.marketplace_state import Change
from sandbox.aws.protocol import AwsError, Members, NotSimulated
from sandbox.world import World

OFFER = "Offer@1.0"

REFERENCE = re.compile(r"\$([a-zA-Z]+)\.Entity\.Identifier")
"""A reference to the entity that another change of the same change set creates."""


@dataclass
class RequestedChange:
    change: Change
    """The form in which the world stores it."""
    details: BaseModel
    target: str
    """The entity's id, or `$` and the name of the change that creates it."""

    @property
    def creates(self) -> bool:
        return isinstance(self.details, CreateOffer | CreateReplacementOffer)


def parse_changes(world: World, request: Members) -> list[RequestedChange]:
    """The changes of a request.  Raises AwsError for errors that AWS returns at once."""
    changes = [
        _parse_change(sent, f"/ChangeSet/{index}", index)
        for index, sent in enumerate(request["ChangeSet"])
    ]
    created = {each.target for each in changes if each.creates}
    seen = set()
    for index, change in enumerate(changes):
        path = f"/ChangeSet/{index}"
        if (change.target, change.change.type) in seen:
            message = f"{change.change.type} can be used once for an entity in a change set"
            raise field_error(f"{path}/ChangeType", message)
        seen.add((change.target, change.change.type))
        if not change.target.startswith("$"):
            if change.target not in world.aws.offers:
                raise not_found(f"Entity {change.target}")
        elif change.target not in created:
            message = f"No change creates {change.target.removeprefix('$')}"
            raise field_error(f"{path}/Entity/Identifier", message)
        _check_exists(world, change.details)
    return changes


def field_error(field: str, message: str) -> AwsError:
    return _fields_error([{"Field": field, "Message": message}])


def not_found(what: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"{what} isn't found.")


def _fields_error(entries: list[dict[str, str]]) -> AwsError:
    message = "; ".join(f"{entry['Field']}: {entry['Message']}" for entry in entries)
    fields = [{"Reason": "FieldValidationFailed", **entry} for entry in entries]
    return AwsError("ValidationException", message[:2048], ValidationExceptionFieldList=fields)


def _parse_change(sent: Members, path: str, index: int) -> RequestedChange:
    kind, entity_type = sent["ChangeType"], sent["Entity"]["Type"]
    if kind not in DETAILS or entity_type != OFFER:
        raise NotSimulated(f"{kind} of {entity_type}")
    if "Details" in sent:
        raise NotSimulated(f"Details of {kind} (only DetailsDocument)")
    if "DetailsDocument" not in sent:
        raise field_error(f"{path}/Details", "Provide either Details or DetailsDocument")
    document = sent["DetailsDocument"]
    details = _details(kind, document, path)
    identifier, name = sent["Entity"].get("Identifier"), sent.get("ChangeName")
    change = RequestedChange(
        Change(kind, name, entity_type, identifier, document), details, f"${name or index}"
    )
    if change.creates == bool(identifier):
        message = f"{kind} {'takes no' if identifier else 'needs an'} Identifier"
        raise field_error(f"{path}/Entity/Identifier", message)
    if identifier:
        change.target = _target(identifier, f"{path}/Entity/Identifier")
    return change


def _details(kind: str, document: Any, path: str) -> BaseModel:
    try:
        # As JSON, where a date is a string.
        details = DETAILS[kind].model_validate_json(json.dumps(document))
    except ValidationError as error:
        entries = []
        for problem in error.errors():
            where = _path(problem["loc"])
            if problem["type"] in ("extra_forbidden", "union_tag_invalid"):
                tag = problem.get("ctx", {}).get("tag", "")
                raise NotSimulated(f"{kind}{where} {tag}".strip()) from None
            field = {"Field": f"{path}/DetailsDocument{where}", "Message": problem["msg"]}
            entries.append({"EntityType": "Offer", "ChangeType": kind, **field})
        raise _fields_error(entries) from None
    if isinstance(details, UpdatePricingTerms):
        _check_pricing_simulated(details)
    return details


def _check_pricing_simulated(details: UpdatePricingTerms) -> None:
    if details.pricing_model != "Contract":
        raise NotSimulated(f"PricingModel {details.pricing_model}")
    for term in details.terms:
        if isinstance(term, ConfigurableUpfrontPricingTerm):
            if len(term.rate_cards) > 1:
                raise NotSimulated("a second rate card")
            if "Allowed" in term.rate_cards[0].constraints.model_dump().values():
                raise NotSimulated("Constraints with Allowed")


def _path(location: Sequence[int | str]) -> str:
    # Pydantic adds the name of the union member to the path.
    steps = [str(each) for each in location if not str(each).endswith(("PricingTerm", "Eula"))]
    return "".join("/" + re.sub(r"[^a-zA-Z0-9\-_.]", "_", each) for each in steps)


def _target(identifier: str, path: str) -> str:
    if "$" not in identifier:
        if "@" in identifier:
            raise NotSimulated("an Identifier with a revision")
        return identifier
    reference = REFERENCE.fullmatch(identifier)
    if reference is None:
        message = f"{identifier} isn't a reference of the form $Name.Entity.Identifier"
        raise field_error(path, message)
    return f"${reference[1]}"


def _check_exists(world: World, details: BaseModel) -> None:
    match details:
        case CreateOffer(product_id=product_id) if product_id != world.aws.product_id:
            raise not_found(f"Product {product_id}")
        case CreateReplacementOffer(agreement_id=agreement_id) if (
            agreement_id not in world.aws.agreements
        ):
            raise not_found(f"Agreement {agreement_id}")
