"""Entries of built-in teachers: how they are made, and where they can act."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, cast

import gymnasium as gym

from teachgym.errors import ConfigError
from teachgym.protocols import Teacher
from teachgym.registry import load_attribute

EnvName = Literal["SkillList", "SkillTree", "OpenEnded"]
"""The short name of an environment."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of an environment, by the form of its actions."""

    env: EnvName
    action: str = ""
    """The environment's setting ``action`` where it lets act in words; else empty."""

    @classmethod
    def of(cls, env: str, action: str) -> Kind:
        """The kind of the environment with this short name and this setting ``action``."""
        return cls(cast(EnvName, env), action if action in ("plan", "moves", "text") else "")

    def __str__(self) -> str:
        return f"{self.env} (action={self.action})" if self.action else self.env


Observes = Literal[
    "nothing",
    "accuracy of all",
    "accuracy of what it teaches",
    "gains of all",
    "gains of what it teaches",
    "losses of all",
    "its tree",
    "answers on val",
    "answers to exercises",
    "accuracy of all, and what is learnable",
    "known dynamics",
]
"""The grounds of a teacher's decisions: equal budgets do not make equal knowledge."""


@dataclass(frozen=True)
class TeacherEntry:
    """A built-in teacher: how it is made for an environment, and how tables describe it.

    Called as ``(env, **settings)`` it returns the teacher, which is given what ``knows`` reads off
    the environment instead of the environment.
    """

    description: str
    """One line for tables."""
    makers: Mapping[EnvName, str]
    """The ``module:class`` of the teacher, in this package, for each environment that it can act
    in; called as ``(known, **settings)``."""
    knows: str
    """The ``module:class``, in this package, whose ``of(env)`` returns what the teacher may know of
    the environment: its first argument, ``known``."""
    observes: Observes | None = None
    """The grounds of its decisions; None = not declared."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings that replace the published defaults, which are for thousands of rounds: these are
    for about ten steps with tens of skills, where gains are small against their range."""
    env: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings that the teacher needs of an environment, by its short name, e.g. ``{"SkillList":
    {"action": "plan"}}``. A run uses them as defaults; ``gym.make`` has to be given them."""
    asks: bool = False
    """Whether it has the student answer exercises between steps, so there must be one alone."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of environments that the teacher can act in."""
        return tuple(Kind(env, self.env.get(env, {}).get("action", "")) for env in self.makers)

    @property
    def places(self) -> str:
        """The environments that the teacher can act in, in words."""
        return ", ".join(map(str, self.kinds))

    def sees(self, env: EnvName) -> str:
        """The setting ``observation`` of what it reads there; empty = it reads none."""
        usual = "report" if env == "OpenEnded" else "arrays"
        asked: str = self.env.get(env, {}).get("observation", usual)
        return "" if self.observes == "nothing" else asked

    def __call__(self, env: gym.Env[Any, Any], **settings: Any) -> Teacher[Any, Any]:
        """The teacher for an environment of one of ``kinds``."""
        return self.teach(kind_of(env).env, _load(self.knows).of(env), **settings)

    def teach(self, env: EnvName, known: Any, **settings: Any) -> Teacher[Any, Any]:
        """Make the teacher of an environment from ``known``, an object of the class ``knows``."""
        return self._make(_load(self.makers[env]), known, {**self.defaults, **settings})

    def _make(
        self, make: Callable[..., Any], known: Any, chosen: dict[str, Any]
    ) -> Teacher[Any, Any]:
        teacher: Teacher[Any, Any] = make(known, **chosen)
        return teacher

    def sources(self, env: EnvName | None = None) -> list[Callable[..., Any]]:
        """The functions and classes that take its settings, for one environment or all."""
        return [_load(path) for name, path in self.makers.items() if env in (None, name)]


@dataclass(frozen=True, kw_only=True)
class AlgorithmEntry(TeacherEntry):
    """A built-in teacher with an algorithm inside, such as a bandit, built anew at every reset.

    Its maker is called as ``(known, make_algorithm, name, **settings)``.
    """

    algorithm: str
    """The ``module:class``, in this package, of the algorithm."""
    name: str
    """The name of the teacher in tables."""

    def _make(
        self, make: Callable[..., Any], known: Any, chosen: dict[str, Any]
    ) -> Teacher[Any, Any]:
        algorithm = _load(self.algorithm)
        own = {key: chosen.pop(key) for key in keywords_of(algorithm) if key in chosen}
        teacher: Teacher[Any, Any] = make(known, partial(algorithm, **own), self.name, **chosen)
        return teacher

    def sources(self, env: EnvName | None = None) -> list[Callable[..., Any]]:
        """The sources of the teacher, and the algorithm."""
        return [*super().sources(env), _load(self.algorithm)]


def kind_of(env: gym.Env[Any, Any]) -> Kind:
    """The kind of ``env``, from its action space.

    Raises:
        ConfigError: for an action space that no registered teacher can use, e.g. a flat one.
    """
    from teachgym.spaces import acting_space

    return _kind_in(acting_space(env))


def observation_of(env: gym.Env[Any, Any]) -> str:
    """The setting ``observation`` of ``env``, from its observation space."""
    from teachgym.spaces import WordSpace

    forms = {gym.spaces.Text: "text", gym.spaces.Dict: "arrays", WordSpace: "report"}
    return next((f for kind, f in forms.items() if isinstance(env.observation_space, kind)), "flat")


def _kind_in(space: gym.Space[Any]) -> Kind:
    from teachgym.spaces import DataSpace, MovesSpace, PlanSpace, ReplySpace

    if isinstance(space, ReplySpace):
        return replace(_kind_in(space.acts), action="text")
    if isinstance(space, DataSpace):
        return Kind("OpenEnded")
    if isinstance(space, PlanSpace):
        return Kind("SkillList", "plan")
    if isinstance(space, MovesSpace):
        return Kind("SkillTree", "moves")
    if isinstance(space, gym.spaces.Dict) and "allocation" in space.spaces:
        return Kind("SkillTree")
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 2:
        return Kind("SkillList")
    raise ConfigError(
        f"no registered teacher acts in {space}; leave action='discrete' and observation='flat' "
        "out, which are for agents of libraries"
    )


def keywords_of(build: Callable[..., Any]) -> dict[str, Any]:
    """The keyword-only arguments with their defaults; ``REQUIRED`` for those without."""
    parameters = inspect.signature(build).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _load(path: str) -> Any:
    return load_attribute(f"teachgym.agents.{path}")
