"""Chat models behind any server that speaks OpenAI's protocol, by OpenAI's own client library.

OpenAI, Azure, vLLM, SGLang, Ollama, OpenRouter and others. They differ in what they accept and
return, so nothing but the text of an answer is taken for granted. Needs the extra ``llm``.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teachgym.chat.prices import Price, estimate_tokens
from teachgym.chat.retrying import Transient, read_retry_after
from teachgym.chat.settings import ChatSettings
from teachgym.errors import ChatError, missing_extra
from teachgym.types import Completion, Cost, Incident

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

_PASSING = (408, 409, 429)
"""Statuses, besides 500 and above, of failures that may pass."""

_DISPENSABLE = {
    "response_format": ("response_format", "json_schema"),
    "seed": ("seed",),
    "max_tokens": ("max_completion_tokens",),
}
"""What a request can do without or say otherwise, and the words in refusals of it."""

_FIXES = {
    401: "set {key} to a key that this server accepts",
    403: "set {key} to a key that may use this model",
    404: "check model and base_url, which mostly ends in /v1",
}
_QUOTA = "insufficient_quota"
"""OpenAI's code for an account without money, which no waiting helps."""

_SHOWN = 300
"""Characters of a server's message that errors show."""

_IN_WORDS = "\n\nAnswer with nothing but a JSON object that fits this JSON schema:\n{schema}"


