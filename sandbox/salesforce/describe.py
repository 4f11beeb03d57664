"""What `describe` answers about an object type: only what the user can see."""

from typing import Any

from sandbox.salesforce.metadata import ObjectAccess
from sandbox.salesforce.schema import (
    BOOLEAN,
    CURRENCY,
    DOUBLE,
    ID,
    REFERENCE,
    TEXT_AREA,
    TEXTS,
    Field,
    SObject,
)

SOAP_TYPES = {
    "boolean": "xsd:boolean",
    "currency": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "double": "xsd:double",
    "id": "tns:ID",
    "reference": "tns:ID",
}
"""By type; `xsd:string` for all others."""
READ_ONLY = ObjectAccess(createable=False, updateable=False)


def description(
    readable: SObject, editable: frozenset[str], access: ObjectAccess, version: str
) -> dict[str, Any]:
    """The answer; without the members that say what the sandbox has not, such as layouts.

    `readable` has the fields that the user sees, `editable` the names of those they may write.
    """
    url = f"/services/data/{version}/sobjects/{readable.name}"
    return {
        "createable": access.createable,
        "custom": False,
        "deletable": False,
        "fields": [
            _field(each, access if each.name in editable else READ_ONLY)
            for each in readable.fields.values()
        ],
        "keyPrefix": readable.prefix,
        "label": readable.name,
        "name": readable.name,
        "queryable": True,
        "retrieveable": True,
        "updateable": access.updateable,
        "urls": {"describe": f"{url}/describe", "rowTemplate": f"{url}/{{ID}}", "sobject": url},
    }


def _field(field: Field, access: ObjectAccess) -> dict[str, Any]:
    kind, is_custom = field.type, field.name.endswith("__c")
    is_text = kind in TEXTS or kind in (ID, REFERENCE)
    usable = kind is not TEXT_AREA  # long text areas
    return {
        "byteLength": 3 * field.length if is_text else 0,
        "calculated": False,
        "createable": access.createable,
        "custom": is_custom,
        "defaultedOnCreate": kind is BOOLEAN or field.is_read_only,
        "deprecatedAndHidden": False,
        "digits": 0,
        "filterable": usable,
        "groupable": usable and kind not in (CURRENCY, DOUBLE),
        "inlineHelpText": field.help_text,
        "label": field.label or field.name,
        "length": field.length if is_text else 0,
        "name": field.name,
        "nillable": field.is_secured and kind is not BOOLEAN,
        "permissionable": field.is_secured,
        "picklistValues": [
            {
                "active": True,
                "defaultValue": False,
                "label": value,
                "validFor": None,
                "value": value,
            }
            for value in field.values
        ],
        "precision": field.precision,
        "referenceTo": [field.parent] if field.parent else [],
        "relationshipName": field.relationship,
        "restrictedPicklist": field.is_restricted,
        "scale": field.scale,
        "soapType": SOAP_TYPES.get(kind.name, "xsd:string"),
        "sortable": usable,
        "type": kind.name,
        "unique": False,
        "updateable": access.updateable,
    }
