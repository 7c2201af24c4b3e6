"""Losses of one's own: what they are told, by hand; and that both trainers tell them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from teachgym.errors import ConfigError, UnknownNameError
from teachgym.students import make_student as load_student
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.texts import Texts
from teachgym.tasks import make_task
from teachgym.training.datum import Datum, encode, train_tokens
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.forward import run_pass
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.losses import LOSSES, Loss, Needs, Sft, Targets, TopK, cross_entropy
from teachgym.training.on_policy import OnPolicySettings, OnPolicyTrainer
from teachgym.training.packing import passes
from teachgym.training.preferences import Dpo
from teachgym.training.settings import FineTuningSettings
from teachgym.training.targets import targets_of
from teachgym.training.teacher_models import TeacherModel
from teachgym.types import Data, Example, Prompt
from tests.students.models import untrained_tiny

PAIR = Example("copy ab=", "ab", "copy", rejected="b")
ALONE = Example("rev abc=", "cba", "rev")
STILL = FineTuningSettings(learning_rate=1e-30, batch_size=4, epochs=2, optimizer="adamw")


@dataclass(frozen=True)
class Unlikelihood(Loss):
    """Welleck et al. 2020 (arXiv 1908.04319), equation 4: -log(1 - p) of the unlikely."""

    alpha: float = 1.0

    @property
    def needs(self) -> Needs:
        return Needs(rejected=True)

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        entropy = cross_entropy(logits, targets)
        unlikely = -torch.log1p(-torch.exp(-entropy))
        weights = targets.weights
        return torch.where(weights > 0, entropy, self.alpha * unlikely) * weights.abs()


class Simpo(Loss):
    """Meng et al. 2024 (arXiv 2405.14734), equation 6, with beta 2 and gamma 0.5."""

    needs = Needs(rejected=True, unpaired=False, groups=True, mean="examples")

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        lengths = torch.unique_consecutive(targets.texts, return_counts=True)[1]
        means = -cross_entropy(logits, targets) / lengths.repeat_interleave(lengths)
        counts = targets.counts
        signed = targets.weights.sign() * means
        margins = torch.segment_reduce(signed, "sum", lengths=counts)
        losses = torch.nn.functional.softplus(0.5 - 2 * margins)
        return losses.repeat_interleave(counts) * targets.shares


class Ratio(Loss):
    """The ratio to the student before training: GRPO's (arXiv 2402.03300), without clipping."""

    needs = Needs(references=True)

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        logprobs = -cross_entropy(logits, targets)
        return -torch.exp(logprobs - targets.references) * targets.weights


class ForwardKl(Loss):
    """Hinton et al. 2015 (arXiv 1503.02531): KL(teacher || student) over the teacher's k."""

    needs = Needs(teacher=True)

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        assert targets.teacher is not None
        own = logits.float().log_softmax(-1).gather(-1, targets.teacher.ids)
        theirs = targets.teacher.logprobs
        return (theirs.exp() * (theirs - own)).sum(-1) * targets.weights


def untrained() -> LanguageModelStudent:
    made: LanguageModelStudent = untrained_tiny(1)
    return made


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def loss_of(student: LanguageModelStudent, data: Data, loss: Loss) -> float:
    (one,) = passes([encode(student.texts, data, loss.needs)], 10**6)
    return float(run_pass(student.pool, one, loss))


def logprobs(student: Any, prompt: str, response: str) -> np.ndarray:
    (found,) = student.logprobs([Prompt(prompt)], [response])
    return np.asarray(found, dtype=np.float64)


# -- what a loss is told ---------------------------------------------------------------------


def test_rows_know_their_sign_response_group_and_share() -> None:
    """Responses of 2, 1 and 3 characters and their ends: 3 + 2 + 4 rows, scaled by half.

    In a mean over examples the weights of each response are 1/3, -1/2 and 1/4, halved.
    """
    texts = untrained().texts
    for mean, weights in (
        ("tokens", [0.5] * 3 + [-0.5] * 2 + [0.5] * 4),
        ("examples", [1 / 6] * 3 + [-1 / 4] * 2 + [1 / 8] * 4),
    ):
        data = encode(texts, (PAIR, ALONE), Needs(rejected=True, mean=mean))  # type: ignore[arg-type]
        told = targets_of(data, [0.5, 0.5])
        assert told.weights.tolist() == pytest.approx(weights)
        assert told.texts.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
        assert told.groups.tolist() == [0] * 5 + [1] * 4
        assert told.shares.tolist() == [0.5] + [0.0] * 8
        assert told.counts.tolist() == [5, 4]
        assert told.references.tolist() == [0.0] * 9
        assert told.teacher is None


