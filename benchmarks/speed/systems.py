"""The compared systems: this project's code, a plain peft loop, TRL, ``generate``.

The others get every advantage that their interfaces offer: a resident model, the same batches in
the same order without a data-loading process, no checkpoints, and no gradient checkpointing.
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
    train_with_sft,
    write_weights,
)
from teachgym.students import joined
from teachgym.types import Checkpoint, Data, Prompt


@dataclass
class OwnSystem:
    """This project's ``StudentPool`` and ``FineTuner``, several students in one forward pass."""

    material: Material
    at_once: int | None = None
    """Number of students in the pool; None = all."""
    joined: bool = True
    """Whether adapters with the same input share a product."""
    kernels: bool = True
    """Whether kernels take the place of the model's own code between products."""
    tuning: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the trainer that are not the usual ones."""
    _pool: Sequence[Any] = ()
    _start: Sequence[Checkpoint] = ()
    _now: list[Checkpoint] = field(default_factory=list)
    """The present state of every student, except for those in the pool."""
    _there: range = range(0)
    """The students in the pool."""
    _tuner: Any = None
    """One trainer for all rounds, as in an environment, so that graphs are captured once."""
    _places: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    """Examples of each update and their weights, by the identity of data."""

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
        if not self.kernels:
            first: Any = self._pool[0]
            first.pool.network.kernels = ()
        self._start = [_checkpoint(read_weights(f)) for f in self.material.adapters]

    def reset(self) -> None:
        """Restore the first adapter of every student."""
        self._now, self._there = list(self._start), range(0)
        self._put(range(len(self._pool)))
        if self.material.case.training:
            for data in self.material.data:
                self._updates_of(data)

    def _put(self, students: range) -> None:
        """Put these students into the pool, and keep the state of those that were there."""
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
        """Take as many students at once as the pool holds."""
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
        """Return the settings that all trainers share."""
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
        """Average the losses of examples into those of the first epoch's updates."""
        places, weights = self._updates_of(data)
        losses = np.average(np.array(first)[places], axis=1, weights=weights)
        return [float(loss) for loss in losses]

    def _updates_of(self, data: Data) -> tuple[Any, Any]:
        """The examples of each update of the first epoch and their weights, (updates, batch).

        Found while nothing is timed, because training has no need of it.
        """
        training = self.material.case.training
        assert training is not None
        if id(data) not in self._places:
            rows = encode(self._pool[0].tokenizer, data)
            places = np.array(order(rows, 1)).reshape(-1, training.batch)
            weights = np.array([n_labels(row) for row in rows])[places]
            self._places[id(data)] = places, weights
        return self._places[id(data)]

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """Take as many students at once as the pool holds."""
        answers: list[list[str]] = []
        for group in self._groups():
            self._put(group)
            asked = [[Prompt(text) for text in prompts[k]] for k in group]
            answers += self._pool[0].generate_together(self._pool, asked)
        return answers

    def unmoved(self) -> list[str]:
        """Return the names of tensors that did not move in some student."""
        self._put(self._groups()[0])  # so that the last ones are kept
        now = [student.save() for student in self._pool] + self._now[len(self._pool) :]
        return _unmoved([one.arrays for one in self._start], [one.arrays for one in now])


@contextmanager
def _apart() -> Iterator[None]:
    """A context in which every adapter has a product of its own."""
    before, joined.SIBLINGS = joined.SIBLINGS, ()
    try:
        yield
    finally:
        joined.SIBLINGS = before


def _checkpoint(weights: dict[str, Any]) -> Checkpoint:
    """Convert an adapter with PEFT's names and shapes into a checkpoint of a pool's student."""
    return Checkpoint(
        {
            name.removeprefix("base_model.model.").removesuffix(".weight"): tensor.mT.numpy()
            for name, tensor in weights.items()
        }
    )


@dataclass
class PeftSystem:
    """One resident peft model that takes the place of each student in turn."""

    material: Material
    trainer: Literal["loop", "trl"] = "loop"
    answers_at_once: int = 64
    micro_batch: int | None = None
    """Examples per forward pass of TRL; None = the whole batch."""
    _model: Any = None
    _tokenizer: Any = None
    _start: list[dict[str, Any]] = field(default_factory=list)
    weights: list[dict[str, Any]] = field(default_factory=list)
    """The present adapter of every student."""

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
        """Restore the first adapter of every student."""
        self.weights = [dict(weights) for weights in self._start]

    def train(self, data: Sequence[Data]) -> Curve:
        """Train one student after another."""
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
            losses = train_with_sft(self._model, self._tokenizer, rows, size, micro_batch)
        weights = np.reshape([n_labels(row) for row in rows], (-1, size)).sum(1)
        first = losses[: len(losses) // training.epochs]
        return Curve(first, float(np.average(losses, weights=weights)))

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """Answer for one student after another, a batch of prompts at a time."""
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
        """Return the names of tensors that did not move in some student."""
        return _unmoved(list(map(_arrays, self._start)), list(map(_arrays, self.weights)))


@dataclass
class ProcessSystem:
    """A new process for every stage, which loads everything, as in DataEnvGym's architecture.

    By its description (arXiv 2410.06215), each step starts a process that trains and one that
    answers. The original's command line imports more than this one.

    Args:
        inner: the system that a process loads, with a single student.
    """

    inner: PeftSystem

    def prepare(self) -> None:
        """Report missing packages now; nothing else lasts between stages."""
        for package in ("peft", "trl"):
            import_module(package)

    def reset(self) -> None:
        """Let training start from the first adapter."""
        self._start = [_arrays(read_weights(f)) for f in self.inner.material.adapters]
        self._arrays = self._start

    def unmoved(self) -> list[str]:
        """Return the names of tensors that did not move in some student."""
        return _unmoved(self._start, self._arrays)

    def train(self, data: Sequence[Data]) -> Curve:
        """Start a process that loads, trains and returns an adapter."""
        curve: Curve = self._run("train", data)
        return curve

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """Start a process that loads and answers."""
        answers: list[list[str]] = self._run("answer", prompts)
        return answers

    def _run(self, stage: str, work: Any) -> Any:
        # Arrays, since shared tensors would be gone with the process that wrote them.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            job = pool.submit(_do_stage, self.inner, self._arrays, stage, work)
            found, self._arrays = job.result()
        return found


def _do_stage(system: PeftSystem, arrays: list[Any], stage: str, work: Any) -> Any:
    """Do the work of one process; return its outcome and the adapters."""
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
    """Return the names of arrays that did not change in any student."""
    return [
        f"{name} of student {k}"
        for k, (before, after) in enumerate(zip(start, now, strict=True))
        for name, values in before.items()
        if np.array_equal(values, after[name])
    ]


def _arrays(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.float().cpu().numpy() for name, tensor in weights.items()}
