"""Make the inputs of a case: a model and adapters on disk, examples and prompts as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from teachgym.benchmarks.speed import models
from teachgym.benchmarks.speed.cases import Asking, Case, Training
from teachgym.benchmarks.speed.shapes import SHAPES, Shape
from teachgym.streams import draw_entropy, order_of
from teachgym.training.datum import Datum, Text
from teachgym.types import Data, Example

Tokens = dict[str, list[int]]
"""A text as input of a model: ``input_ids``, and ``labels`` of the tokens to learn."""
LEARNING_RATE = 1e-4


@dataclass(frozen=True)
class Material:
    """The inputs of a system."""

    case: Case
    device: str
    base: Path
    """A folder that ``from_pretrained`` reads."""
    adapters: tuple[Path, ...]
    """A folder in PEFT's format for each student: the adapter that its training starts from."""
    data: tuple[Data, ...]
    """Examples of each student."""
    prompts: tuple[tuple[str, ...], ...]
    """Prompts of each student."""
    answer_lengths: tuple[tuple[int, ...], ...]
    """Tokens of each student's answers, with their end tokens."""

    @property
    def shape(self) -> Shape:
        """The dimensions of the model."""
        return SHAPES[self.case.shape]

    def beginning(self) -> Material:
        """The data of one update and a few prompts, for warming up."""
        case, size = self.case, self.case.training.batch if self.case.training else 0
        training = case.training and replace(case.training, examples=size, epochs=1)
        return replace(
            self,
            case=replace(case, training=training),
            data=tuple(own[:size] for own in self.data),
            prompts=tuple(own[:4] for own in self.prompts),
        )


def make_material(case: Case, device: str, folder: Path) -> Material:
    """Draw texts, and write model and adapters to ``folder``; equal cases give equal inputs."""
    shape = SHAPES[case.shape]
    longest = max(
        case.longest_answer, case.training.tokens.longest // 2 + 2 if case.training else 0
    )
    context = max(
        case.training.tokens.longest if case.training else 0,
        case.asking.prompt.longest + case.asking.answer.longest if case.asking else 0,
    )
    base = folder / f"{shape.name}-{longest}-{context}"
    if not base.exists():
        models.write_base(
            base,
            shape,
            levels=longest,
            context=context,
            device=device,
        )
    adapters = models.write_adapters(folder / case.name, base, rank=case.rank, count=case.students)
    texts = _Texts(shape.vocabulary, longest)
    rngs = [np.random.default_rng((k, 2)) for k in range(case.students)]
    data = [texts.examples(rng, case.training) for rng in rngs]
    asked = [texts.questions(rng, case.asking) for rng in rngs]
    return Material(
        case=case,
        device=device,
        base=base,
        adapters=tuple(adapters),
        data=tuple(data),
        prompts=tuple(tuple(prompt for prompt, _ in own) for own in asked),
        answer_lengths=tuple(tuple(n for _, n in own) for own in asked),
    )


def order(rows: Sequence[Tokens], epochs: int) -> list[int]:
    """Indices of the rows in the order of a ``FineTuner`` whose fresh generator has seed 0."""
    texts = [Text(tuple(row["input_ids"]), ()) for row in rows]
    identities = [Datum((text,)).identity for text in texts]
    rng = np.random.default_rng(0)
    return [int(i) for _ in range(epochs) for i in order_of(identities, draw_entropy(rng))]


@dataclass(frozen=True)
class _Texts:
    """Draws texts for a model whose tokens have ``levels``."""

    vocabulary: int
    levels: int

    def token(self, rng: np.random.Generator, level: int) -> int:
        """Draw a token of a level."""
        return int(rng.choice(models.tokens_of(level, self.levels, self.vocabulary)))

    def prompt(self, rng: np.random.Generator, length: int, level: int) -> list[int]:
        """Draw tokens of which the last one has the given level."""
        body = rng.integers(models.FIRST, self.vocabulary, length - 1).tolist()
        return [*body, self.token(rng, level)]

    def target(self, rng: np.random.Generator, length: int) -> str:
        """Draw ``length`` tokens whose levels fall to that of the end token."""
        return models.write_text([self.token(rng, level) for level in range(length - 1, 0, -1)])

    def examples(self, rng: np.random.Generator, training: Training | None) -> Data:
        """Draw examples; levels of a target fall to the end, like those of the model's answers."""
        if training is None:
            return ()
        examples = []
        for length in training.tokens.draw(rng, training.examples):
            n_target = length // 2  # with the end
            prompt = self.prompt(rng, length - n_target, n_target)
            example = Example(models.write_text(prompt), self.target(rng, n_target), skill="any")
            if training.objective == "dpo":
                example = replace(example, rejected=self.target(rng, n_target))
            examples.append(example)
        return tuple(examples)

    def questions(
        self, rng: np.random.Generator, asking: Asking | None
    ) -> Sequence[tuple[str, int]]:
        """Draw prompts, and return them with the lengths of the answers that will follow."""
        if asking is None:
            return ()
        lengths = asking.prompt.draw(rng, asking.prompts)
        answers = asking.answer.draw(rng, asking.prompts)
        return [
            (models.write_text(self.prompt(rng, n, answer)), answer)
            for n, answer in zip(lengths, answers, strict=True)
        ]
