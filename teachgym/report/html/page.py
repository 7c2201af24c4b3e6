"""A page: sections, facts and data poured into one self-contained HTML file.

The file asks nothing of the network: style and script are inside, and a content security policy
forbids every request and every script but the page's own, even if markup slipped through.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from teachgym.escaping import element
from teachgym.redaction import hide
from teachgym.runs.files import replacing, strict

PAGE = "report.html"
"""Name of the page in the folder of a run or a bench."""
MOST_CHARS = 2**25
"""Characters of a browser's records, at most: a browser takes seconds to open as many."""
FIGURES = "figures"
"""Name of the folder of figures beside it."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page under its own heading."""

    key: str
    """Its address within the page."""
    title: str
    intro: str
    """One or two sentences: what is shown, and what the intervals mean."""
    parts: Sequence[Markup]


@dataclass(frozen=True, slots=True)
class Browser:
    """Records that the page can search, filter and leaf through."""

    key: str
    """Unique within the page."""
    choices: Sequence[str]
    """Names of the columns with few values, each a filter and a badge."""
    texts: Sequence[str]
    """Names of the columns that are shown in full and searched."""
    rows: Sequence[Sequence[str | None]]
    """Choices, then texts, then numbers; None = nothing to show."""
    numbers: Sequence[str] = ()
    """Names of the columns that records can be sorted by and that have a bar; 0 or more each."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Data URIs of what the text column ``images`` names, one name a line."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: everything in the file."""

    title: str
    facts: Mapping[str, str | Markup]
    """The numbers and names at the top."""
    sections: Sequence[Section]
    folded: Mapping[str, str]
    """Long texts at the end, folded up."""
    lead: str = ""
    """A summary in a sentence under the title."""


def browse(browser: Browser) -> Markup:
    """The place where the page's script shows the records, and the records as JSON.

    Of records whose texts have more than ``MOST_CHARS`` together every second is there, or every
    third and so on, and the page says so.
    """
    size = sum(len(text) for row in browser.rows for text in row if text)
    rows = browser.rows[:: max(1, -(-size // MOST_CHARS))]
    names = {"choices": browser.choices, "texts": browser.texts, "numbers": browser.numbers}
    record = {**names, "rows": rows, "images": browser.images}
    template = _environment().from_string(
        '<div class="browser" data-source="{{ key }}"></div>\n'
        '<script type="application/json" id="{{ key }}">{{ record | tojson }}</script>'
    )
    shown = Markup(template.render(key=browser.key, record=strict(record)))
    if len(rows) == len(browser.rows):
        return shown
    said = (
        f"{len(rows):,} of {len(browser.rows):,}, evenly chosen: a page of all would be too heavy."
    )
    return element("p", said, class_="note") + shown


def render_page(page: Page) -> str:
    """The content of the page's file."""
    script = _asset("page.js")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = _environment().get_template("page.html")
    return template.render(
        page=page,
        style=Markup(_asset("page.css")),
        script=Markup(script),
        digest=digest,
    )


def page_bytes(page: Page) -> bytes:
    """The content of the page's file, without secrets; half a surrogate pair becomes ``?``."""
    return hide(render_page(page)).encode("utf-8", errors="replace")


def write_page(path: Path, page: Page) -> Path:
    """Write the page's file in place of an older one."""
    with replacing(path) as temporary:
        temporary.write_bytes(page_bytes(page))
    return path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("teachgym.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment


@cache
def _asset(name: str) -> str:
    return (files("teachgym.report.html") / "templates" / name).read_text(encoding="utf-8")
