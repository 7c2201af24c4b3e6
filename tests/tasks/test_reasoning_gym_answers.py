"""Answers of puzzles that come without one, against puzzles solved by hand."""

from __future__ import annotations

import json

import pytest

from teachgym.tasks.reasoning_gym_answers import plan_boxnet, solve_rush_hour, undo_scramble

EMPTY = "o" * 6


def test_a_free_car_slides_straight_to_the_exit() -> None:
    assert solve_rush_hour(EMPTY * 2 + "AAoooo" + EMPTY * 3) == "A+4"


def test_a_car_in_the_way_moves_first_and_only_as_far_as_it_can() -> None:
    """B covers rows 2 and 3 of column 4. A wall is above it, so it must go down, by one or two.

    Breadth first, the shorter slide comes first, and then A is free: two slides.
    """
    board = EMPTY + "ooooxo" + "AAooBo" + "ooooBo" + EMPTY * 2
    assert solve_rush_hour(board) == "B+1 A+4"


def test_cars_slide_left_and_up_too() -> None:
    """C covers (3, 4) to (3, 5) below B, which covers (1, 4) and (2, 4).

    Up is the way for B, by one.
    """
    board = EMPTY + "ooooBo" + "AAooBo" + "ooooCC" + EMPTY * 2
    assert solve_rush_hour(board) == "B-1 A+4"


def test_cars_are_named_as_the_prompt_names_them() -> None:
    """Without gaps: the car D of the board is the second in the alphabet, so it is B."""
    assert solve_rush_hour(EMPTY + "ooooxo" + "AAooDo" + "ooooDo" + EMPTY * 2) == "B+1 A+4"


def test_a_board_without_a_way_out_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot reach the exit"):
        solve_rush_hour(EMPTY * 2 + "AAoxoo" + EMPTY * 3)


def test_boxes_go_straight_to_targets_of_their_colour_one_after_the_other() -> None:
    """Red has to go one square down and one to the left; blue is there already."""
    squares = {
        "0.5_0.5": ["box_blue", "target_blue"],
        "0.5_1.5": ["box_red"],
        "1.5_0.5": ["target_red"],
        "1.5_1.5": [],
    }
    assert json.loads(plan_boxnet(squares)) == [
        {"Agent[0.5, 0.5]": "move(box_blue, target_blue)"},
        {"Agent[0.5, 1.5]": "move(box_red, square[1.5, 1.5])"},
        {"Agent[1.5, 1.5]": "move(box_red, square[1.5, 0.5])"},
        {"Agent[1.5, 0.5]": "move(box_red, target_red)"},
    ]


def test_boxes_of_one_colour_each_have_a_target_of_their_own() -> None:
    squares = {"0.5_0.5": ["box_red", "box_red"], "0.5_1.5": ["target_red", "target_red"]}
    away, home = (
        {"Agent[0.5, 0.5]": "move(box_red, square[0.5, 1.5])"},
        {"Agent[0.5, 1.5]": "move(box_red, target_red)"},
    )
    assert json.loads(plan_boxnet(squares)) == [away, home, away, home]


@pytest.mark.parametrize(
    ("moves", "undone"),
    [
        ("", ""),
        ("R", "R'"),
        ("R U' F", "F' U R'"),
        ("Rw 1Uw'", "U Rw'"),
        ("2B", "B Bw'"),
        ("2B'", "B' Bw"),
    ],
)
def test_a_scramble_is_undone_backwards_without_digits(moves: str, undone: str) -> None:
    """2B is both layers less the first, ``Bw B'``; undone, ``B Bw'``."""
    assert undo_scramble(moves) == undone
