"""Teachers by name: what exists, for which environment, and how one is made.

A teacher of yours is a class or function that is called as ``(env, **settings)``, named or handed
over in one of the ways of ``teachgym.registry``; its keyword arguments are its settings. Those
called ``chat``, ``pool`` and ``learnable`` are filled by the run where they are needed and not
given. To add a built-in one: a file with the teacher, and an entry here. Files are imported when a
teacher is made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import gymnasium as gym

from teachgym.errors import ConfigError
from teachgym.protocols import Teacher
from teachgym.registry import Registry, load_attribute, summary
from teachgym.settings import REQUIRED, check_settings, settings_of

Kind = Literal["SkillList", "SkillTree", "OpenEnded", "SkillList plan", "SkillTree moves"]
"""What a teacher acts in: the short name of an environment, followed by its setting ``action`` if
the teacher acts in words."""


@dataclass(frozen=True, slots=True)
class TeacherEntry:
    """A built-in teacher: how it is made for an environment, and how tables describe it.

    Called as ``(env, **settings)`` it returns the teacher, which is given what ``knows`` reads off
    the environment instead of the environment.
    """

    description: str
    """One line for tables."""
    makers: Mapping[Kind, str]
    """The ``module:class`` of the teacher, in this package, for each kind that it can act in. It is
    called as ``(known, **settings)``, or, if there is an algorithm, ``(known, make_algorithm, name,
    **settings)``."""
    knows: str
    """The ``module:class``, in this package, whose ``of(env)`` returns what the teacher may know of
    the environment: its first argument, ``known``."""
    algorithm: str = ""
    """The ``module:class``, in this package, of the algorithm inside the teacher, such as a bandit;
    it is built anew at every reset. Empty = the teacher has none."""
    name: str = ""
    """What a teacher with an algorithm is called in tables."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings that replace the published defaults, which are for thousands of rounds: these are
    for about ten steps with tens of skills, where gains are small against their range."""
    env: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings that the teacher needs of an environment, by its short name, e.g. ``{"SkillList":
    {"action": "plan"}}``. A run uses them as defaults; ``gym.make`` has to be given them."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What it can act in."""
        return tuple(self.makers)

    def __call__(self, env: gym.Env[Any, Any], **settings: Any) -> Teacher[Any, Any]:
        """The teacher for an environment of one of ``kinds``."""
        make, chosen = _load(self.makers[kind_of(env)]), {**self.defaults, **settings}
        known = _load(self.knows).of(env)
        teacher: Teacher[Any, Any]
        if self.algorithm:
            algorithm = _load(self.algorithm)
            own = {key: chosen.pop(key) for key in _keywords(algorithm) if key in chosen}
            teacher = make(known, partial(algorithm, **own), self.name, **chosen)
        else:
            teacher = make(known, **chosen)
        return teacher

    def sources(self, kind: Kind | None = None) -> list[Callable[..., Any]]:
        """The functions and classes that take its settings, for one kind of environment or all."""
        paths = self.makers.values() if kind is None else [self.makers[kind]]
        return [_load(path) for path in (*paths, *filter(None, [self.algorithm]))]


_KNOWS: Mapping[Kind, str] = {
    "SkillList": "context:Cells",
    "SkillTree": "context:Branches",
    "OpenEnded": "context:Lessons",
}


def _family(
    kind: Kind, rows: Mapping[str, tuple[str, str, Mapping[str, Any]]], teacher: str = ""
) -> dict[str, TeacherEntry]:
    """Teachers by name from rows of class, description and defaults.

    With ``teacher``, the classes are the algorithms that it plugs in.
    """
    return {
        name: TeacherEntry(
            text, {kind: teacher or path}, _KNOWS[kind], path if teacher else "", name, defaults
        )
        for name, (path, text, defaults) in rows.items()
    }


