"""A chat model from plain settings, as they stand in a run's configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Interval

from teachgym.cache import cache_folder
from teachgym.chat.prices import FREE, Price
from teachgym.errors import ConfigError
from teachgym.protocols import ChatModel
from teachgym.redaction import remember_url, require_address, strip_url
from teachgym.registry import Registry
from teachgym.settings import Few, ShareAboveZero, Tokens, build, checked
from teachgym.shown import shown

JsonSchema = Literal["auto", "always", "never"]
Cache = Literal["record", "replay", "off"]

CHAT_MODELS = Registry(
    "chat provider",
    {
        "openai": "teachgym.chat.openai_compatible:OpenAICompatible",
        "local": "teachgym.chat.make:local_chat",
        "python": "teachgym.chat.make:python_chat",
    },
    given=("settings",),
    extras={
        "openai": ("llm", "pydantic", "json_repair", "openai"),
        "local": ("llm-local", "pydantic", "json_repair", "llguidance"),
        "python": ("llm", "pydantic", "json_repair"),
    },
)
"""Every provider of chat models, called as ``(settings)`` with ``ChatSettings``."""

_DECISIVE = ("provider", "model", "temperature", "top_p", "max_tokens", "json_schema")
"""Settings that decide answers; the others say where from, how fast and for how much."""


@checked
@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """The settings of a chat model, as plain JSON values."""

    provider: str = "openai"
    """``openai``: any server that speaks OpenAI's protocol; ``local``: a model in this process;
    ``python``: a function of messages, schema and draw; or what makes another chat model from
    these settings (``teachgym.registry``)."""
    model: str = ""
    """Name of the model at the server, name or path of a local model, or ``module:function``."""
    base_url: str | None = field(default=None, repr=False)
    """Address of the server, which mostly ends in ``/v1``; None = ``$OPENAI_BASE_URL`` or else
    OpenAI's own. User information and parameters that hold keys are sent and never written
    down: to resume a run, give the same address with them in ``$OPENAI_BASE_URL``."""
    temperature: Annotated[float, Interval(ge=0, le=2)] | None = 1.0
    """Sampling temperature in [0, 2]; 0 = the likeliest answer; None = the server's own choice, for
    models that do not let it be set."""
    top_p: ShareAboveZero | None = None
    """Nucleus sampling: only the likeliest tokens with this share of the probability, in (0, 1];
    None = all tokens."""
    max_tokens: Tokens = 4096
    """The most tokens of one answer."""
    timeout: Annotated[float, Interval(gt=0, le=10**9)] = 120.0
    """Seconds to wait while nothing comes from the server, > 0."""
    deadline: Annotated[float, Interval(gt=0, le=10**9)] = 1800.0
    """Seconds after which no more of an answer is waited for, however steadily it comes, > 0."""
    api_key_variable: str = "OPENAI_API_KEY"
    """Name of the environment variable with the key; the key itself is no setting."""
    api_version: str | None = None
    """Version of Azure's API; None = not Azure. With it ``base_url`` is the resource's endpoint and
    ``model`` the deployment."""
    json_schema: JsonSchema = "auto"
    """Whether the server binds answers to their schema: ``always``; ``never`` (the schema is put
    into words); ``auto``: until the server refuses."""
    template: Mapping[str, Any] | None = None
    """Arguments of the model's chat template, such as ``{"enable_thinking": false}``; servers get
    them as ``chat_template_kwargs``. None = none."""
    attempts: Annotated[int, Interval(ge=1, le=100)] = 6
    """The most tries of one call, in [1, 100]."""
    requests_per_minute: Annotated[int, Interval(ge=1, le=10**9)] | None = None
    """The most calls of a process per minute; None = no limit."""
    tokens_per_minute: Annotated[int, Interval(ge=1, le=10**12)] | None = None
    """The most tokens of a process per minute, messages and answers together; None = no limit."""
    prices: Mapping[str, float] | None = None
    """Dollars per million tokens, ``{"in": 0.15, "out": 0.6}``; None = none for a model in this
    process, not known for a server: then dollars count 0, and a budget of them is refused."""
    workers: Few = 8
    """Questions asked at once, in [1, 1000]."""
    cache: Cache = "record"
    """``record``: answers are written down, and read where they are; ``replay``: read only;
    ``off``: neither."""
    store: str | None = None
    """File of the recorded answers; None = ``chat/chat.sqlite`` in the user's cache folder."""

    def __post_init__(self) -> None:
        if self.prices is not None:
            _check_prices(self.prices)
        if self.provider not in CHAT_MODELS:
            CHAT_MODELS.load(self.provider)
        elif not self.model:
            raise ConfigError("model is empty; give the name of the chat model")
        self._check_server()

    def _check_server(self) -> None:
        if self.base_url is not None:
            require_address("base_url", self.base_url)
            remember_url(self.base_url)
        if self.api_version is not None and self.base_url is None:
            raise ConfigError("api_version is given, so base_url must be the Azure endpoint")
        # Never shown: it may well be a key, given in the wrong place.
        if not self.api_key_variable.isidentifier():
            raise ConfigError("api_key_variable is not the name of an environment variable")

    @property
    def price(self) -> Price | None:
        """The price that was given; None = not known, which only servers can be."""
        if self.prices is not None:
            return Price(self.prices["in"], self.prices["out"])
        return None if self.provider == "openai" else FREE

    @property
    def needs_key(self) -> bool:
        """Whether a key is required: at OpenAI and Azure, unless answers are recorded.

        A server of ``base_url`` may need none, and says so itself if it does.
        """
        keyless = self.base_url is not None and self.api_version is None
        recorded = self.cache != "off" and (self.cache == "replay" or self.store_path.exists())
        return self.provider == "openai" and not keyless and not recorded

    @property
    def identity(self) -> dict[str, Any]:
        """The settings that affect answers; equal ones share recorded answers."""
        # Not where there is none: answers recorded before there were templates stay.
        own = {"template": dict(self.template)} if self.template else {}
        return {name: getattr(self, name) for name in _DECISIVE} | own

    @property
    def address(self) -> str | None:
        """The address to ask, with its secret parts; None = OpenAI's own."""
        given = os.environ.get("OPENAI_BASE_URL")
        if self.base_url is None or (given and strip_url(given) == self.base_url):
            return given
        return self.base_url

    @property
    def store_path(self) -> Path:
        """The file of recorded answers."""
        return Path(self.store) if self.store else cache_folder("chat") / "chat.sqlite"

    @classmethod
    def of(cls, settings: ChatSettings | Mapping[str, Any]) -> ChatSettings:
        """Settings unchanged, or from a JSON object; raises ``ConfigError`` for wrong ones."""
        if isinstance(settings, ChatSettings):
            return settings
        return build("the chat model", cls, settings=settings)

    def to_json(self) -> dict[str, Any]:
        """The settings as a JSON object without secrets; ``of`` reads it."""
        return {**asdict(self), "base_url": self.base_url and strip_url(self.base_url)}


