"""The reference student against the local one: equal weights, equal answers and checkpoints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError, MissingExtraError
from teachgym.students import make_student, make_students
from teachgym.students.hf.student import HuggingFaceStudent, pad
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.lora import LoRASettings
from teachgym.students.texts import Texts
from teachgym.testing import ToyTask, check_student
from teachgym.types import Checkpoint, Prompt
from tests.students.models import (
    ARCHITECTURES,
    CONTEXT,
    make_model,
    make_pool,
    scatter_adapters,
    students_of,
)

TEXTS = ("copy ab=", "rev abc=", "add 12+34=", "rev xyz=", "x")
PROMPTS = [Prompt(text) for text in TEXTS]
LORA = LoRASettings(rank=2, dropout=0.0)


def make_reference(
    architecture: str = "llama", lora: LoRASettings | None = None, **changes: Any
) -> HuggingFaceStudent:
    texts = Texts(make_tokenizer(), CONTEXT)
    model = make_model(architecture, **changes)
    return HuggingFaceStudent(model, texts, max_new_tokens=12, lora=lora)


def make_pair(
    architecture: str = "llama", lora: LoRASettings | None = None
) -> tuple[LanguageModelStudent, HuggingFaceStudent]:
    """The same weights as a local student and as a reference student."""
    pool = make_pool(architecture=architecture, lora=lora)
    (local,), reference = students_of(pool), make_reference(architecture, lora)
    if lora:
        scatter_adapters(pool)
        reference.load_adapter(
            {name: (layer.lora_A[0], layer.lora_B[0]) for name, layer in pool.adapters.items()}
        )
    return local, reference


PAIRS = [(name, lora) for name in ARCHITECTURES for lora in (None, LORA)]


# -- against the local student ---------------------------------------------------------------


@pytest.mark.sweep(3)
@pytest.mark.parametrize(("architecture", "lora"), PAIRS)
def test_answers_are_those_of_the_local_student(
    architecture: str, lora: LoRASettings | None
) -> None:
    """Prompts of five lengths, so that all but one are padded."""
    local, reference = make_pair(architecture, lora)
    answers = reference.generate(PROMPTS)
    assert answers == local.generate(PROMPTS)
    assert len(set(answers)) == len(PROMPTS)


@pytest.mark.parametrize(("architecture", "lora"), PAIRS)
def test_log_probabilities_are_those_of_the_local_student(
    architecture: str, lora: LoRASettings | None
) -> None:
    local, reference = make_pair(architecture, lora)
    targets = ["ab", "cba", "", "zyx", "12"]
    for one, other in zip(
        local.logprobs(PROMPTS, targets), reference.logprobs(PROMPTS, targets), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_samples_are_those_of_the_local_student() -> None:
    """Both draw by the same numbers; at temperature 2 the answers are far from greedy ones."""
    local, reference = make_pair(lora=LORA)
    asked: dict[str, Any] = {"k": 3, "temperature": 2.0, "seed": 5}
    samples = reference.sample(PROMPTS, **asked)
    assert samples == local.sample(PROMPTS, **asked)
    assert len({answer for own in samples for answer in own}) > 10
    assert reference.sample(PROMPTS[2:], **asked) == samples[2:]


def test_an_answer_ends_before_the_first_stop_string() -> None:
    reference = make_reference()
    (whole,) = reference.generate(PROMPTS[:1])
    stop = whole[3:5]
    assert len(stop) == 2
    assert reference.generate(PROMPTS[:1], stop=[stop]) == [whole[: whole.index(stop)]]


def test_tokens_are_counted_as_by_the_local_student() -> None:
    local, reference = make_pair()
    assert reference.count_tokens(TEXTS) == local.count_tokens(TEXTS)


# -- what transformers does by itself ---------------------------------------------------------


def test_an_adapter_on_gpt2_changes_its_answers_and_can_be_taken_back() -> None:
    reference = make_reference("gpt2", LORA)
    start, plain = reference.save(), make_reference("gpt2")
    assert reference.generate(PROMPTS) == plain.generate(PROMPTS)
    changed = {name: array + 0.3 for name, array in start.arrays.items()}
    reference.restore(Checkpoint(changed))
    assert reference.generate(PROMPTS) != plain.generate(PROMPTS)
    reference.restore(start)
    assert reference.save() == start


def test_the_models_own_generation_settings_do_not_matter() -> None:
    """A repetition penalty of 50 would forbid every token that was there before."""
    reference, penalised = make_reference(), make_reference()
    settings = penalised.model.generation_config
    settings.repetition_penalty = 50.0
    assert penalised.generate(PROMPTS) == reference.generate(PROMPTS)
    assert penalised.model.generation_config is settings


def test_more_prompts_than_fit_in_one_batch_are_answered_in_order() -> None:
    """65 prompts of lengths 1 to 5, a batch and one more."""
    reference = make_reference()
    prompts = [Prompt("abcde"[: 1 + i % 5]) for i in range(65)]
    answers = reference.generate(prompts)
    assert answers[:5] * 13 == answers


def test_padding_on_the_left_puts_the_last_tokens_side_by_side() -> None:
    ids, mask = pad([[5], [6, 7]], on="left")
    assert (ids.tolist(), mask.tolist()) == ([[0, 5], [6, 7]], [[0, 1], [1, 1]])
    ids, mask = pad([[5], [6, 7]], on="right")
    assert (ids.tolist(), mask.tolist()) == ([[5, 0], [6, 7]], [[1, 0], [1, 1]])


# -- the contract, files, bad input -----------------------------------------------------------


@pytest.mark.parametrize("lora", [None, LORA])
def test_the_reference_student_keeps_the_contract_of_students(lora: LoRASettings | None) -> None:
    check_student(make_reference(lora=lora), PROMPTS)


def test_only_adapters_are_saved_where_only_adapters_are_trained() -> None:
    """Rank 2 on 7 layers of each of 2 blocks: two matrices each."""
    names = set(make_reference(lora=LORA).save().arrays)
    assert len(names) == 2 * 7 * 2
    assert all(".lora_A." in name or ".lora_B." in name for name in names)


def test_an_adapter_goes_from_the_local_student_to_the_reference_and_back(tmp_path: Path) -> None:
    """Through the files that both write for peft."""
    base, first, second = tmp_path / "base", tmp_path / "first", tmp_path / "second"
    model, tokenizer = make_model(), make_tokenizer()
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    task = ToyTask()
    local: Any = make_student(str(base), task, adaptation="lora", rank=2, max_new_tokens=12)
    scatter_adapters(local.pool)
    local.export(first)
    reference: Any = make_student(str(first), task, backend="hf", max_new_tokens=12)
    assert isinstance(reference, HuggingFaceStudent)
    assert reference.lora == LoRASettings(rank=2, alpha=32.0, targets=reference.lora.targets)
    assert reference.generate(PROMPTS) == local.generate(PROMPTS)
    reference.export(second)
    again = make_student(str(base), task, backend="local", adapter=str(second), max_new_tokens=12)
    assert again.generate(PROMPTS) == local.generate(PROMPTS)
    assert again.save() == local.save()


def test_a_whole_model_is_exported_as_from_pretrained_reads_it(tmp_path: Path) -> None:
    reference = make_reference()
    reference.export(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    for (name, one), other in zip(
        reference.model.state_dict().items(), loaded.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name


def test_several_students_share_nothing() -> None:
    first, second = make_students("tiny", ToyTask(), 2, backend="hf")
    start = first.save()
    assert second.save() == start
    second.restore(Checkpoint({name: array + 1 for name, array in start.arrays.items()}))
    assert first.save() == start


def test_a_checkpoint_of_another_model_is_refused() -> None:
    reference, other = make_reference(lora=LORA), make_reference(lora=LoRASettings(rank=3))
    before = reference.save()
    with pytest.raises(ConfigError, match=r"another model.*lora_A"):
        reference.restore(other.save())
    assert reference.save() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0; it must be 1 or more"),
        (
            {"lora": LoRASettings(targets=("nothing",))},
            "no linear layer .*nothing",
        ),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], message: str) -> None:
    texts = Texts(make_tokenizer(), CONTEXT)
    with pytest.raises(ConfigError, match=message):
        HuggingFaceStudent(make_model(), texts, **{"max_new_tokens": 12, **changes})


def test_samples_need_a_positive_number_and_temperature() -> None:
    with pytest.raises(ConfigError, match="k is 0"):
        make_reference().sample(PROMPTS, k=0)


def test_without_peft_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"teachgym\[hf\]"):
        make_reference(lora=LORA)
