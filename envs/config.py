"""``EnvConfig``: every setting of an environment, declared once, as JSON values.

A configuration is checked when it is made: the parts that it names exist, and its values and those
of the parts' settings are in their ranges. Only the task or the student can check what it alone
knows, such as the names of skills. The cards of the environments, ``teachgym schema`` and
``run.toml`` are made from the fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self

import gymnasium as gym

from teachgym import ENV_IDS
from teachgym.chat.settings import ChatSettings, require_price
from teachgym.engines import ENGINES, require_engine
from teachgym.envs.held_out import HeldOut
from teachgym.envs.rules import EpisodeRules
from teachgym.envs.stress.settings import Stress
from teachgym.errors import ConfigError, UnknownNameError, unknown
from teachgym.evaluation import EVALUATORS
from teachgym.forest.proposers import PROPOSERS
from teachgym.gate import GateSettings
from teachgym.gate.checks import asks_student, divided, require_check
from teachgym.registry import label
from teachgym.rewards import PROXIES, make_reward, quality
from teachgym.settings import (
    CountFromOne,
    Few,
    FewOrNone,
    FromJson,
    Kept,
    NotNegative,
    Table,
    build,
    checked,
    within,
)
from teachgym.skills.sources import require_source
from teachgym.students import require_copies, require_one_student, require_student
from teachgym.tasks import TASKS
from teachgym.training import AUTO, require_trainer
from teachgym.training.teacher_registry import require_teacher_model

Part = Any
"""A name in one of the ways of ``teachgym.registry``, or an object."""
RenderMode = Literal["ansi", "rgb_array"]


@checked
@dataclass(frozen=True, kw_only=True)
class EnvConfig(EpisodeRules):
    """The settings that all environments share."""

    title: ClassVar[str] = "base"
    """The environment's name in messages."""

    task: Part = "arithmetic-and-strings"
    """The task that is taught: a name of `teachgym list tasks`."""
    task_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the task, e.g. `{"seed": 1}`."""
    limit: CountFromOne | None = None
    """The most items of each split, >= 1, for quick looks; skills and levels take turns. What is
    measured on few items says little. None = all."""
    student: Part = "tiny"
    """The student: `simulated`, `tiny`, `small`, `smollm2`, the path of a model, or a hub id."""
    student_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the student; see `teachgym.students.settings.LanguageModelSettings`."""
    trainer: Part = AUTO
    """The student's trainer: `auto` (the student's own), `rejection-sampling`, or another name of
    `teachgym list trainers`."""
    trainer_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the trainer, e.g. `{"learning_rate": 0.002}`; see
    `teachgym.training.settings.FineTuningSettings`."""
    teacher_model: Part | None = None
    """A model that the student may learn from, for losses that follow one and trainers that ask
    one: `tiny`, `small`, the path of a model, a hub id, or one of your own; none = there is none.
    What it reads and writes is charged as the teacher's tokens."""
    teacher_model_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the teacher model; see
    `teachgym.training.teacher_settings.TeacherModelSettings`."""
    evaluator: Part = "generate-and-grade"
    """The evaluator of the student: `generate-and-grade`, or one of your own."""
    evaluator_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the evaluator."""
    gate_settings: Table[GateSettings] = GateSettings()
    """The conditions for entering training; see `teachgym.gate.GateSettings`."""
    gate_checks: FromJson[tuple[Any, ...]] = ()
    """Further checks of the gate: names of `teachgym list checks`, or checks of your own; with
    settings, a table such as `{"name": "random", "share": 0.5}`."""
    skills: Part | None = None
    """See the task through other skills: a skill file (`teachgym discover`), or `roots`, `one`,
    `opaque`, `shuffled`, `clusters-N`, or a source of your own; none = the task's own."""
    held_out: Table[HeldOut] = HeldOut()
    """Skills and levels that teachers can neither order nor see, and that `test` measures, e.g.
    `{"skills": 0.25, "levels": [1.0]}`."""
    stress: Table[Stress] = Stress()
    """Stress on the teacher, e.g. `{"wrong_labels": 0.3}`; see [Stress](../stress.md)."""
    reward: Part = "accuracy_gain"
    """The reward function: `accuracy_gain`, `per_skill`, `worst_student`, `cost_adjusted`,
    `skill_potential`, `lower_bound`, or your own."""
    prices: Mapping[str, NotNegative] | None = None
    """For `cost_adjusted`: currency to the accuracy that one unit of it is worth, >= 0, e.g.
    `{"examples": 1e-5}`."""
    proxy: Part | None = None
    """A payment instead of the reward, to compare with it: `learnability` (4 p (1 - p) of what
    is taught), `learning_progress`, `quality` (how good `teacher_model` finds the examples, before
    training and at its price), or your own; none = the reward."""
    lookahead: FewOrNone = 0
    """The number of actions a teacher may try at once on copies of the student before it acts;
    what is tried is charged to the budget. 0 = it may not."""
    rejection_penalty: NotNegative = 0.0
    """Subtracted from the reward for each item in `info["rejected"]`, at once; at 0 rewards add up
    to last minus first."""
    stop: bool = False
    """Whether the action is a `Dict` with `stop`, with which the teacher can end the episode before
    anything is ordered or trained."""
    reuse_answers: bool = True
    """Whether answers that a language model gave before, with the same weights, are read from a
    cache on this machine (at most 1 GiB) instead of generated again. Answers and costs are the
    same; `TEACHGYM_CACHE` names another folder for it."""
    observation_tokens: Kept = 4_000
    """The longest text of `observation="text"`, in tokens of four characters."""
    render_mode: RenderMode | None = None
    """`ansi` or `rgb_array`: the learning curve and the skills, as text or as an image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget.steps is None and self.budget.seconds is None:
            raise ConfigError(
                f"budget {json.dumps(self.budget.limits)} lets a teacher that orders nothing go on "
                "forever; add a limit of steps or seconds"
            )
        paid = self.reward if self.proxy is None else self.proxy
        self.stress.require_rules(training=self.training, reward=paid)
        make_reward(self.reward, self.prices)
        if self.proxy is not None:
            PROXIES.check(self.proxy, {})
        if self.rated and self.teacher_model is None:
            raise ConfigError(
                f"proxy is {self.proxy!r}, which pays the ratings of a teacher model, and there is "
                "none; set teacher_model, such as 'tiny' or 'chat'"
            )
        if self.skills is not None:
            require_source(self.skills)
        with within("task_settings"):
            TASKS.check(self.task, self.task_settings)
        with within("student_settings"):
            require_student(self.student, self.student_settings)
        require_copies(self.student, 1 + self.lookahead)
        with within("gate_checks"):
            for check in self.gate_checks:
                require_check(check)
        for who in self._questions():
            require_one_student(self.student, who)
        with within("evaluator_settings"):
            EVALUATORS.check(self.evaluator, self.evaluator_settings)
        with within("trainer_settings"):
            require_trainer(self.trainer, self.student, self.trainer_settings)
        if self.teacher_model is not None:
            with within("teacher_model_settings"):
                require_teacher_model(self.teacher_model, self.teacher_model_settings)
        elif self.teacher_model_settings:
            raise ConfigError("teacher_model_settings are given and no teacher_model; name one")

    @property
    def rated(self) -> bool:
        """Whether the teacher model rates what is trained on."""
        return self.proxy is not None and PROXIES.load(self.proxy) is quality

    def _questions(self) -> Iterator[str]:
        """The parts that ask the student about examples."""
        yield from (
            f"gate check {label(divided(c)[0])!r}" for c in self.gate_checks if asks_student(c)
        )
        if self.pretest:
            yield "pretest"
        if self.rehearsal:
            yield "rehearsal"
        if self.gate_settings.known == "reject":
            yield "gate_settings.known='reject'"

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Make a configuration from plain values.

        Raises:
            UnknownNameError: for a task, student, engine, proposer or reward that does not exist.
            ConfigError: for a setting that does not exist, is of another type or out of range.
            MissingExtraError: if a package that it needs is not installed.
        """
        return build(f"the {cls.title} environment", cls, settings=settings)


