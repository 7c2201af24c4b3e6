"""Training on preferences: its price, what it teaches, both backends, and bad input."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from teachgym.envs import teacher_env
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.students import make_student
from teachgym.students.local.student import LanguageModelStudent
from teachgym.tasks import make_task
from teachgym.testing import check_trainer
from teachgym.training import make_trainer
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example
from tests.students.models import untrained_tiny

PAIRS: Data = (
    Example("copy ab=", "ab", "copy", rejected="ba"),
    Example("rev abc=", "cba", "rev", rejected="abcc"),
    Example("last xyz=", "z", "last", rejected="x"),
)
UNPAIRED: Data = (Example("first ab=", "a", "first"), Example("tail abc=", "bc", "tail"))
DPO = FineTuningSettings(loss="dpo", batch_size=2, epochs=3, learning_rate=1e-3, optimizer="adamw")


@pytest.fixture
def student() -> LanguageModelStudent:
    """The architecture of ``tiny`` with random weights."""
    untrained: LanguageModelStudent = untrained_tiny(1)
    return untrained


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- the price -------------------------------------------------------------------------------


def test_a_pair_costs_both_texts_once_per_epoch_and_once_for_the_reference(
    student: LanguageModelStudent,
) -> None:
    """Characters and ends: 8 + 3 and 8 + 3 = 22; 8 + 4 and 8 + 5 = 25; 9 + 2 and 9 + 2 = 22.

    69 tokens, read in 3 epochs and once before: 276. The examples without a partner have 9 + 2
    and 9 + 3 = 23 tokens, read in 3 epochs only: 69; without ``sft_weight`` nobody reads them.
    """
    for weight, expected in ((0.0, 276), (0.5, 276 + 69)):
        trainer = FineTuner(replace(DPO, loss_settings={"sft_weight": weight}))
        assert trainer.cost(student, PAIRS + UNPAIRED).train_tokens == expected
        result = trainer.train(student, PAIRS + UNPAIRED, rng())
        assert result.cost.train_tokens == expected
        assert result.steps == 3 * math.ceil((3 if weight == 0 else 5) / 2)


def test_every_token_that_is_charged_is_read(
    student: LanguageModelStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last token of a text is charged, but has nothing to predict: 6 texts, 4 times."""
    read: list[int] = []
    forward = student.pool.network.hidden

    def counted(ids: Any, positions: Any, plan: Any) -> Any:
        read.extend(plan.lengths)
        return forward(ids, positions, plan)

    monkeypatch.setattr(student.pool.network, "hidden", counted)
    result = FineTuner(DPO).train(student, PAIRS, rng())
    assert len(read) == 6 * 4
    assert sum(read) + len(read) == result.cost.train_tokens


def test_a_budget_of_training_tokens_is_never_passed() -> None:
    """Texts of 10 + 4 + 1 tokens, two in a pair, read in one epoch and once before: 60 a pair.

    150 tokens pay for two of four pairs.
    """
    env = teacher_env(
        task_settings={"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        budget={"steps": 2, "train_tokens": 150},
        trainer_settings={"loss": "dpo"},
    )
    env.reset(seed=0)
    words = ("cdxy", "fghm", "hkzq", "mpwv")
    *_, info = env.step(tuple(Example(f"copy {w}=", w, "copy", rejected=w[::-1]) for w in words))
    assert [v.reason for v in info["rejected"]] == ["budget", "budget"]
    assert env.spent.train_tokens == 120


# -- the contract ----------------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_training_on_pairs_keeps_the_contract_of_trainers(
    student: LanguageModelStudent, optimizer: Any
) -> None:
    settings = replace(DPO, optimizer=optimizer, loss_settings={"sft_weight": 0.1})
    check_trainer(FineTuner(settings), student, PAIRS + UNPAIRED)


def test_rejected_responses_mean_nothing_to_supervised_fine_tuning(
    student: LanguageModelStudent,
) -> None:
    start, saved = student.save(), []
    for data in (PAIRS, tuple(replace(e, rejected=None) for e in PAIRS)):
        student.restore(start)
        result = FineTuner(FineTuningSettings(batch_size=2)).train(student, data, rng())
        saved.append((student.save(), result.loss, result.cost.train_tokens))
    assert saved[0] == saved[1]


def test_examples_without_a_partner_are_counted_and_change_nothing(
    student: LanguageModelStudent, caplog: pytest.LogCaptureFixture
) -> None:
    before = student.save()
    with caplog.at_level(logging.WARNING):
        result = FineTuner(DPO).train(student, UNPAIRED, rng())
    assert student.save() == before
    assert (result.steps, result.cost.train_tokens) == (0, 0)
    assert math.isnan(result.loss)
    assert "2 of 2 examples are not trained on" in caplog.text
    assert "set sft_weight above 0" in caplog.text


