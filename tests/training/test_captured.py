"""Updates of padded batches on a CPU: those of unpadded ones, without a look at what they compute.

The capture itself needs a GPU; here its steps are run operation by operation.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import Gemma2Config, Gemma2ForCausalLM

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError
from teachgym.students.local.graphs import Graphs
from teachgym.students.local.layout import Layout
from teachgym.students.local.network import Network
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.weights import Weight
from teachgym.students.lora import LoRASettings
from teachgym.students.texts import Texts
from teachgym.training.captured import captures
from teachgym.training.contrast import Contrast
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.losses import Loss, Sft, Targets, cross_entropy
from teachgym.training.optimizers import AdamW, FusedAdamW
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example, TrainResult
from tests.students.models import CONTEXT, make_model, make_pool, scatter_adapters, students_of
from tests.students.waiting import forbid_waiting

WORDS = ["abcdefgh"[: 1 + i % 8] for i in range(12)]
DATA: Data = tuple(Example(f"copy {w}=", w[::-1], "copy", rejected="ba" + w) for w in WORDS)
PLAIN = LoRASettings(rank=4, dropout=0.0)


def taught(
    pool: StudentPool, *, rounds: int = 1, **settings: Any
) -> tuple[list[TrainResult], list[Mapping[str, np.ndarray]]]:
    """What training reports last, and the weights of all students of a pool, each on other data."""
    given = {"batch_size": 4, "learning_rate": 1e-2, "optimizer": "adamw", **settings}
    trainer, students = FineTuner(FineTuningSettings(**given)), students_of(pool)
    for number in range(rounds):
        data = [DATA[2 * k + number :] for k in range(pool.count)]
        rngs = [np.random.default_rng(10 * number + k) for k in range(pool.count)]
        results = trainer.train_together(students, data, rngs)
    return results, [student.save().arrays for student in students]


def compare(found: Any, expected: Any, atol: float = 2e-5) -> None:
    for ours, theirs in zip(found[0], expected[0], strict=True):
        assert ours.loss == pytest.approx(theirs.loss, abs=1e-5)
        np.testing.assert_allclose(ours.losses, theirs.losses, atol=5e-5)
    for ours, theirs in zip(found[1], expected[1], strict=True):
        for name, array in theirs.items():
            np.testing.assert_allclose(ours[name], array, rtol=0, atol=atol, err_msg=name)


# -- the same as unpadded ones ---------------------------------------------------------------


@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    ("loss", "optimizer", "lora", "count"),
    [
        ("sft", "adamw", PLAIN, 1),
        ("sft", "adamw", PLAIN, 3),
        ("sft", "muon", None, 1),
        ("sft", "muon", None, 3),
        ("dpo", "adamw", PLAIN, 2),
        ("simpo", "muon", None, 2),
        ("redi", "adamw", None, 1),
    ],
)
def test_updates_are_those_of_unpadded_batches(
    loss: str, optimizer: str, lora: LoRASettings | None, count: int
) -> None:
    """Six updates of the first student, who has 12 examples; the third has 8, and leaves early."""
    settings: dict[str, Any] = {"loss": loss, "optimizer": optimizer, "epochs": 2}
    expected = taught(make_pool(count, lora=lora), captured=False, **settings)
    compare(taught(make_pool(count, lora=lora), captured=True, **settings), expected)


@pytest.mark.parametrize("architecture", ["qwen2", "gpt2"])
def test_other_architectures_do_the_same(architecture: str) -> None:
    """Biases, learned positions, transposed matrices."""
    expected, found = (
        taught(make_pool(2, architecture=architecture, lora=PLAIN), captured=captured)
        for captured in (False, True)
    )
    compare(found, expected)


def test_batches_of_several_passes_do_the_same() -> None:
    expected, found = (
        taught(make_pool(2, lora=PLAIN), captured=captured, token_budget=40)
        for captured in (False, True)
    )
    compare(found, expected)


def test_logits_in_parts_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some rows at a time; where all must be there at once, the pass is not padded."""
    for loss in ("sft", "dpo"):
        expected = taught(make_pool(2, lora=PLAIN), captured=False, loss=loss)
        with monkeypatch.context() as patch:
            patch.setattr("teachgym.training.captured._LOGITS_AT_ONCE", 400)
            compare(taught(make_pool(2, lora=PLAIN), captured=True, loss=loss), expected)


def test_a_loss_that_compares_hidden_states_is_not_padded() -> None:
    triple = Example(
        "rev abc=", "cba", "rev", rejected="abc", soft_labels=(("cba", 0.5), ("c b a", 0.5))
    )
    losses = [
        FineTuner(FineTuningSettings(captured=captured, loss=Contrast()))
        .train(students_of(make_pool())[0], (triple, *DATA), np.random.default_rng(0))
        .losses
        for captured in (False, True)
    ]
    np.testing.assert_allclose(losses[1], losses[0], atol=5e-5)


