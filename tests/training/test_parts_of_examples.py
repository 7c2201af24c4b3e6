"""Soft labels, signed spans, examples that belong together: how they become weights."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from teachgym.errors import ConfigError
from teachgym.gate.gate import Gate
from teachgym.students.local.student import LanguageModelStudent
from teachgym.training import make_trainer
from teachgym.training.datum import Datum, batches, encode, train_tokens
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.losses import Joint, Needs
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example, Prompt
from tests.students.models import untrained_tiny

SOFT = Example("first ab=", "a", "first", soft_labels=(("a", 0.75), ("ab", 0.25)))
STILL = FineTuningSettings(learning_rate=1e-30, optimizer="adamw")


@pytest.fixture(scope="module")
def student() -> LanguageModelStudent:
    made: LanguageModelStudent = untrained_tiny(1)
    return made


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def entropies(student: Any, prompt: str, response: str) -> np.ndarray:
    (found,) = student.logprobs([Prompt(prompt)], [response])
    return -np.asarray(found, dtype=np.float64)


# -- soft labels -----------------------------------------------------------------------------


def test_each_response_counts_as_often_as_it_is_likely(student: LanguageModelStudent) -> None:
    """Two tokens at 0.75 and three at 0.25 are 2.25 tokens, of one example."""
    (datum,) = encode(student.texts, (SOFT,))
    assert [t.weights[-t.n_rows :] for t in datum.texts] == [(0.75,) * 2, (0.25,) * 3]
    assert datum.n_targets == 2.25
    assert datum.places == {0}
    likely, other = (entropies(student, SOFT.prompt, r).sum() for r in SOFT.alternatives)
    result = FineTuner(STILL).train(student, (SOFT,), rng())
    expected = (0.75 * likely + 0.25 * other) / 2.25
    assert result.loss == pytest.approx(expected, rel=1e-5)
    assert result.losses == pytest.approx((expected,), rel=1e-5)


def test_in_a_mean_over_examples_all_responses_count_as_one(student: LanguageModelStudent) -> None:
    (datum,) = encode(student.texts, (SOFT,), Needs(mean="examples"))
    assert datum.n_targets == pytest.approx(1)
    means = [entropies(student, SOFT.prompt, r).mean() for r in SOFT.alternatives]
    loss = FineTuner(replace(STILL, loss=Joint())).train(student, (SOFT,), rng()).loss
    assert loss == pytest.approx(0.75 * means[0] + 0.25 * means[1], rel=1e-5)


def test_a_sure_soft_label_is_a_target(student: LanguageModelStudent) -> None:
    for needs in (Needs(), Needs(mean="examples")):
        hard = Example("first ab=", "a", "first")
        sure = replace(hard, soft_labels=(("a", 1.0),))
        assert encode(student.texts, (sure,), needs) == encode(student.texts, (hard,), needs)


def test_losses_over_pairs_look_at_the_target_alone(student: LanguageModelStudent) -> None:
    pair = replace(SOFT, rejected="b")
    for loss in ("dpo", "simpo"):
        needs = FineTuningSettings(loss=loss).make_loss().needs
        hard = encode(student.texts, (replace(pair, soft_labels=()),), needs)
        assert encode(student.texts, (pair,), needs) == hard


def test_the_student_comes_to_answer_as_often_as_the_labels_say() -> None:
    """By 100 updates on one prompt; the two probabilities are 0.75 and 0.25 at the optimum."""
    student: Any = untrained_tiny(1)
    make_trainer(student, epochs=100, optimizer="adamw").train(student, (SOFT,), rng())
    found = [math.exp(-entropies(student, SOFT.prompt, r).sum()) for r in SOFT.alternatives]
    assert found == pytest.approx([0.75, 0.25], abs=0.02)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"soft_labels": (("a", 0.75),)}, "must sum to 1"),
        ({"soft_labels": (("a", -1.0), ("b", 2.0))}, "a finite number >= 0"),
        ({"spans": (("a", 1.0),)}, "leave one empty"),
    ],
)
def test_soft_labels_that_are_none_are_refused_by_trainers(
    student: LanguageModelStudent, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        FineTuner().cost(student, (replace(SOFT, **changes),))


# -- signed and masked spans -----------------------------------------------------------------


def test_tokens_below_zero_become_less_likely_and_those_at_zero_are_read_only() -> None:
    """The mean over "a" and "b" is over the amounts of their weights, 1.5."""
    student: Any = untrained_tiny(1)
    e = Example("copy abcd=", "abcd", "copy", spans=(("a", 1.0), ("b", -0.5), ("cd", 0.0)))
    before = entropies(student, e.prompt, e.target)
    trainer = FineTuner(replace(STILL, learning_rate=1e-3))
    loss = trainer.train(student, (e,), rng()).loss
    assert loss == pytest.approx((before[0] - 0.5 * before[1]) / 1.5, rel=1e-5)
    after = entropies(student, e.prompt, e.target)
    assert after[0] < before[0]
    assert after[1] > before[1]


# -- examples that belong together -----------------------------------------------------------


def parts(name: str, *letters: str) -> Data:
    return tuple(Example(f"copy {x}=", x, "copy", meta={"joint": name}) for x in letters)


def test_examples_that_belong_together_are_one_of_a_batch(
    student: LanguageModelStudent, caplog: pytest.LogCaptureFixture
) -> None:
    """Three, two and one of seven, the last for itself: four in batches of two."""
    alone = Example("copy z=", "z", "copy")
    data = (*parts("x", "a", "b"), alone, *parts("y", "c", "d"), *parts("x", "e"))
    encoded = encode(student.texts, (*data, parts("w", "f")[0]), Joint().needs)
    assert [d.places for d in encoded] == [{0, 1, 5}, {2}, {3, 4}, {6}]
    assert [d.n_targets for d in encoded] == pytest.approx([3, 1, 2, 1])
    made = batches(encoded, replace(STILL, batch_size=2), rng())
    assert sorted(map(len, made)) == [2, 2]
    with caplog.at_level(logging.WARNING):
        result = FineTuner(replace(STILL, loss=Joint())).train(student, data, rng())
    assert not caplog.records
    assert result.losses == pytest.approx(
        [entropies(student, e.prompt, e.target).mean() for e in data], rel=1e-5
    )
    plain = encode(student.texts, data)
    joined = encode(student.texts, data, Joint().needs)
    assert train_tokens(plain, 2, Needs()) == train_tokens(joined, 2, Joint().needs)


def test_other_losses_train_on_the_parts_one_by_one(student: LanguageModelStudent) -> None:
    encoded: list[Datum] = encode(student.texts, parts("x", "a", "b", "c"))
    assert [d.places for d in encoded] == [{0}, {1}, {2}]


# -- critiques -------------------------------------------------------------------------------


def test_a_critique_is_an_auxiliary_text_that_the_gate_lets_pass_and_training_learns() -> None:
    """CFT's p(critique | problem, candidate): no objective of its own."""
    from teachgym.tasks import make_task

    task: Any = make_task("arithmetic-and-strings")
    item = next(e for e in task.examples("train") if e.skill == "rev")
    critique = Example(
        f"{item.prompt}{item.prompt[-2]} ?", "no", "rev", kind="critique", source="teacher"
    )
    assert not Gate(task).inspect([critique]).rejected
    student: Any = untrained_tiny(1)
    before = entropies(student, critique.prompt, critique.target).mean()
    make_trainer(student, epochs=5).train(student, (critique,), rng())
    assert entropies(student, critique.prompt, critique.target).mean() < before
