"""The settings of a teacher's training: one table, in TOML or JSON as those of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from json import dumps
from typing import Annotated, Any

from teachgym.agents.llm.shares import SharesSettings
from teachgym.envs.config import SkillListConfig
from teachgym.errors import ConfigError
from teachgym.records import Record
from teachgym.settings import (
    Count,
    CountFromOne,
    Epochs,
    Few,
    FromJson,
    Like,
    Positive,
    Seed32,
    build,
    checked,
)
from teachgym.students.bases import bases_of, draw_base
from teachgym.students.settings import LanguageModelSettings
from teachgym.tasks import TASKS
from teachgym.training.policy_losses import Grpo
from teachgym.training.settings import FineTuningSettings

FIRST_SEED = 1_000_000
"""Seeds of training episodes and items are from here on, and those of benches far below."""


@checked
@dataclass(frozen=True)
class Stage:
    """Students that the teacher learns with for a while, such as simulated ones first."""

    updates: CountFromOne = 100
    """Updates of the teacher, >= 1."""
    env_settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings of ``teachgym/SkillList-v0``: student (``simulated`` if it is left out), budget,
    what is paid (``reward``, ``proxy``). ``texts=False`` makes a simulated student ten times
    faster."""
    vary: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Settings of the environment that take turns from update to update, by their paths:
    ``{"student_settings.shuffle": [0, 1, 2]}``. What is left out of it is held out."""
    apart: bool = True
    """Whether bases and items that are not set are others than those that benches compare on: the
    bases of the student that no board uses, in turn, and the items of task seed 1,000,000."""
    recheck: Count = 0
    """Items that a group is measured on too where its spread is noise: see ``envs.forks``."""

    def settings_of(self, update: int) -> Record:
        """The environment's settings in an update of the stage, counted from 0."""
        settings: Record = {"student": "simulated", **self.env_settings}
        for path, values in self.vary.items():
            *above, last = path.split(".")
            table = settings
            for key in above:
                table[key] = dict(table.get(key, {}))
                table = table[key]
            table[last] = values[update % len(values)]
        return {**settings, **_set_apart(settings, update)} if self.apart else settings

    def environments(self) -> list[Record]:
        """All settings that its updates have, each once."""
        every = map(self.settings_of, range(self.updates))
        return list({dumps(own, sort_keys=True): own for own in every}.values())

    def __post_init__(self) -> None:
        if empty := [path for path, values in self.vary.items() if not values]:
            raise ConfigError(f"vary.{empty[0]} is empty; give one value or more")
        own = ("observation", "action", "stop")
        if words := [name for name in own if name in self.env_settings]:
            raise ConfigError(
                f"a stage sets {words[0]} of its environment, and this teacher sees and orders in "
                "numbers alone; leave it out"
            )


def _set_apart(settings: Record, update: int) -> Record:
    """The base and the seed of items, where they are not set and there are several to choose of."""
    for_student, for_task = (settings.get(f"{name}_settings", {}) for name in ("student", "task"))
    if not (isinstance(for_student, Mapping) and isinstance(for_task, Mapping)):
        return {}  # Whoever checks the settings refuses them.
    own: Record = {}
    student, task = bases_of(settings), settings.get("task", SkillListConfig.task)
    if student is not None and "base" not in for_student:
        base = draw_base(student, update, compared=False)
        own["student_settings"] = {**for_student, "base": base}
    if "seed" in TASKS.settings(task) and "seed" not in for_task:
        own["task_settings"] = {**for_task, "seed": FIRST_SEED}
    return own


@checked
@dataclass(frozen=True)
class WarmStart:
    """Supervised training on what other teachers did, before the first update."""

    runs: Sequence[str] = ()
    """Folders of runs of numeric Skill-List teachers, such as ``alp``; none = no warm start."""
    epochs: Epochs = 4
    """Passes over their steps, >= 1; what an answer stands for is drawn anew in each."""
    batch_size: Few = 8
    """Answers in an update, >= 1."""
    learning_rate: Positive = 1e-3
    """The learning rate of these updates, > 0; it falls linearly."""


