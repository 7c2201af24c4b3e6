"""Queries on two small tables, in words and in SQL, and the mistakes that they can have.

A query is made of pieces of SQL. A mistake is another piece in one place, so that to repair it is
to choose between a few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product

_SQL = (
    "SELECT MIN(city),{function}({summed}) FROM staff JOIN teams ON staff.{join}=teams.id "
    "WHERE {column}{filter}{bound}{group} ORDER BY 2{order},1 LIMIT {limit}"
)
_WORDS = (
    "{function} of {summed} per city, {column} {filter} {bound}, {order} first, at most {limit}"
)

KINDS = {
    "join": "The tables are joined by the wrong column.",
    "filter": "Rows are compared in the wrong way, such as by > and not >=.",
    "group": "The result is not grouped.",
    "function": "Another function sums up each group.",
    "order": "The result is in the opposite order.",
    "limit": "One row too many is shown, or one too few.",
}
"""Kinds of mistakes, named after the piece that is wrong, with their descriptions."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query by its pieces, those of ``PIECES``; a right one joins by team and groups."""

    function: str
    summed: str
    column: str
    filter: str
    bound: str
    order: str
    limit: str
    join: str = "team"
    group: str = " GROUP BY city"

    @property
    def sql(self) -> str:
        """The query in SQL."""
        return _SQL.format(**asdict(self))

    @property
    def words(self) -> str:
        """The meaning of a right query."""
        return _WORDS.format(**{name: PIECES[name][own] for name, own in asdict(self).items()})


_COLUMNS, _NUMBERS = ({own: own for own in names} for names in (("pay", "years"), "12345678"))
PIECES: Mapping[str, Mapping[str, str]] = {
    "function": {"SUM": "sum", "MAX": "largest", "MIN": "smallest", "COUNT": "number"},
    "summed": _COLUMNS,
    "column": _COLUMNS,
    "filter": {">": "above", ">=": "from", "<": "below", "<=": "up to"},
    "bound": _NUMBERS,
    "order": {" DESC": "largest", "": "smallest"},
    "limit": _NUMBERS,
    "join": {"team": "", "id": ""},
    "group": {" GROUP BY city": "", "": ""},
}
"""For each place the pieces in SQL, and their words."""


def edits(query: Query, kinds: Iterable[str]) -> tuple[Query, ...]:
    """The queries with another piece for every one of these kinds of mistakes.

    A limit becomes one more or one less, anything else any other piece.

    Example:
        >>> query = Query("SUM", "pay", "years", ">", "3", "", "2")
        >>> [(e.order, e.limit) for e in edits(query, ("order", "limit"))]
        [(' DESC', '1'), (' DESC', '3')]
    """
    changes = [[(kind, piece) for piece in _others(query, kind)] for kind in kinds]
    return tuple(replace(query, **dict(chosen)) for chosen in product(*changes))


def _others(query: Query, kind: str) -> list[str]:
    own = getattr(query, kind)
    others = [piece for piece in PIECES[kind] if piece != own]
    return [n for n in others if abs(int(n) - int(own)) == 1] if kind == "limit" else others


def kinds_between(one: Query, other: Query) -> tuple[str, ...]:
    """The kinds of mistakes that make one query of the other."""
    return tuple(kind for kind in KINDS if getattr(one, kind) != getattr(other, kind))


def read_words(text: str) -> Query | None:
    """The right query with this meaning; None for words of another form."""
    if (found := _FORM_OF_WORDS.fullmatch(text)) is None:
        return None
    pieces = {
        name: next(piece for piece, words in PIECES[name].items() if words == said)
        for name, said in found.groupdict().items()
    }
    return Query(**pieces)


def read_sql(text: str) -> Query | None:
    """The query with this ``Query.sql``; None for SQL of another form."""
    found = _FORM_OF_SQL.fullmatch(text)
    return Query(**found.groupdict()) if found else None


def _form(template: str, options: Mapping[str, Iterable[str]]) -> re.Pattern[str]:
    """The pattern of a template with one of its options in each place."""

    def place(found: re.Match[str]) -> str:
        return f"(?P<{found[1]}>{'|'.join(map(re.escape, options[found[1]]))})"

    return re.compile(re.sub(r"\\{(\w+)\\}", place, re.escape(template)))


_FORM_OF_SQL = _form(_SQL, PIECES)
_FORM_OF_WORDS = _form(_WORDS, {name: own.values() for name, own in PIECES.items()})
