"""Salesforce record ids: 15 case-sensitive characters, or 18 case-insensitive ones."""

import re

SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def is_well_formed(record_id: object) -> bool:
    """Whether this has the form of a record id."""
    return isinstance(record_id, str) and bool(
        re.fullmatch(r"[A-Za-z0-9]{15}([A-Z0-5]{3})?", record_id)
    )


def long_id(record_id: str) -> str:
    """The 18-character form.

    Each of the three added characters encodes five characters of the id: one bit per upper-case
    letter, with the first character as the lowest bit.
    """
    if len(record_id) != 15:
        return record_id
    suffix = ""
    for chunk in (record_id[0:5], record_id[5:10], record_id[10:15]):
        bits = sum(1 << place for place, letter in enumerate(chunk) if letter.isupper())
        suffix += SUFFIX[bits]
    return record_id + suffix
