"""Calibrates the simulated student to the tiny one.

    python -m teachgym.benchmarks.models.calibrate_simulated measure   # 20 minutes on one core
    python -m teachgym.benchmarks.models.calibrate_simulated fit       # a minute

``measure`` trains the tiny student on designed sequences of data and writes its learning curves;
``fit`` estimates the profile on four fifths of them, scores it on the rest, and writes
``students/data/simulated.json`` and a note with the figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import track

from teachgym.benchmarks.models.calibration import (
    Curves,
    compare,
    estimate_noise,
    find_learnable,
    find_typical,
    fit,
    predict,
)
from teachgym.engines.procedural import ProceduralEngine
from teachgym.evaluation import GenerateAndGrade
from teachgym.metrics import by_cell
from teachgym.protocols import Student, Task, Trainer
from teachgym.students import make_student
from teachgym.students.dynamics import Dynamics, FloatArray
from teachgym.students.profile import FITTED_TO_TINY, Profile
from teachgym.tasks import make_task
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.training import make_trainer
from teachgym.types import Data, Order, Plan, Score, leaf_skills

RESULTS = Path(__file__).parents[1] / "results"
CURVES = RESULTS / "tiny_curves.json"
NOTE = RESULTS / "CALIBRATION.md"
RUNS = 6
"""Training runs in a row."""
REPEATS = 4
"""Sequences with the same counts and other seeds, from which the noise is estimated."""
ITEMS = 20
"""Validation items per skill and level."""
HELD_OUT = 5
"""Every fifth sequence tests the fit."""

Mix = Callable[[int, FloatArray, np.random.Generator], FloatArray]
"""Wanted examples per cell, (S, L), from the run's number, the accuracy so far and a generator."""


def spread(weights: FloatArray, total: float = 1000) -> FloatArray:
    """Whole numbers of examples in proportion to ``weights``; their sum is about ``total``."""
    whole: FloatArray = np.round(total * weights / weights.sum())
    return whole


def designs(first: FloatArray) -> Iterator[tuple[str, Mix]]:
    """Sequences of training runs, as names and mixes, that show how cells are learned and lost.

    Args:
        first: accuracy of the untrained student, (S, L).
    """
    for _ in range(REPEATS):
        yield "uniform", lambda run, accuracy, rng: spread(np.ones_like(accuracy))
    for _ in range(REPEATS):
        yield "first errors", lambda run, accuracy, rng: spread(1 - first)
    for _ in range(2):
        yield "errors", lambda run, accuracy, rng: spread(1 - accuracy)
    for _ in range(8):
        yield "random", _draw_mix
    for skill in range(len(first)):
        yield "focus, then leave", partial(_focus, skill)


