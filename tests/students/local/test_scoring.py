"""Log-probabilities of given answers, against the model's own logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from teachgym.errors import ConfigError
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.lora import LoRASettings
from teachgym.types import Prompt
from tests.students.models import make_pool, scatter_adapters, students_of

PROMPTS = [Prompt(text) for text in ("copy ab=", "rev abc=", "x", "copy ab=")]
TARGETS = ["ab", "cba", "", "b"]


@pytest.mark.parametrize("count", [1, 3])
def test_each_token_of_a_target_and_its_end_has_its_log_probability(count: int) -> None:
    """Read one text at a time with the merged weights of the second student, where there is one."""
    pool = make_pool(count, lora=LoRASettings(rank=2) if count > 1 else None)
    if count > 1:
        scatter_adapters(pool)
    student = students_of(pool)[min(1, count - 1)]
    found = student.logprobs(PROMPTS, TARGETS)
    assert [len(scores) for scores in found] == [3, 4, 1, 2]
    for (prompt, target), scores in zip(student.texts.pairs(PROMPTS, TARGETS), found, strict=True):
        counts = [len(prompt) + len(target) if k == student.index else 0 for k in range(count)]
        with torch.no_grad(), pool.layout.blocks(counts):
            logits = pool.network.model(torch.tensor([[*prompt, *target]])).logits[0]
        rows = logits.log_softmax(-1)[len(prompt) - 1 : -1]
        expected = rows.gather(1, torch.tensor(target)[:, None])[:, 0].numpy()
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


def test_a_prompt_without_tokens_has_nothing_to_tell_the_first_token_by() -> None:
    """It was scored by whatever text stood before it."""
    pool = make_pool()
    reference = HuggingFaceStudent(pool.network.model, pool.texts, max_new_tokens=8)
    for student in (*students_of(pool), reference):
        with pytest.raises(ConfigError, match="prompt 1 has no tokens; give it some text"):
            student.logprobs([Prompt("ab"), Prompt("")], ["xy", "xy"])


def test_a_score_does_not_depend_on_what_else_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    (student,) = students_of(make_pool())
    together = student.logprobs(PROMPTS, TARGETS)
    monkeypatch.setattr("teachgym.students.local.scoring.TOKENS_AT_ONCE", 1)
    for one, all_ in zip(student.logprobs(PROMPTS, TARGETS), together, strict=True):
        np.testing.assert_allclose(one, all_, rtol=1e-5)
    assert student.logprobs([], []) == []
