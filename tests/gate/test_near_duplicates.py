"""Prompts that are nearly equal: shingles and similarities by hand, and nothing but the exact."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import MissingExtraError
from teachgym.gate import Gate, GateSettings, Seen, normalise
from teachgym.gate.near_duplicates import NearDuplicates, bands, format_of, jaccard, shingles
from teachgym.testing import ToyTask
from teachgym.types import Example, Split

pytest.importorskip("datasketch")

TASK = ToyTask()
WORDS = ["violin", "violins", "piano", "violin and piano", "a violin", "viola"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def copy(word: str) -> Example:
    return Example(f"copy: {word}", word, "copy")


def near(similarity: float = 0.8) -> Gate:
    return Gate(TASK, GateSettings(duplicates="near", near_similarity=similarity))


def test_shingles_of_long_texts_are_of_words_and_of_short_ones_of_characters() -> None:
    assert shingles("One two, three four five six seven EIGHT.") == {
        "one two three",
        "two three four",
        "three four flve",
        "four flve slx",
        "flve slx seven",
        "slx seven elght",
    }
    assert shingles("a B: c d") == {"a b", " b ", "b c", " c ", "c d"}
    assert shingles("ab") == {"ab"}


def test_jaccard_is_shared_over_all() -> None:
    assert jaccard({"a", "b", "c"}, {"b", "c", "d"}) == 0.5
    assert jaccard(set(), set()) == 0


@pytest.mark.parametrize("similarity", [0.1, 0.3, 0.5, 0.8, 0.9, 1.0])
def test_a_pair_at_the_threshold_is_proposed_with_a_probability_of_99_percent(
    similarity: float,
) -> None:
    n, rows = bands(similarity)
    assert n * rows <= 128
    assert 1 - (1 - similarity**rows) ** n >= 0.99


def test_the_shingles_of_the_format_are_those_of_most_prompts_of_a_skill() -> None:
    """``copy: abc``: the name and the space after it; no word is in most prompts."""
    formats = format_of(ToyTask(per_cell=20))
    assert {"cop", "opy", "py "} <= formats
    assert {"rev", "eve", "ver", "ers", "rse", "se "} <= formats
    assert all(s in "copy reverse next double " for s in formats)


def test_only_the_check_of_near_duplicates_catches_one_other_letter_in_many() -> None:
    """``copy a...z``, m as rn, has 32 - 2 = 30 shingles, and one has the last letter: 29 / 31.

    Three are of the format; without them it is 26 / 28 = 0.93, and the lower of the two counts.
    """
    first, second = copy(LETTERS), copy(LETTERS[:-1] + "k")
    assert Gate(TASK).inspect([first, second]).accepted == (first, second)
    result = near().inspect([first, second])
    assert result.accepted == (first,)
    assert [(v.reason, v.detail) for v in result.rejected] == [
        (
            "duplicate",
            f"{second.prompt!r} is 0.93 alike to {normalise(first.prompt)!r}, there before",
        )
    ]


def test_the_threshold_decides_and_a_pair_at_it_counts() -> None:
    first, second = copy(LETTERS), copy(LETTERS[:-1] + "k")
    assert len(near(26 / 28).inspect([first, second]).accepted) == 1
    assert len(near(0.929).inspect([first, second]).accepted) == 2


def test_equal_prompts_stay_duplicates_in_the_same_words() -> None:
    [verdict] = near().inspect([copy("abc"), copy("abc")]).rejected
    assert (verdict.reason, verdict.detail) == ("duplicate", "'copy: abc' was there before")


def test_earlier_data_counts_and_is_forgotten_when_it_is_no_longer_named() -> None:
    gate = near()
    first, second = copy(LETTERS), copy(LETTERS[:-1] + "k")
    assert gate.inspect([first]).accepted == (first,)
    assert gate.inspect([second]).accepted == (second,)
    assert gate.inspect([second], seen={normalise(first.prompt)}).accepted == ()
    assert gate.inspect([first], seen=(normalise(second.prompt),)).accepted == ()


def test_the_same_word_in_another_question_is_no_near_duplicate() -> None:
    """The format apart the two are equal; with it ``copy`` and ``reverse`` differ too much."""
    other = Example("reverse: abcd", "dcba", "reverse")
    assert near(0.5).inspect([copy("abcd"), other]).accepted == (copy("abcd"), other)


def test_long_instructions_alone_make_no_near_duplicates() -> None:
    """30 equal words before one that differs: 28 of 29 shingles are equal, all of them format."""
    rules = " ".join(LETTERS[i % 26] * (2 + i // 26) for i in range(30))

    class Instructed(ToyTask):
        def examples(self, split: Split) -> list[Example]:
            return [Example(f"{rules} {split}{LETTERS[i]}", "x", "copy", str(i)) for i in range(10)]

    task = Instructed()
    data = [Example(f"{rules} new{c}", "x", "copy") for c in "abcde"]
    gate = Gate(task, GateSettings(duplicates="near", verify=False))
    assert gate.inspect(data).accepted == tuple(data)
    bare = NearDuplicates(0.8)
    assert bare.admit(data[0].prompt) is None
    assert bare.admit(data[1].prompt) == (data[0].prompt, 28 / 30)


def test_verdicts_do_not_depend_on_the_order_in_which_earlier_data_came() -> None:
    rng = np.random.default_rng(0)
    prompts = [f"copy: {''.join(rng.permutation(list(LETTERS[:12])))}" for _ in range(40)]
    variants = [p[:-1] + "z" for p in prompts]
    details = set()
    for order in (prompts, prompts[::-1]):
        duplicates = NearDuplicates(0.6)
        duplicates.hold(Seen())
        for prompt in order:
            duplicates.hold(Seen(order[: order.index(prompt) + 1]))
        details.add(tuple(duplicates.admit(v) for v in variants))
    assert len(details) == 1
    assert any(next(iter(details)))


texts = st.text("ab ", min_size=1, max_size=12).map(normalise).filter(bool)


@given(prompts=st.lists(texts, unique=True, max_size=8), similarity=st.sampled_from([0.5, 0.8]))
def test_what_is_called_alike_is_and_what_it_takes_in_is_told_apart(
    prompts: list[str], similarity: float
) -> None:
    duplicates = NearDuplicates(similarity)
    held: list[str] = []
    for prompt in prompts:
        alike = duplicates.admit(prompt)
        if alike is None:
            held.append(prompt)
        else:
            other, value = alike
            assert other in held
            assert value == jaccard(shingles(prompt), shingles(other)) >= similarity


def test_without_datasketch_the_gate_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    Gate(TASK)
    with pytest.raises(MissingExtraError, match=r"teachgym\[duplicates\]"):
        near()


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), max_size=6), st.data())
def test_the_index_of_a_growing_set_is_that_of_a_new_one(
    batches: list[list[str]], data: st.DataObject
) -> None:
    """Whether a batch was taken in as a whole or in part, and after a change of sets."""
    kept, other = NearDuplicates(0.5), Seen(["violin and piano"])
    seen = Seen()
    for batch in batches:
        if data.draw(st.booleans()):
            kept.hold(other)
        fresh = NearDuplicates(0.5)
        for index in (kept, fresh):
            index.hold(seen if index is kept else Seen(seen))
        new = [prompt for prompt in dict.fromkeys(batch) if prompt not in seen]
        verdicts = [[index.admit(prompt) for prompt in new] for index in (kept, fresh)]
        assert verdicts[0] == verdicts[1]
        seen.add(new[: data.draw(st.integers(0, len(new)))])


def test_only_what_is_new_is_put_into_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    index, seen = NearDuplicates(0.8), Seen()
    signature, signed = index._signature, list[str]()

    def sign(prompt: str) -> Any:
        signed.append(prompt)
        return signature(prompt)

    monkeypatch.setattr(index, "_signature", sign)
    for step in range(50):
        index.hold(seen)
        seen.add(f"{step} oxen and {n} hens" for n in range(3))
    index.hold(seen)
    assert sorted(signed) == sorted(seen)
