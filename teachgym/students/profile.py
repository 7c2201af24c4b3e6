"""The character of a simulated student as JSON: what it knows at first and how it learns."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from teachgym.errors import ConfigError, unknown

FITTED_TO_TINY = Path(__file__).parent / "data" / "simulated.json"
"""The profile that ships: skills of ``arithmetic-and-strings``, fitted to the ``tiny`` student."""

T = TypeVar("T")


@dataclass(frozen=True)
class SkillProfile:
    """How one skill is learned; the defaults hold for skills that nothing is known about.

    See ``teachgym.students.dynamics.learn`` for what the numbers do.
    """

    start: tuple[float, ...] = (-1.0, -2.0, -3.0)
    """Competence (a logit) of the untrained student, from the easiest level to the hardest."""
    ceiling: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Highest accuracy in (0, 1], from the easiest level to the hardest."""
    rate: float = 1.0
    """Speed of learning per 1000 examples, >= 0; 0 = cannot be learned."""
    forgetting: float = 0.02
    """Speed of forgetting per 1000 examples of something else, >= 0."""
    prerequisites: tuple[str, ...] = ()
    """Skills without which this one is learned slowly or not at all."""
    transfer: Mapping[str, float] = field(default_factory=dict)
    """By other skill: share in [0, 1] of an example of it that counts as one of this skill."""

    def __post_init__(self) -> None:
        if not self.start or not self.ceiling:
            raise ConfigError("start and ceiling need a number per level; give at least one")
        for value in self.ceiling:
            if not 0 < value <= 1:
                raise ConfigError(f"ceiling has {value}; it must be in (0, 1]")
        for value in self.transfer.values():
            _check("transfer", value, 1)
        _check("rate", self.rate)
        _check("forgetting", self.forgetting)


@dataclass(frozen=True)
class Profile:
    """A simulated student: the skills it knows about, and what all skills share."""

    skills: Mapping[str, SkillProfile] = field(default_factory=dict)
    """By name."""
    default: SkillProfile = field(default_factory=SkillProfile)
    """For every skill that is not in ``skills``, such as those of other tasks."""
    level_transfer: float = 0.5
    """Share in [0, 1] of an example that counts at the neighbouring level of its skill, its
    square at the level after that, and so on."""
    saturation: float = 1.0
    """Exponent in (0, 1] of the dose of one training run; 1 = the last example of a run counts as
    much as the first."""
    noise: float = 0.05
    """Standard deviation of the competence after 1000 examples, >= 0."""
    learnable: tuple[str, ...] = ()
    """Weak skills that training can lift: what only an oracle teacher may know."""
    fit: Mapping[str, Any] = field(default_factory=dict)
    """Where the numbers come from and how well they predict; for people."""

    def __post_init__(self) -> None:
        _check("level_transfer", self.level_transfer, 1)
        if not 0 < self.saturation <= 1:
            raise ConfigError(f"saturation is {self.saturation}; it must be in (0, 1]")
        _check("noise", self.noise)

    @classmethod
    def load(cls, path: Path | str) -> Profile:
        """Read a profile that ``dump`` or a person wrote; what is left out gets its default.

        Raises:
            ConfigError: for a missing or broken file, an unknown setting, or a bad value.
        """
        try:
            content = json.loads(Path(path).read_text())
        except OSError as error:
            raise ConfigError(f"no profile at {path}; give the path of a JSON file") from error
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path} is not JSON: {error}") from error
        content["default"] = _from_json(SkillProfile, content.get("default", {}))
        content["skills"] = {
            name: _from_json(SkillProfile, skill)
            for name, skill in content.get("skills", {}).items()
        }
        return _from_json(cls, content)

    def starting_from(self, skills: Sequence[str], competence: NDArray[np.float64]) -> Profile:
        """The same character with other competences, (n_skills, n_levels), to start from."""
        known = {skill: self.skills.get(skill, self.default) for skill in skills}
        moved = {
            skill: replace(known[skill], start=tuple(row.tolist()))
            for skill, row in zip(skills, competence, strict=True)
        }
        return replace(self, skills={**self.skills, **moved})

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


def _from_json(kind: type[T], content: Mapping[str, Any]) -> T:
    """A dataclass from a JSON object, lists as tuples."""
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for name in content:
        if name not in names:
            raise ConfigError(unknown(f"{kind.__name__} setting", name, names))
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in content.items()})


def _check(name: str, value: float, high: float = math.inf) -> None:
    if not 0 <= value <= high:
        raise ConfigError(f"{name} is {value}; it must be in [0, {high:g}]")
