"""``Relabelled``: a task under other skills than its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from teachgym.errors import ConfigError, UnknownSkillError, unknown
from teachgym.metrics import nearest_level
from teachgym.skills.names import OTHER
from teachgym.skills.skill_file import SkillFile, with_other
from teachgym.tasks.procedural import pick
from teachgym.tasks.task import Task, TaskWrapper, only
from teachgym.types import SPLITS, Draft, Example, Split, leaf_skills


class Relabelled(TaskWrapper):
    """A task with its examples, splits, levels and grader, and the skills of a skill file.

    Examples that the file does not assign have the skill ``other``, which is added where it is
    needed. The task's grader, ``verify`` and ``compose`` see the skill that the task knows: an
    example's own, and for what is written for a skill, the commonest own skill of its examples.

    It is procedural if the task is and every skill has examples in ``train`` or ``val``. Then
    ``make`` draws one of the skill's examples with the wanted difficulty, or the nearest there
    is, and makes another like it: of its own skill. So what is made for a skill is mixed as the
    skill's examples are; ``other``, where it has only examples of ``test``, like any of the task.
    ``test`` is relabelled and decides nothing.

    Args:
        task: whose examples the file assigns.
        file: the skills and assignments.

    Raises:
        ConfigError: if the file was made for another task, or assigns none of its examples, or an
            id that it assigns is that of two examples.
    """

    def __init__(self, task: Task, file: SkillFile) -> None:
        _check_fit(task, file)
        examples = [e for split in SPLITS for e in task.examples(split)]
        super().__init__(task)
        self.name = f"{task.name}+{file.method}-{len(leaf_skills(file.skills))}"
        if any(e.id not in file.assignments for e in examples):
            file = with_other(file)
        self.skills = file.skills
        self._examples = {
            split: tuple(replace(e, skill=file.skill_of(e)) for e in task.examples(split))
            for split in SPLITS
        }
        self._own = {e.id: e.skill for e in examples}
        self._mix = self._blend(file)
        self._likely = {leaf: _commonest(cells) for leaf, cells in self._mix.items() if cells}

    def examples(self, split: Split) -> Sequence[Example]:
        """The task's examples of the split, in its order, with the file's skills."""
        return self._examples[split]

    def skill_of(self, prompt: str) -> str | None:
        """The only one of ``skills_of``; None if there are several or none."""
        return only(self.skills_of(prompt))

    def skills_of(self, prompt: str) -> frozenset[str]:
        """The file's skills that have examples of the prompt's own skill, if the task tells that.

        None too where no example of train or val has that skill.
        """
        own = self.task.skills_of(prompt)
        return frozenset(
            skill
            for skill, mix in self._mix.items()
            if any(not own.isdisjoint(names) for names in mix.values())
        )

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example that the task makes of the draft."""
        own = self._likely.get(skill, skill)
        return replace(self.task.compose(draft, own, difficulty), skill=skill)

    @property
    def is_procedural(self) -> bool:
        """Whether the task is procedural and every skill has examples in ``train`` or ``val``."""
        return self.task.is_procedural and all(self._mix.values())

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """Make an example like one of the skill's."""
        if not self.is_procedural:
            return Task.make(self, skill, difficulty, rng)
        if skill not in self._mix:
            raise UnknownSkillError(unknown("leaf skill", skill, self._mix))
        mix = self._mix[skill]
        if difficulty is None:
            own = pick([name for names in mix.values() for name in names], rng)
        else:
            levels = sorted(mix)
            own = pick(mix[levels[nearest_level(levels, difficulty)]], rng)
        return replace(self.task.make(own, difficulty, rng), skill=skill)

    def _blend(self, file: SkillFile) -> dict[str, dict[float, list[str]]]:
        """Own skills of the examples of train and val, by the file's leaf skills and difficulty."""
        mix: dict[str, dict[float, list[str]]] = {leaf: {} for leaf in leaf_skills(file.skills)}
        anything: dict[float, list[str]] = {}
        for split in SPLITS[:2]:
            for example in self.task.examples(split):
                for cells in (mix[file.skill_of(example)], anything):
                    cells.setdefault(example.difficulty or 0.0, []).append(example.skill)
        if not mix.get(OTHER, True):
            mix[OTHER] = anything
        return mix

    def inside(self, example: Example) -> Example:
        """The example with a skill that the task knows, if there is one.

        Its own, if the task can tell it from the prompt or it is one of the splits; else the
        commonest of the skill that it has here.
        """
        own = self._own.get(example.id)
        if len(possible := self.task.skills_of(example.prompt)) == 1:
            [own] = possible
        return replace(example, skill=own or self._likely.get(example.skill, example.skill))


def _commonest(mix: Mapping[float, Sequence[str]]) -> str:
    """The commonest of the own skills; the first of equals."""
    return Counter(name for names in mix.values() for name in names).most_common(1)[0][0]


def _check_fit(task: Task, file: SkillFile) -> None:
    """Whether the file is about the task's examples."""
    if file.task != task.name:
        raise ConfigError(f"the skill file was made for {file.task!r}; the task is {task.name!r}")
    found: dict[str, Split] = {}
    for split in SPLITS:
        for example in task.examples(split):
            if example.id in file.assignments and found.setdefault(example.id, split) != split:
                raise ConfigError(
                    f"{example.id!r} is the id of an example of {found[example.id]} and of "
                    f"{split}; only tasks whose ids are unique over all splits can be relabelled"
                )
    if not found:
        raise ConfigError(
            f"the skill file assigns none of the examples of {task.name!r}; was it made with "
            "other settings of the task?"
        )
