"""Chat models behind any server that speaks OpenAI's protocol, by OpenAI's own client library.

OpenAI, Azure, vLLM, SGLang, Ollama, OpenRouter and others. They differ in what they accept and
return, so nothing but the text of an answer is taken for granted. Needs the extra ``llm``.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import weakref
from base64 import b64encode
from collections import Counter
from collections.abc import Collection, Mapping
from importlib import import_module
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from teachgym.chat.prices import FREE, estimate_tokens
from teachgym.chat.prompts import without_system
from teachgym.chat.replies import count_tokens, read_reply, table
from teachgym.chat.retry import Transient, read_retry_after
from teachgym.chat.server_errors import SHOWN, named, reason
from teachgym.chat.settings import ChatSettings
from teachgym.errors import ChatError, missing_extra
from teachgym.redaction import (
    REDACTING,
    hide,
    redact,
    remember,
    remember_url,
    require_address,
    strip_url,
    url_parts,
)
from teachgym.types import Completion, Incident, Messages, Schema

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

LONGEST_REPLY = 200_000
"""Characters at which replies are cut."""

_PASSING = (408, 409, 429)
"""Statuses, besides 500 and above, of failures that may pass."""

_MAY_BE_REFUSALS = (400, 404, 405, 415, 422, 500, 501)
"""Statuses of servers that cannot do what they were asked for, with or without saying what."""

_FIXES = {
    401: "set {key} to a key that this server accepts",
    403: "set {key} to a key that may use this model",
    404: "check model and base_url, which mostly ends in /v1",
}
_QUOTA = "insufficient_quota"
"""OpenAI's code for an account without money, which no waiting helps."""

_FILTERED = "content_filter"
"""OpenAI's reason for an end where something was left out, or all of it."""

_IN_WORDS = "\n\nAnswer with nothing but a JSON object that fits this JSON schema:\n{schema}"

_ENOUGH = 2
"""Calls that a server must be seen to answer only without something, until it is left out of all:
a failure with status 500 may also have been a mishap."""


