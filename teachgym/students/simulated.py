"""A student without a model: a table of competences that answers the real prompts of any task.

Made for experiments with hundreds of seeds: it needs numpy only, and teaching and evaluating it
takes about a millisecond. Its character is fitted to the ``tiny`` student; label its results
"simulated student" wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.errors import ConfigError, UnknownSkillError, unknown
from teachgym.metrics import nearest_level
from teachgym.protocols import Student, Task
from teachgym.settings import Count, NotNegative, Seed
from teachgym.streams import share_of
from teachgym.students.dynamics import Dynamics, accuracy, learn
from teachgym.students.profile import Profile, profile_named
from teachgym.types import Checkpoint, Data, Example, FloatArray, Prompt, Split, leaf_skills

WRONG = "?"
"""The answer where the student is wrong; doubled for an item whose target it is."""

LEAST = 1e-6
"""The chance of a right answer, and of a wrong one, is never told to be less."""

PROFILE_FILE = "profile.json"
"""The file that ``export`` writes and ``Profile.load`` reads."""


class SimulatedStudent(Student):
    """A student that is right if its accuracy in the item's cell is above a fixed threshold.

    Item i has a threshold u_i, uniform in [0, 1) and a function of its prompt alone; the answer
    is right if u_i < accuracy of the item's skill and level. So an evaluation is deterministic,
    reports before and after training are paired, no item is lost while competence rises, and the
    expected score of a cell is its accuracy.

    Args:
        profile: what the student knows at first and how it learns.
        task: whose prompts it is asked. Its splits are the answer key, and what ``read_key`` was
            given; any other prompt is answered wrong. Labels decide nothing: under other skills
            or difficulties (``Task.to_inner``) it is the same student, and
            learns the same wherever the task can tell the skill of a prompt (``skill_of``).
    """

    trainer = "simulated"
    reads = False

    def __init__(self, profile: Profile, task: Task) -> None:
        self._seen, self.profile, self.task = task, profile, task.unwrapped
        task = self.task
        self.skills, self.levels = leaf_skills(task.skills), task.levels
        self.dynamics = Dynamics.of(profile, self.skills, self.levels)
        self.competence: FloatArray = self.dynamics.start
        """Shape (n_skills, n_levels); replaced by training, never changed in place."""
        self._row = {skill: i for i, skill in enumerate(self.skills)}
        self._cells: dict[tuple[str, float | None], int] = {}
        self._key: dict[str, Example] = {}
        """By identity; of what was told, as the task labels it."""
        self._told: dict[str, Example] = {}
        self._unread: list[Split] = ["train", "test", "val"]
        self._sheet = self._prepare(())

    # -- protocols.Student -----------------------------------------------------------------

    @cached_property
    def max_new_tokens(self) -> int:  # type: ignore[override]
        """The tokens of the longest answer to a held-out item."""
        held_out = [*self.task.examples("val"), *self.task.examples("test")]
        return max(self.count_tokens([e.target]) for e in held_out)

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        """The target if the student is right, else ``WRONG``."""
        asked = _identities(prompts)
        if self._sheet.prompts != asked:
            self._sheet = self._prepare(asked)
        sheet = self._sheet
        right = sheet.threshold < self.accuracy.ravel()[sheet.cell]
        answers: list[str] = np.where(right, sheet.right, sheet.wrong).tolist()
        return answers

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Characters, and one for the end of each text."""
        return sum(map(len, texts)) + len(texts)

    def save(self) -> Checkpoint:
        """The competences."""
        return Checkpoint({"competence": self.competence.copy()})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take over the competences of ``checkpoint``.

        Raises:
            ConfigError: if it was not made by a student of the same skills and levels.
        """
        found = checkpoint.arrays.get("competence", np.empty(0))
        if found.shape != self.competence.shape:
            raise ConfigError(
                f"the checkpoint holds competences of shape {found.shape}, this student has "
                f"{self.competence.shape}; restore what a student of the same task has saved"
            )
        self.competence = found.copy()

    def export(self, folder: Path) -> None:
        """Write the student's state to ``folder/profile.json``, as a profile to start from."""
        folder.mkdir(parents=True, exist_ok=True)
        profile = self.profile.starting_from(self.skills, self.levels, self.competence)
        profile.dump(folder / PROFILE_FILE)

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``k`` answers to each prompt, right with the probability of ``logprobs`` at 1.0."""
        if k < 1 or not temperature > 0:
            raise ConfigError(
                f"k is {k} and temperature {temperature}; they must be at least 1 and above 0"
            )
        sheet = self._prepare(_identities(prompts))
        known = zip(
            sheet.prompts, sheet.right, sheet.wrong, self._chance(sheet, temperature), strict=True
        )
        return [
            [right if share_of(f"{seed} {i} {prompt}") < p else wrong for i in range(k)]
            for prompt, right, wrong, p in known
        ]

    def logprobs(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[np.ndarray]:
        """The log-probability of a right answer, spread evenly over its tokens.

        Every other text has the chance of a wrong one.
        """
        sheet = self._prepare(_identities(prompts))
        chance = self._chance(sheet, 1.0)
        chance = np.where(
            [t == r for t, r in zip(targets, sheet.right, strict=True)], chance, 1 - chance
        )
        lengths = [len(target) + 1 for target in targets]
        return [np.full(n, np.log(p) / n) for n, p in zip(lengths, chance, strict=True)]

    def _chance(self, sheet: _AnswerSheet, temperature: float) -> FloatArray:
        """Chance of a right sample, shape (n_prompts,): the logistic of (logit a - logit u) / T.

        Here u is the item's threshold and a its cell's accuracy, so the chance is above 1/2 where
        the greedy answer is right, and is that answer's own as T goes to 0.
        """
        accuracy = np.clip(self.accuracy.ravel()[sheet.cell], LEAST, 1 - LEAST)
        threshold = np.clip(sheet.threshold, LEAST, 1 - LEAST)
        odds = accuracy * (1 - threshold) / (threshold * (1 - accuracy))
        chance: FloatArray = np.exp(-np.logaddexp(0, -np.log(odds) / temperature))
        return np.clip(chance, LEAST, 1 - LEAST)

    # -- for its trainer -------------------------------------------------------------------

    @property
    def accuracy(self) -> FloatArray:
        """The probability of a right answer in each cell, shape (n_skills, n_levels)."""
        return accuracy(self.competence, self.dynamics)

    def tally(self, cells: NDArray[np.int64]) -> FloatArray:
        """The number of times each cell is in ``cells``, shape (n_skills, n_levels)."""
        counts = np.bincount(cells, minlength=self.competence.size)
        return counts.reshape(self.competence.shape).astype(np.float64)

    def cells(self, data: Data) -> NDArray[np.int64]:
        """Place of each example's cell in the flattened (n_skills, n_levels), shape (n_examples,).

        Difficulties go to the nearest level.

        Raises:
            UnknownSkillError: for an example of a skill that is not a leaf of the task.
        """
        inner = map(self._inner, data)
        return np.array([self._cell(e.skill, e.difficulty) for e in inner], dtype=np.int64)

    def thresholds(self, examples: Iterable[Example]) -> FloatArray:
        """The threshold of each item, in [0, 1), above which it is answered rightly; (n_items,)."""
        return np.array([share_of(e.identity) for e in examples])

    def learn(self, counts: FloatArray, rng: np.random.Generator) -> None:
        """Do a training run on ``counts`` examples; see ``teachgym.students.dynamics.learn``."""
        luck = rng.standard_normal(self.competence.shape)  # whatever is taught, for pairs of runs
        self.competence = learn(self.competence, counts, self.dynamics, luck)

    # -- the answer key --------------------------------------------------------------------

    def _cell(self, skill: str, difficulty: float | None) -> int:
        """Index into the flattened (n_skills, n_levels)."""
        kind = skill, difficulty
        if kind not in self._cells:
            if skill not in self._row:
                raise UnknownSkillError(unknown("leaf skill", skill, self.skills))
            place = nearest_level(self.levels, difficulty)
            self._cells[kind] = self._row[skill] * len(self.levels) + place
        return self._cells[kind]

    def read_key(self, examples: Iterable[Example]) -> None:
        """Put examples into the answer key, so that prompts outside the splits can be answered.

        It is a simulation: whether it answers right is for its competence to say, what would be
        right it has to be told. What was told last of a prompt counts, so that answers do not
        depend on what was asked before.
        """
        changed = False
        for example in examples:
            known = self._told.get(identity := example.identity)
            if known is not example and known != example:
                self._told[identity], self._key[identity] = example, self._inner(example)
                changed = True
        if changed:
            self._sheet = self._prepare(())  # which may have been made without them

    def _inner(self, example: Example) -> Example:
        """The example as its task labels it, by its prompt where the task can tell."""
        example, own = self._seen.to_inner(example), self.task.skill_of(example.prompt)
        return example if own in (None, example.skill) else replace(example, skill=own)

    def _look_up(self, prompt: str) -> Example | None:
        """The task's example with this prompt; splits are read when first needed."""
        while prompt not in self._key and self._unread:
            for example in self.task.examples(self._unread.pop()):
                self._key.setdefault(example.identity, example)
        return self._key.get(prompt)

    def _prepare(self, prompts: tuple[str, ...]) -> _AnswerSheet:
        """Everything about ``prompts`` that training does not change."""
        found = [self._look_up(prompt) for prompt in prompts]
        targets = [example.target if example else "" for example in found]
        return _AnswerSheet(
            prompts,
            cell=np.array(
                [self._cell(e.skill, e.difficulty) if e else 0 for e in found], dtype=np.int64
            ),
            threshold=np.array(
                [share_of(e.identity) if e else np.inf for e in found], dtype=np.float64
            ),
            right=np.array(targets, dtype=object),
            wrong=np.array([WRONG * (1 + (t == WRONG)) for t in targets], dtype=object),
        )


@dataclass(frozen=True)
class _AnswerSheet:
    """Prompts with what it takes to answer them; every array has shape (n_prompts,)."""

    prompts: tuple[str, ...]
    """Their identities."""
    cell: NDArray[np.int64]
    threshold: FloatArray
    right: NDArray[Any]
    wrong: NDArray[Any]


def simulated_student(
    task: Task,
    *,
    base: Count = 0,
    profile: str | Path | None = None,
    noise: NotNegative | None = None,
    shuffle: Seed | None = None,
) -> SimulatedStudent:
    """A calibrated table of skills: milliseconds per step, no torch.

    Args:
        task: what it is asked.
        base: of ``tiny``, to which its character is fitted.
        profile: another character: ``hard`` (planning pays), or the path of a profile.
        noise: other than the profile's.
        shuffle: what is known at first, and how it is learned, is dealt to skills at random with
            this seed, so that teachers meet many students in training (``Profile.shuffled``).
    """
    character = profile_named(base, profile, shuffle)
    return SimulatedStudent(character if noise is None else replace(character, noise=noise), task)


def _identities(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    return tuple(prompt.identity for prompt in prompts)
