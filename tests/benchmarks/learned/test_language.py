"""Teachers that learned, beside rules: how they are trained, and what the table says."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pytest

from teachgym.benchmarks.bench.suites.held_out import traits_of
from teachgym.benchmarks.learned import language
from teachgym.benchmarks.learned.judging import held_out
from teachgym.benchmarks.learned.language import (
    LEARNED,
    SHUFFLES,
    Recipe,
    describe,
    imitated,
    play,
    settings_of,
)
from teachgym.benchmarks.learned.lines import Line, Lines
from teachgym.bridges.grpo.training import train_teacher


def test_differences_are_paired_with_students_interval() -> None:
    """Differences 0.01, 0.02, 0.03: mean 0.02, error 0.0058, times 4.303 for two degrees."""
    lines = [
        Line("alp", "simulated", (0.1, 0.2, 0.3)),
        Line("gain 0", "simulated", (0.11, 0.22, 0.33), trained=24),
    ]
    row = r"| gain 0 | 3 | 0.2200 ± 0.0635 | +0.0200 \[-0.0048, +0.0448\] |"
    assert row in describe(lines).splitlines()


def test_arms_differ_in_what_is_paid_and_how_they_begin(tmp_path: Path) -> None:
    settings = {arm: settings_of(arm, [tmp_path]) for arm in LEARNED}
    paid = {arm: s.stages[0].env_settings.get("proxy") for arm, s in settings.items()}
    assert {arm: proxy for arm, proxy in paid.items() if proxy} == {
        "learnability": "learnability",
        "learning progress": "learning_progress",
    }
    assert {arm for arm, s in settings.items() if not s.warm_start.runs} == {"gain, cold"}
    assert {arm for arm, s in settings.items() if s.updates != 24} == {
        arm for arm, recipe in LEARNED.items() if recipe.rest
    }
    assert {tuple(s.stages[0].vary["student_settings.base"]) for s in settings.values()} == {(5, 6)}


def test_no_run_has_a_student_or_items_of_a_training() -> None:
    """Runs: bases 0 to 4 and task seeds 0 to 9, of the default task, as in training."""
    usual = {"student": language.STUDENT, **language.EPISODE}
    runs = [traits_of(held_out(usual, seed).env_settings) for seed in language.SEEDS]
    assert [run["items"] for run in runs] == [("arithmetic-and-strings", s) for s in range(10)]
    met = [traits_of(own) for arm in LEARNED for own in settings_of(arm, []).environments()]
    assert {own["bases"] for own in met} == {("tiny", 5), ("tiny", 6)}
    assert {own["items"] for own in met} == {("arithmetic-and-strings", 1_000_000)}
    assert not {t for own in met for t in own.items()} & {t for run in runs for t in run.items()}


def test_shuffled_arms_meet_another_student_in_each_update(tmp_path: Path) -> None:
    stage = settings_of("shuffled, rest", [tmp_path]).stages[0]
    met = [tuple(stage.settings_of(k)["student_settings"].values()) for k in range(26)]
    assert met[:3] == [(5, 0), (6, 1), (5, 2)]
    assert len(set(met)) == len(SHUFFLES)
    assert settings_of("shuffled, rest", []).form.rest == 0.5
    assert settings_of("gain 0", []).form.rest == 0.0


def test_rules_repeat_what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the digit, on the first of the recorded seeds."""
    monkeypatch.setattr(language, "SEEDS", range(1))
    recorded = {x.arm: x for x in Lines(Path("benchmarks/results/language-teachers.jsonl")).known}
    for name in language.RULES:
        assert list(play(name)) == [pytest.approx(recorded[name].returns[0], abs=1e-12)]


def test_what_is_there_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither episodes nor the runs and warm starts that their teachers would begin with."""
    arms = (*language.RULES, "planned", "untrained", *language.WARM, *LEARNED)
    lines = [json.dumps(asdict(Line(arm, "simulated", (0.1, 0.2)))) for arm in arms]
    out, folder = tmp_path / "lines.jsonl", tmp_path / "teachers"
    out.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(sys, "argv", ["language", "--folder", str(folder), "--out", str(out)])
    language.main()
    assert not folder.exists()
    assert out.read_text().splitlines() == lines


@pytest.mark.slow
def test_a_training_in_small_from_runs_to_an_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {"examples_per_step": 50, "budget": {"steps": 1, "examples": 50}}
    monkeypatch.setattr(language, "EPISODE", short)
    monkeypatch.setattr(language, "SEEDS", range(1))
    runs = imitated(tmp_path / "alp")[:1]
    assert json.loads((runs[0] / "config.json").read_text())["config"]["teacher"] == "alp"
    monkeypatch.setitem(cast(dict[str, Recipe], LEARNED), "once", Recipe(updates=1))
    teacher = train_teacher(settings_of("once", runs), tmp_path / "once")
    assert len(list(play("trained", {"path": str(teacher), "answers": 1}))) == 1
