"""The check of numbers at loading: what it lets pass is right, and what is wrong it names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from teachgym.benchmarks.models.architectures import save_small
from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError, LocalBackendError
from teachgym.students import make_student, make_students
from teachgym.students import verdicts as verdicts_module
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.lora import LoRASettings
from teachgym.students.self_check import why_not_local, why_not_trained
from teachgym.students.texts import Texts
from teachgym.testing import ToyTask
from teachgym.types import Prompt
from tests.students.models import CONTEXT, make_model, make_pool

TASK = ToyTask()
TEXTS = ("copy ab=", "rev abc=", "add 12+34=", "rev xyz, then tell me what it was=", "x")
PROMPTS = [Prompt(text) for text in TEXTS]
TARGETS = ("ab", "cba", "46", "zyx", "")

RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("gemma2", {"attn_logit_softcapping": 0.5, "final_logit_softcapping": 2.0}),
    ("gemma2", {"sliding_window": 3, "attn_logit_softcapping": 1.0}),
    ("gemma3_text", {"sliding_window": 4}),
    ("mistral", {"sliding_window": 5}),
    ("gpt_oss", {"sliding_window": 6}),
    ("cohere2", {"sliding_window": 4, "logit_scale": 0.3}),
    ("granite", {"logits_scaling": 5.0, "attention_multiplier": 0.4}),
    ("gpt2", {}),
    ("qwen3", {}),
    ("deepseek_v3", {"v_head_dim": 6}),
]
"""Kinds that need more than softmax over all earlier tokens, or nearly do."""

WRONG: list[tuple[str, str]] = [
    ("lfm2", "packed texts change its logits"),
    ("gptj", "packed texts change its logits"),
    ("mamba", "packed texts change its logits"),
    ("bloom", "packed texts change its logits"),
    ("diffllama", "decoding in slots changes its logits"),
    ("falcon", "forward pass in the local backend fails"),
    ("mpt", "forward pass in the local backend fails"),
    ("stablelm", "does not hand its arguments"),
    ("nemotron", "does not hand its arguments"),
]


@pytest.fixture(autouse=True)
def _nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """No verdict of another test."""
    monkeypatch.setattr(verdicts_module, "_found", {})


# -- what passes is right ------------------------------------------------------------------------


@pytest.mark.sweep(3)
@pytest.mark.parametrize(("kind", "changes"), RIGHT)
def test_the_local_backend_answers_and_scores_as_the_reference_does(
    tmp_path: Path, kind: str, changes: dict[str, Any]
) -> None:
    """Prompts are longer than every window; logits are so far apart that greedy answers vary."""
    save_small(kind, tmp_path, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that experts are not adapted
        asked: dict[str, Any] = {"adaptation": "lora", "rank": 2, "max_new_tokens": 12}
        local = make_student(str(tmp_path), TASK, backend="local", **asked)
        reference = make_student(str(tmp_path), TASK, backend="hf", **asked)
    assert isinstance(local, LanguageModelStudent)
    assert local.generate(PROMPTS) == reference.generate(PROMPTS)
    for one, other in zip(
        local.logprobs(PROMPTS, TARGETS), reference.logprobs(PROMPTS, TARGETS), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("seed", range(6))
def test_a_model_of_drawn_sizes_passes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_groups, n_shared, d_head = (int(rng.choice(sizes)) for sizes in ([1, 2], [1, 3], [4, 10]))
    model = make_model(
        str(rng.choice(["llama", "qwen2"])),
        seed,
        num_attention_heads=n_groups * n_shared,
        num_key_value_heads=n_groups,
        hidden_size=n_groups * n_shared * d_head,
        num_hidden_layers=int(rng.integers(1, 5)),
        tie_word_embeddings=bool(rng.integers(2)),
    )
    assert why_not_local(model) == ""


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("lora", [None, LoRASettings(rank=2)])
def test_gradients_of_a_sound_pool_pass(count: int, lora: LoRASettings | None) -> None:
    pool = make_pool(count, lora=lora)
    assert why_not_trained(pool) == ""
    assert all(weight.grad is None for weight in pool.weights)


def test_a_model_in_16_bits_passes() -> None:
    assert why_not_local(make_model().to(torch.bfloat16)) == ""


# -- what is wrong is named ----------------------------------------------------------------------


@pytest.mark.sweep(2)
@pytest.mark.parametrize(("kind", "reason"), WRONG)
def test_a_model_that_is_not_computed_right_is_taught_by_the_reference(
    tmp_path: Path, kind: str, reason: str
) -> None:
    """With one warning; who asked for ``local`` is refused in one line."""
    save_small(kind, tmp_path)
    asked: dict[str, Any] = {"adaptation": "lora", "rank": 2, "max_new_tokens": 4}
    with pytest.warns(UserWarning, match=f"hf backend.*{reason}") as said:
        student = make_student(str(tmp_path), TASK, **asked)
    assert isinstance(student, HuggingFaceStudent)
    assert [w.category for w in said].count(UserWarning) == 1
    assert len(student.generate(PROMPTS)) == len(PROMPTS)
    with pytest.raises(LocalBackendError, match=rf"{reason}.*backend='hf'") as refusal:
        make_student(str(tmp_path), TASK, backend="local", **asked)
    assert "\n" not in str(refusal.value)


class Leaking(nn.Module):
    """A layer that adds some of each row's left neighbour, whosesoever it is."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y + 0.1 * nn.functional.pad(y, (0, 0, 1, 0))[:, :-1]


class Forgetful(nn.Module):
    """A layer that computes something else when it sees single tokens."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y if x.shape[1] > 1 else 0.9 * y


class Detached(nn.Module):
    """A layer through which no gradient goes when two texts are packed (24 tokens and more)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y.detach() if x.shape[1] >= 24 else y


