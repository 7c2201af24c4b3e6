"""Numbers in README and RESULTS.md are those of the files that were recorded."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from teachgym.benchmarks.learned import language, ppo
from teachgym.types import FloatArray

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "benchmarks" / "results"
INTERVAL = re.compile(r"[+-]0\.\d{4} \[[+-]0\.\d{4}, [+-]0\.\d{4}\]")
RESULTS = (RECORDED / "RESULTS.md").read_text().replace("\N{MINUS SIGN}", "-")


def section(title: str) -> str:
    """The text of RESULTS.md under a heading."""
    return RESULTS.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[str]:
    """The lines of a text that are rows of tables, without markup."""
    plain = text.replace("\\", "").replace("&lt;", "<")
    return [line for line in plain.splitlines() if line.startswith("|")]


def test_the_leaderboard_of_the_readme_is_the_recorded_one() -> None:
    text = (ROOT / "README.md").read_text().partition("\n## Results")[2].partition("\n## ")[0]
    recorded = set()
    for row in rows((RECORDED / "bench-tiny.md").read_text().partition("\n## ")[0]):
        arm, _, accuracy, _, *others = row.strip("| ").split(" | ")
        recorded.add((arm, accuracy, *others))
    shown = [tuple(row.strip("| ").split(" | ")) for row in rows(text)[2:]]
    assert len(shown) == 10
    assert set(shown) <= recorded


@pytest.mark.parametrize(
    ("title", "arms", "name"),
    [
        ("A language model that learned to teach", language, "language-teachers.jsonl"),
        ("PPO against rules and plans", ppo, "ppo.jsonl"),
    ],
)
def test_tables_of_trained_teachers_are_printed_by_their_scripts(
    title: str, arms: ModuleType, name: str
) -> None:
    printed = rows(arms.describe(arms.read(RECORDED / name)))
    assert set(printed) <= set(rows(section(title)))


def test_intervals_of_the_papers_experiments_are_in_the_tables_of_their_benches() -> None:
    told = rows(section("The paper's experiments on the embedded student"))
    here = [cells[2] for row in told if len(cells := row.split(" | ")) == 4]
    found = [text for cell in here for text in INTERVAL.findall(cell)]
    benches = rows("\n".join(path.read_text() for path in RECORDED.glob("bench-*.md")))
    assert len(found) > 20
    assert not [text for text in found if not any(text in row for row in benches)]


def test_gains_of_objectives_are_means_over_their_runs() -> None:
    gains = defaultdict(list)
    for line in (RECORDED / "bench-objectives.jsonl").read_text().splitlines():
        run = json.loads(line)
        gains[run["arm"]].append(run["test_after"] - run["test_before"])
    table = "\n".join(rows(section("Objectives at equally many questions")))
    assert sorted(INTERVAL.findall(table)) == sorted(
        student_interval(np.array(gain)) for gain in gains.values()
    )


def test_courses_of_teacher_hacking_are_those_of_their_runs() -> None:
    curves: dict[str, dict[int, list[float]]] = defaultdict(dict)
    for line in (RECORDED / "bench-teacher-hacking.jsonl").read_text().splitlines():
        run = json.loads(line)
        curves[run["arm"]][run["seed"]] = run["val_curve"]
    expected = []
    for arm, own in curves.items():
        fixed = curves[f"fixed-{arm.split('-', 1)[1]}"]
        expected.append(student_interval(np.array([c[-1] - c[0] for c in own.values()])))
        if own is not fixed:
            pairs = [(c[-1], fixed[seed][-1]) for seed, c in own.items()]
            expected.append(student_interval(-np.diff(pairs)[:, 0]))
    table = rows(section("Nearer to a teacher model, and farther from the truth"))
    assert sorted(INTERVAL.findall("\n".join(table))) == sorted(expected)


def test_gains_on_pictures_are_those_of_their_runs() -> None:
    runs: dict[str, dict[int, Any]] = defaultdict(dict)
    for line in (RECORDED / "bench-dataenvgym-vqa-embedded.jsonl").read_text().splitlines():
        run = json.loads(line)
        runs[run["arm"]][run["seed"]] = run
    expected = []
    for arm in ("oracle", "uniform", "alp", "weakest"):
        own = [(r["test_before"], r["test_after"]) for r in runs[arm].values()]
        expected.append(student_interval(np.diff(own)[:, 0]))
        if arm != "uniform":
            pairs = [
                (runs["uniform"][s]["test_after"], r["test_after"]) for s, r in runs[arm].items()
            ]
            expected.append(student_interval(np.diff(pairs)[:, 0]))
    table = "\n".join(rows(section("Pictures of shapes")))
    assert INTERVAL.findall(table) == expected


def student_interval(values: FloatArray) -> str:
    """Mean with the 95 % interval by Student's t."""
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    return f"{values.mean():+.4f} [{low:+.4f}, {high:+.4f}]"
