"""The suites after the paper's ablations: fair partners, and arms that run to their end."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.leaderboard import stand
from teachgym.benchmarks.bench.outcomes import outcomes_of
from teachgym.benchmarks.bench.runner import read_results, run_suite
from teachgym.benchmarks.bench.suites.restart import restart
from teachgym.benchmarks.bench.suites.selection import data_selection
from teachgym.benchmarks.bench.suites.structure import structure
from teachgym.benchmarks.bench.suites.suite import Suite
from teachgym.benchmarks.bench.suites.teachers import teacher_ablation
from teachgym.records import read_examples
from teachgym.runs.result import RunResult
from teachgym.tasks.arithmetic_and_strings import solve

SUITES = (data_selection, restart, structure, teacher_ablation)
SHORT: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"train_per_cell": 3, "val_per_cell": 1, "test_per_cell": 1},
    "budget": {"steps": 2, "examples": 120},
    "examples_per_step": 60,
}


def finish(suite: Suite, folder: Path, *arms: str, **settings: Any) -> dict[str, RunResult]:
    """Results of one short seed by arm; no arm named = all."""
    suite = suite.changed({**SHORT, **settings}).narrowed(arms, 1)
    assert len(list(run_suite(suite, folder, partial(map, attempt)))) == len(suite.arms)
    results = read_results(suite, folder)
    assert {line.arm: line.reference for line in stand(suite, outcomes_of(results))} == {
        arm.name: suite.compared(arm) for arm in suite.arms
    }
    return {arm: result for (arm, _), result in results.items()}


@pytest.mark.parametrize("make", SUITES)
def test_every_arm_can_be_run_alone_with_its_partner(make: Callable[[], Suite]) -> None:
    suite = make()
    assert Suite.of(json.loads(json.dumps(suite.to_json()))) == suite
    for arm in suite.arms:
        named = suite.narrowed((arm.name,), 1)
        assert {arm.name, suite.compared(arm)} <= {other.name for other in named.arms}
    assert suite.seeds == 10
    assert len(suite.shortened().arms) <= 8


@pytest.mark.parametrize("make", SUITES)
def test_every_arm_has_the_same_budget(make: Callable[[], Suite]) -> None:
    budgets = [cell.config.env_settings["budget"] for cell in make().cells()]
    assert all(budget == {"steps": 10, "examples": 2500} for budget in budgets)


def test_partners_in_the_teacher_ablation_differ_in_the_teacher_or_its_checks_alone() -> None:
    suite = teacher_ablation()
    cells = {cell.arm.name: cell.config for cell in suite.narrowed(seeds=1).cells()}
    for place in ("open-ended", "skill-list", "skill-tree"):
        strong, weak = cells[f"{place}-strong"], cells[f"{place}-weak"]
        assert strong.chat["model"].endswith(":answer")
        assert weak.chat == {**strong.chat, "model": f"{strong.chat['model']}_weakly"}
        assert (weak.env, weak.env_settings) == (strong.env, strong.env_settings)
        assert weak.teacher_settings == strong.teacher_settings
    noisy = [config for name, config in cells.items() if name.startswith("noisy")]
    assert len(noisy) == 4
    assert {config.chat["model"].rpartition(":")[2] for config in noisy} == {"answer_wrongly"}


@pytest.mark.slow
def test_wrong_answers_are_found_turned_away_outvoted_or_trained_on(tmp_path: Path) -> None:
    """Of 120 answers 36 are wrong on average, standard deviation sqrt(120 * 0.3 * 0.7) = 5.0."""
    noisy = ("noisy", "noisy-gated", "noisy-unchecked", "noisy-voted")
    results = finish(teacher_ablation(), tmp_path, *noisy)
    for arm, result in results.items():
        caught = result.incidents.get("unverified", 0), result.rejected.get("answer", 0)
        if arm == "noisy":
            assert caught[0] > 20
        elif arm == "noisy-gated":
            assert abs(caught[1] - 36) <= 3 * 5
            assert result.spent.examples <= 120 - caught[1]
        else:
            assert caught == (0, 0)
    assert results["noisy-voted"].incidents["disagreement"] > 0

    def trained_wrong(arm: str) -> float:
        data = read_examples(tmp_path / arm / "seed_00" / "examples.jsonl")
        return sum(solve(e.prompt) != e.target for e in data) / len(data)

    assert trained_wrong("noisy-unchecked") > 21 / 120
    assert trained_wrong("noisy-voted") < trained_wrong("noisy-unchecked")
    checked = ("open-ended-strong", "noisy", "noisy-gated")
    assert [trained_wrong(arm) for arm in checked] == [0.0] * 3


@pytest.mark.slow
def test_one_competence_teaches_in_all_three_environments(tmp_path: Path) -> None:
    states = [arm.name for arm in structure().arms if arm.name.endswith("-state")]
    results = finish(structure(), tmp_path, *states)
    assert len(results) == 6
    assert {result.env for result in results.values()} == {
        f"teachgym/{name}-v0" for name in ("OpenEnded", "SkillList", "SkillTree")
    }
    for result in results.values():
        assert result.spent.teacher_calls > 0
        assert 80 < result.spent.examples <= 120
        assert not {"lost", "malformed", "kept", "unknown-skill"} & set(result.incidents)


@pytest.mark.slow
def test_selection_and_generation_train_on_equally_many(tmp_path: Path) -> None:
    """What comes again is trained on again, so every arm gets all of its 120 examples."""
    plenty = {"task_settings": {**SHORT["task_settings"], "train_per_cell": 60}}
    results = finish(data_selection(), tmp_path, "alp-selected", "pool", **plenty)
    assert {result.spent.examples for result in results.values()} == {120}
    pool = read_examples(tmp_path / "alp-selected" / "seed_00" / "examples.jsonl")
    assert all(e.provenance and e.provenance.seeds[0].startswith("train/") for e in pool)


def test_to_start_anew_costs_more_training_for_as_many_examples(tmp_path: Path) -> None:
    """Two steps of one size: 1 + 2 of them are trained on instead of 2, with other lengths."""
    results = finish(restart(), tmp_path, "uniform-scratch")
    once, again = results["uniform-continue"].spent, results["uniform-scratch"].spent
    assert once.examples == again.examples
    assert again.train_tokens == pytest.approx(1.5 * once.train_tokens, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("make", SUITES)
def test_all_arms_run_to_their_end(make: Callable[[], Suite], tmp_path: Path) -> None:
    suite = make()
    assert set(finish(suite, tmp_path)) == {arm.name for arm in suite.arms}
