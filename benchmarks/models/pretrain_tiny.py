"""Make the bases of ``tiny``: small Llamas, each pretrained on another uneven mixture of skills.

    python -m teachgym.benchmarks.models.pretrain_tiny            # all; three minutes each
    python -m teachgym.benchmarks.models.pretrain_tiny --base 3   # one of them

``mixtures`` says how a mixture is drawn. Training examples come from the task's train side, so no
item of val or test was ever seen. Weights are kept in 16 bits, and measured as they are kept.
Everything is written to ``teachgym/students/data/tiny``, a folder for each base.
"""

from __future__ import annotations

import argparse
import json
import string
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from teachgym.benchmarks.models.calibration import LIFT
from teachgym.benchmarks.models.mixtures import (
    LEVEL_WEIGHTS,
    N_HARDLY,
    N_RARELY,
    draw_mixture,
    draw_weights,
)
from teachgym.evaluation import GenerateAndGrade
from teachgym.students.bases import BASES, FOLDER
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.training import make_trainer
from teachgym.types import Report

CHARACTERS = string.ascii_lowercase + string.digits + " =,+-*<TF"
COMMAND = "python -m teachgym.benchmarks.models.pretrain_tiny"

SEEDS = tuple(range(BASES))
"""Of the mixture, the first weights and the examples of each base: 0, 1, 2, ... without those
whose base ``fault`` refuses, as it does that of 7 (five skills can be learned)."""
DOSE = 1000
"""Examples of nothing but one skill, as many of each level, that show whether it can be learned."""
ITEMS = 40
"""Validation items of a skill and level that a base is measured by."""
ACCURACIES = (0.3, 0.8)
FEWEST_LEARNABLE = 6
"""What a base has to have to be of use; see ``fault``."""

MODEL: Mapping[str, Any] = {
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}
RECIPE: Mapping[str, Any] = {
    "batch_size": 32,
    "learning_rate": 6e-3,
    "warmup_steps": 30,
    "constant_share": 0.6,
    "final_share": 0.02,
}


def make_tokenizer(characters: str = CHARACTERS) -> Any:
    """One token per character, from token 3 on; anything else is unknown.

    Tokens 0, 1 and 2 are for padding, the end and what is unknown.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ("<pad>", "<eos>", "<unk>")
    vocabulary = {token: i for i, token in enumerate((*special, *characters))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    make: Any = PreTrainedTokenizerFast
    return make(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def make_student(seed: int) -> Any:
    """An untrained student: the architecture with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from teachgym.students.local.student import LanguageModelStudent

    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **MODEL,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    return LanguageModelStudent.of(model, tokenizer, max_new_tokens=24)


def pretrain(weights: Mapping[str, float], examples: int, seed: int) -> tuple[Any, float]:
    """The trained student and its mean training loss."""
    from teachgym.training.fine_tuning import FineTuner
    from teachgym.training.settings import FineTuningSettings

    student = make_student(seed)
    trainer = FineTuner(FineTuningSettings(**RECIPE), progress=True)
    data = draw_mixture(weights, examples, seed)
    result = trainer.train(student, data, np.random.default_rng(seed))
    return student, result.loss


def export(student: Any, folder: Path) -> Any:
    """Write the student with weights of 16 bits; the student that is read from there."""
    from teachgym.students.loading import without_progress_bars
    from teachgym.students.local.student import LanguageModelStudent

    student.export(folder)
    with without_progress_bars():
        student.pool.plain_model(student.index).half().save_pretrained(folder)
    return LanguageModelStudent.load(str(folder), device="cpu")


def measure_lifts(student: Any, before: Report) -> dict[str, float]:
    """How much ``DOSE`` examples of a skill alone lift its validation accuracy, by skill.

    Skills that are known too well to be lifted by ``LIFT`` are left out.
    """
    task, untaught = ArithmeticAndStrings(val_per_cell=ITEMS), student.save()
    trainer, lifts = make_trainer(student), dict[str, float]()
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


def card(
    weights: Mapping[str, float],
    report: Report,
    lifts: Mapping[str, float],
    made: Mapping[str, Any],
) -> dict[str, Any]:
    """What is known about a base, for machines; ``made`` says how it was made."""
    rounded = {skill: round(lift, 3) for skill, lift in lifts.items()}
    return {
        **made,
        "task": ArithmeticAndStrings.name,
        "weights": dict(weights),
        "level_weights": LEVEL_WEIGHTS,
        "model": dict(MODEL),
        "recipe": dict(RECIPE),
        "learnable": [skill for skill, lift in rounded.items() if lift >= LIFT],
        "dose": DOSE,
        "lift_by_skill": rounded,
        "val_per_cell": ITEMS,
        "val_accuracy": round(report.accuracy, 4),
        "val_accuracy_by_skill": {s: round(x.mean, 3) for s, x in report.by_skill().items()},
    }


