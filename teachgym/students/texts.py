"""How texts become tokens and tokens become answers; the same before and after training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from teachgym.errors import ConfigError

_log = logging.getLogger(__name__)


@dataclass
class Texts:
    """A tokenizer with the prompt format of its model.

    A prompt of a model with a chat template is the user's turn of a conversation that the
    student continues; of any other model it is the text itself, after the tokens (if any) that
    the tokenizer puts before every text.

    Attributes:
        tokenizer: with an end-of-sequence token.
        context: the most tokens the model can read, prompt and answer together.
        chat: whether to use the chat template.
        more_ends: tokens that end an answer besides the tokenizer's end-of-sequence token.
        cut: how many prompts and targets have been too long for the context so far.
    """

    tokenizer: Any
    context: int
    chat: bool = False
    more_ends: tuple[int, ...] = ()
    cut: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.tokenizer.eos_token_id is None:
            raise ConfigError(
                "the tokenizer has no end-of-sequence token, so answers would never end; "
                "set tokenizer.eos_token and save it again"
            )
        if self.chat and not self.tokenizer.chat_template:
            raise ConfigError("chat is True, but the tokenizer has no chat template; leave it out")

    @property
    def end(self) -> int:
        """The token that ends a training target."""
        return int(self.tokenizer.eos_token_id)

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer."""
        return frozenset((self.end, *self.more_ends))

    def prompts(self, prompts: Sequence[str], *, room: int) -> list[list[int]]:
        """Token ids of each prompt, at most ``context - room`` of them.

        A prompt that is longer loses its beginning, is counted in ``cut``, and logged.

        Raises:
            ConfigError: for a prompt without tokens, or a context without room for any.
        """
        limit = self.context - room
        if limit < 1:
            raise ConfigError(
                f"{room} tokens for the answer leave no room for a prompt in a context of "
                f"{self.context}; lower max_new_tokens"
            )
        encoded = [[*self._prefix, *ids] for ids in self.encode(self._formatted(prompts))]
        if [] in encoded:
            raise ConfigError(f"prompt {encoded.index([])} has no tokens; give it some text")
        self._count(sum(len(ids) > limit for ids in encoded), limit)
        return [ids[-limit:] for ids in encoded]

    def pairs(
        self, prompts: Sequence[str], targets: Sequence[str]
    ) -> list[tuple[list[int], list[int]]]:
        """Token ids of prompts and of the targets with their end, together within the context.

        A target that does not fit beside one token of prompt loses its end; then the prompt
        loses its beginning. Both are counted in ``cut``.
        """
        encoded = [[*ids, self.end] for ids in self.encode(targets)]
        limit = self.context - 1
        self._count(sum(len(ids) > limit for ids in encoded), limit)
        encoded = [ids[:limit] for ids in encoded]
        pairs = []
        formatted = self.encode(self._formatted(prompts))
        for prompt, target in zip(formatted, encoded, strict=True):
            whole, room = [*self._prefix, *prompt], self.context - len(target)
            self._count(len(whole) > room, room)
            pairs.append((whole[-room:], target))
        return pairs

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int], stop: Sequence[str] = ()) -> str:
        """The answer in ``ids``: up to the first end token and the first stop string."""
        length = next((i for i, token in enumerate(ids) if token in self.ends), len(ids))
        text = str(self.tokenizer.decode(list(ids[:length]), skip_special_tokens=True))
        return text[: min((i for s in stop if (i := text.find(s)) >= 0), default=len(text))]

    def tokens_with(self, strings: Sequence[str]) -> frozenset[int]:
        """Tokens whose own text holds one of ``strings``."""
        if not strings:
            return frozenset()
        known = self._vocabulary
        return frozenset(i for i, text in enumerate(known) if any(s in text for s in strings))

    @cached_property
    def _vocabulary(self) -> list[str]:
        """The text of every token, in order."""
        ids = [[i] for i in range(len(self.tokenizer))]
        texts: list[str] = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts

    @cached_property
    def _prefix(self) -> list[int]:
        """What the tokenizer puts before every text; a chat template brings its own."""
        if self.chat:
            return []
        bare: list[int] = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        full: list[int] = self.tokenizer("a")["input_ids"]
        return full[: full.index(bare[0])] if bare and bare[0] in full else []

    def _formatted(self, prompts: Sequence[str]) -> list[str]:
        if not self.chat:
            return list(prompts)
        return [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]

    def _count(self, n_cut: int, limit: int) -> None:
        if n_cut:
            self.cut += n_cut
            _log.warning("%d texts were cut to the %d tokens that fit", n_cut, limit)
