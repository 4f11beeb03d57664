"""Who is written to about an offer."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from offers.findings import illegal

ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+"
"""An address in ASCII: few mail servers take others."""


def _address(value: str) -> str:
    if not re.fullmatch(ADDRESS, value) or len(value) > 320:
        raise illegal("it is no mail address", "Write one address, such as name@example.com")
    return value


Address = Annotated[str, AfterValidator(_address)]


class Owner(BaseModel):
    """Who owns the opportunity.  Personal data: never in ids, search attributes, logs or errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner_email: Address = Field(repr=False)
    owner_name: str | None = Field(default=None, max_length=200, repr=False)


class Contacts(Owner):
    """Who is written to.  Personal data, as well."""

    buyer_email: Address = Field(repr=False)
    buyer_name: str | None = Field(default=None, max_length=200, repr=False)
    buyer_time_zone: str | None = None
    """IANA name; None where it is not known."""


CONTACT_FIELDS = frozenset(Contacts.model_fields)
