"""Make the bases of an embedded student, each pretrained on another uneven mixture.

    python -m teachgym.benchmarks.models.pretrain tiny             # all; three minutes each
    python -m teachgym.benchmarks.models.pretrain small --base 0   # one of them

``embedded`` describes the students, ``mixtures`` draws mixtures of skills, and ``seeing`` pretrains
students that see. Training examples come from the training side of the tasks, so no student has
seen an item of val or test. Weights are stored and measured in 16 bits. Each base is a folder in
``teachgym/students/data``.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from teachgym.benchmarks.models.calibration import LIFT
from teachgym.benchmarks.models.embedded import KINDS, Embedded
from teachgym.benchmarks.models.mixtures import (
    bands,
    draw_mixture,
    draw_weights,
    make_tasks,
)
from teachgym.benchmarks.models.seeing import (
    Plan,
    Sight,
    make_model,
    make_processor,
    teach_to_see,
)
from teachgym.evaluation import GenerateAndGrade
from teachgym.protocols import Task
from teachgym.students.bases import BASES, FOLDER
from teachgym.training import make_trainer
from teachgym.types import Report, Skill, leaf_skills

COMMAND = "python -m teachgym.benchmarks.models.pretrain"
DOSE = 1000
"""Examples of one skill alone, equally many of each level, that show whether it can be learned."""
ITEMS = 40
"""Number of validation items per skill and level by which a base is measured."""
ACCURACIES = (0.3, 0.8)
LEARNABLE = 3 / 16
"""Smallest share of learnable skills of a useful base, six of the 32 of ``tiny``; see ``fault``."""


@dataclass(frozen=True)
class Base:
    """A base of a kind of student, with its pretraining mixture."""

    kind: Embedded
    number: int
    """Number of the base, which is also the seed of its mixture, first weights and examples."""

    @cached_property
    def task(self) -> Task:
        """The task of its kind by which it is measured."""
        return make_tasks(self.kind.tasks, ITEMS)

    @cached_property
    def skills(self) -> tuple[Skill, ...]:
        """Return the skills that have examples."""
        names = leaf_skills(self.task.skills)
        return tuple(skill for skill in self.task.skills if skill.name in names)

    @cached_property
    def weights(self) -> Mapping[str, float]:
        """Return the weight of each skill in its mixture."""
        return draw_weights([skill.name for skill in self.skills], self.number, self.kind.rarity)

    @property
    def command(self) -> str:
        """Return the command that makes it."""
        return (
            f"{COMMAND} {self.kind.name} --tasks {' '.join(self.kind.tasks)} "
            f"--base {self.number} --examples {self.kind.examples}"
        )


def make_student(kind: Embedded, tokenizer: Any, seed: int) -> Any:
    """Make an untrained student: the architecture with random weights."""
    if kind.sight is not None:
        return _make_seeing(kind, kind.sight, tokenizer, seed)
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from teachgym.students.local.student import LanguageModelStudent

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **kind.model,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.generation_config.max_new_tokens = kind.max_new_tokens
    return LanguageModelStudent.of(model, tokenizer, max_new_tokens=kind.max_new_tokens)


def _make_seeing(kind: Embedded, sight: Sight, tokenizer: Any, seed: int) -> Any:
    from teachgym.students.hf.student import HuggingFaceStudent
    from teachgym.students.image_texts import ImageTexts

    model, processor = make_model(kind.model, sight, tokenizer, seed), make_processor(tokenizer)
    model.generation_config.max_new_tokens = kind.max_new_tokens
    texts = ImageTexts(tokenizer, kind.model["max_position_embeddings"], processor=processor)
    return HuggingFaceStudent(model, texts, max_new_tokens=kind.max_new_tokens)


def pretrain(base: Base, *, kept: Path | None = None) -> tuple[Any, float]:
    """Return the trained student and its mean training loss; for ``kept`` see ``teach_to_see``."""
    from teachgym.training.fine_tuning import FineTuner
    from teachgym.training.settings import FineTuningSettings

    kind = base.kind
    student = make_student(kind, kind.tokenizer(base.task), base.number)
    if kind.sight is not None:
        plan = Plan(kind.sight.of(kind.examples), base.weights, kind.recipe, base.number)
        loss = teach_to_see(student.model, student.tokenizer, plan, kept=kept)
        return student, loss
    trainer = FineTuner(FineTuningSettings(**kind.recipe), progress=True)
    data = draw_mixture(
        base.task,
        base.weights,
        kind.level_weights,
        kind.examples,
        base.number,
        kind.exercised,
    )
    result = trainer.train(student, data, np.random.default_rng(base.number))
    return student, result.loss


def export(student: Any, folder: Path) -> Any:
    """Write the student with 16-bit weights, and return the student that is read from there."""
    from teachgym.students.automatic import load_students
    from teachgym.students.loading import without_progress_bars
    from teachgym.students.local.student import LanguageModelStudent
    from teachgym.students.settings import LanguageModelSettings

    student.export(folder)
    is_local = isinstance(student, LanguageModelStudent)
    model = student.pool.plain_model(student.index) if is_local else student.model
    with without_progress_bars():
        model.half().save_pretrained(folder)
    return load_students(str(folder), 1, LanguageModelSettings(device="cpu"))[0]


def measure_lifts(student: Any, task: Task, before: Report) -> dict[str, float]:
    """Measure how much ``DOSE`` examples of each skill alone raise its validation accuracy.

    Skills that are known too well to rise by ``LIFT`` are left out.
    """
    untaught, trainer, lifts = student.save(), make_trainer(student), dict[str, float]()
    for skill, score in before.by_skill().items():
        if score.mean > 1 - LIFT:
            continue
        rng = np.random.default_rng(0)
        data = [task.make(skill, task.levels[i % len(task.levels)], rng) for i in range(DOSE)]
        trainer.train(student, tuple(data), rng)
        items = [e for e in task.examples("val") if e.skill == skill]
        scores = [a.score for a in GenerateAndGrade().predict(student, task, items)]
        lifts[skill] = float(np.mean(scores)) - score.mean
        student.restore(untaught)
    return lifts


def card(base: Base, report: Report, lifts: Mapping[str, float]) -> dict[str, Any]:
    """Return the measurements of a base as a record."""
    rounded = {skill: round(lift, 3) for skill, lift in lifts.items()}
    return {
        "command": base.command,
        "base": base.number,
        "examples": base.kind.examples,
        "task": base.task.name,
        "weights": dict(base.weights),
        "level_weights": base.kind.level_weights,
        "model": dict(base.kind.model),
        **({"sight": asdict(base.kind.sight)} if base.kind.sight else {}),
        "recipe": dict(base.kind.recipe),
        "learnable": [skill for skill, lift in rounded.items() if lift >= LIFT],
        "dose": DOSE,
        "lift_by_skill": rounded,
        "val_per_cell": ITEMS,
        "val_accuracy": round(report.accuracy, 4),
        "val_accuracy_by_skill": {s: round(x.mean, 3) for s, x in report.by_skill().items()},
    }


def fault(facts: Mapping[str, Any]) -> str | None:
    """Return the reason why a base is of no use to any teacher; None = it is of use.

    A useful base knows some skills but not all, and can learn several.
    """
    low, high = ACCURACIES
    if not low <= facts["val_accuracy"] <= high:
        return f"its validation accuracy is {facts['val_accuracy']}, outside {low} to {high}"
    fewest = math.ceil(LEARNABLE * len(facts["val_accuracy_by_skill"]))
    if (count := len(facts["learnable"])) < fewest:
        return f"{count} skills can be learned; it must be {fewest} or more"
    return None


def model_card(base: Base, facts: Mapping[str, Any], student: Any) -> str:
    """Return the model card of a base in Markdown."""
    kind, count = base.kind, len(base.skills)
    seldom = bands(count, kind.rarity)
    n_rarely = seldom.count(kind.rarity.rarely)
    weights, scores, lifts = (
        facts[key] for key in ("weights", "val_accuracy_by_skill", "lift_by_skill")
    )
    rows = [
        f"| {s.name} | {s.description} | {weights[s.name]:g} | {scores[s.name]:.2f} | "
        f"{f'{lifts[s.name]:+z.2f}' if s.name in lifts else ''} |"
        for s in base.skills
    ]
    return f"""---
