"""Thoughts are passed over, by all marks, and a draft in them is none of the reply."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from teachgym.chat.json_items import parse_items
from teachgym.chat.thoughts import without_thoughts


class Word(BaseModel):
    word: str


MARKS = [
    ("<think>", "</think>"),
    ("<Think >", "</ THINK>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("[think]", "[/think]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|think|>", "<|/think|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|channel|>final <|message|>"),
    ("analysis", "assistantfinal"),
    ("<|channel>thought\n", "<channel|>"),
    ("◁think▷", "◁/think▷"),
    ("Here is my thought process:", "\nHere is my response:\n"),
    ("", "</think>"),
    ("", "[/THINK]"),
    ("Well. <think>", "</think>"),
]
TEXT = st.text("abc {}[]\"'\\,:\n", max_size=40)
WORDS = st.lists(st.text("xyz", min_size=1, max_size=5), min_size=1, max_size=3)


def reply(words: list[str]) -> str:
    return json.dumps({"items": [{"word": word} for word in words]})


@pytest.mark.sweep(8)
@pytest.mark.parametrize(("begin", "end"), MARKS)
@settings(max_examples=20)
@given(before=TEXT, drafts=st.lists(WORDS, max_size=2), words=WORDS, again=st.booleans())
def test_what_follows_the_last_mark_is_the_reply(
    begin: str, end: str, before: str, drafts: list[list[str]], words: list[str], again: bool
) -> None:
    """However long the drafts are, and however often the model begins to think again."""
    thoughts = before.replace('"', "") + "".join(reply([*draft, *"drafts"]) for draft in drafts)
    text = begin + thoughts + (end + thoughts if again else "") + end + reply(words)
    parsed = parse_items(text, Word)
    assert [item.word for item in parsed.items] == words
    assert [problem.event for problem in parsed.problems] == ["thoughts"]


@pytest.mark.parametrize("begin", [begin for begin, _ in MARKS if begin[:1] in "<[◁" and begin])
def test_thoughts_that_never_end_are_no_reply(begin: str) -> None:
    parsed = parse_items(f"{begin}perhaps {reply(['draft'])}", Word)
    assert parsed.items == ()
    assert parsed.malformed
    assert parsed.problems[0].event == "thoughts"


@pytest.mark.parametrize("mark", [end for _, end in MARKS])
def test_a_mark_inside_of_an_item_ends_nothing(mark: str) -> None:
    text = reply([f"write {mark} at the end", "b"])
    assert without_thoughts(text) == text
    assert len(parse_items(text, Word).items) == 2
    assert without_thoughts(f"hm{mark}{text}").strip() == text
