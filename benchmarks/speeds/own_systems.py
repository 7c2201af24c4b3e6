"""This project's code as a system: a pool of students, or one student after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from teachgym.benchmarks.speeds.material import LEARNING_RATE, Material
from teachgym.benchmarks.speeds.measure import Curve
from teachgym.benchmarks.speeds.peft_systems import read_weights
from teachgym.types import Checkpoint, Data


@dataclass
class OwnSystem:
    """``StudentPool`` with ``FineTuner``.

    Args:
        material: of the case.
        students: how many of the case's students it plays.
        together: in one forward pass; False = a pool of one that plays each in turn.
        strict: keep a student's bits independent of the others; None = what suits the device.
        graphs: CUDA graphs, where there is a GPU.
        backend: where answers come from, ``local`` or ``vllm``.
    """

    material: Material
    students: int = 1
    together: bool = True
    strict: bool | None = None
    graphs: bool = True
    backend: str = "local"
    _pool: Sequence[Any] = ()
    _now: Sequence[Checkpoint] = ()

    is_resident: ClassVar[bool] = True

    def prepare(self) -> None:
        """Load the base once, and start the server if there is one."""
        from teachgym.students import make_students

        if self.backend == "vllm" and find_spec("vllm") is None:
            raise ImportError("vllm")
        task: Any = None  # only simulated students look at it
        self._pool = make_students(
            str(self.material.base),
            task,
            self.students if self.together else 1,
            backend=self.backend,
            device=self.material.device,
            max_new_tokens=self.material.case.longest_answer,
            adaptation="lora",
            rank=self.material.case.rank,
            alpha=2.0 * self.material.case.rank,
            dropout=0.0,
            strict=self.strict,
            graphs=self.graphs,
        )
        self._start = [_checkpoint(read_weights(f)) for f in self.material.adapters]

    def reset(self) -> None:
        """Put every student back to its first adapter."""
        self._now = list(self._start[: self.students])
        if self.together:
            for student, checkpoint in zip(self._pool, self._now, strict=True):
                student.restore(checkpoint)

    def train(self, data: Sequence[Data]) -> Curve:
        """All students at once, or one after another."""
        if self.together:
            return self._train(self._pool, data)
        curves, now = [], []
        for checkpoint, own in zip(self._now, data, strict=True):
            self._pool[0].restore(checkpoint)
            curves.append(self._train(self._pool, [own]))
            now.append(self._pool[0].save())
        self._now = now
        return Curve.mean(curves)

    def _train(self, students: Sequence[Any], data: Sequence[Data]) -> Curve:
        from teachgym.training.fine_tuning import FineTuner
        from teachgym.training.settings import FineTuningSettings

        training = self.material.case.training
        assert training is not None
        settings = FineTuningSettings(
            learning_rate=LEARNING_RATE,
            batch_size=training.batch,
            epochs=training.epochs,
            warmup_steps=0,
            final_share=1.0,  # a constant rate
            optimizer="adamw",
        )
        recorded = _RecordedLoss()
        rngs = [np.random.default_rng(0) for _ in students]
        FineTuner(settings, loss=recorded).train_together(students, data, rngs)
        updates = training.epochs * len(data[0]) // training.batch
        return recorded.curve(updates, len(students))

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """All students at once, or one after another."""
        from teachgym.students.pool import generate_together

        if self.together:
            return generate_together(self._pool, prompts)
        answers = []
        for checkpoint, own in zip(self._now, prompts, strict=True):
            self._pool[0].restore(checkpoint)
            answers.append(self._pool[0].generate(own))
        return answers

    def close(self) -> None:
        """Let go of the memory."""
        self._pool = ()


class _RecordedLoss:
    """The loss of supervised fine-tuning, which remembers what it was.

    An update may take several passes; the weights of a student's rows in one update sum to 1, so
    the sum of weights tells where an update ends.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Any, Any, int]] = []

    def __call__(self, logits: Any, targets: Any) -> Any:
        from teachgym.training.losses import sft

        losses = sft(logits, targets)
        self._parts.append((losses.detach().sum(), targets.weights.sum(), len(targets.labels)))
        return losses

    def curve(self, updates: int, students: int) -> Curve:
        """The losses of all updates."""
        losses, weight = [0.0] * updates, 0.0
        for loss, share, _ in self._parts:
            # The middle of a part is within its update, whatever the rounding.
            losses[int((weight + float(share) / 2) / students)] += float(loss) / students
            weight += float(share)
        return Curve(losses, sum(n for _, _, n in self._parts))


def _checkpoint(weights: dict[str, Any]) -> Checkpoint:
    """An adapter in PEFT's names and shapes as a checkpoint of a student of a pool."""
    return Checkpoint(
        {
            name.removeprefix("base_model.model.").removesuffix(".weight"): tensor.mT.numpy()
            for name, tensor in weights.items()
        }
    )
