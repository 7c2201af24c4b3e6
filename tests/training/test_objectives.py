"""Every objective: value and gradient by its formula in 64 bits; padded, together and alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from teachgym.benchmarks.models.embedded import KINDS
from teachgym.benchmarks.models.pretrain import make_student
from teachgym.benchmarks.models.tokenizers import make_subword_tokenizer
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent
from teachgym.testing import check_trainer
from teachgym.training.alm import Alm
from teachgym.training.contrast import Contrast
from teachgym.training.distillation import Distillation
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.losses import LOSSES, Joint, Loss, Sft
from teachgym.training.preferences import Dpo, Redi, SimPo
from teachgym.training.settings import FineTuningSettings
from teachgym.training.teacher_models import ModelTeacher
from teachgym.types import Data, Example
from tests.students.models import untrained_tiny
from tests.training.plain import Objective, Plain, compare

PAIRS: Data = (
    Example("copy ab=", "ab", "copy", rejected="ba"),
    Example("rev abcd=", "dcba", "rev", rejected="abc"),
    Example("last xyz=", "z", "last", rejected="xy"),
)
SIGNED = Example("copy abc=", "abc", "copy", spans=(("a", 1.0), ("b", -0.5), ("c", 0.0)))
SOFT = Example("first ab=", "a", "first", soft_labels=(("a", 0.7), ("b", 0.2), ("ab", 0.1)))
ALONE = Example("first xy=", "x", "first")
JOINT: Data = tuple(
    Example(prompt, target, "rev", kind=kind, meta={"joint": "one"})
    for prompt, target, kind in (
        ("rev abc=", "cba", "exercise"),
        ("rev of abc", "back", "backward"),
        ("next cba=", "abc", "backward"),
    )
)
TRIPLE = Example(
    *("rev abc=", "cba", "rev"), rejected="abc", soft_labels=(("cba", 0.5), ("c b a", 0.5))
)


# -- the formulas ----------------------------------------------------------------------------


def mean_of_tokens(plain: Plain) -> torch.Tensor:
    """Of "abc" and the end with 1, -0.5, 0, 0; of the soft labels with 0.7, 0.2 and 0.1."""
    signed = plain.logprobs(SIGNED.prompt, SIGNED.target)
    total = -(signed[0] - 0.5 * signed[1])
    for response, share in SOFT.soft_labels:
        total = total - share * plain.logprobs(SOFT.prompt, response).sum()
    return total / (1.5 + 0.7 * 2 + 0.2 * 2 + 0.1 * 3)


def joint(plain: Plain) -> torch.Tensor:
    return torch.stack([-plain.logprobs(e.prompt, e.target).mean() for e in (*JOINT, ALONE)]).mean()


def dpo(plain: Plain) -> torch.Tensor:
    """Away from the reference; the example without a partner has the cross entropy alone."""
    losses = [-0.2 * plain.logprobs(ALONE.prompt, ALONE.target).mean()]
    for e in PAIRS:
        chosen, rejected = (plain.logprobs(e.prompt, str(r)) for r in (e.target, e.rejected))
        before = [
            plain.logprobs(e.prompt, str(r), teacher=True).sum().detach()
            for r in (e.target, e.rejected)
        ]
        margin = (chosen.sum() - before[0]) - (rejected.sum() - before[1])
        losses.append(-F.logsigmoid(0.3 * margin) - 0.2 * chosen.mean())
    return torch.stack(losses).mean()


def simpo(plain: Plain) -> torch.Tensor:
    losses = []
    for e in PAIRS:
        chosen, rejected = (plain.logprobs(e.prompt, str(r)) for r in (e.target, e.rejected))
        losses.append(-F.logsigmoid(2.5 * (chosen.mean() - rejected.mean()) - 0.75))
    return torch.stack(losses).mean()


def redi(plain: Plain) -> torch.Tensor:
    losses = [-plain.logprobs(ALONE.prompt, ALONE.target).mean()]
    for e in PAIRS:
        chosen, rejected = (plain.logprobs(e.prompt, str(r)) for r in (e.target, e.rejected))
        losses.append(-chosen.mean() + 0.6 * rejected.mean())
    return torch.stack(losses).mean()


def contrast(plain: Plain) -> torch.Tensor:
    """A character is a token, and nothing predicts the first; one example of two has a triplet."""
    losses = []
    for e in (TRIPLE, ALONE):
        entropy = -plain.logprobs(e.prompt[0], e.prompt[1:] + e.target)
        n_target = len(e.target) + 1
        weights = torch.tensor([0.1] * (len(entropy) - n_target) + [1.0] * n_target)
        losses.append((weights * entropy).sum() / weights.sum())
    right, other, wrong = (
        plain.read("rev abc=", response)[2][-1] for response in ("cba", "c b a", "abc")
    )
    near, far = (1 - F.cosine_similarity(right, to, dim=0) for to in (other, wrong))
    triplet = (near - far + 0.3).clamp(min=0)
    assert triplet.item() > 0
    return (torch.stack(losses).sum() + 0.5 * triplet) / 2


def distillation(divergence: str, temperature: float, told: int = 48) -> Objective:
    """Of the ``told`` likeliest of the 48 tokens under the teacher and all others as one event."""

    def events(p: torch.Tensor, likeliest: torch.Tensor) -> torch.Tensor:
        known = p.gather(1, likeliest)
        return torch.cat([known, 1 - known.sum(1, keepdim=True)], 1) if told < 48 else known

    def loss(plain: Plain) -> torch.Tensor:
        total, n_tokens = torch.zeros((), dtype=torch.float64), 0
        for e in PAIRS:
            labels, logits, _ = plain.read(e.prompt, e.target)
            p = plain.read(e.prompt, e.target, teacher=True)[1].detach() / temperature
            p, q = p.softmax(-1), (logits / temperature).softmax(-1)
            likeliest = p.topk(told).indices
            p, q = events(p, likeliest), events(q, likeliest)
            m = 0.3 * p + 0.7 * q
            found = {
                "forward": (p * (p / q).log()).sum(),
                "reverse": (q * (q / p).log()).sum(),
                "jensen-shannon": 0.3 * (p * (p / m).log()).sum() + 0.7 * (q * (q / m).log()).sum(),
            }[divergence]
            total = total + 0.2 * found + F.cross_entropy(logits, labels, reduction="sum")
            n_tokens += len(labels)
        return total / n_tokens

    return loss


def alm(plain: Plain) -> torch.Tensor:
    """A character is a token of the student, so that each of the teacher's tokens is a piece."""
    total, n_tokens = torch.zeros((), dtype=torch.float64), 0
    for e in PAIRS:
        own = plain.logprobs(e.prompt, e.target)
        ids, logits, _ = plain.read(e.prompt, e.target, teacher=True)
        told = -F.cross_entropy(logits, ids, reduction="none").detach()
        words = [plain.taught_by.tokenizer.decode([i]) for i in ids[:-1]]
        assert "".join(words) == e.target
        pieces = torch.split(own, [*map(len, words), 1])
        for p, piece in zip((told / 5).exp(), pieces, strict=True):
            q = (piece.sum() / 5).exp()
            total = total + p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
        total = total - 0.1 * own.sum()
        n_tokens += len(own)
    return total / n_tokens


