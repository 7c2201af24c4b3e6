"""Rejection sampling: what is selected and charged, by hand; what it is refused; whole runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.envs.assembly import teacher_env
from teachgym.errors import ConfigError
from teachgym.experiment import RunConfig, resume, run
from teachgym.protocols import Student
from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask, check_trainer
from teachgym.training import make_trainer
from teachgym.training.grader import Grader
from teachgym.training.judges import TaskJudge
from teachgym.training.rejection_sampling import RejectionSampling, RejectionSettings
from teachgym.training.teacher_models import ModelTeacher
from teachgym.types import Cost, Data, Example, Prompt
from tests.students.models import untrained_tiny

AB = Example("copy: ab", "ab", "copy")
BA = Example("reverse: ab", "ba", "reverse", spans=(("ba", 2.0),))


class Scripted(TableStudent):
    """Answers as told, whatever is sampled."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        super().__init__()
        self.answers = answers

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        return [self.answers[p.text][:k] for p in prompts]


class Loose(ToyTask):
    """Spaces around an answer do not count."""

    def grade(self, example: Example, response: str) -> Any:
        return super().grade(example, response.strip())


def recording(student: Student) -> RecordingTrainer:
    """The trainer of a student of one's own."""
    return RecordingTrainer()


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def scripted(**settings: Any) -> tuple[RejectionSampling, Scripted]:
    student = Scripted(
        {"copy: ab": ["ab", "a", " ab", " ab", "ab "], "reverse: ab": ["ab", "ab", "ab", "ab", "b"]}
    )
    return RejectionSampling(
        RecordingTrainer(), 1, TaskJudge(Grader(Loose())), RejectionSettings(**settings)
    ), student


@pytest.mark.parametrize(
    ("settings", "copies"),
    [
        ({"k": 5}, ["ab", " ab", "ab "]),
        ({"k": 5, "keep": 1}, ["ab", " ab"]),
        ({"k": 4, "targets": False}, ["ab", " ab"]),
        ({"k": 1, "targets": False}, ["ab"]),
    ],
)
def test_distinct_right_answers_are_trained_on(settings: dict[str, Any], copies: list[str]) -> None:
    """Nothing the student says of the second example is right; its own target has its spans."""
    trainer, student = scripted(**settings)
    trainer.train(student, (AB, BA), rng())
    (data,) = trainer.trainer.calls  # type: ignore[attr-defined]
    assert [e.target for e in data if e.prompt == AB.prompt] == copies
    assert [e for e in data if e.prompt == BA.prompt] == ([BA] if trainer.settings.targets else [])


def test_every_sampled_token_is_charged_right_or_not() -> None:
    """Characters: 2 + 1 + 3 + 3 + 3 and 4 * 2 + 1 = 21; at most 5 answers of 8 to each example."""
    trainer, student = scripted(k=5)
    result = trainer.train(student, (AB, BA), rng())
    assert result.cost.generated_tokens == 21
    announced = trainer.cost(student, (AB, BA))
    assert announced.generated_tokens == 2 * 5 * 8
    assert result.cost.train_tokens <= announced.train_tokens


def test_an_answer_has_nothing_of_what_was_said_of_the_target() -> None:
    e = replace(BA, rejected="z", soft_labels=(("ba", 0.5), ("y", 0.5)), difficulty=0.5)
    assert e.with_target("x") == replace(BA, target="x", spans=(), difficulty=0.5)


def test_nothing_right_trains_nothing_and_is_charged() -> None:
    trainer, student = scripted(k=4, targets=False)
    before = student.save()
    result = trainer.train(student, (BA,), rng())
    assert student.save() == before
    assert replace(result.cost, seconds=0.0) == Cost(generated_tokens=8)


