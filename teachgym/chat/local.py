"""A causal language model in this process, whose JSON answers always fit their schema.

While it writes, only those tokens may be chosen after which the answer can still become JSON that
fits (llguidance), so even a model of a hundred million parameters answers in the right form. Such
a model may end a string or a list only where the schema makes it: give fields a ``maxLength`` and
lists a ``maxItems``; what remains is ended by ``max_tokens``. Imports torch and needs the extra
``llm-local``; imported only when used.
"""

from __future__ import annotations

import datetime
import hashlib
import inspect
import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
import torch

from teachgym.chat.prices import FREE, Price
from teachgym.chat.prompts import without_system
from teachgym.errors import ChatError, ConfigError, missing_extra
from teachgym.settings import NotNegative, ShareAboveZero, Tokens, checked
from teachgym.students.loading import load_model
from teachgym.students.local.network import context_of
from teachgym.students.threads import few_threads
from teachgym.types import Completion, Messages, Schema

try:
    from llguidance import LLMatcher, LLTokenizer
    from llguidance.hf import from_tokenizer
except ModuleNotFoundError as error:
    raise missing_extra(str(error.name), "llm-local") from error

if TYPE_CHECKING:
    from teachgym.chat.settings import ChatSettings

TODAY = datetime.date(2024, 7, 26)
"""The date of prompts: that of templates which know no other (Llama 3)."""

_ANYTHING = r"(?s:.*)"
"""The grammar of an answer without a schema."""

_JSON: Any = {
    # Free to write blanks, a weak model writes nothing else.
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    # A keyword that llguidance does not know binds nobody; who reads the answer validates it.
    "lenient": True,
}


class LocalChatModel:
    """A causal language model of transformers as a chat model.

    A model with a chat template is asked with it, any other with the names of the roles before
    each message. Calls from several threads wait for one another. Draws are samples: one depends
    on messages, draw and settings alone; at temperature 0 all draws are the likeliest tokens.

    Args:
        model: of transformers, with its weights where it shall compute.
        tokenizer: its tokenizer, a fast one, with an end-of-sequence token.
        name: identifies the model in tables.
        temperature: divides the logits, >= 0; 0 = greedy.
        top_p: samples from the likeliest tokens that have this probability together, in (0, 1].
        max_tokens: longest answer, >= 1; where it ends an answer, ``Completion.cut`` is True.
        template: arguments of the chat template. Templates that say the date say ``TODAY``,
            unless an argument says otherwise, so that equal messages are equal prompts.
        price: of its tokens.

    Raises:
        ConfigError: for a number out of range, or a tokenizer without an end or of a kind that
            llguidance does not know.
    """

    @checked
    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str,
        *,
        temperature: NotNegative = 1.0,
        top_p: ShareAboveZero = 1.0,
        max_tokens: Tokens = 1024,
        template: Mapping[str, Any] | None = None,
        price: Price = FREE,
    ) -> None:
        self.model, self.tokenizer, self.name, self.price = model, tokenizer, name, price
        self.temperature, self.top_p, self.max_tokens = temperature, top_p, max_tokens
        self._template: dict[str, Any] = {"strftime_now": TODAY.strftime, **(template or {})}
        # Not every model can leave out the logits of the prompt, which take much memory.
        last_only = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._options: dict[str, Any] = {"logits_to_keep": 1} if last_only else {}
        self._ends = _ends(model, tokenizer)
        self._tokens = _known_to_llguidance(model, tokenizer, self._ends)
        self._lock = threading.Lock()

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """See ``ChatModel.complete``.

        Raises:
            ChatError: for messages that leave no room for an answer or that the chat template
                refuses, or a schema that cannot be followed.
        """
        with self._lock, few_threads(self.model.num_parameters(), self.model.device):
            prompt = self._prompt(messages)
            room = context_of(self.model) - len(prompt)
            if room < 1:
                raise ChatError(
                    f"{self.name} reads {context_of(self.model)} tokens, and the messages alone "
                    f"have {len(prompt)}; ask for less at a time or take another model"
                )
            matcher = self._matcher(schema)
            tokens, is_whole = self._write(
                prompt, matcher, min(room, self.max_tokens), _generator(messages, draw)
            )
            text = self._tokens.decode_str([t for t in tokens if t not in self._ends])
        return Completion(text, self.price.cost(len(prompt), len(tokens)), cut=not is_whole)

    # -- before ----------------------------------------------------------------------------

    def _matcher(self, schema: Mapping[str, Any] | None) -> LLMatcher:
        """A matcher, which knows the tokens that may come next."""
        if schema is None:
            grammar = LLMatcher.grammar_from_regex(_ANYTHING)
        else:
            grammar = LLMatcher.grammar_from_json_schema(dict(schema), overrides=_JSON)
        matcher = LLMatcher(self._tokens, grammar, log_level=0)
        _require_sound(matcher)
        return matcher

    def _prompt(self, messages: Messages) -> list[int]:
        """Token ids of the messages and of what opens the answer."""
        special = not self.tokenizer.chat_template  # A chat template brings its own.
        ids: list[int] = self.tokenizer(self.formatted(messages), add_special_tokens=special)[
            "input_ids"
        ]
        return ids

    def formatted(self, messages: Messages) -> str:
        """The text that the model reads; raises ``ChatError`` if the chat template refuses."""
        if self.tokenizer.chat_template:
            return self._templated(messages)
        turns = [f"{m['role'].capitalize()}: {m['content']}" for m in messages]
        return "\n\n".join([*turns, "Assistant:"])

    def _templated(self, messages: Messages) -> str:
        """The messages in the form of the chat template."""
        refusal = None
        for turns in (messages, without_system(messages)):  # some know no system messages
            plain = [dict(turn) for turn in turns]
            try:
                text: str = self.tokenizer.apply_chat_template(
                    plain, tokenize=False, add_generation_prompt=True, **self._template
                )
                return text
            except jinja2.TemplateError as error:
                refusal = error
        raise ChatError(
            f"the chat template of {self.name} refuses the messages: {refusal}"
        ) from refusal

    # -- while writing ---------------------------------------------------------------------

    @torch.inference_mode()
    def _write(
        self, prompt: list[int], matcher: LLMatcher, limit: int, generator: torch.Generator
    ) -> tuple[list[int], bool]:
        """At most ``limit`` tokens, and whether they are a whole answer."""
        written = _forced(matcher)
        read, cache = [*prompt, *written], None
        while len(written) < limit and not matcher.is_stopped():
            ids = torch.tensor([read], device=self.model.device)
            out = self.model(input_ids=ids, past_key_values=cache, use_cache=True, **self._options)
            logits, cache = out.logits[0, -1].float().cpu(), out.past_key_values
            token = self._choose(logits, matcher, generator)
            matcher.consume_token(token)
            read = [token, *_forced(matcher)]
            written += read
        _require_sound(matcher)  # an error stops it, too
        return written[:limit], matcher.is_stopped() and len(written) <= limit

    def _choose(self, logits: torch.Tensor, matcher: LLMatcher, generator: torch.Generator) -> int:
        """The next token, for logits of shape (V,)."""
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        allowed = torch.from_numpy(np.unpackbits(bits, bitorder="little").astype(bool))
        n_tokens = min(len(logits), len(allowed))
        logits = logits[:n_tokens].masked_fill(~allowed[:n_tokens], -torch.inf)
        if self.temperature == 0:
            return int(logits.argmax())
        logits = logits - logits.max()  # a tiny temperature makes no infinities
        shares, order = (logits / self.temperature).softmax(-1).sort(descending=True)
        # A token is out if those before it are enough; the first never is.
        shares[shares.cumsum(-1) - shares >= self.top_p] = 0.0
        return int(order[torch.multinomial(shares, 1, generator=generator)])


