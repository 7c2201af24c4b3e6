"""What only a GPU can show: kernels, graphs, precision and memory. Run with: pytest -m gpu."""

from __future__ import annotations

import copy
import pickle
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Phi3Config, Phi3ForCausalLM

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.students.local import decoding, generation
from teachgym.students.local.pool import StudentPool
from teachgym.students.lora import LoRASettings
from teachgym.students.self_check import why_not_local
from teachgym.students.texts import Texts
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example, Prompt
from tests.students.models import CONTEXT, make_model, scatter_adapters, students_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
PROMPTS = [Prompt(f"copy {'abcdefgh'[: 1 + i % 8]}=") for i in range(60)]
WIDE = {"hidden_size": 256, "intermediate_size": 512}
"""Heads of 64, which flash attention takes."""


def pool_on(
    device: str,
    count: int = 1,
    dtype: Any = torch.float32,
    *,
    dropout: float = 0.0,
    rope: Any = None,
    **settings: Any,
) -> StudentPool:
    model = make_model(**WIDE, rope_parameters=rope).to(device, dtype)
    return StudentPool(
        model,
        Texts(make_tokenizer(), CONTEXT),
        max_new_tokens=12,
        count=count,
        dtype=dtype,
        lora=LoRASettings(rank=8, dropout=dropout),
        **settings,
    )


def data_for(student: int, count: int = 20) -> Data:
    words = ["abcdefgh"[: 1 + (i * (student + 1)) % 8] for i in range(count)]
    return tuple(Example(f"copy {w}=", w[::-1], "copy", rejected=f"{w}x") for w in words)


def train(pool: StudentPool, **others: Any) -> list[float]:
    """Losses after five updates an epoch; in 16 bits at a rate at which rounding stays small."""
    others.setdefault("learning_rate", 1e-2 if pool.dtype == torch.float32 else 1e-3)
    settings = FineTuningSettings(batch_size=4, optimizer="adamw", **others)
    students = students_of(pool)
    rngs = [np.random.default_rng(k) for k in range(pool.count)]
    data = [data_for(k) for k in range(pool.count)]
    return [r.loss for r in FineTuner(settings).train_together(students, data, rngs)]


def test_a_gpu_learns_and_answers_as_a_cpu_does_in_32_bits() -> None:
    """Losses to 1e-3 after five updates, and the same greedy tokens of the untrained student."""
    cpu, gpu = pool_on("cpu"), pool_on("cuda")
    assert students_of(gpu)[0].generate(PROMPTS) == students_of(cpu)[0].generate(PROMPTS)
    assert train(gpu) == pytest.approx(train(cpu), rel=1e-3)


