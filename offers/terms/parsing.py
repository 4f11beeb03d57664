"""Parsing of terms that people write into text fields: one parser for each kind of value.

A value that is not text is left to the model that it is meant for, unless pydantic would convert
it without a word.
"""

import re
from datetime import date, datetime
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from offers.findings import illegal
from offers.money import parse_amount
from offers.text import MONTHS, clean_code, normalize_word, within

LONGEST_ID = 50
"""Characters of an account id, a day or a number, with the blanks that people put into it."""

LONGEST_PART = 200
"""Characters of a dimension with its quantity, or of an instalment."""

LONGEST_LIST = 30_000
"""Characters of a list: room for 200 dimensions."""

NO_DAY = ("it is not a date", "Write it as 2027-01-31")
NO_WHOLE_NUMBER = ("it is not a whole number", "Write it as 12")
NO_NET_DAYS = ("it is not a number of days", "Write it as 30 or as Net 30")
NO_ACCOUNT = (
    "an AWS account id has exactly 12 digits",
    "Ask the buyer for the id of the management account and copy all 12 digits",
)

_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T00:00(?::00(?:\.0{1,6})?)?(?:Z|\+00:?00)?)?")
"""ISO 8601; also midnight (UTC), as Salesforce has a day in a field of date and time."""
_NAMED_DAY = re.compile(r"([0-9]{1,2}) ([A-Za-z]{3}) ([0-9]{4})")
"""As we print days."""
_OTHER_DAY = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})")
_MONTHS = re.compile(r"(?i)(?:for )? *([0-9]{1,4})(?:\.0)? *(?:months?)?|P([0-9]{1,4})M")
_NET_DAYS = re.compile(r"(?i)(?:net[ -]*)?([0-9]{1,4})(?:\.0)?(?: *days?)?")
_INSTALMENT = re.compile(r"(?P<on>[^ ]+) (?P<amount>.+)")
_AMOUNT_FIRST = re.compile(r"(?i)(?P<amount>.+) on (?P<on>[^ ]+)")
_CURRENCY = re.compile(r"(?i)^([a-z]{3})(?![a-z])|(?<![a-z])([a-z]{3})$")


def parse_account_ids(value: Any) -> Any:
    """One account id or several, separated by commas, semicolons or new lines."""
    if isinstance(value, str):
        text = clean_code(within(value, LONGEST_LIST)).strip(",; \n\t\r")
        if not text:
            raise illegal("it is empty", NO_ACCOUNT[1])
        value = re.split(r"[,;\n]+", text)
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(map(parse_account_id, value)))
    raise illegal("an account id is text, or leading zeros are lost", "Put it in quotes")


def parse_account_id(value: Any) -> str:
    """An account id of 12 digits, without the blanks and hyphens that people put into it."""
    if not isinstance(value, str):
        raise illegal("an account id is text, or leading zeros are lost", "Put it in quotes")
    if len(value) > LONGEST_ID:
        raise illegal(*NO_ACCOUNT)
    digits = re.sub(r"[\s-]", "", clean_code(value))
    if not re.fullmatch(r"[0-9]{12}", digits):
        others = any(each.isdigit() and not each.isascii() for each in digits)
        raise illegal(NO_ACCOUNT[0] + (", each from 0 to 9" if others else ""), NO_ACCOUNT[1])
    return digits


def parse_code(value: Any) -> Any:
    """An id of a vendor, without the invisible characters that copying adds."""
    return clean_code(within(value, LONGEST_PART)) if isinstance(value, str) else value


