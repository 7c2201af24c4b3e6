"""The state as text: what language-model teachers (and people) read."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Any

import gymnasium as gym

from teachgym.envs.base import base_of
from teachgym.forest import Forest
from teachgym.types import Budget, Cost, Prediction, Report, Score

_CHARSET = string.printable


def printable(text: str) -> str:
    r"""``text`` in printable ASCII; everything else as a Python escape.

    Example:
        >>> printable("naïve")
        'na\\xefve'
    """
    return "".join(c if c in _CHARSET else c.encode("unicode_escape").decode() for c in text)


def describe_report(report: Report, *, errors_per_skill: int) -> str:
    """A table of scores by skill, then the first errors of each skill."""
    scores = report.by_skill()
    width = max(len(skill) for skill in scores)
    lines = [f"accuracy {_score(report.overall)} on {report.split}", "", "by skill:"]
    lines += [f"  {skill:<{width}}  {_score(score)}" for skill, score in scores.items()]
    if figures := report.figures:
        lines += ["", "besides accuracy:"]
        lines += [f"  {name}  {_score(score)}" for name, score in figures.items()]
    wrong = list(_first_errors(report, errors_per_skill))
    if wrong:
        lines += ["", "errors (prompt -> answer, should be):"]
        lines += [
            f"  [{p.example.skill}] {p.question.transcript!r} -> {p.response!r}, "
            f"{p.example.target!r}"
            for p in wrong
        ]
    return "\n".join(lines)


def describe_forest(forest: Forest, report: Report) -> str:
    """One line per known subskill: score, allocation, examples taught."""
    scores = report.by_skill()
    lines = ["skill forest (subskill: accuracy, examples per step, taught so far):"]
    for root, tree in forest.trees.items():
        lines.append(f"  {root}" + ("" if tree else ": nothing discovered"))
        lines += [
            f"    {s.name}: {_score(scores.get(s.name))}, {s.allocation:g}, {s.taught}"
            for s in tree
        ]
    return "\n".join(lines)


def describe_budget(budget: Budget, spent: Cost) -> str:
    """What is left of each limited currency."""
    left = budget.remaining(spent)
    parts = [f"{c} {left[c]:g}" for c in left if getattr(budget, c) is not None]
    return "budget left: " + (", ".join(parts) or "unlimited")


def _score(score: Score | None) -> str:
    if score is None or score.n == 0:
        return "not measured"
    return f"{score.mean:.3f} ± {score.stderr:.3f} (n={score.n})"


def _first_errors(report: Report, per_skill: int) -> Iterable[Prediction]:
    shown: dict[str, int] = {}
    for prediction in report.errors:
        skill = prediction.example.skill
        shown[skill] = shown.get(skill, 0) + 1
        if shown[skill] <= per_skill:
            yield prediction


class TextObservation(gym.Wrapper[Any, Any, Any, Any]):
    """Observation wrapper: report, forest (in Skill-Tree) and budget as printable ASCII.

    Long texts are cut at ``max_length`` characters, errors last, and the cut is marked.
    """

    def __init__(
        self, env: gym.Env[Any, Any], *, errors_per_skill: int = 2, max_length: int = 16_000
    ) -> None:
        super().__init__(env)
        base = base_of(env)
        self._base = base
        self.errors_per_skill = errors_per_skill
        self._max_length = max_length
        self.observation_space = gym.spaces.Text(max_length, min_length=1, charset=_CHARSET)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """The first text."""
        _, info = self.env.reset(seed=seed, options=options)
        return self.text(), info

    def step(self, action: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """The text after the step."""
        _, reward, terminated, truncated, info = self.env.step(action)
        return self.text(), float(reward), terminated, truncated, info

    def text(self) -> str:
        """What the current state looks like."""
        report = self._base.state.report
        parts = [
            f"step {self._base.state.step}",
            describe_budget(self._base.rules.budget, self._base.spent),
        ]
        if self.env.has_wrapper_attr("forest"):
            parts.append(describe_forest(self.env.get_wrapper_attr("forest"), report))
        parts.append(describe_report(report, errors_per_skill=self.errors_per_skill))
        text = printable("\n".join(parts).replace("±", "+-"))
        limit = self._max_length
        mark = "\n[cut]"
        return text if len(text) <= limit else text[: limit - len(mark)] + mark
