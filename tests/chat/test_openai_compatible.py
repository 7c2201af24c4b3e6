"""The client against a real server: what it sends, what it reads, what it makes of failures."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from teachgym.chat.openai_compatible import OpenAICompatible, on_this_machine
from teachgym.chat.retry import Transient
from teachgym.chat.settings import ChatSettings
from teachgym.errors import ChatError, ConfigError, MissingExtraError
from teachgym.types import Completion, Cost
from tests.chat.loopback import (
    Fault,
    changed,
    choosing,
    cut_off,
    dropped,
    half,
    huge,
    page,
    refusing,
    serve,
    slow,
    status,
    torn,
    without_usage,
)

QUESTION = [{"role": "user", "content": "What is 2 + 2?"}]
SCHEMA = {"type": "object"}
KEY = "sk-never-shown"


def client(url: str | None, **settings: Any) -> OpenAICompatible:
    return OpenAICompatible(ChatSettings(model="m", base_url=url, **settings))


def ask_with(fault: Fault, **settings: Any) -> Completion:
    """One question to a server with a fault, which is told of the outcome."""
    with serve(lambda request: "four", {0: fault}) as server:
        return client(server.url, **settings).complete(QUESTION)


def events(completion: Completion) -> list[str]:
    return [incident.event for incident in completion.incidents]


def test_a_request_carries_the_settings_the_schema_and_the_draw_as_seed() -> None:
    with serve() as server:
        chat = client(server.url, temperature=0.5, top_p=0.9, max_tokens=7)
        chat.complete(QUESTION, SCHEMA, draw=3)
    described = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert server.requests == [
        {
            "model": "m",
            "messages": QUESTION,
            "max_tokens": 7,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 3,
            "response_format": {"type": "json_schema", "json_schema": described},
        }
    ]
    assert server.paths == ["/v1/chat/completions"]


def test_what_is_none_is_not_sent() -> None:
    with serve() as server:
        client(server.url, temperature=None).complete(QUESTION)
    assert server.requests[0].keys() == {"model", "messages", "max_tokens", "seed"}


def test_the_cost_is_what_the_server_counted_times_the_price() -> None:
    """The server counts characters: 14 in, 4 out; 14 * 2 $ + 4 * 8 $ = 60 $ per million."""
    with serve(lambda request: "four") as server:
        answer = client(server.url, prices={"in": 2.0, "out": 8.0}).complete(QUESTION)
    assert answer == Completion("four", Cost(0, 0, 1, 14, 4, 60 / 1e6))


def test_a_model_whose_price_is_not_known_costs_nothing() -> None:
    with serve() as server:
        assert client(server.url).complete(QUESTION).cost.dollars == 0


def test_tokens_nobody_counted_are_estimated() -> None:
    """14 characters in, 4 out: 14 / 4 and 4 / 4, rounded up, are 4 and 1."""
    answer = ask_with(without_usage)
    assert (answer.cost.teacher_tokens_in, answer.cost.teacher_tokens_out) == (4, 1)
    assert events(answer) == ["no-usage"]


@pytest.mark.parametrize(
    ("fault", "text", "cut", "event"),
    [
        (cut_off, "four", True, []),
        (choosing(finish_reason="content_filter"), "four", True, ["refusal"]),
        (choosing(message={"content": None, "refusal": "I will not"}), "", False, ["refusal"]),
        (choosing(message={"content": None}), "", False, ["empty"]),
        (choosing(message=None), "", False, ["empty"]),
        (choosing(message={"content": "\ud800!"}), "?!", False, []),
        (changed(lambda body: body.update(usage={"prompt_tokens": "?"})), "four", False, None),
    ],
)
def test_odd_replies_are_read_as_far_as_they_go(
    fault: Fault, text: str, cut: bool, event: list[str] | None
) -> None:
    answer = ask_with(fault)
    assert (answer.text, answer.cut) == (text, cut)
    assert events(answer) == (["no-usage"] if event is None else event)


def test_a_huge_reply_is_cut_and_said_to_be() -> None:
    answer = ask_with(huge)
    assert (len(answer.text), answer.cut, events(answer)) == (200_000, True, ["too-long"])


@pytest.mark.sweep(5)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (status(408), "status 408"),
        (status(409), "status 409"),
        (status(429), "status 429"),
        (status(500), "status 500"),
        (status(503), "status 503"),
        (dropped, "cannot be reached"),
        (torn, "cannot be reached"),
        (slow(60), "said nothing for 0.1 s"),
        (half, "sent no chat completion"),
        (page, "Please log in"),
        (changed(lambda body: body.update(choices=[])), "sent no chat completion"),
    ],
)
def test_failures_that_may_pass_are_transient(fault: Fault, said: str) -> None:
    with pytest.raises(Transient, match=said):
        ask_with(fault, timeout=0.1 if said.startswith("said") else 10.0)


@pytest.mark.parametrize(("header", "seconds"), [("3", 3.0), ("soon", None), ("-1", 0.0)])
def test_what_the_server_asks_to_wait_is_handed_on(header: str, seconds: float | None) -> None:
    with pytest.raises(Transient) as caught:
        ask_with(status(429, retry_after=header))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("code", "more", "fix"),
    [
        (401, {}, "set OPENAI_API_KEY to a key"),
        (403, {}, "set OPENAI_API_KEY to a key"),
        (404, {}, "check model and base_url"),
        (400, {}, "change the request"),
        (429, {"code": "insufficient_quota"}, "change the request"),
    ],
)
def test_failures_that_will_not_pass_name_the_model_the_place_the_status_and_the_fix(
    code: int, more: Mapping[str, str], fix: str
) -> None:
    with pytest.raises(ChatError, match=fix) as caught:
        ask_with(status(code, **more))
    assert not isinstance(caught.value, Transient)
    assert str(caught.value).startswith("m at http://127.0.0.1:")
    assert f"status {code}" in str(caught.value)


def test_without_the_client_library_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'teachgym\[llm\]'"):
        client("http://127.0.0.1:9").complete(QUESTION)


# -- what servers do not accept ----------------------------------------------------------------


def test_a_schema_that_is_refused_is_put_into_words_from_then_on() -> None:
    with serve(faults={0: refusing("response_format")}) as server:
        chat = client(server.url)
        answers = [chat.complete(QUESTION, SCHEMA) for _ in range(2)]
    assert ["response_format" in request for request in server.requests] == [True, False, False]
    assert [events(answer) for answer in answers] == [["unsupported"], []]
    assert server.requests[2]["messages"][0]["content"].startswith("What is 2 + 2?\n\nAnswer with")
    assert server.requests[2]["messages"][0]["content"].endswith(json.dumps(SCHEMA))
    assert QUESTION[0]["content"] == "What is 2 + 2?"


def test_a_schema_is_always_sent_or_never_if_the_settings_say_so() -> None:
    with serve(faults={0: refusing("response_format")}) as server:
        with pytest.raises(ChatError, match="unsupported: response_format"):
            client(server.url, json_schema="always").complete(QUESTION, SCHEMA)
        client(server.url, json_schema="never").complete(QUESTION, SCHEMA)
    assert ["response_format" in request for request in server.requests] == [True, False]


def test_seed_and_limit_are_replaced_if_they_are_refused() -> None:
    hint = "Unsupported parameter: '{}'. Use 'max_completion_tokens' instead."
    with serve(faults={1: refusing("max_tokens", hint), 2: refusing("seed")}) as server:
        answer = client(server.url, max_tokens=9).complete(QUESTION)
    assert events(answer) == ["unsupported", "unsupported"]
    last = server.requests[-1]
    assert last.keys() == {"model", "messages", "temperature", "max_completion_tokens"}
    assert last["max_completion_tokens"] == 9


def test_a_request_refused_whatever_is_left_out_fails_and_teaches_nothing() -> None:
    with serve(faults={1: status(400, "bad seed"), 2: status(400, "bad seed")}) as server:
        chat = client(server.url)
        with pytest.raises(ChatError, match="bad seed"):
            chat.complete(QUESTION)
        assert events(chat.complete(QUESTION)) == []
    assert ["seed" in request for request in server.requests] == [True, False, True]


# -- the key -----------------------------------------------------------------------------------


def test_the_key_is_read_when_it_is_needed_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server:
        chat = client(server.url, api_key_variable="MY_KEY")
        monkeypatch.setenv("MY_KEY", f"{KEY}\n")
        chat.complete(QUESTION)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_key_that_is_put_right_is_used_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(faults={1: status(401)}) as server:
        chat = client(server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-mistyped")
        with pytest.raises(ChatError, match="401"):
            chat.complete(QUESTION)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        chat.complete(QUESTION)
    assert [headers["authorization"] for headers in server.headers] == [
        "Bearer sk-mistyped",
        f"Bearer {KEY}",
    ]


def test_a_server_with_an_address_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serve() as server:
        assert client(server.url).complete(QUESTION).text == "ok"


def test_without_address_and_key_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ChatError, match="set the environment variable OPENAI_API_KEY"):
        client(None).complete(QUESTION)


@pytest.mark.parametrize("address", ["localhost:8000/v1", "http://[bad/v1", "ftp://host/v1"])
def test_an_address_in_the_environment_that_is_none_is_refused_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL is not the address of a server"):
        client(None).complete(QUESTION)


def test_what_other_libraries_log_is_searched_once_however_many_clients_there_are() -> None:
    with serve() as server:
        client(server.url).complete(QUESTION)
        filters = len(logging.getLogger("openai._base_client").filters)
        client(server.url).complete(QUESTION)
    assert len(logging.getLogger("openai._base_client").filters) == filters


@pytest.mark.parametrize("key", [KEY + "\u201d", KEY + "\r\nX: 1"])
def test_a_key_that_cannot_be_one_is_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ChatError, match="OPENAI_API_KEY holds no key") as caught:
        client(None).complete(QUESTION)
    assert KEY not in repr(caught.getrepr(chain=True))


@pytest.mark.parametrize("code", [401, 429, 200])
def test_a_key_that_the_server_repeats_is_not_shown(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ChatError, match=r"\*\*\*") as caught:
        ask_with(status(code, f"wrong key {KEY}"))
    assert KEY not in str(caught.getrepr(chain=True, style="native"))


def test_azure_is_asked_by_deployment_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serve() as server:
        endpoint = server.url.removesuffix("/v1")
        assert client(endpoint, api_version="2024-10-21").complete(QUESTION).text == "ok"
    path = "/openai/deployments/m/chat/completions?api-version=2024-10-21"
    assert server.paths == [path]
    assert server.headers[0]["api-key"] == KEY


def test_azure_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ChatError, match="no key"):
        client("http://127.0.0.1:9", api_version="2024-10-21").complete(QUESTION)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.9.1"])
def test_a_server_that_is_plainly_not_there_is_no_passing_failure(host: str) -> None:
    with serve(lambda request: "4") as server:
        url = server.url.replace("127.0.0.1", host)
    with pytest.raises(ChatError, match=r"nothing listens at .*; start the server") as caught:
        client(url).complete(QUESTION)
    assert not isinstance(caught.value, Transient)


def test_a_server_that_answered_may_come_back() -> None:
    with serve(lambda request: "4", {2: dropped}) as server:
        chat = client(server.url)
        chat.complete(QUESTION)
        with pytest.raises(Transient, match="cannot be reached"):
            chat.complete(QUESTION)
    with pytest.raises(Transient, match=r"cannot be reached.*refused"):
        chat.complete(QUESTION)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://user:key@LOCALHOST/v1", True),
        ("http://10.0.0.1:8000/v1", False),
        ("http://localhost.example.org/v1", False),
        ("https://api.openai.com/v1", False),
    ],
)
def test_addresses_of_this_machine(address: str, here: bool) -> None:
    assert on_this_machine(address) is here