class OpenAICompatible:
    """A model at a server that speaks OpenAI's protocol.

    It is asked once per call; see ``Retrying`` for more attempts. The key is read from its
    environment variable for each call, is never written down, and never shown. A server whose
    ``base_url`` is given needs none.

    Incidents: ``unsupported`` (the server refuses the JSON schema, the seed, ``max_tokens`` or
    system messages; from then on the schema is put into words, the seed left out, the limit
    called by its new name, what the system says said by the user), ``no-usage`` (it does not
    count tokens; they are estimated), ``refusal``, ``empty``, ``too-long``. A model whose price
    is not known costs 0 dollars.

    Args:
        settings: of the model; those about retries, limits and records are not used here.
    """

    def __init__(self, settings: ChatSettings) -> None:
        self.settings = settings
        self._client: OpenAI | None = None
        self._given: tuple[str | None, str] = None, ""
        """The key and address of the client."""
        self._refused: frozenset[str] = frozenset()
        """The parts that the server is known not to accept."""
        self._accepted: frozenset[str] = frozenset()
        """Parts that it has accepted: if a request with that fails, it is not for that reason."""
        self._suspected: Counter[str] = Counter()
        """Calls that it answered without something, and did not say that it refuses it."""
        self._answered = False
        """Whether the server has ever said anything."""
        self._price = settings.price or FREE
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name at the server."""
        return self.settings.model

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """The server's answer; see ``protocols.ChatModel``. ``draw`` is sent as the seed.

        Raises:
            Transient: for statuses 408, 409, 429 and above 499, time-outs, lost connections and
                replies that are no JSON.
            ChatError: for any other refusal, where there is no key, and where an address of this
                machine refuses the connection before anything was answered.
            ConfigError: if ``$OPENAI_BASE_URL`` is no address.
            MissingExtraError: if ``openai`` is not installed.
        """
        client = self._connect()
        refused, guessed = self._refused, frozenset[str]()
        first: ChatError | None = None
        while True:
            request = _request(self.settings, messages, schema, draw, refused)
            sent = _optional(request, messages) - self._bound - refused
            try:
                body = self._send(client, request, again=guessed)
            except _Refusal as refusal:
                parameter = named(refusal.said, sent) or self._guess(refusal.status, sent)
                if parameter is None:
                    try:  # What was said before anything was tried tells more.
                        raise (first or refusal.error) from None
                    finally:
                        del first  # Its traceback holds this frame: a circle.
                refused |= {parameter}
                if not named(refusal.said, {parameter}):
                    guessed, first = guessed | {parameter}, first or refusal.error
            else:
                return self._read(body, messages, self._learn(refused, guessed, sent))

    @property
    def _bound(self) -> frozenset[str]:
        """The parts that may not be left out."""
        return frozenset({"response_format"} if self.settings.json_schema == "always" else ())

    def _guess(self, status: int, sent: frozenset[str]) -> str | None:
        """The next part that an unspecific server may refuse; None = nothing is left."""
        untried = sent - self._accepted
        if "response_format" in untried:
            return "response_format"
        # Servers whose chat template raises an error say nothing but that.
        return "system" if status == 500 and "system" in untried else None

    def _connect(self) -> OpenAI:
        """The library's client, made anew where the environment holds another key or address."""
        given = self._key(), self.settings.address or ""
        with self._lock:
            if self._client is None or self._given != given:
                self._client, self._given = self._make_client(*given), given
                # Else the garbage collector would find its connections, open, in any order.
                weakref.finalize(self, self._client.close)
            return self._client

    def _make_client(self, key: str | None, address: str) -> OpenAI:
        try:
            from openai import AzureOpenAI, OpenAI
        except ImportError as error:
            raise missing_extra("openai", "llm") from error
        own = self.settings
        if address:
            require_address("base_url" if own.base_url else "OPENAI_BASE_URL", address)
            remember_url(address)
        needs_key = own.base_url is None or own.api_version is not None
        if key is not None and not (key.isascii() and key.isprintable()):
            raise ChatError(f"{own.api_key_variable} holds no key: keys are of ASCII characters")
        if key is None and needs_key:
            raise ChatError(
                f"there is no key for {own.model} at {self._place}; set the environment variable "
                f"{own.api_key_variable}, or base_url for a server that needs none"
            )
        # Retries are ours: they are counted, limited and recorded.
        common = {"timeout": self._patience, "max_retries": 0, **_credentials(address)}
        for name in ("httpx", "httpx2", "openai._base_client"):  # They log addresses.
            logging.getLogger(name).addFilter(REDACTING)
        if own.api_version is not None:
            return AzureOpenAI(
                api_key=key,
                api_version=own.api_version,
                azure_endpoint=_bare(own.base_url or ""),
                **common,
            )
        base_url = _bare(address) if address else None
        return OpenAI(api_key=key or "none", base_url=base_url, **common)

    def _key(self) -> str | None:
        key = os.environ.get(self.settings.api_key_variable, "").strip() or None
        remember(key)
        return key

    @property
    def _patience(self) -> float:
        """Seconds of silence after which a call is given up."""
        return min(self.settings.timeout, self.settings.deadline)

    @property
    def _place(self) -> str:
        return strip_url(self.settings.address or "OpenAI")

    # -- one request ---------------------------------------------------------------------------

    def _send(
        self, client: OpenAI, request: Mapping[str, Any], *, again: Collection[str] = ()
    ) -> dict[str, Any]:
        """The body of the reply to one request; ``again`` is what an earlier one had and failed."""
        import openai

        place = f"{self.name} at {self._place}"
        try:
            text = _fetch(client, request, time.monotonic() + self.settings.deadline)
        except TimeoutError:
            raise Transient(
                f"{place} had not answered after {self.settings.deadline} s; raise deadline if it "
                "is slow"
            ) from None
        except openai.APIStatusError as error:
            self._answered = True
            # Not "from error", which shows all that the server said, maybe the key.
            raise self._explain(error) from None
        except openai.APITimeoutError:
            raise Transient(
                f"{place} said nothing for {self._patience} s; raise timeout and deadline if it is "
                "slow"
            ) from None
        except openai.APIConnectionError as error:
            if again:  # Servers that fail with 500 may hang up after it, and this was that line.
                return self._send(client, request)
            if self._is_absent(error):
                raise ChatError(
                    f"nothing listens at {self._place}; start the server of {self.name}, or "
                    "correct its address (base_url)"
                ) from None
            cause = redact(str(error.__cause__ or error))
            raise Transient(
                f"{place} cannot be reached ({cause}); check its address (base_url) "
                "and that the server runs"
            ) from None
        self._answered = True
        try:
            body = table(json.loads(text))
        except (ValueError, RecursionError):
            body = {}
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            raise Transient(
                f"{place} sent no chat completion but {redact(text)[:SHOWN]!r}; check base_url, "
                "which mostly ends in /v1"
            )
        return body

    def _is_absent(self, error: BaseException | None) -> bool:
        """Whether no server was started; one that has answered may be starting again."""
        causes = []
        while error is not None and error not in causes:
            causes.append(error)
            error = error.__cause__ or error.__context__
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
        return refused and not self._answered and on_this_machine(self.settings.address or "")

    def _explain(self, error: APIStatusError) -> ChatError:
        """The meaning of a status of 400 or more."""
        status, said = error.status_code, error.response.text
        message = f"{self.name} at {self._place} answered with status {status}: {reason(said)}"
        explained: ChatError
        if (status in _PASSING or status >= 500) and _QUOTA not in said:
            explained = Transient(message)
            header = error.response.headers.get("retry-after")
            explained.retry_after = read_retry_after(header, time.time())
        else:
            fix = _FIXES.get(status, "change the request or the settings of the chat model")
            explained = ChatError(f"{message}; {fix.format(key=self.settings.api_key_variable)}")
        return _Refusal(explained, status, said) if status in _MAY_BE_REFUSALS else explained

    def _learn(
        self, refused: frozenset[str], guessed: frozenset[str], accepted: frozenset[str]
    ) -> list[Incident]:
        """Remember what a request that got through had to do without, and what it had."""
        with self._lock:
            self._accepted |= accepted
            self._suspected.update(guessed)
            certain = {what for what in guessed if self._suspected[what] >= _ENOUGH}
            new = (refused - guessed | certain) - self._refused
            self._refused |= new
        place = f"{self.name} at {self._place}"
        return [Incident("unsupported", f"{place} refuses {what}") for what in sorted(new)]

    # -- its answer ----------------------------------------------------------------------------

    def _read(
        self,
        body: Mapping[str, Any],
        messages: Messages,
        incidents: list[Incident],
    ) -> Completion:
        reply = read_reply(body)
        if reply.refusal:
            incidents.append(Incident("refusal", redact(reply.refusal)[:SHOWN]))
        elif reply.finish_reason == _FILTERED:
            incidents.append(Incident("refusal", f"finish_reason {_FILTERED!r}"))
        elif not reply.text:
            incidents.append(Incident("empty", f"finish_reason {reply.finish_reason!r}"))
        if is_long := len(reply.text) > LONGEST_REPLY:
            size = f"{len(reply.text)} characters, of which {LONGEST_REPLY} are kept"
            incidents.append(Incident("too-long", size))
        tokens_in, tokens_out = count_tokens(body)
        if tokens_in is None or (tokens_out is None and reply.text):
            incidents.append(Incident("no-usage", f"{self.name} at {self._place}"))
        if tokens_in is None:
            tokens_in = estimate_tokens(*(message["content"] for message in messages))
        if tokens_out is None:
            tokens_out = estimate_tokens(reply.text)
        text = hide(reply.text[:LONGEST_REPLY])
        cut = is_long or reply.finish_reason in ("length", _FILTERED)
        return Completion(text, self._price.cost(tokens_in, tokens_out), cut, tuple(incidents))


