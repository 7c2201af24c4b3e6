"""Rules as teachers of a Skill-List environment: their inputs and their orders."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells, Unit, accuracy_of
from teachgym.agents.curricula.rule import MakeRule
from teachgym.errors import BudgetError, ConfigError
from teachgym.given import Given
from teachgym.metrics import nearest_level
from teachgym.protocols import Teacher
from teachgym.settings import FewOrNone, checked
from teachgym.types import FloatArray, Items, Obs


@checked
@dataclass(eq=False)
class CurriculumTeacher(Teacher[Obs, NDArray[np.float32]]):
    """Shows a rule the accuracy on every arm, and divides the step as the rule says.

    What is not measured keeps the latest accuracy known; before there is any, it has the mean of
    what is measured.
    """

    cells: Given[Cells]
    """Names and sizes of the environment."""
    make: Given[MakeRule]
    """Builds the rule at every reset."""
    name: str = "rule"
    """The name of the teacher in tables."""
    _: KW_ONLY
    arms: Unit = "skill"
    """``skill``: an arm is a skill with all its levels alike; ``cell``: a skill at a level, whose
    accuracy is much noisier."""

    def __post_init__(self) -> None:
        self._levels = (self.cells.levels[0],) if self.arms == "skill" else self.cells.levels
        self.reset(0)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each arm: the skill, or ``skill@level``."""
        return tuple(self._name(s, level) for s in self.cells.skills for level in self._levels)

    def reset(self, seed: int) -> None:
        """Start with a new rule that knows nothing."""
        self.rule = self.make(self.names, np.random.default_rng(seed))
        self._known = np.full(len(self.names), np.nan)

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Shares of the step, (n_skills, n_levels)."""
        latest = self._measure(observation)
        self._known = np.where(np.isnan(latest), self._known, latest)
        missing = np.isnan(self._known)
        mean = 0.0 if missing.all() else float(self._known[~missing].mean())
        shares = self.rule.plan(np.where(missing, mean, self._known))
        return self.cells.spend(shares.reshape(-1, len(self._levels)))

    def _name(self, skill: str, level: float) -> str:
        return skill if self.arms == "skill" else f"{skill}@{level:g}"

    def _measure(self, observation: Obs) -> FloatArray:
        """The accuracy on each arm, (n_arms,); nan = not measured."""
        return accuracy_of(self.arms, observation)[:, : len(self._levels)].ravel()


@checked
@dataclass(eq=False)
class MixingTeacher(CurriculumTeacher):
    """Shows a rule the loss on every arm, and divides the step as the rule says."""

    name: str = "mixture"
    """The name of the teacher in tables."""
    _: KW_ONLY
    items: FewOrNone = 0
    """0 = the loss is the share of wrong answers on ``val``, which the environment shows. Else it
    is the mean negative log-probability of a target's token, in nats, on so many items of ``val``
    for each arm: what the published methods use. They are probed in every step, at the price of
    their tokens; what the budget cannot pay keeps its latest value."""

    def __post_init__(self) -> None:
        if self.items and self.cells.probes is None:
            raise ConfigError(
                f"items is {self.items}; here no student can be probed, so it must be 0"
            )
        super().__post_init__()

    def _measure(self, observation: Obs) -> FloatArray:
        """The loss on each arm, (n_arms,); nan = not measured."""
        return self._probe() if self.items else 1 - super()._measure(observation)

    def _probe(self) -> FloatArray:
        """The same by log-probabilities; nan for all if that cannot be paid."""
        probes, losses = self.cells.probes, np.full(len(self.names), np.nan)
        assert probes is not None  # Or the settings had been refused.
        places: dict[str, list[int]] = {name: [] for name in self.names}
        for place, (skill, difficulty) in enumerate(probes.labels(Items("val"))):
            name = self._name(skill, self._levels[nearest_level(self._levels, difficulty)])
            if len(places.get(name, range(self.items))) < self.items:
                places[name].append(place)
        asked = [(arm, place) for arm, own in enumerate(places.values()) for place in own]
        try:
            found = probes.logprobs(Items("val", tuple(place for _, place in asked)))
        except BudgetError:
            return losses
        for arm in {arm for arm, _ in asked}:
            own = [tokens for (of, _), tokens in zip(asked, found, strict=True) if of == arm]
            losses[arm] = -np.concatenate(own).mean()
        return losses