@checked
@dataclass(frozen=True)
class TeacherTraining:
    """A teacher's training; the defaults suit ``small`` and a simulated student on a CPU."""

    model: str = "small"
    """The language model that becomes a teacher: ``small``, ``smollm2``, a folder or a hub id."""
    model_settings: Annotated[Mapping[str, Any], Like(LanguageModelSettings)] = field(
        default_factory=dict
    )
    """Settings of loading it: ``lora``, ``device``, ``max_new_tokens``, ..."""
    stages: FromJson[tuple[FromJson[Stage], ...]] = (Stage(),)
    """The curriculum, in order."""
    group: Few = 8
    """Answers tried on forks of one student, >= 2."""
    episodes: Few = 1
    """Episodes in an update, >= 1; each step of each is a group."""
    temperature: Positive = 1.0
    """The temperature of the answers, > 0."""
    form: FromJson[SharesSettings] = field(default_factory=SharesSettings)
    """Limits of an answer: ``items``, ``most``; and ``instruction``, for models that take one."""
    optimizer: Annotated[Mapping[str, Any], Like(FineTuningSettings)] = field(default_factory=dict)
    """``learning_rate`` and whatever else ``FineTuningSettings`` has; by default AdamW at 3e-4,
    constant after five updates."""
    loss: Annotated[Mapping[str, Any], Like(Grpo)] = field(default_factory=dict)
    """``clip``; there is no reference, so ``beta`` is 0."""
    scale_rewards: bool = True
    """Whether advantages are in standard deviations of their group."""
    warm_start: FromJson[WarmStart] = WarmStart()
    """The warm start before the training."""
    checkpoint_every: CountFromOne = 5
    """Updates between two checkpoints, >= 1."""
    seed: Seed32 = 0
    """The seed of answers and of the warm start, >= 0; the students of an update are the same for
    all."""
    trackers: Mapping[str, Any] = field(default_factory=dict)
    """As of a run: ``{"wandb": {"mode": "offline"}}``."""
    name: str = ""
    """In trackers; empty = the name of the folder."""

    def __post_init__(self) -> None:
        if not self.stages:
            raise ConfigError("stages is empty; give one stage or more")
        if self.group < 2:
            raise ConfigError(f"group is {self.group}; it must be 2 or more to compare answers")
        if self.loss.get("beta"):
            raise ConfigError("loss.beta is above 0, and no reference is kept; leave it out")
        _ = self.grpo, self.rates

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> TeacherTraining:
        """The settings in a JSON object; keys left out have their defaults."""
        return build("a teacher's training", cls, settings=record)

    @property
    def updates(self) -> int:
        """Updates of all stages."""
        return sum(stage.updates for stage in self.stages)

    def stage_of(self, update: int) -> tuple[Stage, int]:
        """The stage of an update, counted from 0, and its number there."""
        for stage in self.stages:
            if update < stage.updates:
                return stage, update
            update -= stage.updates
        raise IndexError(update)

    def environments(self) -> list[Record]:
        """The settings of all environments that its stages have."""
        return [own for stage in self.stages for own in stage.environments()]

    @property
    def grpo(self) -> Grpo:
        """The loss."""
        return build("loss", Grpo, settings={"beta": 0.0, **self.loss})

    @property
    def rates(self) -> FineTuningSettings:
        """Optimizer and schedule."""
        settings = {**_OPTIMIZER, **self.optimizer}
        return build("optimizer", FineTuningSettings, settings=settings)

    def warm_rates(self) -> FineTuningSettings:
        """Those of the warm start."""
        warm = self.warm_start
        return replace(
            self.rates,
            learning_rate=warm.learning_rate,
            final_share=0.0,
            constant_share=0.0,
            epochs=1,
            batch_size=warm.batch_size,
        )


_OPTIMIZER: Mapping[str, Any] = {
    "learning_rate": 3e-4,
    "optimizer": "adamw",
    "warmup_steps": 5,
    "final_share": 1.0,
}