class _Refusal(ChatError):
    """An answer by which a server may refuse a part of the request."""

    def __init__(self, error: ChatError, status: int, said: str) -> None:
        super().__init__(str(error))
        self.error, self.status, self.said = error, status, said


def _fetch(client: OpenAI, request: Mapping[str, Any], ends: float) -> str:
    """The text of the reply to a request; raises ``TimeoutError`` if it comes after ``ends``."""
    import openai

    create = client.chat.completions.with_streaming_response.create
    with create(**request) as reply:
        # The library wraps the errors of its HTTP client, but not those while it reads a body.
        http = import_module(type(reply.http_response).__module__.partition(".")[0])
        octets = bytearray()
        try:
            for part in reply.iter_bytes():
                octets += part
                if time.monotonic() > ends:
                    raise TimeoutError
        except http.TimeoutException:
            raise openai.APITimeoutError(request=reply.http_request) from None
        except http.HTTPError as error:
            raise openai.APIConnectionError(request=reply.http_request) from error
        return octets.decode("utf-8", "replace")


def on_this_machine(address: str) -> bool:
    """Whether an address is of the loopback interface, where nothing but a server can be missing.

    Example:
        >>> [on_this_machine(f"http://{host}:8000/v1") for host in ("localhost", "[::1]", "lab")]
        [True, True, False]
    """
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bare(address: str) -> str:
    """An address to which the library can add a path."""
    return strip_url(address).partition("?")[0].partition("#")[0]


def _credentials(address: str) -> dict[str, Any]:
    """The credentials in an address, as arguments of the library's client."""
    user, parameters = url_parts(address)
    basic = b64encode(":".join(user).encode()).decode() if user else ""
    return {
        "default_headers": {"Authorization": f"Basic {basic}"} if user else None,
        "default_query": parameters or None,
    }


def _optional(request: Mapping[str, Any], messages: Messages) -> frozenset[str]:
    """The parts of a request that can be left out or said otherwise."""
    has_system = any(message["role"] == "system" for message in messages)
    known = {"response_format", "seed", "max_tokens"} & request.keys()
    return frozenset(known | ({"system"} if has_system else set()))


def _request(
    settings: ChatSettings,
    messages: Messages,
    schema: Mapping[str, Any] | None,
    draw: int,
    refused: frozenset[str],
) -> dict[str, Any]:
    """The parameters of a request, without those the server refuses."""
    folded = "system" in refused
    limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    request: dict[str, Any] = {
        "model": settings.model,
        "messages": [dict(m) for m in (without_system(messages) if folded else messages)],
        limit: settings.max_tokens,
    }
    for name in ("temperature", "top_p"):
        if (value := getattr(settings, name)) is not None:
            request[name] = value
    if "seed" not in refused:
        request["seed"] = draw
    if settings.template:
        request["extra_body"] = {"chat_template_kwargs": dict(settings.template)}
    if schema is None:
        return request
    if settings.json_schema == "never" or "response_format" in refused:
        last = request["messages"][-1]
        last["content"] += _IN_WORDS.format(schema=json.dumps(schema, ensure_ascii=False))
    else:
        described = {"name": "answer", "schema": dict(schema), "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": described}
    return request
