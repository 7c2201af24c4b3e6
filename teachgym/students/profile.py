"""The profile of a simulated student as JSON: what it knows at first and how it learns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from teachgym.errors import ConfigError
from teachgym.records import read_text
from teachgym.settings import FromJson, NotNegative, Share, ShareAboveZero, build, checked
from teachgym.shown import in_short
from teachgym.students.bases import BASES, TINY

MAX_BYTES = 10**8
"""The most bytes of a profile's file."""

_DATA = Path(__file__).parent / "data"
FITTED = _DATA / "simulated"
"""Profiles that are fitted to the bases of ``tiny``, by number."""
HARD = _DATA / "hard.json"
"""The profile on which planning pays (``teachgym.benchmarks.models.hard_profile``)."""


@checked
@dataclass(frozen=True)
class SkillProfile:
    """The learning of one skill; the defaults are for skills without data.

    See ``teachgym.students.dynamics.learn`` for what the numbers do.
    """

    start: FromJson[tuple[float, ...]] = (-1.0, -2.0, -3.0)
    """Competence (a logit) of the untrained student, from the easiest level to the hardest."""
    ceiling: FromJson[tuple[ShareAboveZero, ...]] = (1.0, 1.0, 1.0)
    """Highest accuracy in (0, 1], from the easiest level to the hardest."""
    rate: NotNegative = 1.0
    """Speed of learning per 1000 examples, >= 0; 0 = cannot be learned."""
    forgetting: NotNegative = 0.02
    """Speed of forgetting per 1000 examples of something else, >= 0."""
    prerequisites: FromJson[tuple[str, ...]] = ()
    """Skills without which this one is learned slowly or not at all."""
    transfer: Mapping[str, Share] = field(default_factory=dict)
    """By other skill: share in [0, 1] of an example of it that counts as one of this skill."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        if not self.start or not self.ceiling:
            raise ConfigError("start and ceiling need a number per level; give at least one")


@checked
@dataclass(frozen=True)
class Profile:
    """The profile of a simulated student: its skills, and what all skills share."""

    skills: Mapping[str, FromJson[SkillProfile]] = field(default_factory=dict)
    """By name."""
    default: FromJson[SkillProfile] = field(default_factory=SkillProfile)
    """For every skill that is not in ``skills``, such as those of other tasks."""
    level_transfer: Share = 0.5
    """Share in [0, 1] of an example that counts at the neighbouring level of its skill, its
    square at the level after that, and so on."""
    rehearsal: NotNegative = 1.0
    """Examples of anything else, >= 0, that one of a skill's own keeps from making it forgotten."""
    noise: NotNegative = 0.05
    """Standard deviation of the competence after 1000 examples, >= 0."""
    learnable: FromJson[tuple[str, ...]] = ()
    """Weak skills that training can lift: what only an oracle teacher may know."""
    version: Literal[1] = 1
    """The version of the dynamics that the numbers are for."""
    fit: Mapping[str, Any] = field(default_factory=dict)
    """The origin of the numbers and the quality of their predictions; for people."""

    __repr__ = in_short

    @classmethod
    def load(cls, path: Path | str) -> Profile:
        """Read a profile that ``dump`` or a person wrote; missing values get their defaults.

        Raises:
            ConfigError: for a missing or broken file, an unknown setting, or a bad value.
        """
        try:
            content = json.loads(read_text(Path(path), MAX_BYTES))
        except (json.JSONDecodeError, RecursionError) as error:
            raise ConfigError(f"{path} is not JSON: {error}") from error
        return build(f"the profile {path}", cls, settings=content)

    def starting_from(
        self, skills: Sequence[str], levels: Sequence[float], competence: NDArray[np.float64]
    ) -> Profile:
        """The same profile with other initial competences, (n_skills, n_levels)."""
        known = {skill: self.skills.get(skill, self.default) for skill in skills}
        evenly = _evenly(levels)
        competence = np.array([np.interp(evenly, levels, row) for row in competence])
        moved = {
            skill: replace(known[skill], start=tuple(row.tolist()))
            for skill, row in zip(skills, competence, strict=True)
        }
        return replace(self, skills={**self.skills, **moved})

    def shuffled(self, seed: int) -> Profile:
        """The same skills by name, with what is known and how it is learned dealt at random.

        Initial competences are dealt to names, and, by another draw, rate, ceiling and forgetting
        together. What names and accuracies tell on one base of how a skill can be learned is lost,
        so a teacher that is trained on many such students has to look at progress: domain
        randomization (Tobin et al. 2017, arXiv 1703.06907). Which skills are learnable is not
        known then.
        """
        names, rng = list(self.skills), np.random.default_rng(seed)
        starts, ways = ([self.skills[names[i]] for i in rng.permutation(len(names))] for _ in "ab")
        skills = {
            name: replace(
                self.skills[name],
                start=start.start,
                rate=way.rate,
                ceiling=way.ceiling,
                forgetting=way.forgetting,
            )
            for name, start, way in zip(names, starts, ways, strict=True)
        }
        return replace(self, skills=skills, learnable=(), fit={})

    def dump(self, path: Path | str) -> None:
        """Write the profile as JSON, one skill a line, so that changes can be read as a diff."""
        skills = ",\n".join(
            f"  {json.dumps(name)}: {json.dumps(asdict(skill))}"
            for name, skill in self.skills.items()
        )
        rest = {**asdict(self), "skills": {}}
        lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in rest.items()]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        Path(path).write_text(text.replace('"skills": {}', f'"skills": {{\n{skills}\n }}', 1))


def _evenly(levels: Sequence[float]) -> NDArray[np.float64]:
    """The fewest evenly spaced difficulties from 0 to 1 that ``levels`` are among, ascending.

    The finest that are tried, if levels are among none.
    """
    for count in range(len(levels), 1000):
        evenly = np.linspace(0, 1, count)
        apart = np.abs(np.subtract.outer(levels, evenly))
        if apart.min(axis=1).max() < 1e-9:
            evenly[apart.argmin(axis=1)] = levels  # to the last bit
            break
    return evenly


def profile_named(
    base: int = 0, profile: Path | str | None = None, shuffle: int | None = None
) -> Profile:
    """The profile fitted to a base of ``tiny``, the profile ``hard``, or that of a path.

    Raises:
        ConfigError: for a base that is none, or one beside another profile.
    """
    if base and profile is not None:
        raise ConfigError(f"base is {base} and profile {str(profile)!r}; give one of them")
    if profile is None:
        if not 0 <= base < BASES[TINY]:
            raise ConfigError(
                f"base is {base}; there are profiles of the bases 0 to {BASES[TINY] - 1}"
            )
        profile = FITTED / f"{base}.json"
    found = Profile.load(HARD if profile == "hard" else profile)
    return found if shuffle is None else found.shuffled(shuffle)
