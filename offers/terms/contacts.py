"""Who is written to about an offer."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from offers.findings import illegal
from offers.model import FrozenModel

ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+"
"""An address in ASCII: few mail servers take others."""


def _address(value: str) -> str:
    if not re.fullmatch(ADDRESS, value) or len(value) > 320:
        raise illegal("it is no mail address", "Write one address, such as name@example.com")
    return value


Address = Annotated[str, AfterValidator(_address)]


def _name_of_a_zone(value: Any) -> str | None:
    # A deal does not fail for what only decides when its owner gets a digest.
    return value if isinstance(value, str) and 0 < len(value) <= 100 else None


class Owner(FrozenModel, extra="forbid"):
    """Who owns the opportunity.  Personal data: never in ids, search attributes, logs or errors."""

    owner_email: Address = Field(repr=False)
    owner_name: str | None = Field(default=None, max_length=200, repr=False)
    owner_time_zone: Annotated[str | None, BeforeValidator(_name_of_a_zone)] = Field(
        default=None, repr=False
    )
    """IANA name, as Salesforce has it; one that does not exist counts as not known."""


class Contacts(Owner):
    """Who is written to.  Personal data, as well."""

    buyer_email: Address = Field(repr=False)
    buyer_name: str | None = Field(default=None, max_length=200, repr=False)
    buyer_time_zone: str | None = None
    """IANA name; None where it is not known."""

    @property
    def owner(self) -> Owner:
        """The owner alone."""
        return Owner(**{name: getattr(self, name) for name in Owner.model_fields})


CONTACT_FIELDS = frozenset(Contacts.model_fields)
