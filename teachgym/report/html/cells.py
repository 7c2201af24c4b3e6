"""Tables whose cells may be shaded by a number, explained by a tooltip, or lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass
from urllib.parse import quote

from markupsafe import Markup

from teachgym.escaping import element
from teachgym.report.tables import Rows, complete


@dataclass(frozen=True, slots=True)
class Records:
    """Those records of a page's browsers that a cell is about."""

    section: str
    """Key of the section with the browser."""
    choice: str
    """Name of one of its filters."""
    value: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that is more than its text."""

    text: str
    heat: float | None = None
    """Strength of its shade in [-1, 1], below 0 in another colour; None = no shade."""
    note: str = ""
    """Tooltip."""
    link: str = ""
    """Relative path that it leads to."""
    records: Records | None = None
    """The records on the page that it leads to; then ``link`` is empty."""

    def __str__(self) -> str:
        return self.text


def html_table(
    rows: Sequence[Sequence[str | Cell]],
    *,
    sortable: bool = False,
    words: Collection[str] = (),
    filters: Collection[str] = (),
    unseen: Collection[str] = (),
) -> Markup:
    """Header and rows as a table that scrolls sideways where it is too wide.

    Args:
        rows: the header first.
        sortable: whether a click on a header sorts; numbers are told from texts by themselves.
        words: names of the columns that hold words, as the first always does; others hold numbers.
        filters: names of the columns by whose values rows can be chosen; they hold words, too.
        unseen: names of those filters whose columns are left out to save width.
    """
    header, *body = complete(rows)
    names = [str(cell) for cell in header]
    worded = {names[0], *words, *filters}
    kinds = ["unseen" if name in unseen else "words" if name in worded else "" for name in names]
    head = (
        element("th", _heading(name, sortable), scope="col", class_=kind)
        for name, kind in zip(names, kinds, strict=True)
    )
    lines = (element("tr", *map(_cell, row, kinds)) for row in body)
    table = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *lines),
        class_="sortable" if sortable else "",
        data_filters=" ".join(str(i) for i, name in enumerate(names) if name in filters),
    )
    about = f"Table by {names[0]}" if names[0] else "Table"
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=about)


def shaded(rows: Rows, labels: int) -> list[list[str | Cell]]:
    """A table of counts in which the largest is shaded most; the first columns are left alone.

    Example:
        >>> shaded([("skill", "step 1"), ("add", "4"), ("sort", "1")], 1)[2]
        ['sort', Cell(text='1', heat=0.25, note='', link='', records=None)]
    """
    header, *body = rows
    most = max((_number(cell) for row in body for cell in row[labels:]), default=0) or 1
    shown: list[list[str | Cell]] = [list(header)]
    for row in body:
        shown.append([*row[:labels], *(Cell(cell, _number(cell) / most) for cell in row[labels:])])
    return shown


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _heading(name: str, sortable: bool) -> str:
    return element("button", name, type="button") if sortable else name


def _cell(cell: str | Cell, kind: str) -> Markup:
    if isinstance(cell, str):
        return element("td", *([cell] if kind else _breakable(cell)), class_=kind)
    heat = "" if cell.heat is None else f"--heat:{cell.heat:.3f}"
    style = f"{kind} below".strip() if (cell.heat or 0) < 0 else kind
    return element("td", _linked(cell), class_=style, title=cell.note, style=heat)


def _breakable(text: str) -> tuple[str, ...]:
    """Before a bracket a number may break where the table is too wide, and nowhere else."""
    value, *bracket = re.split(r"(?<= )(?=[\[(])", text, maxsplit=1)
    return (value, Markup("<wbr/>"), *bracket) if bracket else (text,)


def _linked(cell: Cell) -> str:
    if cell.records is not None:
        section, choice, value = astuple(cell.records)
        return element("a", cell.text, href=f"#{section}", data_choice=choice, data_value=value)
    return element("a", cell.text, href=quote(cell.link)) if cell.link else cell.text