def test_what_a_loss_needs_decides_what_is_read_and_charged() -> None:
    """Characters and ends: 8 + 3, with the rejected response 8 + 2 more; alone 8 + 4.

    Twice each for two epochs, and once more for what the reference reads.
    """
    texts = untrained().texts
    for needs, tokens in (
        (Needs(), 2 * (11 + 12)),
        (Needs(references=True), 3 * (11 + 12)),
        (Needs(rejected=True), 2 * (21 + 12)),
        (Needs(rejected=True, references=True), 3 * 21 + 2 * 12),
        (Needs(rejected=True, unpaired=False), 2 * 21),
    ):
        assert train_tokens(encode(texts, (PAIR, ALONE), needs), 2, needs) == tokens


def test_signed_weights_push_away_by_hand() -> None:
    """Unlikelihood with alpha 0.5 over three target tokens; the rejected ones are no targets."""
    student = untrained()
    chosen, rejected = (logprobs(student, PAIR.prompt, r) for r in (PAIR.target, "b"))
    expected = (-chosen.sum() - 0.5 * np.log1p(-np.exp(rejected)).sum()) / 3
    assert loss_of(student, (PAIR,), Unlikelihood(0.5)) == pytest.approx(expected, rel=1e-5)


def test_responses_of_a_group_are_compared_by_hand() -> None:
    """SimPO: the means over each response's tokens, and the mean over pairs."""
    student = untrained()
    other = Example("last xyz=", "z", "last", rejected="xyz")
    losses = []
    for e in (PAIR, other):
        means = [logprobs(student, e.prompt, r).mean() for r in (e.target, str(e.rejected))]
        losses.append(math.log1p(math.exp(0.5 - 2 * (means[0] - means[1]))))
    found = loss_of(student, (PAIR, ALONE, other), Simpo())
    assert found == pytest.approx(np.mean(losses), rel=1e-5)


def test_groups_are_whole_in_every_chunk_only_if_the_loss_couples_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With room for one row at a time: 5 rows and 4, or nine times one."""
    monkeypatch.setattr("teachgym.training.forward._LOGITS_AT_ONCE", 1)
    student, seen = untrained(), []

    class Counting(Sft):
        needs = Needs(rejected=True)

        def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
            seen.append(len(logits))
            return super().__call__(logits, targets)

    loss = Counting()
    for groups, expected in ((True, [5, 4]), (False, [1] * 9)):
        Counting.needs = Needs(rejected=True, groups=groups)
        loss_of(student, (PAIR, ALONE), loss)
        assert seen == expected
        seen.clear()


# -- references and teachers -----------------------------------------------------------------


def trainers(loss: Loss, teacher: TeacherModel | None = None) -> dict[str, tuple[Any, Any]]:
    """Both trainers, each with a student of the same weights."""
    task: Any = make_task("arithmetic-and-strings")
    still = replace(STILL, loss=loss)
    local, hf = (load_student("tiny", task, backend=backend) for backend in ("local", "hf"))
    return {
        "packed": (FineTuner(still, teacher_model=teacher), local),
        "padded": (HuggingFaceTrainer(still, teacher_model=teacher), hf),
    }


def test_every_example_has_a_reference_if_the_loss_knows_no_pairs() -> None:
    """Nothing has changed at the first update, so every ratio is 1 and the loss is -1."""
    for trainer, student in trainers(Ratio()).values():
        result = trainer.train(student, (PAIR, ALONE), rng())
        assert result.loss == pytest.approx(-1, abs=1e-5)
        assert result.losses == pytest.approx((-1, -1), abs=1e-5)
        assert result.cost == replace(
            trainer.cost(student, (PAIR, ALONE)), seconds=result.cost.seconds
        )


def test_a_teacher_is_followed_by_hand_in_both_trainers() -> None:
    """The teacher puts 0.75 on the label and 0.25 on token 0; KL from the student's logits."""

    class Sure(TeacherModel):
        identity = "sure"

        def read(self, texts: Texts, data: Sequence[Datum], needs: Needs) -> list[Datum]:
            return [replace(datum, teacher=self.rows(datum)) for datum in data]

        def rows(self, datum: Datum) -> TopK:
            (text,) = datum.texts
            labels = [[i, 0] for i, w in zip(text.ids, text.weights, strict=True) if w]
            told = torch.tensor([[0.75, 0.25]] * len(labels)).log()
            return TopK(torch.tensor(labels), told, torch.full((len(labels),), -87.0))

    own = {
        name: t.train(s, (ALONE,), rng()).loss
        for name, (t, s) in trainers(ForwardKl(), Sure()).items()
    }
    _, student = trainers(Sft())["packed"]
    (text,) = encode(student.texts, (ALONE,))[0].texts
    logits = student.model(torch.tensor([text.ids])).logits[0].log_softmax(-1).detach()
    places = [i for i, weight in enumerate(text.weights) if weight]
    kl = [
        0.75 * (math.log(0.75) - float(logits[i - 1, text.ids[i]]))
        + 0.25 * (math.log(0.25) - float(logits[i - 1, 0]))
        for i in places
    ]
    assert own == pytest.approx(dict.fromkeys(("packed", "padded"), np.mean(kl)), rel=1e-4)


