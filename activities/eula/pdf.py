"""Checking and merging the PDFs of a custom contract."""

import io
from collections.abc import Sequence

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, PdfObject

BEGINNING = b"%PDF-"
SAVE_ANEW = "Print it to a new PDF, and give that"
ACTIVE = frozenset({"/OpenAction", "/AA", "/JavaScript", "/JS", "/Launch", "/EmbeddedFiles"})
"""Keys, and values of `/S`, of what happens by itself or is not the contract's own text."""


class WrongPdf(Exception):
    """A document that AWS would refuse or a buyer should not get; says why, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def check(content: bytes) -> None:
    """Raises WrongPdf unless it is a whole PDF that anybody can open and that does nothing."""
    if not content.startswith(BEGINNING):
        raise WrongPdf("it is not a PDF", "Save the document as PDF, and give that")
    try:
        encrypted, pages, active = _look_into(content)
    except Exception:  # of every kind: damaged files make pypdf stumble anywhere
        raise WrongPdf("it is damaged, or not a whole PDF", SAVE_ANEW) from None
    if encrypted:
        raise WrongPdf("it is protected by a password", "Save it without a password")
    if not pages:
        raise WrongPdf("it has no pages", "Give the document that was meant")
    if active:
        raise WrongPdf(f"it holds active content ({', '.join(active)})", SAVE_ANEW)


def merge(contents: Sequence[bytes]) -> bytes:
    """Checked documents as one, in their order; the same ones always make the same bytes.

    A single one stays as it is: rewriting would break a signature in it.  Raises WrongPdf.
    """
    if len(contents) == 1:
        return contents[0]
    merged = PdfWriter()
    out = io.BytesIO()
    try:
        for content in contents:
            merged.append(io.BytesIO(content), import_outline=False)
        merged.write(out)
    except Exception:  # as above
        raise WrongPdf("the documents cannot be merged", SAVE_ANEW) from None
    return out.getvalue()


def _look_into(content: bytes) -> tuple[bool, int, list[str]]:
    """Whether it is encrypted, how many pages it has, and what in it is active."""
    reader = PdfReader(io.BytesIO(content), strict=True)
    # An owner's password alone lets the pages be read, and AWS refuses it all the same.
    if reader.is_encrypted:
        return True, 0, []
    return False, len(reader.pages), _active_parts(reader)


def _active_parts(reader: PdfReader) -> list[str]:
    """The names of what is active anywhere in a document."""
    found: set[str] = set()
    seen: set[tuple[int, int]] = set()
    waiting: list[PdfObject | None] = [reader.trailer]
    while waiting:
        part = waiting.pop()
        if isinstance(part, IndirectObject):
            if (part.idnum, part.generation) in seen:
                continue
            seen.add((part.idnum, part.generation))
            part = part.get_object()
        if isinstance(part, DictionaryObject):
            found.update(key for key in part if key in ACTIVE and not _is_mere_place(part, key))
            if (kind := part.get("/S")) in ACTIVE:
                found.add(str(kind))
            waiting.extend(part.raw_get(key) for key in part)
        elif isinstance(part, ArrayObject):
            waiting.extend(list.__iter__(part))
    return sorted(found)


def _is_mere_place(holder: DictionaryObject, key: str) -> bool:
    """Whether an `/OpenAction` only says which page to show first, as word processors write it."""
    if key != "/OpenAction":
        return False
    opening = holder[key]
    return isinstance(opening, ArrayObject) or (
        isinstance(opening, DictionaryObject)
        and opening.get("/S") == NameObject("/GoTo")
        and "/Next" not in opening
    )