def test_a_second_run_begins_afresh_and_finds_nothing_of_the_first() -> None:
    """Neither averages, nor what stood in buffers that a shorter batch does not fill."""
    expected, found = (
        taught(make_pool(2, lora=PLAIN), captured=captured, rounds=3) for captured in (False, True)
    )
    compare(found, expected, atol=1e-4)


@pytest.mark.parametrize("count", [1, 2])
def test_adapters_in_16_bits_learn_as_those_that_are_cast_in_every_layer(count: int) -> None:
    """What is computed is the same, so that results differ by the rounding of padded sums alone."""

    def pool() -> StudentPool:
        model, texts = make_model().to(torch.bfloat16), Texts(make_tokenizer(), CONTEXT)
        return StudentPool(
            model, texts, max_new_tokens=12, count=count, lora=PLAIN, dtype=torch.bfloat16
        )

    (expected, _), (found, weights) = (taught(pool(), captured=c) for c in (False, True))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=0.02)
    assert all(array.dtype == np.float32 for own in weights for array in own.values())


def test_a_student_is_its_own_reference_at_the_first_update() -> None:
    """So that the loss of each pair of the first batch is log 2."""
    pool = make_pool(2, lora=PLAIN)
    scatter_adapters(pool)
    results, _ = taught(pool, captured=True, loss="dpo", batch_size=12)
    for result in results:
        np.testing.assert_allclose(result.losses, np.log(2), rtol=2e-7)


def test_dropout_depends_on_the_seed_alone() -> None:
    lora = LoRASettings(rank=4, dropout=0.5)
    first, again = (taught(make_pool(lora=lora), captured=True) for _ in range(2))
    assert first[0][0].losses == again[0][0].losses
    assert first[0][0].loss != taught(make_pool(lora=PLAIN), captured=True)[0][0].loss


# -- what a capture needs --------------------------------------------------------------------