def test_a_loss_that_follows_a_teacher_is_refused_without_one() -> None:
    with pytest.raises(ConfigError, match=r"ForwardKl follows .* the trainer has none; give"):
        FineTuner(replace(STILL, loss=ForwardKl()))


# -- by name ---------------------------------------------------------------------------------


def test_a_loss_is_named_handed_over_or_refused() -> None:
    assert LOSSES.make("dpo", settings={"beta": 0.3}) == Dpo(beta=0.3)
    own = Unlikelihood(0.5)
    assert FineTuningSettings(loss=own).make_loss() is own
    assert FineTuningSettings(loss=Unlikelihood, loss_settings={"alpha": 2.0}).make_loss() == (
        Unlikelihood(2.0)
    )
    assert LOSSES.group == "teachgym.losses"


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_reference_beside_its_name(name: str) -> None:
    """As one of your own has it, in any module."""
    made = LOSSES.make(name)
    reference = f"{type(made).__module__}:{type(made).__qualname__}"
    assert FineTuningSettings(loss=reference).make_loss() == made


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"loss": "sfd"}, UnknownNameError, "unknown loss 'sfd'. Did you mean 'sft'"),
        ({"loss_settings": {"beta": 1.0}}, ConfigError, "loss 'sft' has no settings; 'beta'"),
        ({"loss": lambda logits, targets: logits}, ConfigError, "lacks .*; derive from .*Loss"),
        ({"loss": Dpo(), "loss_settings": {"beta": 1.0}}, ConfigError, "has no settings"),
    ],
)
def test_bad_losses_are_refused_before_training(
    settings: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        FineTuningSettings(**settings)


class Summed(Sft):
    """A mistake: the loss of all rows as one."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        return super().__call__(logits, targets).sum()


@pytest.mark.parametrize("captured", [False, True])
def test_a_loss_that_gives_no_number_for_each_row_is_refused_by_its_name(captured: bool) -> None:
    said = r"Summed gives shape \(\); it must give the weighted loss of each row, shape \(10,\)"
    settings = replace(STILL, loss=Summed(), captured=captured, epochs=1)
    with pytest.raises(ConfigError, match=said if not captured else "Summed gives shape"):
        FineTuner(settings).train(untrained_tiny(1), (ALONE, PAIR, PAIR), rng())


def test_both_trainers_and_samples_refuse_such_a_loss() -> None:
    student = untrained_tiny(1)
    own = HuggingFaceStudent(student.model, student.texts, max_new_tokens=8)
    with pytest.raises(ConfigError, match="Summed gives shape"):
        HuggingFaceTrainer(replace(STILL, loss=Summed())).train(own, (ALONE,), rng())
    with pytest.raises(ConfigError, match="Summed gives shape"):
        OnPolicyTrainer(OnPolicySettings(loss=Summed(), k=2)).train(student, (ALONE,), rng())
