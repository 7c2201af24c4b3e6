"""Random answers of the students of a pool, as the tokens that were drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from teachgym.students.local.automaton import Automaton
from teachgym.students.local.decoding import DecodingRules, Request
from teachgym.students.local.generation import require_sampling, rules_for, uniforms
from teachgym.students.local.pool import StudentPool


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt to be answered at random."""

    ids: tuple[int, ...]
    """Token ids of the prompt, at least one."""
    seed: int
    name: str
    """With the seed, what the answers depend on besides the prompt."""
    most: int | None = None
    """Tokens of an answer, >= 1, at most; None = as many as the pool writes."""


def sample_tokens(
    pool: StudentPool,
    asked: Sequence[Sequence[Asked]],
    *,
    k: int,
    temperature: float,
    stop: Sequence[str] = (),
    automaton: Automaton | None = None,
) -> list[list[list[list[int]]]]:
    """The tokens of ``k`` answers to each prompt of each student, the end token included.

    An answer depends on the student, the prompt, its seed and name, and its number among the k,
    not on what else is asked. It ends with the token that completes a stop string.

    Args:
        pool: of the students.
        asked: prompts, ``asked[s]`` for student s.
        k: answers to each prompt, >= 1.
        temperature: of the draws, > 0.
        stop: strings that end an answer.
        automaton: which tokens may follow; None = any.

    Raises:
        ConfigError: for another ``k`` or temperature.
    """
    require_sampling(k, temperature)
    rules = rules_for(
        pool.texts,
        pool.network.n_tokens,
        stop=stop,
        temperature=temperature,
        automaton=automaton,
    )
    requests = [
        [
            Request(one.ids, uniforms(one.seed, one.name, number, pool.max_new_tokens), one.most)
            for one in own
            for number in range(k)
        ]
        for own in asked
    ]
    answers = pool.answer(requests, rules)
    # On a GPU, a few steps are made between two looks.
    answers = [[ended(ids, rules) for ids in own] for own in answers]
    return [[own[i : i + k] for i in range(0, len(own), k)] for own in answers]


def ended(ids: Sequence[int], rules: DecodingRules) -> list[int]:
    """An answer without what comes after the token that completes a stop string."""
    whole = list(ids)
    while rules.is_over is not None and len(whole) > 1 and rules.is_over(whole[:-1]):
        whole.pop()
    return whole
