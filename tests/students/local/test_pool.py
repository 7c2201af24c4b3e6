"""K students around one model: equal at first, independent ever after, put back in place."""

from __future__ import annotations

import gc
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError
from teachgym.students.local.layout import Layout
from teachgym.students.local.network import Network, context_of
from teachgym.students.local.pool import StudentPool
from teachgym.students.lora import LoRASettings, add_adapters, to_adapt
from teachgym.students.texts import Texts
from teachgym.training.datum import encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.forward import run_pass
from teachgym.training.losses import Sft
from teachgym.training.packing import passes
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Checkpoint, Data, Example, Prompt
from tests.students.models import (
    ARCHITECTURES,
    CONTEXT,
    make_model,
    make_pool,
    scatter_adapters,
    students_of,
)

WORDS = ("ab", "abc", "abcd", "x", "xyz", "hello", "q", "word", "lmno", "ba")
ADAPTATIONS = [
    pytest.param(LoRASettings(rank=4, dropout=0.1), id="lora"),
    pytest.param(None, id="full"),
]


def data_for(student: int, count: int = 9) -> Data:
    words = [WORDS[(i * (student + 1)) % len(WORDS)] for i in range(count)]
    return tuple(Example(f"copy {word}=", word[::-1], "copy") for word in words)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- the network in pieces -------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_packed_texts_have_the_logits_each_has_alone(architecture: str) -> None:
    """Texts of 4, 4, 1 and 7 tokens; no token may see another text."""
    model = make_model(architecture)
    texts = [[3, 4, 5, 6], [7, 8, 9, 10], [9], [3, 4, 5, 6, 7, 8, 9]]
    network = Network(model)
    with torch.no_grad():
        alone = torch.cat([model(torch.tensor([t])).logits[0] for t in texts])
        packed = network.logits(network.packed_hidden(texts))
    torch.testing.assert_close(packed, alone, rtol=1e-4, atol=1e-5)


def test_to_everyone_else_the_model_is_an_ordinary_one() -> None:
    model = make_model()
    before = model(torch.tensor([[3, 4, 5]])).logits
    network = Network(model)
    network.packed_hidden([[3, 4], [5]])
    assert torch.equal(model(torch.tensor([[3, 4, 5]])).logits, before)
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("name", ["final_logit_softcapping", "logit_scale", "logits_scaling"])
def test_what_a_model_does_to_the_outputs_of_its_head_is_done_here(name: str) -> None:
    model = make_model()
    hidden = 20 * torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    plain = model.lm_head(hidden)
    setattr(model.config, name, 4.0)
    expected = {
        "final_logit_softcapping": 4 * torch.tanh(plain / 4),
        "logit_scale": 4 * plain,
        "logits_scaling": plain / 4,
    }
    torch.testing.assert_close(Network(model).logits(hidden), expected[name])


def test_a_window_is_not_the_context() -> None:
    model = make_model("qwen2", use_sliding_window=True, sliding_window=16)
    assert context_of(model) == context_of(make_model("gpt2")) == 64


# -- gradients -------------------------------------------------------------------------------


def gradients(pool: StudentPool, data: list[Data], budget: int = 10**6) -> list[dict[str, Any]]:
    pool.network.model.zero_grad()
    batches = [encode(pool.texts, own) for own in data]
    for one in passes(batches, budget):
        run_pass(pool, one, Sft())
    return [
        {w.name: w.grad[k].clone() for w in pool.weights if w.grad is not None}
        for k in range(pool.count)
    ]


@pytest.mark.parametrize("lora", ADAPTATIONS)
def test_stacked_gradients_are_the_separate_ones(lora: LoRASettings | None) -> None:
    """Ragged students, in 64 bits: relative error at most 1e-12."""
    lora = lora and LoRASettings(rank=4, dropout=0.0)
    pool = make_pool(3, lora=lora)
    scatter_adapters(pool)
    alone = make_pool(1, lora=lora)
    for one in (pool, alone):
        one.network.model.double()
    data = [data_for(0, 3), data_for(1, 9), data_for(2, 5)]
    together = gradients(pool, data)
    for student, own in enumerate(data):
        for weight, stacked in zip(alone.weights, pool.weights, strict=True):
            weight.values[0] = stacked.values[student]
        (expected,) = gradients(alone, [own])
        for name, gradient in expected.items():
            error = (together[student][name] - gradient).norm() / (gradient.norm() + 1e-300)
            assert error <= 1e-12, name


