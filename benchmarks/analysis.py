"""Results of episodes → tables: pure functions, no running.

Seeds are shared by all teachers, so teachers are compared by the paired differences of their
seeds: that removes what the seed alone decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from teachgym.metrics import Estimate, estimate, rank_correlation


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one finished episode is judged by."""

    student: str
    teacher: str
    seed: int
    test_before: float
    """Test accuracy of the untrained student."""
    test_after: float
    """Test accuracy of the student that was best on val."""
    area: float
    """Mean height of the validation curve (``metrics.area_under_curve``)."""
    examples: int
    """Examples trained on."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A teacher's line in the table."""

    teacher: str
    test: Estimate
    area: Estimate
    against: Estimate | None
    """Paired difference in final test accuracy to the reference teacher; None for itself."""

    @property
    def errors_away(self) -> float:
        """Paired difference to the reference in its own standard errors; nan for itself."""
        if self.against is None or not self.against.stderr > 0:
            return float("nan")
        return self.against.mean / self.against.stderr


def by_teacher(outcomes: Iterable[Outcome]) -> dict[str, dict[int, Outcome]]:
    """Teacher to seed to outcome; the last one counts when a cell was run twice."""
    table: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        table.setdefault(outcome.teacher, {})[outcome.seed] = outcome
    return table


def compare(outcomes: Iterable[Outcome], reference: str = "uniform") -> list[Row]:
    """One row per teacher, best final test accuracy first.

    Differences are taken over the seeds that the teacher and the reference share.
    """
    table = by_teacher(outcomes)
    rows = [_row(teacher, table, reference) for teacher in table]
    return sorted(rows, key=lambda row: -row.test.mean)


def _row(teacher: str, table: Mapping[str, Mapping[int, Outcome]], reference: str) -> Row:
    mine, theirs = table[teacher], table.get(reference, {})
    shared = [] if teacher == reference else sorted(set(mine) & set(theirs))
    differences = [mine[s].test_after - theirs[s].test_after for s in shared]
    return Row(
        teacher,
        estimate([o.test_after for o in mine.values()]),
        estimate([o.area for o in mine.values()]),
        estimate(differences) if differences else None,
    )


def agreement(a: Sequence[Row], b: Sequence[Row]) -> float:
    """Spearman's rank correlation of the teachers that both tables have, by mean test accuracy."""
    first, second = ({row.teacher: row.test.mean for row in rows} for rows in (a, b))
    shared = [teacher for teacher in first if teacher in second]
    return rank_correlation([first[t] for t in shared], [second[t] for t in shared])


def markdown(rows: Sequence[Row], reference: str = "uniform") -> str:
    """The table as Markdown."""
    columns = [
        "teacher",
        "final test accuracy",
        "area under the val curve",
        f"test, minus {reference}",
        "in standard errors",
    ]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        against = "" if row.against is None else _plus_minus(row.against, sign=True)
        errors = "" if row.against is None else f"{row.errors_away:+.1f}"
        cells = [row.teacher, _plus_minus(row.test), _plus_minus(row.area), against, errors]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _plus_minus(value: Estimate, *, sign: bool = False) -> str:
    mean = f"{value.mean:+.4f}" if sign else f"{value.mean:.4f}"
    return f"{mean} ± {value.stderr:.4f} (n={value.n})"
