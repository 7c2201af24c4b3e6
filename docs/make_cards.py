"""Make the pages that come from the code: each environment's card and the table of teachers.

Run by ``make docs`` before the site is built; the pages are not kept in the repository, so they
cannot drift.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from teachgym.agents import TEACHERS
from teachgym.cli.run_file import texts
from teachgym.envs import EnvConfig, TeacherEnv, open_ended, skill_list, skill_tree
from teachgym.envs.config import CONFIGS

DOCS = Path(__file__).parent
HEAD = """# Environments

The environments differ in what the teacher does and sees; the student, the task and the reward are
the same in all. The films show episodes on the student `tiny`, as `render_mode="rgb_array"` draws
them (`python docs/make_gallery.py`).
"""
CARDS: dict[str, tuple[str, Callable[..., Any]]] = {
    "open_ended": ("teachgym/OpenEnded-v0", open_ended),
    "skill_list": ("teachgym/SkillList-v0", skill_list),
    "skill_tree": ("teachgym/SkillTree-v0", skill_tree),
    "base": ("TeacherEnv", TeacherEnv),
}


def card(page: str, title: str, thing: Callable[..., Any]) -> str:
    """The page of one environment: its docstring under its id, with the table of its settings."""
    text = inspect.cleandoc(thing.__doc__ or "")
    if title in CONFIGS:
        head, _, rest = text.partition("## Arguments\n")
        history = rest.partition("## Version History")[2]
        text = f"{head}## Arguments\n{arguments(CONFIGS[title])}\n\n## Version History{history}"
    return f"# {title}\n\n{film(page)}{text}\n"


def film(page: str) -> str:
    """The environment's film, where ``make_gallery.py`` has made one."""
    if not (DOCS / "gallery" / f"{page}.gif").exists():
        return ""
    return f"![An episode: accuracy by skill, examples and errors](../gallery/{page}.gif)\n\n"


def arguments(kind: type[EnvConfig]) -> str:
    """The table of an environment's settings."""
    told, plain = texts(kind), asdict(kind())
    rows = [f"| `{name}` | {_shown(plain[name])} | {told[name]} |" for name in plain]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows])


def _shown(default: Any) -> str:
    if isinstance(default, dict):
        default = {key: value for key, value in default.items() if value is not None}
    return f"`{json.dumps(default)}`" if default not in (None, {}) else ""


def overview() -> str:
    """The gallery: each environment with a line and its film."""
    parts = [HEAD]
    for page, (title, thing) in CARDS.items():
        [line, *_] = inspect.cleandoc(thing.__doc__ or "").splitlines()
        parts.append(f"## [`{title}`]({page}.md)\n\n{line}\n\n{film(page)}")
    return "\n".join(parts).rstrip() + "\n"


def teachers() -> str:
    """The table of teachers."""
    head = (DOCS / "teachers.head.md").read_text()
    rows = [
        f"| `{name}` | {t.places} | {t.description} | {t.observes} |"
        for name, t in TEACHERS.items()
    ]
    titles = "| name | environment | what it does | what it observes |"
    return "\n".join([head, titles, "|---|---|---|---|", *rows, ""])


def main() -> None:
    """Write the pages."""
    folder = DOCS / "environments"
    folder.mkdir(exist_ok=True)
    for page, (title, thing) in CARDS.items():
        (folder / f"{page}.md").write_text(card(page, title, thing))
    (folder / "index.md").write_text(overview())
    (DOCS / "teachers.md").write_text(teachers())


if __name__ == "__main__":
    main()