@pytest.mark.parametrize("budget", [1, 20, 60])
def test_a_batch_that_is_split_has_the_gradient_of_the_whole(budget: int) -> None:
    pool = make_pool(2, lora=LoRASettings(rank=4, dropout=0.0))
    scatter_adapters(pool)
    data = [data_for(0, 9), data_for(1, 4)]
    whole = gradients(pool, data)
    for found, expected in zip(gradients(pool, data, budget), whole, strict=True):
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)


def padded_loss(model: Any, texts: Texts, data: Data) -> torch.Tensor:
    """The mean over target tokens as everyone computes it: padded rows and ignored labels."""
    encoded = [datum.texts[0] for datum in encode(texts, data)]
    longest = max(len(text.ids) for text in encoded)
    ids = torch.zeros(len(encoded), longest, dtype=torch.long)
    labels = torch.full((len(encoded), longest), -100)
    mask = torch.zeros(len(encoded), longest, dtype=torch.long)
    for row, text in enumerate(encoded):
        n, first = len(text.ids), text.weights.index(1.0)
        ids[row, :n], mask[row, :n] = torch.tensor(text.ids), 1
        labels[row, first:n] = torch.tensor(text.ids[first:])
    loss: torch.Tensor = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    return loss


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_packed_training_has_the_loss_and_gradient_of_padded_training(architecture: str) -> None:
    pool = make_pool(architecture=architecture)
    data = data_for(2)
    batch = encode(pool.texts, data)
    (one,) = passes([batch], 10**6)
    packed = run_pass(pool, one, Sft())
    found = {w.name: w.grad[0].clone() for w in pool.weights if w.grad is not None}
    pool.network.model.zero_grad()
    loss = padded_loss(pool.network.model, pool.texts, data)
    loss.backward()
    assert packed.item() == pytest.approx(loss.item(), abs=1e-5)
    for weight in pool.weights:
        assert weight.grad is not None
        torch.testing.assert_close(found[weight.name], weight.grad[0], rtol=1e-3, atol=1e-5)


def test_prompt_tokens_do_not_enter_the_loss() -> None:
    """With the target's logits fixed by a zero head, other prompts leave the loss as it is."""
    pool = make_pool()
    a = encode(pool.texts, (Example("copy ab=", "ab", "copy"),))
    rows = next(passes([a], 10**6)).rows.tolist()
    assert rows == [len("copy ab=") - 1 + i for i in range(3)]


def test_every_trainable_parameter_changes_and_none_at_a_rate_of_nothing() -> None:
    for lora in (LoRASettings(rank=4, dropout=0.0), None):
        for rate, changes in ((1e-2, True), (1e-30, False)):
            pool = make_pool(lora=lora)
            scatter_adapters(pool)
            (student,) = students_of(pool)
            before = student.save()
            frozen = {
                n: p.clone()
                for n, p in pool.network.model.named_parameters()
                if not p.requires_grad
            }
            settings = FineTuningSettings(learning_rate=rate, optimizer="adamw", epochs=3)
            data = tuple(
                Example(c, "abcdefghijklmnopqrstuvwxyz0123456789"[i::5], "copy")
                for i, c in enumerate(("ab=", "cd=", "ef=", "gh="))
            )
            FineTuner(settings).train(student, data, rng())
            for name, array in student.save().arrays.items():
                assert (not np.array_equal(array, before.arrays[name])) == changes, name
            for name, parameter in pool.network.model.named_parameters():
                if name in frozen:
                    assert torch.equal(parameter, frozen[name])


