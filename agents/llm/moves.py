"""From a chat model's answer about a root to a legal move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from teachgym.agents.llm.replies import TreeAnswer
from teachgym.apportion import scale_down
from teachgym.forest.forest import Forest
from teachgym.protocols import Meter
from teachgym.types import Exploit, Explore, Incident, Move


def move_of(answer: TreeAnswer, forest: Forest, root: str, meter: Meter) -> Move | None:
    """The move that ``answer`` asks for; None if it asks for nothing that can be done.

    Names that do not exist are left out and counted in ``meter`` as ``unknown-skill``.
    """
    known = forest.known(root)
    if answer.action == "explore":
        count = min(answer.new_subskills, forest.max_subskills - len(known))
        skills = _existing([answer.skill or root], (root, *known), meter)
        if not skills or count < 1:
            return None
        return Explore(skills[0], count, answer.examples_for_new, answer.reasoning)
    shares = {share.subskill: share.examples for share in answer.allocation}
    named = {name: shares[name] for name in _existing(shares, known, meter)}
    if not named:
        return None
    return Exploit(root, {**dict.fromkeys(known, 0), **named}, answer.reasoning)


def fit_moves(moves: Sequence[Move], limit: int, *, most: int | None = None) -> tuple[Move, ...]:
    """The moves with what they ask for cut to ``most`` examples for a subskill, then scaled down.

    In all they ask for ``limit`` examples at most, for parts of one where that is the share: the
    environment rounds. LeaderboardRow allocations of roots that do not
    exploit are not theirs to change: where those and the moves together are more than a step
    holds, the environment scales down all of it.
    """
    asked = [n if most is None else min(n, most) for move in moves for n in _asked(move)]
    counts = iter(scale_down(asked, limit).tolist())
    return tuple(_with(move, [next(counts) for _ in _asked(move)]) for move in moves)


def _existing(names: Iterable[str], existing: Collection[str], meter: Meter) -> list[str]:
    """Those of ``names`` that exist; the others are counted."""
    names = list(names)
    for name in names:
        if name not in existing:
            meter.note(Incident("unknown-skill", repr(name)))
    return [name for name in names if name in existing]


def _asked(move: Move) -> list[float]:
    """Examples per subskill, new or known."""
    if isinstance(move, Explore):
        return [move.examples] * move.subskills
    return [*move.allocation.values()]


def _with(move: Move, counts: Sequence[float]) -> Move:
    if isinstance(move, Explore):
        return replace(move, examples=min(counts))
    return replace(move, allocation=dict(zip(move.allocation, counts, strict=True)))
