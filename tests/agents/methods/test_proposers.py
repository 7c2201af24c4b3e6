"""Proposers: what they are paid and how their policies move, derived by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import teachgym  # noqa: F401 (registers the environments)
from teachgym.agents import make_teacher, teacher_entry
from teachgym.agents.context import Cells
from teachgym.agents.lookahead import Ahead
from teachgym.agents.methods.grounded_proposer import GroundedProposer
from teachgym.agents.methods.proposers import Policy
from teachgym.agents.methods.sampled_proposer import SampledProposer
from teachgym.errors import BudgetError, ConfigError
from teachgym.loop import run_episode
from teachgym.types import Items, Tried

# -- the policy ----------------------------------------------------------------------------


def test_a_policy_moves_along_the_gradient_of_what_was_drawn() -> None:
    """Worths 1 and -1 of the first and the second of two cells, at a rate of 2.

    2 (1 (1 - 1/2, 0 - 1/2) - 1 (0 - 1/2, 1 - 1/2)) / 2 = (1, -1).
    """
    policy = Policy(2, rate=2.0)
    policy.learn(np.eye(2), np.array([1.0, -1.0]))
    np.testing.assert_allclose(policy.logits, [1, -1])
    assert policy.chances[0] == pytest.approx(1 / (1 + np.exp(-2)))


@given(arrays(float, (5, 3), elements=st.floats(0, 1)), st.lists(st.floats(-2, 2), min_size=5))
def test_the_gradient_moves_chances_and_never_their_sum(drawn: Any, worth: Any) -> None:
    policy = Policy(3, rate=1.0)
    shares = (drawn + 0.01) / (drawn + 0.01).sum(axis=1, keepdims=True)
    policy.learn(shares, np.array(worth[:5]))
    assert policy.logits.sum() == pytest.approx(0, abs=1e-9)
    assert policy.chances.sum() == pytest.approx(1)


# -- sampled answers -----------------------------------------------------------------------


class Solver:
    """Two skills of two items each; the share of equal answers by skill."""

    def __init__(self, agree: dict[str, int]) -> None:
        self.agree, self.poor = agree, False
        self.asked: list[int] = []

    def labels(self, items: Items) -> list[tuple[str, float | None]]:
        assert items == Items("train")
        return [("add", 0.0), ("sort", 0.0), ("add", 0.0), ("sort", 0.0)]

    def sample(self, items: Items, *, k: int, seed: int) -> list[list[str]]:
        if self.poor:
            raise BudgetError("nothing is left")
        assert items.places is not None
        self.asked += items.places
        skills = ["sort" if place % 2 else "add" for place in items.places]
        same = [self.agree[skill] for skill in skills]
        return [["a"] * n + [f"{i}" for i in range(k - n)] for n in same]


def proposer(solver: Solver, **settings: Any) -> SampledProposer:
    cells = Cells(("add", "sort"), (0.0,), solver)  # type: ignore[arg-type]
    return SampledProposer(cells, **{"samples": 4, "exploration": 0.0, **settings})


def test_uncertainty_pays_for_what_half_of_the_answers_agree_on() -> None:
    """Shares of 2/4 and 4/4 are worth 1 and 0 without a penalty.

    With m of 8 problems of the first: mean m/8, deviation sqrt(m (8 - m))/8; so the advantages are
    sqrt((8 - m)/m) and -sqrt(m/(8 - m)), and the first logit moves by sqrt(m (8 - m))/8.
    """
    solver = Solver({"add": 2, "sort": 4})
    teacher = proposer(solver, problems=8, penalty=0, rate=1.0)
    action = teacher.act({})
    m = sum(place % 2 == 0 for place in solver.asked)
    step = np.sqrt(m * (8 - m)) / 8
    np.testing.assert_allclose(teacher.policy.logits, [step, -step])
    np.testing.assert_allclose(action[:, 0], teacher.policy.chances, rtol=1e-6)


def test_the_penalty_of_repetitions_makes_a_policy_go_back() -> None:
    """Both skills are worth 1/2 - n/N: of a policy that draws add alone, none is worth more."""
    solver = Solver({"add": 3, "sort": 3})
    teacher = proposer(solver, problems=256, rate=0.5)
    teacher.policy.logits = np.array([0.5, -0.5])
    before = teacher.policy.chances[0]
    for _ in range(30):
        teacher.act({})
    assert abs(teacher.policy.chances[0] - 0.5) < before - 0.5


def test_difficulty_learns_from_the_hardest_of_eight_alone() -> None:
    """Sixteen problems are two eights; each has one of sort, whose answers all differ."""
    solver = Solver({"add": 4, "sort": 1})
    teacher = proposer(solver, reward="difficulty", problems=16, rate=1.0)
    teacher.act({})
    assert 1 in solver.asked or 3 in solver.asked
    np.testing.assert_allclose(teacher.policy.logits, [-0.5, 0.5])


def test_what_cannot_be_paid_leaves_the_policy_as_it_is() -> None:
    solver = Solver({"add": 2, "sort": 4})
    solver.poor = True
    teacher = proposer(solver)
    np.testing.assert_allclose(teacher.act({}), [[0.5], [0.5]])
    still = proposer(Solver({"add": 2, "sort": 4}), rate=0)
    np.testing.assert_allclose(still.act({}), [[0.5], [0.5]])


def test_proposers_need_a_student_and_a_reward() -> None:
    with pytest.raises(ConfigError, match="no student can be probed"):
        SampledProposer(Cells(("add",), (0.0,)))
    with pytest.raises(ConfigError, match="Known: difficulty, uncertainty"):
        proposer(Solver({}), reward="certainty")


# -- gains of copies -----------------------------------------------------------------------


class Copies:
    """Pays for the share of the first cell."""

    poor = False

    def branch(self, actions: Sequence[Any], starts: Sequence[str] = ()) -> tuple[Tried, ...]:
        if self.poor:
            raise BudgetError("nothing is left")
        return tuple(Tried(float(action[0, 0]), "") for action in actions)


def test_grounded_proposer_makes_the_best_of_its_group_and_learns_what_gains() -> None:
    cells = Cells(("add", "sort"), (0.0, 1.0))
    copies = Copies()
    teacher = GroundedProposer(Ahead(cells, copies), n=4, problems=16, rate=1.0)
    for _ in range(40):
        action = teacher.act(None)
        assert action.sum() == pytest.approx(1)
    assert teacher.policy.chances[0] > 0.9
    copies.poor = True
    before = teacher.policy.logits
    teacher.act(None)
    assert teacher.policy.logits is before


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("name", "length"),
    [("uncertainty-proposer", 4), ("difficulty-proposer", 4), ("grounded-proposer", 1)],
)
def test_proposers_teach_a_student_to_the_end(name: str, length: int) -> None:
    """Three of four copies are steps that are charged and not made."""
    env = gym.make(
        "teachgym/SkillList-v0",
        **teacher_entry(name).env.get("SkillList", {}),
        student="simulated",
        examples_per_step=60,
        budget={"steps": 4},
        task_settings={"train_per_cell": 4, "val_per_cell": 3, "test_per_cell": 3},
    )
    episodes = [run_episode(env, make_teacher(name, env), seed=2) for _ in range(2)]
    assert episodes[0].length == length
    actions = [[t.action.tolist() for t in episode.transitions] for episode in episodes]
    assert actions[0] == actions[1]