license: apache-2.0
library_name: transformers
tags: [teachgym, {"llava" if kind.sight else "llama"}]
---

# {kind.name}, base {base.number}: an embedded student of teachgym

{kind.architecture} of {sum(p.numel() for p in student.model.parameters()):,} parameters over {kind.reads}, trained
from scratch by this project on {facts["examples"]:,} examples of the task `{facts["task"]}`, drawn from its
training side only. It exists to be taught: a fine-tuning step on some hundred examples takes seconds
on one CPU core, and its mixture of skills is uneven on purpose. How uneven was drawn, by the rule
of `benchmarks/models/mixtures.py`: {count - len(seldom)} of {count} skills are seen often, {n_rarely} rarely, {len(seldom) - n_rarely} hardly.

* **Made by** `{facts["command"]}`, whose seed is the number of the base; no other data or weights are involved. The weights
  are kept in 16 bits. Other processors round differently, so there it comes out a little different.
* **Licence** Apache-2.0.
* **Use** research on teachers in teachgym. It answers prompts such as `{kind.sample}` and nothing else.
* **Limits** it knows {len(student.tokenizer)} tokens and {kind.model["max_position_embeddings"]} positions. Results on it say how teachers compare on students
  of this kind, not on large language models.

Validation accuracy {facts["val_accuracy"]:.3f} over {count} skills at {len(kind.level_weights)} levels, {ITEMS} items each. *Lift* is what {DOSE} examples
of nothing but that skill add to its accuracy, where there is room; the {len(facts["learnable"])} skills with {LIFT:g} or more are called learnable.

