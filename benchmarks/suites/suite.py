"""What is compared, as data: a suite has arms, and an arm with a seed is an ordinary run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from teachgym.errors import ConfigError, UnknownNameError, unknown
from teachgym.records import Record
from teachgym.runs.config import RunConfig

SKILL_LIST = "teachgym/SkillList-v0"


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
    against: str = ""
    """The arm it is compared with, where that is not the suite's reference."""
    condition: str = ""
    """What it has to cope with, where arms are run under several conditions."""
    chat: Mapping[str, Any] = field(default_factory=dict)
    """On top of the suite's."""


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
    """The arm that others are compared with."""
    beyond: tuple[str, ...] = ()
    """Controls whose gains are no gains: results are also shown beyond them."""
    brief: tuple[str, ...] = ()
    """Arms of its short form (``--limit``), besides those it is compared with; empty = all."""
    brief_seeds: int = 3
    """Seeds of its short form, >= 1."""
    chat: Mapping[str, Any] = field(default_factory=dict)
    """The chat model of arms that ask one."""
    trackers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Where the metrics of every run go besides its folder; see ``RunConfig.trackers``."""

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ConfigError(f"suite {self.name!r} has two arms of one name: {', '.join(names)}")
        for name in (self.reference, *self.beyond, *self.brief, *map(self.compared, self.arms)):
            if name not in names:
                raise ConfigError(unknown(f"arm of suite {self.name!r}", name, names))
        if self.seeds < 1:
            raise ConfigError(f"seeds is {self.seeds}; it must be 1 or more")

    def to_json(self) -> Record:
        """The suite as a JSON object."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Suite:
        """Inverse of ``to_json``."""
        names = {key: tuple(record.get(key, ())) for key in ("beyond", "brief")}
        arms = tuple(Arm(**arm) for arm in record["arms"])
        return cls(**{**record, **names, "arms": arms})

    def compared(self, arm: Arm) -> str:
        """Name of the arm that an arm is compared with."""
        return arm.against or self.reference

    def narrowed(self, arms: Sequence[str] = (), seeds: int | None = None) -> Suite:
        """The suite with some of its arms (none named = all) and those they are compared with.

        Raises:
            UnknownNameError: for an arm that it does not have.
        """
        known = [arm.name for arm in self.arms]
        for name in arms:
            if name not in known:
                raise UnknownNameError(unknown(f"arm of suite {self.name!r}", name, known))
        named = {arm.name: arm for arm in self.arms}
        kept = {*arms, self.reference, *self.beyond} if arms else set(known)
        while more := {self.compared(named[name]) for name in kept} - kept:
            kept |= more
        chosen = tuple(arm for arm in self.arms if arm.name in kept)
        brief = tuple(name for name in self.brief if name in kept)
        seeds = self.seeds if seeds is None else seeds
        return replace(self, arms=chosen, seeds=seeds, brief=brief)

    def shortened(self) -> Suite:
        """Its short form: some arms, a few seeds."""
        return self.narrowed(self.brief, min(self.brief_seeds, self.seeds))

    def changed(
        self,
        env_settings: Mapping[str, Any] | None = None,
        chat: Mapping[str, Any] | None = None,
        trackers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Suite:
        """The suite with other settings of all runs, another chat model, other trackers.

        Raises:
            ConfigError: for a chat model where arms bring their own.
        """
        if chat and (own := [arm.name for arm in self.arms if arm.chat]):
            raise ConfigError(
                f"suite {self.name!r} compares chat models of its own ({', '.join(own)}); it takes "
                "no other one"
            )
        return replace(
            self,
            env_settings={**self.env_settings, **(env_settings or {})},
            chat=dict(chat) if chat else self.chat,
            trackers=dict(trackers) if trackers else self.trackers,
        )

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
            chat={**suite.chat, **arm.chat},
            trackers=dict(suite.trackers),
            seed=self.seed + arm.seed_offset,
            name=f"{suite.name}-v{suite.version}/{self.path}",
        )
