"""Orders become examples; what is wrong with a reply costs as little as possible."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.chat.prices import estimate_tokens
from teachgym.engines.writer import WriterSettings, in_words, newest
from teachgym.errors import ChatError, ConfigError, UnknownSkillError
from teachgym.types import Budget, Order, Provenance
from tests.engines.writing import Desk, WorkedTask, items, reverse, wanted, worked

WORDS = ["".join(letters) for letters in itertools.product("qxz", repeat=5)]
"""Words of five letters; the longest in the task have four."""


def in_turn(text: str, n: int) -> str:
    """As many new problems as are wanted; ten words are set aside for each call."""
    return items(*map(reverse, WORDS[10 * n :][: wanted(text)]))


# -- orders to examples ----------------------------------------------------------------------


def test_an_example_says_who_wrote_it_for_what_and_from_what() -> None:
    desk = Desk(in_turn)
    order = Order("reverse", 1, 1.0, hint="swaps", seeds=("train/63",), subskill="ends")
    (example,) = desk.write(order, shots=1)
    assert (example.prompt, example.target) == ("reverse: qqqqq", "qqqqq")
    assert (example.skill, example.difficulty, example.source) == ("reverse", 1.0, "teacher")
    assert example.provenance == Provenance(
        seeds=("train/63",), teacher="llm", hint="swaps", subskill="ends"
    )
    assert not desk.incidents


def test_a_long_order_takes_the_fewest_calls_and_a_call_asks_for_what_is_missing() -> None:
    """25 at 10 a call are 10 + 10 + 5."""
    desk = Desk(in_turn)
    assert len(desk.write(Order("reverse", 25))) == 25
    assert [wanted(text) for text in desk.prompts] == [10, 10, 5]


def test_a_skill_with_leaves_is_divided_among_them() -> None:
    """4 over copy and reverse is 2 + 2; each leaf has its own call."""
    desk = Desk(in_turn)
    assert [e.skill for e in desk.write(Order("words", 4))] == 2 * ["copy"] + 2 * ["reverse"]
    assert "for this skill: copy" in desk.prompts[0]
    assert "Say the word." in desk.prompts[0]
    assert "for this skill: reverse" in desk.prompts[1]


def test_a_subskill_is_not_divided_and_its_examples_carry_the_first_leaf() -> None:
    desk = Desk(in_turn)
    data = desk.write(Order("words", 3, subskill="palindromes"))
    assert [e.skill for e in data] == ["copy"] * 3
    assert len(desk.prompts) == 1
    assert "for this skill: words" in desk.prompts[0]
    assert "palindromes" in desk.prompts[0]


def test_nothing_is_asked_for_orders_of_nothing() -> None:
    desk = Desk(in_turn)
    assert desk.write() == desk.write(Order("reverse", 0)) == ()
    assert not desk.asked


def test_an_order_for_an_unknown_skill_is_refused_before_anything_is_paid() -> None:
    desk = Desk(in_turn)
    for subskill in ("", "ends"):
        with pytest.raises(UnknownSkillError, match="Did you mean 'reverse'"):
            desk.write(Order("copy", 1), Order("revers", 1, subskill=subskill))
    assert not desk.asked


def test_more_items_than_were_asked_for_are_left() -> None:
    desk = Desk(lambda text, n: items(*map(reverse, WORDS[:7])))
    assert len(desk.write(Order("reverse", 3))) == 3
    assert not desk.incidents


def test_data_depends_on_the_generator_and_on_nothing_that_is_timed() -> None:
    def answer(text: str, n: int) -> str:
        start = 10 * (sum(text.encode()) % 20)
        return items(*map(reverse, WORDS[start:][: wanted(text) - 1]))

    orders = (Order("words", 9), Order("reverse", 4), Order("copy", 12))
    alone, again = (Desk(answer).write(*orders) for _ in range(2))
    together = Desk(answer, workers=8).write(*orders)
    other = Desk(answer).write(*orders, seed=1)
    assert alone == again == together != other


def test_equal_seeds_draw_equal_answers_and_other_seeds_others() -> None:
    draws = []
    for seed in (0, 0, 1):
        desk = Desk(in_turn)
        desk.write(Order("reverse", 25), Order("copy", 5), seed=seed)
        draws.append(sorted(desk.draws))
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 4  # every call of a step has its own


# -- what is missing is asked for again --------------------------------------------------------


def test_a_refill_shows_what_exists_and_asks_for_the_rest() -> None:
    replies = [items(reverse("abcde")), items(reverse("fghij"), reverse("klmno"))]
    desk = Desk(lambda text, n: replies[n])
    data = desk.write(Order("reverse", 3))
    assert [e.target for e in data] == ["edcba", "jihgf", "onmlk"]
    assert "reverse: abcde" not in desk.prompts[0]
    assert wanted(desk.prompts[1]) == 2
    assert "exist already" in desk.prompts[1]
    assert "reverse: abcde" in desk.prompts[1]


def test_orders_of_one_skill_see_each_others_problems_in_the_next_round() -> None:
    replies = [items(reverse("abcde")), items(reverse("fghij")), items(reverse("klmno"))]
    desk = Desk(lambda text, n: replies[n])
    assert len(desk.write(Order("reverse", 1), Order("reverse", 2))) == 3
    assert "reverse: abcde" in desk.prompts[2]
    assert "reverse: fghij" in desk.prompts[2]


def test_an_order_that_stays_empty_costs_its_calls_and_no_more() -> None:
    """20 at 10 a call are 2 calls, and 3 refills."""
    desk = Desk(lambda text, n: items())
    assert desk.write(Order("reverse", 20), refills=3) == ()
    assert len(desk.asked) == 5
    assert desk.incidents == {"short": 1}
    assert desk.ledger.incidents[0].detail == "0 of 20 written for reverse"


def test_what_exists_is_shown_up_to_its_tokens_newest_first() -> None:
    """A problem of 14 characters is estimated as 4 tokens, so 8 tokens show two of three."""
    desk = Desk(lambda text, n: items(*map(reverse, ["abcde", "fghij", "klmno"])))
    desk.write(Order("reverse", 4), shown_tokens=8, refills=1, shots=0)
    assert "abcde" not in desk.prompts[1]
    assert desk.prompts[1].index("fghij") < desk.prompts[1].index("klmno")


@given(texts=st.lists(st.text(min_size=1, max_size=40)), tokens=st.integers(0, 60))
def test_the_newest_texts_are_as_many_as_fit(texts: list[str], tokens: int) -> None:
    kept = newest(texts, tokens)
    assert kept == texts[len(texts) - len(kept) :]
    assert sum(map(estimate_tokens, kept)) <= tokens
    if len(kept) < len(texts):
        assert sum(map(estimate_tokens, texts[-len(kept) - 1 :])) > tokens


# -- what is dropped ---------------------------------------------------------------------------


def test_bad_items_lose_only_themselves() -> None:
    """No answer, an empty problem, a list for an answer; 7 is as good as "7"."""
    bad = [
        {"problem": "reverse: abcde"},
        {"problem": "  ", "answer": "x"},
        {"problem": "reverse: vwxyz", "answer": ["zyxwv"]},
        {"problem": "double: 14", "answer": 28},
    ]
    desk = Desk(lambda text, n: items(*bad, reverse("fghij")))
    data = desk.write(Order("reverse", 5), refills=0)
    assert [e.target for e in data] == ["28", "jihgf"]
    assert desk.incidents == {"bad-item": 3, "short": 1}


def test_duplicates_are_dropped_within_a_reply_between_orders_and_against_what_was_shown() -> None:
    """One more space makes no other problem; train/40 is the first of skill reverse."""
    shown = Desk(in_turn).task.examples("train")[40]
    reply = items(
        reverse("abcde"),
        {"problem": "reverse:  abcde", "answer": "edcba"},
        {"problem": shown.prompt, "answer": shown.target},
    )
    desk = Desk(lambda text, n: reply)
    order = Order("reverse", 3, seeds=("train/40",))
    data = desk.write(order, order, refills=0)
    assert [e.target for e in data] == ["edcba"]
    # One in the first order, three in the second, and the copy.
    assert desk.incidents == {"duplicate": 5, "short": 2}


def test_what_the_task_cannot_compose_is_dropped_alone() -> None:
    reply = items(worked(15, "sixteen"), worked(20))
    desk = Desk(lambda text, n: reply, WorkedTask())
    (example,) = desk.write(Order("next", 2), refills=0)
    assert (example.prompt, example.target) == ("next: 20 Show your work.", "Add 1. So 21.")
    assert desk.incidents == {"bad-draft": 1, "unsolved": 1, "short": 1}


def test_what_the_task_does_not_call_right_is_dropped_unless_told_otherwise() -> None:
    """15 + 1 is not 17."""
    reply = items(worked(15, 17), worked(20))
    for verify, targets in ((True, ["21"]), (False, ["17", "21"])):
        desk = Desk(lambda text, n: reply, WorkedTask())
        data = desk.write(Order("next", 2), refills=0, verify=verify)
        assert [e.target.removeprefix("Add 1. So ").rstrip(".") for e in data] == targets
        assert desk.incidents["unverified"] == verify


@pytest.mark.parametrize("reply", ["", "I cannot do that.", '{"items": 3}', '{"items": [{"prob'])
def test_replies_that_cannot_be_read_cost_their_order_alone(reply: str) -> None:
    def answer(text: str, n: int) -> str:
        return items(reverse("abcde")) if "skill: reverse" in text else reply

    desk = Desk(answer)
    data = desk.write(Order("copy", 1), Order("reverse", 1), refills=1)
    assert [e.skill for e in data] == ["reverse"]
    # Three attempts, of which two ask again, in the first call and in its refill.
    assert desk.incidents["reask"] == 4
    assert desk.incidents["malformed"] == 2


# -- when money or the server is gone ----------------------------------------------------------


def test_a_budget_that_runs_out_gives_what_there_is() -> None:
    """3 calls at 10 a call, one after the other; with one worker a cap is exact."""
    desk = Desk(in_turn, budget=Budget(teacher_calls=3))
    assert len(desk.write(Order("reverse", 100))) == 30
    assert desk.ledger.spent.teacher_calls == 3
    assert desk.incidents == {"short": 1}


def test_orders_that_cannot_be_paid_in_the_same_round_are_counted() -> None:
    desk = Desk(in_turn, budget=Budget(teacher_calls=1))
    data = desk.write(Order("reverse", 5), Order("copy", 5), Order("copy", 5))
    assert [e.skill for e in data] == ["reverse"] * 5
    assert desk.incidents == {"unpaid": 2, "short": 2}


def test_a_server_that_goes_away_loses_nothing_that_was_written() -> None:
    def answer(text: str, n: int) -> str:
        if n:
            raise ChatError("gone")
        return in_turn(text, n)

    desk = Desk(answer)
    assert len(desk.write(Order("reverse", 20))) == 10
    assert desk.incidents == {"lost": 1, "short": 1}


def test_a_server_that_never_answers_is_an_error() -> None:
    def answer(text: str, n: int) -> str:
        raise ChatError("gone")

    with pytest.raises(ChatError, match="scripted failed: "):
        Desk(answer).write(Order("reverse", 20))


# -- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("per_call", 0, "per_call is 0; it must be 1 or more"),
        ("shots", -1, "shots is -1; it must be 0 or more"),
        ("refills", -1, "refills is -1; it must be 0 or more"),
        ("shown_tokens", -1, "shown_tokens is -1; it must be 0 or more"),
        ("votes", 0, "votes is 0; it must be 1 or more"),
        ("stages", 3, "unknown stages 3. Known: 1, 2"),
        ("agreement", 0.0, "agreement is 0.0; it must be in .0, 1."),
        ("agreement", float("nan"), "agreement is nan"),
        ("verify", "no", "verify is 'no'; it must be true or false"),
        ("votes", 2.5, "votes is 2.5; it must be an integer"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WriterSettings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("difficulty", "words"),
    [(0.0, "very easy"), (0.2, "easy"), (0.5, "medium"), (0.79, "hard"), (1.0, "very hard")],
)
def test_difficulties_are_put_into_words(difficulty: float, words: str) -> None:
    assert in_words(difficulty).startswith(f"{words} (")


def test_a_reply_in_prose_is_read_all_the_same() -> None:
    reply = f"Sure!\n```json\n{json.dumps({'items': [reverse('abcde')]}, indent=1)}\n```\nDone."
    assert len(Desk(lambda text, n: reply).write(Order("reverse", 1))) == 1
