"""Checking and merging the PDFs of a custom contract."""

import io
from collections.abc import Sequence

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, PdfObject

BEGINNING = b"%PDF-"
PRINT_TO_PDF = "Print it to a new PDF, and use that"
ACTIVE = frozenset(
    {
        *("/OpenAction", "/AA", "/JavaScript", "/JS", "/Launch", "/SubmitForm", "/ImportData"),
        *("/EmbeddedFiles", "/EF", "/AF", "/FileAttachment", "/GoToR", "/GoToE", "/XFA"),
        *("/RichMedia", "/Rendition", "/Movie", "/Sound"),
    }
)
"""Keys, and values of `/S` and `/Subtype`, of what acts, plays, holds files, or leads outside of
the document (ISO 32000)."""
KINDS = ("/S", "/Subtype")


class InvalidPdf(Exception):
    """A document that AWS would reject or a buyer should not get; with problem and remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def check(content: bytes) -> None:
    """Raises InvalidPdf unless it is a complete PDF without password and active content."""
    if not content.startswith(BEGINNING):
        raise InvalidPdf("it is not a PDF", "Save the document as PDF, and use that")
    try:
        encrypted, pages, active = _look_into(content)
    except Exception:  # of every kind: damaged files make pypdf stumble anywhere
        raise InvalidPdf("it is damaged or incomplete", PRINT_TO_PDF) from None
    if encrypted:
        raise InvalidPdf("it is protected by a password", "Save it without a password")
    if not pages:
        raise InvalidPdf("it has no pages", "Use the right document")
    if active:
        raise InvalidPdf(f"it contains active content ({', '.join(active)})", PRINT_TO_PDF)


def merge(contents: Sequence[bytes]) -> bytes:
    """Merge checked documents in their order; the same documents always give the same bytes.

    A single document is not rewritten: that would break its signature.  Raises InvalidPdf.
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
        raise InvalidPdf("the documents cannot be merged", PRINT_TO_PDF) from None
    return out.getvalue()


def _look_into(content: bytes) -> tuple[bool, int, list[str]]:
    """Whether it is encrypted, how many pages it has, and what in it is active."""
    reader = PdfReader(io.BytesIO(content), strict=True)
    # With only an owner password the pages can be read, but AWS rejects the document.
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
            found.update(str(part[key]) for key in KINDS if part.get(key) in ACTIVE)
            waiting.extend(part.raw_get(key) for key in part)
        elif isinstance(part, ArrayObject):
            waiting.extend(list.__iter__(part))
    return sorted(found)


def _is_mere_place(holder: DictionaryObject, key: str) -> bool:
    """Whether an `/OpenAction` only sets the page to show first, as word processors do."""
    if key != "/OpenAction":
        return False
    opening = holder[key]
    return isinstance(opening, ArrayObject) or (
        isinstance(opening, DictionaryObject)
        and opening.get("/S") == NameObject("/GoTo")
        and "/Next" not in opening
    )
