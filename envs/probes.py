"""Probes: questions to the student beyond its reports, charged to the episode's budget.

``env.get_wrapper_attr("probes")`` is what every registered teacher is given. Probes are paid in
``generated_tokens``, gradients in ``train_tokens``, and what the next evaluation may cost cannot be
spent on them, so a probe never makes a step unaffordable. They are part of the price of the step
after them, like everything a teacher spends on its decision.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from teachgym.capability import Capability
from teachgym.envs.episode import Episode
from teachgym.errors import BudgetError, ConfigError, EpisodeError
from teachgym.records import Record
from teachgym.types import Aid, Cost, Example, Items, Prompt, Verdict


class StudentProbes:
    """A ``protocols.Probes`` that gives access neither to the student nor to items.

    Everything raises ``EpisodeError`` before the first reset, ``UnsupportedError`` if the student
    cannot do it, ``ConfigError`` for what makes no sense, and ``BudgetError`` if it would cost
    more than is left: then nothing is spent and nothing told.
    """

    __slots__ = ("_call",)

    def __init__(self, env: Episode) -> None:
        reference = weakref.ref(env)  # A thread that held the environment would keep it for ever.

        def of(ask: Callable[..., Any]) -> Callable[..., Any]:
            def answer(*arguments: Any) -> Any:
                env = reference()
                if env is None:
                    raise EpisodeError("the environment that these probes belong to is gone")
                return ask(env, *arguments)

            return answer

        self._call = Capability(
            labels=of(_labels),
            greedy=of(_greedy),
            sample=of(_sample),
            logprobs=of(_logprobs),
            gradients=of(_gradients),
            aid=of(_aid),
        )

    def labels(self, items: Items) -> list[tuple[str, float | None]]:
        """Skill and difficulty of each of the items, free of charge."""
        labels: list[tuple[str, float | None]] = self._call("labels", items)
        return labels

    def greedy(self, items: Items | Sequence[Example], *, prefix: str = "") -> list[str]:
        """The student's answers; costs their tokens."""
        answers: list[str] = self._call("greedy", items, prefix)
        return answers

    def sample(
        self,
        items: Items | Sequence[Example],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        prefix: str = "",
    ) -> list[list[str]]:
        """``k`` random answers to each item; equal seeds give equal ones. Costs their tokens.

        Refused unless k answers to each can be paid for at the length of those on ``val`` with a
        margin, and at their own.
        """
        answers: list[list[str]] = self._call("sample", items, prefix, k, temperature, seed)
        return answers

    def logprobs(self, items: Items | Sequence[Example], *, prefix: str = "") -> list[np.ndarray]:
        """Log-probability, in nats, of each token of the targets given their prompts.

        Costs the tokens that are scored. One array per item, shape (n_tokens,), the token that
        ends the target included.
        """
        found: list[np.ndarray] = self._call("logprobs", items, prefix)
        return found

    def gradients(self, items: Items | Sequence[Example], *, dimensions: int) -> np.ndarray:
        """The gradient of each target's loss in what is trained, projected; (n, dimensions).

        Costs ``train_tokens``: those of prompts and targets, as one pass of training does.
        """
        found: np.ndarray = self._call("gradients", items, dimensions)
        return found

    def aid(self, aids: Sequence[Aid]) -> tuple[Verdict, ...]:
        """Also evaluate the student with aids from the next step on; see ``envs.aids``.

        Verdicts on those that are not used: what is too long, or holds an item of val or test.
        """
        verdicts: tuple[Verdict, ...] = self._call("aid", aids)
        return verdicts


def _aid(env: Episode, aids: Sequence[Aid]) -> tuple[Verdict, ...]:
    """Have the base environment evaluate with the aids that the gate lets through."""
    for aid in aids:
        if not isinstance(aid, Aid):
            raise ConfigError(f"an aid is {aid!r:.60}; it must be a teachgym.types.Aid")
    found = [env.gate.inspect_aid(aid) for aid in aids]
    env.show_aids(tuple(a for a, verdict in zip(aids, found, strict=True) if verdict is None))
    return tuple(verdict for verdict in found if verdict is not None)


def _labels(env: Episode, items: Items) -> list[tuple[str, float | None]]:
    return [(e.skill, e.difficulty) for e in _chosen(env, items, "")]


def _greedy(env: Episode, items: Items | Sequence[Example], prefix: str) -> list[str]:
    prompts, stop = [e.question for e in _chosen(env, items, prefix)], env.task.stop

    def ask() -> list[list[str]]:
        return [[answer] for answer in env.student.generate(prompts, stop=stop)]

    request = ["greedy", _named(prompts), list(stop)]
    return [answer for (answer,) in _answers(env, request, len(prompts), ask)]