# -- independence ----------------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("lora", ADAPTATIONS)
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_student_learns_the_same_alone_and_among_others(
    lora: LoRASettings | None, optimizer: Any
) -> None:
    """Bit for bit, with ragged data, different numbers of updates, and one without any data."""
    sizes = (9, 0, 4, 17)
    settings = FineTuningSettings(batch_size=4, learning_rate=1e-2, optimizer=optimizer, epochs=2)
    students = students_of(make_pool(4, lora=lora))
    data = [data_for(k, n) for k, n in enumerate(sizes)]
    prompts = [[e.question for e in data_for(k, 5)] for k in range(4)]
    results = FineTuner(settings).train_together(students, data, [rng(k) for k in range(4)])
    answers = students[0].generate_together(students, prompts)
    (alone,) = students_of(make_pool(1, lora=lora))
    start = alone.save()
    for k, student in enumerate(students):
        alone.restore(start)
        result = FineTuner(settings).train(alone, data[k], rng(k))
        assert alone.save() == student.save()
        assert (result.steps, result.cost.train_tokens) == (
            results[k].steps,
            results[k].cost.train_tokens,
        )
        np.testing.assert_equal(result.loss, results[k].loss)
        assert alone.generate(prompts[k]) == answers[k]
        if not sizes[k]:
            assert student.save() == start


def test_students_of_different_pools_do_not_work_together() -> None:
    (one,), (two,) = students_of(make_pool()), students_of(make_pool())
    with pytest.raises(ConfigError, match="students of one pool"):
        one.generate_together([one, two], [[Prompt("a")], [Prompt("b")]])
    with pytest.raises(ConfigError, match="different students"):
        FineTuner().train_together([one, one], [(), ()], [rng(), rng()])


# -- in place --------------------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("lora", ADAPTATIONS)
def test_many_steps_allocate_nothing_that_stays(lora: LoRASettings | None) -> None:
    """The same tensors at the same addresses, and no more of them, after six cycles."""
    students = students_of(make_pool(2, lora=lora, max_new_tokens=2))
    pool, start = students[0].pool, students[0].save()
    settings = FineTuningSettings(batch_size=4, optimizer="adamw")

    def cycle() -> None:
        for student in students:
            student.restore(start)
        FineTuner(settings).train_together(
            students, [data_for(0, 2), data_for(1, 3)], [rng(), rng()]
        )
        students[0].generate_together(students, [[Prompt("ab=")], [Prompt("cd=")]])

    def count_tensors() -> int:
        gc.collect()
        return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())

    cycle()
    places, n_tensors = [w.parameter.data_ptr() for w in pool.weights], count_tensors()
    for _ in range(5):
        cycle()
    assert [w.parameter.data_ptr() for w in pool.weights] == places
    assert count_tensors() <= n_tensors


@pytest.mark.parametrize("lora", ADAPTATIONS)
def test_restoring_one_student_leaves_the_others_alone(lora: LoRASettings | None) -> None:
    pool = make_pool(3, lora=lora)
    scatter_adapters(pool)
    students = students_of(pool)
    saved = [s.save() for s in students]
    students[1].restore(saved[0])
    assert [s.save() for s in students] == [saved[0], saved[0], saved[2]]
    assert saved[0] != saved[1]


def test_the_fingerprint_follows_weights_and_settings() -> None:
    students = students_of(make_pool(2, lora=LoRASettings(rank=2)))
    start, print_ = students[0].save(), students[0].fingerprint()
    assert students[1].fingerprint() == print_
    assert students_of(make_pool(lora=LoRASettings(rank=2)))[0].fingerprint() == print_
    scatter_adapters(students[0].pool)
    assert students[0].fingerprint() != students[1].fingerprint() != print_
    students[0].restore(start)
    assert students[0].fingerprint() == print_
    others = (
        make_pool(lora=LoRASettings(rank=2), max_new_tokens=5),
        make_pool(lora=LoRASettings(rank=2, alpha=1.0)),
        make_pool(lora=LoRASettings(rank=2), seed=1),
        make_pool(),
    )
    prints = {pool.fingerprint(0) for pool in others}
    assert len(prints | {print_}) == 5