| skill | what it asks | weight in the mixture | accuracy | lift |
|---|---|---|---|---|
{chr(10).join(rows)}
"""


def make_base(base: Base, folder: Path, *, kept: Path | None = None) -> None:
    """Pretrain, write and measure a base."""
    started = perf_counter()
    trained, loss = pretrain(base, kept=kept)
    facts = describe(export(trained, folder), base, folder)
    _say(
        f"{base.kind.name} {base.number}: val accuracy {facts['val_accuracy']:.3f}, "
        f"{len(facts['learnable'])} skills learnable, loss {loss:.3f}, "
        f"{perf_counter() - started:.0f} s; {fault(facts) or 'of use'}"
    )


def describe(student: Any, base: Base, folder: Path) -> dict[str, Any]:
    """Measure a base and write its cards."""
    report = GenerateAndGrade().evaluate(student, base.task, "val")
    facts = card(base, report, measure_lifts(student, base.task, report))
    (folder / "card.json").write_text(json.dumps(facts, indent=1) + "\n")
    (folder / "README.md").write_text(model_card(base, facts, student))
    return facts


def main() -> None:
    """Run the command line."""
    import torch

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--base", type=int, help="default: all that ship, or the first")
    parser.add_argument("--examples", type=int, help="default: those of its kind")
    parser.add_argument("--tasks", nargs="+", help="default: those of its kind")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder (default: the package's)")
    parser.add_argument(
        "--kept", type=Path, help="folder of stages that are done, of one that sees"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    kind = KINDS[given.kind]
    kind = replace(
        kind,
        examples=given.examples or kind.examples,
        tasks=tuple(given.tasks or kind.tasks),
    )
    numbers = range(BASES.get(kind.name, 1)) if given.base is None else [given.base]
    for number in numbers:
        make_base(Base(kind, number), given.out / kind.name / str(number), kept=given.kept)


def _say(text: str) -> None:
    from rich.console import Console

    Console().print(text, highlight=False)


if __name__ == "__main__":
    main()