def test_what_a_teacher_model_reads_of_answers_is_bounded() -> None:
    """Once: the target's 8 + 2 + 1 characters, and twice 8 + 1 with an answer of full length."""
    student = untrained_tiny(1)
    made: Any = make_trainer(
        student,
        "rejection-sampling",
        task=ToyTask(),
        teacher_model=ModelTeacher(untrained_tiny(2)),
        loss="distillation",
        right=False,
        k=2,
        epochs=3,
    )
    data = (Example("copy ab=", "ab", "copy"),)
    bound, cost = made.cost(student, data), made.train(student, data, rng()).cost
    assert bound.teacher_tokens_in == 11 + 2 * (8 + 1 + student.max_new_tokens)
    assert bound.train_tokens == 3 * bound.teacher_tokens_in
    assert 11 < cost.teacher_tokens_in <= bound.teacher_tokens_in


def test_held_out_items_are_not_graded() -> None:
    task = ToyTask()
    item = task.examples("val")[0]
    assert item.id
    with pytest.raises(ConfigError, match="is held out; only training examples are graded"):
        Grader(task).grade([item], [item.target])


def test_a_task_that_answers_back_is_refused() -> None:
    class Talking(ToyTask):
        max_turns = 2

    with pytest.raises(ConfigError, match="answers back, and single answers are graded here"):
        Grader(Talking())


# -- language models -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def taught() -> tuple[Any, Any, Data]:
    """The ``tiny`` student, its task, and problems of which it can do some."""
    task = make_task("arithmetic-and-strings")
    data = tuple(e for e in task.examples("train") if e.skill in ("rev", "copy"))[:12]
    return make_student("tiny", task), task, data


@pytest.mark.sweep(1)
@pytest.mark.parametrize("targets", [True, False])
def test_it_keeps_the_contract_of_trainers(taught: Any, targets: bool) -> None:
    student, task, data = taught
    trainer = make_trainer(
        student, "rejection-sampling", task=task, k=4, targets=targets, epochs=2, batch_size=4
    )
    check_trainer(trainer, student, data)


def test_who_reads_nothing_and_who_has_no_grader_are_refused(taught: Any) -> None:
    student = taught[0]
    with pytest.raises(ConfigError, match="rejection-sampling can teach it nothing; set student="):
        teacher_env(student="simulated", trainer="rejection-sampling")
    own = Scripted({})
    own.trainer = f"{__name__}:recording"
    with pytest.raises(ConfigError, match="of a Scripted is a RecordingTrainer; set student="):
        make_trainer(own, "rejection-sampling", task=ToyTask())
    with pytest.raises(ConfigError, match="grades what the student writes; give the task"):
        make_trainer(student, "rejection-sampling")
    for wrong in ({"k": 0}, {"temperature": 0.0}, {"learning_rate": -1.0}, {"kep": 1}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            teacher_env(trainer="rejection-sampling", trainer_settings=wrong)


SMALL: dict[str, Any] = {
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "trainer": "rejection-sampling",
    "trainer_settings": {"k": 4, "keep": 2},
    "examples_per_step": 8,
}


def test_a_limit_of_generated_tokens_is_held_before_anything_is_sampled() -> None:
    """Each example may take 4 answers of the longest; what is left pays for three of them."""
    env = teacher_env(**SMALL, budget={"steps": 2, "generated_tokens": 10**6})
    env.reset(seed=0)
    price = env.trainer.cost(env.student, (Example("copy ab=", "ab", "copy"),)).generated_tokens
    assert price == 4 * env.student.max_new_tokens
    limit = 3 * price + env.next_evaluation.generated_tokens
    env = teacher_env(**SMALL, budget={"steps": 2, "generated_tokens": limit})
    env.reset(seed=0)
    words = ("cdxy", "fghm", "hkzq", "mpwv", "qrst")
    *_, info = env.step(tuple(Example(f"copy {w}=", w, "copy") for w in words))
    assert [v.reason for v in info["rejected"]] == ["budget", "budget"]
    assert 0 < info["cost"].generated_tokens <= limit
    assert env.spent.generated_tokens <= limit


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    config = RunConfig(teacher="uniform", env_settings={**SMALL, "budget": {"steps": 2}}, seed=1)

    def die(step: int, transition: Any) -> None:
        raise KeyboardInterrupt

    whole = run(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "run", observers=(die,))
    resumed = resume(tmp_path / "run")
    assert resumed.return_ == whole.return_
    assert replace(resumed.spent, seconds=0.0) == replace(whole.spent, seconds=0.0)
    assert resumed.curve == whole.curve