@checked
@dataclass(frozen=True, kw_only=True)
class OpenEndedConfig(EnvConfig):
    """The settings of ``teachgym/OpenEnded-v0``."""

    title: ClassVar[str] = "open-ended"
    observation: Literal["report", "arrays", "text"] = "report"
    """The form of what the teacher sees; see the environment's card."""
    action: Literal["examples", "text"] = "examples"
    """The form in which the teacher hands in examples; see the environment's card."""


@checked
@dataclass(frozen=True, kw_only=True)
class SkillListConfig(EnvConfig):
    """The settings of ``teachgym/SkillList-v0``."""

    title: ClassVar[str] = "skill-list"
    observation: Literal["arrays", "flat", "text", "report"] = "arrays"
    """The form of what the teacher sees; see the environment's card."""
    action: Literal["shares", "plan", "discrete", "text"] = "shares"
    """The form in which the teacher orders; see the environment's card."""
    engine: Part = "procedural"
    """The engine that fills orders: `procedural`, `pool`, `replay`, `llm`, `by-order`."""
    engine_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the engine; for `llm` see `teachgym.engines.writer_settings.WriterSettings`."""
    texts: bool = True
    """Whether examples are written. `false` is for a simulated student, which only counts them, and
    numeric teachers: every order is filled as it is, and a step takes a fraction of the time."""
    chat: FromJson[ChatSettings] | None = None
    """The chat model of an engine or proposer that asks one, see
    `teachgym.chat.settings.ChatSettings`; its calls are charged to the budget."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with within("engine_settings"):
            require_engine(self.engine, self.engine_settings, self.chat)
        if self.chat is not None and self.budget.dollars is not None:
            require_price(self.chat, "chat={..., 'prices': {'in': 0.15, 'out': 0.6}}")


