"""Prompts: a question to the student with its pictures the earlier turns, and aids before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from teachgym.shown import in_short


@dataclass(frozen=True, slots=True)
class Turn:
    """An exchange within a conversation."""

    response: str
    """The student's text."""
    reply: str
    """The task's answer to it."""
    learned: bool = True
    """Whether training learns the response, too; False = it is only read."""

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text that a student continues, with pictures and earlier turns."""

    text: str
    """The beginning of the conversation."""
    images: tuple[str, ...] = ()
    """SHA-256 of the PNG files that belong to the text, in order; ``teachgym.images`` has them."""
    turns: tuple[Turn, ...] = ()
    """The turns after the text; the student is to answer the last reply."""

    __repr__ = in_short

    @property
    def identity(self) -> str:
        """A text that identifies the prompt; see ``identity_of``."""
        return identity_of(self.text, self.images, self.turns)

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text and the turns after it."""
        return (self.text, *(text for t in self.turns for text in (t.response, t.reply)))

    @property
    def transcript(self) -> str:
        """All text of the prompt, with each piece on its own lines."""
        return "\n".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Aid:
    """A text, and the items whose prompts it may precede; see ``teachgym.envs.aids``."""

    text: str
    skill: str = ""
    """Leaf skill of the items; empty = those for which no other aid names theirs."""
    like: str = ""
    """A text like the items' prompts: of several aids the one with the most similar text is
    taken; empty = any prompt, if no other resembles it more."""
    places: tuple[int, ...] | None = None
    """Places of the items in ``val``, counted from 0; None = wherever they stand."""

    __repr__ = in_short


def identity_of(text: str, images: tuple[str, ...] = (), turns: tuple[Turn, ...] = ()) -> str:
    """The identity of a prompt: its text, and a digest of everything else if there is any.

    So the same text about another picture is another prompt, wherever prompts are compared, looked
    up or hashed.

    Example:
        >>> identity_of("1+1="), len(identity_of("what is it?", ("f" * 64,)))
        ('1+1=', 76)
    """
    if not (images or turns):
        return text
    rest = json.dumps([list(images), [[turn.response, turn.reply] for turn in turns]])
    return f"{text}\0{hashlib.sha256(rest.encode()).hexdigest()}"
