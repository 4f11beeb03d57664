"""SOQL, translated to SQL for SQLite.

`SELECT fields FROM object [WHERE …] [ORDER BY …] [LIMIT n]`, with parent fields, comparisons, `IN`,
`LIKE`, `AND`, `OR` and parentheses.  As in Salesforce, `AND` mixed with `OR` needs parentheses,
text comparison ignores case, and dates and instants have no quotes.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sandbox.salesforce.errors import SalesforceError, not_simulated
from sandbox.salesforce.org import Record, value_at
from sandbox.salesforce.schema import (
    ID,
    REFERENCE,
    TEXT_AREA,
    TEXTS,
    Column,
    Field,
    SObject,
    Value,
    find_column,
    is_record_id,
    long_id,
)

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
WORDS = frozenset(
    {"WHERE", "AND", "OR", "IN", "LIKE", "ORDER", "BY", "ASC", "DESC", "LIMIT", "(", ")", ","}
)
"""Passed on to SQLite, which checks their order."""
QUERIED = ("Opportunity", "Task")
"""The object types whose records can be queried."""
NOT_SIMULATED = frozenset({"COUNT", "FIELDS", "GROUP", "HAVING", "NOT", "NULLS", "OFFSET", "WITH"})
"""Keywords and functions of SOQL."""
COMPARISONS = {
    **{"=": "IS", "!=": "IS NOT", "<>": "IS NOT"},
    **{each: each for each in ("<", "<=", ">", ">=")},
}
"""By SOQL's operator, SQLite's, in which null equals null."""
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\"}
READERS: dict[str, Callable[[str], Value]] = {
    "boolean": lambda text: text.upper() == "TRUE",
    "number": Decimal,
    "date": date.fromisoformat,
    "datetime": lambda text: datetime.fromisoformat(text).astimezone(UTC),
}
"""By kind of literal; a string's value depends on its field."""


@dataclass(frozen=True)
class Token:
    """A part of the query; `position` counts from 0."""

    kind: str
    text: str
    position: int

    @property
    def keyword(self) -> str:
        """The text in upper case if it may be a keyword or sign; else empty."""
        return self.text.upper() if self.kind in ("name", "sign") else ""


@dataclass
class Query:
    sobject: SObject
    columns: list[Column]
    clauses: str = ""
    """The SQL after `FROM`; a column's name is its path."""
    parameters: list[Any] = field(default_factory=list)
    used: dict[str, Column] = field(default_factory=dict)
    """The columns in `clauses`, by path."""

    def select(self, records: dict[str, Record]) -> list[Record]:
        """The records that match, in order."""
        with closing(sqlite3.connect(":memory:")) as database:
            names = ", ".join(f'"{path}" COLLATE NOCASE' for path in self.used)
            database.execute(f"CREATE TABLE records ({names})")
            rows = (
                [_sql(value_at(each, column)) for column in self.used.values()]
                for each in records.values()
            )
            places = ", ".join("?" * len(self.used))
            database.executemany(f"INSERT INTO records VALUES ({places})", rows)  # noqa: S608
            statement = f'SELECT "Id" FROM records {self.clauses}'  # noqa: S608
            found = database.execute(statement, self.parameters).fetchall()
        return [records[record_id] for (record_id,) in found]


def parse(text: str, readable: Callable[[str], SObject | None]) -> Query:
    """Translate a query.  Raises SalesforceError.

    `readable` gives an object type by its name, with the fields that the user sees.
    """
    translation = _Translation(text.rstrip(), readable)
    query = translation.query()
    try:
        query.select({})
    except sqlite3.OperationalError as error:
        wrong = re.search(r'near "(.+?)"', str(error))
        raise translation.unexpected(wrong[1] if wrong else "<EOF>") from None
    return query


