"""Make the pages of results from the recorded ones, with the files that they link to.

Run by ``make docs`` before the site is built; the pages are not kept in the repository.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

DOCS = Path(__file__).parent
RECORDED = DOCS.parent / "benchmarks" / "results"
HEAD = "RESULTS.md"
"""The page that leads to the others."""
_DATA = re.compile(r"\]\(([\w-]+\.(?:jsonl|png))\)")


def page_of(text: str) -> str:
    """A recorded page with its links as they are from ``docs/results``.

    Example:
        >>> page_of("[log](../../docs/log.md), [all](RESULTS.md), [arms](bench-tiny.md)")
        '[log](../log.md), [all](index.md), [arms](bench-tiny.md)'
    """
    return text.replace("](../../docs/", "](../").replace(f"]({HEAD}", "](index.md")


def main() -> None:
    """Write the pages, and copy what they link to."""
    place = DOCS / "results"
    place.mkdir(exist_ok=True)
    for path in RECORDED.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        name = "index.md" if path.name == HEAD else path.name
        (place / name).write_text(page_of(text), encoding="utf-8")
        for linked in _DATA.findall(text):
            shutil.copy(RECORDED / linked, place)


if __name__ == "__main__":
    main()
