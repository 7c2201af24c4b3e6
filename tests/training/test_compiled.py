"""Layers that are compiled one by one learn what the others do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from teachgym.errors import ConfigError
from teachgym.students.lora import LoRASettings
from teachgym.training import compiled
from teachgym.training.compiled import compiles, layers_of
from teachgym.training.settings import FineTuningSettings
from tests.students.models import make_pool
from tests.training.test_captured import PLAIN, compare, taught

pytestmark = [  # torch's own
    pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def with_backend(monkeypatch: pytest.MonkeyPatch, backend: Any) -> None:
    monkeypatch.setattr(compiled, "_BACKEND", backend)


def test_compiled_layers_learn_what_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses and weights of padded passes of several sizes; afterwards nothing is compiled."""
    with_backend(monkeypatch, "eager")
    expected = taught(make_pool(lora=PLAIN), captured=True)
    pool = make_pool(lora=PLAIN)
    compare(taught(pool, captured=True, compiled=True), expected, atol=1e-6)
    assert all("forward" not in vars(layer) for layer in layers_of(pool.network.model))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "count", "captured"),
    [
        ("aot_eager", 1, False),
        ("aot_eager", 1, True),
        ("aot_eager", 2, True),
        ("inductor", 1, False),
        ("inductor", 2, True),
    ],
)
def test_code_of_other_kinds_learns_the_same(
    backend: str, count: int, captured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights to what AdamW makes of roundings, as of padded passes."""
    if backend == "inductor" and not shutil.which("g++"):
        pytest.skip("inductor compiles for CPUs with g++")
    with_backend(monkeypatch, backend)
    settings: dict[str, Any] = {"captured": captured, "token_budget": 60}
    expected = taught(make_pool(count, lora=PLAIN), **settings)
    compare(taught(make_pool(count, lora=PLAIN), compiled=True, **settings), expected)


@pytest.mark.slow
def test_all_layers_share_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many graphs for four layers as for two."""
    counts = []
    for n_layers in (2, 4):
        torch.compiler.reset()
        counter = CompileCounterWithBackend("eager")
        with_backend(monkeypatch, counter)
        taught(make_pool(lora=PLAIN, num_hidden_layers=n_layers), captured=True, compiled=True)
        counts.append(counter.frame_count)
    assert counts[0] == counts[1] > 0


def test_what_cannot_be_compiled_is_refused_in_words() -> None:
    asked = FineTuningSettings(compiled=True)
    with pytest.raises(ConfigError, match=r"compiled is True, but .*dropout=0"):
        compiles(make_pool(lora=LoRASettings(rank=4, dropout=0.1)), asked)
    with pytest.raises(ConfigError, match="whole models are stacked"):
        compiles(make_pool(2), asked)
    several = make_pool(2, lora=PLAIN)
    with pytest.raises(ConfigError, match="captured=True"):
        compiles(several, asked)
    assert compiles(several, FineTuningSettings(compiled=True, captured=True))
    assert not compiles(make_pool(2), FineTuningSettings())
