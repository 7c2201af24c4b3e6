"""Replies that a grammar allows, whatever the tokenizer: a table of the tokens that may come next.

A grammar is finite: from each of its places some pieces of text may follow, each of which leads to
another place. Pieces are written with the tokenizer's own tokens for them, one piece at a time, so
that a reply has one way of being written. Choosing among the few tokens of a place costs the same
for vocabularies of any size, and a whole group is sampled in one pass, which a parser of a single
answer (``teachgym.chat.local``) cannot do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from teachgym.errors import ConfigError
from teachgym.shown import shown
from teachgym.students.texts import Texts

Grammar = Mapping[str, Mapping[str, str]]
"""Place -> piece of text -> the place that it leads to. The first place is where replies begin;
an empty piece ends the reply."""

_NONE = -1


@dataclass(frozen=True)
class Automaton:
    """States with the tokens that may follow; state 0 is the beginning.

    Raises:
        ConfigError: for pieces of which one begins another, or that the tokenizer cannot write.
    """

    tokens: torch.Tensor
    """Tokens that may follow each state, shape (S, B), ascending; before them -1 where fewer do."""
    nexts: torch.Tensor
    """The states that they lead to, shape (S, B)."""
    longest: int
    """Tokens of the longest reply, its end included."""

    @classmethod
    def of(cls, grammar: Grammar, texts: Texts) -> Automaton:
        """The tokens of a grammar without circles."""
        places = {name: number for number, name in enumerate(grammar)}
        over = len(places)
        steps: list[dict[int, int]] = [{} for _ in range(over)] + [{texts.end: over}]
        for name, pieces in grammar.items():
            for piece, following in pieces.items():
                ids = _tokens_of(piece, texts)
                target = places[following] if piece else over
                _add(steps, places[name], ids, target, piece, over)
        width = max(map(len, steps))
        padded = [sorted(s.items()) for s in steps]
        rows = [[(_NONE, 0)] * (width - len(row)) + row for row in padded]
        table = torch.tensor(rows)  # (S, B, 2)
        return cls(table[..., 0].clone(), table[..., 1].clone(), _longest(steps, over))

    def to(self, device: torch.device) -> Automaton:
        """The same on a device."""
        return Automaton(self.tokens.to(device), self.nexts.to(device), self.longest)

    def legal(
        self, states: torch.Tensor, logits: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The tokens that may follow, and their logits, -inf where there are fewer; (n, B) both.

        Args:
            states: shape (n,).
            logits: of all tokens, shape (n, V).
        """
        tokens = self.tokens[states]
        chosen = logits.gather(1, tokens.clamp(min=0))
        return tokens, chosen.masked_fill(tokens < 0, -torch.inf)

    def follow(self, states: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """The states after legal tokens, shape (n,)."""
        places = (self.tokens[states] == tokens[:, None]).int().argmax(1, keepdim=True)
        return self.nexts[states].gather(1, places)[:, 0]

    def states(self, ids: Sequence[int]) -> list[int]:
        """The state before each token of a legal reply, or of the beginning of one."""
        state, found = 0, []
        for token in ids:
            found.append(state)
            if token not in self._steps[state]:
                raise ConfigError(f"token {token} after {len(found) - 1} others is not legal")
            state = self._steps[state][token]
        return found

    @cached_property
    def _steps(self) -> list[dict[int, int]]:
        pairs = zip(self.tokens.tolist(), self.nexts.tolist(), strict=True)
        return [dict(zip(tokens, nexts, strict=True)) for tokens, nexts in pairs]


def write(pieces: Sequence[str], texts: Texts) -> tuple[int, ...]:
    """The tokens of a reply of these pieces, with its end."""
    return (*(token for piece in pieces for token in _tokens_of(piece, texts)), texts.end)


def _tokens_of(piece: str, texts: Texts) -> list[int]:
    """The tokens of a piece; the end token for none."""
    if not piece:
        return [texts.end]
    (ids,) = texts.encode([piece])
    if not ids or texts.decode(ids).strip() != piece.strip():
        raise ConfigError(
            f"the tokenizer makes {shown(texts.decode(ids))} of {shown(piece)}, so a reply could "
            "not be read; rename the skill, or take another model"
        )
    return ids


def _add(
    steps: list[dict[int, int]],
    state: int,
    ids: Sequence[int],
    target: int,
    piece: str,
    places: int,
) -> None:
    """Lead from a state to another one by some tokens; states from ``places`` on are within."""
    for token in ids[:-1]:
        if token not in steps[state]:
            steps.append({})
            steps[state][token] = len(steps) - 1
        state = steps[state][token]
        if state <= places:
            raise _ambiguous(piece)
    if ids[-1] in steps[state]:
        raise _ambiguous(piece)
    steps[state][ids[-1]] = target


def _ambiguous(piece: str) -> ConfigError:
    return ConfigError(f"{shown(piece)} begins like another piece that ends there; rename it")


def _longest(steps: Sequence[Mapping[int, int]], over: int) -> int:
    """Tokens on the longest way to the end."""
    known = {over: 0}
    stack = [0]
    while stack:
        state = stack[-1]
        if missing := [s for s in steps[state].values() if s not in known]:
            if set(missing) & set(stack):
                raise ConfigError("the grammar has a cycle, so replies would have no end")
            stack += missing[:1]
        else:
            known[state] = 1 + max(known[s] for s in steps[state].values())
            stack.pop()
    return known[0]