_PLAIN = _family(
    "SkillList",
    {
        "uniform": ("uniform:Uniform", "the same for every skill and level", {}),
        "nothing": ("nothing:Nothing", "orders nothing: the untrained student", {}),
        "fixed": ("fixed:Fixed", "a schedule written beforehand (mixtures=...)", {}),
        "oracle": ("oracle:Oracle", "knows the learnable skills (learnable=...)", {}),
        "weakest": ("weakest:Weakest", "most where the student errs most", {}),
        "alp": ("progress.alp:LearningProgress", "absolute learning progress per skill", {}),
    },
)
_BOXES = _family(
    "SkillList",
    {
        "alp-gmm": (
            "progress.alp_gmm:ALPGMM",
            "Gaussian mixtures over absolute learning progress",
            {"fit_every": 60, "components": (4, 8, 12)},
        ),
        "riac": ("progress.riac:RIAC", "regions of learning progress", {"max_points": 20}),
        "covar-gmm": (
            "progress.covar_gmm:CovarGMM",
            "Gaussian mixtures over reward and time",
            {"fit_every": 60, "components": (4, 8, 12)},
        ),
    },
    "progress.box_teacher:BoxTeacher",
)
_BANDITS = _family(
    "SkillList",
    {
        "epsilon-greedy": (
            "bandits.epsilon_greedy:EpsilonGreedy",
            "bandit: best skills so far, sometimes random ones",
            {},
        ),
        "ucb1": ("bandits.ucb:UCB1", "bandit: optimism, all rewards count", {"width": 0.1}),
        "discounted-ucb": (
            "bandits.ucb:DiscountedUCB",
            "bandit: optimism, old rewards fade",
            {"width": 0.1},
        ),
        "sliding-window-ucb": (
            "bandits.ucb:SlidingWindowUCB",
            "bandit: optimism, only recent rewards count",
            {"width": 0.1},
        ),
        "thompson": (
            "bandits.thompson:Thompson",
            "bandit: draws from a fading Gaussian posterior",
            {},
        ),
        "exp3": ("bandits.exp3:EXP3", "bandit: exponential weights", {"slots": 128}),
        "exp3s": (
            "bandits.exp3:EXP3S",
            "bandit: exponential weights that can change their mind",
            {"slots": 128, "alpha": 0.001},
        ),
        "linucb": ("bandits.linucb:LinUCB", "bandit: linear in accuracy, its error and level", {}),
    },
    "bandits.teacher:BanditTeacher",
)
_TREES = _family(
    "SkillTree",
    {
        "uniform-tree": (
            "trees.rules:UniformTree",
            "finds every subskill, teaches all alike",
            {},
        ),
        "alternating": ("trees.rules:Alternating", "explores and exploits in turn", {}),
        "fill-and-balance": (
            "trees.rules:FillAndBalance",
            "explores until full, then evens out what was taught",
            {},
        ),
        "random-tree": (
            "trees.rules:RandomTree",
            "a coin decides between exploring and exploiting",
            {},
        ),
        "threshold": ("trees.rules:Threshold", "exploits what gained, explores the rest", {}),
        "constant-tree": ("trees.rules:ConstantTree", "the same answer in every step", {}),
    },
    "trees.teacher:TreeTeacher",
)
_WORDS = {
    "few-shot": TeacherEntry(
        "the same for every skill, with solved exercises as aids",
        {"SkillList": "few_shot:FewShot"},
        "context:Classroom",
    ),
    "llm": TeacherEntry(
        "a chat model that reads the student's errors",
        {
            "OpenEnded": "llm.open_ended:LLMOpenEnded",
            "SkillList plan": "llm.skill_list:LLMSkillList",
            "SkillTree moves": "llm.skill_tree:LLMSkillTree",
        },
        "context:Classroom",
        env={
            "SkillList": {"action": "plan", "observation": "report"},
            "SkillTree": {"action": "moves", "observation": "report", "pretest": True},
        },
    ),
    **_family("OpenEnded", {"pool": ("pool:Pool", "hands in finished examples (pool=...)", {})}),
}

TEACHERS = Registry(
    "teacher",
    {**_PLAIN, **_BOXES, **_BANDITS, **_TREES, **_WORDS},
    given=("env",),
    base=Teacher,
)
"""Every teacher; what ``teachgym list teachers`` shows."""


