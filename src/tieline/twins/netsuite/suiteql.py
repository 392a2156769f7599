"""The small SuiteQL dialect that this account understands, translated to SQLite. Anything else is a 400."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieline.twins.netsuite.refusals import Refusal

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|([A-Za-z_][A-Za-z0-9_]*)|(\d+)|(<=|>=|<>|!=|[=<>(),.*]))")
_OPERATORS = {"=", "<", ">", "<=", ">=", "<>", "!="}
_RESERVED = {"on", "where", "order", "join", "left", "inner", "and", "or", "as"}

Catalogue = Mapping[str, Sequence[str]]  # table -> columns


@dataclass(frozen=True, slots=True)
class Query:
    """Ready for SQLite. `names` are the columns of the answer, lower-case whatever the caller wrote."""

    sql: str
    values: tuple[str, ...]
    names: tuple[str, ...]


def translate(text: str, catalogue: Catalogue) -> Query:
    return _Parser(_tokens(text), catalogue).query()


def _tokens(text: str) -> list[str]:
    tokens, at, text = [], 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unknown(text[at : at + 20])
        tokens.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    return tokens


def _unknown(near: str) -> Refusal:
    return Refusal(f"Invalid search query. Search error occurred near: {near}", code="INVALID_PARAMETER")


@dataclass(slots=True)
class _Parser:
    tokens: list[str]
    catalogue: Catalogue
    at: int = 0
    values: list[str] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)  # alias -> table

    def query(self) -> Query:
        """Columns can be checked only when the tables are known, so FROM is read before SELECT."""
        self._expect("select")
        start = self.at
        while self._peek() != "from":
            self._next()
        self._next()
        source = self._source()
        end, self.at = self.at, start
        columns, names = self._columns()
        self.at = end
        where = f" WHERE {self._conditions()}" if self._take("where") else ""
        order = self._order()
        if self.at != len(self.tokens):
            raise _unknown(self._peek())
        return Query(f"SELECT {columns} FROM {source}{where} ORDER BY {order}", tuple(self.values), tuple(names))

    def _columns(self) -> tuple[str, list[str]]:
        columns, names = [], []
        while True:
            expression, name = self._expression()
            if self._take("as"):
                name = self._next().lower()
            columns.append(f'{expression} AS "{name}"')
            names.append(name)
            if not self._take(","):
                self._expect("from")
                return ", ".join(columns), names

    def _expression(self) -> tuple[str, str]:
        if self._peek() != "to_char":
            return self._column()
        self._next()
        self._expect("(")
        column, name = self._column()
        self._expect(",")
        if self._next() != "'YYYY-MM-DD'":
            raise _unknown("TO_CHAR format")
        self._expect(")")
        return f"substr({column}, 1, 10)", name

    def _source(self) -> str:
        source = self._table()
        while True:
            if self._take("left"):
                join = " LEFT JOIN "
            elif self._take("inner") or self._peek() == "join":
                join = " JOIN "
            else:
                return source
            self._expect("join")
            table = self._table()
            self._expect("on")
            source += f"{join}{table} ON {self._conditions()}"

    def _table(self) -> str:
        table = self._next().lower()
        if table not in self.catalogue:
            raise Refusal(f"Invalid search query. Record '{table}' was not found.", code="INVALID_PARAMETER")
        alias = table
        if self._peek().isidentifier() and self._peek() not in _RESERVED:
            alias = self._next().lower()
        self.tables[alias] = table
        return f'"{table}" AS "{alias}"'

    def _column(self) -> tuple[str, str]:
        name = self._next().lower()
        aliases = list(self.tables)
        if self._take("."):
            aliases, name = [name], self._next().lower()
        for alias in aliases:
            if name in self.catalogue.get(self.tables.get(alias, ""), ()):
                return f'"{alias}"."{name}"', name
        raise Refusal(f"Invalid search query. Field '{name}' was not found.", code="INVALID_PARAMETER")

    def _conditions(self) -> str:
        parts = [self._alternatives()]
        while self._take("and"):
            parts.append(self._alternatives())
        return " AND ".join(parts)

    def _alternatives(self) -> str:
        if not self._take("("):
            return self._condition()
        parts = [self._conditions()]
        while self._take("or"):
            parts.append(self._conditions())
        self._expect(")")
        return f"({' OR '.join(parts)})"

    def _condition(self) -> str:
        column, _ = self._column()
        if self._take("in"):
            return f"{column} IN ({self._list()})"
        if self._take("is"):
            negated = "NOT " if self._take("not") else ""
            self._expect("null")
            return f"{column} IS {negated}NULL"
        operator = self._next()
        if operator not in _OPERATORS:
            raise _unknown(operator)
        return f"{column} {operator} {self._operand()}"

    def _operand(self) -> str:
        if self._take("to_date"):
            self._expect("(")
            value = self._literal()
            self._expect(",")
            if self._next() != "'YYYY-MM-DD'":
                raise _unknown("TO_DATE format")
            self._expect(")")
            return value
        return self._literal() if self._peek()[:1] == "'" or self._peek().isdigit() else self._column()[0]

    def _list(self) -> str:
        self._expect("(")
        marks = [self._literal()]
        while self._take(","):
            marks.append(self._literal())
        self._expect(")")
        if len(marks) > 1000:
            raise _unknown("a list of more than 1,000 values")
        return ", ".join(marks)

    def _literal(self) -> str:
        token = self._next()
        if token[:1] != "'" and not token.isdigit():
            raise _unknown(token)
        self.values.append(token[1:-1].replace("''", "'") if token[:1] == "'" else token)
        return "?"

    def _order(self) -> str:
        """Without an order the rows come as they like, so that paging repeats and misses some."""
        if not self._take("order"):
            return "random()"
        self._expect("by")
        columns = []
        while True:
            column = self._column()[0]
            columns.append(column + (" DESC" if self._take("desc") else ""))
            self._take("asc")
            if not self._take(","):
                return ", ".join(columns)

    def _peek(self) -> str:
        if self.at >= len(self.tokens):
            return ""
        token = self.tokens[self.at]
        return token if token[:1] == "'" else token.lower()

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise _unknown("the end")
        self.at += 1
        return self.tokens[self.at - 1]

    def _take(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self.at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise _unknown(self._peek() or "the end")
