"""The returns of arms as lines of JSON, and what they say: differences with their intervals."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from teachgym.benchmarks.bench.statistics import PairedTest, compare_trained, holm
from teachgym.report.tables import markdown_rows
from teachgym.runs.versions import commit
from teachgym.types import FloatArray, Score

Returns = tuple[float, ...]
ByArm = Mapping[tuple[str, str], FloatArray]
"""The returns of an arm, (n_training_runs, n_episodes), by student and arm."""


@dataclass(frozen=True)
class Line:
    """The gains of one arm with one student."""

    arm: str
    student: str
    returns: Returns
    """Gain in accuracy on ``val`` of each episode."""
    run: int = 0
    """Number of the training run, from 0."""
    trained: int = 0
    """Environment steps or updates of the training; 0 = an arm that is not trained."""
    commit: str | None = None
    """The commit that made it."""


class Lines:
    """The lines of a file, which need not exist yet, and those that are added to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        found = map(json.loads, path.read_text().splitlines() if path.exists() else ())
        self.known = [Line(**{**each, "returns": tuple(each["returns"])}) for each in found]

    def has(self, arm: str, student: str, run: int = 0) -> bool:
        """Whether there is a line of it."""
        return (arm, student, run) in {(line.arm, line.student, line.run) for line in self.known}

    def add(self, line: Line) -> None:
        """Write the line with the commit of the code to the file, and print it."""
        line = replace(line, commit=commit())
        self.known.append(line)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")
        Console().print(f"{line.student}: {line.arm} {Score.of_repetitions(line.returns)}")


def by_arm(lines: Sequence[Line]) -> ByArm:
    """Return the returns of each arm with each student, a row for each training run."""
    found = defaultdict[tuple[str, str], list[Returns]](list)
    for line in lines:
        found[line.student, line.arm].append(line.returns)
    return {key: np.array(own) for key, own in found.items()}


def tabulate(lines: Sequence[Line], against: Sequence[str]) -> str:
    """Tabulate returns and differences from other arms, a table for each student, best first.

    Errors and intervals are over training runs and episodes at once (``compare_trained``). A star
    marks a difference of a trained arm that is not 0 for sure, among all of them in the tables.
    """
    returns, trained = by_arm(lines), {line.arm for line in lines if line.trained}
    tests: dict[tuple[str, str, str], PairedTest] = {}
    for (student, arm), own in returns.items():
        for other in against:
            if other != arm and (student, other) in returns:
                tests[student, arm, other] = compare_trained(own, returns[student, other][0])
    sure = holm({key: test.p for key, test in tests.items() if key[1] in trained})

    def cell(student: str, arm: str, other: str) -> str:
        test = tests.get((student, arm, other))
        if test is None:
            return ""
        return test.show("episode") + " *" * (sure.get((student, arm, other), 1) < 0.05)

    tables = []
    for student in dict.fromkeys(line.student for line in lines):
        rows = [("arm", "episodes", "return", *(f"minus {other} (95 %)" for other in against))]
        mine = {arm: own for (s, arm), own in returns.items() if s == student}
        for arm, own in sorted(mine.items(), key=lambda item: -item[1].mean()):
            cells = (cell(student, arm, other) for other in against)
            rows.append((arm, _episodes(own), _score(own).show(".4f"), *cells))
        tables += [f"**{student}**", markdown_rows(rows)]
    return "\n\n".join(tables)


def _episodes(returns: FloatArray) -> str:
    runs, episodes = returns.shape
    return f"{runs} x {episodes}" if runs > 1 else str(episodes)


def _score(returns: FloatArray) -> Score:
    return compare_trained(returns, np.zeros(returns.shape[1])).difference
