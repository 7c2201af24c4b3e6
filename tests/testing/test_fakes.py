"""The fakes do what a test can count on, and refuse what they should not be given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.errors import ConformanceError
from teachgym.testing import (
    ForbiddenStudent,
    ListTracker,
    RecordingTrainer,
    ScriptedChatModel,
    TableStudent,
    ToyTask,
)
from teachgym.types import Checkpoint, Cost, Example


def test_the_table_student_knows_half_a_skill_after_half_examples() -> None:
    """The share is n / (n + half): with n = half = 20 is 1/2; with n = 60 it is 3/4."""
    student = TableStudent(half=20)
    lesson = Example("reverse: abc", "cba", "reverse")
    for _ in range(20):
        student.learn(lesson)
    assert student.share("reverse") == 0.5
    for _ in range(40):
        student.learn(lesson)
    assert student.share("reverse") == 0.75
    assert student.share("copy") == 0.0


def test_the_table_student_answers_its_share_right_and_learns_nothing_from_wrong_targets() -> None:
    """Of 1000 prompts at share 1/2 the number right is within 4 standard deviations, 500 ± 64."""
    student, task = TableStudent(half=1), ToyTask()
    student.learn(Example("copy: abc", "wrong", "copy"))
    assert student.share("copy") == 0.0
    student.learn(Example("copy: abc", "abc", "copy"))
    rng = np.random.default_rng(0)
    asked = [task.make("copy", 1.0, rng) for _ in range(1000)]
    answers = student.generate([e.question for e in asked])
    assert 436 < sum(task.grade(e, a) for e, a in zip(asked, answers, strict=True)) < 564


def test_the_recording_trainer_keeps_its_data_and_charges_characters() -> None:
    """Prompt and target have 8 + 2 characters; an untaught student knows nothing, loss 1."""
    trainer, data = RecordingTrainer(), (Example("next: 12", "13", "next"),)
    result = trainer.train(TableStudent(), data, np.random.default_rng(0))
    assert trainer.calls == [data]
    assert (result.loss, result.steps, result.cost) == (1.0, 1, Cost(train_tokens=10))


def test_the_scripted_model_gives_its_answers_in_turn_and_then_refuses() -> None:
    model = ScriptedChatModel(["one", "three"])
    hello = [{"role": "user", "content": "hello"}]
    assert [model.complete(hello).text for _ in range(2)] == ["one", "three"]
    assert len(model.requests) == 2
    with pytest.raises(ConformanceError, match="all 2 scripted answers are used up"):
        model.complete(hello)


def test_the_scripted_model_charges_characters_and_refuses_messages_without_a_role() -> None:
    model = ScriptedChatModel(["four"])
    with pytest.raises(ConformanceError, match="needs role and content"):
        model.complete([{"content": "hello"}])
    cost = model.complete([{"role": "user", "content": "hello"}]).cost
    assert cost == Cost(teacher_calls=1, teacher_tokens_in=5, teacher_tokens_out=4)


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.generate([]),
        lambda s: s.count_tokens([]),
        lambda s: s.save(),
        lambda s: s.restore(Checkpoint({})),
        lambda s: s.export(Path()),
        lambda s: s.max_new_tokens,
    ],
)
def test_the_forbidden_student_refuses_everything(use: Callable[[ForbiddenStudent], Any]) -> None:
    with pytest.raises(ConformanceError, match="must not be used"):
        use(ForbiddenStudent())


def test_the_list_tracker_keeps_metrics_until_it_is_closed() -> None:
    tracker = ListTracker()
    tracker.log({"accuracy": 0.5}, step=1)
    tracker.record(Path("run"))
    tracker.close()
    assert tracker.logged == [(1, {"accuracy": 0.5})]
    assert tracker.recorded == [Path("run")]
    with pytest.raises(ConformanceError, match="closed tracker"):
        tracker.log({}, step=2)
    with pytest.raises(ConformanceError, match="closed tracker"):
        tracker.record(Path("run"))
