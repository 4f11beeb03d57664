"""Who is written to about an offer."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field

from offers.findings import illegal
from offers.model import FrozenModel
from offers.text import clean_code, clean_name, within

LONGEST_EMAIL = 320
"""Characters of a mail address with what copying adds; the standard allows 254."""


@lru_cache(1024)
def parse_email(text: str) -> str:
    """A mail address that mail servers take, in ASCII: a domain in other letters is encoded (IDNA).

    Whether it exists is not looked up.
    """
    address = clean_code(within(text, LONGEST_EMAIL))
    local, _, _ = address.rpartition("@")
    if local and not local.isascii():
        raise illegal(
            "it has letters before the @ that many mail servers refuse",
            "Ask for an address in ASCII, such as name@example.com",
        )
    # The library's own words are not shown: they repeat parts of the address.
    if (parsed := _parsed(address)) is not None:
        return parsed
    # As a part of another domain it would do: its own is reserved, or has no dot.
    if _parsed(f"{address}.example.com") is not None:
        raise illegal("no mail can be sent to its domain", ONE_ADDRESS)
    raise illegal("it is no mail address", ONE_ADDRESS)


ONE_ADDRESS = "Write one address, such as name@example.com"


def _parsed(address: str) -> str | None:
    try:
        parsed = validate_email(
            address, check_deliverability=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError:
        return None
    return parsed.ascii_email


Address = Annotated[str, AfterValidator(parse_email)]


def _one_line(name: str) -> str:
    """A name on one line: what is typed below it does not stand below it in a mail."""
    return clean_name(" ".join(within(name, 1000).split()))


PersonName = Annotated[str, AfterValidator(_one_line), Field(max_length=200)]


def _name_of_a_zone(value: Any) -> str | None:
    # A deal does not fail for what only decides when its owner gets a digest.
    zone = clean_code(value) if isinstance(value, str) and len(value) <= 100 else ""
    return zone or None


def _country(value: Any) -> Any:
    code = clean_code(within(value, 100)).upper() if isinstance(value, str) else ""
    if not re.fullmatch("[A-Z]{2}", code):
        raise illegal(
            "it is not the code of a country", "Write the two letters of ISO 3166, such as US or KR"
        )
    return code


Country = Annotated[str, BeforeValidator(_country)]
"""Two letters (ISO 3166-1)."""


def domain_of(address: str) -> str:
    """The domain of a mail address, in small letters."""
    return address.rpartition("@")[2].lower()


def is_address_of(person: str, addresses: Iterable[str]) -> bool:
    """Whether a mail address, as somebody wrote it, is one of these."""
    try:
        address = parse_email(person)
    except ValueError:
        return False
    return address.casefold() in map(str.casefold, addresses)


class Owner(FrozenModel, extra="forbid"):
    """Who owns the opportunity.  Personal data: never in ids, search attributes, logs or errors."""

    owner_email: Address = Field(repr=False)
    owner_name: PersonName | None = Field(default=None, repr=False)
    owner_time_zone: Annotated[str | None, BeforeValidator(_name_of_a_zone)] = Field(
        default=None, repr=False
    )
    """IANA name, as Salesforce has it; one that does not exist counts as not known."""


class Contacts(Owner):
    """Who is written to.  Personal data, as well."""

    buyer_email: Address = Field(repr=False)
    buyer_name: PersonName | None = Field(default=None, repr=False)
    buyer_time_zone: str | None = None
    """IANA name; None where it is not known."""
    buyer_country: Country | None = None
    """Of the buyer's AWS account: AWS's fee depends on it; None where it is not known."""

    @property
    def owner(self) -> Owner:
        """The owner alone."""
        return Owner(**{name: getattr(self, name) for name in Owner.model_fields})


CONTACT_FIELDS = frozenset(Contacts.model_fields)
