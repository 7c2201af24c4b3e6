"""The numbers in a step's ``info``: metrics, and the losses of new examples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from teachgym.envs.restart import TrainingMode
from teachgym.errors import EpisodeError
from teachgym.protocols import Task
from teachgym.types import (
    EXERCISE,
    Cost,
    Data,
    Incident,
    Report,
    Score,
    TrainResult,
    Verdict,
)


def measured(report: Report) -> Report:
    """A report on ``val`` that has an accuracy.

    Raises:
        EpisodeError: if there are no items, or no answer to them could be graded.
    """
    if not report.predictions:
        raise EpisodeError("val has no items, so no gain can be measured; give the task some")
    if math.isnan(report.accuracy):
        raise EpisodeError("no answer on val could be graded; check the task's grader")
    return report


def score_metrics(report: Report) -> dict[str, float]:
    """Accuracy over all items and by skill, the task's metrics, and parts of grades.

    Each with its standard error and n. What could not be measured is left out, accuracy excepted.
    """
    scores = {"{}": report.overall}
    scores |= {f"{{}}/{skill}": score for skill, score in report.by_skill().items() if score.n}
    return {**_named(scores), **_figures(report)}


def _figures(report: Report) -> dict[str, float]:
    """The numbers of each metric of the task and each part of its grades."""
    return {
        f"{kind}{what}/{of}": value
        for name, score in report.figures.items()
        if score.n
        for kind, _, of in [name.partition("/")]
        for what, value in (("", score.mean), ("_stderr", score.stderr), ("_n", score.n))
    }


def step_metrics(
    report: Report,
    aided: Report | None,
    accepted: Data,
    rejected: Iterable[Verdict],
    incidents: Iterable[Incident],
    result: TrainResult,
) -> dict[str, float]:
    """Numbers to plot, leaving out what did not occur, such as the loss of a step without data."""
    events = Counter(incident.event for incident in incidents)
    metrics: dict[str, float] = {
        **score_metrics(report),
        **(_aided_metrics(report, aided) if aided else {}),
        "accepted": len(accepted),
        **_rejections(rejected),
        "incidents": events.total(),
        **{f"incidents/{event}": n for event, n in sorted(events.items())},
    }
    return {**metrics, "loss": result.loss} if math.isfinite(result.loss) else metrics


def choice_metrics(task: Task, accepted: Data, rejected: Sequence[Verdict]) -> dict[str, float]:
    """Yield and quality of the data that the gate's filters left.

    The yield is the share of the batch that was accepted, the quality the share of the accepted
    exercises whose targets are right as far as the task can tell. What is not known is left out.
    """
    handed_in = len(accepted) + len(rejected)
    found = {"yield": len(accepted) / handed_in} if handed_in else {}
    quality = Score.of(task.verify(e) for e in accepted if e.kind == EXERCISE)
    told = {"": quality.mean, "_stderr": quality.stderr, "_n": quality.n}
    return found | ({f"quality{what}": n for what, n in told.items()} if quality.n else {})


def _aided_metrics(report: Report, aided: Report) -> dict[str, float]:
    """Accuracy with aids, and how many items had one before their prompts."""
    pairs = zip(report.predictions, aided.predictions, strict=True)
    given = sum(own.example.prompt != other.example.prompt for own, other in pairs)
    return {**_named({"aided/{}": aided.overall}), "aided/given": given}


def _named(scores: Mapping[str, Score]) -> dict[str, float]:
    """The numbers of each score under its name, which has a place for what they are."""
    return {
        name.format(what): value
        for name, score in scores.items()
        for what, value in (("accuracy", score.mean), ("stderr", score.stderr), ("n", score.n))
    }


def also_rejected(info: dict[str, Any], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """A step's ``info`` with further ``verdicts`` on orders or moves."""
    if not verdicts:
        return info
    rejected = (*verdicts, *info["rejected"])
    return {
        **info,
        "rejected": rejected,
        "metrics": {**info["metrics"], **_rejections(rejected)},
    }


def _rejections(rejected: Iterable[Verdict]) -> dict[str, float]:
    """The number of rejected items, in all and by reason."""
    reasons = Counter(verdict.reason for verdict in rejected)
    by_reason = {f"rejected/{reason}": n for reason, n in sorted(reasons.items())}
    return {"rejected": reasons.total(), **by_reason}


def new_losses(
    mode: TrainingMode, losses: Sequence[float], *, trained: int, new: int
) -> tuple[float | None, ...]:
    """The content of ``info["losses"]``: the losses of the step's new examples.

    Args:
        mode: whether the new examples are the first (``continue``, ``batch``) or the last
            (``scratch``) of those that were trained on; see ``training_set``.
        losses: of all of them; any other number of losses says nothing.
        trained: how many were trained on.
        new: how many of them are new.

    Returns:
        One per new example, in nats; None = not known, or not a finite number.

    Example:
        >>> new_losses("continue", (0.5, math.nan, 2.0), trained=3, new=2)
        (0.5, None)
        >>> new_losses("scratch", (0.5, math.nan, 2.0), trained=3, new=1)
        (2.0,)
        >>> new_losses("continue", (), trained=3, new=2)
        (None, None)
    """
    if len(losses) != trained:
        return (None,) * new
    first = trained - new if mode == "scratch" else 0
    return tuple(x if math.isfinite(x) else None for x in losses[first : first + new])


def untaught(accepted: Data) -> tuple[TrainResult, tuple[float | None, ...]]:
    """The result and losses of a step without training."""
    return TrainResult(math.nan, 0, Cost()), (None,) * len(accepted)
