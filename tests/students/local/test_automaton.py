"""Grammars as tables of tokens: what may be said, and how likely it is, for any tokenizer."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from teachgym.errors import ConfigError
from teachgym.students.local.automaton import Automaton, write
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.sampling import Asked, sample_tokens
from teachgym.students.texts import Texts
from teachgym.training.groups import Group, Response
from teachgym.training.losses import Sft
from teachgym.training.sampled_loss import AsSampled, noted_of
from teachgym.training.updates import differentiate
from tests.students.models import make_model

GRAMMAR = {
    "name": {"rev:": "share", "revnext:": "share", "add:": "share"},
    "share": {"1": "after", "2": "after"},
    "after": {", ": "last", "": ""},
    "last": {"up": "end"},
    "end": {"": ""},
}
"""Begins names with names, and ends after one or two things."""
LEGAL = {
    f"{name}:{share}{more}"
    for name, share, more in itertools.product(("rev", "revnext", "add"), "12", ("", ", up"))
}


def sentencepiece_like() -> Any:
    """Words are kept with the blank before them, as Llama's tokenizer does it."""
    letters = sorted({c for text in LEGAL for c in text} - {" "})
    words = ["<unk>", "</s>", "▁", *letters, "▁rev", "▁add", "next", "up"]
    merges = [("▁", "r"), ("▁r", "e"), ("▁re", "v")]
    vocabulary = {w: i for i, w in enumerate(dict.fromkeys([*words, "▁r", "▁re"]))}
    inner = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    inner.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", eos_token="</s>")


def words_alone() -> Any:
    inner = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1, "add": 2}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", eos_token="</s>")


def byte_level() -> Any:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {w: i for i, w in enumerate(["</s>", *alphabet, "re", "rev", "ne", "v:"])}
    merges = [("r", "e"), ("re", "v"), ("n", "e"), ("v", ":")]
    inner = Tokenizer(models.BPE(vocabulary, merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="</s>")


TOKENIZERS = {"bytes": byte_level, "pieces": sentencepiece_like}


def pool_of(architecture: str) -> StudentPool:
    texts = Texts(byte_level(), 64)
    model = make_model(architecture, vocab_size=len(texts.tokenizer))
    return StudentPool(model, texts, max_new_tokens=24)


def replies(automaton: Automaton, texts: Texts) -> list[tuple[int, ...]]:
    """All that may be said, by walking through the table."""
    found, open_ = [], [((), 0)]
    while open_:
        ids, state = open_.pop()
        for token, following in zip(
            automaton.tokens[state].tolist(), automaton.nexts[state].tolist(), strict=True
        ):
            if token == texts.end:
                found.append((*ids, token))
            elif token >= 0:
                open_.append(((*ids, token), following))
    return found


@pytest.mark.parametrize("name", TOKENIZERS)
def test_it_allows_what_the_grammar_says_and_nothing_else(name: str) -> None:
    texts = Texts(TOKENIZERS[name](), 64)
    automaton = Automaton.of(GRAMMAR, texts)
    said = replies(automaton, texts)
    told = [texts.decode(ids).replace(" ", "").replace(",", ", ") for ids in said]
    assert sorted(told) == sorted(LEGAL)
    assert automaton.longest == max(map(len, said))
    pieces = ["revnext:", "2", ", ", "up"]
    assert write(pieces, texts) in said
    states = automaton.states(write(pieces, texts))
    assert states[0] == 0
    assert len(set(states)) == len(states)


def test_sampled_replies_are_legal_and_as_likely_as_the_loss_says() -> None:
    """2,000 draws: each reply is drawn as often as its probability over legal tokens says."""
    pool = pool_of("llama")
    texts = pool.texts
    automaton = Automaton.of(GRAMMAR, texts)
    prompt = tuple(texts.encode(["abc"])[0])
    asked = [[Asked(prompt, 3, "x")]]
    how: dict[str, Any] = {"k": 2000, "temperature": 1.5, "automaton": automaton}
    ((drawn,),) = sample_tokens(pool, asked, **how)
    every = replies(automaton, texts)
    assert {tuple(ids) for ids in drawn} <= set(every)
    data = [Group(prompt, ()).datum(Response(ids)) for ids in every]
    noted: list[torch.Tensor] = []
    loss = AsSampled(Sft(), 1.5, noted, automaton)
    differentiate(pool, [data], loss, 64)
    known = {d.texts[0].ids[len(prompt) :]: sum(own) for d, own in noted_of([data], noted, 64)}
    chances = {ids: torch.tensor(value).exp().item() for ids, value in known.items()}
    assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
    for ids, chance in chances.items():
        share = sum(tuple(one) == ids for one in drawn) / len(drawn)
        assert abs(share - chance) < 4.5 * (chance * (1 - chance) / len(drawn)) ** 0.5 + 1e-9


def test_log_probabilities_are_those_of_the_legal_tokens_of_plain_logits() -> None:
    pool = pool_of("llama")
    texts, automaton = pool.texts, Automaton.of(GRAMMAR, pool.texts)
    prompt, answer = texts.encode(["ab"])[0], write(["rev:", "1"], texts)
    with torch.no_grad():
        logits = pool.network.model(torch.tensor([[*prompt, *answer]])).logits[0]
    expected = []
    for place, (state, token) in enumerate(zip(automaton.states(answer), answer, strict=True)):
        legal = [t for t in automaton.tokens[state].tolist() if t >= 0]
        scores = logits[len(prompt) + place - 1, legal].log_softmax(-1)
        expected.append(scores[legal.index(token)].item())
    noted: list[torch.Tensor] = []
    datum = Group(tuple(prompt), ()).datum(Response(answer))
    differentiate(pool, [[datum]], AsSampled(Sft(), 1.0, noted, automaton), 64)
    ((_, own),) = noted_of([[datum]], noted, 64)
    assert own == pytest.approx(expected, abs=1e-5)


def test_replies_depend_on_nothing_else_that_is_asked() -> None:
    """Rows end at different times and move; alone, each prompt is answered the same."""
    pool = pool_of("qwen2")
    automaton = Automaton.of(GRAMMAR, pool.texts)
    asked = [[Asked((k, k + 1), k, "y") for k in range(3, 20)]]
    (drawn,) = sample_tokens(pool, asked, k=3, temperature=1.0, automaton=automaton)
    again = [
        sample_tokens(pool, [[one]], k=3, temperature=1.0, automaton=automaton)[0][0]
        for one in asked[0][:3]
    ]
    assert again == drawn[:3]
    legal = set(replies(automaton, pool.texts))
    assert {tuple(ids) for own in drawn for ids in own} <= legal


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ({"a": {"ab": "b", "abc": "b"}, "b": {"": ""}}, "'abc' begins like another"),
        ({"a": {"abc": "b", "ab": "b"}, "b": {"": ""}}, "'ab' begins like another"),
        ({"a": {"x": "a"}}, "has a cycle"),
    ],
)
def test_grammars_that_cannot_be_followed_are_refused(grammar: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Automaton.of(grammar, Texts(byte_level(), 64))


def test_what_a_tokenizer_cannot_write_is_refused() -> None:
    texts = Texts(words_alone(), 64)
    with pytest.raises(ConfigError, match="so a reply could not be read"):
        Automaton.of({"a": {"rev": "b"}, "b": {"": ""}}, texts)


def test_states_of_an_illegal_reply_are_an_error() -> None:
    texts = Texts(byte_level(), 64)
    with pytest.raises(ConfigError, match="after 1 others is not legal"):
        Automaton.of(GRAMMAR, texts).states(texts.encode(["ax"])[0])
