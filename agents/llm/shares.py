"""Plans in few words: what small language models read of a student, and how they answer.

``teachgym.language`` asks for JSON and shows errors, which takes thousands of tokens. This form
takes some hundred: a digit of accuracy for each skill and what has become of it, and an answer of
names and shares, which a grammar bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from teachgym.agents.context import pool_levels
from teachgym.errors import ConfigError
from teachgym.settings import Few, checked
from teachgym.types import Obs, Scores

_SAME = 0.01
"""Changes in accuracy below it count as none."""

Grammar = dict[str, dict[str, str]]


@checked
@dataclass(frozen=True)
class SharesSettings:
    """The settings of the form."""

    items: Few = 8
    """Skills in an answer at most, >= 1."""
    most: Annotated[int, Interval(ge=1, le=9)] = 4
    """The largest share, in [1, 9]."""
    rest: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    """The part of a step that all skills get alike, named or not, in [0, 1): what a few names
    leave out is forgotten."""
    instruction: str = ""
    """Stands before every prompt: what a model that was trained to follow instructions is told."""


@dataclass(frozen=True)
class SharesForm:
    """Prompts and answers about some skills.

    Example:
        >>> form = SharesForm(("add", "rev"), SharesSettings(items=2))
        >>> form.read("rev:3, add:1").tolist()
        [1.0, 3.0]

    Raises:
        ConfigError: for a name with a colon or a comma, which answers could not name.
    """

    skills: tuple[str, ...]
    settings: SharesSettings = SharesSettings()

    def __post_init__(self) -> None:
        if odd := [name for name in self.skills if set(name) & set(":,")]:
            raise ConfigError(f"skill {odd[0]!r} has a colon or a comma in its name; rename it")

    def prompt(self, now: Obs, before: Obs | None) -> str:
        """The prompt on the present view and that before the last step; None = there was none.

        A line for each skill: ten times its accuracy rounded down, ``?`` where it was not measured,
        and whether that has risen (+), fallen (-) or neither (=).
        """
        left = min(1.0, float(np.min(now["budget_left"])))
        seen, old = pool_levels(now), None if before is None else pool_levels(before)
        lines = [f"left {_digit(left)}", *self._lines(seen, old), "teach "]
        return "\n".join(
            [self.settings.instruction, *lines] if self.settings.instruction else lines
        )

    def _lines(self, seen: Scores, old: Scores | None) -> Iterator[str]:
        for place, name in enumerate(self.skills):
            if not seen.n[place]:
                yield f"{name}:?"
                continue
            change = 0.0
            if old is not None and old.n[place]:
                change = float(seen.mean[place] - old.mean[place])
            sign = "=" if abs(change) < _SAME else "+" if change > 0 else "-"
            yield f"{name}:{_digit(float(seen.mean[place]))}{sign}"

    @property
    def grammar(self) -> Grammar:
        """``NAME:SHARE, NAME:SHARE, ...``, as ``teachgym.students.local.automaton`` reads it."""
        found: Grammar = {}
        last = self.settings.items - 1
        for item in range(self.settings.items):
            found[f"name {item}"] = {f"{name}:": f"share {item}" for name in self.skills}
            shares = range(1, self.settings.most + 1)
            found[f"share {item}"] = {str(share): f"after {item}" for share in shares}
            more = {} if item == last else {", ": f"name {item + 1}"}
            found[f"after {item}"] = {**more, "": ""}
        return found

    def read(self, answer: str) -> NDArray[np.float64]:
        """The weights of skills in an answer, shape (n_skills,)."""
        weights = np.zeros(len(self.skills))
        for item in answer.split(","):
            name, _, share = item.partition(":")
            weights[self.skills.index(name.strip())] += float(share)
        rest = self.settings.rest
        weights += rest / (1 - rest) * weights.mean()
        return weights

    def pieces(self, shares: NDArray[np.floating], rng: np.random.Generator) -> list[str]:
        """An answer that stands for shares (n_skills,), as the pieces of the grammar.

        As many units as there are items are drawn by the shares, so that the mean over answers is
        nearly the shares, and what no unit falls on is left out.
        """
        weights = np.asarray(shares, dtype=np.float64)
        above = np.clip(weights - self.settings.rest * weights.mean(), 0, None)
        named = above if above.any() else weights
        drawn = rng.multinomial(self.settings.items, named / named.sum())
        found: list[str] = []
        for place in np.argsort(-drawn, kind="stable")[: np.count_nonzero(drawn)]:
            share = min(int(drawn[place]), self.settings.most)
            found += [", "] * bool(found) + [f"{self.skills[place]}:", str(share)]
        return found


def _digit(share: float) -> str:
    """Ten times a share, rounded down, in one digit."""
    return str(min(9, int(10 * share + 1e-6)))
