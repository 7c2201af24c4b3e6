"""Answering by the students of a pool: together in slots, or merged, one after another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from teachgym.errors import ConfigError
from teachgym.students.local.automaton import Automaton
from teachgym.students.local.decoding import DecodingRules, Request, SlotDecoder
from teachgym.students.local.graphs import Graphs, bucket
from teachgym.students.local.layout import Layout
from teachgym.students.local.merging import Merged
from teachgym.students.local.network import Network, cache_bytes
from teachgym.students.texts import Texts

_SLOTS: dict[str, int] = {"cpu": 256, "cuda": 2048}
"""Answers in progress at once, over all students, at most. On an H200 512 of them took 26 % more
time a step than 256."""

MERGE_FROM = 256
"""Questions to one of several students from which on its adapter is merged into a copy of the base.
A student alone always answers merged: that costs the time of a few tokens, once for all questions,
and saves three operations of four in every adapted layer."""

_CPU_CACHE = 2**30
"""Bytes of the key-value cache on a CPU, at most."""

_GPU_SHARE = 0.3
"""Share of a GPU's free memory for the cache and what a step writes beside it; training needs the
rest, and the other decoder, if there is one."""

_STEPS_PER_LOOK = {"cpu": 1, "cuda": 8}
"""A GPU would wait for each look at which answers are finished."""

_ROUND = 128
"""On a GPU, slots have a multiple of this many positions, so that a decoder lasts."""


class Generator:
    """The state that answering keeps between two calls.

    Args:
        network: of the pool.
        layout: of its students.
        merged: makes plain models of students; None = the network is plain already.
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
        computing: Callable[[], AbstractContextManager[Any]],
        threads: Callable[[], AbstractContextManager[None]],
        max_new_tokens: int,
        graphs: bool,
    ) -> None:
        self._network, self._layout, self._make_merged = network, layout, merged
        self._merge_from = 1 if layout.n_students == 1 else MERGE_FROM
        self._computing, self._threads = computing, threads
        self._max_new_tokens, self._graphs = max_new_tokens, graphs
        self._decoders: dict[bool, _Kept] = {}
        """The decoders of the network itself (True) and of the merged copy (False)."""

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
        """A decoder for the longest question, with as many slots as questions and memory allow.

        Captured steps are worth keeping, so on a GPU a decoder lasts until more is asked, and
        the next one has room for what was asked of either.
        """
        device, is_own = network.device, network is self._network
        longest = max(
            len(q.ids) + (q.most or self._max_new_tokens) for own in questions for q in own
        )
        n_slots = max(map(len, questions))
        if self._graphs:
            longest, n_slots = -(-longest // _ROUND) * _ROUND, bucket(n_slots)
            kept = self._decoders.pop(is_own, None)
            if kept and kept.n_wanted >= n_slots and kept.length >= longest:
                self._decoders[is_own] = kept
                return kept.decoder
            if kept:
                longest, n_slots = max(longest, kept.length), max(n_slots, kept.n_wanted)
            del kept  # and with it its cache
        fitting = min(_SLOTS.get(device.type, _SLOTS["cpu"]), _slots_that_fit(network, longest))
        decoder = SlotDecoder(
            network,
            layout,
            n_slots=max(1, min(n_slots, fitting // layout.n_students)),
            length=longest,
            max_new_tokens=self._max_new_tokens,
            graphs=Graphs(device) if self._graphs else None,
            n_steps=_STEPS_PER_LOOK.get(device.type, 1),
        )
        if self._graphs:
            self._decoders[is_own] = _Kept(decoder, n_slots, longest)
        return decoder

    def __getstate__(self) -> dict[str, Any]:
        """The state without captured graphs and caches, which are made anew where needed."""
        return {**self.__dict__, "_decoders": {}}


@dataclass(frozen=True)
class _Kept:
    """A decoder, and what it was made for."""

    decoder: SlotDecoder
    n_wanted: int
    """Slots per student that the questions could have used; memory may have allowed fewer."""
    length: int
    """Positions of a slot."""


def _slots_that_fit(network: Network, length: int) -> int:
    """The number of slots of ``length`` positions for which there is memory."""
    device, each = network.device, length * cache_bytes(network.model)
    if device.type != "cuda":
        return _CPU_CACHE // each
    torch.cuda.empty_cache()  # what is left unused is that of graphs, which nobody else can have
    free, _ = torch.cuda.mem_get_info(device)
    each += 16 * network.n_tokens  # logits of a row, and three times as much in 32 bits to sample
    return int(_GPU_SHARE * free) // each


def rules_for(
    texts: Texts,
    n_tokens: int,
    *,
    stop: Sequence[str] = (),
    temperature: float = 1.0,
    automaton: Automaton | None = None,
) -> DecodingRules:
    """Rules that end an answer at end tokens and stop strings; the vocabulary has ``n_tokens``."""
    ends = torch.zeros(n_tokens, dtype=torch.bool)
    ends[[token for token in (*texts.ends, *texts.tokens_with(stop)) if token < n_tokens]] = True

    def is_over(ids: Sequence[int]) -> bool:
        text = texts.decode(ids)
        return any(s in text for s in stop)

    # A string of one byte is never spread over tokens, so its tokens say it all.
    spread = any(len(s.encode()) > 1 for s in stop)
    return DecodingRules(ends, is_over if spread else None, temperature, tuple(stop), automaton)


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
