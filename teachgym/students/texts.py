"""Texts to tokens and tokens to answers, in the same way before and after training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, cycle
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError, UnsupportedError
from teachgym.students.controls import control_tokens, spelled, spelled_starts
from teachgym.students.templates import FIXED_DATE, dated, require_template
from teachgym.types import Prompt, Turn

_log = logging.getLogger(__name__)

_PLACE, _RESPONSE = "\ue000prompt\ue001", "\ue000response\ue001"
"""Characters of private use, which stand for a prompt and for a response in the format."""


@dataclass
class Texts:
    """A tokenizer with the prompt format of its model.

    What prompts and targets say is text: where it spells a control token, such as the end of a
    turn, it becomes the tokens of those characters. Control tokens come from the format alone.

    A prompt of a model with a chat template is the user's turn of a conversation that the
    student continues; of any other model it is the text itself, after the tokens (if any) that
    the tokenizer puts before every text.

    A conversation only grows: what the student read before it wrote a response is, token for
    token, the beginning of what it reads next. After the response comes the rest of the format's
    turn and the task's reply as a turn of the user; without a template, the reply itself. An end
    token comes between them, as it does in training targets, whether the format has one or not.

    Attributes:
        tokenizer: with an end-of-sequence token.
        context: the most tokens the model can read, prompt and answer together.
        chat: whether to use the chat template.
        template: arguments of the chat template, such as ``{"enable_thinking": False}``.
        date: what a chat template that prints today's date is told, ``YYYY-MM-DD``; ``today`` =
            the truth, with which a student's answers differ from day to day.
        more_ends: tokens that end an answer besides the tokenizer's end-of-sequence token.
        cut: how many prompts and targets have been too long for the context so far.
    """

    tokenizer: Any
    context: int
    chat: bool = False
    more_ends: tuple[int, ...] = ()
    template: Mapping[str, Any] = field(default_factory=dict)
    date: str = FIXED_DATE
    cut: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.tokenizer.eos_token_id is None:
            raise ConfigError(
                "the tokenizer has no end-of-sequence token, so answers would never end; "
                "set tokenizer.eos_token and save it again"
            )
        if self.chat and not self.tokenizer.chat_template:
            raise ConfigError("chat is True, but the tokenizer has no chat template; leave it out")
        require_template(self.tokenizer, self.template, chat=self.chat)

    @property
    def end(self) -> int:
        """The token that ends a training target."""
        return int(self.tokenizer.eos_token_id)

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer."""
        return frozenset((self.end, *self.more_ends))

    def prompts(self, prompts: Sequence[Prompt], *, room: int) -> list[list[int]]:
        """Token ids of each prompt, at most ``context - room`` of them.

        A prompt that is longer loses its beginning, is counted in ``cut``, and logged.

        Raises:
            ConfigError: for a prompt without tokens, or a context without room for any.
            UnsupportedError: for a prompt with images.
        """
        limit = self.context - room
        if limit < 1:
            raise ConfigError(
                f"{room} tokens for the answer leave no room for a prompt in a context of "
                f"{self.context}; lower max_new_tokens"
            )
        encoded = self._encode_prompts(prompts)
        require_tokens(encoded)
        self._count(sum(len(ids) > limit for ids in encoded), limit)
        return [self._shortened(*each, limit) for each in zip(prompts, encoded, strict=True)]

    def pairs(
        self, prompts: Sequence[Prompt], targets: Sequence[str]
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
        starts = self._encode_prompts(prompts)
        for prompt, whole, target in zip(prompts, starts, encoded, strict=True):
            room = self.context - len(target)
            self._count(len(whole) > room, room)
            pairs.append((self._shortened(prompt, whole, room), target))
        return pairs

    def pixels(self, images: tuple[str, ...]) -> Mapping[str, Any]:
        """The tensors for a prompt's pictures, by name; none for text."""
        return {}

    def marks(self, ids: Sequence[int], start: int) -> Mapping[str, list[int]]:
        """The numbers that a model reads beside each token, by name; none for text.

        Args:
            ids: of a prompt and a response.
            start: the place of the response's first token.
        """
        return {}

    def save(self, folder: Path) -> None:
        """Write the tokenizer for ``from_pretrained``."""
        self.tokenizer.save_pretrained(folder)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, none of them a control token."""
        return [
            ids if self.controls.isdisjoint(ids) else spelled(self.tokenizer, text, self.controls)
            for text, ids in zip(texts, self._tokenize(texts), strict=True)
        ]

    def starts(self, text: str) -> list[int]:
        """Places in ``text`` at which each of its tokens, as ``encode`` has them, begins.

        Raises:
            ConfigError: for a tokenizer that cannot tell.
        """
        if not self.tokenizer.is_fast:
            raise ConfigError("loss spans need a fast tokenizer (tokenizer.json), this one is slow")
        whole = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        if self.controls.isdisjoint(whole["input_ids"]):
            return [first for first, _ in whole["offset_mapping"]]
        return spelled_starts(self.tokenizer, text, self.controls)

    @property
    def format(self) -> str:
        """The prompt in its format, today's date included if that is printed."""
        return self._frame("a")

    @cached_property
    def controls(self) -> frozenset[int]:
        """Tokens that mean something other than their text: special ones, and the format's own."""
        own = set(self._tokenize([self._frame("")])[0]) if self.chat else set()
        return self.ends | control_tokens(self.tokenizer, own)

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

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, control tokens where they are spelled."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids

    def written(self, prompt: Prompt) -> list[bool]:
        """A flag per token of an uncut prompt: whether it is of a response that is learned.

        Ends are included.
        """
        (start,) = self._encode_starts([prompt])
        own = [False] * len(start)
        encoded = self._encode_turns(prompt.turns)
        for turn, (response, rest) in zip(prompt.turns, encoded, strict=True):
            own += [turn.learned] * (len(response) + 1) + [False] * (len(rest) - 1)
        return own

    def _encode_prompts(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Token ids of each prompt in its format."""
        return [
            list(chain(ids, *chain(*self._encode_turns(p.turns))))
            for p, ids in zip(prompts, self._encode_starts(prompts), strict=True)
        ]

    def _encode_starts(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Token ids of each prompt in its format, without its turns."""
        if any(prompt.images for prompt in prompts):
            raise UnsupportedError(
                "this student reads text alone, and a prompt has images; choose a task without "
                "images, or an image-text model as student, such as tiny-vision, with images=True "
                "in student_settings if its class can be one of text, too, as that of Gemma 3"
            )
        return self._encode_framed(self._frame, [prompt.text for prompt in prompts])

    def _shortened(self, prompt: Prompt, ids: list[int], room: int) -> list[int]:
        """As many of the last tokens of a prompt as there is room for."""
        return ids[-room:]

    def _encode_turns(self, turns: Sequence[Turn]) -> list[tuple[list[int], list[int]]]:
        """Token ids of each response, and of what follows it up to the next one, an end first."""
        if not turns:
            return []
        responses = self.encode([turn.response for turn in turns])
        replies = [turn.reply for turn in turns]
        if self.chat:
            rest = self._encode_framed(self._frame_reply, replies)
        else:
            rest = self.encode(replies)
        ended = [ids if ids and ids[0] in self.ends else [self.end, *ids] for ids in rest]
        return list(zip(responses, ended, strict=True))

    def _encode_framed(self, frame: Callable[[str], str], texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text in a part of the prompt format."""
        if not self.chat:
            return [[*self._prefix, *ids] for ids in self.encode(texts)]
        formatted = [frame(text) for text in texts]
        usual = self._count_controls(self._tokenize([frame("a")])[0])
        return [
            ids if self._count_controls(ids) == usual else self._encode_parts(frame, framed)
            for framed, ids in zip(formatted, self._tokenize(formatted), strict=True)
        ]

    def _encode_parts(self, frame: Callable[[str], str], formatted: str) -> list[int]:
        """Token ids of a formatted text that spells control tokens: its own become text."""
        before, found, after = frame(_PLACE).partition(_PLACE)
        framed = formatted.startswith(before) and formatted[len(before) :].endswith(after)
        if not (found and framed):  # a template that does more than to put the prompt in its place
            return self.encode([formatted])[0]
        said = formatted[len(before) : len(formatted) - len(after)]
        first, last = self._tokenize([before, after])
        return [*first, *self.encode([said])[0], *last]

    def _count_controls(self, ids: Sequence[int]) -> int:
        return sum(token in self.controls for token in ids)

    @cached_property
    def _prefix(self) -> list[int]:
        """The tokens that the tokenizer puts before every text; a chat template brings its own."""
        if self.chat:
            return []
        bare: list[int] = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        full: list[int] = self.tokenizer("a")["input_ids"]
        return full[: full.index(bare[0])] if bare and bare[0] in full else []

    def _frame(self, prompt: str) -> str:
        """A prompt in the format, up to where the student begins to write."""
        return self._formatted(prompt) if self.chat else prompt

    def _frame_reply(self, reply: str) -> str:
        """The text that follows a response in the format: its end, and the user's next turn.

        Raises:
            ConfigError: for a template that leaves out what the student wrote before.
        """
        _, found, rest = self._formatted("a", _RESPONSE, reply).partition(_RESPONSE)
        if not found:
            raise ConfigError(
                "the chat template leaves out what the assistant wrote before, so the student "
                "cannot continue a conversation; set student_settings.chat=False, or choose a "
                "task that asks once"
            )
        return rest

    def _formatted(self, *contents: Any) -> str:
        """A conversation of user and assistant in turns, and the beginning of the next turn."""
        roles = cycle(("user", "assistant"))
        text: str = self.tokenizer.apply_chat_template(
            [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)],
            chat_template=dated(self.tokenizer.get_chat_template(), self.date),
            tokenize=False,
            add_generation_prompt=True,
            **self.template,
        )
        return text

    def _count(self, n_cut: int, limit: int) -> None:
        if n_cut:
            self.cut += n_cut
            _log.warning("%d texts were cut to the %d tokens that fit", n_cut, limit)


def require_tokens(prompts: Sequence[Sequence[int]]) -> None:
    """Raise ``ConfigError`` for a prompt without tokens, after which no token has a probability."""
    for number, ids in enumerate(prompts):
        if not ids:
            raise ConfigError(f"prompt {number} has no tokens; give it some text")
