"""The skill forest, drawn: who was found under whom, and how each subskill fared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from teachgym.escaping import attribute, element
from teachgym.forest import Forest, Subskill
from teachgym.report.captions import item_errors
from teachgym.report.charts import score_mark
from teachgym.report.html.charts import figure

_ROW, _INDENT, _TOP = 26, 20, 34
_BAR, _GAP = 96, 92
"""Widths of a bar, and of the numbers beside it."""


def walk(tree: Sequence[Subskill]) -> Iterator[tuple[int, Subskill]]:
    """Subskills with their depths, 1 = right under the root, children right after their parent."""
    children: dict[str, list[Subskill]] = {}
    for subskill in tree:
        children.setdefault(subskill.parent, []).append(subskill)
    waiting = [(1, s) for s in reversed(children.get("", []))]
    while waiting:
        depth, subskill = waiting.pop()
        yield depth, subskill
        waiting += [(depth + 1, s) for s in reversed(children.get(subskill.name, []))]


def forest_chart(forest: Forest) -> Markup:
    """Every tree, whatever its depth, with allocation, examples taught and own accuracy."""
    rows: list[tuple[int, str, Subskill | None]] = []
    for root, tree in forest.trees.items():
        rows.append((0, root, None))
        rows += [(depth, s.name, s) for depth, s in walk(tree)]
    deepest = max(_INDENT * depth + 7 * len(_short(name)) for depth, name, _ in rows)
    names = 30 + deepest
    columns = [names + number * (_BAR + _GAP) for number in range(3)]
    most = max((s.taught for s in forest), default=0) or 1
    most_a_step = max((s.allocation for s in forest), default=0) or 1
    parts = [
        element("text", text, class_="axis", x=x, y=16)
        for x, text in zip(
            columns, ("examples a step", "taught", "accuracy on own data"), strict=True
        )
    ]
    above: dict[int, float] = {}  # The height of the last node of each depth.
    for number, (depth, name, subskill) in enumerate(rows):
        y = _TOP + _ROW * number
        parts.append(_node(depth, name, y, above.get(depth - 1)))
        above[depth] = y
        if subskill:
            shares = (subskill.allocation / most_a_step, subskill.taught / most)
            numbers = (f"{subskill.allocation:,.4g}", f"{subskill.taught:,}")
            for x, share, text in zip(columns[:2], shares, numbers, strict=True):
                parts.append(_bar(x, y, share, text))
            parts.append(_accuracy(columns[2], y, subskill))
    size = (columns[2] + _BAR + 170, _TOP + _ROW * len(rows))
    label = "; ".join(_describe(name, subskill) for _, name, subskill in rows)
    svg = element(
        "svg",
        *parts,
        viewBox=f"0 0 {size[0]} {size[1]}",
        width=size[0],
        role="img",
        aria_label=f"Skill forest. {label}",
    )
    note = (
        "Own data: the student's answers to the examples made for the subskill, before it was "
        f"trained on them; {item_errors([subskill.own for subskill in forest])}."
    )
    scroll = element(
        "div", svg, class_="scroll", tabindex="0", role="region", aria_label="Skill forest"
    )
    return figure("Skill forest", note, scroll)


def _node(depth: int, name: str, y: float, above: float | None) -> Markup:
    x = 10 + _INDENT * depth
    parts = [element("circle", class_="dot", cx=x, cy=y, r=4 if depth else 5.5)]
    if above is not None and depth:
        elbow = _path([(x - _INDENT, above + 6), (x - _INDENT, y), (x - 5, y)])
        parts.insert(0, element("path", class_="branch", d=elbow))
    style = "name" if depth else "name root"
    text = element("text", _short(name), element("title", name), class_=style, x=x + 10, y=y + 4)
    return element("g", *parts, text, class_="c0" if depth else "ink")


def _path(points: Sequence[tuple[float, float]]) -> str:
    """The ``d`` of a path through points."""
    return "M" + "L".join(f"{attribute(x)} {attribute(y)}" for x, y in points)


def _bar(x: float, y: float, share: float, text: str) -> Markup:
    box = {"x": x, "y": y - 6, "height": 12}
    return element(
        "g",
        element("rect", class_="trough", width=_BAR, **box),
        element("rect", class_="bar", width=_BAR * share, **box),
        element("text", text, class_="tick", x=x + _BAR + 6, y=y + 4),
        class_="c0",
    )


def _accuracy(x: float, y: float, subskill: Subskill) -> Markup:
    own = subskill.own
    text = element("text", str(own), class_="tick", x=x + _BAR + 6, y=y + 4)
    parts = [element("rect", class_="trough", x=x, y=y - 1, width=_BAR, height=2), text]
    mark = score_mark("own data", own)
    if own.n > 1:
        ends = [(x + _BAR * end, y) for end in (mark.low, mark.high)]
        parts.append(element("path", class_="whisker", d=_path(ends)))
    if own.n:
        parts.append(element("circle", class_="dot", cx=x + _BAR * own.mean, cy=y, r=3.6))
    return element("g", *parts, class_="c1")


def _short(name: str) -> str:
    return name if len(name) <= 44 else name[:43] + "…"


def _describe(name: str, subskill: Subskill | None) -> str:
    if subskill is None:
        return name
    under = f" (under {subskill.parent})" if subskill.parent else ""
    numbers = f"{subskill.allocation:g} a step, {subskill.taught} taught"
    return f"{name}{under}: {numbers}, own data {subskill.own}"
