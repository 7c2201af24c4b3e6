"""Stress in training: unlearnable skills, wrong labels, forgetting, and what the teacher pays."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.envs.stress import Stress, stressed_trainer
from teachgym.envs.stress.altered_data import DropSkills, TrainOnAltered
from teachgym.envs.stress.forgetting import fade
from teachgym.envs.stress.wrong_labels import LabelNoise
from teachgym.errors import ConformanceError
from teachgym.students import make_student
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask, check_trainer
from teachgym.training.simulated import SimulatedTrainer
from teachgym.types import Checkpoint, Data, Example

TASK = ToyTask()
DATA: Data = tuple(TASK.examples("train"))


def example(question: str, skill: str = "copy", **fields: Any) -> Example:
    """An example of ``copy`` or ``reverse`` with its right target."""
    target = question[::-1] if skill == "reverse" else question
    return Example(f"{skill}: {question}", target, skill, **fields)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def under(stress: Stress, inner: Any = None, student: Any = None) -> Any:
    return stressed_trainer(inner or RecordingTrainer(), stress, TASK, student or TableStudent())


ALL_KINDS = Stress(unlearnable=("copy",), wrong_labels=0.3, forgetting=0.2)


# -- the contract of trainers ------------------------------------------------------------------


@pytest.mark.parametrize(
    "stress",
    [Stress(unlearnable=("copy",)), Stress(wrong_labels=0.5), Stress(forgetting=0.5), ALL_KINDS],
)
def test_stressed_trainers_keep_the_contract(stress: Stress) -> None:
    check_trainer(under(stress), TableStudent(), DATA)


def test_the_contract_notices_a_trainer_that_charges_for_what_was_left() -> None:
    """The broken specimen: half of the data is left out and not charged."""

    class Cheap(TrainOnAltered):
        def train(self, student: Any, data: Data, rng: Any) -> Any:
            return self.trainer.train(student, self.alterations[0](student, data), rng)

    with pytest.raises(ConformanceError, match="cost"):
        check_trainer(
            Cheap(RecordingTrainer(), (DropSkills(frozenset({"copy"})),)), TableStudent(), DATA
        )


# -- unlearnable -------------------------------------------------------------------------------


def test_unlearnable_examples_are_paid_for_and_not_trained_on() -> None:
    """Prompt and target of copy: 9 + 3 characters; of reverse: 12 + 3; both are paid."""
    inner, student = RecordingTrainer(), TableStudent()
    copy, reverse = example("abc"), example("abc", "reverse")
    trainer = under(Stress(unlearnable=("copy",)), inner)
    result = trainer.train(student, (copy, reverse, copy), rng())
    assert inner.calls == [(reverse,)]
    assert (result.cost.train_tokens, result.steps) == (12 + 15 + 12, 1)
    assert (student.share("copy"), student.share("reverse")) == (0, 1 / 21)


def test_losses_stay_with_their_examples() -> None:
    """A loss of one per example of the data that is left, and nan for what is left out."""

    class Counting(RecordingTrainer):
        def train(self, student: Any, data: Data, rng: Any) -> Any:
            result = super().train(student, data, rng)
            return replace(result, losses=tuple(range(len(data))))

    copy, reverse, other = (example("abc"), example("abc", "reverse"), example("xyz", "reverse"))
    trainer = under(Stress(unlearnable=("copy",)), Counting())
    losses = trainer.train(TableStudent(), (copy, reverse, copy, other), rng()).losses
    assert [None if math.isnan(x) else x for x in losses] == [None, 0, None, 1]
    left_out_first = trainer.train(TableStudent(), (copy, replace(copy, skill="reverse")), rng())
    assert [math.isnan(x) for x in left_out_first.losses] == [True, False]


def test_where_nothing_is_left_nothing_is_trained() -> None:
    inner, student = RecordingTrainer(), TableStudent()
    result = under(Stress(unlearnable=1.0), inner).train(student, (example("abc"),), rng())
    assert inner.calls == []
    assert math.isnan(result.loss)
    assert (result.steps, result.cost.train_tokens) == (0, 12)
    assert student.save() == TableStudent().save()


# -- wrong labels ------------------------------------------------------------------------------


@given(st.floats(0, 1))
def test_wrong_targets_are_right_ones_of_the_same_skill(rate: float) -> None:
    """Order, prompts and skills stay; every target is one that was handed in for the skill."""
    altered = LabelNoise(TASK, rate)(TableStudent(), DATA)
    assert [(e.prompt, e.skill) for e in altered] == [(e.prompt, e.skill) for e in DATA]
    targets = {(e.skill, e.target) for e in DATA}
    assert {(e.skill, e.target) for e in altered} <= targets


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)])
def test_the_rate_is_the_share_of_wrong_answers(rate: float, share: float) -> None:
    """Of 800 different prompts; the standard error of 0.3 is sqrt(0.3 * 0.7 / 800) = 0.016."""
    data = tuple(TASK.make("reverse", 1.0, np.random.default_rng(i)) for i in range(800))
    altered = LabelNoise(TASK, rate)(TableStudent(), data)
    wrong = [TASK.verify(e) == 0 for e in altered]
    assert np.mean(wrong) == pytest.approx(share, abs=0.05 if 0 < rate < 1 else 0)


def test_another_seed_makes_others_wrong() -> None:
    """At a rate of 1/2 two seeds agree about half of 800: standard error 0.018."""
    data = tuple(TASK.make("reverse", 1.0, np.random.default_rng(i)) for i in range(800))
    one, other = (
        np.array([TASK.verify(e) for e in LabelNoise(TASK, 0.5, seed)(TableStudent(), data)])
        for seed in (0, 1)
    )
    assert np.mean(one == other) == pytest.approx(0.5, abs=0.07)


def test_an_example_is_wrong_in_every_step_or_in_none() -> None:
    alter = LabelNoise(TASK, 0.5)
    together = alter(TableStudent(), DATA)
    alone = [alter(TableStudent(), (e,))[0] for e in DATA]
    right = [TASK.verify(e) for e in together]
    assert right == [TASK.verify(e) for e in alone]
    assert 0 < sum(right) < len(DATA)


def test_with_nothing_to_exchange_a_target_is_reversed_or_else_doubled() -> None:
    """``abc`` becomes ``cba``; ``aba`` is its own reverse, so it becomes ``abaaba``."""
    alter = LabelNoise(TASK, 1.0)
    assert [alter(TableStudent(), (example(q),))[0].target for q in ("abc", "aba")] == [
        "cba",
        "abaaba",
    ]


def test_an_answer_that_the_grader_takes_for_right_is_no_wrong_label() -> None:
    """Here upper and lower case are the same; so of ABC, abc and xyz only xyz is wrong for abc."""

    class AnyCase(ToyTask):
        def grade(self, example: Example, response: str) -> float:
            return float(response.lower() == example.target.lower())

    data = (example("abc"), example("ABC"), example("xyz"))
    altered = LabelNoise(AnyCase(), 1.0)(TableStudent(), data)
    assert [e.target for e in altered[:2]] == ["xyz", "xyz"]
    assert altered[2].target in ("abc", "ABC")


def test_what_belongs_to_the_right_target_goes_and_the_worse_answer_stays_another() -> None:
    """Of the targets abc, xyz and uvw, ``abc`` is right and ``xyz`` the rejected one."""
    rich = example(
        "abc", rejected="xyz", spans=(("abc", 1.0),), soft_labels=(("abc", 1.0),), difficulty=0.0
    )
    others = (example("xyz", difficulty=0.0), example("uvw", difficulty=0.0))
    altered = LabelNoise(TASK, 1.0)(TableStudent(), (rich, *others))
    assert altered[0] == replace(rich, target="uvw", spans=(), soft_labels=())


def test_wrong_labels_cost_what_the_right_ones_would() -> None:
    """Targets of 1 and 9 characters change places; the bill is the one announced."""
    student, trainer = TableStudent(), under(Stress(wrong_labels=1.0))
    data = (example("a"), example("bcdefghij"), example("klmnopqrs"))
    result = trainer.train(student, data, rng())
    assert result.cost == trainer.cost(student, data)
    assert trainer.trainer.calls[0] != data
    assert student.save() == TableStudent().save()  # It learns from right answers alone.


def test_simulated_students_go_without_the_wrong_ones() -> None:
    student: Any = make_student("simulated", TASK)
    kept = LabelNoise(TASK, 0.5)(student, DATA)
    wrong = {e.prompt for e in LabelNoise(TASK, 0.5)(TableStudent(), DATA) if not TASK.verify(e)}
    assert kept == tuple(e for e in DATA if e.prompt not in wrong)
    assert 0 < len(kept) < len(DATA)


# -- forgetting --------------------------------------------------------------------------------


def test_half_of_what_was_learned_is_forgotten_before_each_training_run() -> None:
    """Taught 10, 4 and then 0 examples: 10, then 10 / 2 + 4 = 9, and without data still 9."""
    student, trainer = TableStudent(), under(Stress(forgetting=0.5))
    seen = []
    for count in (10, 4, 0):
        trainer.train(student, (example("abc"),) * count, rng())
        seen.append(student.save().arrays["taught"][0])
    assert seen == [10, 9, 9]


def test_the_way_back_is_from_the_student_it_began_with() -> None:
    """With rate 1 every run starts from the 6 examples that the student knew at first."""
    student = TableStudent()
    student.restore(Checkpoint({"taught": np.array([6.0, 0, 0, 0])}))
    trainer = under(Stress(forgetting=1.0), student=student)
    for count in (10, 1):
        trainer.train(student, (example("abc"),) * count, rng())
    assert student.save().arrays["taught"][0] == 7


def test_fading_moves_floating_numbers_alone_and_keeps_their_type() -> None:
    """0.25 of the way from (4, 0) to (0, 8) is (3, 2); whole numbers and untouched weights stay."""
    start = Checkpoint(
        {"w": np.array([0, 8], np.float32), "n": np.array([1]), "same": np.array([0.1, 0.7])}
    )
    now = Checkpoint({**start.arrays, "w": np.array([4, 0], np.float32), "n": np.array([5])})
    faded = fade(now, start, 0.25)
    assert faded == Checkpoint({**now.arrays, "w": np.array([3, 2], np.float32)})


def test_a_student_forgets_even_where_it_can_learn_nothing() -> None:
    """10 examples of ``reverse``, then one of ``copy``, which is unlearnable: 5 are left."""
    stress = Stress(unlearnable=("copy",), forgetting=0.5)
    student, trainer = TableStudent(), under(stress)
    trainer.train(student, (example("abc", "reverse"),) * 10, rng())
    trainer.train(student, (example("abc"),), rng())
    assert student.save().arrays["taught"].tolist() == [0, 5, 0, 0]


def test_a_simulated_student_forgets_in_competence() -> None:
    """Rate 0.5 without noise: the second run starts half-way between the first and the start."""
    student: Any = make_student("simulated", TASK, noise=0.0)
    start = student.competence
    trainer = under(Stress(forgetting=0.5), SimulatedTrainer(), student)
    trainer.train(student, DATA, rng())
    half = start + (student.competence - start) / 2
    trainer.train(student, DATA, rng())
    expected: Any = make_student("simulated", TASK, noise=0.0)
    expected.competence = half
    SimulatedTrainer().train(expected, DATA, rng())
    assert student.competence == pytest.approx(expected.competence, abs=1e-12)
    assert student.competence.mean() > start.mean()
