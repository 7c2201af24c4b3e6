"""A comparison as data: a suite has arms, and an arm with a seed is an ordinary run."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from typing import Any, Literal, TypeVar

from teachgym.errors import ConfigError, UnknownNameError, require_known
from teachgym.records import Record
from teachgym.registry import recorded
from teachgym.runs.config import RunConfig
from teachgym.settings import Count, CountFromOne, FromJson, build, checked
from teachgym.students.bases import BASES, bases_of, draw_base

T = TypeVar("T")
SKILL_LIST = "teachgym/SkillList-v0"
TUNING_SEED = 10_000
"""Seeds from here on are for tuning: no board may use them, and tuning may use no others."""
BASE = "student_settings.base"
"""The setting that has fewer values than there are seeds, which take turns."""
_ONE_EPOCH = ("simulated", *BASES)
"""Students that are trained in one pass unless told otherwise."""


@checked
@dataclass(frozen=True, slots=True)
class Arm:
    """A line of the table: a teacher, and how its run differs from the suite's."""

    name: str
    """Unique within the suite; the name of the arm's folder."""
    teacher: Any
    """As in ``RunConfig``."""
    teacher_settings: Mapping[str, Any] = field(default_factory=dict)
    env: str = ""
    """Id of an environment other than the suite's; empty = the suite's."""
    env_settings: Mapping[str, Any] = field(default_factory=dict)
    """On top of the suite's."""
    control: bool = False
    """Whether it is there to be compared with, not to win."""
    seed_offset: Count = 0
    """Added to its seeds, for a second, independent copy of an arm; >= 0."""
    against: str = ""
    """The arm it is compared with, where that is not the suite's reference."""
    condition: str = ""
    """The condition it is run under, if the suite has several."""
    chat: Mapping[str, Any] = field(default_factory=dict)
    """On top of the suite's."""
    tuned: bool = False
    """Whether its teacher's settings are those that ``teachgym tune`` found."""
    fewer: CountFromOne = 1
    """It has one in so many of the examples that the others have, of the budget and of a step, and
    trains on each so many times as often; >= 1."""


@checked
@dataclass(frozen=True, slots=True)
class Claim:
    """A published claim about two arms: which of them teaches better."""

    arm: str
    against: str
    """The arm that differs from it in what the publication is about."""
    paper: str
    """Its arXiv id."""
    direction: Literal["above", "below"] = "above"
    """The place of the arm against the other in the publication."""
    aided: bool = False
    """Whether it is about what students do with the teacher's aids, hence about the last accuracy
    on val that was measured with aids; of an arm without aids, about the last one that was."""


Family = tuple[tuple[Arm, ...], tuple[Claim, ...]]
"""Arms that share a meter, and what is claimed of them."""