CASES: dict[str, tuple[Loss, Data, Objective]] = {
    "sft": (Sft(), (SIGNED, SOFT), mean_of_tokens),
    "joint": (Joint(), (*JOINT, ALONE), joint),
    "dpo": (Dpo(beta=0.3, sft_weight=0.2), (*PAIRS, ALONE), dpo),
    "simpo": (SimPo(beta=2.5, gamma=0.75), (*PAIRS, ALONE), simpo),
    "redi": (Redi(alpha=0.6), (*PAIRS, ALONE), redi),
    "alm": (Alm(tau=5.0, sft_weight=0.1), PAIRS, alm),
    "contrast": (Contrast(margin=0.3), (TRIPLE, ALONE), contrast),
    **{
        f"{divergence} at {temperature}": (
            Distillation(
                divergence=divergence,  # type: ignore[arg-type]
                beta=0.3,
                temperature=temperature,
                weight=0.2,
                sft_weight=1.0,
            ),
            PAIRS,
            distillation(divergence, temperature),
        )
        for divergence in ("forward", "reverse", "jensen-shannon")
        for temperature in (1.0, 2.0)
    },
}
ONCE = [pytest.param(n, marks=[pytest.mark.slow] * n.endswith("2.0")) for n in CASES]
"""Each, but distillation at one temperature alone where it decides nothing."""
SETTINGS = FineTuningSettings(learning_rate=1e-3, batch_size=2, epochs=2, optimizer="adamw")


@pytest.fixture(scope="module")
def teachers() -> dict[bool, LanguageModelStudent]:
    """A model with the student's tokens, and one whose tokens are of several letters."""
    other = make_subword_tokenizer(["copy ab= rev abcd= dcba last xyz= z xy ba"] * 5, 300)
    return {False: untrained_tiny(2), True: make_student(KINDS["tiny"], other, 2)}


def trainer(
    make: Callable[..., Any], loss: Loss, teachers: dict[bool, LanguageModelStudent]
) -> Any:
    by = ModelTeacher(teachers[loss.needs.pieces])
    return make(replace(SETTINGS, loss=loss), teacher_model=by)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_the_formula(
    name: str, teachers: dict[bool, LanguageModelStudent]
) -> None:
    loss, data, plain = CASES[name]
    student: LanguageModelStudent = untrained_tiny(1)
    teacher, needs = teachers[loss.needs.pieces], loss.needs
    by = ModelTeacher(teacher) if needs.teacher else None
    other = teacher if needs.teacher or needs.references else None
    value, gradient = compare(loss, data, plain, student=student, teacher=by, other=other)
    assert value < 1e-6
    assert gradient < 5e-6


def test_every_loss_from_examples_is_compared() -> None:
    """Those over samples are in ``test_on_policy.py``."""
    given = {type(loss) for loss in map(LOSSES.make, LOSSES) if not loss.needs.sampled}
    assert {type(loss) for loss, _, _ in CASES.values()} == given


