"""Judgements in place of grades: scores and prices by hand, who is refused, whole trainings."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from teachgym.envs.assembly import teacher_env
from teachgym.errors import ChatError, ConfigError
from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask, check_trainer
from teachgym.training import make_trainer
from teachgym.training.authors import Draw, ModelAuthor
from teachgym.training.grader import Grader
from teachgym.training.judges import LikelihoodJudge, TaskJudge
from teachgym.training.rejection_sampling import RejectionSampling, RejectionSettings
from teachgym.training.teacher_registry import make_teacher_model, require_teacher_model
from teachgym.types import Cost, Data, Example
from tests.training.test_teacher_settings import Author, Quiet

TASK = make_task("arithmetic-and-strings", val_per_cell=1, test_per_cell=1, train_per_cell=1)
AB = Example("copy: ab", "ab", "copy")
RIGHT = TaskJudge(Grader(ToyTask()))
FREE: dict[str, Any] = {"provider": "python", "cache": "off", "workers": 1}


class Opinion(TableStudent):
    """Gives every token of an answer, and its end, one probability: 1 / length of the answer."""

    def logprobs(self, prompts: Any, targets: Any) -> list[np.ndarray]:
        return [np.full(len(t) + 1, -math.log(len(t))) for t in targets]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# -- scores and prices -----------------------------------------------------------------------


def test_a_model_finds_an_answer_as_good_as_its_tokens_are_likely() -> None:
    """Geometric means 1/2 and 1/4; 8 characters of the prompt twice, and 2 + 4 of answers."""
    judge = LikelihoodJudge(Opinion())
    scores, cost = judge.judge((AB, AB), ["ab", "abcd"])
    assert scores == pytest.approx([0.5, 0.25])
    assert cost == Cost(teacher_tokens_in=2 * 8 + 6)
    assert judge.bound((AB,), 2, 4) == Cost(teacher_tokens_in=2 * (8 + 4))


def test_an_oracle_errs_at_its_rate_and_always_in_the_same_places() -> None:
    """Of 2,000 judgements 20 % are turned round, with a deviation of 0.9 %."""
    examples = tuple(Example(f"copy: {i}", f"{i}", "copy") for i in range(2000))
    answers = [e.target if i % 2 else "x" for i, e in enumerate(examples)]
    right = [float(i % 2) for i in range(2000)]
    judge = make_teacher_model("oracle", ToyTask(), {"noise": 0.2}).judge
    assert judge is not None
    scores, cost = judge.judge(examples, answers)
    wrong = sum(a != b for a, b in zip(scores, right, strict=True)) / 2000
    assert wrong == pytest.approx(0.2, abs=0.036)
    assert judge.judge(examples, answers)[0] == scores
    assert cost == Cost(teacher_calls=2000) == judge.bound(examples, 1, 99)
    other = make_teacher_model("oracle", ToyTask(), {"noise": 0.2, "seed": 1}).judge
    assert other is not None
    assert other.judge(examples, answers)[0] != scores


@pytest.mark.parametrize(("noise", "score"), [(0.0, 1.0), (1.0, 0.0)])
def test_an_oracle_without_noise_is_the_task_and_with_nothing_else_its_opposite(
    noise: float, score: float
) -> None:
    judge = make_teacher_model("oracle", ToyTask(), {"noise": noise}).judge
    assert judge is not None
    assert judge.judge((AB,), ["ab"])[0] == [score]


# -- rejection sampling ----------------------------------------------------------------------


def test_the_judge_decides_what_is_trained_on() -> None:
    """The task finds ``ab`` right; a judge by length gives it 1/2 and ``abc`` 1/3."""
    trained = []
    for least in (0.6, 0.4, 0.3):
        inner = RecordingTrainer()
        trainer = RejectionSampling(
            inner,
            1,
            LikelihoodJudge(Opinion()),
            RejectionSettings(k=2, least=least, targets=False),
            ModelAuthor(Author()),
        )
        result = trainer.train(TableStudent(), (replace(AB, target="ab"),), rng())
        trained.append([e.target for e in inner.calls[0]])
        # Written: 8 read, 5 written. Judged: the prompt twice, and both answers.
        assert result.cost.teacher_tokens_in == 8 + (2 * 8 + 5)
        assert result.cost.teacher_tokens_out == 5
        bound = trainer.cost(TableStudent(), (AB,))
        assert bound.teacher_tokens_in == 8 + 2 * (8 + 8)
    assert trained == [[], ["ab"], ["ab", "abc"]]


@pytest.mark.parametrize(
    ("answers", "pairs"),
    [
        (["ba", "ab", "x", "ab"], [("ab", "ba")]),
        (["ba", "x"], []),
        (["ab", "ab"], []),
        ([], []),
    ],
)
def test_a_loss_over_pairs_prefers_the_best_answer_to_the_worst(
    answers: list[str], pairs: list[tuple[str, str]]
) -> None:
    """The first of those equal; nothing where none is right, and nothing where all are."""

    class Told(TableStudent):
        def sample(self, prompts: Any, **_: Any) -> list[list[str]]:
            return [answers for _ in prompts]

    inner = RecordingTrainer()
    trainer = RejectionSampling(inner, 1, RIGHT, RejectionSettings(k=4, targets=False), pairs=True)
    trainer.train(Told(), (AB,), rng())
    assert [(e.target, e.rejected) for e in inner.calls[0]] == pairs


@pytest.fixture(scope="module")
def taught() -> tuple[Any, Data]:
    """The ``tiny`` student, and problems of which it can do some."""
    data = tuple(e for e in TASK.examples("train") if e.skill in ("up", "less", "mod", "min"))[:8]
    return make_student("tiny", TASK), data


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "dpo", "targets": False, "k": 6, "temperature": 1.5},
        {"loss": "simpo", "targets": False, "k": 6, "temperature": 1.5, "judge": "teacher"},
        {"judge": "teacher", "k": 4},
    ],
)
def test_trainers_by_judgements_keep_the_contract(taught: Any, settings: dict[str, Any]) -> None:
    student, data = taught
    teacher = make_teacher_model("tiny", TASK, {"student_settings": {"base": 1}})
    trainer = make_trainer(
        student, "rejection-sampling", task=TASK, teacher_model=teacher, batch_size=4, **settings
    )
    check_trainer(trainer, student, data)


# -- on-policy -------------------------------------------------------------------------------


def test_rewards_may_be_judgements_and_are_charged(taught: Any) -> None:
    """An oracle without noise trains as the task does; a call for each of 4 responses."""
    student, data = taught
    start, ends, costs = student.save(), [], []
    for settings in ({}, {"judge": "teacher"}):
        student.restore(start)
        trainer = make_trainer(
            student,
            "on-policy",
            task=TASK,
            teacher_model=make_teacher_model("oracle", TASK, {}),
            k=4,
            batch_size=4,
            loss_settings={"beta": 0.0},
            **settings,
        )
        costs.append(trainer.train(student, data, rng()).cost)
        ends.append(student.save())
        assert trainer.cost(student, data).teacher_calls == costs[-1].teacher_calls
    student.restore(start)
    assert ends[0] == ends[1] != start
    assert [c.teacher_calls for c in costs] == [0, 4 * len(data)]


# -- chat models -----------------------------------------------------------------------------


def replies(messages: Any, schema: Any, draw: int) -> str:
    """Judges ``ab`` to be worth 9 of 10 and ``no`` unreadably; answers ``ab`` to everything."""
    asked = messages[-1]["content"]
    if "How good is the answer?" not in asked:
        return json.dumps({"items": [{"answer": "ab"}]})
    if "\nno\n" in asked:
        return "I cannot say."
    return json.dumps({"items": [{"solution": "ab", "score": 9 if "\nab\n" in asked else 2}]})


CHAT = {**FREE, "model": f"{__name__}:replies"}


def test_a_chat_model_answers_and_judges_and_is_charged() -> None:
    """A call for each answer and for each judgement; what cannot be read is not known."""
    model = make_teacher_model("chat", ToyTask(), CHAT)
    assert model.judge is not None
    assert model.author is not None
    scores, cost = model.judge.judge((AB, AB, AB), ["ab", "x", "no"])
    assert scores[:2] == [0.9, 0.2]
    assert math.isnan(scores[2])
    assert cost.teacher_calls == 3
    bound = model.judge.bound((AB,), 3, 2)
    for name in ("teacher_calls", "teacher_tokens_in", "teacher_tokens_out"):
        assert 0 < getattr(cost, name) <= getattr(bound, name)
    answers, cost = model.author.write([AB.question], Draw(k=2, temperature=1.0, seed=0))
    assert answers == [["ab", "ab"]]
    assert cost.teacher_calls == 2 == model.author.bound([AB.question], 2).teacher_calls


def test_dollars_are_bounded_by_the_price() -> None:
    """Replies of 4,096 tokens at a dollar each million, and messages for nothing."""
    told = {**CHAT, "prices": {"in": 0.0, "out": 1.0}}
    judge = make_teacher_model("chat", ToyTask(), told).judge
    assert judge is not None
    assert judge.bound((AB,), 2, 8).dollars == pytest.approx(2 * 4096 / 1e6)


def test_a_student_learns_from_a_chat_model_by_answers_alone() -> None:
    inner, model = RecordingTrainer(), make_teacher_model("chat", ToyTask(), CHAT)
    assert model.judge is not None
    trainer = RejectionSampling(
        inner, 1, model.judge, RejectionSettings(k=2, least=0.8), model.author
    )
    trainer.train(TableStudent(), (replace(AB, target="a b"),), rng())
    assert [e.target for e in inner.calls[0]] == ["a b", "ab"]


@pytest.mark.parametrize(
    ("trainer", "settings"),
    [
        ("packed", {"loss": "distillation"}),
        ("on-policy", {"loss": "kdrl"}),
        ("on-policy", {"loss": "reverse-kl"}),
        ("on-policy", {"loss": "distillation"}),
    ],
)
def test_losses_that_follow_log_probabilities_refuse_who_tells_none(
    taught: Any, trainer: str, settings: dict[str, Any]
) -> None:
    for name, told in (("chat", CHAT), ("oracle", {})):
        model = make_teacher_model(name, TASK, told)
        with pytest.raises(ConfigError, match=r"follows log-probabilities, and a .* tells none"):
            make_trainer(taught[0], trainer, task=TASK, teacher_model=model, **settings)


def answer_or_fail(messages: Any, schema: Any, draw: int) -> str:
    """A judgement, except of the answer ``b``."""
    if "```\nb\n```" in messages[-1]["content"]:
        raise ChatError("\x1b[2Jgone")
    return json.dumps({"items": [{"score": 5}]})


def test_what_is_lost_of_a_chat_models_judgements_is_said_without_control_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    judge = make_teacher_model("chat", TASK, {**FREE, "model": f"{__name__}:answer_or_fail"}).judge
    assert judge is not None
    scores, _ = judge.judge((AB, AB), ["a", "b"])
    assert (scores[0], math.isnan(scores[1])) == (0.5, True)
    assert caplog.messages == ["lost: \\x1b[2Jgone"]


def test_who_judges_nothing_and_what_cannot_be_charged_is_refused(taught: Any) -> None:
    for trainer in ("rejection-sampling", "on-policy"):
        with pytest.raises(ConfigError, match=r"Quiet judges nothing; set trainer_settings.judge"):
            make_trainer(taught[0], trainer, task=TASK, teacher_model=Quiet(), judge="teacher")
        with pytest.raises(ConfigError, match="needs a teacher model; set teacher_model"):
            make_trainer(taught[0], trainer, task=TASK, judge="teacher")
    with pytest.raises(ConfigError, match="a budget of dollars cannot be enforced"):
        make_teacher_model("chat", TASK, {"model": "some-model"})
    for wrong in ({"noise": 2.0}, {"nois": 0.1}, {"seed": -1}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            require_teacher_model("oracle", wrong)
    with pytest.raises(ConfigError, match="temperature"):
        teacher_env(teacher_model="chat", teacher_model_settings={**CHAT, "temperature": 9.0})


def test_an_environment_trains_on_what_an_oracle_finds_right() -> None:
    env = teacher_env(
        task_settings={"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        trainer="rejection-sampling",
        trainer_settings={"judge": "teacher", "k": 2},
        teacher_model="oracle",
        teacher_model_settings={"noise": 0.1},
        budget={"steps": 1, "teacher_calls": 6},
        examples_per_step=4,
    )
    env.reset(seed=0)
    words = ("cdxy", "fghm", "hkzq", "mpwv")
    *_, info = env.step(tuple(Example(f"copy {w}=", w, "copy") for w in words))
    assert info["cost"].teacher_calls == 6
    assert [v.reason for v in info["rejected"]] == ["budget"]
