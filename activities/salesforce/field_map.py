"""The field map: every Salesforce org names its fields differently."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from activities.errors import rejected
from offers.findings import illegal
from offers.lifecycle.salesforce_fields import WriteName
from offers.model import FrozenModel
from offers.money import Currency
from offers.preflight.order_form import OrderFormName

FieldPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]\w*(\.[A-Za-z]\w*)*$")]
"""A field of the Opportunity, or a path through a parent such as `Account.Name`."""

FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]\w*$")]
"""A field of the Opportunity itself."""

ReadName = Literal[
    "company",
    "amount",
    "currency",
    "buyer_accounts",
    "buyer_email",
    "buyer_name",
    "buyer_time_zone",
    "buyer_country",
    "owner_email",
    "owner_name",
    "owner_time_zone",
    "offer_name",
    "dimensions",
    "duration_months",
    "starts_on",
    "availability_end",
    "payment_schedule",
    "net_payment_days",
    "eula",
    "renewal",
    "renews",
]


class FieldMap(FrozenModel, extra="forbid"):
    """The fields that are read for a draft, and those that the offer's progress is written to.

    `order_form` names the fields of the signed order form; `ready` is an additional SOQL condition
    for starting an offer automatically.

    Names without a field in the org are left out.  Without `currency`, `default_currency` is used.
    """

    read: dict[ReadName, FieldPath]
    order_form: dict[OrderFormName, FieldPath] = Field(default_factory=dict)
    write: dict[WriteName, FieldName]
    ready: str | None = None
    default_currency: Currency = "USD"

    @field_validator("write")
    @classmethod
    def _each_its_own(cls, write: dict[WriteName, str]) -> dict[WriteName, str]:
        fields = [field.lower() for field in write.values()]
        for name, field in write.items():
            if fields.count(field.lower()) > 1:
                raise illegal(f"{name} is not alone in {field}", "Give each name its own field")
        return write


def value_at(record: Mapping[str, Any], path: str) -> Any:
    """The value of a field that was asked for.  Fails REJECTED if the answer does not have it.

    Salesforce ignores the case of names, and answers with those of the org.
    """
    value: Any = record
    for part in path.lower().split("."):
        if value is None:  # an empty reference to a parent
            return None
        fields = {name.lower(): each for name, each in value.items()} if value else {}
        if part not in fields:
            what = f"the answer has no field {path}: correct the field map"
            raise rejected("Salesforce", "FIELD_MISSING", what)
        value = fields[part]
    return value
