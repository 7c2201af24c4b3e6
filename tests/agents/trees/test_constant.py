"""The constant rule, with amounts derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.agents.context import Branches
from teachgym.agents.trees.rules import ConstantTree
from teachgym.agents.trees.teacher import TreeTeacher
from teachgym.errors import ConfigError
from teachgym.loop import run_episode
from teachgym.types import Episode
from tests.agents.worlds import TreeWorld


def teach(world: TreeWorld, **settings: int) -> Episode:
    teacher = TreeTeacher(Branches.of(world), lambda: ConstantTree(**settings), "constant-tree")
    return run_episode(world, teacher, seed=0)


def moves(episode: Episode) -> list[list[int]]:
    return [(t.action["explore"] * t.action["subskills"]).tolist() for t in episode.transitions]


def test_it_explores_in_every_step_while_there_is_room() -> None:
    """Four slots, three at a time: 3, then the 1 that fits, then none."""
    assert moves(teach(TreeWorld([4, 4], steps=3), subskills=3)) == [[3, 3], [1, 1], [0, 0]]


def test_without_exploring_it_teaches_the_one_subskill_that_a_root_needs() -> None:
    """Two roots share 120 examples: 60 each, for one subskill of each."""
    episode = teach(TreeWorld([4, 4], steps=3), subskills=0)
    assert moves(episode) == [[1, 1], [0, 0], [0, 0]]
    allocation = np.round(episode.transitions[2].action["allocation"] * 120)
    assert allocation.tolist() == [[60, 0, 0, 0], [60, 0, 0, 0]]


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="subskills is -1; it must be 0 or more"):
        ConstantTree(subskills=-1)
