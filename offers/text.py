"""Text as people and programs write it, in the one form in which it is kept and compared."""

import unicodedata
from datetime import UTC, date, datetime, timedelta

from offers.findings import illegal

_INVISIBLE = dict.fromkeys(
    [
        0x00AD,  # soft hyphen
        0x061C,
        0x180E,
        0x200B,  # zero-width space
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),  # directions of writing
        *range(0x2060, 0x2070),
        0xFEFF,  # byte order mark
    ]
)
_JOINERS = "\u200c\u200d"
"""Invisible, but Persian, Hindi and others are misspelled without them."""

_CODE = (
    dict.fromkeys(map(ord, _JOINERS))
    | {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
    | dict.fromkeys(map(ord, "\u2018\u2019\u02bc"), "'")
    | dict.fromkeys(map(ord, "\u0085\u2028\u2029"), "\n")
    | {0x3001: ","}
)

LONGEST_NAME = 1000
"""Characters of a name as it is written; longer ones are not even looked at."""


def within(text: str, longest: int) -> str:
    """The text; refused before it is read if it is longer than any legal value."""
    if len(text) > longest:
        raise illegal(f"it has {len(text)} characters", f"Use at most {longest} characters")
    return text


def clean_name(text: str) -> str:
    """A name or note without invisible characters, in Unicode's composed form (NFC).

    Whatever can be seen stays, and so does what its language needs.
    """
    if text.isascii():
        return text.strip()
    text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    words = "".join(_blank(each) for each in text).split(" ")
    return " ".join(word.strip(_JOINERS) for word in words).strip()


def clean_code(text: str) -> str:
    """Text of an id, a number, a day or a word of ours, with ASCII's hyphens, blanks and digits."""
    if text.isascii():
        return text.strip()
    text = text.translate(_INVISIBLE).translate(_CODE)
    return "".join(_blank(each) for each in text).strip()


def is_one_line(text: str) -> bool:
    """Whether it has no line break and nothing else that cannot be printed."""
    # Characters of the category Cf shape the writing of their language.
    return text.isprintable() or all(
        each.isprintable() or unicodedata.category(each) == "Cf" for each in text
    )


def normalize_word(text: str) -> str:
    """A word of ours without its case, blanks and punctuation."""
    return "".join(each for each in clean_code(text).casefold() if each.isalnum())


def is_same_name(one: str, other: str) -> bool:
    """Whether two names differ only in case, blanks, punctuation and Unicode form."""
    if max(len(one), len(other)) > LONGEST_NAME:
        return one == other
    return _key(one) == _key(other)


def shorten(text: str, length: int) -> str:
    """The beginning of a text, cut between two characters as they are seen."""
    if len(text) <= length:
        return text
    end = max(length, 0)
    while end and (
        text[end] in _JOINERS
        or text[end - 1] in _JOINERS
        or unicodedata.category(text[end])[0] == "M"
    ):
        end -= 1
    return text[:end].rstrip()


def _blank(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else character


def _key(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    # A vowel can be a mark; a decomposed one was composed before.
    kept = [
        each
        for each in unicodedata.normalize("NFKC", folded)
        if each.isalnum() or unicodedata.category(each)[0] == "M"
    ]
    return "".join(kept) or folded.strip()


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_text(day: date) -> str:
    """A day as people write it, such as `20 Dec 2026`; of an instant, the day in its time zone."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def duration_text(duration: timedelta) -> str:
    """A duration as people say it, such as `2 hours` or `1 day 12 hours`; less than a minute: `0
    minutes`."""
    parts = []
    for name, unit in UNITS:
        count, duration = divmod(duration, unit)
        if count:
            parts.append(f"{count} {name}" + ("s" if count > 1 else ""))
    return " ".join(parts) or "0 minutes"


def instant_text(instant: datetime) -> str:
    """An instant in UTC, such as `20 Dec 2026 08:30 UTC`."""
    instant = instant.astimezone(UTC)
    return f"{day_text(instant)} {instant:%H:%M} UTC"
