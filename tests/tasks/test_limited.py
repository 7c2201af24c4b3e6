"""A task with fewer items keeps its contract, and spreads what is left over its cells."""

from __future__ import annotations

from collections import Counter

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.envs.config import SkillListConfig
from teachgym.errors import ConfigError
from teachgym.tasks import make_task
from teachgym.tasks.limited import Limited, spread
from teachgym.testing import check_task
from teachgym.types import SPLITS, Example

TASK = make_task("arithmetic-and-strings", train_per_cell=3, val_per_cell=2, test_per_cell=2)


def test_it_keeps_the_contract_of_tasks() -> None:
    check_task(Limited(TASK, 40))


@pytest.mark.parametrize("split", SPLITS)
def test_of_ten_items_no_cell_has_two(split: str) -> None:
    """The task has more than ten cells."""
    left = Limited(TASK, 10).examples(split)  # type: ignore[arg-type]
    assert len(left) == 10
    assert set(Counter((e.skill, e.difficulty) for e in left).values()) == {1}


@given(
    cells=st.lists(st.sampled_from("abc"), max_size=20),
    less=st.integers(1, 25),
    more=st.integers(0, 25),
)
def test_a_smaller_limit_leaves_part_of_what_a_larger_one_leaves(
    cells: list[str], less: int, more: int
) -> None:
    examples = [Example(f"{cell}{n}", "", cell) for n, cell in enumerate(cells)]
    small, large = spread(examples, less), spread(examples, less + more)
    assert len(small) == min(less, len(cells))
    assert [e for e in large if e in small] == list(small)
    assert [e for e in examples if e in large] == list(large)
    counts, there = Counter(e.skill for e in small), Counter(cells)
    short = [counts[cell] for cell in there if counts[cell] < there[cell]]
    assert not short or max(counts.values()) - min(short) <= 1


def test_an_environment_measures_so_many_items_and_names_the_task_for_it() -> None:
    env = gym.make("teachgym/SkillList-v0", student="simulated", limit=7)
    env.reset(seed=0)
    assert len(env.unwrapped.state.report.predictions) == 7  # type: ignore[attr-defined]
    assert env.unwrapped.task.name.endswith("-limit7")  # type: ignore[attr-defined]


def test_a_limit_is_one_or_more() -> None:
    with pytest.raises(ConfigError, match="limit is 0"):
        SkillListConfig(limit=0)
