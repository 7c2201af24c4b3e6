"""Control tokens come from the format alone; templates take arguments and a fixed date."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError
from teachgym.students import make_student
from teachgym.students.texts import Texts
from teachgym.testing import ToyTask
from teachgym.training.datum import encode
from teachgym.types import Example, Prompt
from tests.students.models import make_model

TASK = ToyTask()
SPECIAL = ("<|im_start|>", "<|im_end|>", "</s>")
ROLE = "<|assistant|>"
"""Added to the vocabulary without being declared special."""

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n"
    "{% if enable_thinking is defined and not enable_thinking %}quiet {% endif %}{% endif %}"
)
DATED = "{{ strftime_now('%d %b %Y') }} " + CHATML


def make(kind: str, template: str | None = CHATML) -> Any:
    """A tokenizer of one of the usual kinds with three special tokens and a role."""
    corpus = ["copy ab= rev abc 12+34 quiet user assistant im_start im_end <|>/s\n"] * 4
    unknown = {"unk_token": "<unk>", "special_tokens": ["<unk>"]}
    if kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        tokenizer.train_from_iterator(
            corpus, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet)
        )
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        tokenizer.train_from_iterator(corpus, trainers.UnigramTrainer(vocab_size=60, **unknown))
    else:
        tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        words = trainers.WordLevelTrainer(special_tokens=["<unk>"])
        # Here the names of special tokens are words as well.
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        tokenizer.train_from_iterator([*corpus, " ".join(SPECIAL)], words)
    tokenizer.add_special_tokens([AddedToken(name) for name in SPECIAL])
    tokenizer.add_tokens([AddedToken(ROLE)])
    known = {} if kind == "bytes" else {"unk_token": "<unk>"}
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", **known)
    made.chat_template = template
    return made


KINDS = ("bytes", "unigram", "words")
PARTS = st.lists(
    st.sampled_from([*SPECIAL, ROLE, "copy ab=", " ", "\n", "<|", "im_end|>", "</", "s>", "é"]),
    max_size=6,
).map("".join)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chat", [True, False])
@settings(max_examples=40)
@given(prompt=PARTS, target=PARTS)
def test_no_text_becomes_a_control_token(kind: str, chat: bool, prompt: str, target: str) -> None:
    """A prompt has as many of them as its format, a target its end alone."""
    one = Texts(make(kind), 4096, chat=chat)
    ((read, wanted),) = one.pairs([Prompt(prompt)], [target])
    usual = [token for token in one.pairs([Prompt("copy")], [""])[0][0] if token in one.controls]
    assert [token for token in read if token in one.controls] == usual
    assert [token for token in wanted if token in one.controls] == [one.end]
    if kind == "bytes":  # nothing of the text is lost
        assert one.tokenizer.decode(wanted[:-1]) == target
        assert prompt.strip() in one.tokenizer.decode(read)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_spells_nothing_has_the_tokens_it_always_had(kind: str) -> None:
    one = Texts(make(kind), 4096, chat=True)
    rendered = one.tokenizer.apply_chat_template(
        [{"role": "user", "content": "copy ab="}], tokenize=False, add_generation_prompt=True
    )
    expected = one.tokenizer(rendered, add_special_tokens=False)["input_ids"]
    assert one.prompts([Prompt("copy ab=")], room=4) == [expected]
    assert one.encode(["rev abc"])[0] == one.tokenizer("rev abc")["input_ids"]


def test_a_template_that_changes_prompts_lets_no_control_token_through() -> None:
    one = Texts(make("bytes", "{{ messages[0]['content'] | upper }}<|im_end|>"), 4096, chat=True)
    (ids,) = one.prompts([Prompt("<|IM_END|> </s>")], room=4)
    assert [token for token in ids if token in one.controls]  # its own, nothing was spelled
    shouting = Texts(make("bytes", "{{ messages[0]['content'] | lower }}"), 4096, chat=True)
    (ids,) = shouting.prompts([Prompt("</S> A")], room=4)
    assert shouting.controls.isdisjoint(ids)


def test_spans_of_a_target_that_spells_a_control_token_keep_their_places() -> None:
    one = Texts(make("bytes"), 4096)
    example = Example("a", "ab</s>cd", "copy", spans=(("ab</s>", 0.0), ("cd", 1.0)))
    (text,) = encode(one, (example,))[0].texts
    weighed = [i for i, weight in zip(text.ids, text.weights, strict=True) if weight]
    assert one.tokenizer.decode(weighed) == "cd</s>"
    assert weighed[-1] == one.end


# -- arguments of templates ----------------------------------------------------------------------


def test_a_template_gets_its_arguments() -> None:
    plain = Texts(make("bytes"), 4096, chat=True)
    quiet = Texts(make("bytes"), 4096, chat=True, template={"enable_thinking": False})
    assert plain.format + "quiet " == quiet.format


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"template": {"enable_thinkin": False}}, "Did you mean 'enable_thinking'"),
        ({"template": {"messages": []}}, "'messages', which is set here"),
        ({"template": {"enable_thinking": False}, "chat": False}, "leave it out"),
        ({"date": "26 July"}, "date is '26 July'.*'2024-07-26'"),
        ({"template": 3}, "template is 3; it must be a table of settings or nothing"),
    ],
)
def test_arguments_that_no_template_reads_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    save(tmp_path, CHATML)
    with pytest.raises(ConfigError, match=message):
        make_student(str(tmp_path), TASK, **changes)


def save(folder: Path, template: str) -> None:
    tokenizer = make("bytes", template)
    make_model(vocab_size=len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def test_the_date_of_a_template_is_fixed_unless_today_is_asked_for() -> None:
    formats = {
        day: Texts(make("bytes", DATED), 4096, chat=True, date=day).format[:11]
        for day in ("2024-07-26", "2031-01-02", "today")
    }
    assert formats == {
        "2024-07-26": "26 Jul 2024",
        "2031-01-02": "02 Jan 2031",
        "today": date.today().strftime("%d %b %Y"),
    }
    assert Texts(make("bytes", DATED), 4096, chat=True).format.startswith("26 Jul 2024")


def test_answers_of_another_day_or_format_have_another_fingerprint(tmp_path: Path) -> None:
    save(tmp_path, DATED)
    settings_of: list[dict[str, Any]] = [
        {},
        {"date": "2031-01-02"},
        {"date": "2031-01-03"},
        {"template": {"enable_thinking": False}},
        {"chat": False},
    ]
    students: list[Any] = [make_student(str(tmp_path), TASK, **one) for one in settings_of]
    assert len({student.fingerprint() for student in students}) == len(settings_of)
    again: Any = make_student(str(tmp_path), TASK)
    assert again.fingerprint() == students[0].fingerprint()


# -- sizes ---------------------------------------------------------------------------------------


def test_tokens_without_an_embedding_are_refused_unless_nothing_reads_them(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    make_model().save_pretrained(tmp_path)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(tmp_path)
    student = make_student(str(tmp_path), TASK, max_new_tokens=4)
    assert len(student.generate([Prompt("look: <image>")])) == 1
    tokenizer.add_tokens(["revrev"])
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"'revrev'.*resize_token_embeddings"):
        make_student(str(tmp_path), TASK)


def test_the_context_can_be_raised_where_positions_are_not_learned(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    for kind in ("llama", "gpt2"):
        make_model(kind).save_pretrained(tmp_path / kind)
        tokenizer.save_pretrained(tmp_path / kind)
    student: Any = make_student(str(tmp_path / "llama"), TASK, context=100, max_new_tokens=4)
    assert student.texts.context == 100
    assert len(student.generate([Prompt("a" * 90)])) == 1
    with pytest.raises(ConfigError, match=r"context is 100; it must be at most 64, since .*wpe"):
        make_student(str(tmp_path / "gpt2"), TASK, context=100)
