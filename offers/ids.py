"""Ids and paths of offers, each in the one form that every part of the product uses.

An amendment of its offer is named after it: `0065g00000AbCdEAAV/amendment/1`.
"""

import re
import string
from urllib.parse import unquote

from offers.text import clean_code

LONGEST_PATH = 100
"""Characters of an offer's path, with what copying adds."""

LONGEST_LINK = 2000
"""Characters of a link that are looked at."""

OPPORTUNITY_PREFIX = "006"
OTHER_PREFIXES = {
    "001": "an account",
    "003": "a contact",
    "005": "a user",
    "00Q": "a lead",
    "00T": "a task",
    "00k": "a product of an opportunity",
    "0Q0": "a quote",
    "500": "a case",
    "701": "a campaign",
    "800": "a contract",
    "801": "an order",
}
"""What the ids of other records begin with (Salesforce: record ID prefix decoder)."""

_SUFFIX = string.ascii_uppercase + "012345"
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/\s]+\.[^/\s]+/")
"""Of a link, which may be without its scheme."""
_RECORD_ID = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?(?![A-Za-z0-9])")
_WORKFLOW_ID = re.compile(rf"/offer/({_RECORD_ID.pattern}(?:/amendment/[0-9]+)?)(?![^/?#])")
_REFERENCE = re.compile(
    "offer-(?P<opportunity>[A-Za-z0-9]{18})(-amd(?P<amendment>[1-9][0-9]{0,5}))?-rev[1-9][0-9]{0,5}"
)


class InvalidOpportunityId(ValueError):
    """A text that cannot be the id of a Salesforce record."""


def parse_opportunity_id(text: str) -> str:
    """The 18-character form of an id; people also copy the 15-character one.

    Both mean one opportunity, so both must lead to one workflow.  The last three characters encode
    which letters of the first 15 are capitals (Salesforce: record ids).
    Raises InvalidOpportunityId.
    """
    text = _clean(text)
    if not text.isalnum() or not text.isascii() or len(text) not in (15, 18):
        raise InvalidOpportunityId(
            f"{text!r} is not a Salesforce id: copy the 15 or 18 letters and digits"
            " from the opportunity's address"
        )
    core = text[:15]
    whole = core + "".join(_suffix(core[start : start + 5]) for start in (0, 5, 10))
    if len(text) == 18 and text.upper() != whole.upper():
        raise InvalidOpportunityId(
            f"{text!r} is not a Salesforce id: its last three letters do not fit the rest,"
            " copy it again"
        )
    return whole


def opportunity_address(salesforce_url: str, opportunity_id: str) -> str:
    """Where an opportunity is shown in Salesforce."""
    return f"{salesforce_url.rstrip('/')}/lightning/r/Opportunity/{opportunity_id}/view"


def offer_path(opportunity_id: str, amendment: int = 0) -> str:
    """An offer's path; `amendment` is 0 for the opportunity's own offer."""
    return f"{opportunity_id}/amendment/{amendment}" if amendment else opportunity_id


def workflow_id(path: str) -> str:
    """The id of an offer's workflow: one for each offer, so that starting twice is harmless.

    `path` is the opportunity's id, or names one of its amendments.
    """
    return f"offer/{path}"


def preflight_prefix(opportunity_id: str) -> str:
    """What the ids of the workflows begin with that check a deal before its offer is started."""
    return f"preflight/{opportunity_id}/"


def opportunity_id_of(workflow_id: str) -> str:
    """The opportunity whose offer, or whose amendment, a workflow is."""
    return workflow_id.split("/")[1]


def path_of_workflow(workflow_id: str) -> str:
    """The path of the offer or amendment that a workflow is for."""
    return workflow_id.partition("/")[2]


def parse_offer_path(text: str) -> str:
    """An offer's path as people write it, in its standard form.  Raises InvalidOpportunityId."""
    record_id, slash, rest = _clean(text).partition("/")
    if not slash:
        return parse_opportunity_id(record_id)
    number = rest.removeprefix("amendment/")
    if not re.fullmatch("0{0,5}[1-9][0-9]{0,5}", number):
        example = offer_path(parse_opportunity_id(record_id), 1)
        raise InvalidOpportunityId(f"{text!r} names no amendment: write it as {example}")
    return offer_path(parse_opportunity_id(record_id), int(number))


def parse_pasted_path(text: str) -> str:
    """The path of the offer that people mean by what they paste.

    That is an id or a path, the id of a workflow, or a link to the opportunity in Salesforce
    (Lightning or classic) or to the workflow in the Temporal UI.  Raises InvalidOpportunityId.
    """
    cleaned = clean_code(text[:LONGEST_LINK])
    if _LINK.match(cleaned):
        cleaned = _path_in_link(cleaned)
    path = parse_offer_path(cleaned.removeprefix("offer/"))
    if path.startswith(OPPORTUNITY_PREFIX):
        return path
    record_id = path.partition("/")[0]
    what = OTHER_PREFIXES.get(record_id[:3], "another kind of record")
    raise InvalidOpportunityId(
        f"{record_id} is the id of {what}, and an opportunity's begins with {OPPORTUNITY_PREFIX}:"
        " open the opportunity in Salesforce, and copy its address"
    )


def _path_in_link(link: str) -> str:
    link = unquote(link)
    if found := _WORKFLOW_ID.search(link):
        return found[1]
    ids: list[str] = _RECORD_ID.findall(link)
    named = [each for each in ids if each.startswith(OPPORTUNITY_PREFIX)]
    named += [each for each in ids if each[:3] in OTHER_PREFIXES]
    if not named:
        raise InvalidOpportunityId(
            "the link names no opportunity: open one in Salesforce, and copy its address"
        )
    return named[0]


def revision_reference(opportunity_id: str, amendment: int, revision: int) -> str:
    """Names one revision of an offer in AWS: its change set, its token, the offer's description."""
    which = f"-amd{amendment}" if amendment else ""
    return f"offer-{opportunity_id}{which}-rev{revision}"


def parse_reference(text: str) -> str | None:
    """The path of the offer that a reference names; None if it is no reference of ours."""
    found = _REFERENCE.fullmatch(text)
    if found is None or not is_full_id(found["opportunity"]):
        return None
    return offer_path(found["opportunity"], int(found["amendment"] or 0))


def is_full_id(record_id: str) -> bool:
    """Whether it is an id in its 18-character form."""
    try:
        return parse_opportunity_id(record_id) == record_id
    except InvalidOpportunityId:
        return False


def _clean(text: str) -> str:
    """The text as it was copied; only the beginning of what is longer than any path."""
    return clean_code(text) if len(text) <= LONGEST_PATH else text[:LONGEST_PATH] + "…"


def _suffix(part: str) -> str:
    return _SUFFIX[sum(1 << place for place, letter in enumerate(part) if letter.isupper())]
