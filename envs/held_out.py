"""Skills and levels that cannot be ordered and that ``test`` measures, to study transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.envs.stress.settings import SkillChoice, choose_skills
from teachgym.errors import ConfigError, require_known
from teachgym.metrics import nearest_level
from teachgym.settings import FromJson, Seed, checked
from teachgym.tasks.task import Task, TaskWrapper
from teachgym.types import Example, Split, leaf_skills


@checked
@dataclass(frozen=True)
class HeldOut:
    """The skills and levels that are hidden from teachers; none by default."""

    skills: SkillChoice = 0.0
    """A share of the leaf skills, in [0, 1], or their names."""
    levels: FromJson[tuple[float, ...]] = ()
    """Levels of the task."""
    seed: Seed = 0
    """Another one chooses other skills, >= 0."""

    def __bool__(self) -> bool:
        return bool(self.skills or self.levels)


class HeldOutTask(TaskWrapper):
    """A task without some of its skills and levels, except for its ``test``.

    Nobody can order them or sees examples of them on ``train`` and ``val``, and the gate lets no
    example of such a skill pass. Levels are those of orders: who writes examples freely may write
    one of any level. A student must be made for the whole task.

    Raises:
        ConfigError: for names that are none, and if no skill, no level or no item of val would be
            left.
    """

    def __init__(self, task: Task, held_out: HeldOut) -> None:
        super().__init__(task)
        leaves = leaf_skills(task.skills)
        gone = choose_skills(held_out.skills, leaves, kind="held out", seed=held_out.seed)
        require_known("level that is held out", map(str, held_out.levels), map(str, task.levels))
        kept = tuple(level for level in task.levels if level not in held_out.levels)
        if len(gone) == len(leaves) or not kept:
            raise ConfigError(
                f"held_out leaves {len(leaves) - len(gone)} of {len(leaves)} skills and "
                f"{len(kept)} of {len(task.levels)} levels; leave at least one of each"
            )
        self._all_levels = tuple(task.levels)
        self.name, self.levels = f"{task.name}+held-out", kept
        skills, childless = [s for s in task.skills if s.name not in gone], True
        while childless:  # Whoever has lost all children goes with them.
            parents = {skill.parent for skill in skills}
            left = [s for s in skills if s.name in parents or s.name in leaves]
            childless, skills = len(left) < len(skills), left
        self.skills = tuple(skills)
        self._names = frozenset(skill.name for skill in skills)
        if not self.examples("val"):
            raise ConfigError(
                f"held_out leaves none of the {len(task.examples('val'))} items of val; leave more "
                "skills or levels, or give the task more items (limit)"
            )

    def examples(self, split: Split) -> Sequence[Example]:
        """The examples of the whole task on ``test``, and those of the rest on other splits."""
        examples = self.task.examples(split)
        return examples if split == "test" else tuple(filter(self._is_kept, examples))

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """An example at a remaining level; without a difficulty, at a random one."""
        if len(self.levels) < len(self._all_levels):
            places = range(len(self.levels))
            chosen = nearest_level(self.levels, difficulty)
            difficulty = self.levels[rng.choice(places) if difficulty is None else chosen]
        return self.task.make(skill, difficulty, rng)

    def _is_kept(self, example: Example) -> bool:
        level = example.difficulty
        at = None if level is None else self._all_levels[nearest_level(self._all_levels, level)]
        return example.skill in self._names and (at is None or at in self.levels)
