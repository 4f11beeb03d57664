"""The words of a SOQL query, and how Salesforce points at one that is wrong."""

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
    """A word of the query; `text` is as written, `place` counts from 0."""

    kind: str
    text: str
    place: int

    @property
    def word(self) -> str:
        """In upper case if it may be a keyword."""
        return self.text.upper() if self.kind in ("name", "sign") else ""


def tokenize(text: str) -> list[Token]:
    """A query taken apart; the last word is always its end."""
    tokens, place = [], 0
    text = text.rstrip()
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None:
            rest = text[place:].strip()[:20]
            raise refusal("MALFORMED_QUERY", f"unexpected token: '{rest}'", text, place)
        kind = str(found.lastgroup)
        tokens.append(Token(kind, found[kind], found.start(kind)))
        place = found.end()
    return [*tokens, Token("end", "<EOF>", len(text))]


def refusal(code: str, message: str, text: str, place: int) -> SalesforceError:
    """An error with the piece of the query that it is about."""
    start = max(0, place - 30)
    excerpt = text[start : place + 30]
    return SalesforceError(
        400,
        code,
        f"\n{excerpt}\n{' ' * (place - start)}^\nERROR at Row:1:Column:{place + 1}\n{message}",
    )
