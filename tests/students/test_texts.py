"""Prompts, targets and answers as tokens: formats, limits and ends."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import processors

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError, UnsupportedError
from teachgym.students.texts import Texts
from teachgym.types import Prompt, Turn

CHAT = (
    "{% for m in messages %}{{ m['role'][0] }} {{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}a {% endif %}"
)


def texts(context: int = 64, **changes: Any) -> Texts:
    return Texts(make_tokenizer(), context, **changes)


def chatting(context: int = 64) -> Texts:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHAT
    return Texts(tokenizer, context, chat=True)


def test_a_prompt_is_its_own_tokens_where_there_is_no_template() -> None:
    assert texts().prompts([Prompt("ab")], room=4) == [[3, 4]]


def test_a_chat_model_reads_the_users_turn_and_continues_the_assistants() -> None:
    """The template writes the initial of each role and a space before its turn."""
    chat = chatting()
    (ids,) = chat.prompts([Prompt("xy")], room=4)
    assert chat.tokenizer.decode(ids) == "u xya "


SAID = Prompt("ab", turns=(Turn("c", "d"), Turn("", "e")))


def test_a_conversation_without_a_template_is_its_texts_with_an_end_after_each_response() -> None:
    """A = 3 to e = 7, end = 1: ab | c end | d | end | e."""
    one = texts()
    assert one.prompts([SAID], room=4) == [[3, 4, 5, 1, 6, 1, 7]]
    own = one.written(SAID)
    assert own == [False, False, True, True, False, True, False]


def test_a_conversation_with_a_template_has_its_roles_and_grows_token_by_token() -> None:
    """The template writes ``u xya `` around a first prompt, and then the next turn of the user."""
    chat = chatting()
    (first,) = chat.prompts([Prompt("ab")], room=4)
    (second,) = chat.prompts([Prompt("ab", turns=SAID.turns[:1])], room=4)
    (third,) = chat.prompts([SAID], room=4)
    assert chat.tokenizer.decode(first) == "u aba "
    assert second[: len(first)] == first
    assert third[: len(second)] == second
    assert second[len(first) : len(first) + 2] == [5, chat.end]
    assert chat.tokenizer.decode(second[len(first) + 2 :]) == "u da "
    assert [i for i, own in enumerate(chat.written(SAID)) if own] == [
        len(first),
        len(first) + 1,
        len(second),
    ]


def test_a_template_that_forgets_what_was_said_is_refused() -> None:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{{ messages[-1]['content'] }}"
    with pytest.raises(ConfigError, match="leaves out what the assistant wrote"):
        Texts(tokenizer, 64, chat=True).prompts([SAID], room=4)


def test_images_are_refused_with_the_way_out() -> None:
    with pytest.raises(UnsupportedError, match="has images; choose a task without images, or"):
        texts().prompts([Prompt("ab", images=("0" * 64,))], room=4)


def test_training_reads_the_very_prompt_that_is_answered() -> None:
    for one in (texts(), chatting()):
        (prompt,) = one.prompts([Prompt("copy ab=")], room=4)
        ((read, target),) = one.pairs([Prompt("copy ab=")], ["ab"])
        assert read == prompt
        assert target == [3, 4, 1]


def test_what_a_tokenizer_puts_before_every_text_comes_before_prompts_not_targets() -> None:
    tokenizer = copy.deepcopy(make_tokenizer())
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<unk> $A", special_tokens=[("<unk>", 2)]
    )
    one = Texts(tokenizer, 64)
    assert one.prompts([Prompt("ab")], room=4) == [[2, 3, 4]]
    assert one.pairs([Prompt("ab")], ["b"]) == [([2, 3, 4], [4, 1])]


def test_a_prompt_too_long_loses_its_beginning_and_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = texts(context=6)
    with caplog.at_level(logging.WARNING):
        assert one.prompts([Prompt("abcdef"), Prompt("ab")], room=3) == [[6, 7, 8], [3, 4]]
    assert one.cut == 1
    assert "1 texts were cut to the 3 tokens that fit" in caplog.text


def test_a_training_pair_too_long_keeps_its_target_while_it_can() -> None:
    """A context of 6: target "de" and its end take 3, so 3 of the prompt's 5 tokens are left."""
    one = texts(context=6)
    assert one.pairs([Prompt("abcde")], ["de"]) == [([5, 6, 7], [6, 7, 1])]
    assert one.cut == 1
    assert one.pairs([Prompt("a")], ["abcdefgh"]) == [([3], [3, 4, 5, 6, 7])]
    assert one.cut == 2


def test_a_context_without_room_for_a_prompt_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"24 tokens for the answer leave no room.*of 24"):
        texts(context=24).prompts([Prompt("a")], room=24)


def test_a_tokenizer_without_an_end_or_a_template_is_refused() -> None:
    tokenizer = make_tokenizer()
    with pytest.raises(ConfigError, match="no chat template"):
        Texts(tokenizer, 64, chat=True)
    tokenizer.eos_token = None
    with pytest.raises(ConfigError, match="no end-of-sequence token"):
        Texts(tokenizer, 64)


def test_an_answer_ends_at_the_first_end_and_the_first_stop() -> None:
    one = texts(more_ends=(2,))
    assert one.decode([3, 4, 1, 5]) == one.decode([3, 4, 2, 5]) == one.decode([3, 4]) == "ab"
    assert one.decode([3, 4, 5, 6, 1], stop=("d", "bc")) == "a"


def test_tokens_with_a_string_are_found_and_special_ones_have_no_text() -> None:
    """The letter a is token 3 and part of the name of the special token <pad>."""
    assert texts().tokens_with(("a", "zz")) == frozenset({3})
    assert texts().tokens_with(()) == frozenset()


@given(st.text(alphabet="abcdefgh012= ", min_size=1, max_size=30), st.integers(2, 40))
def test_nothing_read_is_ever_longer_than_the_context(text: str, context: int) -> None:
    one = texts(context=context)
    ((prompt, target),) = one.pairs([Prompt(text)], [text])
    assert prompt
    assert target
    assert len(prompt) + len(target) <= context
    assert all(len(ids) <= context - 1 for ids in one.prompts([Prompt(text)], room=1))
