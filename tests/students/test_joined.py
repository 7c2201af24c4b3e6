"""One product for adapters that read the same: what each would have computed by itself."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from teachgym.students import joined
from teachgym.students.joined import Siblings
from teachgym.students.local.layout import Layout
from teachgym.students.local.pool import StudentPool
from teachgym.students.lora import LoRALinear, LoRASettings
from teachgym.students.products import AdaptedProducts, computes
from teachgym.students.self_check import why_not_trained
from teachgym.training.captured import CapturedUpdates
from teachgym.training.datum import encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.losses import Sft
from teachgym.training.settings import FineTuningSettings
from teachgym.training.updates import differentiate, in_training
from teachgym.types import Prompt
from tests.students.models import make_pool, scatter_adapters, students_of
from tests.training.test_captured import DATA

SEEDS = (11, 12, 13)


@contextmanager
def apart() -> Iterator[None]:
    """Within, every adapter that is made has a product of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joined, "SIBLINGS", ())
        yield


def pools(count: int, dropout: float, **others: Any) -> tuple[StudentPool, StudentPool]:
    """Equal students with joined factors, and with factors of their own."""
    lora = LoRASettings(rank=4, dropout=dropout)
    one = make_pool(count, lora=lora, **others)
    with apart():
        other = make_pool(count, lora=lora, **others)
    scatter_adapters(one)
    for student in range(count):
        other.restore(student, one.save(student))
    return one, other