class Failing(nn.Module):
    """A layer whose code cannot do with packed texts."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] >= 24:
            raise IndexError("no such row\nof many")
        y: torch.Tensor = self.layer(x)
        return y


@pytest.mark.parametrize(
    ("specimen", "reason"),
    [
        (Leaking, "packed texts change its logits by 0"),
        (Forgetful, "decoding in slots changes its logits by 0"),
        (Failing, r"fails \(IndexError: no such row\)$"),
    ],
)
@pytest.mark.parametrize("layer", [0, 1])
def test_broken_specimens_are_found_out(
    specimen: Callable[[nn.Module], nn.Module], reason: str, layer: int
) -> None:
    model = make_model()
    model.model.layers[layer].mlp = specimen(model.model.layers[layer].mlp)
    assert re.search(reason, why_not_local(model))


def test_a_window_that_attention_is_not_told_of_is_found_out() -> None:
    """Longer than the texts that are tried, so that no number could show it."""
    model = make_model(max_position_embeddings=5000)
    model.config.sliding_window = 2000
    assert "does not hand its window of 2000 tokens" in why_not_local(model)
    model.config.use_sliding_window = False
    assert why_not_local(model) == ""


def test_a_window_that_differs_from_the_models_own_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_model("qwen2", use_sliding_window=True, sliding_window=14, max_window_layers=0)
    assert why_not_local(model) == ""
    for layer in model.model.layers:
        monkeypatch.setattr(layer.self_attn, "sliding_window", 13)
    assert "packed texts change" in why_not_local(model)


def test_gradients_that_get_lost_are_found_out() -> None:
    pool = make_pool()
    layer = pool.network.model.model.layers[1]
    layer.mlp = Detached(layer.mlp)
    assert "have a gradient in one pass only" in why_not_trained(pool)


def test_adapters_that_are_never_reached_are_found_out() -> None:
    pool = make_pool(lora=LoRASettings(rank=2))
    attention: Any = pool.network.model.model.layers[0].self_attn
    attention.forward = lambda hidden_states, **_: (attention.o_proj.base(hidden_states), None)
    assert re.search(r"4 adapters are never reached, .*layers\.0\.self_attn", why_not_trained(pool))


# -- the reference -------------------------------------------------------------------------------


class PadSensitive(nn.Module):
    """A layer that reads padding as if it were text: the mean of all rows so far."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y + (x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None] if x.shape[1] > 1 else 0)


def test_a_model_that_padding_changes_answers_one_prompt_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from teachgym.students.hf import check as hf_check

    model = make_model()
    model.model.layers[0].mlp = PadSensitive(model.model.layers[0].mlp)
    student = HuggingFaceStudent(model, Texts(make_tokenizer(), CONTEXT), max_new_tokens=6)
    assert hf_check.answers_alone(student)
    sound = HuggingFaceStudent(make_model(), Texts(make_tokenizer(), CONTEXT), max_new_tokens=6)
    assert not hf_check.answers_alone(sound)


@pytest.mark.parametrize("backend", ["auto", "hf"])
@pytest.mark.filterwarnings("ignore:.*is taught by the hf backend")
def test_a_model_that_reads_what_follows_is_refused(tmp_path: Path, backend: str) -> None:
    save_small("bert-generation", tmp_path)
    with pytest.raises(ConfigError, match=r"cannot be taught: tokens that follow change"):
        make_student(str(tmp_path), TASK, backend=backend)


def test_rwkv_answers_a_prompt_the_same_in_any_company(tmp_path: Path) -> None:
    save_small("rwkv", tmp_path)
    student = make_student(str(tmp_path), TASK, backend="hf", adaptation="full", max_new_tokens=6)
    together = student.generate(PROMPTS)
    assert together == [student.generate([prompt])[0] for prompt in PROMPTS]


def test_a_model_that_transformers_cannot_compute_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from teachgym.students.hf import student as hf

    make_model().save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel for this")

    monkeypatch.setattr(hf.HuggingFaceStudent, "continued", fail)
    with pytest.raises(ConfigError, match=r"LlamaForCausalLM cannot be taught: .*no kernel"):
        make_student(str(tmp_path), TASK, backend="hf")


# -- what it costs -------------------------------------------------------------------------------


def test_a_model_is_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in this process nor in the next, unless what is found could be something else."""
    calls: list[object] = []
    module = "teachgym.students.local.student"
    monkeypatch.setattr(f"{module}.why_not_local", lambda m: calls.append(m) or "")
    monkeypatch.setattr(f"{module}.why_not_trained", lambda p: calls.append(p) or "")
    make_students("tiny", TASK, 1)
    assert len(calls) == 2
    make_students("tiny", TASK, 1)
    verdicts_module._found.clear()
    make_students("tiny", TASK, 1)
    assert len(calls) == 2
    make_students("tiny", TASK, 1, adaptation="lora", rank=2)
    assert len(calls) == 3
    verdicts_module._found.clear()
    monkeypatch.setattr(verdicts_module.transformers, "__version__", "0")
    make_students("tiny", TASK, 1)
    assert len(calls) == 5


def test_a_damaged_verdict_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHGYM_CACHE", str(tmp_path))
    model = nn.Linear(1, 1)
    model.config = make_model().config
    assert verdicts_module.remembered(lambda: "first", model) == "first"
    (file,) = (tmp_path / "self-checks").iterdir()
    file.write_text("{")
    verdicts_module._found.clear()
    assert verdicts_module.remembered(lambda: "second", model) == "second"
