"""Moves on the skill tree in words: explore for subskills, or exploit those that are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from teachgym.errors import unknown
from teachgym.forest.forest import Forest
from teachgym.language.form import Count, Form, Name, Reading, Text, with_names, write_items
from teachgym.shown import shown
from teachgym.types import Exploit, Explore, Move, Verdict


class Share(BaseModel):
    """Examples of a step for a known subskill."""

    subskill: Name
    examples: Count


Allocation = Annotated[list[Share], Field(max_length=100)]


class TreeAnswer(BaseModel):
    """Explore or exploit."""

    reasoning: Text
    """First, so that it is written before the decision."""
    action: Literal["explore", "exploit"]
    skill: Name = ""
    """Explore: under what, a root or a known subskill; exploit: the root. Where one root is asked
    about, empty = that root."""
    new_subskills: Count = 0
    """Explore: how many to look for."""
    examples_for_new: Count = 0
    """Explore: examples for each of them."""
    allocation: Allocation = []
    """Exploit."""


class ExploreCall(BaseModel):
    """Look for new subskills of a skill; the known ones keep their allocation."""

    skill: Name
    new_subskills: Count
    examples_for_new: Count


class ExploitCall(BaseModel):
    """Set how many examples each known subskill of a root gets in every step from now on."""

    skill: Name
    allocation: Allocation


@dataclass(frozen=True, kw_only=True)
class MovesForm(Form[tuple[Move, ...], TreeAnswer]):
    """Moves: each item, and each call of ``explore`` or ``exploit``, is one.

    ``skills`` are the roots.
    """

    name: ClassVar[str] = "moves"

    forest: Forest | None = None
    """The known forest; None = unknown, and moves are taken as they are: the environment rejects
    those that cannot be made."""

    @property
    def item(self) -> type[TreeAnswer]:
        """``TreeAnswer``, of the skills that exist where the forest is known."""
        return TreeAnswer if self.forest is None else self._named(TreeAnswer, self.forest.names)

    @property
    def calls(self) -> Mapping[str, type[BaseModel]]:
        """``explore`` and ``exploit``."""
        if self.forest is None:
            return {"explore": ExploreCall, "exploit": ExploitCall}
        return {
            "explore": self._named(ExploreCall, self.forest.names),
            "exploit": self._named(ExploitCall, list(self.forest.trees)),
        }

    def item_of_call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with the kind of the move."""
        return {"reasoning": "", **arguments, "action": name}

    def read(self, items: Sequence[TreeAnswer]) -> Reading[tuple[Move, ...]]:
        """The moves that can be made, in order."""
        moves: list[Move] = []
        rejected: list[Verdict] = []
        for item in items:
            move, verdicts = self._read(item)
            moves += [] if move is None else [move]
            rejected += verdicts
        return Reading(tuple(moves), tuple(rejected))

    def _read(self, item: TreeAnswer) -> tuple[Move | None, tuple[Verdict, ...]]:
        if self.forest is None:
            return _as_it_is(item), ()
        if item.skill not in self.forest.names:
            return None, (_verdict(item, unknown("skill", item.skill, self.forest.names)),)
        move, verdicts = move_of(item, self.forest, self.forest.root_of(item.skill))
        if move is None and not verdicts:
            verdicts = (_verdict(item, "it asks for nothing that can be done"),)
        return move, verdicts

    @staticmethod
    def _named(base: Any, names: Sequence[str]) -> Any:
        return with_names(base, "skill", names)


def move_of(
    answer: TreeAnswer, forest: Forest, root: str
) -> tuple[Move | None, tuple[Verdict, ...]]:
    """The move of ``answer`` under ``root``, and verdicts on unknown names.

    None if it asks for nothing that can be done. Who is not named gets nothing; no more subskills
    are asked for than there is room for.
    """
    known = forest.known(root)
    if answer.action == "explore":
        count = min(answer.new_subskills, forest.max_subskills - len(known))
        skills, rejected = _existing(answer, [answer.skill or root], (root, *known))
        if not skills or count < 1:
            return None, rejected
        return Explore(skills[0], count, answer.examples_for_new, answer.reasoning), rejected
    shares = {share.subskill: share.examples for share in answer.allocation}
    names, rejected = _existing(answer, shares, known)
    if not names:
        return None, rejected
    allocation = {**dict.fromkeys(known, 0), **{name: shares[name] for name in names}}
    return Exploit(root, allocation, answer.reasoning), rejected


def _as_it_is(answer: TreeAnswer) -> Move:
    if answer.action == "explore":
        return Explore(
            answer.skill, answer.new_subskills, answer.examples_for_new, answer.reasoning
        )
    shares = {share.subskill: share.examples for share in answer.allocation}
    return Exploit(answer.skill, shares, answer.reasoning)


def _existing(
    answer: TreeAnswer, names: Iterable[str], existing: Collection[str]
) -> tuple[list[str], tuple[Verdict, ...]]:
    """Those of ``names`` that exist, and verdicts on the others."""
    names = list(names)
    missing = [name for name in names if name not in existing]
    rejected = (_verdict(answer, unknown("skill", name, existing)) for name in missing)
    return [name for name in names if name in existing], tuple(rejected)


def _verdict(answer: TreeAnswer, detail: str) -> Verdict:
    return Verdict(None, "move", detail, shown(answer.model_dump()))


def write_moves(moves: Sequence[Move]) -> str:
    """The reply for given moves; fractions of examples are rounded.

    Example:
        >>> write_moves([Explore("algebra", 2, 10, "new")])[:54]
        '{"items": [{"reasoning": "new", "action": "explore", "'
    """
    return write_items(
        {"reasoning": move.reason, "action": type(move).__name__.lower(), "skill": move.skill}
        | (
            {"new_subskills": move.subskills, "examples_for_new": round(move.examples)}
            if isinstance(move, Explore)
            else {
                "allocation": [
                    {"subskill": name, "examples": round(count)}
                    for name, count in move.allocation.items()
                ]
            }
        )
        for move in moves
    )
