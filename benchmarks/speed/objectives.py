"""GRPO, DPO and distillation: this project's trainers and TRL's, for the same work.

Both get the same model, adapter, learning rate and clipping, and the same batches in the same
order. DPO and distillation must have the same losses in every update. In GRPO each system draws its
own samples, so only the lengths of answers must agree. TRL runs with the fastest of its own
settings: whole batches in a pass, no gradient checkpointing, and transformers' generation with a
cache. Its vLLM mode needs a GPU and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any
from zlib import crc32

import numpy as np

from teachgym.benchmarks.speed.cases import Objective
from teachgym.benchmarks.speed.material import Material, order
from teachgym.benchmarks.speed.measure import Curve
from teachgym.benchmarks.speed.stacks import (
    collate,
    copy_weights,
    encode,
    recording,
    train_with_trl,
    write_weights,
)
from teachgym.benchmarks.speed.systems import OwnSystem, PeftSystem
from teachgym.streams import draw_entropy, order_of
from teachgym.training.datum import Datum, Text
from teachgym.types import Data, Example

ANSWERS = 8
"""Sampled answers per question in GRPO."""


class Coin:
    """A grader for which half of all answers are right: those whose text has an even checksum."""

    stop: tuple[str, ...] = ()

    def grade(self, examples: Sequence[Example], responses: Sequence[str]) -> list[float]:
        """Return 1 for a right answer, else 0."""
        return [float(crc32(text.encode()) % 2 == 0) for text in responses]


@dataclass
class OwnObjective(OwnSystem):
    """This project's ``OnPolicyTrainer``, or its ``FineTuner`` with another loss."""

    def train(self, data: Sequence[Data]) -> Curve:
        """Train the only student of the case."""
        self._tuner = self._tuner or self._make_tuner()
        self._put(range(1))
        result = self._tuner.train(self._pool[0], data[0], np.random.default_rng(0))
        if _objective(self.material) == "grpo":
            return _lengths(result.cost.generated_tokens, self.material)
        return Curve(self._losses(data[0], result.losses), result.loss)

    def _make_tuner(self) -> Any:
        from teachgym.students import make_students
        from teachgym.training.fine_tuning import FineTuner
        from teachgym.training.on_policy import OnPolicySettings, OnPolicyTrainer
        from teachgym.training.settings import FineTuningSettings
        from teachgym.training.teacher_models import ModelTeacher

        material, objective = self.material, _objective(self.material)
        common = self._settings()
        if objective == "grpo":
            grader: Any = Coin()
            sampled = OnPolicySettings(**common, k=ANSWERS, loss_settings={"beta": 0.0})
            return OnPolicyTrainer(sampled, grader=grader)
        settings = FineTuningSettings(**common, loss=objective)
        if objective == "dpo":
            return FineTuner(settings)
        task: Any = None  # only simulated students look at it
        (teacher,) = make_students(
            str(material.base), task, 1, device=material.device, adaptation="full"
        )
        whole = ModelTeacher(teacher, material.shape.vocabulary)  # type: ignore[arg-type]
        return FineTuner(settings, teacher_model=whole)

    def _losses(self, data: Data, first: Sequence[float]) -> list[float]:
        if _objective(self.material) != "dpo":
            return super()._losses(data, first)
        places = np.reshape(_pair_order(self._pool[0].tokenizer, data), (-1, _size(self.material)))
        return [float(loss) for loss in np.array(first)[places].mean(axis=1)]


