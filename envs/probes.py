"""Probes: looks into the student beyond its greedy answers, charged to the episode's budget.

A teacher reaches them through any wrappers with ``env.get_wrapper_attr("logprobs")`` and
``env.get_wrapper_attr("sample")``. They are paid in ``generated_tokens``, and what the next
evaluation may cost cannot be spent on them, so a probe never makes a step unaffordable. They
are part of the price of the step after them, like everything a teacher spends on its decision.

``ProbeLog`` is for those who record an episode: what was asked, answered and charged is written
down with the step, and given again when recorded steps are lived through without the student.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from teachgym.errors import BudgetError, ConfigError, RunError
from teachgym.records import Record
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
        UnsupportedError: if the student cannot do it.
        BudgetError: if the tokens to score are more than what is left; nothing is spent then.
    """
    prompts, targets = [e.prompt for e in examples], [e.target for e in examples]

    def ask() -> tuple[list[Record], int]:
        _require(env, env.student.count_tokens(targets))
        found: list[np.ndarray] = env.student.logprobs(prompts, targets)
        arrays = [{"dtype": str(f.dtype), "values": f.tolist()} for f in found]
        return arrays, sum(map(len, found))

    arrays = _answer(env, ["logprobs", prompts, targets], ask)
    return [np.array(a["values"], dtype=a["dtype"]) for a in arrays]


def sample(
    env: TeacherEnv, prompts: Sequence[str], *, k: int, temperature: float, seed: int
) -> list[list[str]]:
    """``k`` random answers of the student to each prompt; equal seeds give equal answers.

    Costs the tokens of the answers.

    Raises:
        EpisodeError: before the first reset.
        UnsupportedError: if the student cannot do it.
        ConfigError: for k < 1.
        BudgetError: if k answers to each prompt, at the length of those on ``val`` with a margin
            or at their own, are more than what is left; nothing is spent then, and nothing told.
    """
    if k < 1:
        raise ConfigError(f"k is {k}; it must be 1 or more")
    stop = env.task.stop

    def ask() -> tuple[list[list[str]], int]:
        _require(env, env.price_of_answers(k * len(prompts)).generated_tokens)
        found = env.student.sample(prompts, k=k, temperature=temperature, seed=seed, stop=stop)
        tokens = env.student.count_tokens([text for texts in found for text in texts])
        _require(env, tokens)
        return found, tokens

    answers: list[list[str]] = _answer(
        env, ["sample", list(prompts), k, float(temperature), seed, list(stop)], ask
    )
    return answers


class ProbeLog:
    """What was asked of a student, for a record; and what was, to be answered once more.

    It does nothing until it is told to ``record`` or to ``replay``.
    """

    def __init__(self) -> None:
        self._kept: list[Record] | None = None
        self._recorded: deque[Record] | None = None

    def record(self) -> None:
        """Ask the student from now on, and keep what it was asked until it is taken."""
        self._kept, self._recorded = [], None

    def take(self) -> list[Record]:
        """What was asked since the last time, as JSON values; none if nothing is kept."""
        taken, self._kept = self._kept or [], []
        return taken

    def replay(self, recorded: Iterable[Record]) -> None:
        """Answer what is asked from now on with these, in order, and ask no student."""
        self._kept, self._recorded = None, deque(recorded)

    @property
    def left(self) -> int:
        """How many recorded probes were not asked yet."""
        return len(self._recorded or ())

    def answer(self, request: Sequence[Any], ask: Callable[[], Record]) -> Record:
        """The recorded entry of a request, else what ``ask`` makes.

        Raises:
            RunError: if something else was recorded.
        """
        digest = sha256(json.dumps(request).encode()).hexdigest()
        if self._recorded is not None:
            entry = self._recorded.popleft() if self._recorded else {"request": "no probe"}
            if entry["request"] != digest:
                raise RunError(
                    f"the teacher asks the student for {request[0]} as it did not in the recorded "
                    "step; it must depend on its seed and observations alone, and be of the same "
                    "version"
                )
            return entry
        entry = {"probe": request[0], "request": digest, **ask()}
        if self._kept is not None:
            self._kept.append(entry)
        return entry


def _answer(env: TeacherEnv, request: Sequence[Any], ask: Callable[[], tuple[Any, int]]) -> Any:
    """The student's answer, or the recorded one, charged either way; a refusal is one, too."""

    def made() -> Record:
        try:
            answer, tokens = ask()
        except BudgetError as error:
            return {"refused": str(error)}
        return {"answer": answer, "generated_tokens": tokens}

    env.state  # noqa: B018 (raises before the first reset)
    entry = env.probe_log.answer(request, made)
    if "refused" in entry:
        raise BudgetError(entry["refused"])
    env.ledger.record(Cost(generated_tokens=entry["generated_tokens"]))
    return entry["answer"]


def _require(env: TeacherEnv, tokens: int) -> None:
    """Raise ``BudgetError`` unless ``tokens`` can be paid for, and the next evaluation too."""
    reserved = Cost() if env.state.stop_reason else env.next_evaluation
    env.ledger.require(reserved + Cost(generated_tokens=tokens))