class Dispatched(TorchDispatchMode):
    """Counts operations."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.sweep(4)
@pytest.mark.parametrize("loss", ["sft", "dpo", "simpo", "redi"])
@pytest.mark.parametrize(
    ("optimizer", "lora", "count"),
    [("adamw", LoRASettings(rank=4), 1), ("adamw", LoRASettings(rank=4), 2), ("muon", None, 2)],
)
def test_no_step_looks_at_what_it_computes(
    loss: str, optimizer: str, lora: Any, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = forbid_waiting(monkeypatch)
    taught(make_pool(count, lora=lora), captured=True, loss=loss, optimizer=optimizer)
    assert keys


def test_steps_read_and_write_where_they_did_the_first_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first step of each key is run again instead of the later ones, as a graph would be."""
    first: dict[Any, Callable[[], None]] = {}

    def replay(self: Graphs, key: Any, step: Callable[[], None], state: Sequence[Any]) -> None:
        first.setdefault((id(self), key), step)()

    expected = taught(make_pool(2, lora=PLAIN), captured=True, rounds=2)
    monkeypatch.setattr(Graphs, "run", replay)
    found = taught(make_pool(2, lora=PLAIN), captured=True, rounds=2)
    assert found[0][0].losses == expected[0][0].losses
    for ours, theirs in zip(found[1], expected[1], strict=True):
        for name, array in theirs.items():
            np.testing.assert_array_equal(ours[name], array)
    assert len(first) < 2 * 5 * 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_operations_of_an_update_do_not_grow_with_the_weights(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clipping, AdamW and the copy in 16 bits: as many for one layer as for three."""
    run, counts = Graphs.run, []

    def counted(self: Graphs, key: Any, step: Callable[[], None], state: Sequence[Any]) -> None:
        with Dispatched() as dispatched:
            run(self, key, step, state)
        if key[0] == "apply":
            counts.append(dispatched.count)

    monkeypatch.setattr(Graphs, "run", counted)
    for n_layers in (1, 3):
        model = make_model(num_hidden_layers=n_layers).to(dtype)
        pool = StudentPool(
            model, Texts(make_tokenizer(), CONTEXT), max_new_tokens=12, lora=PLAIN, dtype=dtype
        )
        taught(pool, captured=True)
    assert len(set(counts)) == 1


@pytest.mark.parametrize("again", [copy.deepcopy, lambda of: pickle.loads(pickle.dumps(of))])
def test_a_copied_trainer_teaches_the_copied_students_the_same(again: Any) -> None:
    """What is captured is not copied: it reads and writes where the others' weights are."""
    students = students_of(make_pool(2, lora=PLAIN))
    trainer = FineTuner(FineTuningSettings(captured=True, optimizer="adamw", batch_size=4))

    def train(by: FineTuner, taught: Sequence[Any]) -> list[float]:
        rngs = [np.random.default_rng(k) for k in range(2)]
        return [result.loss for result in by.train_together(taught, [DATA] * 2, rngs)]

    train(trainer, students)
    other, copies = again((trainer, students))
    start = [student.save() for student in students]
    assert [student.save() for student in copies] == start
    assert train(other, copies) == train(trainer, students)
    for one, student, before in zip(copies, students, start, strict=True):
        assert one.save() == student.save() != before


@pytest.mark.parametrize(("dropout", "registered"), [(0.0, 0), (0.1, 2)])
def test_only_what_is_drawn_from_is_told_at_each_replay(dropout: float, registered: int) -> None:
    """A generator costs two launches there, which counts with many students."""
    trainer = FineTuner(FineTuningSettings(captured=True, optimizer="adamw"))
    kept = trainer._captured(make_pool(2, lora=LoRASettings(rank=2, dropout=dropout)))
    assert kept is not None
    assert len(kept._graphs._generators) == registered


def test_few_sizes_serve_many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty updates of batches of four with words of one to eight letters."""
    kept: list[Graphs] = []
    make = Graphs.__init__

    def remembered(self: Graphs, *args: Any) -> None:
        make(self, *args)
        kept.append(self)

    monkeypatch.setattr(Graphs, "__init__", remembered)
    (result,), _ = taught(make_pool(lora=PLAIN), captured=True, epochs=10)
    assert result.steps == 30
    assert max(len(graphs.keys) for graphs in kept) <= 8


# -- the optimizer ---------------------------------------------------------------------------


def test_the_fused_optimizer_is_ours() -> None:
    """Two students with one rate in the first update, then with rates of their own.

    The second leaves after three updates.
    """

    def weights() -> list[Weight]:
        made = []
        for i, shape in enumerate(((2, 5, 7), (2, 4))):
            generator = torch.Generator().manual_seed(i)
            weight = Weight(
                str(i), torch.nn.Parameter(torch.randn(shape, generator=generator)), True
            )
            weight.parameter.grad = torch.zeros(shape)
            made.append(weight)
        return made

    ours, theirs = weights(), weights()
    fused, plain = FusedAdamW(ours), AdamW(theirs)
    for step in range(6):
        generator = torch.Generator().manual_seed(100 + step)
        for one, other in zip(ours, theirs, strict=True):
            grad = torch.randn(one.values.shape, generator=generator)
            for weight in (one, other):
                assert weight.parameter.grad is not None
                weight.parameter.grad.copy_(grad)
        if step == 0:
            for optimizer in (fused, plain):
                optimizer.step(torch.tensor([0.05]), range(2))
            continue
        active = [0, 1] if step < 3 else [0]
        fused.step(torch.tensor([0.01, 0.1 if step < 3 else 0.0]), range(2))
        plain.step(torch.tensor([0.01, 0.1]), active)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.values, other.values, rtol=1e-6, atol=1e-6)


# -- who decides -----------------------------------------------------------------------------


def test_nothing_is_padded_on_a_cpu_unless_asked_for() -> None:
    pool = make_pool()
    assert not captures(pool, FineTuningSettings())
    assert captures(pool, FineTuningSettings(captured=True))
    with pytest.raises(ConfigError, match="captured"):
        FineTuningSettings(captured="yes")  # type: ignore[arg-type]


def test_on_a_gpu_passes_are_padded_where_torch_computes_the_attention() -> None:
    """Gemma 2 caps scores, which would be computed for each two tokens of a padded pass.

    A pool with nothing but what decides stands for one on a GPU.
    """
    gpu = torch.device("cuda")
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "head_dim": 16}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 40}
    capped = Gemma2ForCausalLM(Gemma2Config(**sizes, **heads))
    for model, strict, expected in (
        (make_model(), False, True),
        (make_model(), True, False),
        (capped, False, False),
    ):
        network = SimpleNamespace(device=gpu, scores_plainly=Network(model).scores_plainly)
        pool: Any = SimpleNamespace(network=network, layout=Layout(1, strict=strict))
        assert captures(pool, FineTuningSettings()) == expected
        assert captures(pool, FineTuningSettings(captured=True))


def test_a_loss_of_one_s_own_is_0_where_there_is_no_example() -> None:
    """It is 1 in each row that was filled up, if nobody takes care."""

    class Odd(Loss):
        def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
            return cross_entropy(logits, targets) * targets.weights + (targets.weights == 0)

    expected, found = (
        taught(make_pool(lora=PLAIN), captured=captured, loss=loss)
        for captured, loss in ((False, Sft()), (True, Odd()))
    )
    compare(found, expected)
