"""Suites: what is compared, as data. An arm times a seed is an ordinary run.

To add one: a function that returns a ``Suite``, and a line in ``SUITES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from teachgym.errors import ConfigError, UnknownNameError, unknown
from teachgym.records import Record
from teachgym.runs.config import RunConfig

SKILL_LIST, SKILL_TREE, OPEN_ENDED = (
    f"teachgym/{name}-v0" for name in ("SkillList", "SkillTree", "OpenEnded")
)


@dataclass(frozen=True, slots=True)
class Arm:
    """A line of the table: a teacher, and how its run differs from the suite's."""

    name: str
    """Unique within the suite; the name of the arm's folder."""
    teacher: str
    """Name in ``teachgym.agents.TEACHERS``."""
    teacher_settings: Mapping[str, Any] = field(default_factory=dict)
    env: str = ""
    """Id of an environment other than the suite's; empty = the suite's."""
    env_settings: Mapping[str, Any] = field(default_factory=dict)
    """On top of the suite's."""
    control: bool = False
    """Whether it is there to be compared with, not to win."""
    seed_offset: int = 0
    """Added to its seeds, for a second, independent copy of an arm; >= 0."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A comparison of arms at equal budget over seeds."""

    name: str
    version: int
    """Raised whenever results stop being comparable."""
    description: str
    """One line for tables."""
    arms: tuple[Arm, ...]
    env: str = SKILL_LIST
    env_settings: Mapping[str, Any] = field(default_factory=dict)
    """Student, task, budget: the same for every arm, unless the arm says otherwise."""
    seeds: int = 8
    """Seeds 0 .. seeds - 1 for each arm."""
    reference: str = "uniform"
    """The arm whose paired differences are shown."""
    chat: Mapping[str, Any] = field(default_factory=dict)
    """The chat model of arms that ask one."""

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ConfigError(f"suite {self.name!r} has two arms of one name: {', '.join(names)}")
        if self.reference not in names:
            raise ConfigError(unknown(f"arm of suite {self.name!r}", self.reference, names))
        if self.seeds < 1:
            raise ConfigError(f"seeds is {self.seeds}; it must be 1 or more")

    def to_json(self) -> Record:
        """The suite as a JSON object."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Suite:
        """Inverse of ``to_json``."""
        return cls(**{**record, "arms": tuple(Arm(**arm) for arm in record["arms"])})

    def narrowed(self, arms: Sequence[str] = (), seeds: int | None = None) -> Suite:
        """The suite with some of its arms (none named = all), the reference among them.

        Raises:
            UnknownNameError: for an arm that it does not have.
        """
        known = [arm.name for arm in self.arms]
        for name in arms:
            if name not in known:
                raise UnknownNameError(unknown(f"arm of suite {self.name!r}", name, known))
        kept = {*arms, self.reference} if arms else set(known)
        chosen = tuple(arm for arm in self.arms if arm.name in kept)
        return replace(self, arms=chosen, seeds=self.seeds if seeds is None else seeds)

    def changed(
        self, env_settings: Mapping[str, Any] | None = None, chat: Mapping[str, Any] | None = None
    ) -> Suite:
        """The suite with other settings of all runs, and another chat model."""
        settings = {**self.env_settings, **(env_settings or {})}
        return replace(self, env_settings=settings, chat=dict(chat) if chat else self.chat)

    def cells(self) -> tuple[Cell, ...]:
        """Every arm with every seed; arms take turns, so that early results can be compared."""
        return tuple(Cell(self, arm, seed) for seed in range(self.seeds) for arm in self.arms)


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a suite."""

    suite: Suite
    arm: Arm
    seed: int

    @property
    def path(self) -> str:
        """Its folder within that of the suite."""
        return f"{self.arm.name}/seed_{self.seed:02d}"

    @property
    def config(self) -> RunConfig:
        """What is run."""
        suite, arm = self.suite, self.arm
        return RunConfig(
            env=arm.env or suite.env,
            env_settings={**suite.env_settings, **arm.env_settings},
            teacher=arm.teacher,
            teacher_settings=dict(arm.teacher_settings),
            chat=dict(suite.chat),
            seed=self.seed + arm.seed_offset,
            name=f"{suite.name}-v{suite.version}/{self.path}",
        )


