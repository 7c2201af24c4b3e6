"""Charts in the page: they follow its theme, shrink with it, and can be read aloud."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

from markupsafe import Markup

from teachgym.escaping import element
from teachgym.report.charts import COLORS, WHISKER, Chart
from teachgym.report.figures import chart_svg

_READ_ALOUD = 60
"""Marks in a label for screen readers, at most."""
_NAMES = {color: name for name, color in COLORS.items()} | {"#ffffff": "card"}


def grid(charts: Sequence[Chart], *, small: bool = False) -> Markup:
    """Charts, small or not, set beside each other as far as there is room."""
    return element("div", *map(embed, charts), class_="grid small" if small else "grid")


def beside(table: Markup, chart: Chart) -> Markup:
    """A table with a chart to its right, or under it where both are too wide."""
    return element("div", table, embed(chart), class_="beside")


def embed(chart: Chart) -> Markup:
    """A chart with its caption, and its marks as tooltips."""
    written = chart_svg(chart)
    drawing = written[written.index('<g id="figure_1"') : written.rindex("</svg>")]
    drawing = re.sub("<!--.*?-->", "", drawing, flags=re.DOTALL).replace("xlink:href", "href")
    drawing = _in_the_theme(_with_own_ids(drawing, chart.title))
    width, height = chart.figure.bbox.size
    svg = element(
        "svg",
        Markup(drawing),  # texts in it have been escaped by matplotlib
        *_tooltips(chart),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=_read_aloud(chart),
    )
    return figure(chart.title, chart.note, svg)


def figure(title: str, note: str, *parts: str) -> Markup:
    """A chart or table with its title and what must be known to read it."""
    about = [element("strong", title), *([element("span", note)] if note else [])]
    return element("figure", element("figcaption", *about), *parts)


def _with_own_ids(svg: str, title: str) -> str:
    """A drawing with ids that no other chart of the page has, and none that nothing refers to."""
    key = f"f{sha256((title + svg).encode('utf-8', 'replace')).hexdigest()[:10]}-"
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = svg.replace(f' id="{WHISKER}"', f' class="{WHISKER}"')
    kept = re.sub(
        r'(<\w+) id="([^"]*)"',
        lambda m: f'{m[1]} id="{key}{m[2]}"' if m[2] in used else m[1],
        svg,
    )
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{key}", kept)


def _in_the_theme(svg: str) -> str:
    """A drawing with the style sheet's colours."""
    return re.sub(
        "((?:fill|stroke): )(#[0-9a-f]{6})",
        lambda m: m[1] + (f"var(--{_NAMES[m[2]]})" if m[2] in _NAMES else m[2]),
        svg,
    )


def _tooltips(chart: Chart) -> list[Markup]:
    """An invisible dot over every mark; it must have been drawn, for only then is it laid out."""
    height = chart.figure.bbox.height
    dots = []
    for tip in chart.tips:
        x, y = tip.axes.transData.transform((tip.x, tip.y))
        place = {"cx": float(x), "cy": height - float(y), "r": 6}
        dots.append(element("circle", element("title", tip.text), class_="hidden", **place))
    return dots


def _read_aloud(chart: Chart) -> str:
    """The label of a chart for screen readers: its title and its marks, if not too many."""
    notes = [tip.text for tip in chart.tips]
    more = f"; and {len(notes) - _READ_ALOUD} more" if len(notes) > _READ_ALOUD else ""
    return f"{chart.title}. {'; '.join(notes[:_READ_ALOUD])}{more}"
