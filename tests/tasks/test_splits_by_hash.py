"""Splits by a hash of the prompt, the random streams of items, and the registry of tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError, UnknownNameError
from teachgym.tasks import TASKS, make_task
from teachgym.tasks.procedural import (
    Numbers,
    draw_distinct,
    draw_in_split,
    item_rng,
    many_numbers_of,
    numbers_of,
    pick,
    split_of,
)
from teachgym.types import Example, leaf_skills


def test_the_published_check_value_of_crc32_decides_the_split() -> None:
    """CRC-32 of '123456789' is 0xCBF43926 = 3421780262, whose last digit 2 means train."""
    assert crc32(b"123456789") == 0xCBF43926 == 3421780262
    assert split_of("123456789") == "train"


def test_a_tenth_of_the_prompts_is_val_and_a_tenth_is_test() -> None:
    """10,000 prompts: 1000 expected, standard deviation sqrt(10000 * .1 * .9) = 30."""
    splits = [split_of(f"prompt {i}") for i in range(10_000)]
    assert splits.count("val") == pytest.approx(1000, abs=120)
    assert splits.count("test") == pytest.approx(1000, abs=120)


@given(st.text())
def test_every_text_has_one_split_that_never_changes(prompt: str) -> None:
    assert split_of(prompt) == split_of(prompt) in ("train", "val", "test")


def test_items_have_streams_of_their_own() -> None:
    """Seed, split and each index count; equal ones give the same stream."""
    streams = [
        item_rng(seed, split, *index).integers(2**63)
        for seed in (0, 1)
        for split in ("train", "val", "test")
        for index in ((0,), (1,), (0, 1))
    ]
    assert len(set(streams)) == len(streams)
    assert item_rng(1, "val", 2).integers(2**63) == item_rng(1, "val", 2).integers(2**63)


@pytest.mark.parametrize(
    "name", ["arithmetic-and-strings", "broken-queries", "tool-plans", "word-problems"]
)
def test_equal_settings_are_one_task_and_others_another(name: str) -> None:
    small = {"val_per_cell": 1, "test_per_cell": 1}
    task = make_task(name, **small, seed=3)
    assert make_task(name, seed=3, **small) is task
    assert make_task(name, seed=4, **small) is not task
    again = TASKS.make(name, settings={**small, "seed": 3})
    assert again is not task
    assert again.examples("val") == task.examples("val")


def test_settings_without_json_are_refused_as_others_are() -> None:
    with pytest.raises(ConfigError, match="seed is"):
        make_task("word-problems", seed=object())


def test_draws_go_on_until_the_split_fits() -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        example = draw_in_split(lambda: Example(f"{rng.integers(1000)}", "", "a"), split)
        assert split_of(example.prompt) == split


def test_a_question_that_never_lands_in_the_split_is_an_error() -> None:
    assert split_of("only") == "train"
    with pytest.raises(ConfigError, match=r"'only' gave none for val"):
        draw_in_split(lambda: Example("only", "", "a"), "val")


def test_prompts_that_run_out_are_an_error_that_says_how_many_there_were() -> None:
    rng = np.random.default_rng(0)
    in_val = sum(split_of(f"{i}") == "val" for i in range(100))
    with pytest.raises(ConfigError, match=rf"only {in_val} different .* for val, 50 are needed"):
        draw_distinct(lambda: Example(f"{rng.integers(100)}", "", "a"), "val", 50)


def test_taken_prompts_are_not_drawn_again() -> None:
    rng = np.random.default_rng(0)
    first = draw_distinct(lambda: Example(f"{rng.integers(1000)}", "", "a"), "val", 40)
    taken = {e.prompt for e in first}
    second = draw_distinct(
        lambda: Example(f"{rng.integers(1000)}", "", "a"), "val", 40, taken=taken
    )
    assert len({e.prompt for e in (*first, *second)}) == 80


@pytest.mark.parametrize("seed", range(3))
def test_no_prompt_is_twice_in_a_split_although_levels_share_lengths(seed: int) -> None:
    task = make_task("arithmetic-and-strings", seed=seed, train_per_cell=100)
    for split in ("train", "val", "test"):
        prompts = [e.prompt for e in task.examples(split)]
        assert len(set(prompts)) == len(prompts)


def test_every_option_is_picked_about_equally_often() -> None:
    """300 picks of 3: 100 expected, standard deviation sqrt(300 * 1/3 * 2/3) = 8.2."""
    rng = np.random.default_rng(0)
    picked = [pick("abc", rng) for _ in range(300)]
    assert all(picked.count(option) == pytest.approx(100, abs=33) for option in "abc")


# -- the registry ----------------------------------------------------------------------------


def test_tasks_are_made_by_name_with_their_settings() -> None:
    task = make_task("arithmetic-and-strings", seed=5, val_per_cell=1)
    assert task.name == "arithmetic-and-strings-v0"
    assert len(task.examples("val")) == len(leaf_skills(task.skills)) * len(task.levels)


def test_a_wrong_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'arithmetic-and-strings'"):
        make_task("arithmetic-and-string")


@pytest.mark.parametrize("name", TASKS)
def test_a_wrong_setting_is_a_configuration_error(name: str) -> None:
    with pytest.raises(ConfigError, match="no_such_setting"):
        make_task(name, no_such_setting=1)


@pytest.mark.parametrize("numbers", [numbers_of, many_numbers_of])
def test_numbers_are_uniform_below_their_bound(numbers: Callable[..., Numbers]) -> None:
    """Each of five comes up in 2000 +- 40 of 10 000; four and a half deviations allowed."""
    draw = numbers(np.random.default_rng(0))
    found = Counter(n for size in (1, 7, 2000, 7992) for n in draw(5, size))
    assert found.total() == 10_000
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert all(count == pytest.approx(2000, abs=4.5 * 40) for count in found.values())
    same, again = (numbers(np.random.default_rng(1)) for _ in range(2))
    assert [same(10, n) for n in (3, 1, 5)] == [again(10, n) for n in (3, 1, 5)]
