"""Right answers for the datasets of reasoning-gym that give none.

Puzzles with many solutions come with a grader that checks a solution, but without one. Some keep
one in their metadata; the others are solved here.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SIDE = 6
_EXIT = 2 * _SIDE + 4
"""Left cell of the red car, ``A``, once it is out: third row, at the right edge."""


@dataclass(frozen=True, slots=True)
class _Car:
    name: str
    lane: range
    """The range of its first cell, whose step is the distance of two neighbouring cells."""
    shape: int
    """Bit i is set if it covers the cell i after its first."""


def solve_rush_hour(board: str) -> str:
    """The fewest slides that bring car ``A`` to the exit, found breadth first.

    Args:
        board: the 36 cells, row by row: ``o`` empty, ``x`` a wall, a letter a car. Where it skips
            letters, the prompt and the answer do not: its cars are A, B, C and so on.

    Raises:
        ValueError: if there is no way.

    Example:
        >>> solve_rush_hour("ooBoooooBoooAABooooooooooooooooooooo")
        'B+3 A+4'
    """
    cells: dict[str, list[int]] = defaultdict(list)
    for i, letter in enumerate(board):
        cells[letter].append(i)
    walls = sum(1 << i for i in cells.pop("x", []))
    cells.pop("o", None)
    covered = [cells[letter] for letter in sorted(cells)]
    cars = [_car(chr(ord("A") + i), its_cells) for i, its_cells in enumerate(covered)]
    start = tuple(first for first, *_ in covered)
    frontier, seen = deque([(start, "")]), {start}
    while frontier:
        places, path = frontier.popleft()
        if places[0] == _EXIT:
            return path.strip()
        for slide, after in _slides(cars, places, walls):
            if after not in seen:
                seen.add(after)
                frontier.append((after, f"{path} {slide}"))
    raise ValueError(f"car A of {board!r} cannot reach the exit")


def _car(name: str, cells: Sequence[int]) -> _Car:
    first, stride, length = cells[0], cells[1] - cells[0], len(cells)
    begin = first // _SIDE * _SIDE if stride == 1 else first % _SIDE
    lane = range(begin, begin + (_SIDE - length) * stride + 1, stride)
    return _Car(name, lane, sum(1 << cell - first for cell in cells))


def _slides(
    cars: Sequence[_Car], places: tuple[int, ...], walls: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each possible slide of one car, e.g. ``B-2``, and the first cells of all cars after it."""
    taken = walls + sum(car.shape << place for car, place in zip(cars, places, strict=True))
    for i, (car, place) in enumerate(zip(cars, places, strict=True)):
        others = taken - (car.shape << place)
        for stride in (-car.lane.step, car.lane.step):
            to = place + stride
            while to in car.lane and not car.shape << to & others:
                steps = (to - place) // car.lane.step
                yield f"{car.name}{steps:+d}", (*places[:i], to, *places[i + 1 :])
                to += stride


def plan_boxnet(squares: Mapping[str, Sequence[str]]) -> str:
    """A plan in JSON that brings one box after the other to a target of its colour.

    Each box goes straight to its target, but one at a time: not the fewest steps.

    Args:
        squares: ``box_<colour>`` and ``target_<colour>`` by the centre of their square, ``x_y``.

    Example:
        >>> plan_boxnet({"0.5_0.5": ["box_red"], "0.5_1.5": ["target_red"]})  # doctest: +ELLIPSIS
        '[{"Agent[0.5, 0.5]": "move(box_red, square[0.5, 1.5])"}, ...move(box_red, target_red)"}]'
    """
    places: dict[str, list[list[float]]] = defaultdict(list)
    for centre, items in squares.items():
        for item in items:
            places[item].append([float(n) for n in centre.split("_")])
    plan = []
    for box in (item for item in places if item.startswith("box_")):
        target = box.replace("box", "target")
        for at, goal in zip(places[box], places[target], strict=True):
            for axis in (0, 1):
                while at[axis] != goal[axis]:
                    agent = f"Agent{at}"
                    at[axis] += 1 if at[axis] < goal[axis] else -1
                    plan.append({agent: f"move({box}, square{at})"})
            plan.append({f"Agent{at}": f"move({box}, {target})"})
    return json.dumps(plan)


def undo_scramble(moves: str) -> str:
    """The moves of a cube that undo ``moves``: the opposite ones, last first.

    The grader skips moves that start with a digit. So a wide turn of one layer, ``1Rw``, is
    written ``R``, and a turn of the second layer, ``2R``, as one of both less one of the first,
    ``Rw R'``. There is no way to write a turn of the third layer, of cubes of six or more.

    Example:
        >>> undo_scramble("R U' 1Fw 2L")
        "L Lw' F' U R'"
    """
    for digit, plain in ((r"1(.)w", r"\1"), (r"2(.)'", r"\1w' \1"), (r"2(.)", r"\1w \1'")):
        moves = re.sub(digit, plain, moves)
    opposite = (m.removesuffix("'") if m.endswith("'") else f"{m}'" for m in moves.split())
    return " ".join(reversed(list(opposite)))


STAND_INS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "boxnet": lambda metadata: plan_boxnet(metadata["initial_state"]),
    "graph_color": lambda metadata: json.dumps(metadata["possible_answer"]),
    "propositional_logic": lambda metadata: str(metadata["example_answer"]),
    "rubiks_cube": lambda metadata: undo_scramble(metadata["scramble_moves"]),
    "rush_hour": lambda metadata: solve_rush_hour(metadata["board_config"]),
}
"""By dataset, a right answer from the metadata of an item."""
