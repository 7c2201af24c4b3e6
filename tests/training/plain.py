"""Objectives written down plainly, in 64 bits and one text at a time, and how they are compared.

Nothing here is packed, chunked or weighted by rows: each function is its formula.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.texts import Texts
from teachgym.training.datum import encode
from teachgym.training.forward import run_pass
from teachgym.training.losses import Loss
from teachgym.training.packing import passes
from teachgym.training.references import refer
from teachgym.training.teacher_models import TeacherModel
from teachgym.training.updates import score
from teachgym.types import Data, Prompt

Objective = Callable[["Plain"], torch.Tensor]


class Plain:
    """A model in 64 bits, and maybe a teacher or reference, that read a response at a time."""

    def __init__(self, student: LanguageModelStudent, teacher: Any = None) -> None:
        self.texts: Texts = student.texts
        self.taught_by: Texts = teacher.texts if teacher else student.texts
        self.model = copy.deepcopy(student.model).double()
        self.model.zero_grad()
        self.teacher = teacher and copy.deepcopy(teacher.model).double()

    def read(self, prompt: str, response: str, *, teacher: bool = False) -> Any:
        """Tokens of the response with its end, logits before each, and the states, (T, ...)."""
        texts = self.taught_by if teacher else self.texts
        ((ids, target),) = texts.pairs([Prompt(prompt)], [response])
        model = self.teacher if teacher else self.model
        output = model(torch.tensor([[*ids, *target]]), output_hidden_states=True)
        rows = slice(len(ids) - 1, len(ids) + len(target) - 1)
        return torch.tensor(target), output.logits[0, rows], output.hidden_states[-1][0, rows]

    def logprobs(self, prompt: str, response: str, *, teacher: bool = False) -> torch.Tensor:
        """Of each token of the response and its end, (T,)."""
        labels, logits, _ = self.read(prompt, response, teacher=teacher)
        return -F.cross_entropy(logits, labels, reduction="none")


def compare(
    loss: Loss,
    data: Data,
    plain: Objective,
    *,
    student: LanguageModelStudent,
    teacher: TeacherModel | None = None,
    other: LanguageModelStudent | None = None,
) -> tuple[float, float]:
    """Relative errors of the value and of the gradient of all weights, over all data at once.

    Args:
        loss: what is computed.
        data: its examples.
        plain: the formula.
        student: what has the gradient.
        teacher: what tells the loss of the other model.
        other: the teacher model, or the reference.
    """
    value, found = measure(loss, data, student=student, teacher=teacher, reference=other)
    right = Plain(student, other)
    expected = plain(right)
    expected.backward()
    return apart(value, expected.item()), apart(found, gradient(right.model))


def measure(
    loss: Loss,
    data: Data,
    *,
    student: LanguageModelStudent,
    teacher: TeacherModel | None = None,
    reference: LanguageModelStudent | None = None,
) -> tuple[float, np.ndarray]:
    """The loss as trainers compute it, packed in one pass, and the gradient of all weights."""
    encoded = encode(student.texts, data, loss.needs)
    if teacher is not None:
        encoded = teacher.read(student.texts, encoded, loss.needs)
    if reference is not None:
        scored = partial(score, reference.pool, 10**6)
        ((encoded,),) = refer([[encoded]], 1, loss.needs, scored)
    (one,) = passes([encoded], 10**6)
    student.model.zero_grad()
    value = float(run_pass(student.pool, one, loss))
    found = gradient(student.model)
    student.model.zero_grad()
    return value, found


def gradient(model: Any) -> np.ndarray:
    """Of all weights in their order, flat, in 64 bits."""
    grads: Sequence[torch.Tensor] = [p.grad.flatten() for p in model.parameters()]
    return torch.cat(list(grads)).double().numpy()


def apart(found: Any, wanted: Any) -> float:
    """The relative error of a number or a vector."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
