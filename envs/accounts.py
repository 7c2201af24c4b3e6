"""The numbers of a step: what ``info["metrics"]`` holds, and what was spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from teachgym.types import Cost, Data, Incident, Report, TrainResult, Verdict


def score_metrics(report: Report) -> dict[str, float]:
    """Accuracy with its standard error and n."""
    overall = report.overall
    return {"accuracy": overall.mean, "stderr": overall.stderr, "n": overall.n}


def step_metrics(
    report: Report,
    accepted: Data,
    rejected: Iterable[Verdict],
    incidents: Iterable[Incident],
    result: TrainResult,
) -> dict[str, float]:
    """Numbers to plot; what did not occur is left out, as is the loss of a step without data."""
    reasons = Counter(verdict.reason for verdict in rejected)
    events = Counter(incident.event for incident in incidents)
    metrics: dict[str, float] = {
        **score_metrics(report),
        "accepted": len(accepted),
        "rejected": reasons.total(),
        **{f"rejected/{reason}": n for reason, n in sorted(reasons.items())},
        "incidents": events.total(),
        **{f"incidents/{event}": n for event, n in sorted(events.items())},
    }
    return {**metrics, "loss": result.loss} if accepted else metrics


def difference(after: Cost, before: Cost) -> Cost:
    """What was spent in between."""
    a, b = after.as_dict(), before.as_dict()
    return Cost(**{currency: a[currency] - b[currency] for currency in a})  # type: ignore[arg-type]
