"""Rugged difficulty: what is written on an example is not what it has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.envs.assembly import teacher_env
from teachgym.envs.stress.rugged import Rugged, Swap, real_levels
from teachgym.errors import ConfigError, ConformanceError
from teachgym.metrics import by_cell
from teachgym.protocols import PLAIN
from teachgym.tasks import make_task
from teachgym.tasks.task import Task
from teachgym.testing import ToyTask, check_task
from teachgym.types import Data, Draft, Example

SMALL: dict[str, Any] = {
    "student": "simulated",
    "student_settings": {"noise": 0.0},
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 3},
    "budget": {"steps": 3},
}


@given(st.text(), st.integers(2, 6))
def test_levels_are_swapped_for_good_and_never_left_in_order(skill: str, n_levels: int) -> None:
    real = real_levels(skill, n_levels)
    assert sorted(real) == list(range(n_levels)) != list(real)
    assert real == real_levels.__wrapped__(skill, n_levels)


def test_a_single_level_is_what_it_is() -> None:
    assert real_levels("copy", 1) == (0,)


def test_skills_are_swapped_in_different_ways() -> None:
    """Of the 3! - 1 = 5 ways to swap three levels, 32 skills show all."""
    leaves = make_task("arithmetic-and-strings").skills
    assert len({real_levels(skill.name, 3) for skill in leaves}) == 5


def test_another_seed_swaps_a_skill_in_another_way() -> None:
    """Of the 5 ways to swap three levels, 40 seeds show all."""
    assert len({real_levels("copy", 3, seed) for seed in range(40)}) == 5


@given(st.sampled_from([0.0, 0.5, 1.0, None]), st.text(min_size=1), st.integers(0, 9))
def test_what_is_disguised_can_be_revealed(difficulty: float | None, skill: str, seed: int) -> None:
    swap = Swap((0.0, 0.5, 1.0), seed)
    example = Example("?", "!", skill, difficulty=difficulty)
    assert swap.reveal(swap.disguise(example)) == swap.disguise(swap.reveal(example)) == example


def test_what_is_ordered_easy_is_made_hard() -> None:
    """``ToyTask`` has two levels of 3 and 4 characters, which can only change places."""
    task: Any = Rugged(ToyTask())
    rng = np.random.default_rng(0)
    for written, length in ((0.0, 4), (0.1, 4), (1.0, 3)):
        made = task.make("copy", written, rng)
        assert (made.difficulty, len(made.target)) == (round(written), length)
    drawn = [task.make("copy", None, rng) for _ in range(20)]
    assert {(e.difficulty, len(e.target)) for e in drawn} == {(0.0, 4), (1.0, 3)}


def test_nothing_but_the_difficulty_is_another() -> None:
    plain = ToyTask()
    task = Rugged(plain)
    for split in ("train", "val", "test"):
        pairs = list(zip(plain.examples(split), task.examples(split), strict=True))
        assert [replace(b, difficulty=a.difficulty) for a, b in pairs] == [a for a, _ in pairs]
        assert all(a.difficulty != b.difficulty for a, b in pairs)
    assert task.name == "toy-v0+rugged"
    assert (task.skills, task.levels) == (plain.skills, plain.levels)


def test_rugged_tasks_keep_the_contract() -> None:
    check_task(Rugged(ToyTask()))


def test_the_contract_notices_orders_that_are_not_swapped() -> None:
    """The broken specimen: examples are disguised, but made at the level that was ordered."""

    class Careless(Rugged):
        def __init__(self) -> None:
            super().__init__(ToyTask())
            self.make = lambda *order: self.swap.disguise(ToyTask().make(*order))

    with pytest.raises(ConformanceError, match="has the level that was asked for"):
        check_task(Careless())


def test_what_the_task_offers_beyond_the_protocol_is_offered_on() -> None:
    class Full(ToyTask):
        stop = ("\n",)

        def grade_all(self, examples: Data, responses: list[str]) -> list[float]:
            return [self.grade(e, r) for e, r in zip(examples, responses, strict=True)]

        def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
            return Example(draft.problem, draft.answer, skill, difficulty=difficulty)

    full: Any = Rugged(Full())
    one = full.examples("val")[0]
    assert full.stop == ("\n",)
    assert full.grade_all([one], [one.target]) == [full.verify(one)] == [1.0]
    assert full.compose(Draft("?", "!"), "copy", 1.0).difficulty == 1.0
    assert full.brief == PLAIN


def test_a_task_that_makes_nothing_is_not_procedural_when_rugged() -> None:
    class Fixed(Task):
        name, skills, levels = "fixed-v0", ToyTask.skills, ToyTask.levels
        examples, grade = ToyTask().examples, ToyTask().grade

    assert not Rugged(Fixed()).is_procedural
    assert Rugged(ToyTask()).is_procedural


def test_with_a_single_level_there_is_nothing_to_swap() -> None:
    class Flat(ToyTask):
        levels = (0.0,)

    with pytest.raises(ConfigError, match="'toy-v0' has a single one"):
        Rugged(Flat())


# -- in an environment -------------------------------------------------------------------------


def both() -> tuple[Any, Any]:
    plain, rugged = teacher_env(**SMALL), teacher_env(**SMALL, stress={"rugged": True})
    plain.reset(seed=1), rugged.reset(seed=1)
    return plain, rugged


def written_cells(scores: Any, env: Any) -> Any:
    """Means of real cells in the order of the cells as they are written, (n_skills, n_levels)."""
    return np.array([scores.mean[row, list(real_levels(s, 3))] for row, s in enumerate(env.skills)])


def test_a_report_shows_each_real_level_where_it_is_written() -> None:
    """Answers are the same, item by item; only the column of a cell is another."""
    plain, rugged = both()
    shown = [by_cell(e.state.report, e.skills, e.levels) for e in (plain, rugged)]
    assert rugged.state.report.scores.tolist() == plain.state.report.scores.tolist()
    assert shown[1].mean.tolist() == written_cells(shown[0], plain).tolist()
    assert shown[1].mean.tolist() != shown[0].mean.tolist()


def test_a_student_learns_the_real_level_of_what_it_is_taught() -> None:
    """The same prompts, with levels as written or real: the same student afterwards."""
    plain, rugged = both()
    for _ in range(2):
        number = rugged.state.step
        real = tuple(
            replace(e, id="", source="teacher") for e in plain.task.examples("train")[number::3]
        )
        written = tuple(map(rugged.task.swap.disguise, real))
        results = [env.step(data) for env, data in ((plain, real), (rugged, written))]
        assert results[1][1] == results[0][1]
        assert results[1][4]["data"] == tuple(map(rugged.task.swap.disguise, results[0][4]["data"]))
    assert rugged.student.save() == plain.student.save() != rugged.untrained


def test_a_student_is_asked_new_examples_at_their_real_level() -> None:
    """The pretest of training data, as the plain environment finds it."""
    results = []
    for stress in (None, {"rugged": True}):
        env = teacher_env(**SMALL, pretest=True, stress=stress)
        env.reset(seed=1)
        results.append(
            env.step(tuple(replace(e, id="", source="teacher") for e in env.task.examples("train")))
        )
    plain, rugged = ([p.score for p in result[4]["pretest"]] for result in results)
    assert rugged == plain
    assert 0 < sum(plain) < len(plain)
