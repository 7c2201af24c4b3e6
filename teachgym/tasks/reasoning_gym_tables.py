"""Particularities of single datasets of reasoning-gym, as found in its version 0.1.25."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

EXCLUDED: Mapping[str, str] = {"composite": "it mixes other datasets; name those"}
"""Datasets that cannot be a task, and why."""

_RUNS_CODE = "its grader runs the response as Python code"
_LENIENT = "its grader gives full marks to some wrong answers"
_UNREVIEWED = (
    "its items are made by running unreviewed code, which may write files and need not give the "
    "same item again"
)

FLAWED: Mapping[str, str] = {
    "binary_matrix": _RUNS_CODE,
    "codeio": _UNREVIEWED,
    "coin_flip": _LENIENT,
    "complex_arithmetic": _LENIENT,
    "countdown": _RUNS_CODE,
    "game_of_life_halting": _LENIENT,
    "intermediate_integration": _RUNS_CODE,
    "n_queens": _RUNS_CODE,
    "polynomial_multiplication": _RUNS_CODE,
    "puzzle24": _RUNS_CODE,
    "simple_integration": _RUNS_CODE,
    "spiral_matrix": _RUNS_CODE,
    "string_insertion": _RUNS_CODE,
}
"""Datasets that can be a task for those who accept a flaw, and the flaw."""

FIRST_LEVELS: Mapping[str, int] = {
    "chain_sum": 1,
    "coin_flip": 12,
    "jugs": 1,
    "leg_counting": 1,
    "n_queens": 2,
    "products": 1,
    "propositional_logic": 1,
    "tower_of_hanoi": 3,
}
"""Global levels of the curriculum to start from where easier ones have 4 to 300 prompts in all."""

LAST_LEVELS: Mapping[str, int] = {
    "game_of_life_halting": 1,
    "intermediate_integration": 1,
    "jugs": 1,
    "number_sequence": 0,
    "rubiks_cube": 2,
}
"""Global levels to end with where higher ones are no good.

Single items of ``jugs`` and ``number_sequence`` can take minutes, or for ever; the prompts of
``game_of_life_halting`` leave out most of the board; those of ``intermediate_integration`` are 162
in all; the grader of ``rubiks_cube`` cannot read the moves that cubes of size six need.
"""

SETTINGS: Mapping[str, Mapping[str, int]] = {"sokoban": {"max_boxes": 4}}
"""Settings other than the package's: with ten boxes, its default, an item takes minutes."""


class _SortedSet(frozenset[str]):
    """A set that is always walked through in alphabetical order."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__()))

    def __sub__(self, other: AbstractSet[object]) -> _SortedSet:
        return _SortedSet(super().__sub__(other))


def _sort_letters(dataset: Any) -> None:
    dataset.letters = _SortedSet(dataset.letters)


def _sort_monomials(dataset: Any) -> None:
    unsorted = dataset._get_monomials
    dataset._get_monomials = lambda rng: sorted(unsorted(rng), key=str)


def _sort_neighbours(dataset: Any) -> None:
    dataset.word_graphs = {
        length: {word: sorted(neighbours) for word, neighbours in graph.items()}
        for length, graph in dataset.word_graphs.items()
    }


REPAIRS: Mapping[str, Callable[[Any], None]] = {
    "isomorphic_strings": _sort_letters,
    "polynomial_multiplication": _sort_monomials,
    "ransom_note": _sort_letters,
    "word_ladder": _sort_neighbours,
}
"""Changes to datasets that choose from unsorted sets: else Python's hash seed changes items."""
