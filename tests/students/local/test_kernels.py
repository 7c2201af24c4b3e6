"""Kernels in the place of a model's own code: when, and with the same results."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import Gemma2Config, Gemma2ForCausalLM, Phi3Config, Phi3ForCausalLM
from transformers.models.llama import modeling_llama

from teachgym.students.local import kernels
from teachgym.students.local.kernels import replaced, replacements
from teachgym.students.local.merging import Merged
from teachgym.students.local.network import Network
from teachgym.students.lora import LoRASettings
from tests.students.models import ARCHITECTURES, make_model, make_pool

CALLS: list[str] = []


class Named(TorchDispatchMode):
    """Notes the names of operations."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


class SiLUMul:
    """In the place of Liger's function."""

    @staticmethod
    def apply(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        CALLS.append("gated")
        return F.silu(a) * b


class Rope:
    """In the place of Liger's function, which takes one text here."""

    @staticmethod
    def apply(q: torch.Tensor, k: torch.Tensor, cos: Any, sin: Any) -> Any:
        CALLS.append("rotary")
        assert q.shape[0] == k.shape[0] == cos.shape[0] == sin.shape[0] == 1
        assert q.transpose(1, 2).is_contiguous()

        def turn(x: torch.Tensor) -> torch.Tensor:
            half = torch.cat([-x[..., x.shape[-1] // 2 :], x[..., : x.shape[-1] // 2]], -1)
            return x * cos[:, None] + half * sin[:, None]

        return turn(q), turn(k)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels run on CPUs, and Liger's are there."""
    for name, function in (("swiglu", SiLUMul), ("rope", Rope)):
        module = ModuleType(f"liger_kernel.ops.{name}")
        own = {"swiglu": "LigerSiLUMulFunction", "rope": "LigerRopeFunction"}[name]
        setattr(module, own, function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for package in ("liger_kernel", "liger_kernel.ops"):
        made = ModuleType(package)
        made.__spec__ = ModuleSpec(package, None)
        monkeypatch.setitem(sys.modules, package, made)
    monkeypatch.setattr(kernels, "_takes", lambda x: True)
    CALLS.clear()
    forget()
    yield
    forget()


def forget() -> None:
    """Forget the kernels of other fixtures."""
    for known in (kernels._norm, kernels._gated, kernels._rotary, kernels._rotation):
        known.cache_clear()
    kernels._has_liger.cache_clear()


def hidden(model: Any, *, rows: int) -> torch.Tensor:
    """Hidden states of 3 tokens in each of some rows, by the model's own attention."""
    ids = torch.arange(3 * rows).view(rows, 3) % 40
    positions = torch.arange(3).expand(rows, -1)
    output: Any = model.base_model(input_ids=ids, position_ids=positions, use_cache=False)
    states: torch.Tensor = output.last_hidden_state
    return states


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rows", [1, 4])
def test_a_model_computes_the_same_with_kernels(architecture: str, rows: int) -> None:
    """Hidden states and gradients to 1e-4; llama and its like are replaced in three places."""
    model = make_model(architecture)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    those, states, gradients = replacements(model), [], []
    CALLS.clear()
    for used in ((), those):
        model.zero_grad()
        with replaced(used):
            found = hidden(model, rows=rows)
            found.square().sum().backward()
        states.append(found.detach())
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    torch.testing.assert_close(*states, rtol=1e-4, atol=1e-4)
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() <= 1e-4 * other.norm() + 1e-6
    if architecture in ("llama", "qwen2"):
        assert {one.name for one in those} == {"forward", "apply_rotary_pos_emb"}
        assert len(those) == 3
        assert ["rotary", "gated"] * model.config.num_hidden_layers == CALLS


def test_afterwards_the_code_is_the_models_own_again() -> None:
    own = modeling_llama.LlamaRMSNorm.forward, modeling_llama.apply_rotary_pos_emb
    those = replacements(make_model())
    with suppress(ZeroDivisionError), replaced(those):
        assert modeling_llama.LlamaRMSNorm.forward is not own[0]
        raise ZeroDivisionError
    assert (modeling_llama.LlamaRMSNorm.forward, modeling_llama.apply_rotary_pos_emb) == own


def test_heads_that_are_turned_in_part_are_turned_by_the_models_own_code() -> None:
    """As those of Phi-4 and Pythia: the kernel takes angles for the whole of a head."""
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "vocab_size": 40}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "pad_token_id": 0}
    model = Phi3ForCausalLM(Phi3Config(**sizes, **heads, rope_parameters=rope)).eval()
    expected, those = hidden(model, rows=2), replacements(model)
    CALLS.clear()
    with replaced(those):
        torch.testing.assert_close(hidden(model, rows=2), expected)
    assert {one.name for one in those} >= {"apply_rotary_pos_emb"}
    assert "rotary" not in CALLS


def test_turned_heads_get_their_gradients_without_a_copy() -> None:
    """An index into the one text would have its gradients written into zeros first."""
    (rotation,) = (one for one in replacements(make_model()) if "rotary" in one.name)
    q, k = (torch.randn(1, 3, n, 8, requires_grad=True) for n in (4, 2))
    cos, sin = (torch.randn(1, 3, 4).repeat(1, 1, 2) for _ in range(2))
    found, own = (
        turn(q.transpose(1, 2), k.transpose(1, 2), cos, sin)
        for turn in (rotation.kernel, rotation.own)
    )
    with Named() as named:
        gradients = torch.autograd.grad([x.sin().sum() for x in found], (q, k))
    assert "select_backward" not in named.names
    for one, other in zip(
        gradients, torch.autograd.grad([x.sin().sum() for x in own], (q, k)), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kernel", ["SiLUMul", "Rope"])
def test_a_kernel_that_computes_something_else_is_not_used(
    kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for another activation, or for positions that turn other pairs of numbers."""
    model = make_model()
    assert len(replacements(model)) == 3
    wrong = {"SiLUMul": lambda a, b: F.gelu(a) * b, "Rope": lambda q, k, *_: (q, k)}[kernel]
    monkeypatch.setattr(globals()[kernel], "apply", wrong)
    assert len(replacements(model)) == 2


def test_a_norm_that_counts_its_weights_from_one_keeps_its_code() -> None:
    """Gemma multiplies with 1 + weight."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "head_dim": 16}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 40}
    model = Gemma2ForCausalLM(Gemma2Config(**sizes, **heads))
    holders = [one.holder.__name__ for one in replacements(model)]
    assert sorted(holders) == ["Gemma2MLP", Gemma2ForCausalLM.__module__]
    with replaced(replacements(model)):
        hidden(model, rows=2)
    assert "gated" not in CALLS  # it is gated by GELU, and keeps its code


class PlainMLP(torch.nn.Module):
    """A gated layer as transformers writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = torch.nn.Linear(8, 16), torch.nn.Linear(8, 16)
        self.down_proj, self.act_fn = torch.nn.Linear(16, 8), torch.nn.SiLU()

    def forward(self, x: torch.Tensor) -> Any:
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


class ClampedMLP(PlainMLP):
    """The same with a limit that usual numbers do not reach."""

    def forward(self, x: torch.Tensor) -> Any:
        gate = self.gate_proj(x).clamp(max=10.0)
        return self.down_proj(self.act_fn(gate) * self.up_proj(x))


class WeightlessRMSNorm(torch.nn.Module):
    """A norm whose weight may be left out."""

    def __init__(self, *, weighted: bool = False, factor: float = 1.0) -> None:
        super().__init__()
        self.eps, self.factor = 1e-5, factor
        if weighted:
            self.weight = torch.nn.Parameter(torch.rand(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.factor * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)
        return normed * self.weight if "weight" in self._parameters else normed


def test_a_layer_that_does_more_than_the_kernel_keeps_its_code() -> None:
    assert len(replacements(torch.nn.ModuleList([PlainMLP(), PlainMLP()]))) == 1
    other = PlainMLP()
    other.act_fn = torch.nn.GELU()  # type: ignore[assignment]
    together = torch.nn.ModuleList([PlainMLP(), other])
    (one,) = replacements(together)  # and the other one's own code is called
    with replaced([one]):
        x, CALLS[:] = torch.randn(3, 8), []
        torch.testing.assert_close(other(x), other.down_proj(
            F.gelu(other.gate_proj(x)) * other.up_proj(x)))  # fmt: skip
    assert CALLS == []
    assert replacements(ClampedMLP()) == ()


def test_norms_without_a_weight_keep_their_code_and_one_that_differs_keeps_that_of_all() -> None:
    norms = torch.nn.ModuleList([WeightlessRMSNorm(weighted=w) for w in (True, False)])
    x = 7 * torch.randn(3, 8)
    expected = [norm(x) for norm in norms]
    those = replacements(norms)
    assert len(those) == 1
    with replaced(those):
        for norm, own in zip(norms, expected, strict=True):
            torch.testing.assert_close(norm(x), own)
            torch.testing.assert_close(norm(x=x), own)
    factors = torch.nn.ModuleList([WeightlessRMSNorm(weighted=True, factor=f) for f in (1.0, 2.0)])
    assert replacements(factors) == ()


def test_a_merged_copy_has_the_kernels_of_its_source() -> None:
    pool = make_pool(lora=LoRASettings(rank=2))
    pool.network.kernels = replacements(make_model())
    merged = Merged(pool.network, pool.adapters, torch.float32)
    assert merged.network.kernels is pool.network.kernels


def test_a_cpu_has_none_and_pickles_neither() -> None:
    network = Network(make_model())
    assert network.kernels == ()
    network.kernels = replacements(network.model)
    assert pickle.loads(pickle.dumps(network)).kernels == ()
