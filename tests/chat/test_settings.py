"""Plain settings: their ranges, and the chat model that they make."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from teachgym.chat.cache import Recorded
from teachgym.chat.make import make_chat
from teachgym.chat.openai_compatible import OpenAICompatible
from teachgym.chat.prices import Price
from teachgym.chat.rate_limit import Limited
from teachgym.chat.retry import Retrying, Transient
from teachgym.chat.scripted import Scripted
from teachgym.chat.settings import ChatSettings, require_key
from teachgym.errors import ChatError, ConfigError, UnknownNameError
from teachgym.types import Completion, Messages
from tests.chat.loopback import Server, serve, status

KEY = "sk-never-shown"
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(lambda request: request["messages"][-1]["content"].upper()) as server:
        yield server


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "model is empty"),
        ({"model": 3}, "model is 3; it must be a text"),
        ({"provider": "opnai"}, "Did you mean 'openai'?"),
        ({"cache": "on"}, "unknown cache 'on'"),
        ({"json_schema": "yes"}, "unknown json_schema 'yes'"),
        ({"temperature": -0.1}, r"temperature is -0.1; it must be in \[0, 2\]"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": "hot"}, "temperature is 'hot'; it must be a number or nothing"),
        ({"top_p": 0.0}, r"top_p is 0.0; it must be in \(0, 1\]"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"timeout": 0.0}, "timeout is 0.0"),
        ({"timeout": float("inf")}, "timeout is inf"),
        ({"attempts": 0}, "attempts is 0"),
        ({"requests_per_minute": 0}, "requests_per_minute is 0"),
        ({"tokens_per_minute": 0}, "tokens_per_minute is 0"),
        ({"workers": 0}, "workers is 0"),
        (
            {"base_url": "localhost:8000"},
            "base_url is not the address of a server .* begin with http",
        ),
        ({"api_version": "2024-10-21"}, "base_url must be the Azure endpoint"),
        ({"prices": 3}, "prices is 3"),
        ({"prices": {"in": 1.0}}, "prices is {'in': 1.0}"),
        ({"prices": {"in": 1.0, "out": -1.0}}, "each at least 0"),
        ({"prices": {"in": 1.0, "out": "1"}}, "out is '1'; it must be a number"),
        ({"modle": "m"}, "unknown setting 'modle' of the chat model. Did you mean 'model'?"),
    ],
)
def test_wrong_settings_are_named_with_what_is_allowed(settings: Any, said: str) -> None:
    if settings and "model" not in settings and "modle" not in settings:
        settings = {"model": "m", **settings}
    with pytest.raises((ConfigError, UnknownNameError), match=said):
        make_chat(settings)


def test_a_key_in_the_place_of_its_variable_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="api_key_variable is not the name") as caught:
        ChatSettings(model="m", api_key_variable=KEY)
    assert KEY not in str(caught.value)


def test_settings_are_json_and_come_back_from_it() -> None:
    settings = ChatSettings(model="m", prices={"in": 1.0, "out": 2.0}, cache="off")
    assert ChatSettings(**json.loads(json.dumps(settings.to_json()))) == settings


def test_limits_are_inside_retries_and_the_record_is_outside(tmp_path: Path) -> None:
    """A retry counts against the limits, and a recorded answer waits for nothing."""
    path = str(tmp_path / "chat.sqlite")
    chat = make_chat({"model": "m", "attempts": 3, "requests_per_minute": 9, "store": path})
    assert isinstance(chat, Recorded)
    assert isinstance(chat.chat, Retrying)
    assert isinstance(chat.chat.chat, Limited)
    assert isinstance(chat.chat.chat.chat, OpenAICompatible)
    assert (chat.chat.attempts, chat.chat.chat.requests_per_minute) == (3, 9)
    assert chat.name == "m"


def test_a_local_model_is_recorded_with_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ChatSettings] = []

    class Here(Scripted):
        def formatted(self, messages: Messages) -> str:
            return f"on day {day}: {messages[-1]['content']}"

    day = 1

    def make_local(settings: ChatSettings) -> Scripted:
        made.append(settings)
        return Here(lambda *_: f"here {day}", name=settings.model)

    # Stands for the module that loads torch.
    local = SimpleNamespace(make_local=make_local, LocalChatModel=Here)
    monkeypatch.setitem(sys.modules, "teachgym.chat.local", local)
    chat = make_chat({"provider": "local", "model": "m", "store": str(tmp_path / "r.sqlite")})
    assert isinstance(chat, Recorded)
    assert chat.complete(HELLO).text == "here 1"
    # What the model reads is part of the question: on another day it is another one.
    day = 2
    assert chat.complete(HELLO).text == "here 2"
    day = 1
    assert chat.complete(HELLO).text == "here 1"
    assert made == [ChatSettings(provider="local", model="m", store=str(tmp_path / "r.sqlite"))]


def test_answers_are_kept_in_the_cache_folder_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHGYM_CACHE", str(tmp_path))
    chat = make_chat({"model": "m"})
    assert isinstance(chat, Recorded)
    assert chat.path == tmp_path / "chat" / "chat.sqlite"
    assert isinstance(make_chat({"model": "m", "cache": "off"}), Retrying)


def test_a_record_is_replayed_without_server_and_key(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings: dict[str, Any] = {"model": "m", "store": str(tmp_path / "chat.sqlite")}
    chat = make_chat({**settings, "base_url": server.url})
    first = [chat.complete(HELLO, draw=draw) for draw in range(3)]
    monkeypatch.delenv("OPENAI_API_KEY")
    asked = len(server.requests)
    # Other ways to the same model: they do not change what it answers.
    replayed = make_chat({**settings, "cache": "replay", "workers": 1, "attempts": 1})
    assert [replayed.complete(HELLO, draw=draw) for draw in range(3)] == first
    assert len(server.requests) == asked == 3
    with pytest.raises(ChatError, match="has no answer of m"):
        make_chat({**settings, "cache": "replay", "temperature": 0.5}).complete(HELLO)


def test_the_key_is_nowhere_in_the_record(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.faults = {2: status(401, f"bad key {KEY}")}
    chat = make_chat({"model": "m", "base_url": server.url, "store": str(tmp_path / "r.sqlite")})
    chat.complete(HELLO)
    with pytest.raises(ChatError, match="bad key"):
        chat.complete(HELLO, draw=1)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    for file in tmp_path.glob("r.sqlite*"):
        assert KEY.encode() not in file.read_bytes()


def test_answers_belong_to_their_questions_however_many_are_asked_at_once(
    tmp_path: Path, server: Server
) -> None:
    """Every third request fails once, so that answers overtake each other."""
    server.faults = {number: status(503, retry_after="0") for number in range(1, 40, 3)}
    store = str(tmp_path / "r.sqlite")
    # One question may meet every fault there is.
    attempts = len(server.faults) + 1
    chat = make_chat({"model": "m", "base_url": server.url, "store": store, "attempts": attempts})

    def ask(number: int) -> Completion:
        return chat.complete([{"role": "user", "content": f"question {number}"}])

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(40)))
    assert [answer.text for answer in answers] == [f"QUESTION {number}" for number in range(40)]
    assert len(server.requests) == 40 + len(server.faults)
    retries = [i for answer in answers for i in answer.incidents if i.event == "retry"]
    assert len(retries) == len(server.faults)


def test_making_a_chat_model_asks_and_reads_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    make_chat({"model": "m", "cache": "off"})
    make_chat({"model": "m", "cache": "off", "base_url": server.url})
    assert server.requests == []


def shout(messages: Any, schema: Any, draw: int) -> str:
    return f"{messages[-1]['content'].upper()} {draw}"


BUSY: list[str] = []


def shout_when_free(messages: Any, schema: Any, draw: int) -> str:
    if BUSY:
        error = Transient(BUSY.pop())
        error.retry_after = 0.0
        raise error
    return shout(messages, schema, draw)


def test_a_function_can_answer() -> None:
    chat = make_chat({"provider": "python", "model": f"{__name__}:shout", "cache": "off"})
    assert chat.complete(HELLO, draw=3).text == "HELLO 3"
    wrong = {"shout": "give module:function", "nowhere.at.all:shout": "no module 'nowhere'"}
    for model, said in {**wrong, f"{__name__}:shuot": "attribute 'shuot' of .*'shout'"}.items():
        with pytest.raises(ConfigError, match=said):
            make_chat({"provider": "python", "model": model})


def test_settings_hold_for_every_provider() -> None:
    """Attempts, limits and prices; 5 and 7 characters are 2 tokens each: 2 * 3 $ + 2 * 5 $."""
    BUSY.append("busy")
    chat = make_chat(
        {
            "provider": "python",
            "model": f"{__name__}:shout_when_free",
            "prices": {"in": 3e6, "out": 5e6},
            "requests_per_minute": 9,
            "attempts": 2,
            "cache": "off",
        }
    )
    assert isinstance(chat, Retrying)
    assert isinstance(chat.chat, Limited)
    assert chat.chat.requests_per_minute == 9
    answer = chat.complete(HELLO)
    assert (answer.text, [incident.event for incident in answer.incidents]) == (
        "HELLO 0",
        ["retry"],
    )
    assert answer.cost.dollars == 16.0


def test_equal_settings_are_one_chat_model_while_it_is_used() -> None:
    """So that teacher, engine and proposer share weights, connections and rate limits."""
    settings = {"model": "m", "cache": "off"}
    chat = make_chat(settings)
    assert make_chat(settings) is chat
    assert make_chat({**settings, "temperature": 0.0}) is not chat


def test_a_missing_key_is_told_without_the_secrets_of_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://me:a-password@host/v1?api_key=a-token")
    azure = {"base_url": "https://me:a-password@host", "api_version": "2024-10-21"}
    for settings in ({}, azure):
        with pytest.raises(ConfigError, match="asks m at https://host") as caught:
            require_key(ChatSettings(model="m", cache="off", **settings), "teacher 'llm'")
        assert "a-password" not in str(caught.value)
        assert "a-token" not in str(caught.value)


def test_prices_are_given_and_never_guessed() -> None:
    assert ChatSettings(model="gpt-4o").price is None
    assert ChatSettings(model="m", provider="local").price == Price(0.0, 0.0)
    assert ChatSettings(model="m", prices={"in": 2.5, "out": 10}).price == Price(2.5, 10)
