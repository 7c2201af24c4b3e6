"""The state as text for language models as teachers, and for people."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym

from teachgym.envs.base import base_of
from teachgym.forest import Forest
from teachgym.forest.moves import describe
from teachgym.language.excerpts import Shown, choose, cut_middle
from teachgym.snapshot import Snapshot
from teachgym.types import Budget, Cost, Order, Report, Score

_CHARSET = string.printable
_CUT = "\n[cut]"
_MOST_STEPS = 50
"""Steps that are remembered at most."""
_LINE, _DETAIL, _HINT = 200, 40, 20
"""Tokens of a step's line, of why something was rejected, and of what an order asks for."""


def printable(text: str) -> str:
    r"""``text`` in printable ASCII; everything else as a Python escape.

    Example:
        >>> printable("naïve")
        'na\\xefve'
    """
    return "".join(c if c in _CHARSET else c.encode("unicode_escape").decode() for c in text)


def describe_report(report: Report) -> str:
    """Tables of scores by skill and by level."""
    scores = report.by_skill()
    width = max(len(skill) for skill in scores)
    lines = [f"accuracy {_score(report.overall)} on {report.split}", "", "by skill:"]
    lines += [f"  {skill:<{width}}  {_score(score)}" for skill, score in scores.items()]
    if len(levels := report.by_level()) > 1:
        lines += ["", "by difficulty:"]
        lines += [f"  {level:<{width}}  {_score(score)}" for level, score in levels.items()]
    if figures := report.figures:
        lines += ["", "besides accuracy:"]
        lines += [f"  {name}  {_score(score)}" for name, score in figures.items()]
    return "\n".join(lines)


def describe_errors(errors: Iterable[Shown], length: int) -> str:
    """A line for each error, as many as fit into ``length`` characters; empty if none fits."""
    lines = ["", "errors (prompt -> answer, should be):"]
    lines += [f"  [{e.skill}] {e.prompt!r} -> {e.response!r}, {e.target!r}" for e in errors]
    lines = [printable(line) for line in lines]
    while lines and len("\n".join(lines)) > length:
        lines.pop()
    return "\n".join(lines) if len(lines) > 2 else ""


def describe_past(past: Sequence[str], length: int) -> str:
    """The last steps, as many as fit into ``length`` characters; empty if none fits."""
    lines: list[str] = []
    for line in reversed(past):
        length -= len(line) + 3
        if length < 0:
            break
        lines.insert(0, f"  {line}")
    return "\n".join(["", "what you did, and what came of it:", *lines]) if lines else ""


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
    """The remaining amount of each limited currency."""
    left = budget.remaining(spent)
    parts = [f"{c} {left[c]:g}" for c in left if getattr(budget, c) is not None]
    return "budget left: " + (", ".join(parts) or "unlimited")


def _score(score: Score | None) -> str:
    if score is None or score.n == 0:
        return "not measured"
    return f"{score.mean:.3f} ± {score.stderr:.3f} (n={score.n})"


def describe_step(step: int, before: Score, reward: float, info: Mapping[str, Any]) -> str:
    """A step on one line: what was done, its outcome, and what was rejected and why."""
    after = Score(info["metrics"]["n"], info["metrics"]["accuracy"], info["metrics"]["stderr"])
    facts = [
        f"step {step}: {_action(info)}",
        f"accuracy {_score(before)} to {_score(after)}",
        f"reward {reward:+z.4f}",
    ]
    reasons = Counter(verdict.reason for verdict in info["rejected"])
    details = {v.reason: v.detail for v in reversed(info["rejected"])}
    facts += [
        f"rejected {n} ({reason}: {cut_middle(details[reason], _DETAIL)})"
        for reason, n in reasons.items()
    ]
    return cut_middle(printable("; ".join(facts).replace("±", "+-").replace("\n", " ")), _LINE)


def _action(info: Mapping[str, Any]) -> str:
    """The action that was carried out: moves, orders or examples."""
    if "moves" in info:
        words = [f"{move.skill}: {describe(move)}" for move in info["moves"]]
        return "; ".join(words) or "no moves"
    if "plan" in info:
        words = [_order(order) for order in info["plan"].orders]
    else:
        taught = Counter(example.skill for example in info["data"])
        words = [f"{count} {skill}" for skill, count in taught.items()]
    return "taught " + (", ".join(words) or "nothing")


def _order(order: Order) -> str:
    level = "" if order.difficulty is None else f" at {order.difficulty:g}"
    hint = f" ({cut_middle(order.hint, _HINT)})" if order.hint else ""
    return f"{order.count} {order.skill}{level}{hint}"


class TextObservation(gym.Wrapper[Any, Any, Any, Any]):
    """Observation wrapper: the state as printable ASCII text.

    What is left of the budget, scores by skill, the forest (in Skill-Tree), the teacher's last
    steps with their gains and rejections (a quarter of the text at most), and errors of the
    student, for which skills take turns. Which errors they are is drawn by the episode's seed and
    step. The text has at most ``tokens`` tokens of four characters, and where even scores are too
    long for it, the cut is marked.

    Args:
        env: an environment that shows reports.
        tokens: the longest text, >= 1.
        errors_per_skill: the most errors of a skill, on average over skills.
    """

    def __init__(
        self, env: gym.Env[Any, Any], *, tokens: int = 4_000, errors_per_skill: int = 2
    ) -> None:
        super().__init__(env)
        self._base = base_of(env)
        self.errors_per_skill = errors_per_skill
        self._length = 4 * tokens
        self._past: tuple[str, ...] = ()
        self.observation_space = gym.spaces.Text(self._length, min_length=1, charset=_CHARSET)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """The first text."""
        _, info = self.env.reset(seed=seed, options=options)
        self._past = ()
        return self.text(), info

    def step(self, action: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """The text after the step."""
        before = self._base.state.report.overall
        _, reward, terminated, truncated, info = self.env.step(action)
        line = describe_step(self._base.state.step, before, float(reward), info)
        self._past = (*self._past, line)[-_MOST_STEPS:]
        return self.text(), float(reward), terminated, truncated, info

    def text(self) -> str:
        """The text of the current state."""
        base, report = self._base, self._base.state.report
        parts = [f"step {base.state.step}", describe_budget(base.rules.budget, base.spent)]
        if self.env.has_wrapper_attr("forest"):
            parts.append(describe_forest(self.env.get_wrapper_attr("forest"), report))
        parts.append(describe_report(report))
        parts = [printable("\n".join(parts).replace("±", "+-"))]
        parts.append(describe_past(self._past, self._length // 4))
        left = self._length - sum(len(part) + 1 for part in parts)
        parts.append(describe_errors(self._errors(left), left))
        text = "\n".join(filter(None, parts))
        return text if len(text) <= self._length else text[: self._length - len(_CUT)] + _CUT

    def _errors(self, length: int) -> tuple[Shown, ...]:
        base, tokens = self._base, max(length // 4, 0)
        most = self.errors_per_skill * len(base.skills)
        return choose(base.state.report.errors, base.skills, tokens, base.rng("text"), most=most)

    def snapshot(self) -> Snapshot:
        """The whole environment, the last steps included."""
        snapshot: Snapshot = self.env.get_wrapper_attr("snapshot")()
        return replace(snapshot, past=self._past)

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a snapshot of this environment."""
        self.env.get_wrapper_attr("restore")(snapshot)
        self._past = snapshot.past
