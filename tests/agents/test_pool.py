"""``pool``: finished examples, drawn without replacement, more of them where the student errs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from teachgym.agents.context import Lessons
from teachgym.agents.pool import Pool
from teachgym.errors import ConfigError, UnknownSkillError
from tests.agents.worlds import make_pool, make_report

LESSONS = Lessons(("add", "sort"), per_step=10)


def counts(accuracy: dict[str, float], **settings: Any) -> Counter[str]:
    """Skills of the first example handed in, over 600 seeds."""
    teacher = Pool(LESSONS, pool=make_pool(["add", "sort"], 4), per_step=1, **settings)
    drawn: Counter[str] = Counter()
    for seed in range(600):
        teacher.reset(seed)
        drawn[teacher.act(make_report(accuracy))[0].skill] += 1
    return drawn


def test_skills_are_drawn_in_proportion_to_their_errors() -> None:
    """Errors 0.2 and 0.6, a quarter to add; a fifth of the draws is uniform: 0.8 / 4 + 0.1."""
    drawn = counts({"add": 0.8, "sort": 0.4})
    assert drawn["add"] / 600 == pytest.approx(0.3, abs=0.05)


def test_a_skill_that_was_not_measured_counts_like_the_whole_report() -> None:
    """Add errs 0.5 and so does the report, since nothing else was measured."""
    drawn = counts({"add": 0.5, "sort": float("nan")}, exploration=0)
    assert drawn["add"] / 600 == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("accuracy", [1.0, 0.0, float("nan")])
def test_equal_or_unknown_errors_draw_the_skills_alike(accuracy: float) -> None:
    drawn = counts({"add": accuracy, "sort": accuracy}, exploration=0)
    assert drawn["add"] / 600 == pytest.approx(0.5, abs=0.05)


def test_every_example_is_handed_in_once_and_then_none() -> None:
    pool = make_pool(["add", "sort"], 6)
    teacher = Pool(LESSONS, pool=pool, per_step=5, exploration=0)
    report = make_report({"add": 1.0, "sort": 0.5})
    batches = [teacher.act(report) for _ in range(4)]
    assert [len(batch) for batch in batches] == [5, 5, 2, 0]
    assert sorted(e.prompt for b in batches for e in b) == sorted(e.prompt for e in pool)
    assert {e.skill for e in batches[0]} == {"sort"}
    teacher.reset(0)
    assert len(teacher.act(report)) == 5


def test_bad_pools_are_refused() -> None:
    with pytest.raises(ConfigError, match="pool is empty"):
        Pool(LESSONS, pool=())
    with pytest.raises(UnknownSkillError, match="Did you mean 'sort'"):
        Pool(LESSONS, pool=make_pool(["sorts"], 1))
    with pytest.raises(ConfigError, match="per_step is 11"):
        Pool(LESSONS, pool=make_pool(["add"], 1), per_step=11)
