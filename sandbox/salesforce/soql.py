"""SOQL: the part of Salesforce's query language that selects records of one object type.

`SELECT fields FROM object [WHERE …] [ORDER BY …] [LIMIT n] [OFFSET n]`, with parent fields,
comparisons, `IN`, `NOT IN`, `LIKE`, `AND`, `OR`, `NOT` and parentheses.  As in Salesforce, `AND`
mixed with `OR` needs parentheses, text comparison ignores case, and dates and instants have no
quotes.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.record_ids import is_well_formed, long_id
from sandbox.salesforce.records import Record, value_at
from sandbox.salesforce.schema import OBJECTS, Column, Field, FieldType, SObject, Value, find_column
from sandbox.salesforce.soql_lexer import Token, query_error, tokenize

Condition = Callable[[Record], bool]
Comparison = Callable[[Any, Any], bool]

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\"}
COMPARISONS: dict[str, Comparison] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LITERAL_OF = {
    FieldType.ID: "string",
    FieldType.REFERENCE: "string",
    FieldType.STRING: "string",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "date",
    FieldType.DATETIME: "datetime",
    FieldType.CURRENCY: "number",
    FieldType.DOUBLE: "number",
}


@dataclass(frozen=True)
class Order:
    """A sort criterion."""

    column: Column
    descending: bool = False
    nulls_last: bool = False


@dataclass
class Query:
    """A parsed query."""

    sobject: SObject
    columns: list[Column]
    condition: Condition = field(default=lambda _: True)
    order: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0

    def select(self, records: list[Record]) -> list[Record]:
        """The records that match, in order."""
        found = [record for record in records if self.condition(record)]
        for by in reversed(self.order):
            found = self._sorted(found, by)
        end = None if self.limit is None else self.offset + self.limit
        return found[self.offset : end]

    def _sorted(self, records: list[Record], by: Order) -> list[Record]:
        keyed: list[tuple[Any, Record]] = [
            (comparable(value_at(record, by.column)), record) for record in records
        ]
        nulls = [record for value, record in keyed if value is None]
        rest = [(value, record) for value, record in keyed if value is not None]
        rest.sort(key=lambda pair: pair[0], reverse=by.descending)
        values = [record for _, record in rest]
        return values + nulls if by.nulls_last else nulls + values


def parse(text: str) -> Query:
    """Parse a query.  Raises SalesforceError."""
    return _Parser(text).query()


def comparable(value: Value) -> Value:
    """A value for comparison: text in one case."""
    return value.casefold() if isinstance(value, str) else value


class _Parser:
    """A recursive descent parser for one query."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.position = 0
        self.sobject: SObject

    # Tokens

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def _take(self) -> Token:
        token = self.next
        self.position += token.kind != "end"
        return token

    def _skip(self, *words: str) -> bool:
        """Skip these tokens if they come next."""
        following = self.tokens[self.position : self.position + len(words)]
        if [token.keyword for token in following] != list(words):
            return False
        self.position += len(words)
        return True

    def _expect(self, *words: str) -> None:
        if not self._skip(*words):
            raise self._unexpected()

    def _name(self) -> Token:
        if self.next.kind != "name":
            raise self._unexpected()
        return self._take()

    def _whole_number(self) -> int:
        if self.next.kind != "number" or not self.next.text.isdigit():
            raise self._unexpected()
        return int(self._take().text)

    # Grammar

    def query(self) -> Query:
        self._expect("SELECT")
        names = [self._name()]
        while self._skip(","):
            names.append(self._name())
        self._expect("FROM")
        self.sobject = self._object(self._name())
        query = Query(self.sobject, [])
        for name in names:
            selected = self._column(name)
            if selected in query.columns:
                raise self._malformed(f"duplicate field selected: {name.text}", name)
            query.columns.append(selected)
        if self._skip("WHERE"):
            query.condition = self._condition()
        if self._skip("ORDER", "BY"):
            query.order = [self._order()]
            while self._skip(","):
                query.order.append(self._order())
        if self._skip("LIMIT"):
            query.limit = self._whole_number()
        if self._skip("OFFSET"):
            query.offset = self._whole_number()
        if self.next.kind != "end":
            raise self._unexpected()
        return query

    def _condition(self) -> Condition:
        parts = [self._operand()]
        connective = self.next.keyword
        while connective in ("AND", "OR") and self._skip(connective):
            parts.append(self._operand())
        if self.next.keyword in ("AND", "OR"):
            # "a AND b OR c" without parentheses is an error in SOQL.
            raise self._unexpected()
        combine = any if connective == "OR" else all
        return lambda record: combine(part(record) for part in parts)

    def _operand(self) -> Condition:
        if self._skip("NOT"):
            negated = self._operand()
            return lambda record: not negated(record)
        if self._skip("("):
            inner = self._condition()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._name()
        left = self._column(name)
        if left.field.type is FieldType.TEXT_AREA:
            raise self._invalid(f"field '{name.text}' can not be filtered in a query call", name)
        if self._skip("NOT", "IN"):
            excluded = self._values(left.field)
            return lambda record: comparable(value_at(record, left)) not in excluded
        if self._skip("IN"):
            included = self._values(left.field)
            return lambda record: comparable(value_at(record, left)) in included
        if self._skip("LIKE"):
            return self._like(name, left)
        operator_token = self._take()
        if operator_token.keyword not in COMPARISONS:
            self.position -= 1
            raise self._unexpected()
        compare, right = COMPARISONS[operator_token.keyword], comparable(self._literal(left.field))
        return lambda record: _compare(compare, comparable(value_at(record, left)), right)

    def _values(self, definition: Field) -> set[Value]:
        self._expect("(")
        values = {comparable(self._literal(definition))}
        while self._skip(","):
            values.add(comparable(self._literal(definition)))
        self._expect(")")
        return values

    def _like(self, name: Token, left: Column) -> Condition:
        token = self._take()
        if token.kind != "string" or left.field.type is not FieldType.STRING:
            raise self._invalid_operator("invalid operator", name)
        pattern = re.compile(self._pattern(token), re.IGNORECASE | re.DOTALL)

        def matches(record: Record) -> bool:
            value = value_at(record, left)
            return isinstance(value, str) and pattern.fullmatch(value) is not None

        return matches

    def _order(self) -> Order:
        name = self._name()
        by = self._column(name)
        if by.field.type is FieldType.TEXT_AREA:
            raise self._invalid(f"field '{name.text}' can not be sorted in a query call", name)
        descending = self._skip("DESC")
        if not descending:
            self._skip("ASC")
        nulls_last = self._skip("NULLS", "LAST")
        if not nulls_last:
            self._skip("NULLS", "FIRST")
        return Order(by, descending, nulls_last)

    # Fields and literals

    def _object(self, name: Token) -> SObject:
        found = OBJECTS.get(name.text.lower())
        if found is None:
            message = f"sObject type '{name.text}' is not supported."
            raise query_error("INVALID_TYPE", message, self.text, name.position)
        return found

    def _column(self, name: Token) -> Column:
        found = find_column(self.sobject, name.text)
        if found is None:
            wanted = name.text.rpartition(".")[2]
            raise self._invalid(
                f"No such column '{wanted}' on entity '{self.sobject.name}'. If you are attempting "
                "to use a custom field, be sure to append the '__c' after the custom field name. "
                "Please reference your WSDL or the describe call for the appropriate names.",
                name,
            )
        return found

    def _literal(self, definition: Field) -> Value:
        token = self._take()
        if token.keyword == "NULL":
            return None
        kind = "boolean" if token.keyword in ("TRUE", "FALSE") else token.kind
        if kind not in ("string", "boolean", "date", "datetime", "number"):
            self.position -= 1
            raise self._unexpected()
        if kind != LITERAL_OF[definition.type]:
            quoted = "should" if LITERAL_OF[definition.type] == "string" else "should not"
            raise self._invalid(
                f"value of filter criterion for field '{definition.name}' must be of type "
                f"{definition.type.value} and {quoted} be enclosed in quotes",
                token,
            )
        return self._value(kind, token, definition)

    def _value(self, kind: str, token: Token, definition: Field) -> Value:
        if kind == "boolean":
            return token.keyword == "TRUE"
        if kind == "number":
            return Decimal(token.text)
        if kind == "string":
            return self._quoted(token, definition)
        try:
            if kind == "date":
                return date.fromisoformat(token.text)
            return datetime.fromisoformat(token.text).astimezone(UTC)
        except ValueError:
            raise self._malformed(f"invalid {kind}: {token.text}", token) from None

    def _quoted(self, token: Token, definition: Field) -> str:
        text = "".join(self._characters(token))
        if definition.type is FieldType.STRING:
            return text
        if not is_well_formed(text):
            raise self._invalid_operator(f"invalid ID field: {text}", token)
        return long_id(text)

    def _characters(self, token: Token) -> list[str]:
        """The characters of a quoted string; those that are escaped for LIKE keep the escape."""
        characters = []
        for written in re.findall(r"\\.|[^\\]", token.text[1:-1], re.DOTALL):
            if len(written) == 1 or written in (r"\%", r"\_"):
                characters.append(written)
            elif written[1].lower() in ESCAPES:
                characters.append(ESCAPES[written[1].lower()])
            else:
                raise self._malformed(f"Illegal string literal: {token.text}", token)
        return characters

    def _pattern(self, token: Token) -> str:
        wild = {"%": ".*", "_": "."}
        return "".join(
            wild.get(letter) or re.escape(letter[-1:]) for letter in self._characters(token)
        )

    # Errors

    def _unexpected(self) -> SalesforceError:
        return self._malformed(f"unexpected token: '{self.next.text}'", self.next)

    def _malformed(self, message: str, at: Token) -> SalesforceError:
        return query_error("MALFORMED_QUERY", message, self.text, at.position)

    def _invalid(self, message: str, at: Token) -> SalesforceError:
        return query_error("INVALID_FIELD", message, self.text, at.position)

    def _invalid_operator(self, message: str, at: Token) -> SalesforceError:
        return query_error("INVALID_QUERY_FILTER_OPERATOR", message, self.text, at.position)


def _compare(compare: Comparison, value: Value, literal: Value) -> bool:
    if value is None or literal is None:
        # For null only equality is defined.
        return compare in (operator.eq, operator.ne) and compare(value, literal)
    return compare(value, literal)
