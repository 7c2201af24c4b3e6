"""The client against servers that others wrote: ``transformers serve``, and LiteLLM before it.

The models are small and random, so that what they say means nothing; what counts is that it
comes, how it is counted, and what is made of refusals. ``make servers`` installs the servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from teachgym.chat.openai_compatible import OpenAICompatible
from teachgym.chat.settings import ChatSettings
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.errors import ChatError
from teachgym.protocols import Meter
from teachgym.types import Cost, Incident
from tests.chat.real_servers import litellm, program, transformers_serve

pytestmark = pytest.mark.servers

KEY = "sk-the-key-of-the-proxy-4711"
ASK = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "copy ab="}]
SCHEMA = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "string"}}},
    "required": ["items"],
    "additionalProperties": False,
}
TEMPLATES = {
    "plain": "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    "{% if enable_thinking is defined and not enable_thinking %}0123456789{% endif %}",
    "no-system": "{% for m in messages %}{% if m['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{{ m['content'] }}\n{% endfor %}",
}
N_TOKENS = 17
"""Of the messages in the template ``plain``: a character each of "be kind\\n" and "copy ab=\\n"."""


@dataclass(frozen=True)
class Place:
    """A server, and what its models are called there."""

    url: str
    names: dict[str, str]

    def chat(self, model: str, **settings: Any) -> OpenAICompatible:
        name = self.names.get(model, model)
        own = {"max_tokens": 8, "timeout": 300.0, **settings}
        return OpenAICompatible(ChatSettings(model=name, base_url=self.url, **own))


def save_model(folder: Path, template: str) -> Path:
    """A Llama with a few thousand random weights and the tokenizer of ``tiny``."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from teachgym.students.bases import base_folder

    tokenizer = AutoTokenizer.from_pretrained(base_folder("tiny", 0))
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=4096,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=None,  # Every answer ends by its limit.
            )
        )
    model.generation_config.do_sample = True  # Else transformers serve heeds no temperature.
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    """``direct`` (by model: each server is pinned to one) and ``proxy``, which has both."""
    program("transformers"), program("litellm")
    folder = tmp_path_factory.mktemp("servers")
    models = {name: save_model(folder / name, text) for name, text in TEMPLATES.items()}
    names = {name: str(path) for name, path in models.items()}
    with (
        transformers_serve(folder / "serve-plain", models["plain"]) as plain,
        transformers_serve(folder / "serve-no-system", models["no-system"]) as no_system,
    ):
        behind = {"plain": (plain, names["plain"]), "no-system": (no_system, names["no-system"])}
        with litellm(folder / "proxy", behind, KEY) as proxy:
            yield {
                "plain": Place(plain, names),
                "no-system": Place(no_system, names),
                "proxy": Place(proxy, {}),
            }


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.mark.parametrize("schema", [None, SCHEMA], ids=["text", "schema"])
@pytest.mark.parametrize("where", ["plain", "proxy"])
def test_an_answer_comes_is_counted_and_is_that_of_its_draw(
    places: dict[str, Place], where: str, schema: dict[str, Any] | None
) -> None:
    """Nothing is refused; 8 tokens of 36 or more characters agree by chance once in 10^12."""
    chat = places[where].chat("plain")
    first, again, other = (chat.complete(ASK, schema, draw=draw) for draw in (1, 1, 2))
    assert first.text == again.text != other.text
    assert (first.cost.teacher_tokens_in, first.cost.teacher_tokens_out) == (N_TOKENS, 8)
    assert first.cut
    assert not first.incidents


@pytest.mark.parametrize("where", ["plain", "proxy"])
def test_arguments_reach_the_chat_template(places: dict[str, Place], where: str) -> None:
    """The template adds ten characters where thinking is off."""
    chat = places[where].chat("plain", template={"enable_thinking": False})
    assert chat.complete(ASK).cost.teacher_tokens_in == N_TOKENS + 10


@pytest.mark.parametrize("schema", [None, SCHEMA], ids=["text", "schema"])
@pytest.mark.parametrize("where", ["no-system", "proxy"])
def test_a_template_without_system_messages_gets_them_from_the_user(
    places: dict[str, Place], where: str, schema: dict[str, Any] | None
) -> None:
    """It fails with a bare 500; twice is no mishap, and then the server is asked at once."""
    chat = places[where].chat("no-system")
    said = [chat.complete(ASK, schema) for _ in range(3)]
    assert all(completion.text for completion in said)
    assert [len(completion.incidents) for completion in said][0::2] == [0, 0]
    refused = [incident.detail for incident in said[1].incidents]
    assert any(detail.endswith("refuses system") for detail in refused)


@pytest.mark.parametrize(
    ("where", "reason"), [("plain", "requested 'no/such'"), ("proxy", "Invalid model name")]
)
def test_a_wrong_model_is_said_with_the_servers_reason(
    places: dict[str, Place], where: str, reason: str
) -> None:
    with pytest.raises(ChatError, match=f"status 400: .*{reason}"):
        places[where].chat("no/such").complete(ASK)


def test_a_wrong_key_is_refused_and_not_shown(
    places: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiteLLM looks it up in its database, and says that it has none."""
    wrong = "sk-quite-another-key-0815"
    monkeypatch.setenv("OPENAI_API_KEY", wrong)
    with pytest.raises(ChatError, match=r"status 40[01]: \w.*; ") as error:
        places["proxy"].chat("plain").complete(ASK)
    assert wrong not in str(error.value)
    assert wrong[-4:] not in str(error.value)


class Word(BaseModel):
    """What is asked for, and random weights never say."""

    word: str


class Noting(Meter):
    """Pays for everything, and keeps what goes wrong."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def exhausted(self) -> tuple[str, ...]:
        return ()

    def record(self, cost: Cost) -> None:
        pass

    def note(self, incident: Incident) -> None:
        self.events.append(incident.event)

    def call(self, key: str) -> None:
        pass


@pytest.mark.parametrize("where", ["plain", "proxy"])
def test_what_is_no_json_is_asked_for_again_and_given_up(
    places: dict[str, Place], where: str
) -> None:
    """The second question holds the first reply, which the template must take."""
    meter = Noting()
    asker = StructuredChat(places[where].chat("plain"), meter, attempts=2)
    assert asker.ask([ChatRequest(tuple(ASK))], Word) == [()]
    assert meter.events == ["cut", "reask", "cut", "malformed"]
