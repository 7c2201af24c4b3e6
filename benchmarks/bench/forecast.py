"""A forecast of a bench's remaining cost from its finished runs, arm by arm.

It takes the runs that are left for runs like the finished ones. Of an arm that asks a chat model
and has no finished run, it says what its budget allows, or that nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from teachgym.assembly import asks_chat, budget_of
from teachgym.benchmarks.bench.runner import Status, read_results, read_seconds, read_states
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.chat.settings import ChatSettings
from teachgym.runs.config import RunConfig
from teachgym.types import Cost

BINDING = ("dollars", "teacher_tokens_in", "teacher_tokens_out", "teacher_calls")
"""The currencies in which a budget limits what is asked of a chat model."""


@dataclass(frozen=True, slots=True)
class ArmForecast:
    """The progress of an arm, and the cost of its finished runs."""

    arm: Arm
    config: RunConfig
    """The config of its first run."""
    states: Sequence[Status]
    """The states of each run."""
    spent: Sequence[Cost]
    """By each finished run; its seconds are all that passed, see ``runner.read_seconds``."""

    @property
    def left(self) -> int:
        """Runs that are not finished; one that was begun counts as a whole."""
        return len(self.states) - self.states.count("finished")

    def to_come(self, currency: str) -> float:
        """The cost of the remaining runs if they are like the finished ones; nan without any."""
        each = [getattr(cost, currency) for cost in self.spent]
        return self.left * fmean(each) if each else math.nan


def budget_text(config: RunConfig) -> str:
    """The limits of a run's budget."""
    limits = budget_of(config).limits
    return ", ".join(f"{amount:,} {currency}" for currency, amount in limits.items())


def forecast(suite: Suite, folder: Path) -> tuple[ArmForecast, ...]:
    """The forecast for each arm of a suite whose runs are in ``folder``."""
    results = read_results(suite, folder)
    progress = read_states(suite, folder, results)
    forecasts = []
    for arm in suite.arms:
        cells = [cell for cell in suite.cells() if cell.arm == arm]
        states = [progress[arm.name, cell.seed] for cell in cells]
        spent = [
            _with_all_seconds(results[arm.name, cell.seed].spent, folder / cell.path)
            for cell in cells
            if (arm.name, cell.seed) in results
        ]
        forecasts.append(ArmForecast(arm, cells[0].config, states, spent))
    return tuple(forecasts)


def _with_all_seconds(spent: Cost, run: Path) -> Cost:
    """A run that was resumed has taken at least as long as its steps."""
    return replace(spent, seconds=max(spent.seconds, read_seconds(run)))


def describe(arms: Sequence[ArmForecast], processes: int = 1) -> Iterator[str]:
    """Lines on the remaining runs, their time, and the possible cost of chat models.

    Args:
        arms: the forecast of each.
        processes: how many share the work, >= 1.

    Raises:
        ConfigError: for wrong settings of the chat model.
    """
    left, total = sum(a.left for a in arms), sum(len(a.states) for a in arms)
    yield f"{left} of {total} runs are left{_describe_time(arms, processes) if left else ''}"
    asking = [arm for arm in arms if arm.left and asks_chat(arm.config)]
    if not asking:
        return
    yield from dict.fromkeys(text for arm in asking for text in _describe_price(arm.config.chat))
    if known := [arm for arm in asking if arm.spent]:
        yield _describe_asking(known)
    unknown: dict[str, list[str]] = {}
    for arm in asking:
        if not arm.spent:
            unknown.setdefault(_describe_unknown(arm), []).append(arm.arm.name)
    yield from (f"{', '.join(names)}: {text}" for text, names in unknown.items())
    yield from _describe_cap(asking)


def _describe_time(arms: Sequence[ArmForecast], processes: int) -> str:
    """Say how long the rest takes; an arm without finished runs is as slow as the others."""
    finished = [cost.seconds for arm in arms for cost in arm.spent]
    if not finished:
        return "; how long they take is known once a run is finished"
    alone = sum(a.to_come("seconds") if a.spent else a.left * fmean(finished) for a in arms)
    busy = min(processes, sum(a.left for a in arms))
    seconds = max(1, round(alone / busy))
    duration = _count(round(seconds / 60), "minute") if seconds >= 60 else _count(seconds, "second")
    return f", about {duration} in {_count(busy, 'process', 'es')}"


def _count(n: int, unit: str, plural: str = "s") -> str:
    return f"{n:,} {unit}{plural if n != 1 else ''}"


def _describe_price(chat: Mapping[str, Any]) -> Iterator[str]:
    """Say what a chat model costs that is named and that somebody sells."""
    if not chat:
        return
    settings = ChatSettings.of(chat)
    if (price := settings.price) is None:
        yield (
            f"the price of {settings.model} is not known and counts as 0 dollars; give it per "
            'million tokens: --set \'chat.prices={"in": 0.15, "out": 0.6}\''
        )
    elif price.tokens_in or price.tokens_out:
        yield (
            f"{settings.model} costs {price.tokens_in:.2f} dollars per million tokens in, "
            f"{price.tokens_out:.2f} out"
        )


def _describe_asking(arms: Sequence[ArmForecast]) -> str:
    tokens_in, tokens_out, dollars = (
        sum(arm.to_come(currency) for arm in arms)
        for currency in ("teacher_tokens_in", "teacher_tokens_out", "dollars")
    )
    return (
        f"{', '.join(a.arm.name for a in arms)}: about {tokens_in:,.0f} tokens into the chat "
        f"model and {tokens_out:,.0f} out, {_dollars(dollars)}"
    )


def _dollars(amount: float) -> str:
    """Cents, and two digits of what is less than one."""
    return f"{amount:,.2f} dollars" if amount >= 0.01 or not amount else f"{amount:.2g} dollars"


def _describe_unknown(arm: ArmForecast) -> str:
    """The limits of an arm that asks a chat model and has no finished run."""
    if limits := _limits(arm):
        return f"a run may cost {_amounts(limits)}, by its budget; none is finished yet"
    return "what a run asks of the chat model is unknown until one is finished; try --seeds 1"


def _describe_cap(arms: Sequence[ArmForecast]) -> Iterator[str]:
    """The most that all runs that are left may cost, in currencies that bind each of them."""
    bound = [_limits(arm) for arm in arms]
    common = [c for c in BINDING if all(c in limits for limits in bound)]
    if common and sum(arm.left for arm in arms) > 1:
        pairs = list(zip(arms, bound, strict=True))
        total = {c: sum(arm.left * limits[c] for arm, limits in pairs) for c in common}
        yield f"by their budgets at most {_amounts(total)} in all, besides calls in flight"


def _limits(arm: ArmForecast) -> dict[str, float]:
    """The limits that a run's budget sets to what is asked of a chat model."""
    limits = budget_of(arm.config).limits
    return {c: limits[c] for c in BINDING if c in limits}


def _amounts(limits: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:,} {c.replace('_', ' ')}" for c, amount in limits.items())
