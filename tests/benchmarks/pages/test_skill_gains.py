"""Gains by skill: what they go with, by hand and from the folder of a run."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from teachgym.benchmarks.bench.statistics import Interval
from teachgym.benchmarks.pages.skill_gains import (
    BANDS,
    QUALITIES,
    SkillGain,
    correlate,
    count_taught,
    mean_gain,
    mean_levels,
    skill_gains,
)
from teachgym.benchmarks.pages.skills import _charts
from teachgym.experiment import RunConfig, run
from teachgym.runs import RunFolder
from teachgym.runs.result import RunResult, read_result

SMALL = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 64,
    "budget": {"steps": 3},
}


def gain(
    difficulty: float, gained: float, share: float = 0.5, level: float = math.nan
) -> SkillGain:
    return SkillGain(f"skill {difficulty}", difficulty, level, share, gained)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunResult]:
    """A run of three steps."""
    folder = tmp_path_factory.mktemp("gains") / "run"
    run(RunConfig("teachgym/SkillList-v0", SMALL, "weakest"), folder)
    return RunFolder.open(folder), read_result(RunFolder.open(folder))


def test_only_what_the_examined_student_learned_from_counts(
    finished: tuple[RunFolder, RunResult],
) -> None:
    """The best student is that of some step; examples of later steps taught it nothing."""
    folder, result = finished
    lines = [json.loads(line) for line in folder.examples.read_text().splitlines()]
    for best in range(4):
        counts = count_taught(replace(result, best_step=best))
        before = [e for e in lines if e["provenance"]["step"] <= best]
        assert counts == Counter(e["skill"] for e in before)
    assert count_taught(replace(result, best_step=0)) == {}
    assert len(lines) == sum(count_taught(replace(result, best_step=3)).values()) > 0


def test_difficulty_is_from_val_and_the_gain_from_test(
    finished: tuple[RunFolder, RunResult],
) -> None:
    _, result = finished
    taught = dict.fromkeys(result.test.skills_before, (1, 0, 0)) | {"copy": (3, 2, 0)}
    told = replace(result, taught=taught, best_step=2)
    found = {g.skill: g for g in skill_gains(told, {"copy": 0.25})}
    assert set(found) == set(result.test.skills_before)
    copy, n = found["copy"], len(found)
    assert copy.difficulty == 1 - result.val.skills_before["copy"].mean
    change = result.test.skills_after["copy"].mean - result.test.skills_before["copy"].mean
    assert copy.gain == change
    assert (copy.share, copy.level) == (5 / (n + 4), 0.25)
    assert math.isnan(found["double"].level)


def test_without_examples_there_are_no_shares(finished: tuple[RunFolder, RunResult]) -> None:
    untaught = replace(finished[1], taught={})
    assert all(math.isnan(g.share) for g in skill_gains(untaught, {}))


def test_levels_are_means_over_the_items_of_test(finished: tuple[RunFolder, RunResult]) -> None:
    """Every skill of the task has one item at each level: the same mean for all."""
    levels = mean_levels(finished[0])
    assert set(levels) == set(finished[1].test.skills_before)
    assert len(set(levels.values())) == 1


def test_skills_of_a_run_without_examples_are_drawn_by_the_others() -> None:
    """One of two runs has no shares: its nan would hide every dot of the arm."""
    known, unknown = skills(FIVE, FIVE), [replace(g, share=math.nan) for g in skills(FIVE, FIVE)]
    drawn = [tip for chart in _charts({"arm": [known, unknown]}) for tip in chart.tips]
    assert len(drawn) == 10
    drawn += [tip for chart in _charts({"arm": [unknown]}) for tip in chart.tips]
    assert all(math.isfinite(tip.x) and math.isfinite(tip.y) for tip in drawn)


def rho(runs: list[list[SkillGain]], quality: str) -> Interval | None:
    return correlate(runs, QUALITIES[quality], np.random.default_rng(0))


def skills(difficulties: list[float], gains: list[float]) -> list[SkillGain]:
    return [gain(d, g) for d, g in zip(difficulties, gains, strict=True)]


FIVE = [0.1, 0.3, 0.5, 0.7, 0.9]


def test_gains_are_means_over_runs_and_correlated_over_skills() -> None:
    """Eighths 1..5 and 5..1 of two runs are 3 each: constant. With 1..5 twice they rise: +1."""
    rising, falling = [0.125, 0.25, 0.375, 0.5, 0.625], [0.625, 0.5, 0.375, 0.25, 0.125]
    assert rho([skills(FIVE, rising), skills(FIVE, falling)], "difficulty") is None
    found = rho([skills(FIVE, rising)] * 2, "difficulty")
    assert found is not None
    assert found.value == pytest.approx(1.0)


def test_the_interval_is_over_skills_so_more_runs_of_the_same_do_not_narrow_it() -> None:
    run = skills(FIVE, [0.1, 0.3, 0.2, 0.5, 0.4])
    few, many = rho([run] * 2, "difficulty"), rho([run] * 50, "difficulty")
    assert few is not None
    assert few.value == pytest.approx(0.8)  # 1 - 6 * 4 / (5 * 24)
    assert few == many
    assert few.low < 0.2


def test_middle_difficulty_is_found_where_rank_with_difficulty_sees_nothing() -> None:
    """No rise along difficulty, yet the nearer to .5 the more."""
    runs = [skills(FIVE, [0.1, 0.2, 0.3, 0.2, 0.1])] * 2
    along, near = rho(runs, "difficulty"), rho(runs, "nearness to middle difficulty")
    assert along is not None
    assert near is not None
    assert along.value == pytest.approx(0.0)
    assert near.value > 0.99


def test_what_is_constant_unknown_or_of_few_skills_has_no_correlation() -> None:
    runs = [skills(FIVE, [0.1, 0.3, 0.2, 0.5, 0.4])]
    assert rho(runs, "share of the data") is None
    assert rho(runs, "mean level") is None
    assert rho([], "difficulty") is None
    assert rho([runs[0][:4]], "difficulty") is None


def test_every_difficulty_is_in_one_band() -> None:
    for difficulty in (0.0, 0.2, 1 / 3, 0.5, 2 / 3, 0.9, 1.0):
        assert sum(low <= difficulty < high for low, high in BANDS.values()) == 1


def test_gains_of_a_band_are_means_of_runs() -> None:
    """Run means .2 and .4, however many skills a run has in the band; a run without is left out."""
    runs = [[gain(0.4, 0.1), gain(0.5, 0.3)], [gain(0.6, 0.4)], [gain(0.9, 1.0)]]
    found = mean_gain(runs, BANDS["middle"])
    assert found is not None
    assert (found.mean, found.n) == (pytest.approx(0.3), 2)
    assert mean_gain(runs, BANDS["easy"]) is None