@checked
@dataclass(frozen=True, kw_only=True)
class SkillTreeConfig(SkillListConfig):
    """The settings of ``teachgym/SkillTree-v0``."""

    title: ClassVar[str] = "skill-tree"
    action: Literal["arrays", "moves", "discrete", "text"] = "arrays"  # type: ignore[assignment]
    """The form in which the teacher explores and exploits; see the environment's card."""
    proposer: Part = "task"
    """The finder of subskills: `task` (its own leaves), `llm`, `fixed` (lists)."""
    proposer_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the proposer."""
    max_subskills: Few = 8
    """The most subskills of a root, which are the columns of the arrays."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.texts:
            raise ConfigError("texts is False, and a skill tree has texts; leave it out")
        with within("proposer_settings"):
            chat = {"chat": self.chat}
            PROPOSERS.check(self.proposer, self.proposer_settings, services=chat)


CONFIGS: Mapping[str, type[OpenEndedConfig | SkillListConfig]] = dict(
    zip(ENV_IDS, (OpenEndedConfig, SkillListConfig, SkillTreeConfig), strict=True)
)
"""The class of settings of each registered environment, by id."""


def asking(settings: Mapping[str, Any]) -> list[str]:
    """The parts among an environment's settings that can ask a chat model, for messages."""
    parts = [(ENGINES, settings.get("engine")), (PROPOSERS, settings.get("proposer"))]
    return [kind.what(part) for kind, part in parts if part and kind.takes(part, "chat")]


def env_settings(full_id: str) -> dict[str, Any]:
    """Settings of one of ``teachgym.ENV_IDS`` with their defaults, as plain values."""
    defaults = CONFIGS[full_id]()
    return {f.name: asdict(defaults)[f.name] for f in fields(defaults)}


def env_id(name: str) -> str:
    """The full id of an environment, from its id or its short name.

    Example:
        >>> env_id("SkillList")
        'teachgym/SkillList-v0'

    Raises:
        UnknownNameError: for a name that is not registered.
    """
    short = {short_name(full): full for full in ENV_IDS}
    full = short.get(name, name)
    if full not in gym.registry:
        raise UnknownNameError(unknown("environment", name, short))
    return full


def short_name(full_id: str) -> str:
    """The short name of an environment: ``SkillList`` for ``teachgym/SkillList-v0``."""
    return full_id.partition("/")[2].partition("-")[0]
