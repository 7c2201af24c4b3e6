"""How the students of a pool answer: together in slots, or merged, one after another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
import torch

from teachgym.errors import ConfigError
from teachgym.students.local.decoding import DecodingRules, Request, SlotDecoder
from teachgym.students.local.graphs import Graphs
from teachgym.students.local.layout import Layout
from teachgym.students.local.merging import Merged
from teachgym.students.local.network import Network, cache_bytes
from teachgym.students.texts import Texts

SLOTS = 256
"""Answers in progress at once, over all students, at most."""

MERGE_FROM = 256
"""Questions to one student from which on its adapter is merged into a copy of the base."""

CACHE_BYTES = {"cpu": 2**30, "cuda": 2**34}
"""Size of the key-value cache, at most."""

_STEPS_PER_LOOK = {"cpu": 1, "cuda": 8}
"""A GPU would wait for each look at which answers are finished."""

_ROUND = 128
"""On a GPU, slots have a multiple of this many positions, so that a decoder lasts."""


class Generator:
    """Keeps what answering needs between two calls.

    Args:
        network: of the pool.
        layout: of its students.
        merged: makes plain models of students; None = the network is plain already.
        merge_from: questions to a student from which on it answers merged.
        computing: context of a forward pass of the network.
        threads: context of all that is computed.
        max_new_tokens: the longest answer.
        graphs: replay decoding steps as CUDA graphs.
    """

    def __init__(
        self,
        network: Network,
        layout: Layout,
        *,
        merged: Callable[[], Merged] | None,
        merge_from: int,
        computing: Callable[[], AbstractContextManager[Any]],
        threads: Callable[[], AbstractContextManager[None]],
        max_new_tokens: int,
        graphs: bool,
    ) -> None:
        self._network, self._layout, self._make_merged = network, layout, merged
        self._merge_from, self._computing, self._threads = merge_from, computing, threads
        self._max_new_tokens, self._graphs = max_new_tokens, graphs
        self._decoders: dict[bool, SlotDecoder] = {}
        """Of the network itself (True) and of the merged copy (False)."""

    def __call__(
        self, questions: Sequence[Sequence[Request]], rules: DecodingRules
    ) -> list[list[list[int]]]:
        """Token ids that continue ``questions[k]`` for student k, ends included.

        Whether a student's answers are computed merged depends on the number of its own
        questions alone, so that they are the same whoever else is asked.
        """
        with self._threads():
            return self._answer(questions, rules)

    def _answer(
        self, questions: Sequence[Sequence[Request]], rules: DecodingRules
    ) -> list[list[list[int]]]:
        answers: list[list[list[int]]] = [[] for _ in questions]
        alone = [k for k, own in enumerate(questions) if self._is_merged(own)]
        together = [() if k in alone else own for k, own in enumerate(questions)]
        if any(together):
            with self._computing():
                answers = self._decoder(self._network, self._layout, together).answer_all(
                    together, rules
                )
        for student in alone:
            network, own = self._merged.of(student), [questions[student]]
            (answers[student],) = self._decoder(network, Layout(1), own).answer_all(own, rules)
        return answers

    def _is_merged(self, own: Sequence[Request]) -> bool:
        return bool(own) and self._make_merged is not None and len(own) >= self._merge_from

    @cached_property
    def _merged(self) -> Merged:
        assert self._make_merged is not None
        return self._make_merged()

    def _decoder(
        self, network: Network, layout: Layout, questions: Sequence[Sequence[Request]]
    ) -> SlotDecoder:
        """A decoder for the longest question, with as many slots as questions and memory allow."""
        device = network.device.type
        longest = max(len(q.ids) for own in questions for q in own) + self._max_new_tokens
        n_slots = max(map(len, questions))
        if self._graphs:
            longest = -(-longest // _ROUND) * _ROUND
            n_slots = 1 << (n_slots - 1).bit_length()
        room = CACHE_BYTES.get(device, 2**30) // (longest * cache_bytes(network.model))
        n_slots = max(1, min(n_slots, min(SLOTS, room) // layout.n_students))
        is_own = network is self._network
        kept = self._decoders.get(is_own)
        if kept and kept.n_slots >= n_slots and kept.cache.length >= longest:
            return kept
        decoder = SlotDecoder(
            network,
            layout,
            n_slots=n_slots,
            length=longest,
            max_new_tokens=self._max_new_tokens,
            graphs=Graphs() if self._graphs else None,
            n_steps=_STEPS_PER_LOOK.get(device, 1),
        )
        if self._graphs:  # captured steps are worth keeping, of one size
            self._decoders[is_own] = decoder
        return decoder

    def __getstate__(self) -> dict[str, Any]:
        """The state without captured graphs and caches, which are made anew where needed."""
        return {**self.__dict__, "_decoders": {}}


def rules_for(
    texts: Texts, n_tokens: int, *, stop: Sequence[str] = (), temperature: float = 1.0
) -> DecodingRules:
    """Rules that end an answer at end tokens and stop strings; the vocabulary has ``n_tokens``."""
    ends = torch.zeros(n_tokens, dtype=torch.bool)
    ends[[token for token in (*texts.ends, *texts.tokens_with(stop)) if token < n_tokens]] = True

    def is_over(ids: Sequence[int]) -> bool:
        text = texts.decode(ids)
        return any(s in text for s in stop)

    # A string of one character is never spread over tokens, so its tokens say it all.
    spread = any(len(s) > 1 for s in stop)
    return DecodingRules(ends, is_over if spread else None, temperature, tuple(stop))


def require_sampling(k: int, temperature: float) -> None:
    """Raise ``ConfigError`` for a number of samples or a temperature that makes no sense."""
    if k < 1 or not temperature > 0:
        raise ConfigError(
            f"k is {k} and temperature {temperature}; they must be at least 1 and above 0"
        )


def uniforms(seed: int, prompt: str, number: int, count: int) -> torch.Tensor:
    """``count`` numbers in [0, 1) that depend on seed, prompt and number of the sample alone."""
    digest = hashlib.blake2b(f"{seed} {number} {prompt}".encode(), digest_size=16).digest()
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest)))
    return torch.from_numpy(generator.random(count, dtype=np.float32))
