"""Describe the students that the project makes, as data: their parts and pretraining."""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from teachgym.benchmarks.models.mixtures import FEW, HALF, MOST, Rarity, own_skill
from teachgym.benchmarks.models.seeing import IMAGE, Sight, Stage
from teachgym.benchmarks.models.tokenizers import (
    make_subword_tokenizer,
    make_tokenizer,
    make_word_tokenizer,
)
from teachgym.protocols import Task
from teachgym.students.bases import SMALL, SMALL_CODE, SMALL_TOOLS, TINY, TINY_VISION
from teachgym.tasks.programs import skills_in
from teachgym.types import Example


@dataclass(frozen=True)
class Embedded:
    """A kind of student that the project makes itself."""

    name: str
    tasks: tuple[str, ...]
    """Names of the tasks on whose skills it is pretrained."""
    tokenizer: Callable[[Task], Any]
    """A function that makes the tokenizer for a task."""
    reads: str
    """A description of its tokens, for its card."""
    model: Mapping[str, Any]
    """Fields of ``LlamaConfig``."""
    recipe: Mapping[str, Any]
    """Fields of ``FineTuningSettings``."""
    level_weights: tuple[float, ...]
    """Relative frequency of each level, easiest first."""
    rarity: Rarity
    """Unevenness of its mixtures."""
    examples: int
    """Number of pretraining examples."""
    max_new_tokens: int
    """Tokens of the longest answer."""
    sample: str
    """A typical prompt, for its card."""
    architecture: str = "A Llama-architecture causal language model"
    """A description of the model, for its card."""
    sight: Sight | None = None
    """The vision tower and pretraining stages of a student that sees; None = it does not see."""
    exercised: Callable[[Example], Collection[str]] = own_skill
    """A function that gives the skills that an example exercises, its own among them."""


def subword_tokenizer(task: Task) -> Any:
    """Learn a tokenizer of a thousand pieces of words from a task's pool of training examples."""
    texts = (text for e in task.examples("train") for text in (e.prompt, e.target))
    return make_subword_tokenizer(texts, 1024)


def word_tokenizer(task: Task) -> Any:
    """Make a tokenizer of the words in a task's pool, digits, and the token of a patch."""
    texts = [text for e in task.examples("train") for text in (e.prompt, e.target)]
    return make_word_tokenizer([*texts, " ".join(string.digits)], [IMAGE])


def _llama(hidden: int, intermediate: int, *, layers: int, positions: int) -> dict[str, Any]:
    """Fields of ``LlamaConfig``, with four heads a layer."""
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": positions,
    }


def _rates(highest: float, warmup: int, constant: float, final: float) -> dict[str, Any]:
    """Fields of ``FineTuningSettings`` that say how the learning rate goes."""
    return {
        "learning_rate": highest,
        "warmup_steps": warmup,
        "constant_share": constant,
        "final_share": final,
    }


_SMALL = Embedded(
    SMALL,
    ("word-problems",),
    subword_tokenizer,
    "bytes and pieces of words",
    _llama(128, 448, layers=4, positions=512) | {"tie_word_embeddings": True},
    {"batch_size": 32, **_rates(4e-3, 50, 0.6, 0.02)},
    (0.5, 0.3, 0.2),
    MOST,
    100_000,
    96,
    "Ann has 12 pens. Ben is 5 pens short of what Ann has. How many pens does Ben have?",
)
"""The student of word problems, from which those of the other text tasks are derived."""

_STAGES = (
    Stage(30_000, (1.0,), (1, 3)),
    Stage(144_000, (0.5, 0.5), (4, 7)),
    Stage(72_000, (0.2, 0.3, 0.5), (4, 7)),
    Stage(30_000, (1 / 3, 1 / 3, 1 / 3), (4, 7), often=False),
)
"""First places and looks, then hops, of the frequent skills of the mixture; then the mixture."""

KINDS: Mapping[str, Embedded] = {
    TINY: Embedded(
        TINY,
        ("arithmetic-and-strings",),
        lambda task: make_tokenizer(),
        "single characters",
        _llama(96, 256, layers=3, positions=64) | {"tie_word_embeddings": True},
        {"batch_size": 32, **_rates(6e-3, 30, 0.6, 0.02)},
        (0.3, 0.35, 0.35),
        HALF,
        60_000,
        24,
        "rotl abcd=",
    ),
    SMALL: _SMALL,
    SMALL_CODE: replace(
        _SMALL,
        name=SMALL_CODE,
        tasks=("programs",),
        rarity=FEW,
        examples=20_000,
        exercised=skills_in,
        sample="keep those above 3, then sum them\\nf([2, 5, 4]) == 9\\nf([9, 1]) == 9",
    ),
    SMALL_TOOLS: replace(
        _SMALL,
        name=SMALL_TOOLS,
        tasks=("tool-plans",),
        rarity=FEW,
        examples=30_000,
        sample='Reverse "cat". Capitalise it. Plan:',
    ),
    TINY_VISION: Embedded(
        TINY_VISION,
        ("shapes",),
        word_tokenizer,
        "words and the patches of a picture",
        _llama(96, 192, layers=4, positions=128) | {"initializer_range": 0.08},
        _rates(2e-3, 50, 0.7, 0.05),
        _STAGES[-1].levels,
        HALF,
        sum(stage.questions for stage in _STAGES),
        4,
        "what colour is the top left thing?",
        "A LLaVA (a SigLIP tower, a projector and a Llama)",
        Sight(
            {
                "hidden_size": 64,
                "intermediate_size": 128,
                "num_hidden_layers": 1,
                "num_attention_heads": 4,
                "initializer_range": 0.08,
            },
            _STAGES,
        ),
    ),
}
"""Every kind by its name."""
