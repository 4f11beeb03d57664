"""Parsing of terms that people write into text fields.

A value that is not text is left to the model that it is meant for.
"""

import re
from typing import Any

from offers.findings import illegal


def parse_account_ids(value: Any) -> Any:
    """One account id or several, separated by commas, semicolons or new lines."""
    if isinstance(value, str):
        value = re.split(r"[,;\n]+", value.strip(" ,;\n\t\r"))
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(map(parse_account_id, value)))
    raise illegal("an account id is text, or leading zeros are lost", "Put it in quotes")


def parse_account_id(value: Any) -> str:
    """An account id of 12 digits, without the spaces and hyphens that people put into it."""
    if not isinstance(value, str):
        raise illegal("an account id is text, or leading zeros are lost", "Put it in quotes")
    digits = re.sub(r"[\s-]", "", value)
    if not re.fullmatch(r"[0-9]{12}", digits):
        raise illegal(
            "an AWS account id has exactly 12 digits",
            "Ask the buyer for the id of the management account and copy all 12 digits",
        )
    return digits


def parse_dimensions(value: Any) -> Any:
    """Keys of dimensions, each with its quantity if it is not 1: `platform; seats x 100`."""
    if not isinstance(value, str):
        return value
    read = []
    for part in _parts(value):
        key, times, quantity = part.rpartition(" x ")
        read.append({"key": key.strip(), "quantity": quantity.strip()} if times else {"key": part})
    return read


def parse_payment_schedule(value: Any) -> Any:
    """Instalments, one to a line: `2027-01-31 60000.00`.  `upfront` means that there are none."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"(?i)\s*(up[\s-]?front|none)\s*", value):
        return ()
    read = []
    for number, part in enumerate(_parts(value), 1):
        words = part.split()
        if len(words) != 2:
            raise illegal(
                f"instalment {number} is not a day and an amount",
                "Write each instalment on a line of its own, or with ; between them, such as"
                " 2027-01-31 60000.00; 2027-07-31 60000.00",
            )
        read.append({"on": words[0], "amount": words[1]})
    return read


def parse_money(value: Any) -> Any:
    """An amount with its currency: `30000.00 USD`, or `USD 30,000.00`."""
    if not isinstance(value, str):
        return value
    words = value.replace(",", "").split()
    if len(words) == 2 and words[0].isalpha():
        words.reverse()
    if len(words) != 2:
        raise illegal("it is not an amount with its currency", "Write it as 30000.00 USD")
    return {"amount": words[0], "currency": words[1].upper()}


def parse_net_payment_days(value: Any) -> Any:
    """The days of `Net 30`, or a number of days."""
    if isinstance(value, str) and (found := re.fullmatch(r"(?i)\s*net[\s-]*(\d{1,4})\s*", value)):
        value = found[1]
    return value


def parse_eula(value: Any) -> Any:
    """`standard`, or the addresses of the PDFs of our own contract, one to a line."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "standard":
        return {"type": "standard"}
    return {"type": "custom", "documents": [part for part in re.split(r"[\s,;]+", value) if part]}


def parse_renewal(value: Any) -> Any:
    """Through which channel the renewed agreement was bought: `AwsMarketplace` or `External`."""
    if not isinstance(value, str):
        return value
    letters = re.sub(r"[^a-z]", "", value.lower())
    return {"channel": {"external": "External", "awsmarketplace": "AwsMarketplace"}.get(letters)}


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[;\n]+", text) if part.strip()]
