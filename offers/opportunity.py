"""The id of a Salesforce opportunity, in the one form that every part of the product uses."""

import string

_SUFFIX = string.ascii_uppercase + "012345"


class NoOpportunityId(ValueError):
    """A text that cannot be the id of a Salesforce record."""


def opportunity_id(text: str) -> str:
    """The 18-character form of an id; people also copy the 15-character one.

    Both mean one opportunity, so both must lead to one workflow.  The last three characters encode
    which letters of the first 15 are capitals (Salesforce: record ids).  Raises NoOpportunityId.
    """
    text = text.strip()
    if not text.isalnum() or not text.isascii() or len(text) not in (15, 18):
        raise NoOpportunityId(
            f"{text!r} is not a Salesforce id: copy the 15 or 18 letters and digits"
            " from the opportunity's address"
        )
    core = text[:15]
    whole = core + "".join(_suffix(core[start : start + 5]) for start in (0, 5, 10))
    if len(text) == 18 and text.upper() != whole.upper():
        raise NoOpportunityId(
            f"{text!r} is not a Salesforce id: its last three letters do not fit the rest,"
            " copy it again"
        )
    return whole


def _suffix(part: str) -> str:
    return _SUFFIX[sum(1 << place for place, letter in enumerate(part) if letter.isupper())]
