"""Held-out items in disguise are vetoed, and honest examples are not."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from confusable_homoglyphs.confusables import confusables_data  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from teachgym.gate import Gate, GateSettings, normalise
from teachgym.protocols import Task
from teachgym.tasks import make_task
from teachgym.types import SPLITS, Example, Skill, Split, leaf_skills

Disguise = Callable[[str, np.random.Generator], str]
NAMES = ("Tom", "Ann", "Ben", "Eve", "Kim", "Lea", "Max", "Pia", "Sam", "Zoe")
THINGS = ("apples", "pears", "plums", "coins", "books", "cards", "shells", "stones")
SENTENCES = ("Think with care.", "This is an exercise.", "Take your time and answer.", "Well:")
INVISIBLE = ("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\ufe0f", "\u034f", "\u0336")


class Stories(Task):
    """Word problems written from two templates."""

    name = "stories-v0"
    skills = (Skill("stories"),)
    levels = (0.0,)

    def __init__(self, per_split: int = 40) -> None:
        rng = np.random.default_rng(0)
        texts = dict.fromkeys(self._text(rng) for _ in range(4 * per_split))
        self._splits = {
            split: [
                Example(text, answer, "stories", f"{split}/{i}")
                for i, (text, answer) in enumerate(list(texts)[part * per_split :][:per_split])
            ]
            for part, split in enumerate(SPLITS)
        }

    @staticmethod
    def _text(rng: np.random.Generator) -> tuple[str, str]:
        name, thing = NAMES[rng.integers(10)], THINGS[rng.integers(8)]
        a, b, c = (int(n) for n in rng.integers(2, 100, 3))
        if rng.random() < 0.5:
            return (
                f"{name} has {a} {thing}, buys {b} more and gives {c} of them to a friend. "
                f"How many {thing} does {name} have now?"
            ), str(a + b - c)
        return (
            f"There are {a} boxes with {b} {thing} in each of them. {name} takes away {c} {thing}. "
            "How many are left in all the boxes together?"
        ), str(a * b - c)

    def examples(self, split: Split) -> Sequence[Example]:
        """The stories of a split."""
        return self._splits[split]

    def grade(self, example: Example, response: str) -> float:
        """1 for the target."""
        return float(response == example.target)

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """Another story, whatever the splits hold."""
        return Example(*self._text(rng), skill)


@cache
def judge(name: str) -> tuple[Task, Gate]:
    task: Task = Stories() if name == "stories" else make_task(name)
    return task, Gate(task, GateSettings(verify=False))


@cache
def look_alikes() -> dict[str, tuple[str, ...]]:
    """The characters that the library calls confusable with each printable one of ASCII."""
    found = {}
    for character in map(chr, range(33, 127)):
        others = ("".join(filter(_has_width, o["c"])) for o in confusables_data.get(character, ()))
        found[character] = tuple(o for o in others if len(o) == 1 and not o.isspace())
    return found


def _has_width(character: str) -> bool:
    return unicodedata.category(character) != "Cf"


def _anywhere(text: str, rng: np.random.Generator, added: str) -> str:
    place = int(rng.integers(len(text) + 1))
    return text[:place] + added + text[place:]


def unseen(text: str, rng: np.random.Generator) -> str:
    """Characters that nobody sees, anywhere."""
    for _ in range(int(rng.integers(1, 4))):
        text = _anywhere(text, rng, str(rng.choice(INVISIBLE)))
    return text


def look_alike(text: str, rng: np.random.Generator) -> str:
    """Letters that look like others; any share of them."""
    share = rng.random()
    table = look_alikes()
    return "".join(
        str(rng.choice(table[c])) if c.isalpha() and table.get(c) and rng.random() < share else c
        for c in text
    )


def cased(text: str, rng: np.random.Generator) -> str:
    """Capitals anywhere."""
    share = rng.random()
    return "".join(c.upper() if rng.random() < share else c for c in text)


def spaced(text: str, rng: np.random.Generator) -> str:
    """More space between words and before signs, of any kind."""
    kinds = (" ", "  ", "\n", "\t", "\u00a0", "\u2003")
    wider = "".join(str(rng.choice(kinds)) if c == " " else c for c in text)
    return "".join(f" {c}" if c in "=+<*?" and rng.random() < 0.5 else c for c in wider)


def zeros(text: str, rng: np.random.Generator) -> str:
    """Zeros before whole numbers."""
    return _numbers(text, lambda number: "0" * int(rng.integers(3)) + number)


def other_digits(text: str, rng: np.random.Generator) -> str:
    """Digits of other scripts."""
    zero = int(rng.choice([0xFF10, 0x0660, 0x0966, 0x1D7CE]))
    return "".join(chr(zero + int(c)) if c in "0123456789" else c for c in text)


def decimals(text: str, rng: np.random.Generator) -> str:
    """Whole numbers with zeros behind a point, where no point follows."""
    return _numbers(text, lambda number: number + ("", ".0", ".00")[int(rng.integers(3))])


def _numbers(text: str, change: Callable[[str], str]) -> str:
    parts, number = [], ""
    for c in (*text, ""):
        if c in "0123456789" and c:
            number += c
            continue
        parts.append(change(number) if number else "")
        parts.append(c)
        number = ""
    return "".join(parts)


def punctuated(text: str, rng: np.random.Generator) -> str:
    """Punctuation around words and at the end."""
    words = text.split(" ")
    marked = [f"*{w}*" if rng.random() < 0.3 and w.isalpha() else w for w in words]
    return " ".join(marked) + str(rng.choice(["", "!", " ?", "...", ")"]))


def appended(text: str, rng: np.random.Generator) -> str:
    """A sentence after it."""
    return f"{text} {rng.choice(SENTENCES)}"


def prepended(text: str, rng: np.random.Generator) -> str:
    """A sentence before it."""
    return f"{rng.choice(SENTENCES)} {text}"


def reworded(text: str, rng: np.random.Generator) -> str:
    """One word that is no number is another, or gone, or there is one more."""
    words = text.split(" ")
    place = int(rng.choice([i for i, w in enumerate(words) if w.isalpha()]))
    return " ".join([*words[:place], *rng.permutation(["often", ""])[:1], *words[place + 1 :]])


SHORT: tuple[Disguise, ...] = (
    zeros,
    appended,
    prepended,
    punctuated,
    cased,
    other_digits,
    look_alike,
    spaced,
    unseen,
)
seeds = st.integers(0, 2**32 - 1)


def disguised(text: str, seed: int, chosen: Sequence[Disguise]) -> str:
    """A text behind one to three of the disguises, numbers changed before they are broken up."""
    rng = np.random.default_rng(seed)
    for i in sorted(rng.permutation(len(chosen))[: rng.integers(1, 4)]):
        text = chosen[int(i)](text, rng)
    return text


@given(seed=seeds, place=st.floats(0, 1, exclude_max=True), split=st.sampled_from(SPLITS[1:]))
@pytest.mark.parametrize("name", ["arithmetic-and-strings", "stories"])
def test_an_item_in_disguise_is_vetoed(name: str, seed: int, place: float, split: Split) -> None:
    task, gate = judge(name)
    items = task.examples(split)
    item = items[int(place * len(items))]
    chosen = SHORT if name == "arithmetic-and-strings" else (decimals, *SHORT)
    hidden = replace(item, prompt=disguised(item.prompt, seed, chosen), id="", source="teacher")
    result = gate.inspect([hidden])
    assert result.accepted == (), hidden.prompt
    assert result.rejected[0].reason in {"overlap", "contamination"}


@given(seed=seeds, number=st.integers(0, 39), split=st.sampled_from(SPLITS[1:]))
def test_a_story_with_one_other_word_is_vetoed_whatever_else_hides_it(
    seed: int, number: int, split: Split
) -> None:
    task, gate = judge("stories")
    item = task.examples(split)[number]
    rng = np.random.default_rng(seed)
    text = disguised(reworded(item.prompt, rng), seed, (cased, spaced, unseen, appended, prepended))
    assert gate.inspect([replace(item, prompt=text, id="", source="teacher")]).accepted == (), text


@pytest.mark.parametrize(("name", "most"), [("arithmetic-and-strings", 0.005), ("stories", 0.02)])
def test_few_honest_examples_look_like_an_item(name: str, most: float) -> None:
    """What is made at random and is no item to the letter is kept out once in 200 (50) times.

    The stories have ten names and eight things, so that now and then two are one to the numbers.
    """
    task, gate = judge(name)
    items = {e.prompt for split in SPLITS[1:] for e in task.examples(split)}
    skills = leaf_skills(task.skills)
    rng = np.random.default_rng(5)
    made = [task.make(skill, None, rng) for skill in skills for _ in range(960 // len(skills))]
    honest = [e for e in made if e.prompt not in items]
    counts = gate.inspect(honest).counts
    assert counts["overlap"] + counts["contamination"] <= most * len(honest)


class Spelling(Stories):
    """Exercises about case, which the normal form leaves out."""

    name = "spelling-v0"
    skills = (Skill("capitals"),)

    def __init__(self) -> None:
        words = ["".join(c) for c in product("aAbB", repeat=4)]
        self._splits = {
            split: [
                Example(f"count capitals: {w}", str(sum(map(str.isupper, w))), "capitals")
                for w in words[part::3]
            ]
            for part, split in enumerate(SPLITS)
        }


def test_where_exercises_are_about_case_they_differ_by_it() -> None:
    """All 256 words of a, A, b and B are 16 in the normal form; to the letter all are distinct."""
    task = Spelling()
    gate = Gate(task)
    assert gate.inspect(task.examples("train")).rejected == ()
    assert gate.inspect(task.examples("test")).accepted == ()
    hidden = [
        replace(e, prompt=f"Well,  {e.prompt}\u200b", id="", source="teacher")
        for e in task.examples("val")
    ]
    assert gate.inspect(hidden).accepted == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sort 3, 21", "sort 32, 1"),
        ("add 12+3=", "add 1+23="),
        ("4 - 3", "4 + 3"),
        ("2 * 3", "2 / 3"),
        ("(1 + 2) * 3", "(1 + 2) / 3"),
        ("-5 + 3", "5 + 3"),
        ("1.5 + 2", "15 + 2"),
        ("copy ab", "copy ba"),
        ("x < y", "x > y"),
        ("100,000", "10,0000"),
    ],
)
def test_other_exercises_have_other_forms(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_every_item_is_found_before_another_sentence() -> None:
    """The shortest ones too: ``up 051=`` is four characters in the normal form."""
    task, gate = judge("arithmetic-and-strings")
    items = [*task.examples("val"), *task.examples("test")]
    assert (
        gate.inspect(
            [replace(e, prompt=f"{e.prompt} Think.", id="", source="teacher") for e in items]
        ).accepted
        == ()
    )
