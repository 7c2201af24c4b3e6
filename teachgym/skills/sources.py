"""Skill sources by name: how much a teacher sees of a task's skills.

An ablation of the skills themselves (DataEnvGym, arXiv 2410.06215, table 3, compares two of them:
human question types against discovered skills). ``Relabelled`` shows a task through the result.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from teachgym.errors import ConfigError, unknown
from teachgym.protocols import Task
from teachgym.registry import OBJECT, Registry, is_reference
from teachgym.shown import shown
from teachgym.skills.clustering import Clusters
from teachgym.skills.discovery import discover_skills
from teachgym.skills.skill_file import SkillFile, read_skill_file
from teachgym.types import SPLITS, Example, Skill, leaf_skills, leaves_by_root

SOURCES = Registry(
    "skill source",
    {
        "roots": "teachgym.skills.sources:roots",
        "one": "teachgym.skills.sources:one",
        "opaque": "teachgym.skills.sources:opaque",
        "shuffled": "teachgym.skills.sources:shuffled",
    },
    given=("task",),
)
"""Every source but ``clusters-N`` and skill files, called as ``(task)``, for a ``SkillFile``."""

_CLUSTERS = re.compile(r"clusters-(\d{1,6})")
_SEED = 0
"""The seed of the clusters and of the exchange: a source is the same in every run."""


def find_skills(source: Any, task: Task) -> SkillFile:
    """The skills of a task by a source; every example of every split has one.

    Args:
        source: a name in ``SOURCES``, one of the other ways of ``teachgym.registry``,
            ``clusters-N``, N >= 2, or the path of a skill file, which may assign less. A name wins
            over a file of the same name; write ``./one`` for the file.
        task: whose examples are assigned.

    Raises:
        ConfigError: for a source that is neither, a skill file that cannot be read, or more
            clusters than there are different texts.
    """
    return require_source(source)(task)


def require_source(source: Any) -> Callable[[Task], SkillFile]:
    """The way to find a task's skills by a source, which is asked for before there is a task.

    Raises:
        ConfigError: for a source that is no name and not the path of a file.
    """
    if _is_part(source):
        SOURCES.check(source, {})
        return partial(SOURCES.make, source)
    known = (*SOURCES.names, "clusters-N")
    if not isinstance(source, str):
        raise ConfigError(
            f"skills is {shown(source)}; it must be one of {', '.join(known)}, module:attribute, "
            "file.py:attribute, or the path of a skill file"
        )
    if number := _CLUSTERS.fullmatch(source):
        return partial(_clustered, int(number[1]))
    path = Path(source)
    if path.suffix != ".json" and not os.path.isfile(source):  # False for names that cannot be
        said = unknown("skill source", source, known)
        raise ConfigError(f"{said}, or the path of a skill file")
    return lambda task: read_skill_file(path)


def _is_part(source: Any) -> bool:
    """Whether it names a source of ``SOURCES``, or is one."""
    if not isinstance(source, str):
        return callable(source)
    return source in SOURCES.names or is_reference(source) or source.startswith(OBJECT)


def roots(task: Task) -> SkillFile:
    """The task's root skills; their leaves are hidden.

    A leaf is called by its root; a root without leaves keeps its examples.
    """
    name = {leaf: r for r, leaves in leaves_by_root(task.skills).items() for leaf in leaves}
    return _renamed(task, "roots", tuple(s for s in task.skills if s.parent is None), name)


def one(task: Task) -> SkillFile:
    """A single skill for everything."""
    everything = Skill("everything", None, "All that the task asks for.")
    name = dict.fromkeys(leaf_skills(task.skills), everything.name)
    return _renamed(task, "one", (everything,), name)


def opaque(task: Task) -> SkillFile:
    """The task's leaf skills without their names, parents, descriptions and order.

    They are ``skill-01``, ``skill-02``, ... in the order of a hash: the task's own tells much.
    """
    leaves = sorted(leaf_skills(task.skills), key=lambda leaf: sha256(leaf.encode()).digest())
    width = len(str(len(leaves)))
    name = {leaf: f"skill-{n:0{width}}" for n, leaf in enumerate(leaves, 1)}
    return _renamed(task, "opaque", tuple(map(Skill, name.values())), name)


def _renamed(
    task: Task, method: str, skills: tuple[Skill, ...], name: Mapping[str, str]
) -> SkillFile:
    """The skills, with every example under the name that its own leaf skill has among them."""
    examples = (e for split in SPLITS for e in task.examples(split))
    return SkillFile(task.name, method, skills, {e.id: name[e.skill] for e in examples})


def shuffled(task: Task) -> SkillFile:
    """The task's skills, with those of the examples exchanged at random.

    They change places among the examples of a split that are equally difficult. So every skill
    keeps its number of examples in each split and at each difficulty, and loses its meaning alone.
    """
    rng = np.random.default_rng(_SEED)
    assignments: dict[str, str] = {}
    for split in SPLITS:
        groups: defaultdict[float | None, list[Example]] = defaultdict(list)
        for example in task.examples(split):
            groups[example.difficulty].append(example)
        for group in groups.values():
            donors = rng.permutation(len(group))
            assignments |= {e.id: group[i].skill for e, i in zip(group, donors, strict=True)}
    return SkillFile(task.name, "shuffled", task.skills, assignments)


def _clustered(count: int, task: Task) -> SkillFile:
    """Clusters of train and val; the examples of test join the nearest, which changes nothing.

    Without that they would have the skill ``other``, and teachers one skill more to order.
    """
    discovery = Clusters(skills=count, seed=_SEED)
    found = discover_skills(discovery, task, method="clusters", splits=("train", "val"))
    last = task.examples("test")
    later = {e.id: name for e, name in zip(last, discovery.assign_all(last), strict=True)}
    return SkillFile(task.name, "clusters", found.skills, {**found.assignments, **later})
