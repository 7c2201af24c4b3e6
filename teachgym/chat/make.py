"""Makes a chat model from settings, with retries, limits and a record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from weakref import WeakValueDictionary

from teachgym.chat.prices import FREE
from teachgym.chat.settings import CHAT_MODELS, ChatSettings
from teachgym.errors import ConfigError
from teachgym.protocols import ChatModel
from teachgym.registry import is_reference, load_attribute


def make_chat(settings: ChatSettings | Mapping[str, Any]) -> ChatModel:
    """Make the chat model of the settings, with retries, limits and a record.

    A retry counts against the limits; a recorded answer waits for nothing. Asks no server yet and
    reads no key.

    Raises:
        ConfigError: for a setting that does not exist or is out of its range, or a record that
            cannot be read.
        MissingExtraError: without the extra ``llm`` (``llm-local`` for the provider ``local``).
    """
    settings = ChatSettings.of(settings)
    made = _MADE.get(key := json.dumps(asdict(settings), sort_keys=True))
    if made is None:
        made = _MADE[key] = _make(settings)
    return made


_MADE: WeakValueDictionary[str, ChatModel] = WeakValueDictionary()
"""Equal settings are one chat model while somebody uses it: one set of weights, one rate limit."""


def _make(settings: ChatSettings) -> ChatModel:
    from teachgym.chat.cache import Recorded
    from teachgym.chat.rate_limit import Limited
    from teachgym.chat.retry import Retrying

    made: ChatModel = CHAT_MODELS.make(settings.provider, settings)
    limited = Limited(
        made,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
    )
    chat = Retrying(limited, attempts=settings.attempts)
    if settings.cache == "off":
        return chat
    prompt = None
    if settings.provider == "local":
        from teachgym.chat.local import LocalChatModel

        assert isinstance(made, LocalChatModel)
        prompt = made.formatted
    path, mode = settings.store_path, settings.cache
    return Recorded(chat, path, mode, identity=settings.identity, prompt=prompt)


def local_chat(settings: ChatSettings) -> ChatModel:
    """A model in this process."""
    # Imported here: it loads torch.
    from teachgym.chat.local import make_local

    return make_local(settings)


def python_chat(settings: ChatSettings) -> ChatModel:
    """A function of messages, schema and draw."""
    from teachgym.chat.scripted import Scripted

    if not is_reference(settings.model):
        raise ConfigError(
            f"model is {settings.model!r}; give module:function or file.py:function, as in "
            "teachgym.benchmarks.bench.scripted_teacher:answer"
        )
    return Scripted(load_attribute(settings.model), settings.model, settings.price or FREE)
