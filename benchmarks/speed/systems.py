"""This project's code and the stacks that a user would pick: a plain peft loop, TRL, ``generate``.

The others are given every advantage that their own interface offers: a resident model, the same
batches in the same order without a data-loading process, no checkpoints, no gradient checkpointing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import get_context
from typing import Any, Literal

import numpy as np

from teachgym.benchmarks.speed.material import LEARNING_RATE, Material, Tokens, order
from teachgym.benchmarks.speed.measure import Curve
from teachgym.benchmarks.speed.stacks import (
    copy_weights,
    encode,
    generate,
    load,
    n_labels,
    read_weights,
    train_in_loop,
    train_with_trl,
    write_weights,
)
from teachgym.students import joined
from teachgym.types import Checkpoint, Data, Prompt


@dataclass
class OwnSystem:
    """``StudentPool`` with ``FineTuner``: several students of the case in one forward pass."""

    material: Material
    at_once: int | None = None
    """How many; None = all."""
    joined: bool = True
    """Whether adapters that read the same share a product."""
    tuning: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the trainer that differ."""
    _pool: Sequence[Any] = ()
    _start: Sequence[Checkpoint] = ()
    _now: list[Checkpoint] = field(default_factory=list)
    """Every student as it is now, but for those in the pool."""
    _there: range = range(0)
    """The students in the pool."""
    _tuner: Any = None
    """As in an environment one for all rounds, so that what it captures is captured once."""

    def prepare(self) -> None:
        """Load the base once."""
        from teachgym.students import make_students

        task: Any = None  # only simulated students look at it
        case = self.material.case
        with nullcontext() if self.joined else _apart():
            self._pool = make_students(
                str(self.material.base),
                task,
                self.at_once or case.students,
                device=self.material.device,
                max_new_tokens=case.longest_answer,
                adaptation="lora",
                rank=case.rank,
                alpha=2.0 * case.rank,
                dropout=0.0,
            )
        self._start = [_checkpoint(read_weights(f)) for f in self.material.adapters]

    def reset(self) -> None:
        """Put every student back to its first adapter."""
        self._now, self._there = list(self._start), range(0)
        self._put(range(len(self._pool)))

    def _put(self, students: range) -> None:
        """Have these students in the pool; keep those that were there."""
        if students == self._there:
            return
        for number, student in zip(self._there, self._pool, strict=False):
            self._now[number] = student.save()
        for number, student in zip(students, self._pool, strict=True):
            student.restore(self._now[number])
        self._there = students

    def _groups(self) -> list[range]:
        size = len(self._pool)
        return [range(first, first + size) for first in range(0, len(self._start), size)]

    def train(self, data: Sequence[Data]) -> Curve:
        """As many students at once as there are in the pool."""
        self._tuner = self._tuner or self._make_tuner()
        curves = []
        for group in self._groups():
            self._put(group)
            rngs = [np.random.default_rng(0) for _ in group]
            results = self._tuner.train_together(self._pool, [data[k] for k in group], rngs)
            for k, result in zip(group, results, strict=True):
                curves.append(Curve(self._losses(data[k], result.losses), result.loss))
        return Curve.mean_of(curves)

    def _make_tuner(self) -> Any:
        from teachgym.training.fine_tuning import FineTuner
        from teachgym.training.settings import FineTuningSettings

        return FineTuner(FineTuningSettings(**self._settings()))

    def _settings(self) -> dict[str, Any]:
        """Of every trainer alike."""
        training = self.material.case.training
        assert training is not None
        return {
            "learning_rate": LEARNING_RATE,
            "batch_size": training.batch,
            "epochs": training.epochs,
            "warmup_steps": 0,
            "final_share": 1.0,  # a constant rate
            "optimizer": "adamw",
            **self.tuning,
        }

    def _losses(self, data: Data, first: Sequence[float]) -> list[float]:
        """The losses of the updates of the first epoch from those of the examples in it."""
        assert self.material.case.training is not None
        rows = encode(self._pool[0].tokenizer, data)
        weights = np.array([n_labels(row) for row in rows])
        places = np.array(order(rows, 1)).reshape(-1, self.material.case.training.batch)
        losses = np.average(np.array(first)[places], axis=1, weights=weights[places])
        return [float(loss) for loss in losses]

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """As many students at once as there are in the pool."""
        answers: list[list[str]] = []
        for group in self._groups():
            self._put(group)
            asked = [[Prompt(text) for text in prompts[k]] for k in group]
            answers += self._pool[0].generate_together(self._pool, asked)
        return answers

    def unmoved(self) -> list[str]:
        """Tensors of any student."""
        self._put(self._groups()[0])  # so that the last ones are kept
        now = [student.save() for student in self._pool] + self._now[len(self._pool) :]
        return _unmoved([one.arrays for one in self._start], [one.arrays for one in now])


@contextmanager
def _apart() -> Iterator[None]:
    """Within, adapters are made with products of their own."""
    before, joined.SIBLINGS = joined.SIBLINGS, ()
    try:
        yield
    finally:
        joined.SIBLINGS = before