LIST_TEACHERS = (
    "weakest",
    "alp",
    "epsilon-greedy",
    "ucb1",
    "discounted-ucb",
    "sliding-window-ucb",
    "thompson",
    "exp3",
    "exp3s",
    "linucb",
    "alp-gmm",
    "riac",
    "covar-gmm",
)
TREE_TEACHERS = (
    "uniform-tree",
    "alternating",
    "fill-and-balance",
    "random-tree",
    "threshold",
    "constant-tree",
)
FIRST = (
    *("copy", "double", "triple", "first", "last", "odd", "tail", "up", "down", "max", "min"),
    *("next", "prev", "mirror", "rotl", "rotr", "rev", "swap"),
)
THEN = (
    *("mix", "rep", "revnext", "twoprev", "rotnext", "tailprev", "oddnext", "twotail"),
    *("less", "add", "sub", "mod", "mul", "sum97"),
)
BUDGET: Mapping[str, float] = {"steps": 10, "examples": 2500}
SCRIPTED: Mapping[str, Any] = {
    "provider": "python",
    "model": "teachgym.benchmarks.scripted_teacher:answer",
    "cache": "off",
}
"""A function in the place of a chat model; see ``teachgym.benchmarks.scripted_teacher``."""


def controls(epochs: int = 4) -> tuple[Arm, ...]:
    """The arms that every comparison needs.

    * ``uniform``: the same for every skill, decided by nothing.
    * ``no-data``: the untrained student, through the whole protocol.
    * ``less-data``: as many training tokens from a fraction of the examples, ``epochs`` times
      each: what more compute on less data gives.
    * ``real-data``: the task's own training examples instead of generated ones.
    * ``oracle``: knows the learnable skills; a ceiling, not a fair teacher.
    """
    fewer = {
        currency: amount // epochs for currency, amount in BUDGET.items() if currency != "steps"
    }
    return (
        Arm("uniform", "uniform", control=True),
        Arm("no-data", "nothing", control=True),
        Arm(
            "less-data",
            "uniform",
            env_settings={
                "budget": {**BUDGET, **fewer},
                "examples_per_step": 250 // epochs,
                "trainer_settings": {"epochs": epochs},
            },
            control=True,
        ),
        Arm("real-data", "uniform", env_settings={"engine": "pool"}, control=True),
        Arm("oracle", "oracle", control=True),
    )


def smoke() -> Suite:
    """A few teachers on the simulated student: seconds."""
    settings = {"student": "simulated", "budget": {"steps": 4, "examples": 1000}}
    arms = ("uniform", "weakest", "alp", "ucb1")
    return Suite(
        "smoke",
        1,
        "four teachers on the simulated student",
        tuple(Arm(name, name, control=name == "uniform") for name in arms),
        env_settings=settings,
        seeds=5,
    )


def tiny() -> Suite:
    """The project's leaderboard: every teacher on the embedded student.

    ``fixed`` is the curriculum a person may write: simple skills first, then those that combine
    them and arithmetic. ``llm-scripted`` has a function in the place of its chat model (see
    ``with_state``), so it stands for what the student's errors are worth, not for any model.
    """
    mixtures = [dict.fromkeys(skills, 1.0) for skills in (FIRST, THEN) for _ in range(5)]
    lists = (
        *(Arm(name, name) for name in LIST_TEACHERS),
        Arm("fixed", "fixed", {"mixtures": mixtures}),
    )
    written = (
        Arm("pool", "pool", env=OPEN_ENDED, control=True),
        Arm("llm-scripted", "llm", {"state": True}, env=OPEN_ENDED),
    )
    trees = tuple(Arm(name, name, env=SKILL_TREE) for name in TREE_TEACHERS)
    return Suite(
        "tiny",
        1,
        "every teacher and control on the tiny student",
        (*controls(), *lists, *trees, *written),
        env_settings={"student": "tiny", "budget": BUDGET, "examples_per_step": 250},
        seeds=10,
        chat=SCRIPTED,
    )