def test_one_of_several_is_exported_with_the_settings_of_its_generation(tmp_path: Path) -> None:
    """The longest answer is among them, without which it would be another student."""
    pool = make_pool(2)
    pool.network.model.generation_config.max_new_tokens = 7
    students_of(pool)[1].export(tmp_path)
    assert GenerationConfig.from_pretrained(tmp_path).max_new_tokens == 7


def test_a_pickled_pool_works_on() -> None:
    students = students_of(make_pool(2, lora=LoRASettings(rank=2)))
    students[0].generate([Prompt("ab=")])
    copies = pickle.loads(pickle.dumps(students))
    assert copies[0].pool is copies[1].pool
    assert copies[0].generate([Prompt("ab=")]) == students[0].generate([Prompt("ab=")])


def test_a_checkpoint_of_another_pool_is_refused() -> None:
    (student,) = students_of(make_pool(lora=LoRASettings(rank=2)))
    with pytest.raises(ConfigError, match="these weights differ"):
        student.restore(Checkpoint({"a": np.zeros(1)}))


# -- what cannot be --------------------------------------------------------------------------


class Scaled(torch.nn.Embedding):
    """As Gemma 3's."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(ids)


def test_models_that_cannot_be_stacked_or_shared_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"LayerNorm, whose weights cannot be stacked"):
        make_pool(2, architecture="gpt2")
    with pytest.raises(ConfigError, match=r"dropout of its own"):
        make_pool(2, architecture="gpt2", resid_pdrop=0.1)
    model = make_model()
    model.model.embed_tokens.__class__ = Scaled
    with pytest.raises(ConfigError, match=r"Scaled, whose weights cannot be stacked"):
        StudentPool(model, Texts(make_tokenizer(), CONTEXT), max_new_tokens=8, count=2)
    with pytest.raises(ConfigError, match=r"a pool has 0 students"):
        make_pool(0)
    with pytest.raises(ConfigError, match=r"named \('nothing',\); there are: down_proj"):
        make_pool(lora=LoRASettings(targets=("nothing",)))


@pytest.mark.parametrize(
    ("setting", "value"), [("rank", 0), ("alpha", 0.0), ("dropout", 1.0), ("dropout", -0.1)]
)
def test_adapter_settings_out_of_range_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{setting} is {value}; it must be"):
        LoRASettings(**{setting: value})  # type: ignore[arg-type]


def test_adapters_change_nothing_at_first_and_are_those_of_the_targets() -> None:
    model, ids = make_model(), torch.tensor([[3, 4, 5]])
    before = model(ids).logits
    settings = LoRASettings(rank=3, targets=("q_proj", "v_proj"))
    layers = add_adapters(model, settings, Layout(1))
    assert sorted(layers) == [
        f"model.layers.{i}.self_attn.{name}_proj" for i in (0, 1) for name in ("q", "v")
    ]
    assert torch.equal(model(ids).logits, before)
    one = to_adapt(make_model(), LoRASettings(targets="q_proj"))
    assert [*one] == [f"model.layers.{i}.self_attn.q_proj" for i in (0, 1)]
    a = layers["model.layers.0.self_attn.q_proj"].lora_A
    assert a.shape == (1, 32, 3)
    assert a.abs().max() <= 32**-0.5
    assert a.std() > 0.05


def test_dropout_of_adapters_comes_from_the_students_own_generator() -> None:
    lora = LoRASettings(rank=4, dropout=0.5)
    (student,) = students_of(make_pool(lora=lora))
    start, saved = student.save(), []
    state = torch.random.get_rng_state()
    for seed in (1, 1, 2):
        student.restore(start)
        FineTuner(FineTuningSettings(batch_size=1)).train(student, data_for(0, 1), rng(seed))
        saved.append(student.save())
    assert saved[0] == saved[1] != saved[2]
    assert torch.equal(torch.random.get_rng_state(), state)
