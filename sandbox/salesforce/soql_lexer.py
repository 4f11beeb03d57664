"""The tokens of a SOQL query, and Salesforce's error message for a wrong token."""

import re
from dataclasses import dataclass

from sandbox.salesforce.errors import SalesforceError

TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:\\.|[^'\\])*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)(?![\dT])
    | (?P<number>[+-]?\d+(?:\.\d+)?)(?![\w-])
    | (?P<name>[A-Za-z]\w*(?:\.[A-Za-z]\w*)*)
    | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A token of the query; `position` counts from 0."""

    kind: str
    text: str
    position: int

    @property
    def keyword(self) -> str:
        """The text in upper case if it may be a keyword or sign; else empty."""
        return self.text.upper() if self.kind in ("name", "sign") else ""


def tokenize(text: str) -> list[Token]:
    """The tokens of a query; the last one always has the kind `end`."""
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            rest = text[position:].strip()[:20]
            raise query_error("MALFORMED_QUERY", f"unexpected token: '{rest}'", text, position)
        kind = str(found.lastgroup)
        tokens.append(Token(kind, found[kind], found.start(kind)))
        position = found.end()
    return [*tokens, Token("end", "<EOF>", len(text))]


def query_error(code: str, message: str, text: str, position: int) -> SalesforceError:
    """An error with an excerpt of the query around the position."""
    start = max(0, position - 30)
    excerpt = text[start : position + 30]
    marker = " " * (position - start) + "^"
    return SalesforceError(
        400,
        code,
        f"\n{excerpt}\n{marker}\nERROR at Row:1:Column:{position + 1}\n{message}",
    )