@dataclass
class TrlObjective(PeftSystem):
    """TRL's ``GRPOTrainer``, ``DPOTrainer`` or ``GKDTrainer`` with a resident peft model."""

    _teacher: Any = None

    def prepare(self) -> None:
        """Load the base, the adapter, and the base a second time as the teacher model."""
        super().prepare()
        import_module("trl")
        if _objective(self.material) == "distillation":
            from transformers import AutoModelForCausalLM

            model: Any = AutoModelForCausalLM.from_pretrained(self.material.base, dtype="auto")
            self._teacher = model.to(self.material.device)

    def train(self, data: Sequence[Data]) -> Curve:
        """Train the only student of the case."""
        write_weights(self._model, self.weights[0])
        make = {"grpo": self._grpo, "dpo": self._dpo, "distillation": self._distil}
        curve = make[_objective(self.material)](data[0])
        self.weights[0] = copy_weights(self._model)
        return curve

    def _grpo(self, data: Data) -> Curve:
        counted: list[int] = []

        def reward(completions: Any, completion_ids: Any, **_: Any) -> list[float]:
            counted.extend(len(ids) for ids in completion_ids)
            return Coin().grade((), completions)

        trl, size = import_module("trl"), _size(self.material)
        rows = [{"prompt": data[i].prompt} for i in order(encode(self._tokenizer, data), 1)]
        # One generation for each update, of all its answers.
        own = {
            "num_generations": ANSWERS,
            "steps_per_generation": 1,
            "loss_type": "grpo",
            "shuffle_dataset": False,
            "max_completion_length": self.material.case.longest_answer,
        }
        run = partial(trl.GRPOTrainer, reward_funcs=reward)
        self._run(run, trl.GRPOConfig, rows, size * ANSWERS, own)
        return _lengths(sum(counted), self.material)

    def _dpo(self, data: Data) -> Curve:
        trl = import_module("trl")
        rows = [
            {"prompt": e.prompt, "chosen": e.target, "rejected": e.rejected or ""}
            for e in (data[i] for i in _pair_order(self._tokenizer, data))
        ]
        own = {"max_length": None, "train_sampling_strategy": "sequential"}
        trained = self._run(
            recording(trl.DPOTrainer), trl.DPOConfig, rows, _size(self.material), own
        )
        if "ref" in self._model.peft_config:  # TRL's copy of the adapter, which it leaves behind
            self._model.delete_adapter("ref")
        return _losses_of(trained)

    def _distil(self, data: Data) -> Curve:
        gkd = import_module("trl.experimental.gkd")
        encoded = encode(self._tokenizer, data)
        rows = [encoded[i] for i in order(encoded, 1)]
        # Only what was written before, and KL(teacher || student).
        own = {"lmbda": 0.0, "beta": 0.0, "train_sampling_strategy": "sequential"}
        run = partial(recording(gkd.GKDTrainer), teacher_model=self._teacher, data_collator=collate)
        trained = self._run(run, gkd.GKDConfig, rows, _size(self.material), own)
        return _losses_of(trained)

    def _run(self, trainer: Any, config: Any, rows: Any, size: int, own: Mapping[str, Any]) -> Any:
        """Train on the rows in their order; the trainer."""
        return train_with_trl(trainer, config, self._model, self._tokenizer, rows, size, own)


def _objective(material: Material) -> Objective:
    assert material.case.training is not None
    return material.case.training.objective


def _size(material: Material) -> int:
    """Return the number of examples in an update."""
    assert material.case.training is not None
    return material.case.training.batch


def _lengths(tokens: int, material: Material) -> Curve:
    """Return mean answer lengths, which take the place of losses."""
    mean = tokens / (ANSWERS * len(material.data[0]))
    return Curve([mean], mean)


def _pair_order(tokenizer: Any, data: Data) -> list[int]:
    """Indices of pairs in the order of ``FineTuner``; see ``order`` for single texts."""
    against = tuple(e.with_target(e.rejected or "") for e in data)
    pairs = zip(encode(tokenizer, data), encode(tokenizer, against), strict=True)
    texts = [tuple(Text(tuple(row["input_ids"]), ()) for row in pair) for pair in pairs]
    return order_of([Datum(own).identity for own in texts], draw_entropy(np.random.default_rng(0)))


def _losses_of(trained: Any) -> Curve:
    """Average the losses that a trainer recorded; all updates have equally many targets."""
    losses = [float(loss) for loss in trained.losses]
    return Curve(losses, float(np.mean(losses)))
