"""Teachers by name: what exists, for which environment, and how one is made.

To add one: a file with the teacher, and an entry here. Its settings are its keyword-only
parameters; nothing else has to be declared. Files are imported when a teacher is made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Literal

import gymnasium as gym

from teachgym.errors import ConfigError, UnknownNameError, unknown
from teachgym.protocols import Teacher
from teachgym.typed import check_settings, settings_of

Kind = Literal["SkillList", "SkillTree", "OpenEnded", "SkillList plan", "SkillTree moves"]
"""What a teacher acts in: an environment by the middle of its id, and, where it is not that of
numbers, the setting ``action``."""


@dataclass(frozen=True, slots=True)
class TeacherEntry:
    """A registered teacher."""

    kind: Kind | tuple[Kind, ...]
    description: str
    """One line for tables."""
    teacher: str | Mapping[Kind, str]
    """``module:attribute``, called as ``(sizes, **settings)``, or, where there is an algorithm,
    as ``(sizes, make_algorithm, name, **settings)``; by kind for a teacher of several kinds."""
    algorithm: str = ""
    """``module:attribute`` of what the teacher plugs in, built anew at every reset."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Defaults in place of the published ones, which are for thousands of rounds: these are for
    episodes of about ten steps with tens of skills, where gains are small against their range."""
    env: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By middle of an environment's id, the settings that make it speak the teacher's language."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What it can act in."""
        return (self.kind,) if isinstance(self.kind, str) else self.kind

    def path(self, kind: Kind) -> str:
        """``module:attribute`` of the teacher for one kind."""
        return self.teacher if isinstance(self.teacher, str) else self.teacher[kind]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every ``module:attribute``."""
        return (self.teacher,) if isinstance(self.teacher, str) else tuple(self.teacher.values())


_BANDIT = "teachgym.agents.bandit_teacher:BanditTeacher"
_BOX = "teachgym.agents.box_teacher:BoxTeacher"
_TREE = "teachgym.agents.tree_teacher:TreeTeacher"

TEACHERS: Mapping[str, TeacherEntry] = {
    "uniform": TeacherEntry(
        "SkillList", "the same for every skill and level", "teachgym.agents.uniform:Uniform"
    ),
    "nothing": TeacherEntry(
        "SkillList", "orders nothing: the untrained student", "teachgym.agents.nothing:Nothing"
    ),
    "fixed": TeacherEntry(
        "SkillList", "a schedule written beforehand (mixtures=...)", "teachgym.agents.fixed:Fixed"
    ),
    "oracle": TeacherEntry(
        "SkillList", "knows the learnable skills (learnable=...)", "teachgym.agents.oracle:Oracle"
    ),
    "weakest": TeacherEntry(
        "SkillList", "most where the student errs most", "teachgym.agents.weakest:Weakest"
    ),
    "alp": TeacherEntry(
        "SkillList",
        "absolute learning progress per skill",
        "teachgym.agents.progress:LearningProgress",
    ),
    "alp-gmm": TeacherEntry(
        "SkillList",
        "Gaussian mixtures over absolute learning progress",
        _BOX,
        "teachgym.agents.alp_gmm:ALPGMM",
        {"fit_every": 60, "components": (4, 8, 12)},
    ),
    "riac": TeacherEntry(
        "SkillList",
        "regions of learning progress",
        _BOX,
        "teachgym.agents.riac:RIAC",
        {"max_points": 20},
    ),
    "covar-gmm": TeacherEntry(
        "SkillList",
        "Gaussian mixtures over reward and time",
        _BOX,
        "teachgym.agents.covar_gmm:CovarGMM",
        {"fit_every": 60, "components": (4, 8, 12)},
    ),
    "epsilon-greedy": TeacherEntry(
        "SkillList",
        "bandit: best skills so far, sometimes random ones",
        _BANDIT,
        "teachgym.agents.epsilon_greedy:EpsilonGreedy",
    ),
    "ucb1": TeacherEntry(
        "SkillList",
        "bandit: optimism, all rewards count",
        _BANDIT,
        "teachgym.agents.ucb:UCB1",
        {"width": 0.1},
    ),
    "discounted-ucb": TeacherEntry(
        "SkillList",
        "bandit: optimism, old rewards fade",
        _BANDIT,
        "teachgym.agents.ucb:DiscountedUCB",
        {"width": 0.1},
    ),
    "sliding-window-ucb": TeacherEntry(
        "SkillList",
        "bandit: optimism, only recent rewards count",
        _BANDIT,
        "teachgym.agents.ucb:SlidingWindowUCB",
        {"width": 0.1},
    ),
    "thompson": TeacherEntry(
        "SkillList",
        "bandit: draws from a fading Gaussian posterior",
        _BANDIT,
        "teachgym.agents.thompson:Thompson",
    ),
    "exp3": TeacherEntry(
        "SkillList",
        "bandit: exponential weights",
        _BANDIT,
        "teachgym.agents.exp3:EXP3",
        {"slots": 128},
    ),
    "exp3s": TeacherEntry(
        "SkillList",
        "bandit: exponential weights that can change their mind",
        _BANDIT,
        "teachgym.agents.exp3:EXP3S",
        {"slots": 128, "alpha": 0.001},
    ),
    "linucb": TeacherEntry(
        "SkillList",
        "bandit: linear in accuracy, its error and level",
        _BANDIT,
        "teachgym.agents.linucb:LinUCB",
    ),
    "uniform-tree": TeacherEntry(
        "SkillTree",
        "finds every subskill, teaches all alike",
        _TREE,
        "teachgym.agents.uniform_tree:UniformTree",
    ),
    "alternating": TeacherEntry(
        "SkillTree",
        "explores and exploits in turn",
        _TREE,
        "teachgym.agents.alternating:Alternating",
    ),
    "fill-and-balance": TeacherEntry(
        "SkillTree",
        "explores until full, then evens out what was taught",
        _TREE,
        "teachgym.agents.fill_and_balance:FillAndBalance",
    ),
    "random-tree": TeacherEntry(
        "SkillTree",
        "a coin decides between exploring and exploiting",
        _TREE,
        "teachgym.agents.random_tree:RandomTree",
    ),
    "threshold": TeacherEntry(
        "SkillTree",
        "exploits what gained, explores the rest",
        _TREE,
        "teachgym.agents.threshold:Threshold",
    ),
    "constant-tree": TeacherEntry(
        "SkillTree",
        "the same answer in every step",
        _TREE,
        "teachgym.agents.constant_tree:ConstantTree",
    ),
    "llm": TeacherEntry(
        ("OpenEnded", "SkillList plan", "SkillTree moves"),
        "a chat model that reads the student's errors",
        {
            "OpenEnded": "teachgym.agents.llm_open_ended:LLMOpenEnded",
            "SkillList plan": "teachgym.agents.llm_skill_list:LLMSkillList",
            "SkillTree moves": "teachgym.agents.llm_skill_tree:LLMSkillTree",
        },
        env={
            "SkillList": {"action": "plan", "observation": "report"},
            "SkillTree": {"action": "moves", "observation": "report", "pretest": True},
        },
    ),
    "pool": TeacherEntry(
        "OpenEnded", "hands in finished examples (pool=...)", "teachgym.agents.pool:Pool"
    ),
}
"""Name to teacher; what ``teachgym list teachers`` shows."""

_SIZES: Mapping[Kind, str] = {
    "SkillList": "teachgym.agents.cells:Cells",
    "SkillTree": "teachgym.agents.branches:Branches",
    "OpenEnded": "teachgym.agents.lessons:Lessons",
}
_CLASSROOM = "teachgym.agents.classroom:Classroom"


def make_teacher(name: str, env: gym.Env[Any, Any], **settings: Any) -> Teacher[Any, Any]:
    """Make the registered teacher ``name`` for ``env``, of which it learns names and sizes only.

    Example::

        env = gym.make("teachgym/SkillList-v0", student="simulated")
        teacher = make_teacher("weakest", env, power=2)

    Raises:
        UnknownNameError: for a name that is not registered.
        ConfigError: for an environment of another kind, a setting the teacher does not have or
            that is missing, or a value out of range.
    """
    entry, kind = _entry(name), kind_of(env)
    _check_kind(name, entry, kind)
    _check_settings(name, settings, (entry.path(kind),))
    # A teacher of several kinds reads words, and what it may know is the same in all of them.
    sizes = _load(_SIZES[kind] if isinstance(entry.kind, str) else _CLASSROOM).of(env)
    build, chosen = _load(entry.path(kind)), {**entry.settings, **settings}
    teacher: Teacher[Any, Any]
    if entry.algorithm:
        algorithm = _load(entry.algorithm)
        plugged = {key: chosen.pop(key) for key in _keywords(algorithm) if key in chosen}
        teacher = build(sizes, partial(algorithm, **plugged), name, **chosen)
    else:
        teacher = build(sizes, **chosen)
    return teacher


def teacher_settings(name: str) -> dict[str, Any]:
    """Settings of a registered teacher with their defaults; ``REQUIRED`` for those without.

    Of a teacher of several kinds: the settings of all of them.

    Example:
        >>> teacher_settings("weakest")
        {'power': 1.0, 'top': None}
    """
    entry = _entry(name)
    return _settings(entry, entry.paths)


def kind_of(env: gym.Env[Any, Any]) -> Kind:
    """Which of the three environments ``env`` is, and how it is acted in, by its action space.

    Raises:
        ConfigError: for an action space that no registered teacher can use, e.g. a flat one.
    """
    from teachgym.spaces import DataSpace, MovesSpace, PlanSpace

    space = env.action_space
    if isinstance(space, DataSpace):
        return "OpenEnded"
    if isinstance(space, PlanSpace):
        return "SkillList plan"
    if isinstance(space, MovesSpace):
        return "SkillTree moves"
    if isinstance(space, gym.spaces.Dict) and "allocation" in space.spaces:
        return "SkillTree"
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 2:
        return "SkillList"
    raise ConfigError(
        f"no teacher acts in {space}; make the environment with its default observation, "
        "which leaves the action space of SkillList, SkillTree or OpenEnded as it is"
    )


def _entry(name: str) -> TeacherEntry:
    if name not in TEACHERS:
        raise UnknownNameError(unknown("teacher", name, TEACHERS))
    return TEACHERS[name]


def _settings(entry: TeacherEntry, paths: Iterable[str]) -> dict[str, Any]:
    found = {key: default for path in paths for key, default in _keywords(_load(path)).items()}
    plugged = _keywords(_load(entry.algorithm)) if entry.algorithm else {}
    return {**found, **plugged, **entry.settings}


def _check_kind(name: str, entry: TeacherEntry, kind: Kind) -> None:
    if kind not in entry.kinds:
        fitting = ", ".join(other for other, e in TEACHERS.items() if kind in e.kinds)
        needed = " and ".join(entry.kinds)
        raise ConfigError(
            f"teacher {name!r} is for {needed} environments and this one is {kind}; "
            f"for {kind} there are: {fitting}"
        )


def check_teacher(name: str, settings: Mapping[str, Any]) -> None:
    """Check name and settings of a teacher before there is an environment for it.

    Raises:
        UnknownNameError: for a name that is not registered.
        ConfigError: for a setting that it does not have in any kind of environment, or a value
            of another type or out of its range.
    """
    _check_settings(name, settings, _entry(name).paths, whole=False)


def _check_settings(
    name: str, given: Mapping[str, Any], paths: Iterable[str], *, whole: bool = True
) -> None:
    entry = _entry(name)
    makers = [_load(path) for path in (*paths, *filter(None, (entry.algorithm,)))]
    but = {p for maker in makers for p in settings_of(maker)} - {
        key for maker in makers for key in _keywords(maker)
    }
    chosen = {**entry.settings, **given}
    check_settings(f"teacher {name!r}", chosen, *makers, but=but, whole=whole)


def _keywords(build: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(build).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _load(path: str) -> Any:
    module, attribute = path.split(":")
    return getattr(import_module(module), attribute)