@checked
@dataclass(frozen=True, slots=True)
class Suite:
    """A comparison of arms at equal budget over seeds."""

    name: str
    version: int
    """Raised whenever results stop being comparable."""
    description: str
    """One line for tables."""
    arms: FromJson[tuple[FromJson[Arm], ...]]
    env: str = SKILL_LIST
    env_settings: Mapping[str, Any] = field(default_factory=dict)
    """Student, task, budget: the same for every arm, unless the arm says otherwise."""
    seeds: CountFromOne = 8
    """Seeds of each arm, from ``first_seed`` on, those of ``skipped`` among them."""
    first_seed: Count = 0
    """The lowest seed; seeds that others have not used are a replication."""
    skipped: FromJson[tuple[int, ...]] = ()
    """Seeds between the lowest and the highest for which nobody asked."""
    reference: str = "uniform"
    """The arm that others are compared with."""
    seeded: FromJson[tuple[str, ...]] = ()
    """Settings of the environment, with dots for tables within tables, that are the seed of each
    run: what chance makes of the environment differs by seed, and is the same for all arms. The
    bases of its student take turns: those to compare on, or in tuning the others."""
    axes: FromJson[tuple[str, ...]] = ()
    """Two settings, with dots for tables within tables, in which its conditions differ: results are
    then shown as a surface over them; () = conditions are no points of a plane."""
    beyond: FromJson[tuple[str, ...]] = ()
    """Controls whose gains are no gains: results are also shown beyond them."""
    brief: FromJson[tuple[str, ...]] = ()
    """Arms of its short form (``--short``), besides those it is compared with; empty = all."""
    brief_seeds: CountFromOne = 3
    """Seeds of its short form, >= 1."""
    claims: FromJson[tuple[FromJson[Claim], ...]] = ()
    """Published claims about its arms; the board has a verdict on each."""
    chat: Mapping[str, Any] = field(default_factory=dict)
    """The chat model of arms that ask one."""
    trackers: Mapping[str, Any] = field(default_factory=dict)
    """Destinations of the metrics of every run besides its folder; see ``RunConfig.trackers``."""
    tunes: bool = False
    """Whether its runs are there to choose settings or to learn from, with seeds from
    ``TUNING_SEED`` on."""

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ConfigError(f"suite {self.name!r} has two arms of one name: {', '.join(names)}")
        claimed = [name for claim in self.claims for name in (claim.arm, claim.against)]
        against = map(self.compared, self.arms)
        used = (self.reference, *self.beyond, *self.brief, *against, *claimed)
        require_known(f"arm of suite {self.name!r}", used, names)
        for arm in self.arms:
            first, last = (arm.seed_offset + self.all_seeds[end] for end in (0, -1))
            if (first < TUNING_SEED) if self.tunes else (last >= TUNING_SEED):
                raise ConfigError(
                    f"arm {arm.name!r} of suite {self.name!r} has the seeds {first} to {last}; "
                    f"those from {TUNING_SEED} on are for tuning, and only for it"
                )
        if len(self.axes) not in (0, 2):
            raise ConfigError(
                f"axes of suite {self.name!r} are {', '.join(self.axes)}; give two or none"
            )

    def to_json(self) -> Record:
        """The suite as a JSON object."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("arms", "claims"):
            own[name] = [{f.name: getattr(x, f.name) for f in fields(x)} for x in own[name]]
        record: Record = recorded(own)
        return record

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Suite:
        """Inverse of ``to_json``.

        Raises:
            ConfigError: for what is not the record of a suite.
        """
        return build("a suite", cls, settings=record)

    def compared(self, arm: Arm) -> str:
        """Name of the arm that an arm is compared with."""
        return arm.against or self.reference

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of each arm, lowest first."""
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        return tuple(seed for seed in seeds if seed not in self.skipped)

    def with_seeds(self, seeds: Collection[int]) -> Suite:
        """The suite with these seeds, of which there is at least one, in place of its own."""
        first, end = min(seeds), max(seeds) + 1
        skipped = tuple(seed for seed in range(first, end) if seed not in seeds)
        return replace(self, first_seed=first, seeds=end - first, skipped=skipped)

    def with_arms_of(self, other: Suite) -> Suite | None:
        """The suite with the arms and claims that another has besides; None if more differs."""
        arms = _either(self.arms, other.arms)
        if len({arm.name for arm in arms}) < len(arms):
            return None
        brief, claims = _either(self.brief, other.brief), _either(self.claims, other.claims)
        both = replace(self, arms=arms, brief=brief, claims=claims)
        return both if replace(other, arms=arms, brief=brief, claims=claims) == both else None

    def narrowed(
        self, arms: Sequence[str] = (), seeds: int | None = None, first_seed: int | None = None
    ) -> Suite:
        """The suite with some of its arms (none named = all) and those they are compared with.

        Claims about arms that are left are left too. Seeds stay as they are unless given.

        Raises:
            UnknownNameError: for an arm that it does not have.
        """
        known = [arm.name for arm in self.arms]
        require_known(f"arm of suite {self.name!r}", arms, known, UnknownNameError)
        kept = {*arms, self.reference, *self.beyond} if arms else set(known)
        others = [(claim.arm, claim.against) for claim in self.claims]
        others += [(arm.name, self.compared(arm)) for arm in self.arms]
        while more := {other for name, other in others if name in kept} - kept:
            kept |= more
        return replace(
            self,
            arms=tuple(arm for arm in self.arms if arm.name in kept),
            seeds=self.seeds if seeds is None else seeds,
            first_seed=self.first_seed if first_seed is None else first_seed,
            brief=tuple(name for name in self.brief if name in kept),
            claims=tuple(c for c in self.claims if {c.arm, c.against} <= kept),
        )

    def shortened(self) -> Suite:
        """Its short form: some arms, a few seeds."""
        return self.narrowed(self.brief, min(self.brief_seeds, self.seeds))

    def absorbed(self, *names: str) -> tuple[Arm, ...]:
        """Its arms of those names, with all of its settings in their own, for other suites."""
        return tuple(
            replace(
                arm,
                env=arm.env or self.env,
                env_settings=overlay(self.env_settings, arm.env_settings),
                chat=overlay(self.chat, arm.chat),
                against="" if arm.name == self.compared(arm) else self.compared(arm),
            )
            for arm in self.arms
            if arm.name in names
        )

    def changed(
        self,
        env_settings: Mapping[str, Any] | None = None,
        chat: Mapping[str, Any] | None = None,
        trackers: Mapping[str, Any] | None = None,
    ) -> Suite:
        """The suite with other settings of all runs, another chat model, other trackers.

        Args:
            env_settings: on top of the suite's. What an arm sets itself, it keeps.
            chat: with a provider or a model, in the place of the suite's; else on top of it.
            trackers: in the place of the suite's, unless there are none.

        Raises:
            ConfigError: for another chat model where arms bring their own.
        """
        chat = chat or {}
        other = "provider" in chat or "model" in chat
        if other and (own := [arm.name for arm in self.arms if arm.chat]):
            raise ConfigError(
                f"suite {self.name!r} compares chat models of its own ({', '.join(own)}); it takes "
                "no other one"
            )
        return replace(
            self,
            env_settings=overlay(self.env_settings, env_settings or {}),
            chat=dict(chat) if other else overlay(self.chat, chat),
            trackers=dict(trackers) if trackers else self.trackers,
        )

    def cells(self) -> tuple[Cell, ...]:
        """Every arm with every seed; arms take turns, so that early results can be compared."""
        return tuple(Cell(self, arm, seed) for seed in self.all_seeds for arm in self.arms)


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
    def place(self) -> tuple[float, ...]:
        """Its values of ``Suite.axes``."""
        return tuple(_setting(self.config.env_settings, axis) for axis in self.suite.axes)

    @property
    def drawn(self) -> int:
        """The seed of the run, and of the settings in ``Suite.seeded``."""
        return self.seed + self.arm.seed_offset

    @property
    def base(self) -> int | None:
        """The base of its student that the seed of the run draws; None if it draws none."""
        if BASE not in self.suite.seeded:
            return None
        return _base(overlay(self.suite.env_settings, self.arm.env_settings), self.drawn)

    @property
    def digest(self) -> str:
        """The digest of what decides its results besides the seed, 12 hexadecimal digits.

        Cells of one digest and one ``drawn`` are the same run, whatever suites they are in.
        """
        plain = Cell(replace(self.suite, seeded=(), trackers={}), self.arm, 0).config
        decides = replace(plain, name="", seed=0).to_json()
        text = json.dumps([decides, sorted(self.suite.seeded)], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:12]

    @property
    def config(self) -> RunConfig:
        """The configuration of the run.

        Raises:
            ConfigError: for an arm with fewer examples, where the suite's are no numbers.
        """
        suite, arm, seed = self.suite, self.arm, self.drawn
        env_settings = overlay(suite.env_settings, arm.env_settings)
        for name in suite.seeded:
            value = self.base if name == BASE else seed
            if value is None:
                continue
            env_settings = overlay(env_settings, _nested(name.split("."), value))
        return RunConfig(
            env=arm.env or suite.env,
            env_settings=env_settings if arm.fewer == 1 else _with_fewer(env_settings, arm),
            teacher=arm.teacher,
            teacher_settings=dict(arm.teacher_settings),
            chat=overlay(suite.chat, arm.chat),
            trackers=dict(suite.trackers),
            seed=seed,
            name=f"{suite.name}-v{suite.version}/{self.path}",
        )


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of both, at any depth; where both set a value, that of ``above``."""
    both = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            both[key] = overlay(below[key], above[key])
    return both


def _either(ones: tuple[T, ...], others: tuple[T, ...]) -> tuple[T, ...]:
    return (*ones, *(other for other in others if other not in ones))


def _setting(settings: Mapping[str, Any], name: str) -> float:
    """The number of a setting whose name has dots for tables within tables."""
    first, _, rest = name.partition(".")
    return _setting(settings[first], rest) if rest else float(settings[first])


def _base(env_settings: Mapping[str, Any], seed: int) -> int | None:
    """The base that a run of that seed starts from; None for a student that has none.

    Seeds of tuning have bases of their own, where a student has that many.
    """
    student = bases_of(env_settings)
    return None if student is None else draw_base(student, seed, compared=seed < TUNING_SEED)


def _nested(names: Sequence[str], value: Any) -> dict[str, Any]:
    """``value`` in as many tables as there are names, >= 1."""
    first, *others = names
    return {first: _nested(others, value) if others else value}


def _with_fewer(env_settings: Mapping[str, Any], arm: Arm) -> dict[str, Any]:
    """The settings, with as many training tokens from fewer examples; see ``Arm.fewer``."""
    known = {"epochs": 1} if env_settings.get("student") in _ONE_EPOCH else {}
    try:
        trainer_settings = {**known, **env_settings.get("trainer_settings", {})}
        own = {
            "budget": {"examples": env_settings["budget"]["examples"] // arm.fewer},
            "examples_per_step": env_settings["examples_per_step"] // arm.fewer,
            "trainer_settings": {"epochs": trainer_settings["epochs"] * arm.fewer},
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"arm {arm.name!r} has one in {arm.fewer} examples, trained on {arm.fewer} times as "
            "often; give budget.examples, examples_per_step and trainer_settings.epochs as numbers"
        ) from error
    return overlay(env_settings, own)
