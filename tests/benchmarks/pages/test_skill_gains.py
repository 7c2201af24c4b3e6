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
    fifths_of,
    mean_gain,
    mean_levels,
    skill_gains,
)
from teachgym.benchmarks.pages.skills import _charts, correlation_rows
from teachgym.experiment import RunConfig, run
from teachgym.metrics import rank_correlation
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
    """The same skills for all runs, by their places."""
    pairs = enumerate(zip(difficulties, gains, strict=True))
    return [replace(gain(d, g), skill=f"skill {i}") for i, (d, g) in pairs]


FIVE = [0.1, 0.3, 0.5, 0.7, 0.9]


def test_correlations_are_means_over_runs() -> None:
    """+1 and -1 are 0 in the mean; +1 twice is +1, and a run without a rank does not count."""
    rising, falling = [0.125, 0.25, 0.375, 0.5, 0.625], [0.625, 0.5, 0.375, 0.25, 0.125]
    found = rho([skills(FIVE, rising), skills(FIVE, falling)], "difficulty")
    assert found is not None
    assert found.value == pytest.approx(0.0)
    found = rho([skills(FIVE, rising)] * 2 + [skills(FIVE, [0.25] * 5)], "difficulty")
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert rho([skills(FIVE, [0.25] * 5)] * 2, "difficulty") is None


def test_intervals_of_correlations_hang_little_on_the_draw() -> None:
    """Of five runs the ends lie beyond all but one in a thousand resamples, so many are needed."""
    rng = np.random.default_rng(3)
    drawn = [skills(rng.random(32).tolist(), rng.normal(size=32).tolist()) for _ in range(5)]
    found = [correlate(drawn, QUALITIES["difficulty"], np.random.default_rng(n)) for n in range(5)]
    for ends in zip(*((i.low, i.high) for i in found if i is not None), strict=True):
        assert max(ends) - min(ends) < 0.05


def test_students_for_whom_other_skills_are_hard_are_not_mixed() -> None:
    """Gains rise along difficulty in each run; with the runs put together they fall."""
    one = skills([0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5])
    two = skills([0.9, 0.8, 0.7, 0.6, 0.5], [0.05, 0.04, 0.03, 0.02, 0.01])
    mixed = one + two
    falling = rank_correlation([g.difficulty for g in mixed], [g.gain for g in mixed])
    assert falling < 0
    found = rho([one, two], "difficulty")
    assert found is not None
    assert found.value == pytest.approx(1.0)
    dots = _charts({"arm": [one, two]})[0].tips
    assert [dot.x for dot in dots] == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    assert [dot.y for dot in dots] == pytest.approx([0.055, 0.11, 0.165, 0.22, 0.275])


def test_a_dot_is_a_fifth_of_the_skills_of_a_run() -> None:
    """Of seven skills 1, 2, 1, 2 and 1; a run with four has no fifths."""
    seven = skills([i / 8 for i in range(7)], [i / 8 for i in range(7)])
    parts = fifths_of([seven[::-1], seven[:4]], QUALITIES["difficulty"])
    assert [[len(own) for own in part] for part in parts] == [[1], [2], [1], [2], [1]]
    assert [g for part in parts for g in part[0]] == seven
    assert fifths_of([seven[:4]], QUALITIES["difficulty"]) == []


def test_the_interval_is_over_skills_so_more_runs_of_the_same_do_not_narrow_it() -> None:
    run = skills(FIVE, [0.1, 0.3, 0.2, 0.5, 0.4])
    few, many = rho([run] * 2, "difficulty"), rho([run] * 50, "difficulty")
    assert few is not None
    assert many is not None
    assert few.value == pytest.approx(0.8)  # 1 - 6 * 4 / (5 * 24)
    assert (few.value, few.low, few.high) == pytest.approx((many.value, many.low, many.high))
    assert few.low < 0.2


def test_the_interval_is_over_runs_too_where_there_are_enough() -> None:
    """Runs of +1 and of -1, whatever the skills: two of each are 0; of eight, some are drawn."""
    rising, falling = [i / 20 for i in range(20)], [1 - i / 20 for i in range(20)]
    many = [i / 20 for i in range(20)]
    runs = [skills(many, rising)] * 4 + [skills(many, falling)] * 4
    assert rho(runs[2:6], "difficulty") == Interval(pytest.approx(0.0), *[pytest.approx(0.0)] * 2)
    found = rho(runs, "difficulty")
    assert found is not None
    assert found.low < -0.5 < 0.5 < found.high


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
    shown = dict(zip(*correlation_rows({"a": runs}), strict=True))
    assert shown["arm"] == "a (n=3)"
    assert shown["gain, middle"] == "+0.300 ± 0.100 (n=2)"
    assert shown["gain, easy"] == "no skill"