def with_state() -> Suite:
    """With State against No State (DataEnvGym, table 2) in the Open-Ended environment.

    By default a function plays a chat model that teaches well, so the difference is what the
    student's errors tell; ``--chat`` puts a real model in its place.
    """
    return Suite(
        "with-state",
        1,
        "a chat model that sees the student's errors against one that does not",
        (
            Arm("no-state", "llm", {"state": False}, control=True),
            Arm("with-state", "llm", {"state": True}),
        ),
        env=OPEN_ENDED,
        env_settings={"student": "tiny", "budget": BUDGET, "examples_per_step": 250},
        seeds=10,
        reference="no-state",
        chat=SCRIPTED,
    )


def noise() -> Suite:
    """The noise floor: the same teacher twice with other seeds, and one that is better for sure.

    A comparison that finds the copy better or worse, or the planted one not better, is not to be
    trusted.
    """
    settings = {"student": "simulated", "budget": {"steps": 5, "examples": 1250}}
    return Suite(
        "noise",
        1,
        "a teacher, its copy with other seeds, and a planted better one; simulated student",
        (
            Arm("uniform", "uniform", control=True),
            Arm("copy", "uniform", seed_offset=1000),
            Arm("planted", "oracle"),
        ),
        env_settings=settings,
        seeds=20,
    )


def restart() -> Suite:
    """Continue training, or start each step from the base with all data so far."""
    arms = (
        Arm(f"{teacher}-{mode}", teacher, env_settings={"training": mode})
        for teacher in ("uniform", "alp")
        for mode in ("continue", "scratch")
    )
    return Suite(
        "restart",
        1,
        'training="continue" against "scratch", the notation of the paper and its code',
        tuple(arms),
        env_settings={"student": "tiny", "budget": BUDGET, "examples_per_step": 250},
        seeds=5,
        reference="uniform-continue",
    )


def dataenvgym_math() -> Suite:
    """DataEnvGym's agents on MATH with the paper's student and teacher (arXiv 2410.06215, table 2).

    Needs a GPU, the data (``--set task_settings.path=...`` for another source) and a key. As
    in the paper: Gemma-2-2B-it, LoRA of rank 16, 3 epochs from the base weights on all data so
    far, 120 examples a step, 10 steps, answers of 350 tokens. Unlike there: one prompt before and
    after training, a validation set disjoint from all that a teacher sees, one budget for all arms.
    """
    arms = [
        Arm(f"{short}-{'with' if state else 'no'}-state", "llm", {"state": state}, env, settings)
        for short, env, settings in (
            ("open-ended", OPEN_ENDED, {}),
            ("skill-list", SKILL_LIST, {"engine": "llm"}),
            ("skill-tree", SKILL_TREE, {"engine": "llm", "proposer": "llm"}),
        )
        for state in (False, True)
    ]
    real = Arm("real-data", "uniform", {}, SKILL_LIST, {"engine": "pool"}, control=True)
    return Suite(
        "dataenvgym-math",
        1,
        "the paper's agents on MATH: three environments, with and without state; needs a GPU",
        (*arms, real),
        env=OPEN_ENDED,
        env_settings={
            "task": "math",
            "task_settings": {"path": "EleutherAI/hendrycks_math", "val_per_cell": 10},
            "student": "google/gemma-2-2b-it",
            "student_settings": {"max_new_tokens": 350, "adaptation": "lora", "rank": 16},
            "training": "scratch",
            "examples_per_step": 120,
            "budget": {"steps": 10, "examples": 1200},
        },
        seeds=3,
        reference="open-ended-no-state",
        chat={"provider": "openai", "model": "gpt-4o-2024-08-06", "temperature": 0.0},
    )


SUITES: Mapping[str, Callable[[], Suite]] = {
    "dataenvgym-math": dataenvgym_math,
    "restart": restart,
    "smoke": smoke,
    "noise": noise,
    "tiny": tiny,
    "with-state": with_state,
}
"""Name to suite; what ``teachgym bench`` knows."""


def make_suite(name: str) -> Suite:
    """The suite of that name.

    Raises:
        UnknownNameError: for a name that is not registered.
    """
    if name not in SUITES:
        raise UnknownNameError(unknown("suite", name, SUITES))
    return SUITES[name]()
