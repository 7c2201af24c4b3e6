"""Splits of a data set: balanced, disjoint by text, and a function of the seed alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.tasks.problem_splits import Problem, ProblemSplits
from tests.tasks.dividing import Dividing


def problems(split: str, cells: dict[str | None, int]) -> list[Problem]:
    return [
        Problem(f"{split}/{cell}/{i}", f"{split} problem {i} of {cell}", "", "skill", cell)
        for cell, count in cells.items()
        for i in range(count)
    ]


TRAIN, TEST = problems("train", {"a": 20, "b": 20, "c": 3, None: 5}), problems("test", {"a": 9})


def split(**settings: Any) -> ProblemSplits:
    return Dividing(**settings).of(TRAIN, TEST)


def ids(problems: tuple[Problem, ...]) -> set[str]:
    return {p.id for p in problems}


def test_val_has_as_many_items_of_each_cell_or_all_there_are_and_train_has_the_rest() -> None:
    """4 of the 20 in a and in b, the 3 in c, and none without a cell: 48 - 11 = 37 are left."""
    splits = split()
    assert Counter(p.cell for p in splits.val) == {"a": 4, "b": 4, "c": 3}
    assert len(splits.train) == 37
    assert ids(splits.train) | ids(splits.val) == {p.id for p in TRAIN}
    assert splits.test == tuple(TEST)
    assert splits.dropped == 0


def test_equal_seeds_give_equal_splits_and_another_seed_another_val() -> None:
    assert split(seed=1) == split(seed=1)
    assert split(seed=1).val != split(seed=2).val


def test_the_order_is_that_of_the_data_set() -> None:
    place = {p.id: i for i, p in enumerate((*TRAIN, *TEST))}
    for part in (split().train, split().val, split(limit=5).train, split(limit=5).test):
        places = [place[p.id] for p in part]
        assert places == sorted(places)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 5))
def test_a_smaller_val_or_limit_is_part_of_a_larger_one(one: int, other: int, seed: int) -> None:
    less, more = sorted((one, other))
    small, large = split(val_per_cell=less, seed=seed), split(val_per_cell=more, seed=seed)
    assert ids(small.val) <= ids(large.val)
    small, large = split(limit=less, seed=seed), split(limit=more, seed=seed)
    for name in ("train", "val", "test"):
        assert ids(getattr(small, name)) <= ids(getattr(large, name))
        assert len(getattr(small, name)) <= less


def test_test_can_have_a_limit_of_its_own() -> None:
    assert len(split(limit=2, test_limit=5).test) == 5
    assert len(split(test_limit=5).train) == 37


def test_shots_are_taken_out_of_train_and_do_not_change_val() -> None:
    splits = split(shots=3)
    assert len(splits.shots) == 3
    assert not ids(splits.shots) & ids(splits.train)
    assert len(splits.train) == 34
    assert splits.val == split().val


def test_a_problem_of_train_that_is_one_of_test_is_dropped_and_counted() -> None:
    """Spaces, capitals and full-width figures make no difference."""
    copies = [
        replace(TRAIN[0], id="x", text="TEST  problem 1\nof a "),
        replace(TRAIN[0], id="y", text="test problem １ of a"),  # noqa: RUF001
    ]
    splits = Dividing().of([*TRAIN, *copies], TEST)
    assert splits.dropped == 2
    assert not {"x", "y"} & (ids(splits.train) | ids(splits.val))


def test_a_problem_of_train_that_is_one_of_val_is_dropped_and_counted() -> None:
    """Each text is there twice, so at least one of each pair is not in train while one is in val.

    40 pairs in one cell, 8 drawn: if they come from k pairs, 2k - 8 are dropped, 4 <= k <= 8.
    """
    once = problems("train", {"a": 40})
    twice = [*once, *(replace(p, id=f"{p.id}'") for p in once)]
    splits = Dividing(val_per_cell=8).of(twice, TEST)
    pairs = {p.text for p in splits.val}
    assert splits.dropped == 2 * len(pairs) - 8
    assert not pairs & {p.text for p in splits.train}
    assert len(splits.train) == 80 - 2 * len(pairs)


def questions(pictures: int, *, offset: int = 0) -> list[Problem]:
    """Three questions about each picture, of the skills a, a and b."""
    return [
        Problem(f"{n}/{i}", f"question {i}", "", "skill", "aab"[i], images=(f"{n}.png",))
        for n in range(offset, offset + pictures)
        for i in range(3)
    ]


@given(st.integers(1, 6), st.integers(0, 20), st.integers(1, 9))
def test_all_questions_about_a_picture_are_in_one_split(val: int, seed: int, limit: int) -> None:
    """Val has as many of each skill as asked for, of as few pictures as that takes.

    The 20 pictures of train are 19 without the one of test. For 1 to 6 of b as many pictures are
    needed, and they have all that is wanted of a. The rest of their three questions are dropped,
    with the three about the one of test: 3 + 3 val - 2 val.
    """
    given, test = questions(20), questions(3, offset=19)
    splits = Dividing(val_per_cell=val, seed=seed).of(given, test)
    assert Counter(p.cell for p in splits.val) == {"a": val, "b": val}
    shown = [{p.images for p in part} for part in (splits.train, splits.val, splits.test)]
    assert [len(pictures) for pictures in shown] == [19 - val, val, 3]
    assert len(set.union(*shown)) == sum(map(len, shown))
    assert splits.dropped == 3 + val
    small = Dividing(val_per_cell=val, seed=seed, limit=limit).of(given, test)
    assert ids(small.val) <= ids(splits.val)
    assert len(small.train) == min(limit, len(splits.train))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val_per_cell": 0}, "val_per_cell is 0; it must be 1 or more"),
        ({"limit": 0}, "limit is 0"),
        ({"test_limit": -1}, "test_limit is -1"),
        ({"shots": -1}, "shots is -1; it must be 0 or more"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
        ({"shots": 37}, "train is empty.*11 go to val and 37 are shots"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split(**settings)


def test_a_val_that_takes_everything_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"train is empty.*lower val_per_cell"):
        Dividing(val_per_cell=10).of(problems("train", {"a": 3}), TEST)
    with pytest.raises(ConfigError, match="val is empty"):
        Dividing(val_per_cell=10).of(problems("train", {None: 3}), TEST)


def test_the_name_says_what_was_chosen() -> None:
    tasks = Dividing(), Dividing(val_per_cell=1, seed=3, shots=4, limit=50, test_limit=100)
    for task in tasks:
        task.of(TRAIN, TEST)
    assert [task.name for task in tasks] == [
        "toy-v0-val4-seed0",
        "toy-v0-val1-seed3-limit50-test100-shots4",
    ]
