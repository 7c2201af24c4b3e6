"""What servers of others say and do: errors in any form, refusals, parts, counts, and trickles."""

from __future__ import annotations

import base64
import json
import time
from itertools import cycle
from typing import Any

import pytest

from teachgym.chat.openai_compatible import OpenAICompatible
from teachgym.chat.retry import Transient
from teachgym.chat.server_errors import reason
from teachgym.chat.settings import ChatSettings
from teachgym.errors import ChatError, ConfigError
from teachgym.types import Completion
from tests.chat.loopback import Fault, Request, serve

ASK = [{"role": "system", "content": "You are kind."}, {"role": "user", "content": "2+2?"}]
SCHEMA = {"type": "object", "properties": {"items": {"type": "array"}}}


def chat(url: str, **settings: Any) -> OpenAICompatible:
    return OpenAICompatible(ChatSettings(model="m", base_url=url, **settings))


def refusing(code: int, body: str, without: str, kind: str = "application/json") -> Fault:
    """Refuses as long as the request has something."""

    def fault(handler: Any, request: Request) -> None:
        has = without in request or (
            without == "system" and request["messages"][0]["role"] == "system"
        )
        if has:
            handler.send(code, body, kind=kind)
        else:
            handler.send(200, json.dumps(handler.completion(request)))

    return fault


def bodies(text: str) -> dict[str, str]:
    """A reason in every form that is known."""
    return {
        "openai": json.dumps({"error": {"message": text, "type": "invalid", "code": None}}),
        "error text": json.dumps({"error": text}),
        "detail": json.dumps({"detail": text}),
        "detail list": json.dumps({"detail": [text]}),
        "detail objects": json.dumps(
            {"detail": [{"loc": ["body", "x"], "msg": text, "input": {"seed": 1}}]}
        ),
        "detail object": json.dumps({"detail": {"error": text}}),
        "message": json.dumps({"object": "error", "message": text, "code": 40001}),
        "errors": json.dumps({"errors": [{"message": text}]}),
        "text": text,
        "HTML": f"<html><head><title>Error</title></head><body><h1>{text}</h1></body></html>",
        "JSON text": json.dumps(text),
        "list": json.dumps([{"error": {"message": text}}]),
    }


CASES = list(zip(bodies(""), cycle([400, 401, 403, 413, 418, 422, 429, 500, 503])))


@pytest.mark.sweep(6)
@pytest.mark.parametrize(("form", "status"), CASES)
def test_the_reason_is_shown_whatever_its_form(form: str, status: int) -> None:
    text = "the flux capacitor is empty"
    fault: Fault = lambda handler, request: handler.send(status, bodies(text)[form])  # noqa: E731
    said = pytest.raises(ChatError, match=f"status {status}: .*{text}")
    with serve(lambda request: "4", faults={0: fault}) as server, said as error:
        chat(server.url).complete(ASK)
    assert isinstance(error.value, Transient) == (status in (429, 500, 503))


REFUSALS = {
    "seed": ("Unsupported field: seed", "seed"),
    "max_tokens": ("Use 'max_completion_tokens' instead of 'max_tokens'", "max_tokens"),
    "response_format": ("response_format is not supported", "response_format"),
    "json_schema": ("json_schema is unavailable now", "response_format"),
    "structured output": ("Structured outputs need a newer engine", "response_format"),
    "system role": ("System role not supported", "system"),
    "alternate": ("Conversation roles must alternate user/assistant/user/...", "system"),
}


MIXED = list(zip([*bodies("")] * 2, cycle(REFUSALS), cycle([400, 422, 500, 400])))


@pytest.mark.sweep(8)
@pytest.mark.parametrize(("form", "refusal", "status"), MIXED)
def test_what_a_server_names_is_done_without(form: str, refusal: str, status: int) -> None:
    words, without = REFUSALS[refusal]
    fault = refusing(status, bodies(words)[form], without)
    with serve(lambda request: "4", faults={0: fault}) as server:
        model = chat(server.url)
        completions = [model.complete(ASK, SCHEMA) for _ in range(3)]
        assert {completion.text for completion in completions} == {"4"}
        assert [i.event for i in completions[0].incidents] == ["unsupported"]
        # Learned: nothing is refused twice.
        assert len(server.requests) == 4
        last = server.requests[-1]
    if without == "system":
        assert last["messages"] == [{"role": "user", "content": "You are kind.\n\n2+2?"}]
    assert ("response_format" in last) == (without != "response_format")


@pytest.mark.sweep(4)
@pytest.mark.parametrize("status", [400, 404, 405, 415, 422, 500, 501])
@pytest.mark.parametrize("body", ["", "no", "Internal Server Error", '{"detail": "Not Found"}'])
def test_a_schema_that_is_refused_without_a_word_is_put_into_words(status: int, body: str) -> None:
    fault = refusing(status, body, "response_format", "text/plain")
    with serve(lambda request: "4", faults={0: fault}) as server:
        model = chat(server.url)
        found = [model.complete(ASK, SCHEMA) for _ in range(3)]
        assert [completion.text for completion in found] == ["4"] * 3
        assert "JSON schema" in server.requests[-1]["messages"][-1]["content"]
        assert len(server.requests) == 5
        with pytest.raises(ChatError, match=f"status {status}"):
            chat(server.url, json_schema="always").complete(ASK, SCHEMA)


def test_a_template_that_fails_on_system_messages_with_nothing_but_500_is_given_none() -> None:
    fault = refusing(500, "Internal Server Error", "system", "text/plain")
    with serve(lambda request: "4", faults={0: fault}) as server:
        assert chat(server.url).complete(ASK, SCHEMA).text == "4"
        assert chat(server.url).complete(ASK).text == "4"