def test_packed_attention_in_16_bits_is_near_that_in_32() -> None:
    found = train(pool_on("cuda", dtype=torch.bfloat16), learning_rate=1e-2)
    assert found == pytest.approx(train(pool_on("cpu")), rel=0.05)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_captured_steps_give_the_tokens_of_eager_ones(
    dtype: torch.dtype, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One student answers merged; of two, the first is asked too little for that."""
    monkeypatch.setitem(generation._SLOTS, "cuda", 64)  # so that slots are used again
    eager, graphs = (pool_on("cuda", count, dtype, graphs=g) for g in (False, True))
    cpu = pool_on("cpu")
    scatter_adapters(cpu)
    for pool in (eager, graphs):
        pool.restore(0, cpu.save(0))
    expected = students_of(eager)[0].generate(PROMPTS * 4)
    for _ in range(2):
        assert students_of(graphs)[0].generate(PROMPTS * 4) == expected


def test_slots_follow_the_questions_and_the_memory() -> None:
    pool = pool_on("cuda", dtype=torch.bfloat16)
    students_of(pool)[0].generate(PROMPTS * 20)
    assert pool.answer._decoders[False].decoder.n_slots == 1536


def test_what_prompts_share_is_read_once_and_answers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """In 32 bits, where another kernel for the rest of a prompt flips no token."""
    (student,) = students_of(pool_on("cuda"))
    whole = student.generate(PROMPTS)
    monkeypatch.setattr(decoding, "PREFIX_FROM", 4)
    assert student.generate(PROMPTS) == whole


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("loss", ["sft", "simpo"])
def test_captured_updates_are_those_of_eager_ones(loss: str, dtype: torch.dtype) -> None:
    """Losses of ten updates of two students; in 32 bits their weights, too."""
    pools = [pool_on("cuda", 2, dtype) for _ in range(2)]
    eager, captured = (
        train(pool, captured=number == 1, loss=loss, epochs=2) for number, pool in enumerate(pools)
    )
    exact = dtype == torch.float32
    assert captured == pytest.approx(eager, rel=1e-3 if exact else 0.02)
    for one, other in zip(*map(students_of, pools), strict=True):
        for name, array in one.save().arrays.items() if exact else ():
            np.testing.assert_allclose(other.save().arrays[name], array, rtol=0, atol=1e-3)


# Of torch's own compiler, on Python 3.12.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("option", "captured"), [("fused", False), ("fused", True), ("compiled", True)]
)
def test_kernels_and_compiled_layers_learn_what_plain_ones_do(
    option: str, captured: bool, dtype: torch.dtype
) -> None:
    """Two students, ten updates."""
    if option == "fused":
        pytest.importorskip("liger_kernel")
    found, plain = (
        train(
            pool_on("cuda", 2, dtype),
            captured=captured,
            epochs=2,
            **{"fused": False, "compiled": False, option: chosen},
        )
        for chosen in (True, False)
    )
    assert found == pytest.approx(plain, rel=1e-3 if dtype == torch.float32 else 0.02)


@pytest.mark.parametrize("count", [1, 2])
def test_joined_adapters_learn_what_those_apart_do(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = pool_on("cuda", count)
    monkeypatch.setattr("teachgym.students.joined.SIBLINGS", ())
    assert train(one) == pytest.approx(train(pool_on("cuda", count)), rel=1e-4)


def test_replayed_updates_draw_new_dropout_and_repeat_a_seed() -> None:
    (student,) = students_of(pool_on("cuda", dtype=torch.bfloat16, dropout=0.5))
    trainer, start = FineTuner(FineTuningSettings(batch_size=4, epochs=4)), student.save()
    losses = []
    for seed in (0, 0, 1):
        student.restore(start)
        losses.append(trainer.train(student, data_for(0), np.random.default_rng(seed)).loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] != losses[2]


def test_strict_students_learn_the_same_bits_alone_and_among_others() -> None:
    together = pool_on("cuda", 3, torch.bfloat16, strict=True)
    train(together)
    for k, student in enumerate(students_of(together)):
        (alone,) = students_of(pool_on("cuda", 1, torch.bfloat16, strict=True))
        settings = FineTuningSettings(batch_size=4, learning_rate=1e-2, optimizer="adamw")
        FineTuner(settings).train(alone, data_for(k), np.random.default_rng(k))
        assert alone.save() == student.save()


def test_a_hundred_steps_need_no_more_memory_and_no_new_graphs() -> None:
    pool = pool_on("cuda", 2, torch.bfloat16)
    students = students_of(pool)
    start = students[0].save()

    def cycle() -> int:
        for student in students:
            student.restore(start)
        train(pool)
        students[0].generate_together(students, [PROMPTS[:5], PROMPTS[5:9]])
        return torch.cuda.memory_allocated()

    cycle()
    after_first = cycle()
    assert max(cycle() for _ in range(98)) <= after_first + 2**20


@pytest.mark.parametrize("count", [1, 2])
def test_a_models_own_code_gives_what_kernels_give(count: int) -> None:
    """Losses of ten updates, and almost all greedy tokens, with Liger's kernels if it is there."""
    pools = [pool_on("cuda", count, torch.bfloat16) for _ in range(2)]
    names = {replacement.name for replacement in pools[0].network.kernels}
    assert names >= (
        {"forward", "apply_rotary_pos_emb"} if find_spec("liger_kernel") else {"forward"}
    )
    pools[1].network.kernels = ()
    asked = [PROMPTS] * count
    one, other = (students_of(p)[0].generate_together(students_of(p), asked) for p in pools)
    pairs = [pair for k in range(count) for pair in zip(one[k], other[k], strict=True)]
    assert sum(a == b for a, b in pairs) >= 0.8 * len(pairs)
    assert train(pools[0], epochs=2) == pytest.approx(train(pools[1], epochs=2), rel=0.02)


@pytest.mark.parametrize("count", [1, 2])
def test_sums_within_products_learn_what_sums_apart_do(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = train(pool_on("cuda", count), captured=True)
    monkeypatch.setattr("teachgym.students.products.DEVICES", ())
    assert found == pytest.approx(train(pool_on("cuda", count), captured=True), rel=1e-3)


def test_a_model_that_waits_for_the_device_does_without_graphs() -> None:
    """Its angles depend on the largest position; afterwards numbers are drawn and memory is freed.

    Had a capture been tried, torch 2.11 would do neither.
    """
    rope = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    pool = pool_on("cuda", 2, torch.bfloat16, dropout=0.5, rope=rope)
    with pytest.warns(UserWarning, match="cannot be captured.*waits for the device"):
        losses = train(pool, epochs=4)
    with pytest.warns(UserWarning, match="cannot be captured.*waits for the device"):
        students_of(pool)[0].generate(PROMPTS[:5])
    assert np.isfinite(losses).all()
    torch.cuda.empty_cache()
    assert 0 <= float(torch.rand(1, device="cuda")) < 1
    assert torch.cuda.current_stream() == torch.cuda.default_stream()


def test_heads_that_are_turned_in_part_suit_the_local_backend() -> None:
    """Liger's kernel, if it is there, would turn them wrongly."""
    sizes = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 48}
    rope = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}
    config = Phi3Config(**sizes, **heads, pad_token_id=0, rope_parameters=rope)
    model = Phi3ForCausalLM(config).eval().to("cuda", torch.bfloat16)
    assert why_not_local(model) == ""


@pytest.mark.parametrize("again", [copy.deepcopy, lambda pool: pickle.loads(pickle.dumps(pool))])
def test_a_copied_pool_learns_what_the_first_does(again: Any) -> None:
    pool = pool_on("cuda", 2)
    copied = again(pool)
    assert train(copied) == pytest.approx(train(pool), rel=1e-4)
    for one, other in zip(students_of(copied), students_of(pool), strict=True):
        for name, array in one.save().arrays.items():
            np.testing.assert_allclose(other.save().arrays[name], array, rtol=0, atol=1e-4)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_student_on_the_second_gpu_learns_and_answers_as_on_the_first() -> None:
    for dtype, allowed in ((torch.float32, 1e-4), (torch.bfloat16, 0.02)):
        first, second = (pool_on(device, 1, dtype) for device in ("cuda:0", "cuda:1"))
        own, other = (students_of(pool)[0].generate(PROMPTS) for pool in (first, second))
        assert own == other
        assert train(second, epochs=2) == pytest.approx(train(first, epochs=2), rel=allowed)
    assert torch.cuda.current_device() == 0