def make_teacher(name: Any, env: gym.Env[Any, Any], **settings: Any) -> Teacher[Any, Any]:
    """Make the teacher ``name`` for ``env``; a built-in one is given names and sizes only.

    Args:
        name: a name in ``TEACHERS``, or one of the other ways of ``teachgym.registry``; what is a
            teacher already is returned as it is.
        env: where it is going to teach.
        settings: the teacher's own.

    Example::

        env = gym.make("teachgym/SkillList-v0", student="simulated")
        teacher = make_teacher("weakest", env, power=2)

    Raises:
        UnknownNameError: for what names no teacher.
        ConfigError: for an environment of another kind, a setting the teacher does not have or
            that is missing, or a value out of range.
    """
    part = TEACHERS.load(name)
    teacher: Teacher[Any, Any]
    if not isinstance(part, TeacherEntry):
        teacher = TEACHERS.make(name, env, settings=settings)
        return teacher
    kind = kind_of(env)
    if kind not in part.kinds:
        fitting = ", ".join(other for other, e in TEACHERS.items() if kind in e.kinds)
        raise ConfigError(
            f"teacher {name!r} is for {' and '.join(part.kinds)} environments and this one is "
            f"{kind}; {_way_to(part, kind)}for {kind} there are: {fitting}"
        )
    _check_entry(name, part, settings, kind)
    return part(env, **settings)


def teacher_entry(name: Any) -> TeacherEntry:
    """The entry of a built-in teacher: its description and what it needs of its environment.

    For a class or function of yours, an entry with its docstring that needs nothing.
    """
    part = TEACHERS.load(name)
    return part if isinstance(part, TeacherEntry) else TeacherEntry(summary(part), {}, "")


def teacher_settings(name: Any) -> dict[str, Any]:
    """Settings of a teacher with their defaults; ``REQUIRED`` for those without.

    A teacher with several kinds has the settings of all of them.

    Example:
        >>> teacher_settings("weakest")
        {'power': 1.0, 'top': None}
    """
    part = TEACHERS.load(name)
    if not isinstance(part, TeacherEntry):
        return TEACHERS.settings(name)
    found = {key: default for make in part.sources() for key, default in _keywords(make).items()}
    return {**found, **part.defaults}


def needs(name: Any) -> frozenset[str]:
    """The settings of a teacher that have no default."""
    return frozenset(key for key, value in teacher_settings(name).items() if value is REQUIRED)


def check_teacher(name: Any, settings: Mapping[str, Any]) -> None:
    """Check name and settings of a teacher before there is an environment for it.

    Raises:
        UnknownNameError: for what names no teacher.
        ConfigError: for a setting that it does not have in any kind of environment, or a value
            of another type or out of its range.
    """
    part = TEACHERS.load(name)
    if isinstance(part, TeacherEntry):
        _check_entry(name, part, settings)
    else:
        TEACHERS.check(name, settings, whole=False)


def kind_of(env: gym.Env[Any, Any]) -> Kind:
    """Which of the three environments ``env`` is, and how it is acted in, by its action space.

    Raises:
        ConfigError: for an action space that no registered teacher can use, e.g. a flat one.
    """
    from teachgym.agents.context import acting_space
    from teachgym.spaces import DataSpace, MovesSpace, PlanSpace

    space = acting_space(env)
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
        f"no registered teacher acts in {space}; leave action='discrete' and observation='flat' "
        "out, which are for agents of libraries"
    )


def _way_to(entry: TeacherEntry, kind: Kind) -> str:
    """How the environment is made so that the teacher can act in it, if that is known."""
    settings = entry.env.get(kind.partition(" ")[0], {})
    given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"make it with {given}; " if given else ""


def _check_entry(
    name: str, entry: TeacherEntry, given: Mapping[str, Any], kind: Kind | None = None
) -> None:
    """Check settings for one kind of environment, or, where some may be missing, for any."""
    makers = entry.sources(kind)
    own = {key for make in makers for key in _keywords(make)}
    but = {p for make in makers for p in settings_of(make)} - own
    chosen, whole = {**entry.defaults, **given}, kind is not None
    check_settings(f"teacher {name!r}", chosen, *makers, but=but, whole=whole)


def _keywords(build: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(build).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _load(path: str) -> Any:
    return load_attribute(f"teachgym.agents.{path}")