def test_without_pairs_the_cross_entropy_is_all_there_is(student: LanguageModelStudent) -> None:
    """The mean over examples of the mean over tokens, times ``sft_weight``."""
    scores = student.logprobs([e.question for e in UNPAIRED], [e.target for e in UNPAIRED])
    expected = 0.5 * float(np.mean([-s.mean() for s in scores]))
    still = replace(DPO, learning_rate=1e-30, loss_settings={"sft_weight": 0.5})
    assert FineTuner(still).train(student, UNPAIRED, rng()).loss == pytest.approx(expected)


def test_masked_tokens_count_in_neither_term(student: LanguageModelStudent) -> None:
    """Chosen "cba" with "cb" masked: what counts of it is "a" and the end."""
    masked = replace(PAIRS[1], spans=(("cb", 0.0), ("a", 1.0)))
    (scores,) = student.logprobs([masked.question], [masked.target])
    still = replace(DPO, learning_rate=1e-30, loss_settings={"sft_weight": 1.0})
    loss = FineTuner(still).train(student, (masked,), rng()).loss
    assert loss == pytest.approx(math.log(2) - float(scores[2:].mean()))


# -- learning --------------------------------------------------------------------------------


def margins(student: Any, data: Data) -> np.ndarray:
    """Log-probability of the chosen response minus that of the rejected one, of each pair."""
    prompts = [e.question for e in data]
    chosen = student.logprobs(prompts, [e.target for e in data])
    rejected = student.logprobs(prompts, [str(e.rejected) for e in data])
    return np.array([w.sum() - r.sum() for w, r in zip(chosen, rejected, strict=True)])


def mistakes(student: Any, task: Any, count: int) -> Data:
    """Problems of ``revnext`` with a wrong answer of the student's own to each."""
    problems = [e for e in task.examples("train") if e.skill == "revnext"][:count]
    samples = student.sample([e.question for e in problems], k=8, seed=0)
    wrong = [
        [s for s in own if s and task.grade(e, s) < 1]
        for e, own in zip(problems, samples, strict=True)
    ]
    return tuple(replace(e, rejected=w[0]) for e, w in zip(problems, wrong, strict=True) if w)


@pytest.mark.slow
def test_preferences_alone_teach_and_reversed_they_teach_the_opposite() -> None:
    """Base 1 of ``tiny`` is right about half of the time; its own mistakes are what is rejected.

    Preferences raise most margins and the accuracy on other problems, of 105: from 0.51 to 0.70.
    With the responses of each pair exchanged both fall, to 0.30.
    """
    task: Any = make_task("arithmetic-and-strings")
    student: Any = make_student("tiny", task, base=1)
    splits = ("val", "test")
    held_out = [e for split in splits for e in task.examples(split) if e.skill == "revnext"]
    data, start = mistakes(student, task, 96), student.save()
    exchanged = tuple(replace(e, target=str(e.rejected), rejected=e.target) for e in data)
    before, found = margins(student, data), {}

    def accuracy() -> float:
        answers = student.generate([e.question for e in held_out])
        return float(np.mean([task.grade(e, a) for e, a in zip(held_out, answers, strict=True)]))

    at_first = accuracy()
    for name, taught in (("right", data), ("reversed", exchanged)):
        student.restore(start)
        make_trainer(student, loss="dpo", epochs=2).train(student, taught, rng())
        found[name] = margins(student, data) - before, accuracy()
    gains, after = found["right"]
    assert (gains > 0).mean() > 0.8
    assert gains.mean() > 1
    assert after > at_first + 0.05
    losses, after = found["reversed"]
    assert (losses < 0).mean() > 0.8
    assert after < at_first - 0.05


# -- the reference trainer -------------------------------------------------------------------


def test_the_reference_trainer_keeps_its_contract_on_pairs() -> None:
    task: Any = make_task("arithmetic-and-strings")
    student = make_student("tiny", task, backend="hf")
    check_trainer(make_trainer(student, loss="dpo", batch_size=2), student, PAIRS)


# -- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"), [("beta", 0.0), ("beta", -1.0), ("sft_weight", -0.1), ("beta", math.nan)]
)
def test_settings_of_preferences_out_of_range_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{setting} is {value}; it must be"):
        FineTuningSettings(loss="dpo", loss_settings={setting: value})


def test_an_unknown_loss_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown loss 'dppo'.*Did you mean 'dpo'"):
        FineTuningSettings(loss="dppo")
