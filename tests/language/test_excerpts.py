"""What goes into a prompt: fair over skills, within its budget, long texts cut in the middle."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.chat.prices import estimate_tokens
from teachgym.language.excerpts import (
    CUT,
    LONGEST,
    SHORTEST,
    Shown,
    choose,
    cut,
    cut_middle,
    in_words,
)
from teachgym.types import Example, Prediction, Report, Score
from tests.agents.llm.classroom import LEAVES, make_report, questions

SIZES = st.lists(
    st.tuples(st.sampled_from("abc"), *[st.integers(0, 4000)] * 3, st.sampled_from([0.0, 1.0])),
    max_size=12,
)


def report_of(sizes: list[tuple[str, int, int, int, float]]) -> Report:
    """Predictions of the given skill, lengths of prompt, response and target, and score."""
    return Report(
        tuple(
            Prediction(Example("p" * p, "t" * t, skill), "r" * r, score)
            for skill, p, r, t, score in sizes
        ),
        "val",
    )


def tokens_of(error: Shown) -> int:
    return sum(map(estimate_tokens, (error.prompt, error.response, error.target)))


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    """10 tokens are 40 bytes; the mark takes 7, the beginning 16 and the end 17 of the rest."""
    text = "b" * 100 + "e" * 100
    assert cut_middle(text, 10) == "b" * 16 + CUT + "e" * 17
    assert cut_middle(text, 50) == text


@given(st.text(max_size=300), st.integers(0, 80))
def test_a_cut_text_fits_and_a_short_one_is_whole(text: str, tokens: int) -> None:
    short = cut_middle(text, tokens)
    assert estimate_tokens(short) <= tokens
    assert (short == text) == (estimate_tokens(text) <= tokens)


def test_short_texts_of_an_error_stay_whole_and_long_ones_share_what_is_left() -> None:
    """60 tokens: the target takes 1; prompt and response get 29 and then 30 of the other 59."""
    error = cut(Shown("a", "p" * 4000, "r" * 5000, "t"), 60)
    assert error.target == "t"
    assert [estimate_tokens(text) for text in (error.prompt, error.response)] == [29, 30]


@given(SIZES, st.integers(0, 5000), st.integers(0, 9))
def test_the_budget_is_never_exceeded_and_no_skill_has_two_before_each_has_one(
    sizes: list[tuple[str, int, int, int, float]], budget: int, seed: int
) -> None:
    report = report_of(sizes)
    shown = choose(report.errors, "abc", budget, np.random.default_rng(seed))
    assert sum(map(tokens_of, shown)) <= budget
    assert all(tokens_of(error) <= LONGEST for error in shown)
    counts = Counter(error.skill for error in shown)
    wrong = Counter(p.example.skill for p in report.errors)
    if any(counts[skill] > 1 for skill in wrong):
        assert all(counts[skill] for skill in wrong)
    if wrong and budget // len(wrong) >= SHORTEST:
        assert all(counts[skill] for skill in wrong)


def test_skills_get_equal_numbers_as_far_as_they_have_errors() -> None:
    """Errors of 3 tokens (one each text). A budget of 18 holds 6: b has one, a and c get more."""
    report = report_of([(s, 4, 4, 4, 0.0) for s in "a" * 5 + "b" + "c" * 5])
    shown = choose(report.errors, "abc", 18, np.random.default_rng(0))
    counts = Counter(error.skill for error in shown)
    assert counts["b"] == 1
    assert sorted((counts["a"], counts["c"])) == [2, 3]
    assert [error.skill for error in shown] == sorted(error.skill for error in shown)


def test_what_was_not_measured_and_what_is_right_is_no_error() -> None:
    report = report_of([("a", 4, 4, 4, math.nan), ("a", 4, 4, 4, 1.0), ("b", 4, 4, 4, 0.5)])
    shown = choose(report.errors, "abc", 1000, np.random.default_rng(0))
    assert [error.skill for error in shown] == ["b"]


def test_errors_of_other_skills_are_not_shown() -> None:
    report = make_report()
    shown = choose(report.errors, ["powers"], 1000, np.random.default_rng(0))
    assert {error.skill for error in shown} == {"powers"}
    assert len(shown) == 4


def test_equal_generators_choose_equally_and_others_differently() -> None:
    report = make_report()
    once, again, other = (
        choose(report.errors, LEAVES, 60, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert once == again != other


def test_examples_are_limited_in_number_and_take_turns_too() -> None:
    chosen = choose(questions("train"), LEAVES, 10_000, np.random.default_rng(0), most=4)
    counts = Counter(example.skill for example in chosen)
    assert sorted(counts.values()) == [1, 1, 2]


def test_few_examples_of_many_skills_are_not_cut_for_those_that_are_not_shown() -> None:
    """One example of 400 tokens fits 500; divided among ten skills it would be cut to 50."""
    train = [Example("p" * 1596, "t", f"skill {i}") for i in range(10)]
    names = [example.skill for example in train]
    (chosen,) = choose(train, names, 500, np.random.default_rng(0), most=1)
    assert chosen.prompt == "p" * 1596


def test_a_task_without_training_examples_shows_none() -> None:
    assert choose((), LEAVES, 1000, np.random.default_rng(0)) == ()


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (Score.nothing(), "not measured"),
        (Score(4, 0.5, 0.25), "50.0 % right (standard error 25.0, n = 4)"),
    ],
)
def test_a_score_is_shown_with_its_n_and_error_or_not_at_all(score: Score, words: str) -> None:
    assert in_words(score) == words