def make_local(settings: ChatSettings) -> LocalChatModel:
    """The model that settings name: ``smollm2``, a folder, a GGUF file, or a hub id.

    On the GPU if there is one, in the precision it is stored in; else on the CPU in 32 bits.
    Of the settings it reads those that decide answers; ``json_schema`` is always ``always``.

    Raises:
        UnknownNameError: if there is no such model; see ``students.loading.load_model``.
        ConfigError: for an adapter.
    """
    loaded = load_model(settings.model)
    if loaded.adapter is not None:
        raise ConfigError(
            f"{settings.model!r} is an adapter; merge it into its base and name the merged model"
        )
    model = loaded.model.to("cuda") if torch.cuda.is_available() else loaded.model.float()
    return LocalChatModel(
        model,
        loaded.tokenizer,
        settings.model,
        temperature=1.0 if settings.temperature is None else settings.temperature,
        top_p=1.0 if settings.top_p is None else settings.top_p,
        max_tokens=settings.max_tokens,
        template=settings.template,
        price=settings.price or FREE,
    )


def _ends(model: Any, tokenizer: Any) -> list[int]:
    """Tokens that end an answer."""
    if tokenizer.eos_token_id is None:
        raise ConfigError("the tokenizer has no end-of-sequence token; set tokenizer.eos_token")
    more = getattr(model.generation_config, "eos_token_id", None)
    more = more if isinstance(more, list) else [] if more is None else [more]
    return [*dict.fromkeys((tokenizer.eos_token_id, *more))]


def _known_to_llguidance(model: Any, tokenizer: Any, ends: list[int]) -> LLTokenizer:
    """The tokenizer, with as many tokens as the model has logits."""
    n_tokens = max(len(tokenizer), model.config.get_text_config().vocab_size)
    try:
        return from_tokenizer(tokenizer, n_vocab=n_tokens, eos_token=ends)
    except ValueError as error:
        raise ConfigError(
            f"answers with this tokenizer cannot be bound to a schema: {error}; take another model"
        ) from error


def _forced(matcher: LLMatcher) -> list[int]:
    """Take the tokens that alone can come next: they need not be computed."""
    tokens: list[int] = matcher.compute_ff_tokens()
    matcher.consume_tokens(tokens)
    return tokens


def _require_sound(matcher: LLMatcher) -> None:
    if matcher.is_error():
        reason = matcher.get_error().splitlines()[0]
        raise ChatError(f"the schema of the answer cannot be followed: {reason}")


def _generator(messages: Messages, draw: int) -> torch.Generator:
    """Random numbers that depend on messages and draw alone."""
    asked = json.dumps([[dict(message) for message in messages], draw], sort_keys=True)
    digest = hashlib.sha256(asked.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))
