"""Any Hugging Face causal language model as a student; ``tiny`` is one that ships."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from teachgym.errors import ConfigError
from teachgym.protocols import Student
from teachgym.students.loading import without_progress_bars
from teachgym.students.local.decoding import Request
from teachgym.students.local.generation import rules_for
from teachgym.students.local.network import context_of
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.sampling import Asked, sample_tokens
from teachgym.students.local.scoring import score_targets
from teachgym.students.lora import load_adapter
from teachgym.students.preparing import Prepared, prepare
from teachgym.students.self_check import unsuited, why_not_local, why_not_trained
from teachgym.students.settings import LanguageModelSettings
from teachgym.students.texts import Texts
from teachgym.students.threads import few_threads
from teachgym.students.verdicts import remembered
from teachgym.types import Checkpoint, Prompt


class LanguageModelStudent(Student):
    """A causal language model that answers greedily and can be restored.

    A student is one of the K students of a ``StudentPool``; alone, K is 1. Prompts are formatted
    by ``teachgym.students.texts.Texts``, the same way before and after training.

    Args:
        pool: where its weights are.
        index: which of the pool's students it is, in [0, K).
        base: what an exported adapter names as its base model.
    """

    batchable = True
    trainer = "packed"

    def __init__(self, pool: StudentPool, index: int = 0, *, base: str = "") -> None:
        self.pool, self.index, self.base = pool, index, base
        self.max_new_tokens = pool.max_new_tokens

    @classmethod
    def of(cls, model: Any, tokenizer: Any, *, max_new_tokens: int) -> LanguageModelStudent:
        """Make a student with all weights trained from a model and a tokenizer in memory."""
        texts = Texts(tokenizer, context_of(model))
        return cls(StudentPool(model, texts, max_new_tokens=max_new_tokens))

    @classmethod
    def load(cls, name_or_path: str, **settings: Any) -> LanguageModelStudent:
        """Load a single student from fields of ``LanguageModelSettings``."""
        return load_students(name_or_path, 1, LanguageModelSettings(**settings))[0]

    @property
    def model(self) -> Any:
        """The model of transformers, shared by the pool's students."""
        return self.pool.network.model

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers."""
        return self.pool.texts.tokenizer

    @property
    def texts(self) -> Texts:
        """The tokenizer with the prompt format."""
        return self.pool.texts

    def threads(self) -> AbstractContextManager[None]:
        """Context for everything that the student computes; see ``few_threads``."""
        return self.pool.threads()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        return self.texts.encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """The count of tokens of all texts, with one end-of-sequence token each."""
        return sum(len(ids) + 1 for ids in self.encode(texts))

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        """Greedy answers in the order of the prompts; an answer depends on its prompt alone.

        Raises:
            ConfigError: for a prompt without tokens, which leaves nothing to continue.
        """
        return self.generate_together([self], [prompts], stop=stop)[0]

    def generate_together(
        self,
        students: Sequence[LanguageModelStudent],
        prompts: Sequence[Sequence[Prompt]],
        *,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """Greedy answers of several students of one pool; each answers as it would alone.

        Raises:
            ConfigError: for students of different pools, or a prompt without tokens.
        """
        pool = pool_of(students)
        questions: list[Sequence[Request]] = [()] * pool.count
        for student, own in zip(students, prompts, strict=True):
            encoded = pool.texts.prompts(own, room=pool.max_new_tokens)
            questions[student.index] = [Request(tuple(ids)) for ids in encoded]
        tokens = pool.answer(questions, rules_for(pool.texts, pool.network.n_tokens, stop=stop))
        return [[pool.texts.decode(ids, stop) for ids in tokens[s.index]] for s in students]

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``k`` random answers to each prompt, drawn at ``temperature`` > 0.

        An answer depends on seed, prompt and its number among the k alone, not on what else is
        asked.
        """
        encoded = self.texts.prompts(prompts, room=self.max_new_tokens)
        asked: list[Sequence[Asked]] = [()] * self.pool.count
        asked[self.index] = [
            Asked(tuple(ids), seed, prompt.identity)
            for ids, prompt in zip(encoded, prompts, strict=True)
        ]
        tokens = sample_tokens(self.pool, asked, k=k, temperature=temperature, stop=stop)
        return [[self.texts.decode(ids, stop) for ids in own] for own in tokens[self.index]]

    def logprobs(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[np.ndarray]:
        """The log-probability of each token of a target and of its end, shape (n_tokens,) each."""
        return score_targets(self.pool, self.index, self.texts.pairs(prompts, targets))

    def save(self) -> Checkpoint:
        """A copy of everything that training may change: adapters, or all weights."""
        return self.pool.save(self.index)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Copy the weights back in place, bit for bit.

        Raises:
            ConfigError: for a checkpoint of another model.
        """
        self.pool.restore(self.index, checkpoint)

    def fingerprint(self) -> str:
        """A hex digest of everything that affects answers: weights, precision, prompt format."""
        return self.pool.fingerprint(self.index)

    def export(self, folder: Path) -> None:
        """Write an adapter as ``PeftModel.from_pretrained`` reads it, or else the whole model.

        The tokenizer is written beside it.
        """
        if self.pool.lora:
            self.pool.write_adapter(self.index, folder, base=self.base)
        else:
            with without_progress_bars():
                self.pool.plain_model(self.index).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def pool_of(students: Sequence[LanguageModelStudent]) -> StudentPool:
    """The pool of all ``students``; raises ``ConfigError`` if they are not of one pool."""
    pool = students[0].pool
    indices = {s.index for s in students}
    if any(s.pool is not pool for s in students) or len(indices) < len(students):
        raise ConfigError(
            "only different students of one pool work together; make them with make_students"
        )
    return pool


def load_students(
    name_or_path: str, count: int, settings: LanguageModelSettings
) -> tuple[LanguageModelStudent, ...]:
    """``count`` equal students around one model.

    Args:
        name_or_path: ``tiny``, ``smollm2``, a folder that ``from_pretrained`` reads, a folder with
            an adapter in PEFT's format, a GGUF file, or a hub id.
        count: how many, >= 1.
        settings: see ``LanguageModelSettings``; of its backend nothing is used.

    Raises:
        UnknownNameError: if there is no such model, or it cannot be read.
        ConfigError: for a setting that the model does not allow.
        LocalBackendError: for a model that packed passes or slots would not compute right.
    """
    own = prepare(name_or_path, settings)
    if own.reads_images:
        raise unsuited(own.model, "it reads pictures")
    with few_threads(own.n_parameters, own.model.device):
        pool = _checked_pool(own, count, settings)
    if own.start:
        load_adapter(pool.adapters, own.start)
    return tuple(LanguageModelStudent(pool, k, base=own.source) for k in range(count))


def _checked_pool(own: Prepared, count: int, settings: LanguageModelSettings) -> StudentPool:
    """A pool around a model that computes the same in it as by itself."""
    facts = own.lora, count > 1, str(settings.torch_dtype)
    plain = own.model
    reason = remembered(partial(why_not_local, plain), plain, "local")
    if reason:
        raise unsuited(plain, reason)
    # Wrapped layers change names, so the digest is taken before.
    pool: list[StudentPool] = []

    def why_not() -> str:
        pool.append(_pool_of(own, count, settings))
        return why_not_trained(pool[0])

    reason = remembered(why_not, plain, "training", *facts)
    if reason:
        raise unsuited(plain, reason)
    return pool[0] if pool else _pool_of(own, count, settings)


def _pool_of(own: Prepared, count: int, settings: LanguageModelSettings) -> StudentPool:
    return StudentPool(
        own.model,
        own.texts,
        max_new_tokens=own.max_new_tokens,
        count=count,
        lora=own.lora,
        dtype=settings.torch_dtype,
        strict=settings.strict,
        graphs=settings.graphs,
    )