def parse_day(value: Any) -> Any:
    """A day such as `2027-01-31` or `31 Jan 2027`; numbers and other orders are refused."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        raise illegal(*NO_DAY)
    text = clean_code(value)
    if found := _DAY.fullmatch(text):
        return _existing_day(found[1])
    if (found := _NAMED_DAY.fullmatch(text)) and found[2].capitalize() in MONTHS:
        month = MONTHS.index(found[2].capitalize()) + 1
        return _existing_day(f"{found[3]}-{month:02}-{found[1]:0>2}")
    if readings := _readings(text):
        raise illegal(
            "it is not clear which day it is" if len(readings) > 1 else NO_DAY[0],
            "Write it as " + " or ".join(each.isoformat() for each in readings),
        )
    raise illegal(*NO_DAY)


def _existing_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise illegal("there is no such day", "Correct it") from None


def _readings(text: str) -> list[date]:
    """The days that a text with the year at its end could mean."""
    if (found := _OTHER_DAY.fullmatch(text)) is None:
        return []
    first, second, year = map(int, found.groups())
    readings = []
    for month, day in ((second, first), (first, second)):
        try:
            readings.append(date(year, month, day))
        except ValueError:
            continue
    return list(dict.fromkeys(readings))


def parse_whole_number(value: Any) -> Any:
    """A whole number: pydantic would take `true` for 1."""
    return _whole_number(value, re.compile(r"([0-9]{1,10})(?:\.0)?"), NO_WHOLE_NUMBER)


def parse_months(value: Any) -> Any:
    """A duration in months: `12`, `12 months`, or as AWS writes it, `P12M`."""
    return _whole_number(value, _MONTHS, NO_WHOLE_NUMBER)


def parse_net_payment_days(value: Any) -> Any:
    """The days of `Net 30` or `Net 30 days`, or a number of days."""
    return None if value is None else _whole_number(value, _NET_DAYS, NO_NET_DAYS)


def _whole_number(value: Any, pattern: re.Pattern[str], otherwise: tuple[str, str]) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= LONGEST_ID:
        found = pattern.fullmatch(clean_code(value))
        if found:
            return int(next(group for group in found.groups() if group))
    raise illegal(*otherwise)


def parse_dimensions(value: Any) -> Any:
    """Keys of dimensions, each with its quantity if it is not 1: `platform; seats x 100`."""
    if not isinstance(value, str):
        return value
    read = []
    for part in _parts(value):
        key, times, quantity = part.rpartition(" x ")
        read.append({"key": key.strip(), "quantity": quantity.strip()} if times else {"key": part})
    return read


def parse_payment_schedule(value: Any, info: ValidationInfo) -> Any:
    """Instalments, one to a line: `2027-01-31 60000.00`, or `60000.00 on 2027-01-31`.

    `upfront` means that there are none.  Amounts are in the currency of the price.
    """
    currency = getattr(info.data.get("price"), "currency", None)
    if isinstance(value, str):
        if normalize_word(value[:LONGEST_ID]) in UPFRONT and len(value) <= LONGEST_ID:
            return ()
        return [_instalment(part, number, currency) for number, part in enumerate(_parts(value), 1)]
    if isinstance(value, list | tuple):
        return [_in_currency(each, currency) for each in value]
    return value


UPFRONT = frozenset({"upfront", "none", "upfrontpayment", "contractupfrontpaymentnonfps"})
"""The last is the offer type in our field sheet."""


def _in_currency(instalment: Any, currency: str | None) -> Any:
    if isinstance(instalment, dict) and isinstance(text := instalment.get("amount"), str):
        return instalment | {"amount": parse_amount(text, currency)}
    return instalment


def _instalment(text: str, number: int, currency: str | None) -> dict[str, Any]:
    text = " ".join(text.split())
    found = _AMOUNT_FIRST.fullmatch(text) or _INSTALMENT.fullmatch(text)
    if found is None or not all(re.search("[0-9]", part) for part in found.groups()):
        raise illegal(
            f"instalment {number} is not a day and an amount",
            "Write each instalment on a line of its own, or with ; between them, such as"
            " 2027-01-31 60000.00; 2027-07-31 60000.00",
        )
    amount = found["amount"]
    if (named := _CURRENCY.search(amount)) is not None:
        other = (named[1] or named[2]).upper()
        if currency is not None and other != currency:
            raise illegal(
                f"instalment {number} is in {other}, and the price in {currency}",
                "Write both in one currency",
            )
        amount = _CURRENCY.sub("", amount, count=1)
    try:
        return {"on": found["on"], "amount": parse_amount(amount, currency)}
    except PydanticCustomError as error:
        why = error.context or {}
        raise illegal(f"instalment {number}: {why['problem']}", why["remedy"]) from None


def parse_eula(value: Any) -> Any:
    """`standard`, or the addresses of the PDFs of our own contract, one to a line."""
    if not isinstance(value, str):
        return value
    if len(value) <= LONGEST_ID and normalize_word(value) in STANDARD:
        return {"type": "standard"}
    documents = [part for part in re.split(r"[\s,;]+", within(value, LONGEST_LIST)) if part]
    return {"type": "custom", "documents": documents}


STANDARD = frozenset(
    {"standard", "standardcontract", "standardeula", "standardcontractforawsmarketplace"}
)


def parse_renewal(value: Any) -> Any:
    """Through which channel the renewed agreement was bought: `AwsMarketplace` or `External`."""
    if not isinstance(value, str):
        return value
    return {"channel": CHANNELS.get(normalize_word(value[:100]))}


CHANNELS = {
    "external": "External",
    "awsmarketplace": "AwsMarketplace",
    # As our field sheet says it.
    "yesanexistingcustomermovingtoawsmarketplace": "External",
    "yesanexistingcustomeralreadyonawsmarketplace": "AwsMarketplace",
}


def _parts(text: str) -> list[str]:
    lines = re.split(r"[;\n]+", clean_code(within(text, LONGEST_LIST)))
    return [within(part, LONGEST_PART) for line in lines if (part := line.strip())]