def _check_prices(prices: Any) -> None:
    right = isinstance(prices, Mapping) and set(prices) == {"in", "out"}
    if not right or not all(isinstance(p, int | float) and 0 <= p < inf for p in prices.values()):
        raise ConfigError(
            f"prices is {shown(prices)}; it must be dollars per million tokens, each at least 0: "
            '{"in": 0.15, "out": 0.6}'
        )


Chat = ChatModel | ChatSettings | Mapping[str, Any]
"""A chat model, or its settings; an empty table is none."""


def check_chat(chat: Chat | None, role: str) -> None:
    """Check that there is a chat model, or the settings and packages to make one.

    Args:
        chat: the chat model or its settings.
        role: who asks it, for the message.

    Raises:
        ConfigError: for none, or a setting out of range.
        MissingExtraError: without the packages of its provider.
    """
    if not chat:
        raise ConfigError(
            f"{role} asks a chat model and none is given; add --chat openai --chat-model NAME or "
            "--chat local --chat-model PATH (in Python chat={'provider': 'openai', 'model': ...})"
        )
    if isinstance(chat, ChatSettings | Mapping):
        CHAT_MODELS.check(ChatSettings.of(chat).provider, {})


def require_price(settings: ChatSettings, remedy: str) -> Price:
    """The price; raises ``ConfigError``, which ends with ``remedy``, if it is not known."""
    if (price := settings.price) is None:
        raise ConfigError(
            f"the price of {settings.model} is not known, so a budget of dollars cannot be "
            f"enforced; give dollars per million tokens: {remedy}"
        )
    return price


def require_key(settings: ChatSettings, role: str) -> None:
    """Raise ``ConfigError`` if ``role`` would ask a server whose key is missing."""
    key = os.environ.get(settings.api_key_variable, "").strip()
    if settings.needs_key and not key:
        place = strip_url(settings.address or "OpenAI")
        raise ConfigError(
            f"{role} asks {settings.model} at {place}, for which there is no key; set the "
            f"environment variable {settings.api_key_variable}, or base_url for a server that "
            "needs none"
        )