def _checkpoint(weights: dict[str, Any]) -> Checkpoint:
    """An adapter in PEFT's names and shapes as a checkpoint of a student of a pool."""
    return Checkpoint(
        {
            name.removeprefix("base_model.model.").removesuffix(".weight"): tensor.mT.numpy()
            for name, tensor in weights.items()
        }
    )


@dataclass
class PeftSystem:
    """One resident peft model that plays every student in turn."""

    material: Material
    trainer: Literal["loop", "trl"] = "loop"
    answers_at_once: int = 64
    micro_batch: int | None = None
    """Examples a forward pass of TRL; None = the whole batch."""
    _model: Any = None
    _tokenizer: Any = None
    _start: list[dict[str, Any]] = field(default_factory=list)
    weights: list[dict[str, Any]] = field(default_factory=list)
    """Adapter of every student as it is now."""

    def prepare(self) -> None:
        """Load the base once and all adapters."""
        material = self.material
        self._tokenizer, self._model = load(
            material.base, material.adapters[0], device=material.device
        )
        self._start = [read_weights(folder) for folder in material.adapters]
        if self.trainer == "trl":
            import_module("trl")

    def reset(self) -> None:
        """Put every student back to its first adapter."""
        self.weights = [dict(weights) for weights in self._start]

    def train(self, data: Sequence[Data]) -> Curve:
        """One student after another."""
        assert self.material.case.training is not None
        curves = []
        for student, own in enumerate(data):
            rows = encode(self._tokenizer, own)
            write_weights(self._model, self.weights[student])
            curves.append(
                self._train([rows[i] for i in order(rows, self.material.case.training.epochs)])
            )
            self.weights[student] = copy_weights(self._model)
        return Curve.mean_of(curves)

    def _train(self, rows: list[Tokens]) -> Curve:
        training = self.material.case.training
        assert training is not None
        size = training.batch
        if self.trainer == "loop":
            losses = train_in_loop(self._model, rows, size)
        else:
            micro_batch = self.micro_batch or size
            losses = train_with_trl(self._model, self._tokenizer, rows, size, micro_batch)
        weights = np.reshape([n_labels(row) for row in rows], (-1, size)).sum(1)
        first = losses[: len(losses) // training.epochs]
        return Curve(first, float(np.average(losses, weights=weights)))

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """One student after another, a batch of prompts at a time."""
        answers = []
        for student, own in enumerate(prompts):
            write_weights(self._model, self.weights[student])
            answers.append(
                generate(
                    self._model,
                    self._tokenizer,
                    own,
                    at_once=self.answers_at_once,
                    limit=self.material.case.longest_answer,
                )
            )
        return answers

    def unmoved(self) -> list[str]:
        """Tensors of any student."""
        return _unmoved(list(map(_arrays, self._start)), list(map(_arrays, self.weights)))


@dataclass
class ProcessSystem:
    """A new process for every stage, which loads everything: the architecture of DataEnvGym.

    As its description has it (arXiv 2410.06215), a step starts one that trains and another that
    answers. The original's command line imports more than this one.

    Args:
        inner: what a process loads and does; of a single student.
    """

    inner: PeftSystem

    def prepare(self) -> None:
        """Nothing stays between the stages; what is missing is said now."""
        for package in ("peft", "trl"):
            import_module(package)

    def reset(self) -> None:
        """Training starts from the first adapter."""
        self._start = [_arrays(read_weights(f)) for f in self.inner.material.adapters]
        self._arrays = self._start

    def unmoved(self) -> list[str]:
        """Tensors of any student."""
        return _unmoved(self._start, self._arrays)

    def train(self, data: Sequence[Data]) -> Curve:
        """A process that loads, trains, and gives back an adapter."""
        curve: Curve = self._run("train", data)
        return curve

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """A process that loads and answers."""
        answers: list[list[str]] = self._run("answer", prompts)
        return answers

    def _run(self, stage: str, work: Any) -> Any:
        # Arrays, since shared tensors would be gone with the process that wrote them.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            job = pool.submit(_do_stage, self.inner, self._arrays, stage, work)
            found, self._arrays = job.result()
        return found


def _do_stage(system: PeftSystem, arrays: list[Any], stage: str, work: Any) -> Any:
    """What one process does; returns what was found, and the adapters."""
    import torch

    torch.set_num_threads(1)
    system.prepare()
    system.weights = [
        {name: torch.from_numpy(array) for name, array in own.items()} for own in arrays
    ]
    found = system.train(work) if stage == "train" else system.answer(work)
    return found, [_arrays(own) for own in system.weights]


def _unmoved(
    start: Sequence[Mapping[str, np.ndarray]], now: Sequence[Mapping[str, np.ndarray]]
) -> list[str]:
    """Names of the arrays of all students that are what they were."""
    return [
        f"{name} of student {k}"
        for k, (before, after) in enumerate(zip(start, now, strict=True))
        for name, values in before.items()
        if np.array_equal(values, after[name])
    ]


def _arrays(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.float().cpu().numpy() for name, tensor in weights.items()}