def _sql(value: Value) -> Any:
    """A value that SQLite compares as Salesforce does."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


class _Translation:
    def __init__(self, text: str, readable: Callable[[str], SObject | None]) -> None:
        self.text = text
        self.readable = readable
        self.tokens = list(self._tokens())
        self.result: Query
        self.column: Column | None = None
        """The column of the comparison that is being read."""
        self.operator = ""
        self.incomplete = False
        """Whether that comparison has no value yet."""
        self.connectives: list[set[str]] = [set()]
        """`AND` and `OR` by depth of parentheses."""

    def query(self) -> Query:
        for token in self.tokens:
            if token.keyword in NOT_SIMULATED:
                raise not_simulated(f"SOQL {token.keyword}")
        tokens, end = iter(self.tokens), self.tokens[-1]
        self._expect("SELECT", next(tokens))
        names = [next(tokens, end)]
        while (separator := next(tokens, end)).text == ",":
            names.append(next(tokens, end))
        self._expect("FROM", separator)
        name = next(tokens, end)
        sobject = self.readable(name.text)
        if sobject is None or sobject.name not in QUERIED:
            message = f"sObject type '{name.text}' is not supported."
            raise self._error("INVALID_TYPE", message, name)
        self.result = Query(sobject, [], used={"Id": Column("Id", sobject.fields["id"])})
        for each in names:
            column = self._column(each)
            if column in self.result.columns:
                raise self._error("MALFORMED_QUERY", f"duplicate field selected: {each.text}", each)
            self.result.columns.append(column)
        self.result.clauses = " ".join([self._translated(token) for token in tokens])
        return self.result

    def _translated(self, token: Token) -> str:
        if token.keyword in COMPARISONS and self.column:
            self.operator = token.keyword
            return COMPARISONS[token.keyword]
        if token.keyword in WORDS or token.kind == "end":
            return self._word(token)
        if self.operator == "LIMIT" and token.text.isdigit():
            return token.text
        if token.kind == "name" and token.keyword not in ("NULL", "TRUE", "FALSE"):
            if self.operator not in ("", "ORDER"):
                raise self.unexpected(token.text)
            return self._usable_column(token)
        if self.column is None or not self.operator:
            raise self.unexpected(token.text)
        self.incomplete = False
        self.result.parameters.append(_sql(self._literal(token, self.column.field)))
        if self.operator == "LIKE":
            return r"? ESCAPE '\'"
        return "?"

    def _word(self, token: Token) -> str:
        word = token.keyword
        if self.incomplete and word not in ("IN", "LIKE", "("):
            raise self.unexpected(token.text)
        if word in ("AND", "OR"):
            self.connectives[-1].add(word)
            if len(self.connectives[-1]) > 1:
                # "a AND b OR c" without parentheses is an error in SOQL.
                raise self.unexpected(token.text)
        if word == "(":
            self.connectives.append(set())
        if word == ")" and len(self.connectives) > 1:
            self.connectives.pop()
        if word in ("IN", "LIKE", "ORDER", "LIMIT"):
            self.operator = word
        if word in ("AND", "OR", "WHERE"):
            self.operator = ""
        if word == "LIKE" and self.column and self.column.field.type not in TEXTS:
            raise self._error("INVALID_QUERY_FILTER_OPERATOR", "invalid operator", token)
        return "DESC NULLS FIRST" if word == "DESC" else word

    def _usable_column(self, name: Token) -> str:
        self.column = self._column(name)
        if self.column.field.type is TEXT_AREA:
            used = "sorted" if self.operator == "ORDER" else "filtered"
            message = f"field '{name.text}' can not be {used} in a query call"
            raise self._error("INVALID_FIELD", message, name)
        self.incomplete = self.operator != "ORDER"
        self.result.used[self.column.path] = self.column
        return f'"{self.column.path}"'

    def _column(self, name: Token) -> Column:
        if name.kind != "name":
            raise self.unexpected(name.text)
        found = find_column(self.result.sobject, name.text)
        if found is None:
            entity = self.result.sobject.name
            message = f"No such column '{name.text.rpartition('.')[2]}' on entity '{entity}'."
            raise self._error("INVALID_FIELD", message, name)
        return found

    def _literal(self, token: Token, definition: Field) -> Value:
        if token.keyword == "NULL":
            return None
        kind = "boolean" if token.keyword else token.kind
        wanted = definition.type.literal
        if kind != wanted:
            quoted = "should" if wanted == "string" else "should not"
            raise self._error(
                "INVALID_FIELD",
                f"value of filter criterion for field '{definition.name}' must be of type "
                f"{definition.type.name} and {quoted} be enclosed in quotes",
                token,
            )
        if read := READERS.get(kind):
            try:
                return read(token.text)
            except ValueError:
                message = f"invalid {kind}: {token.text}"
                raise self._error("MALFORMED_QUERY", message, token) from None
        text = self._unquoted(token)
        if definition.type not in (ID, REFERENCE):
            return text
        if not is_record_id(text):
            message = f"invalid ID field: {text}"
            raise self._error("INVALID_QUERY_FILTER_OPERATOR", message, token)
        return long_id(text)

    def _unquoted(self, token: Token) -> str:
        """The characters of a quoted string; for LIKE, escaped wildcards keep their escape."""

        def character(escaped: re.Match[str]) -> str:
            if escaped[0] in (r"\%", r"\_") or (self.operator == "LIKE" and escaped[0] == r"\\"):
                return escaped[0]
            if escaped[1].lower() not in ESCAPES:
                message = f"Illegal string literal: {token.text}"
                raise self._error("MALFORMED_QUERY", message, token)
            return ESCAPES[escaped[1].lower()]

        return re.sub(r"\\(.)", character, token.text[1:-1], flags=re.DOTALL)

    def _tokens(self) -> Iterator[Token]:
        position = 0
        while position < len(self.text):
            found = TOKEN.match(self.text, position)
            if found is None:
                raise self.unexpected(self.text[position:].strip()[:20])
            kind = str(found.lastgroup)
            yield Token(kind, found[kind], found.start(kind))
            position = found.end()
        yield Token("end", "<EOF>", len(self.text))

    def _expect(self, word: str, token: Token) -> None:
        if token.keyword != word:
            raise self.unexpected(token.text)

    def unexpected(self, text: str) -> SalesforceError:
        """The error for a wrong token (ASSUMED: at its last occurrence)."""
        position = len(self.text) if text == "<EOF>" else self.text.rfind(text)
        at = Token("", text, max(position, 0))
        return self._error("MALFORMED_QUERY", f"unexpected token: '{text}'", at)

    def _error(self, code: str, message: str, at: Token) -> SalesforceError:
        """An error with its position in the query."""
        where = f"ERROR at Row:1:Column:{at.position + 1}"
        return SalesforceError(400, code, f"{where}\n{message}")