def fault(facts: Mapping[str, Any]) -> str | None:
    """Why a base is of no use, whatever teaches it; None = it is of use.

    It has to know something and not everything, and there must be several skills to choose from.
    """
    low, high = ACCURACIES
    if not low <= facts["val_accuracy"] <= high:
        return f"its validation accuracy is {facts['val_accuracy']}, outside {low} to {high}"
    if (count := len(facts["learnable"])) < FEWEST_LEARNABLE:
        return f"{count} skills can be learned; it must be {FEWEST_LEARNABLE} or more"
    return None


def model_card(facts: Mapping[str, Any], parameters: int) -> str:
    """What is known about a base, for people."""
    weights, scores, lifts = (
        facts[key] for key in ("weights", "val_accuracy_by_skill", "lift_by_skill")
    )
    rows = [
        f"| {p.name} | {p.description} | {weights[p.name]:g} | {scores[p.name]:.2f} | "
        f"{f'{lifts[p.name]:+.2f}' if p.name in lifts else ''} |"
        for p in PRIMITIVES
    ]
    return f"""---
license: apache-2.0
library_name: transformers
tags: [teachgym, character-level, llama]
---

# tiny, base {facts["base"]}: an embedded student of teachgym

A Llama-architecture causal language model of {parameters:,} parameters over single characters, trained
from scratch by this project on {facts["examples"]:,} examples of the task `{facts["task"]}`, drawn from its
training side only. It exists to be taught: a fine-tuning step on a thousand examples takes seconds
on one CPU core, and its mixture of skills is uneven on purpose. How uneven was drawn, by the rule
of `benchmarks/models/mixtures.py`: half of the skills are seen often, {N_RARELY} rarely, {N_HARDLY} hardly.

* **Made by** `{facts["command"]}` (seed {facts["seed"]}); no other data or weights are involved. The weights
  are kept in 16 bits. Other processors round differently, so there it comes out a little different.
* **Licence** Apache-2.0.
* **Use** research on teachers in teachgym. It answers prompts such as `rotl abcd=` and nothing else.
* **Limits** it knows {len(CHARACTERS)} characters and 64 positions. Results on it say how teachers compare on students
  of this kind, not on large language models.

Validation accuracy {facts["val_accuracy"]:.3f} over {len(PRIMITIVES)} skills at three levels, {ITEMS} items each. *Lift* is what {DOSE} examples
of nothing but that skill add to its accuracy, where there is room; the {len(facts["learnable"])} skills with {LIFT:g} or more are called learnable.

| skill | what it asks | weight in the mixture | accuracy | lift |
|---|---|---|---|---|
{chr(10).join(rows)}
"""


def make_base(base: int, examples: int, folder: Path) -> None:
    """Pretrain, write and measure a base."""
    started, seed = perf_counter(), SEEDS[base]
    trained, loss = pretrain(draw_weights(seed), examples, seed)
    facts = describe(export(trained, folder), base, examples, folder)
    _say(
        f"base {base}: val accuracy {facts['val_accuracy']:.3f}, {len(facts['learnable'])} skills "
        f"learnable, loss {loss:.3f}, {perf_counter() - started:.0f} s; {fault(facts) or 'of use'}"
    )


def describe(student: Any, base: int, examples: int, folder: Path) -> dict[str, Any]:
    """Measure a base and write its cards."""
    weights = draw_weights(SEEDS[base])
    task = ArithmeticAndStrings(val_per_cell=ITEMS)
    report = GenerateAndGrade().evaluate(student, task, "val")
    made = {
        "command": f"{COMMAND} --base {base} --examples {examples}",
        "base": base,
        "examples": examples,
        "seed": SEEDS[base],
    }
    facts = card(weights, report, measure_lifts(student, report), made)
    (folder / "card.json").write_text(json.dumps(facts, indent=1) + "\n")
    parameters = sum(p.numel() for p in student.model.parameters())
    (folder / "README.md").write_text(model_card(facts, parameters))
    return facts


def main() -> None:
    """The command line."""
    import torch

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=int, choices=range(len(SEEDS)), help="default: all")
    parser.add_argument("--examples", type=int, default=60_000, help="default 60000")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder (default: the package's)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for base in range(len(SEEDS)) if arguments.base is None else [arguments.base]:
        make_base(base, arguments.examples, arguments.out / str(base))


def _say(text: str) -> None:
    from rich.console import Console

    Console().print(text, highlight=False)


if __name__ == "__main__":
    main()
