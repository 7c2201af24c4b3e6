"""What a chat model is asked to make of seeds, and what is kept of it."""

from __future__ import annotations

import pytest

from teachgym.errors import ConfigError
from teachgym.testing import ToyTask
from teachgym.types import Order
from tests.engines.writing import Desk, items, reverse

TRAIN = ToyTask().examples("train")
SEED = next(e for e in TRAIN if e.skill == "reverse")
WORD = SEED.prompt.partition(": ")[2]
WRONG = "wrong answer"


def asked(style: str, *, shows_wrong: bool = False, seeds: tuple[str, ...] = (SEED.id,)) -> str:
    """The question to the writer."""
    desk = Desk(lambda text, n: items(reverse("qx"), reverse("xq")))
    order = Order("reverse", 2, hint=WRONG, seeds=seeds)
    desk.write(order, style=style, shows_wrong=shows_wrong)
    return desk.prompts[0]


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ("new", "Write variations of these training examples"),
        ("similar", "Write items similar to these training examples"),
        ("rephrase", "Say the problems of these training examples in other words"),
        ("answer", "Copy each `problem` letter for letter"),
    ],
)
def test_each_style_asks_for_its_own(style: str, said: str) -> None:
    text = asked(style)
    assert said in text
    assert SEED.prompt in text
    assert "What to practise" in text


def test_a_wrong_answer_is_shown_by_one_flag() -> None:
    """Learn-to-Reason shows it and LLM2LLM does not; a hint is a hint without it."""
    assert "A student answered this, which is wrong" not in asked("similar")
    text = asked("similar", shows_wrong=True)
    assert f"A student answered this, which is wrong:\n```\n{WRONG}" in text
    assert "What to practise" not in text


@pytest.mark.parametrize("style", ["similar", "rephrase", "answer"])
def test_without_seeds_training_examples_are_taken(style: str) -> None:
    """Two examples of the skill, since two are wanted, and one shot that is none of them."""
    text = asked(style, seeds=())
    shown = [e for e in TRAIN if e.skill == "reverse" and e.prompt in text]
    assert len(shown) == 3
    assert text.count("Some training examples, to show style") == 1


def test_another_answer_keeps_the_problem_and_nothing_else() -> None:
    """Of the seed twice, and a problem of the model's own, the seed's are kept; both count."""
    desk = Desk(lambda text, n: items(reverse(WORD), reverse(WORD), reverse("qx")))
    data = desk.write(Order("reverse", 3, seeds=(SEED.id,)), style="answer", refills=0)
    assert [e.prompt for e in data] == [SEED.prompt] * 2
    assert desk.incidents["other-problem"] == 1
    assert "duplicate" not in desk.incidents


def test_other_styles_keep_the_problem_out() -> None:
    desk = Desk(lambda text, n: items(reverse(WORD)))
    assert desk.write(Order("reverse", 1, seeds=(SEED.id,)), style="rephrase", refills=0) == ()
    assert "duplicate" in desk.incidents


def test_other_answers_come_in_one_stage() -> None:
    with pytest.raises(ConfigError, match="stages is 2 and style 'answer'"):
        Desk(lambda text, n: "").writer(style="answer", stages=2)
    with pytest.raises(ConfigError, match="style"):
        Desk(lambda text, n: "").writer(style="prose")
