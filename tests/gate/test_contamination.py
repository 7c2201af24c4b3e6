"""Words in a row that an example shares with held-out items, and what is only the format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.gate import Gate, GateSettings
from teachgym.gate.contamination import Contamination
from teachgym.gate.wording import words
from teachgym.protocols import Task
from teachgym.tasks import make_task
from teachgym.types import Example, Skill, Split

POEM = (
    "Thirty crows sat on the old stone wall behind our school. Nine of them flew to a poplar, "
    "and twice as many went home before the bell rang. How many crows were left?"
)
"""33 words: Thirty 1, wall 8, school 11, Nine 12, poplar 18, home 24, rang 28, left 33."""
SECRET = "answer-three"
RULES = "Read the text with care, think in steps, and end with one line that has the number only."


class Texts(Task):
    """A task of given texts."""

    name = "texts-v0"
    skills = (Skill("sums"),)
    levels = (0.0,)

    def __init__(self, val: Sequence[Example], train: Sequence[str] = ()) -> None:
        self._splits: dict[Split, Sequence[Example]] = {
            "train": [Example(text, "9", "sums", f"train/{i}") for i, text in enumerate(train)],
            "val": val,
            "test": [Example("What is the last item?", "This.", "sums", "test/0")],
        }

    def examples(self, split: Split) -> Sequence[Example]:
        """The texts of a split."""
        return self._splits[split]

    def grade(self, example: Example, response: str) -> float:
        """1 for the target."""
        return float(response == example.target)


TASK = Texts([Example(POEM, SECRET, "sums", "val/crows")])


def details(
    task: Task, *prompts: str, target: str = "9", ngram: int = 13, common_ngram: int = 10
) -> list[str]:
    """What the check says of the prompts, where it says something."""
    check = Contamination(task, ngram, common_ngram)
    found = (check(Example(prompt, target, "sums")) for prompt in prompts)
    return [detail for detail in found if detail is not None]


def span(first: int, last: int) -> str:
    """Words ``first`` to ``last`` of the poem, counted from 1."""
    return " ".join(POEM.split()[first - 1 : last])


def test_thirteen_words_in_a_row_are_contamination_and_twelve_are_not() -> None:
    """The span is given as compared: lower case, no punctuation."""
    assert details(TASK, f"Say: {span(5, 16)}!") == []
    assert details(TASK, f"Say: {span(5, 17)}!") == [
        "13 words in a row are those of val item 'val/crows': "
        "'the old stone wall behind our school nine of them flew to a'"
    ]


def test_the_strict_choice_takes_eight_and_none_does_not_look() -> None:
    prompt = f"Say: {span(5, 12)}!"
    assert details(TASK, prompt) == []
    assert len(details(TASK, prompt, ngram=8)) == 1
    gate = Gate(TASK, GateSettings(ngram=None))
    assert len(gate.inspect([Example(f"Say: {prompt}", "9", "sums")]).accepted) == 1


def test_the_span_goes_as_far_as_the_texts_are_alike() -> None:
    [detail] = details(TASK, f"Tell me. {span(3, 24)} again.")
    assert detail.startswith("22 words in a row")
    assert detail.endswith("and twice as many went home'")


def test_a_held_out_problem_in_the_target_or_across_both_is_found() -> None:
    assert len(details(TASK, "Write a riddle.", target=POEM)) == 1
    assert len(details(TASK, span(1, 7), target=span(8, 14))) == 1


def test_case_punctuation_spaces_and_ligatures_do_not_hide_a_span() -> None:
    hidden = "  ".join(f"*{word.upper()}*" for word in span(5, 17).split())
    assert len(details(TASK, hidden)) == 1
    assert len(details(TASK, span(5, 17).replace("fl", "ﬂ"))) == 1


def test_words_of_a_held_out_answer_are_never_told() -> None:
    """The poem has 33 words; 5 more follow in this answer, and the text goes on alike for 15."""
    task = Texts([Example(POEM, "They were three in all.", "sums", "val/crows")])
    [detail] = details(task, f"{span(24, 33)} They were three in all.")
    assert detail == (
        "15 words in a row are those of val item 'val/crows': "
        "'home before the bell rang how many crows were left' and 5 of its target"
    )
    long = Texts([Example("Count!", POEM, "sums", "val/0")])
    [detail] = details(long, f"Well: {POEM}")
    assert detail == "33 words in a row are those of val item 'val/0': '' and 33 of its target"


def test_no_span_crosses_from_one_item_to_the_next() -> None:
    halves = [Example(span(1, 11), "x", "sums", "val/0"), Example(span(12, 20), "y", "sums", "1")]
    assert details(Texts(halves), f"{span(1, 11)} x {span(12, 20)}") == []


def test_short_texts_are_only_compared_whole() -> None:
    task = Texts([Example("What is four plus five?", "9", "sums", "val/0")])
    result = Gate(task).inspect([Example("What is four plus five?", "9", "sums")])
    assert result.counts["overlap"] == 1
    assert details(task, "Listen: What is four plus five, or less?") == []


def test_what_the_task_shows_in_train_is_no_evidence() -> None:
    assert len(details(TASK, POEM + " Say it.")) == 1
    assert details(Texts(TASK.examples("val"), train=[POEM + " Well?"]), POEM + " Say it.") == []


@pytest.mark.parametrize(("items", "found"), [(10, 1), (11, 0)])
def test_the_format_is_what_more_than_ten_items_share(items: int, found: int) -> None:
    """Equal rules before different questions; the other split has one item without them."""
    task = Texts([Example(f"{RULES} Item {c}?", c, "sums", c) for c in ascii_lowercase[:items]])
    assert len(details(task, f"{RULES} Name a colour.")) == found
    assert len(details(task, f"{RULES} Name a colour.", common_ngram=9)) == 0


def test_a_few_words_after_the_format_are_no_evidence_and_many_are() -> None:
    """14 words of its own follow the rules in each item, and 13 that are not format are needed.

    The first 13 words in a row with one that counts begin at the seventh of the 18 of the rules:
    12 of them and 13 of the question are told.
    """
    rng = np.random.default_rng(0)
    questions = [" ".join(rng.permutation(list(ascii_lowercase))[:14]) for _ in range(20)]
    task = Texts(
        [Example(f"{RULES} {q}?", "x", "sums", f"val/{i}") for i, q in enumerate(questions)]
    )
    first = questions[0].split()
    assert details(task, f"{RULES} {' '.join(first[:12])} seven hens?") == []
    [detail] = details(task, f"{RULES} {' '.join(first[:13])} seven hens?")
    assert detail.startswith("25 words in a row are those of val item 'val/0': 'in steps and")


def test_a_task_of_long_instructions_may_be_taught() -> None:
    """None of 100 new items is held back, and a held-out one with a word before it is.

    The prompts of ``word_sorting`` are some forty words of instructions and 3 to 12 words.
    """
    pytest.importorskip("reasoning_gym")
    task = make_task("reasoning-gym", datasets="word_sorting", levels=2)
    rng = np.random.default_rng(0)
    gate = Gate(task)
    made = [task.make("word_sorting", None, rng) for _ in range(100)]
    assert gate.inspect(made).counts["contamination"] == 0
    assert gate.inspect(task.examples("train")).counts["contamination"] == 0
    leaks = [
        replace(e, prompt=f"Now: {e.prompt}", id="", source="teacher")
        for e in task.examples("test")
        if len(e.target.split()) >= 10
    ]
    assert len(leaks) > 0
    assert gate.inspect(leaks).counts["overlap"] == len(leaks)
    check = Contamination(task, 13, 10)
    assert all(check(leak) is not None for leak in leaks)


letters = st.lists(st.sampled_from("abc"), min_size=1, max_size=30)


@given(items=st.lists(letters, min_size=1, max_size=3), text=letters, ngram=st.integers(2, 6))
def test_what_is_found_is_what_looking_at_every_place_finds(
    items: list[list[str]], text: list[str], ngram: int
) -> None:
    """With fewer than eleven items and no train there is no format: plain n-gram overlap."""
    task = Texts([Example(" ".join(t), "z", "sums", str(i)) for i, t in enumerate(items)])
    example = Example(" ".join(text), "y", "sums")
    spans = {
        tuple(t[i : i + ngram])
        for t in ([*t, "z"] for t in items)
        for i in range(len(t) + 1 - ngram)
    }
    found = [*text, "y"]
    shared = any(tuple(found[i : i + ngram]) in spans for i in range(len(found) + 1 - ngram))
    assert (Contamination(task, ngram, 10)(example) is not None) == shared


def test_words_are_those_of_gpt_3() -> None:
    assert words("Tom's $x^2$ -- ALL\n brown.") == ["toms", "x", "2", "all", "brown"]
    assert words("?!") == []
