"""The table of metrics is true: what runs log is in it, and what is in it is logged by runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import teachgym
from teachgym.benchmarks.bench.scripted_teacher import answer
from teachgym.envs.step_info import choice_metrics, step_metrics
from teachgym.experiment import RunConfig, run
from teachgym.gate import REASONS
from teachgym.runs import RunFolder
from teachgym.runs.files import read_lines
from teachgym.runs.metric_names import METRICS, metrics_table
from teachgym.testing import ListTracker, ToyTask
from teachgym.types import (
    CURRENCIES,
    Cost,
    Example,
    Incident,
    Prediction,
    Report,
    Score,
    TrainResult,
    Verdict,
)

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2},
    "examples_per_step": 12,
    "budget": {"steps": 4},
}
ALWAYS = {
    *("accuracy", "stderr", "n", "reward", "accepted", "rejected", "incidents", "loss"),
    *("accuracy/<skill>", "stderr/<skill>", "n/<skill>"),
    *("test/before", "test/after", "test/gain", "test/val_gap"),
    *(f"spent/{currency}" for currency in CURRENCIES),
}
FAMILIES = {m.name: m.members for m in METRICS if m.members is not None}
DOCUMENTED = {m.name for m in METRICS if m.members is None} | {
    f"{family}{member}" for family, members in FAMILIES.items() for member in members
}
INCIDENTS = FAMILIES["incidents/"]


def by_kind(name: str) -> str:
    """The name in the table: scores of skills are under one name, and so are figures."""
    kind, _, of = name.partition("/")
    if of and kind.partition("_")[0] in ("metric", "part", "student"):
        return f"{kind}/<name>"
    return f"{kind}/<skill>" if of and kind in ("accuracy", "stderr", "n") else name


def untidy(messages: Any, schema: Any, draw: int) -> str:
    """A competent chat model whose JSON has a comma too many."""
    return answer(messages, schema, draw).replace("}]", "},]")


def logged(folder: Path, monkeypatch: pytest.MonkeyPatch, config: RunConfig) -> ListTracker:
    """What a whole run logs."""
    tracker = ListTracker()
    monkeypatch.setattr("teachgym.experiment.open_trackers", lambda *given: closing(tracker))
    run(config, folder)
    assert tracker.recorded == [folder]
    assert tracker.closed
    return tracker


@pytest.mark.parametrize(
    ("config", "more"),
    [
        (RunConfig(env_settings=SMALL), set()),
        (RunConfig("teachgym/SkillTree-v0", SMALL, "fill-and-balance"), set()),
        (
            RunConfig(
                "teachgym/OpenEnded-v0",
                SMALL,
                "llm",
                chat={"provider": "python", "model": f"{__name__}:untidy"},
            ),
            {"incidents/repaired"},
        ),
    ],
    ids=["SkillList", "SkillTree", "llm"],
)
def test_runs_log_what_is_documented_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: RunConfig, more: set[str]
) -> None:
    tracker = logged(tmp_path / "run", monkeypatch, config)
    names = {by_kind(name) for _, metrics in tracker.logged for name in metrics}
    assert ALWAYS | more <= names <= DOCUMENTED
    optional = {name for name in names - ALWAYS if not name.startswith(("rejected/", "incidents/"))}
    assert not optional
    lines = read_lines(RunFolder(tmp_path / "run").metrics)
    assert [set(line) - {"step"} for line in lines] == [set(m) for _, m in tracker.logged[:-1]]
    assert {name for name in tracker.logged[-1][1] if "test/" in name} == set(tracker.logged[-1][1])


def test_every_documented_name_is_logged_by_something() -> None:
    """Those above, a reason of the gate each, and the incidents that the source names."""
    example = Example("1 + 1 = ", "2", "add")
    graded = Prediction(example, "2", 1.0, {"sign": 1.0}, student="small")
    metrics = step_metrics(
        Report((graded,), "val", {"f1": Score(2, 0.5, 0.1)}),
        Report((graded,), "val"),
        (),
        [Verdict(example, reason) for reason in REASONS],
        [Incident(event) for event in INCIDENTS],
        TrainResult(0.0, 0, Cost()),
    )
    metrics |= choice_metrics(ToyTask(), (ToyTask().examples("train")[0],), ())
    assert ALWAYS | set(map(by_kind, metrics)) == DOCUMENTED


def test_every_incident_in_the_source_is_documented_and_there_are_no_others() -> None:
    """Skill discovery is no part of a run, and its incidents are not counted as metrics."""
    root = Path(teachgym.__file__).parent
    folders = ("chat", "engines", "agents", "envs")
    sources = [path for folder in folders for path in (root / folder).rglob("*.py")]
    sources.append(root / "ledger.py")
    assert {event for path in sources for event in events(path.read_text())} == set(INCIDENTS)


def events(source: str) -> Iterator[str]:
    """First arguments of ``Incident(...)`` and of ``note(...)`` that are texts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called in ("Incident", "note"):
                yield node.args[0].value


def test_the_page_holds_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert metrics_table() in page.read_text(encoding="utf-8")
