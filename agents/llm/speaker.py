"""``Speaker``: a language model that answers prompts of a form with what its grammar allows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.llm.shares import SharesForm, SharesSettings
from teachgym.errors import ConfigError
from teachgym.records import Record, read_text
from teachgym.runs.files import write_json
from teachgym.settings import build
from teachgym.students.local.automaton import Automaton
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.sampling import Asked, sample_tokens
from teachgym.students.local.student import LanguageModelStudent
from teachgym.types import Prompt

ANSWER_TOKENS = 192
"""Tokens of an answer at most; what the form allows must fit."""


class Speaker:
    """A language model that answers prompts of a form with what its grammar allows.

    Args:
        pool: of one language model.
        form: of the skills that it teaches.

    Raises:
        ConfigError: for skills that its tokenizer cannot write, or answers that would be too long.
    """

    def __init__(self, pool: StudentPool, form: SharesForm) -> None:
        self.pool, self.form = pool, form
        self.automaton = Automaton.of(form.grammar, pool.texts)
        if self.automaton.longest > pool.max_new_tokens:
            raise ConfigError(
                f"an answer may have {self.automaton.longest} tokens, and the model writes "
                f"{pool.max_new_tokens} at most; lower items, or raise max_new_tokens"
            )

    def encode(self, prompts: Sequence[str]) -> list[tuple[int, ...]]:
        """The tokens of prompts.

        Raises:
            ConfigError: for prompts that do not fit into the context.
        """
        texts, room = self.pool.texts, self.automaton.longest
        cut = texts.cut
        found = texts.prompts([Prompt(text) for text in prompts], room=room)
        if texts.cut > cut:
            raise ConfigError(
                f"the skills take more tokens than the model's context of {texts.context}; take "
                "another model, or a task with fewer skills"
            )
        return [tuple(ids) for ids in found]

    def sample(
        self, prompts: Sequence[tuple[int, ...]], names: Sequence[str], seed: int, **how: Any
    ) -> list[list[list[int]]]:
        """The tokens of ``k`` answers to each prompt, drawn at ``temperature``.

        An answer depends on weights, prompt, seed and name alone.
        """
        asked = [Asked(ids, seed, name) for ids, name in zip(prompts, names, strict=True)]
        (drawn,) = sample_tokens(self.pool, [asked], automaton=self.automaton, **how)
        return drawn

    def read(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """The weights of skills in the tokens of an answer, shape (n_skills,)."""
        return self.form.read(self.pool.texts.decode(ids))


def load_model(path: str, **settings: Any) -> LanguageModelStudent:
    """A language model by name or path, with room for answers."""
    return LanguageModelStudent.load(path, **{"max_new_tokens": ANSWER_TOKENS, **settings})


def form_settings(path: str) -> SharesSettings:
    """The settings of the form that a model was trained with; the defaults for any other."""
    file = Path(path) / "teacher.json"
    if not file.is_file():
        return SharesSettings()
    record: Record = json.loads(read_text(file, 10**6))
    form: SharesSettings = build(f"the form in {file}", SharesSettings, settings=record["form"])
    return form


def save_teacher(model: LanguageModelStudent, form: SharesSettings, folder: Path) -> None:
    """Write a folder that ``trained`` reads, and that other programs read as a model."""
    model.export(folder)
    write_json(folder / "teacher.json", {"form": asdict(form)})
