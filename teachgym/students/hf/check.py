"""The check at loading whether transformers itself computes a model rightly.

A model that cannot be read, continued or differentiated here can be taught nowhere. One whose
answers change when it is padded (RWKV keeps a state that reads padding as tokens) answers one
prompt at a time. One that sees must see the same when it answers and when it is trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from teachgym.errors import ConfigError
from teachgym.images import draw_plain
from teachgym.students.hf.student import HuggingFaceStudent, Sequences
from teachgym.students.image_texts import ImageTexts
from teachgym.students.loading import silence
from teachgym.students.self_check import (
    describe,
    deviation,
    drawn_texts,
    next_loss,
    tolerance_of,
)
from teachgym.students.verdicts import remembered
from teachgym.types import Prompt

N_NEW = 3
"""Tokens that each prompt is continued by."""

BATCHED, ALONE = "batched", "one by one"


def answers_alone(student: HuggingFaceStudent) -> bool:
    """Whether the student must answer one prompt at a time.

    Raises:
        ConfigError: for a model that cannot be taught at all.
    """
    model = student.model.get_base_model() if student.lora else student.model
    with silence():
        verdict = remembered(
            lambda: _verdict(student), model, "hf", student.lora, str(student.dtype)
        )
    if verdict not in (BATCHED, ALONE):
        raise ConfigError(
            f"{type(model).__name__} cannot be taught: {verdict}; take another model as student"
        )
    return verdict == ALONE


def _verdict(student: HuggingFaceStudent) -> str:
    """``BATCHED``, ``ALONE``, or why the model cannot be taught."""
    texts = drawn_texts(student.model, without=student.texts.controls)
    try:
        with torch.inference_mode(), student.computing():
            allowed = tolerance_of(student.model, texts[0])
            off = _foresight(student, texts[0])
            apart = _apart(student)
        alone = [_next_logits(student, [text]) for text in texts]
        reason = _why_not_trained(student, texts[0])
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # what a foreign model's code raises can be anything
        return f"transformers cannot continue or train it ({describe(error)})"
    if not apart <= allowed:
        return f"an answer about a picture has logits {apart:.1g} apart when it is trained on"
    if reason or not off <= allowed:
        return reason or f"tokens that follow change its logits by {off:.1g} of their spread"
    try:
        padded = _next_logits(student, texts)
    except Exception:  # alone it can be asked
        return ALONE
    off = max(
        deviation(row[:common], own[0][:common])
        for row, own in zip(padded, alone, strict=True)
        for common in [_in_common(row, own[0])]
    )
    return BATCHED if off <= allowed else ALONE


def _foresight(student: HuggingFaceStudent, text: Sequence[int]) -> float:
    """The change that the second half of a text makes to logits in the first."""
    half = len(text) // 2
    whole = _logits_of(student, text)[:half]
    return deviation(_logits_of(student, text[:half]), whole)


def _logits_of(student: HuggingFaceStudent, text: Sequence[int]) -> torch.Tensor:
    """The logits of a text alone that is all response, (T, V)."""
    read = student.inputs(Sequences([text], [()], [0]), on="right")
    logits: torch.Tensor = student.model(**read, use_cache=False).logits[0]
    return logits


def _apart(student: HuggingFaceStudent) -> float:
    """Distances of an answer's logits about a picture, token by token, from those in one pass."""
    if not isinstance(student.texts, ImageTexts):
        return 0.0
    images = (student.texts.store.put(draw_plain(64, (200, 40, 40))),)
    (ids,) = student.texts.prompts([Prompt("a", images)], room=N_NEW)
    asked = Sequences([ids], [images], [len(ids)])
    output = _go_on(student, student.inputs(asked, on="left"))
    answered = [[*ids, *output.sequences[0, -N_NEW:].tolist()]]
    read = student.inputs(replace(asked, ids=answered), on="right")
    logits = student.model(**read).logits[0, len(ids) - 1 : -1]
    return deviation(logits, torch.stack(output.logits, 1)[0])


def _next_logits(student: HuggingFaceStudent, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Logits of the tokens that continue each text, as ``generate`` has them, (B, N_NEW, V)."""
    read = student.inputs(Sequences(texts, [()] * len(texts), list(map(len, texts))), on="left")
    return torch.stack(_go_on(student, read).logits, 1).float()


def _go_on(student: HuggingFaceStudent, read: Mapping[str, torch.Tensor]) -> Any:
    """The report of ``generate`` on ``N_NEW`` more tokens."""
    return student.continued(
        read,
        None,
        max_new_tokens=N_NEW,
        min_new_tokens=N_NEW,
        output_logits=True,
        return_dict_in_generate=True,
    )


def _in_common(one: torch.Tensor, other: torch.Tensor) -> int:
    """The count of tokens after which two greedy answers differ, with logits (N_NEW, V); >= 1."""
    same = (one.argmax(-1) == other.argmax(-1)).tolist()
    return same.index(False) + 1 if False in same else len(same)


def _why_not_trained(student: HuggingFaceStudent, text: Sequence[int]) -> str:
    """The fault of the gradients, "" if there is none."""
    try:
        with student.computing():
            loss = next_loss(_logits_of(student, text), text)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in student.trained.values() if p.grad is not None]
        if not all(bool(g.isfinite().all()) for g in gradients):
            return "its gradients are not finite"
        return "" if any(bool(g.any()) for g in gradients) else "no trained weight has a gradient"
    finally:
        student.model.zero_grad()