def test_a_server_that_hangs_up_after_a_500_is_asked_on_another_line() -> None:
    """As the real ``transformers serve`` does: the second request finds the connection gone."""

    def fault(handler: Any, request: Request) -> None:
        if request["messages"][0]["role"] == "system":
            handler.send(500, "Internal Server Error", kind="text/plain")
        elif len(handler.server.requests) == 2:
            handler.close_connection = True  # Not a word.
        else:
            handler.send(200, json.dumps(handler.completion(request)))

    with serve(lambda request: "4", faults={0: fault}) as server:
        assert chat(server.url).complete(ASK).text == "4"
        assert len(server.requests) == 3


def test_a_mishap_of_a_server_that_takes_schemas_costs_it_nothing() -> None:
    failing: Fault = lambda handler, request: handler.send(500, "oops")  # noqa: E731
    with serve(lambda request: "4", faults={2: failing}) as server:
        model = chat(server.url)
        model.complete(ASK, SCHEMA)
        with pytest.raises(Transient, match="oops"):
            model.complete(ASK, SCHEMA)
        model.complete(ASK, SCHEMA)
        assert all("response_format" in request for request in server.requests)


def replying(**changes: Any) -> Fault:
    """A completion whose message or body is changed."""

    def fault(handler: Any, request: Request) -> None:
        body = handler.completion(request)
        body["choices"][0]["message"] |= changes.get("message", {})
        body |= changes.get("body", {})
        handler.send(200, json.dumps(body))

    return fault


def asked(**changes: Any) -> Completion:
    with serve(lambda request: "4", faults={0: replying(**changes)}) as server:
        return chat(server.url).complete(ASK)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "4"}], "4"),
        ([{"type": "text", "text": "4"}, {"type": "text", "text": "2"}], "42"),
        ([{"type": "output_text", "text": "4"}], "4"),
        ([{"type": "reasoning", "text": "no"}, "4", {"text": "2"}], "42"),
        ([{"type": "text", "text": {"value": "4"}}], "4"),
        ({"type": "text", "text": "4"}, "4"),
        ([None, 3, {"type": "text"}], ""),
        (None, ""),
    ],
)
def test_content_may_come_in_parts(content: Any, text: str) -> None:
    assert asked(message={"content": content}).text == text


def test_a_refusal_may_be_a_part() -> None:
    completion = asked(message={"content": [{"type": "refusal", "refusal": "never"}]})
    assert [incident.detail for incident in completion.incidents] == ["never"]


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": -3, "completion_tokens": None},
        {"prompt_tokens": True, "completion_tokens": "7"},
        {},
        None,
        [],
    ],
)
def test_tokens_that_nobody_counted_are_estimated(usage: Any) -> None:
    completion = asked(body={"usage": usage}, message={"content": "four, I think"})
    assert completion.cost.teacher_tokens_in == 5
    assert completion.cost.teacher_tokens_out == 4
    assert [incident.event for incident in completion.incidents] == ["no-usage"]


def test_a_call_that_trickles_ends_at_its_deadline() -> None:
    """A character every 20 ms sets the time-out of silence back for ever."""

    def trickle(handler: Any, request: Request) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        while not handler.server.closing.is_set():
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)

    late = pytest.raises(Transient, match=r"had not answered after 0\.2 s; raise deadline")
    with serve(lambda request: "4", faults={0: trickle}) as server, late:
        chat(server.url, deadline=0.2).complete(ASK)


@pytest.mark.parametrize("deadline", [0, -1.0, float("inf"), float("nan")])
def test_a_deadline_is_a_number_of_seconds(deadline: float) -> None:
    with pytest.raises(ConfigError, match="deadline is"):
        ChatSettings(model="m", deadline=deadline)


def test_arguments_of_the_template_are_sent_and_decide_answers() -> None:
    with serve(lambda request: "4", faults={}) as server:
        chat(server.url, template={"enable_thinking": False}).complete(ASK)
        assert server.requests[0]["chat_template_kwargs"] == {"enable_thinking": False}
    plain, other = ChatSettings(model="m"), ChatSettings(model="m", template={"a": 1})
    assert plain.identity != other.identity
    assert "template" not in plain.identity


@pytest.mark.parametrize("place", ["user:pa55word@", ""])
def test_credentials_in_an_address_are_sent_and_not_kept(place: str) -> None:
    with serve(lambda request: "4", faults={}) as server:
        url = server.url.replace("//", f"//{place}") + "?api_key=s3cr3t-value&v=2"
        settings = ChatSettings(model="m", base_url=url)
        OpenAICompatible(settings).complete(ASK)
        assert "api_key=s3cr3t-value" in server.paths[0]
        basic = base64.b64encode(b"user:pa55word").decode()
        assert (server.headers[0]["authorization"] == f"Basic {basic}") == bool(place)
    kept = f"{settings!r} {settings.to_json()}"
    assert "pa55word" not in kept
    assert "s3cr3t" not in kept
    assert settings.to_json()["base_url"] == server.url + "?v=2"


def test_the_address_of_a_resumed_run_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://u:pa55word@h/v1")
    assert ChatSettings(model="m", base_url="http://h/v1").address == "http://u:pa55word@h/v1"
    assert ChatSettings(model="m", base_url="http://other/v1").address == "http://other/v1"


def test_a_reason_is_short_and_plain() -> None:
    assert len(reason("x" * 10_000)) == 300
    assert reason("") == "no reason given"