def _sample(
    env: Episode,
    items: Items | Sequence[Example],
    prefix: str,
    k: int,
    temperature: float,
    seed: int,
) -> list[list[str]]:
    if k < 1:
        raise ConfigError(f"k is {k}; it must be 1 or more")
    prompts, stop = [e.question for e in _chosen(env, items, prefix)], env.task.stop

    def ask() -> list[list[str]]:
        return env.student.sample(prompts, k=k, temperature=temperature, seed=seed, stop=stop)

    request = ["sample", _named(prompts), k, float(temperature), seed, list(stop)]
    return _answers(env, request, k * len(prompts), ask)


def _logprobs(env: Episode, items: Items | Sequence[Example], prefix: str) -> list[np.ndarray]:
    chosen = _chosen(env, items, prefix)
    prompts, targets = [e.question for e in chosen], [e.target for e in chosen]

    def ask() -> tuple[list[Record], int]:
        _require(env, env.student.count_tokens(targets))
        found = env.student.logprobs(prompts, targets)
        arrays = [{"dtype": str(f.dtype), "values": f.tolist()} for f in found]
        return arrays, sum(map(len, found))

    arrays = _answer(env, ["logprobs", _named(prompts), targets], ask)
    return [np.array(a["values"], dtype=a["dtype"]) for a in arrays]


def _gradients(env: Episode, items: Items | Sequence[Example], dimensions: int) -> np.ndarray:
    if dimensions < 1:
        raise ConfigError(f"dimensions is {dimensions}; it must be 1 or more")
    chosen = _chosen(env, items, "")
    texts = [text for e in chosen for text in (e.question.transcript, e.target)]

    def ask() -> tuple[list[Any], int]:
        tokens = env.student.count_tokens(texts)
        env.ledger.require(Cost(train_tokens=tokens))
        found = env.trainer.gradients(env.student, tuple(chosen), dimensions=dimensions)
        return found.tolist(), tokens

    request = ["gradients", _named([e.question for e in chosen]), texts[1::2], dimensions]
    return np.array(_answer(env, request, ask, "train_tokens")).reshape(-1, dimensions)


def _chosen(env: Episode, items: Items | Sequence[Example], prefix: str) -> list[Example]:
    """The examples that are meant, with the prefix, of which a simulated student is told."""
    env.state  # noqa: B018 (raises before the first reset)
    if isinstance(items, Items):
        if items.split not in ("train", "val"):
            raise ConfigError(f"split is {items.split!r}; only train and val can be probed")
        whole = env.task.examples(items.split)
        places = range(len(whole)) if items.places is None else items.places
        for place in places:
            if not 0 <= place < len(whole):
                raise ConfigError(
                    f"place {place} is outside the {len(whole)} items of {items.split}"
                )
        items = [whole[place] for place in places]
    chosen = [replace(e, prompt=prefix + e.prompt) for e in items] if prefix else list(items)
    env.student.read_key(chosen)
    return chosen


def _named(prompts: Sequence[Prompt]) -> list[str]:
    """The entry of prompts in a record."""
    return [prompt.identity for prompt in prompts]


def _answers(
    env: Episode, request: Sequence[Any], count: int, ask: Callable[[], list[list[str]]]
) -> list[list[str]]:
    """``count`` answers that can be paid for, as expected and as they came out."""

    def made() -> tuple[list[list[str]], int]:
        _require(env, env.price_of_answers(count).generated_tokens)
        found = ask()
        tokens = env.student.count_tokens([text for texts in found for text in texts])
        _require(env, tokens)
        return found, tokens

    answers: list[list[str]] = _answer(env, request, made)
    return answers


def _answer(
    env: Episode,
    request: Sequence[Any],
    ask: Callable[[], tuple[Any, int]],
    currency: str = "generated_tokens",
) -> Any:
    """The student's answer, or the recorded one, charged either way; a refusal is one, too."""

    def made() -> Record:
        try:
            answer, tokens = ask()
        except BudgetError as error:
            return {"refused": str(error)}
        return {"answer": answer, currency: tokens}

    entry = env.probe_log.answer(request, made)
    if "refused" in entry:
        raise BudgetError(entry["refused"])
    env.ledger.record(Cost(**{currency: entry[currency]}))
    return entry["answer"]


def _require(env: Episode, tokens: int) -> None:
    """Raise ``BudgetError`` unless ``tokens`` can be paid for, and the next evaluation too."""
    reserved = Cost() if env.state.stop_reason else env.next_evaluation
    env.ledger.require(reserved + Cost(generated_tokens=tokens))
