"""What Salesforce says of an object type: only what our user can see of it."""

from collections.abc import Mapping
from typing import Any, cast

from simple_salesforce.api import Salesforce as SalesforceApi
from simple_salesforce.api import SFType

from activities.salesforce.client import SalesforceClient
from offers.model import FrozenModel


class FieldDescription(FrozenModel):
    """A field; the names of its members are Salesforce's, but for their spelling."""

    name: str
    type: str
    length: int
    """Of text; 0 for other types."""
    precision: int
    """The digits of a number, of which `scale` are behind the point."""
    scale: int
    createable: bool
    updateable: bool
    filterable: bool
    restricted_picklist: bool
    picklist_values: tuple[str, ...]
    """Those that are active."""
    relationship_name: str | None
    reference_to: tuple[str, ...]


class ObjectDescription(FrozenModel):
    """An object type."""

    name: str
    createable: bool
    updateable: bool
    fields: dict[str, FieldDescription]
    """By lower-case name: Salesforce ignores case."""


def describe(client: SalesforceClient, name: str) -> ObjectDescription:
    """Ask Salesforce.  Raises the ApplicationError to fail with."""

    def read(api: SalesforceApi) -> ObjectDescription:
        return _object(cast(SFType, getattr(api, name)).describe())

    return client.call(read)


def _object(answer: Any) -> ObjectDescription:
    """Raises KeyError or TypeError for an answer that is not Salesforce's."""
    return ObjectDescription(
        name=answer["name"],
        createable=answer["createable"],
        updateable=answer["updateable"],
        fields={str(each["name"]).lower(): _field(each) for each in answer["fields"]},
    )


def _field(answer: Mapping[str, Any]) -> FieldDescription:
    return FieldDescription(
        name=answer["name"],
        type=answer["type"],
        length=answer["length"],
        precision=answer["precision"],
        scale=answer["scale"],
        createable=answer["createable"],
        updateable=answer["updateable"],
        filterable=answer["filterable"],
        restricted_picklist=answer["restrictedPicklist"],
        picklist_values=tuple(each["value"] for each in answer["picklistValues"] if each["active"]),
        relationship_name=answer["relationshipName"],
        reference_to=tuple(answer["referenceTo"]),
    )
