"""Probes: looks into the student beyond its greedy answers, charged to the episode's budget.

A teacher reaches them through any wrappers with ``env.get_wrapper_attr("logprobs")`` and
``env.get_wrapper_attr("sample")``. They are paid in ``generated_tokens``, and what the next
evaluation may cost cannot be spent on them, so a probe never makes a step unaffordable. They
are part of the price of the step after them, like everything a teacher spends on its decision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from teachgym.errors import ConfigError
from teachgym.types import Cost, Example

if TYPE_CHECKING:
    from teachgym.envs.base import TeacherEnv


def logprobs(env: TeacherEnv, examples: Sequence[Example]) -> list[np.ndarray]:
    """Log-probability, in nats, of each token of the examples' targets given their prompts.

    Costs the tokens that are scored.

    Returns:
        One array per example, shape (n_tokens,), the token that ends the target included.

    Raises:
        EpisodeError: before the first reset.
        ConfigError: if the student cannot do it.
        BudgetError: if the tokens to score are more than what is left; nothing is spent then.
    """
    prompts, targets = [e.prompt for e in examples], [e.target for e in examples]
    ability = _ability(env, "logprobs")
    _require(env, env.student.count_tokens(targets))
    found: list[np.ndarray] = ability(prompts, targets)
    env.ledger.record(Cost(generated_tokens=sum(map(len, found))))
    return found


def sample(
    env: TeacherEnv, prompts: Sequence[str], *, k: int, temperature: float, seed: int
) -> list[list[str]]:
    """``k`` random answers of the student to each prompt; equal seeds give equal answers.

    Costs the tokens of the answers.

    Raises:
        EpisodeError: before the first reset.
        ConfigError: if the student cannot do it, or for k < 1.
        BudgetError: if k answers to each prompt, at the length of those on ``val`` with a margin
            or at their own, are more than what is left; nothing is spent then, and nothing told.
    """
    if k < 1:
        raise ConfigError(f"k is {k}; it must be 1 or more")
    ability = _ability(env, "sample")
    _require(env, env.price_of_answers(k * len(prompts)).generated_tokens)
    stop = getattr(env.task, "stop", ())
    found: list[list[str]] = ability(prompts, k=k, temperature=temperature, seed=seed, stop=stop)
    tokens = env.student.count_tokens([answer for answers in found for answer in answers])
    _require(env, tokens)
    env.ledger.record(Cost(generated_tokens=tokens))
    return found


def _ability(env: TeacherEnv, name: str) -> Callable[..., Any]:
    """The student's method ``name``, one of those of ``teachgym.protocols.Probes``."""
    ability: Callable[..., Any] | None = getattr(env.student, name, None)
    if ability is None:
        raise ConfigError(
            f"{type(env.student).__name__} has no {name}; probes need a language model: "
            "student='tiny', a path, or a hub id"
        )
    return ability


def _require(env: TeacherEnv, tokens: int) -> None:
    """Raise ``BudgetError`` unless ``tokens`` can be paid for, and the next evaluation too."""
    reserved = Cost() if env.state.stop_reason else env.next_evaluation
    env.ledger.require(reserved + Cost(generated_tokens=tokens))
