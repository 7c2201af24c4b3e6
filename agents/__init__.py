"""Teachers: from an observation of the student to an order of training data.

Importing this package loads no teacher; ``make_teacher`` imports the one it makes::

    env = gym.make("teachgym/SkillList-v0", student="simulated")
    teacher = make_teacher("weakest", env)
    episode = teachgym.loop.run_episode(env, teacher, seed=0)
"""

from __future__ import annotations

from teachgym.agents.entry import Kind, TeacherEntry, kind_of
from teachgym.agents.registry import (
    TEACHERS,
    make_teacher,
    require_fit,
    require_teacher,
    required_settings,
    teacher_entry,
    teacher_settings,
)
from teachgym.settings import REQUIRED

__all__ = [
    "REQUIRED",
    "TEACHERS",
    "Kind",
    "TeacherEntry",
    "kind_of",
    "make_teacher",
    "require_fit",
    "require_teacher",
    "required_settings",
    "teacher_entry",
    "teacher_settings",
]
