"""The page of published methods: complete, and every command in it goes on working."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from teachgym.agents.builtin import BUILT_IN
from teachgym.benchmarks.bench.runner import check_arms
from teachgym.benchmarks.bench.suites import make_suite
from teachgym.cli.commands import app
from teachgym.experiment import check_config
from teachgym.gate.checks import CHECKS

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if re.match(r"\| \d", line)
]
CODE = {row[0]: re.findall(r"`([^`]+)`", row[4]) for row in ROWS}
COMMANDS = sorted({text for texts in CODE.values() for text in texts if " " in text})
LINES = ("*The paper:*", "*Asserted:*", "*Measured, not asserted:*", "*Not visible here:*")


def test_every_paper_has_a_row_with_its_number_and_what_became_of_it() -> None:
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, 71)]
    for _, title, link, state, how in ROWS:
        number = re.match(r"\[(\d{4}\.\d{5})\]", link)
        assert number is not None, title
        assert link == f"[{number[1]}](https://arxiv.org/abs/{number[1]})", title
        assert state in ("built", "part", "finding", "missing", "off"), title
        assert how
    assert len({row[2] for row in ROWS}) == 70


def test_what_is_built_has_a_command_and_its_four_lines() -> None:
    for number, title, _, state, _ in ROWS:
        commands = [text for text in CODE[number] if text.startswith(("teachgym ", "pytest "))]
        assert commands or state in ("missing", "off", "part"), title
        if state in ("built", "finding"):
            _, heading, text = PAGE.partition(f"\n#### {title}\n")
            assert heading, title
            own = text.partition("\n#### ")[0]
            assert re.findall(r"^\* (\*.*?\*) ", own, re.MULTILINE) == list(LINES), title


def test_files_that_the_page_names_are_there() -> None:
    for path in re.findall(r"\b(?:tests|teachgym|benchmarks)/[\w/]+\.\w+", PAGE):
        assert (ROOT / path).exists(), path


def test_what_is_registered_after_a_publication_is_on_the_page_or_in_the_suite() -> None:
    """Teachers of the family of methods, and every filter of the gate."""
    teachers = {n for n, e in BUILT_IN.items() if "methods." in str(e.makers)}
    filters = {name for name in CHECKS if "filters" in CHECKS[name]}
    shown = f"{PAGE} {make_suite('methods').to_json()}"
    assert {name for name in teachers | filters if name not in shown} == set()


def test_every_claim_of_the_suite_is_of_a_paper_that_the_page_calls_built_or_begun() -> None:
    states = {link[1:11]: state for _, _, link, state, _ in ROWS}
    others = set(re.findall(r"arxiv.org/abs/(\d{4}\.\d{5})", PAGE)) - set(states)
    for claim in make_suite("methods").claims:
        assert states.get(claim.paper) in ("built", "part", "finding") or claim.paper in others


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_page_name_what_there_is(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything up to the run itself, in whose place its configuration is checked."""
    if line.startswith("pytest "):
        path, *names = line.split()[-1].split("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert all(f"def {name}(" in text for name in names)
        return
    checked: list[str] = []

    def check(found: Any, *_: Any, **__: Any) -> None:
        (check_config if line.startswith("teachgym run") else check_arms)(found)
        checked.append(line)

    monkeypatch.setattr("teachgym.cli.commands.conduct", check)
    monkeypatch.setattr("teachgym.cli.bench.conduct_bench", check)
    assert not app(shlex.split(line)[1:], standalone_mode=False)
    assert checked