def _draw_mix(run: int, accuracy: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A few cells get most of 500, 1000 or 2000 examples."""
    weights = rng.dirichlet(np.full(accuracy.size, 0.3)).reshape(accuracy.shape)
    return spread(weights, rng.choice([500, 1000, 2000]))


def _focus(skill: int, run: int, accuracy: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Half of the examples on one skill at first; none in the second half of the runs."""
    weights = np.ones_like(accuracy)
    weights[skill] = len(accuracy) - 1 if run < RUNS // 2 else 0
    return spread(weights)


@dataclass(frozen=True, eq=False)
class Bench:
    """A student with what it takes to teach and examine it, over and over from the same weights."""

    task: Task
    student: Student
    trainer: Trainer[Any]

    def right(self) -> FloatArray:
        """Validation items answered right per cell, (S, L)."""
        report = GenerateAndGrade().evaluate(self.student, self.task, "val")
        scores = by_cell(report, leaf_skills(self.task.skills), self.task.levels)
        return np.round(scores.mean * scores.n)

    def run(self, mix: Mix, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """One sequence: examples, (T, S, L), and right answers before and after, (T + 1, S, L)."""
        untrained = self.student.save()
        counts, right = [], [self.right()]
        for run in range(RUNS):
            counts.append(mix(run, right[-1] / ITEMS, rng))
            self.trainer.train(self.student, self.make(counts[-1], rng), rng)
            right.append(self.right())
        self.student.restore(untrained)
        return np.stack(counts), np.stack(right)

    def make(self, counts: FloatArray, rng: np.random.Generator) -> Data:
        """Training examples in these numbers, (S, L)."""
        skills, levels = leaf_skills(self.task.skills), self.task.levels
        orders = (
            Order(skills[skill], int(count), difficulty=levels[level])
            for (skill, level), count in np.ndenumerate(counts)
        )
        return ProceduralEngine(self.task).generate(Plan(tuple(orders)), rng)


def measure(bench: Bench, seed: int, console: Console) -> Curves:
    """Learning curves of the student for every design."""
    plan = list(designs(bench.right() / ITEMS))
    seeds = np.random.SeedSequence(seed).spawn(len(plan))
    jobs = [(mix, np.random.default_rng(own)) for (_, mix), own in zip(plan, seeds, strict=True)]
    results = [bench.run(*job) for job in track(jobs, "sequences", console=console)]
    return Curves(
        skills=leaf_skills(bench.task.skills),
        levels=bench.task.levels,
        items=ITEMS,
        counts=np.stack([counts for counts, _ in results]),
        right=np.stack([right for _, right in results]),
        designs=tuple(name for name, _ in plan),
        prerequisites=tuple((p.name, need) for p in PRIMITIVES for need in p.needs),
        links=_links(),
    )


def _bench(student: str) -> Bench:
    """The student on one thread, which is faster than more for a model of the tiny one's size."""
    import torch

    torch.set_num_threads(1)
    task = make_task("arithmetic-and-strings", val_per_cell=ITEMS)
    model = make_student(student, task)
    return Bench(task, model, make_trainer(model))


def _links() -> tuple[tuple[str, str], ...]:
    """Pairs of skills of one root, inverses, and compositions with their parts, both ways."""
    return tuple(
        (a.name, b.name)
        for a in PRIMITIVES
        for b in PRIMITIVES
        if a != b and (a.root == b.root or a.name in b.needs or b.name in a.needs)
    )


def calibrate(curves: Curves) -> Profile:
    """The profile fitted to four fifths of the sequences, scored on the others."""
    sequences = np.arange(len(curves.designs))
    train = curves.pick(sequences[sequences % HELD_OUT != 0])
    held_out = curves.pick(sequences[sequences % HELD_OUT == 0])
    profile = fit(train)
    scores = compare(profile, train, held_out)
    learnable = find_learnable(profile, curves.skills, curves.levels)
    return replace(
        profile,
        default=find_typical([profile.skills[skill] for skill in learnable]),
        noise=estimate_noise(profile, curves),
        learnable=learnable,
        fit={
            "command": "python -m teachgym.benchmarks.models.calibrate_simulated fit",
            "sequences": {"fitted": len(train.designs), "held_out": len(held_out.designs)},
            "scores": {
                target: {name: asdict(score) for name, score in by_name.items()}
                for target, by_name in scores.items()
            },
        },
    )


def describe(profile: Profile, curves: Curves) -> str:
    """The note, in Markdown: figures, then one line per skill."""
    scores = [
        f"| {target} | {name} | {by['rmse']:.4f} | {by['r2']:.3f} |"
        for target, by_name in profile.fit["scores"].items()
        for name, by in by_name.items()
    ]
    skills = [
        f"| {name} | {_row(s.start)} | {_row(s.ceiling)} | {s.rate:.2f} | {s.forgetting:.3f} | "
        + ", ".join(f"{other} {worth:.2f}" for other, worth in s.transfer.items() if worth >= 0.1)
        + " |"
        for name, s in profile.skills.items()
    ]
    measured, predicted = (
        accuracies[:, -1].mean(axis=(1, 2))
        for accuracies in (
            curves.accuracy,
            predict(Dynamics.of(profile, curves.skills, curves.levels), curves.counts),
        )
    )
    named = {name: np.array(curves.designs) == name for name in curves.designs}
    sides = (measured, predicted)
    by_design = [
        f"| {name} | {' | '.join(str(Score.of_repetitions(s[rows])) for s in sides)} |"
        for name, rows in named.items()
    ]
    fitted, held_out = profile.fit["sequences"].values()
    runs = curves.counts.shape[1]
    return _NOTE.format(
        runs=runs,
        items=curves.items,
        fitted=fitted,
        held_out=held_out,
        transitions=held_out * runs,
        level_transfer=profile.level_transfer,
        saturation=profile.saturation,
        noise=profile.noise,
        learnable=", ".join(profile.learnable),
        scores="\n".join(scores),
        by_design="\n".join(by_design),
        skills="\n".join(skills),
    )


def _row(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


_NOTE = """# How well the simulated student imitates the tiny one

Written by `python -m teachgym.benchmarks.models.calibrate_simulated fit` from `tiny_curves.json`,
which `... measure` makes. Results on the simulated student are results on this model of a student,
not on a student.

The tiny student was trained on {runs} sets of data in a row, starting from the same weights each
time, and examined before and after each on {items} validation items per skill and level. The
profile was fitted to {fitted} such sequences; the figures are for {held_out} others
({transitions} training runs), which it predicts from the first weights and the numbers of
examples alone. `change`: of a cell's accuracy in one run; `final`: a cell's accuracy after the
last run; `overall`: the mean accuracy of all cells after the last run. R2 is relative to the best
constant; the measured change of a cell is mostly chance, which bounds the R2 of any prediction.

| target | prediction | RMSE | R2 |
|---|---|---|---|
{scores}

Mean final accuracy of all cells, by the design of the sequence (fitted and held-out ones):

| design | measured | predicted |
|---|---|---|
{by_design}

Shared by all skills: level transfer {level_transfer:.3f}, saturation {saturation:.3f}, noise
{noise:.3f}. Learnable: {learnable}.

| skill | start | ceiling | rate | forgetting | worth of other skills' examples |
|---|---|---|---|---|---|
{skills}
"""


def main() -> None:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["measure", "fit"])
    parser.add_argument("--student", default="tiny", help="measure teaches it")
    parser.add_argument("--curves", type=Path, default=CURVES, help="learning curves (JSON)")
    parser.add_argument("--profile", type=Path, default=FITTED_TO_TINY, help="fit writes it")
    parser.add_argument("--note", type=Path, default=NOTE, help="fit writes it")
    parser.add_argument("--seed", type=int, default=0, help="of the data that measure draws")
    arguments = parser.parse_args()
    console = Console()
    if arguments.command == "measure":
        measure(_bench(arguments.student), arguments.seed, console).dump(arguments.curves)
        console.print(f"wrote {arguments.curves}")
        return
    curves = Curves.load(arguments.curves)
    with console.status("fitting"):
        profile = calibrate(curves)
    profile.dump(arguments.profile)
    note = describe(profile, curves)
    arguments.note.write_text(note)
    console.print(Markdown(note))


if __name__ == "__main__":
    main()