class OpenAICompatible:
    """Asks a server, once per call; see ``Retrying`` for more attempts.

    The key is read from its environment variable when the first call is made, is never stored
    elsewhere, and never shown. A server whose ``base_url`` is given needs none.

    Incidents: ``unsupported`` (the server refuses the JSON schema, the seed or ``max_tokens``;
    from then on the schema is put into words, the seed left out, the limit called by its new
    name), ``no-usage`` (it does not count tokens; they are estimated), ``refusal``, ``empty``,
    ``too-long``. A model whose price is not known costs 0 dollars.

    Args:
        settings: of the model; those about retries, limits and records are not used here.
        max_reply_chars: longer replies are cut.
    """

    def __init__(self, settings: ChatSettings, *, max_reply_chars: int = 1_000_000) -> None:
        self.settings, self.max_reply_chars = settings, max_reply_chars
        self._client: OpenAI | None = None
        self._refused: frozenset[str] = frozenset()
        """What the server is known not to accept."""
        self._price = settings.price or Price(0.0, 0.0)
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name at the server."""
        return self.settings.model

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None = None,
        *,
        draw: int = 0,
    ) -> Completion:
        """The server's answer; see ``protocols.ChatModel``. ``draw`` is sent as the seed.

        Raises:
            Transient: for statuses 408, 409, 429 and above 499, time-outs, lost connections and
                replies that are no JSON.
            ChatError: for any other refusal, and where there is no key.
            MissingExtraError: if ``openai`` is not installed.
        """
        client = self._connect()
        refused = self._refused
        while True:
            request = _request(self.settings, messages, schema, draw, refused)
            try:
                body = self._send(client, request)
            except _Refusal as refusal:
                parameter = self._replaceable(refusal.said, request)
                if parameter is None:
                    raise
                refused |= {parameter}
            else:
                return self._read(body, messages, self._learn(refused))

    def _connect(self) -> OpenAI:
        """The library's client, made once."""
        with self._lock:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    def _make_client(self) -> OpenAI:
        try:
            from openai import AzureOpenAI, OpenAI
        except ImportError as error:
            raise missing_extra("openai", "llm") from error
        own, key = self.settings, self._key()
        needs_key = own.base_url is None or own.api_version is not None
        if key is not None and not (key.isascii() and key.isprintable()):
            raise ChatError(f"{own.api_key_variable} holds no key: keys are of ASCII characters")
        if key is None and needs_key:
            raise ChatError(
                f"there is no key for {own.model} at {self._place}; set the environment variable "
                f"{own.api_key_variable}, or base_url for a server that needs none"
            )
        # Retries are ours: they are counted, limited and recorded.
        if own.api_version is not None:
            return AzureOpenAI(
                api_key=key,
                api_version=own.api_version,
                azure_endpoint=own.base_url or "",
                timeout=own.timeout,
                max_retries=0,
            )
        return OpenAI(
            api_key=key or "none", base_url=own.base_url, timeout=own.timeout, max_retries=0
        )

    def _key(self) -> str | None:
        return os.environ.get(self.settings.api_key_variable, "").strip() or None

    @property
    def _place(self) -> str:
        return self.settings.base_url or os.environ.get("OPENAI_BASE_URL") or "OpenAI"

    # -- one request ---------------------------------------------------------------------------

    def _send(self, client: OpenAI, request: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the reply to one request."""
        import openai

        try:
            reply = client.chat.completions.with_raw_response.create(**request)
        except openai.APIStatusError as error:
            # Not "from error", which shows all that the server said, maybe the key.
            raise self._explain(error) from None
        except openai.APITimeoutError as error:
            raise Transient(
                f"{self.name} at {self._place} said nothing for {self.settings.timeout} s; raise "
                "timeout if it is slow"
            ) from error
        except openai.APIConnectionError as error:
            raise Transient(
                f"{self.name} at {self._place} cannot be reached ({error.__cause__ or error}); "
                "check base_url and that the server runs"
            ) from error
        try:
            body = _table(json.loads(reply.text))
        except ValueError:
            body = {}
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            raise Transient(
                f"{self.name} at {self._place} sent no chat completion but "
                f"{self._shown(reply.text)!r}; check base_url, which mostly ends in /v1"
            )
        return body

    def _explain(self, error: APIStatusError) -> ChatError:
        """What a status of 400 or more means."""
        status, text = error.status_code, self._shown(error.message)
        message = f"{self.name} at {self._place} answered with status {status}: {text}"
        if (status in _PASSING or status >= 500) and error.code != _QUOTA:
            transient = Transient(message)
            header = error.response.headers.get("retry-after")
            transient.retry_after = read_retry_after(header, time.time())
            return transient
        fix = _FIXES.get(status, "change the request or the settings of the chat model")
        message = f"{message}; {fix.format(key=self.settings.api_key_variable)}"
        if status not in (400, 422):
            return ChatError(message)
        refusal = _Refusal(message)
        refusal.said = error.message
        return refusal

    def _shown(self, text: str) -> str:
        """The beginning of a server's message, without the key if it holds it."""
        key = self._key()
        return (text.replace(key, "***") if key else text)[:_SHOWN]

    def _replaceable(self, said: str, request: Mapping[str, Any]) -> str | None:
        """A parameter that the server refused, by what it said, and that we can do without."""
        must = {"response_format"} if self.settings.json_schema == "always" else set()
        for parameter, words in _DISPENSABLE.items():
            if parameter in request.keys() - must and any(w in said for w in words):
                return parameter
        return None

    def _learn(self, refused: frozenset[str]) -> list[Incident]:
        """Remember what a request that got through had to do without."""
        with self._lock:
            new = refused - self._refused
            self._refused |= refused
        place = f"{self.name} at {self._place}"
        return [Incident("unsupported", f"{place} refuses {what}") for what in sorted(new)]

    # -- its answer ----------------------------------------------------------------------------

    def _read(
        self,
        body: Mapping[str, Any],
        messages: Sequence[Mapping[str, str]],
        incidents: list[Incident],
    ) -> Completion:
        reply = _parse(body)
        if reply.refusal:
            incidents.append(Incident("refusal", reply.refusal[:_SHOWN]))
        elif not reply.text:
            incidents.append(Incident("empty", f"finish_reason {reply.finish_reason!r}"))
        if len(reply.text) > self.max_reply_chars:
            size = f"{len(reply.text)} characters, of which {self.max_reply_chars} are kept"
            incidents.append(Incident("too-long", size))
        tokens = _count_tokens(body)
        if tokens is None:
            incidents.append(Incident("no-usage", f"{self.name} at {self._place}"))
            asked = estimate_tokens(*(message["content"] for message in messages))
            tokens = asked, estimate_tokens(reply.text)
        text = reply.text[: self.max_reply_chars]
        cut = reply.finish_reason == "length" or len(text) < len(reply.text)
        dollars = self._price.dollars(*tokens)
        return Completion(text, Cost(0, 0, 1, *tokens, dollars), cut, tuple(incidents))


class _Refusal(ChatError):
    """A request that the server will not answer as it is."""

    said: str = ""
    """All that the server said."""


@dataclass(frozen=True, slots=True)
class _Reply:
    """What matters of the body of a reply."""

    text: str
    refusal: str
    finish_reason: str


def _request(
    settings: ChatSettings,
    messages: Sequence[Mapping[str, str]],
    schema: Mapping[str, Any] | None,
    draw: int,
    refused: frozenset[str],
) -> dict[str, Any]:
    """The parameters of a request, without those the server refuses."""
    limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    request: dict[str, Any] = {
        "model": settings.model,
        "messages": [dict(message) for message in messages],
        limit: settings.max_tokens,
    }
    for name in ("temperature", "top_p"):
        if (value := getattr(settings, name)) is not None:
            request[name] = value
    if "seed" not in refused:
        request["seed"] = draw
    if schema is None:
        return request
    if settings.json_schema == "never" or "response_format" in refused:
        last = request["messages"][-1]
        last["content"] += _IN_WORDS.format(schema=json.dumps(schema, ensure_ascii=False))
    else:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", str(schema.get("title", "answer")))[:64]
        described = {"name": name, "schema": dict(schema), "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": described}
    return request


def _parse(body: Mapping[str, Any]) -> _Reply:
    """The first choice of a reply; what is missing or of another type is empty."""
    choice = _table(body["choices"][0])
    message = _table(choice.get("message"))
    return _Reply(
        text=_text(message.get("content")),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(choice.get("finish_reason")),
    )


def _count_tokens(body: Mapping[str, Any]) -> tuple[int, int] | None:
    """Tokens in and out as the server counted them; None = it did not."""
    usage = _table(body.get("usage"))
    tokens_in, tokens_out = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if isinstance(tokens_in, int) and isinstance(tokens_out, int):
        return max(0, tokens_in), max(0, tokens_out)
    return None


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    # Half a surrogate pair is legal in JSON, but no request could ever carry it on.
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
