"""Teacher models from settings: how they are made, who may ask them, and what that costs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.cache import VARIABLE
from teachgym.envs.assembly import teacher_env
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.students.local.student import LanguageModelStudent
from teachgym.tasks import make_task
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask, check_trainer
from teachgym.training import make_trainer
from teachgym.training.authors import ModelAuthor
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.grader import Grader
from teachgym.training.judges import TaskJudge
from teachgym.training.rejection_sampling import RejectionSampling, RejectionSettings
from teachgym.training.teacher_models import ModelTeacher, TeacherModel
from teachgym.training.teacher_registry import make_teacher_model
from teachgym.types import Cost, Example, Prompt
from tests.students.models import untrained_tiny

TASK = make_task("arithmetic-and-strings", val_per_cell=1, test_per_cell=1, train_per_cell=1)
LONGER: dict[str, Any] = {"examples": 32, "trainer_settings": {"batch_size": 16}}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for what is kept."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path / "taught-models"


def student_of(model: TeacherModel) -> LanguageModelStudent:
    assert isinstance(model, ModelTeacher)
    return model.student


# -- making them -----------------------------------------------------------------------------


def test_a_model_is_taken_as_it_is_or_trained_on_the_task_first(cache: Path) -> None:
    plain = student_of(make_teacher_model("tiny", TASK, {}))
    longer = student_of(make_teacher_model("tiny", TASK, LONGER))
    other = student_of(make_teacher_model("tiny", TASK, {**LONGER, "seed": 1}))
    prints = [s.fingerprint() for s in (plain, longer, other)]
    assert len(set(prints)) == 3
    assert len(list(cache.iterdir())) == 2


def test_a_training_that_was_made_before_is_not_made_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Bit for bit; a damaged file is named and replaced."""
    first = student_of(make_teacher_model("tiny", TASK, LONGER)).save()
    with monkeypatch.context() as patch:
        patch.setattr(FineTuner, "train", None)
        assert student_of(make_teacher_model("tiny", TASK, LONGER)).save() == first
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert student_of(make_teacher_model("tiny", TASK, LONGER)).save() == first
    assert "is trained anew" in caplog.text


def test_another_way_of_training_is_another_training(cache: Path) -> None:
    """What two models start from may be equal, and how they learn not."""
    for dropout in (0.0, 0.5):
        own = {"adaptation": "lora", "rank": 2, "dropout": dropout}
        make_teacher_model("tiny", TASK, {**LONGER, "student_settings": own})
    assert len(list(cache.iterdir())) == 2


class Quiet(TeacherModel):
    """Tells nothing and answers nothing."""

    identity = "quiet"

    def read(self, texts: Any, data: Any, needs: Any) -> Any:
        return list(data)

    def score(self, texts: Any, data: Any, temperature: float) -> Any:
        return list(data)


def test_names_and_settings_are_checked_before_anything_is_loaded() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        teacher_env(teacher_model="tinny")
    with pytest.raises(ConfigError, match="teacher_model_settings: examples is -1"):
        teacher_env(teacher_model="tiny", teacher_model_settings={"examples": -1})
    with pytest.raises(ConfigError, match="and no teacher_model"):
        teacher_env(teacher_model_settings={"examples": 1})
    wrong = {"trainer_settings": {"learning_rate": -1.0}}
    with pytest.raises(ConfigError, match="learning_rate"):
        teacher_env(teacher_model="tiny", teacher_model_settings=wrong)
    with pytest.raises(ConfigError, match="needs a teacher model; set teacher_model"):
        teacher_env(trainer="rejection-sampling", trainer_settings={"author": "teacher"})
    with pytest.raises(ConfigError, match="Quiet answers nothing"):
        make_trainer(
            untrained_tiny(1),
            "rejection-sampling",
            task=TASK,
            teacher_model=Quiet(),
            author="teacher",
        )


# -- answers ---------------------------------------------------------------------------------


class Author(TableStudent):
    """Answers as told."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        return [["ab", "abc"][:k] for _ in prompts]


@pytest.mark.parametrize(("right", "trained"), [(True, ["ab"]), (False, ["ab", "abc"])])
def test_answers_of_a_teacher_model_are_its_own_tokens(right: bool, trained: list[str]) -> None:
    """Characters: the prompt has 8, the answers 2 and 3; the table student says nothing itself."""
    example, student = Example("copy: ab", "xx", "copy"), TableStudent()
    example = replace(example, target="ab")
    trainer = RejectionSampling(
        RecordingTrainer(),
        1,
        TaskJudge(Grader(ToyTask())),
        RejectionSettings(k=2, targets=False, right=right),
        ModelAuthor(Author()),
    )
    result = trainer.train(student, (example,), np.random.default_rng(0))
    (data,) = trainer.trainer.calls  # type: ignore[attr-defined]
    assert [e.target for e in data] == trained
    spent = replace(result.cost, seconds=0.0, train_tokens=0)
    assert spent == Cost(teacher_calls=2, teacher_tokens_in=8, teacher_tokens_out=5)
    bound = trainer.cost(student, (example,))
    assert (bound.teacher_tokens_out, bound.generated_tokens) == (2 * 8, 0)


def test_a_trainer_by_a_teacher_model_keeps_the_contract() -> None:
    data = tuple(e for e in TASK.examples("train") if e.skill in ("rev", "copy"))[:6]
    teacher = make_teacher_model("tiny", TASK, {})
    student: Any = untrained_tiny(1)
    settings: dict[str, Any] = {"author": "teacher", "right": False, "targets": False, "k": 2}
    trainer = make_trainer(
        student, "rejection-sampling", task=TASK, teacher_model=teacher, batch_size=4, **settings
    )
    check_trainer(trainer, student, data)


# -- environments ----------------------------------------------------------------------------

SMALL: dict[str, Any] = {
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "teacher_model": "tiny",
    "teacher_model_settings": {"student_settings": {"base": 1}},
    "trainer": "on-policy",
    "examples_per_step": 8,
}


def words(count: int) -> tuple[Example, ...]:
    letters = "cdxyhkzqmpwvqrst"
    return tuple(
        Example(f"copy {letters[i : i + 4]}=", letters[i : i + 4], "copy") for i in range(count)
    )


def test_a_step_charges_what_the_teacher_model_reads() -> None:
    """On-policy: each of the 4 answers to 3 questions, with its prompt."""
    settings = {"loss": "reverse-kl", "k": 4, "batch_size": 4}
    env = teacher_env(**SMALL, trainer_settings=settings, budget={"steps": 2})
    env.reset(seed=0)
    *_, info = env.step(words(3))
    cost = info["cost"]
    assert cost.teacher_tokens_in == cost.train_tokens > 0


def test_a_limit_of_the_teacher_s_tokens_is_held_before_it_is_asked() -> None:
    """What is left pays for three examples at their highest price."""
    settings = {"loss": "reverse-kl", "k": 4, "batch_size": 4}
    env = teacher_env(**SMALL, trainer_settings=settings, budget={"steps": 1})
    env.reset(seed=0)
    price = env.trainer.cost(env.student, words(1)).teacher_tokens_in
    limit = {"steps": 1, "teacher_tokens_in": 3 * price + 1}
    env = teacher_env(**SMALL, trainer_settings=settings, budget=limit)
    env.reset(seed=0)
    *_, info = env.step(words(5))
    assert [v.reason for v in info["rejected"]] == ["budget", "budget"]
    assert 0 < env.spent.teacher_tokens_in <= 3 * price