def test_the_page_tells_of_the_checks_of_every_loss() -> None:
    page = Path(__file__).parents[2] / "docs" / "objectives.md"
    _, _, table = page.read_text(encoding="utf-8").partition("\n## Checks\n")
    rows = re.findall(r"^\| `([^`]+)` \|", table.partition("\n## ")[0], re.MULTILINE)
    assert sorted(rows) == sorted(["loss", *LOSSES])


@pytest.mark.parametrize("divergence", ["forward", "reverse", "jensen-shannon"])
def test_what_a_teacher_does_not_tell_is_one_event(
    divergence: Any, teachers: dict[bool, LanguageModelStudent]
) -> None:
    """The five likeliest tokens of 48."""
    loss = Distillation(divergence=divergence, beta=0.3, weight=0.2, sft_weight=1.0)
    plain, teacher = distillation(divergence, 1.0, told=5), teachers[False]
    by = ModelTeacher(teacher, 5)
    student = untrained_tiny(1)
    value, gradient = compare(loss, PAIRS, plain, student=student, teacher=by, other=teacher)
    assert value < 1e-6
    assert gradient < 5e-6


@pytest.mark.sweep(5)
@pytest.mark.parametrize("name", ONCE)
def test_packed_is_padded(name: str, teachers: dict[bool, LanguageModelStudent]) -> None:
    loss, data, _ = CASES[name]
    one, other = untrained_tiny(1), untrained_tiny(1)
    reference = HuggingFaceStudent(other.model, other.texts, max_new_tokens=24)
    packed = trainer(FineTuner, loss, teachers).train(one, data, rng())
    plain = trainer(HuggingFaceTrainer, loss, teachers).train(reference, data, rng())
    assert packed.loss == pytest.approx(plain.loss, abs=1e-5)
    np.testing.assert_allclose(packed.losses, plain.losses, atol=1e-4)
    assert replace(packed.cost, seconds=0) == replace(plain.cost, seconds=0)
    trained = reference.save().arrays
    for key, array in one.save().arrays.items():
        np.testing.assert_allclose(array, trained[key], rtol=0, atol=2e-5)


@pytest.mark.sweep(5)
@pytest.mark.parametrize("name", ONCE)
def test_a_batch_in_many_parts_is_the_same_batch(
    name: str, teachers: dict[bool, LanguageModelStudent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One datum in a pass, and logits of no more rows at once than belong together."""
    loss, data, _ = CASES[name]
    whole = trainer(FineTuner, loss, teachers).train(untrained_tiny(1), data, rng())
    monkeypatch.setattr("teachgym.training.forward._LOGITS_AT_ONCE", 1)
    parted = trainer(FineTuner, loss, teachers)
    parted.settings = replace(SETTINGS, token_budget=1)
    found = parted.train(untrained_tiny(1), data, rng())
    assert found.loss == pytest.approx(whole.loss, abs=1e-5)
    np.testing.assert_allclose(found.losses, whole.losses, atol=1e-5)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", CASES)
def test_students_together_learn_what_each_would_alone(
    name: str, teachers: dict[bool, LanguageModelStudent]
) -> None:
    """Three of one pool, with other data and other streams each, to the last bit."""
    loss, data, _ = CASES[name]
    sets = (data, data[::-1], (*data[1:], ALONE))
    own, alone = trainer(FineTuner, loss, teachers), untrained_tiny(1)
    pool = StudentPool(untrained_tiny(1).model, alone.texts, max_new_tokens=24, count=3)
    members = [LanguageModelStudent(pool, k) for k in range(3)]
    together = own.train_together(members, sets, [rng(k) for k in range(3)])
    start = alone.save()
    for k, (member, taught) in enumerate(zip(members, sets, strict=True)):
        alone.restore(start)
        result = own.train(alone, taught, rng(k))
        np.testing.assert_equal(result.losses, together[k].losses)
        assert result.loss == together[k].loss
        assert member.save() == alone.save()


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", CASES)
def test_the_contract_of_trainers_is_kept(
    name: str, teachers: dict[bool, LanguageModelStudent]
) -> None:
    """Among others: the same from the same student and stream, and at the price that was told."""
    loss, data, _ = CASES[name]
    check_trainer(trainer(FineTuner, loss, teachers), untrained_tiny(1), data)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", CASES)
def test_a_gpu_learns_as_a_cpu_does(name: str, teachers: dict[bool, LanguageModelStudent]) -> None:
    """Two students of one pool on each, and a teacher model that stays on the CPU."""
    loss, data, _ = CASES[name]
    own = trainer(FineTuner, loss, teachers)
    losses = []
    for device in ("cpu", "cuda"):
        alone = untrained_tiny(1)
        pool = StudentPool(alone.model.to(device), alone.texts, max_new_tokens=24, count=2)
        members = [LanguageModelStudent(pool, k) for k in range(2)]
        results = own.train_together(members, (data, data[::-1]), [rng(k) for k in range(2)])
        losses.append([r.loss for r in results])
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)