def gradients(pool: StudentPool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Losses of the students, each on other data, and the gradients of their weights."""
    now = [encode(pool.texts, DATA[2 * k : 6 + 3 * k]) for k in range(pool.count)]
    generators = [torch.Generator() for _ in now]
    with in_training(pool, generators, SEEDS[: pool.count]):
        losses = differentiate(pool, now, Sft(), 10**6)
        found = {w.name: w.grad.clone() for w in pool.weights if w.grad is not None}
    return losses, found


@pytest.mark.sweep(7)  # Each architecture, with dropout and without, alone and among others.
@pytest.mark.parametrize(
    ("architecture", "dtype", "allowed"),
    [
        ("llama", torch.float32, 1e-5),
        ("llama", torch.float64, 1e-13),
        ("qwen2", torch.float64, 1e-13),
        ("gpt2", torch.float64, 1e-13),
    ],
)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("count", [1, 3])
def test_losses_and_gradients_are_those_of_products_apart(
    count: int, dropout: float, architecture: str, dtype: torch.dtype, allowed: float
) -> None:
    """Of three students with 6, 7 and 8 texts; dropout draws the same masks in either case."""
    made = pools(count, dropout, architecture=architecture)
    for pool in made:
        pool.network.model.to(dtype)
    one, other = map(gradients, made)
    torch.testing.assert_close(one[0], other[0], rtol=allowed, atol=0)
    assert one[1].keys() == other[1].keys()
    assert len(one[1]) == 2 * (8 if architecture == "gpt2" else 14)
    for name, gradient in other[1].items():
        assert (one[1][name] - gradient).norm() <= allowed * gradient.norm(), name


@pytest.mark.parametrize("count", [1, 3])
def test_checkpoints_names_and_answers_stay(count: int) -> None:
    """In slots for three students, whose adapters are not merged; alone a student is."""
    one, other = pools(count, 0.05)
    assert [w.name for w in one.weights] == [w.name for w in other.weights]
    prompts = [[f"copy {'abcdef'[: k + 2]}=" for k in range(5)]] * count
    for student in range(count):
        assert one.save(student) == other.save(student)
        assert one.fingerprint(student) == other.fingerprint(student)
    asked = [[Prompt(text) for text in own] for own in prompts]
    found, expected = (
        students_of(pool)[0].generate_together(students_of(pool), asked) for pool in (one, other)
    )
    assert found == expected
    assert why_not_trained(one) == ""


class Operations(TorchDispatchMode):
    """Counts operations by name, but for those that compute nothing."""

    VIEWS = (
        *("alias", "as_strided", "detach", "expand", "permute", "select", "slice", "split"),
        *("split_with_sizes", "squeeze", "t", "transpose", "unbind", "unsqueeze", "view"),
        *("_unsafe_view", "_reshape_alias"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        of_lists = name.startswith("_foreach") or name.startswith("_fused")
        self.counts[name] += len(args[0]) if of_lists else name not in self.VIEWS
        return func(*args, **(kwargs or {}))

    @property
    def products(self) -> int:
        """Products of matrices."""
        return sum(self.counts[name] for name in ("mm", "bmm", "_grouped_mm"))


def operations(pool: StudentPool) -> Operations:
    """Of an update, captured, in which every student learns the same texts of equal length."""
    data = encode(pool.texts, DATA[2:4] * 2)
    updates = CapturedUpdates(pool, FineTuningSettings(optimizer="adamw"), Sft())
    with updates.training([1] * pool.count, SEEDS[: pool.count]), Operations() as found:
        updates.differentiate([data] * pool.count)
        updates.apply(0)
    return found


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("count", "dropout", "expected"),
    [(1, 0.0, (148, 163)), (1, 0.3, (178, 212)), (3, 0.0, (148, 163)), (3, 0.3, (200, 247))],
)
def test_a_layer_has_nine_products_less(
    count: int, dropout: float, expected: tuple[int, int]
) -> None:
    """Three, forward and for each of two gradients, become one; two become one: (2 + 1) * 3.

    Of the second layer, since the input of the first has no gradient. What is expected are all of
    its operations, joined and apart: sums of gradients and masks are fewer, too.
    """
    counted = []
    for n_layers in (1, 2):
        made = pools(count, dropout, num_hidden_layers=n_layers)
        for pool in made:
            pool.layout.strict = False
        counted.append([operations(pool) for pool in made])
    one, other = zip(*counted, strict=True)  # of a layer and of two, joined and apart
    products, everything = (
        tuple(of(two) - of(first) for first, two in (one, other))
        for of in (lambda o: o.products, lambda o: o.counts.total())
    )
    assert products[1] - products[0] == 9
    assert everything == expected


def test_layers_that_read_different_tensors_have_products_of_their_own() -> None:
    """The second layer is handed another tensor, then the first one again, then both the same."""
    layout, settings = Layout(1), LoRASettings(rank=2)
    siblings = Siblings(2, (1, 3, 2), dropout=0.0, layout=layout, device=torch.device("cpu"))
    layers = [LoRALinear(torch.nn.Linear(3, 4), settings, siblings, n) for n in range(2)]
    for parameter in (siblings.weight, *(layer.lora_B for layer in layers)):
        torch.nn.init.normal_(parameter)
    x, y = torch.randn(5, 3), torch.randn(4, 3)
    for rows, number in ((x, 0), (y, 1), (x, 0), (x, 1), (x, 0), (x, 0)):
        layer = layers[number]
        a, b = layer.lora_A[0], layer.lora_B[0]
        expected = layer.base(rows) + settings.scale * rows @ a @ b
        torch.testing.assert_close(layer(rows), expected)
        assert (siblings._read is None) == (not siblings._begun)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_layers_that_read_different_tensors_do_not_compute_for_each_other(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in cross-attention, where queries are of other texts than keys and values.

    On a GPU the first pass shows that they differ.
    """
    monkeypatch.setattr("teachgym.students.products.DEVICES", ("cpu",) if device == "cuda" else ())
    layout, settings = Layout(1, strict=False), LoRASettings(rank=2)
    siblings = Siblings(3, (1, 3, 2), dropout=0.0, layout=layout, device=torch.device("cpu"))
    q, k, v = (LoRALinear(torch.nn.Linear(3, 4), settings, siblings, n) for n in range(3))
    for parameter in (siblings.weight, *(layer.lora_B for layer in (q, k, v))):
        torch.nn.init.normal_(parameter)
    for number in range(3):
        x, y = torch.randn(5, 3), torch.randn(5, 3)
        with layout.blocks([5]), Operations() as found:
            outputs = [layer(rows) for layer, rows in ((q, x), (k, y), (v, y))]
        assert found.counts["addmm"] == (5 if device == "cuda" and number == 0 else 3)
        for layer, rows, output in zip((q, k, v), (x, y, y), outputs, strict=True):
            a, b = layer.lora_A[0], layer.lora_B[0]
            torch.testing.assert_close(output, layer.base(rows) + settings.scale * rows @ a @ b)


@pytest.mark.sweep(7)  # Each architecture, captured and not, alone and among others.
@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("architecture", "dropout"), [("llama", 0.0), ("qwen2", 0.0), ("qwen2", 0.3)]
)
def test_what_gpus_compute_in_fewer_operations_is_the_same(
    architecture: str,
    dropout: float,
    count: int,
    captured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Losses and weights after five updates, and greedy answers in slots; on a CPU here."""

    def found() -> Any:
        lora = LoRASettings(rank=4, dropout=dropout)
        pool = make_pool(count, architecture=architecture, lora=lora)
        pool.layout.strict = False
        scatter_adapters(pool)
        students = students_of(pool)
        trainer = FineTuner(FineTuningSettings(batch_size=2, captured=captured, optimizer="adamw"))
        rngs = [np.random.default_rng(k) for k in range(count)]
        losses = [r.losses for r in trainer.train_together(students, [DATA[:6]] * count, rngs)]
        asked = [[Prompt(f"copy {'abcdef'[: k + 2]}=") for k in range(5)]] * count
        weights = [array for s in students for array in s.save().arrays.values()]
        return losses, weights, students[0].generate_together(students, asked)

    plain = found()
    called, apply = [0], AdaptedProducts.apply

    def counted(*arguments: Any) -> Any:
        called[0] += 1
        return apply(*arguments)

    monkeypatch.setattr("teachgym.students.products.DEVICES", ("cpu",))
    monkeypatch.setattr(AdaptedProducts, "apply", counted)
    losses, weights, answers = found()
    assert called[0] > 0
    np.testing.assert_allclose(losses, plain[0], rtol=1e-5)
    for one, other in zip(weights, plain[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    assert answers == plain[2]


def test_copies_do_without_what_a_failed_pass_has_left() -> None:
    """A query whose keys and values were never asked for, with a graph of its own."""
    pool = make_pool(lora=LoRASettings(rank=2))
    attention = pool.network.model.model.layers[0].self_attn
    with pool.layout.blocks([3]):
        attention.q_proj(torch.randn(3, 32, requires_grad=True))
    assert attention.q_proj.first._begun
    copied = copy.deepcopy(attention)
    assert copied.q_proj.first._begun == {}
    assert copied.q_proj.first.layers[1] is copied.k_proj


def test_a_layer_with_code_of_its_own_is_called() -> None:
    """Quantised layers are linear ones by name alone."""

    class Quantised(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).round()

    layout = Layout(1)
    with layout.blocks([2]), pytest.MonkeyPatch.context() as patch:
        patch.setattr("teachgym.students.products.DEVICES", ("cpu",))
        assert computes(torch.zeros(2, 3), [torch.nn.Linear(3, 4)], layout)
        assert not computes(torch.zeros(2, 3), [Quantised(3, 4)], layout)
