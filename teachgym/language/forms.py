"""The choice of the form for an environment's actions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import gymnasium as gym

from teachgym.errors import ConfigError
from teachgym.forest.forest import Forest
from teachgym.language.examples import ExamplesForm
from teachgym.language.form import Form
from teachgym.language.moves import MovesForm
from teachgym.language.plan import PlanForm
from teachgym.spaces import DataSpace, MovesSpace, PlanSpace, ReplySpace, acting_space
from teachgym.syllabus import Syllabus
from teachgym.types import Skill

AnyForm = Form[Any, Any]


def form_of(env: gym.Env[Any, Any]) -> AnyForm:
    """The form of an environment whose action is a text, or a plan, moves or examples.

    What a teacher may keep: it says nothing of the state, and nothing held out can be reached from
    it. ``env.get_wrapper_attr("form")`` of an environment with ``action="text"`` is the form as it
    is used in the present step, which knows the forest.

    Raises:
        ConfigError: for an environment that is acted in otherwise.
    """
    return form_for(
        acting_space(env),
        env.get_wrapper_attr("syllabus"),
        tuple(env.get_wrapper_attr("levels")),
        int(env.get_wrapper_attr("examples_per_step")),
    )


def form_for(
    space: gym.Space[Any],
    syllabus: Syllabus,
    levels: Sequence[float],
    per_step: int,
    forest: Forest | None = None,
) -> AnyForm:
    """The form of actions in ``space``, or of replies that stand for such actions.

    Args:
        space: the actions.
        syllabus: what may be known of the task.
        levels: difficulties in [0, 1] that examples come in.
        per_step: the most examples of one step.
        forest: of moves, what is known of the tree.

    Raises:
        ConfigError: for a space of other actions.
    """
    acts = space.acts if isinstance(space, ReplySpace) else space
    known: dict[str, Any] = {
        "brief": syllabus.brief,
        "levels": tuple(levels),
        "per_step": per_step,
    }
    if isinstance(acts, PlanSpace):
        return PlanForm(skills=_named(syllabus, acts.skills), **known)
    if isinstance(acts, MovesSpace):
        return MovesForm(skills=_named(syllabus, acts.skills), forest=forest, **known)
    if isinstance(acts, DataSpace):
        skills = _named(syllabus, acts.skills)
        return ExamplesForm(skills=skills, compose=syllabus.compose, **known)
    raise ConfigError(
        f"there are no words for actions in {space}; make the environment with action='text', "
        "'plan' or 'moves'"
    )


def _named(syllabus: Syllabus, names: Collection[str]) -> tuple[Skill, ...]:
    return tuple(skill for skill in syllabus.skills if skill.name in names)
