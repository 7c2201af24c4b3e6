"""Make the ``tiny`` student: a small Llama pretrained on an uneven mixture of skills.

    python -m teachgym.benchmarks.models.pretrain_tiny            # about two minutes on one CPU core

The mixture shows most skills often, some rarely (weak, but learnable in a few steps of teaching)
and some hardly at all. Training examples come from the task's train side, so no item of val or
test was ever seen. Everything is written to ``teachgym/students/data/tiny``.
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

from teachgym.evaluation import GenerateAndGrade
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.types import Data, Report

OUT = Path(__file__).resolve().parents[2] / "teachgym" / "students" / "data" / "tiny"
CHARACTERS = string.ascii_lowercase + string.digits + " =,+-*<TF"
COMMAND = "python -m teachgym.benchmarks.models.pretrain_tiny"

OFTEN = 6.0
RARELY_SEEN: Mapping[str, float] = {
    "min": 0.25,
    "mirror": 0.9,
    "rev": 0.5,
    "swap": 0.4,
    "mix": 0.5,
    "revnext": 0.25,
    "twoprev": 0.1,
    "rotnext": 0.3,
    "tailprev": 0.3,
    "oddnext": 0.15,
    "twotail": 0.2,
}
"""Seen so seldom that the base is weak in them, but not so seldom that a few hundred examples
could not lift them. Found by trial: skills differ in how suddenly they are learned."""
OUT_OF_REACH: Mapping[str, float] = dict.fromkeys(("rep", "sub", "mul", "sum97"), 0.3)
"""Hardly seen, and too hard to learn within an episode."""
WEIGHTS: Mapping[str, float] = {
    **{p.name: OFTEN for p in PRIMITIVES},
    **RARELY_SEEN,
    **OUT_OF_REACH,
    "less": 9.0,
    "max": 9.0,
    "mod": 3.0,
}
"""Relative frequency of each skill in pretraining."""
LEVEL_WEIGHTS = (0.3, 0.35, 0.35)
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


def draw_mixture(count: int, seed: int) -> Data:
    """``count`` training examples in the proportions of ``WEIGHTS`` and ``LEVEL_WEIGHTS``."""
    task, rng = ArithmeticAndStrings(), np.random.default_rng(seed)
    names = list(WEIGHTS)
    weights = np.array([WEIGHTS[name] for name in names])
    skills = rng.choice(len(names), size=count, p=weights / weights.sum())
    levels = rng.choice(len(task.levels), size=count, p=LEVEL_WEIGHTS)
    return tuple(
        task.make(names[skill], task.levels[level], rng)
        for skill, level in zip(skills, levels, strict=True)
    )


def pretrain(examples: int, seed: int) -> tuple[Any, float, float]:
    """The trained student, its mean training loss, and the seconds it took."""
    from teachgym.training.fine_tuning import FineTuner
    from teachgym.training.settings import FineTuningSettings

    student = make_student(seed)
    started = perf_counter()
    trainer = FineTuner(FineTuningSettings(**RECIPE), progress=True)
    result = trainer.train(student, draw_mixture(examples, seed), np.random.default_rng(seed))
    return student, result.loss, perf_counter() - started


def card(report: Report, *, examples: int, seed: int) -> dict[str, Any]:
    """What is known about the student, for machines."""
    return {
        "command": f"{COMMAND} --examples {examples} --seed {seed}",
        "task": ArithmeticAndStrings.name,
        "examples": examples,
        "seed": seed,
        "weights": dict(WEIGHTS),
        "level_weights": LEVEL_WEIGHTS,
        "model": dict(MODEL),
        "recipe": dict(RECIPE),
        "learnable": list(RARELY_SEEN),
        "val_accuracy": round(report.accuracy, 4),
        "val_accuracy_by_skill": {s: round(x.mean, 3) for s, x in report.by_skill().items()},
    }


def model_card(facts: Mapping[str, Any], parameters: int) -> str:
    """What is known about the student, for people."""
    weights, scores = facts["weights"], facts["val_accuracy_by_skill"]
    rows = [
        f"| {p.name} | {p.description} | {weights[p.name]:g} | {scores[p.name]:.2f} |"
        for p in PRIMITIVES
    ]
    return f"""---
license: apache-2.0
library_name: transformers
tags: [teachgym, character-level, llama]
---

# tiny: the embedded student of teachgym

A Llama-architecture causal language model of {parameters:,} parameters over single characters, trained
from scratch by this project on {facts["examples"]:,} examples of the task `{facts["task"]}`, drawn from its
training side only. It exists to be taught: a fine-tuning step on a thousand examples takes seconds
on one CPU core, and the mixture leaves its skills uneven on purpose.

* **Made by** `{facts["command"]}` (seed {facts["seed"]}); no other data or weights are involved.
* **Licence** Apache-2.0.
* **Use** research on teachers in teachgym. It answers prompts such as `rotl abcd=` and nothing else.
* **Limits** it knows {len(CHARACTERS)} characters and 64 positions; `mul`, `sum97`, `rep`, `add` and `sub` are beyond it. Results on
  it say how teachers compare on a student of this kind, not on large language models.

Validation accuracy {facts["val_accuracy"]:.3f} over {len(PRIMITIVES)} skills at three levels:

| skill | what it asks | weight in the mixture | accuracy |
|---|---|---|---|
{chr(10).join(rows)}
"""


def main() -> None:
    """The command line."""
    import torch

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=60_000, help="default 60000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT, help="folder (default: the package's)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    student, loss, seconds = pretrain(arguments.examples, arguments.seed)
    report = GenerateAndGrade().evaluate(student, ArithmeticAndStrings(), "val")
    student.export(arguments.out)
    facts = card(report, examples=arguments.examples, seed=arguments.seed)
    parameters = sum(p.numel() for p in student.model.parameters())
    (arguments.out / "card.json").write_text(json.dumps(facts, indent=1) + "\n")
    (arguments.out / "README.md").write_text(model_card(facts, parameters))
    scores = "\n".join(f"  {s:8} {x:.2f}" for s, x in facts["val_accuracy_by_skill"].items())
    _say(f"{scores}\nval accuracy {report.accuracy:.3f}, loss {loss:.3f}, {seconds:.0f} s")


def _say(text: str) -> None:
    from rich.console import Console

    Console().print(text, highlight=False)


if __name__ == "__main__":
    main()
