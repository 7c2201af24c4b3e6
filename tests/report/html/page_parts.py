"""A page taken apart by an HTML parser, and texts that try to be more than text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from teachgym.experiment import RunConfig, run
from teachgym.report.html.material import RunMaterial
from teachgym.report.html.page import page_bytes
from teachgym.report.html.run_page import run_page
from teachgym.runs import RunFolder

EVIL = "</script><script>alert(1)</script><img src=x onerror='alert(1)'>\"&\u2028\u2029\ud800 end"
SHOWN = EVIL.replace("\ud800", "?")
"""What a page says instead: half a surrogate pair cannot be written down."""


@dataclass
class Parts(HTMLParser):
    """Elements in order with their attributes, and the texts inside scripts and elsewhere."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        elif self.cdata_elem is None:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """Attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def records(self, key: str) -> dict[str, Any]:
        """The records of a browser."""
        scripts = [attributes.get("id") for attributes in self.all("script")]
        found: dict[str, Any] = json.loads(self.scripts[scripts.index(key)])
        return found


def take_apart(page: Path | str) -> Parts:
    """Parse a file or a text."""
    parts = Parts()
    parts.feed(page if isinstance(page, str) else page.read_text(encoding="utf-8"))
    parts.close()
    return parts


def page_of(run: RunFolder) -> str:
    """The page of a run, without the figures beside it, which take most of the time."""
    return page_bytes(run_page(RunMaterial.read(run))).decode()


def make_run(folder: Path, env: str = "SkillTree") -> RunFolder:
    """A run of two steps, in a moment."""
    settings = {
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 28,
        "budget": {"steps": 2},
    }
    teacher = "random-tree" if env == "SkillTree" else "weakest"
    run(RunConfig(f"teachgym/{env}-v0", settings, teacher), folder)
    return RunFolder.open(folder)


def poison(run: RunFolder, skill: str) -> None:
    """Put ``EVIL`` wherever a model, a teacher or a task could have put it."""
    for path in run.path.rglob("*.json*"):
        values = [json.loads(line) for line in _lines(path)]
        if path == run.journal:  # As from before there were digests, which would not fit.
            digests = ("files", "previous", "digest")
            values = [{k: v for k, v in line.items() if k not in digests} for line in values]
        texts = [json.dumps(_poisoned(value, skill)) for value in values]
        path.write_text("".join(f"{text}\n" for text in texts))


def _lines(path: Path) -> list[str]:
    text = path.read_text()
    return text.splitlines() if path.suffix == ".jsonl" else [text]


_TEXTS = (
    "prompt",
    "target",
    "response",
    "rejected",
    "hint",
    "subskill",
    "reason",
    "detail",
    "teacher",
)


def _poisoned(value: Any, skill: str) -> Any:
    if isinstance(value, dict):
        return {
            EVIL if key == skill else key: EVIL
            if key in _TEXTS and (isinstance(item, str) or item is None)
            else _poisoned(item, skill)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_poisoned(item, skill) for item in value]
    return EVIL if value == skill else value
