"""Small models compute with one thread, and nobody else notices."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.students import make_student, make_students
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.lora import LoRASettings
from teachgym.students.settings import FULL_BELOW
from teachgym.students.texts import Texts
from teachgym.students.threads import few_threads
from teachgym.testing import ToyTask
from teachgym.training import make_trainer
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Example, Prompt
from tests.students.models import CONTEXT, make_model, make_pool, students_of

CPU = torch.device("cpu")
PROMPTS = [Prompt("copy ab="), Prompt("rev abc=")] * 20
DATA = ToyTask().examples("train")[:8]
PAIRS = tuple(Example(e.prompt, e.target, e.skill, rejected=f"{e.target}x") for e in DATA)
ADAMW = FineTuningSettings(optimizer="adamw", epochs=1)
DPO = FineTuningSettings(optimizer="adamw", epochs=1, loss="dpo")


@contextmanager
def cores(n: int, *, threads: int | None = None, **variables: str) -> Iterator[None]:
    """Within: a machine of ``n`` cores where torch has taken all of them, or else ``threads``."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(os, "cpu_count", lambda: n)
        patch.setattr(os, "sched_getaffinity", lambda _: set(range(n)), raising=False)
        torch.set_num_threads(threads or n)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def threads_within(n_parameters: int = 1, device: torch.device = CPU) -> int:
    with few_threads(n_parameters, device):
        return torch.get_num_threads()


# -- when ------------------------------------------------------------------------------------


@given(st.integers(2, 64), st.integers(0, 2 * FULL_BELOW))
def test_one_thread_below_the_limit_and_all_from_there_on(n: int, n_parameters: int) -> None:
    with cores(n):
        assert threads_within(n_parameters) == (1 if n_parameters < FULL_BELOW else n)
        assert torch.get_num_threads() == n


@given(st.integers(2, 64), st.integers(1, 64))
def test_a_number_that_torch_does_not_take_by_itself_is_kept(n: int, chosen: int) -> None:
    """Torch takes all logical cores or, where two make a physical one, half of them."""
    with cores(n, threads=chosen):
        assert threads_within() == (1 if chosen in (n, n // 2) else chosen)


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_a_number_in_the_environment_is_kept_even_if_it_is_all_cores(name: str) -> None:
    with cores(4, **{name: "4"}):
        assert threads_within() == 4
    with cores(4, **{name: ""}):
        assert threads_within() == 1


def test_on_a_gpu_threads_stay_and_it_is_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams, graphs and kernels of Triton are those of the current one, not of the tensors'."""
    now: list[torch.device] = []

    @contextmanager
    def current(device: torch.device) -> Iterator[None]:
        now.append(device)
        yield
        now.pop()

    monkeypatch.setattr(torch.cuda, "device", current)
    second = torch.device("cuda:1")
    with cores(4):
        assert threads_within(device=second) == 4
        with few_threads(10**9, second):
            assert now == [second]
    assert now == []


def test_errors_and_contexts_within_contexts_leave_the_number_as_it_was() -> None:
    with cores(4):
        with pytest.raises(KeyError), few_threads(1, CPU), few_threads(1, CPU):
            raise KeyError
        assert torch.get_num_threads() == 4


# -- where -----------------------------------------------------------------------------------


def local(lora: LoRASettings | None = None, count: int = 1) -> LanguageModelStudent:
    return students_of(make_pool(lora=lora, count=count))[0]


def reference() -> HuggingFaceStudent:
    return HuggingFaceStudent(make_model(), Texts(make_tokenizer(), CONTEXT), max_new_tokens=4)


STUDENTS: dict[str, Callable[[], Any]] = {
    "local": local,
    "adapted": partial(local, LoRASettings(rank=2)),
    "stacked": partial(local, count=3),
    "hf": reference,
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def train(student: Any, settings: FineTuningSettings, data: Any) -> Any:
    trainer: Any = HuggingFaceTrainer if isinstance(student, HuggingFaceStudent) else FineTuner
    return trainer(settings).train(student, data, rng()).losses


WORK: dict[str, Callable[[Any], Any]] = {
    "generate": lambda student: student.generate(PROMPTS),
    "sample": lambda student: student.sample(PROMPTS, k=2),
    "logprobs": lambda student: student.logprobs(PROMPTS, ["ab"] * 40),
    "train": lambda student: train(student, ADAMW, DATA),
    "dpo": lambda student: train(student, DPO, PAIRS),
}


@contextmanager
def counting() -> Iterator[set[int]]:
    """The numbers of threads with which matrices are multiplied within, forth and back."""
    seen: set[int] = set()

    class Counting(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if any(word in str(func) for word in ("mm", "linear", "matmul")):
                seen.add(torch.get_num_threads())
            return func(*args, **(kwargs or {}))

    with Counting():
        yield seen


@pytest.mark.sweep(5)
@pytest.mark.parametrize("kind", STUDENTS)
@pytest.mark.parametrize("work", WORK)
def test_all_that_a_small_student_computes_has_one_thread(kind: str, work: str) -> None:
    student = STUDENTS[kind]()
    with cores(4), counting() as seen:
        WORK[work](student)
        assert torch.get_num_threads() == 4
    assert seen == {1}


@pytest.mark.sweep(2)
@pytest.mark.parametrize("kind", STUDENTS)
@pytest.mark.parametrize("work", WORK)
def test_results_are_those_of_one_thread_to_the_bit(kind: str, work: str) -> None:
    with cores(1):
        alone = STUDENTS[kind]()
        expected = WORK[work](alone)
    with cores(4):
        student = STUDENTS[kind]()
        found = WORK[work](student)
    np.testing.assert_equal(found, expected)
    np.testing.assert_equal(student.save().arrays, alone.save().arrays)


@pytest.mark.parametrize("backend", ["local", "hf"])
def test_a_small_student_is_checked_with_one_thread_when_it_is_loaded(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teachgym.students.verdicts._found", {})
    with cores(4), counting() as seen:
        make_student("tiny", ToyTask(), backend=backend)
    assert seen == {1}


@pytest.mark.sweep(2)
@pytest.mark.parametrize("kind", STUDENTS)
def test_large_students_keep_all_threads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teachgym.students.threads.FULL_BELOW", 1)
    student = STUDENTS[kind]()
    with cores(4), counting() as seen:
        student.generate(PROMPTS)
        train(student, ADAMW, DATA)
    assert seen == {4}


# -- how large a student is ------------------------------------------------------------------


@pytest.mark.parametrize("lora", [None, LoRASettings(rank=2)])
def test_a_student_is_as_large_in_a_pool_as_alone(lora: LoRASettings | None) -> None:
    """So its threads, and the recipe that it is trained by, do not depend on the others."""
    sizes = {make_pool(lora=lora, count=count).n_parameters for count in (1, 2, 5)}
    assert len(sizes) == 1


def test_many_small_students_in_a_pool_are_trained_by_the_recipe_of_one() -> None:
    alone = make_trainer(make_student("tiny", ToyTask()))
    together = make_trainer(make_students("tiny", ToyTask(), 32)[0])
    assert together.settings == alone.settings  # type: ignore[attr-defined]
