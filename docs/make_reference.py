"""Make ``docs/api``: a page for each package with every public name of its modules.

Run by ``make docs`` before the site is built; the pages are not kept in the repository, so no name
can be missing. ``teachgym.cli`` is left out: its interface is the command line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from pkgutil import walk_packages

import teachgym

PAGES = Path(__file__).parent / "api"
NOT_AN_INTERFACE = ("teachgym.cli", "teachgym.__main__", "teachgym.envs.registry")
"""The last has the cards of the environments, which are pages of their own."""
NOT_INSTALLED = tuple(f"teachgym.benchmarks.{name}" for name in ("learned", "models", "speed"))


def modules() -> Iterator[str]:
    """The public modules that are installed, by their full names."""
    left_out = (*NOT_AN_INTERFACE, *NOT_INSTALLED)
    for found in walk_packages(teachgym.__path__, "teachgym."):
        parts = found.name.split(".")
        if not found.name.startswith(left_out) and not any(p.startswith("_") for p in parts):
            yield found.name


def pages() -> Mapping[str, str]:
    """The text of each page by the name of its package; modules beside packages share one."""
    groups = defaultdict(list)
    names = tuple(modules())
    for name in names:
        _, first, *_ = name.split(".")
        is_package = any(other.startswith(f"teachgym.{first}.") for other in names)
        groups[f"teachgym.{first}" if is_package else "teachgym"].append(name)
    return {
        package: "\n\n".join([f"# {package}", *(f"::: {name}" for name in members)]) + "\n"
        for package, members in groups.items()
    }


def main() -> None:
    """Write the pages and their list."""
    PAGES.mkdir(exist_ok=True)
    written = pages()
    for package, text in written.items():
        (PAGES / f"{package}.md").write_text(text, encoding="utf-8")
    lines = "\n".join(f"* [`{package}`]({package}.md)" for package in sorted(written))
    index = f"# All modules\n\nEvery public name of every module, by package.\n\n{lines}\n"
    (PAGES / "index.md").write_text(index, encoding="utf-8")


if __name__ == "__main__":
    main()
