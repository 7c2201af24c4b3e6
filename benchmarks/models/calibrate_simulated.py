"""Calibrate the simulated student to the tiny one, on each of its bases.

    python -m teachgym.benchmarks.models.calibrate_simulated measure STUDENT   # 30 minutes
    python -m teachgym.benchmarks.models.calibrate_simulated measure --base 3  # 3 minutes
    python -m teachgym.benchmarks.models.calibrate_simulated fit               # some minutes
    python -m teachgym.benchmarks.models.calibrate_simulated measure --base 3 --plans  # a minute

``measure`` trains the tiny student on designed sequences of data and writes its learning curves.
``fit`` estimates the profile on four fifths of them and scores it on the rest. It writes a profile
per base into ``students/data/simulated``, and a note with the figures. An optimal plan exploits the
errors of a profile in its favour. So ``measure --plans`` tries plans on the base and ``fit`` learns
from the outcome, in turn, until plans reach the predicted accuracy.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import track

from teachgym.apportion import apportion
from teachgym.benchmarks.bench.suites.shared import BUDGET, EMBEDDED
from teachgym.benchmarks.models.calibration import (
    LIFT,
    compare,
    estimate_noise,
    find_learnable,
    find_typical,
    fit,
    predict,
)
from teachgym.benchmarks.models.curves import Curve, Curves, Subject, head
from teachgym.engines.procedural import ProceduralEngine
from teachgym.evaluation import GenerateAndGrade
from teachgym.metrics import by_cell
from teachgym.protocols import Student, Task, Trainer
from teachgym.students import make_student
from teachgym.students.dynamics import LOST, MASTERED, Dynamics
from teachgym.students.planning import search_constant, search_plan
from teachgym.students.profile import FITTED, Profile
from teachgym.tasks import make_task
from teachgym.tasks.primitives import LEVELS, PRIMITIVES
from teachgym.training import make_trainer
from teachgym.types import Data, FloatArray, Order, Plan, Score, leaf_skills

RESULTS = Path(__file__).parents[1] / "results"
CURVES = RESULTS / "tiny_curves"
"""Learning curves, a file per base; ``first.jsonl`` has those of an earlier base, all designs."""
NOTE = RESULTS / "CALIBRATION.md"
STEP_SIZES = (50, 100, 250, 500, 1000)
"""Sizes of training runs, in examples, into which each total is divided."""
STEP, STEPS = int(EMBEDDED["examples_per_step"]), int(BUDGET["steps"])
"""Examples per step and number of steps for which plans are made: the budget of a bench."""
ITEMS = 20
"""Validation items per skill and level."""
HELD_OUT = 5
"""Every fifth sequence tests the fit."""

Mix = Callable[[FloatArray, np.random.Generator], FloatArray]
"""Wanted examples per cell, (S, L), from the accuracy so far and a generator."""


class Segment(NamedTuple):
    """The examples between two examinations."""

    mix: Mix
    runs: int = 1
    """Number of training runs into which they are divided."""


class Design(NamedTuple):
    """A sequence of segments with its purpose."""

    name: str
    segments: Sequence[Segment]


def spread(weights: FloatArray, total: float = 1000) -> FloatArray:
    """Return whole numbers of examples in proportion to ``weights``, with a sum near ``total``."""
    whole: FloatArray = np.round(total * weights / weights.sum())
    return whole


def always(weights: FloatArray, total: float = 1000) -> Mix:
    """Return the mix that has these weights at any state of the student."""
    return lambda accuracy, rng: spread(weights, total)


def designs(first: FloatArray, repeats: int) -> Iterator[Design]:
    """Return the sequences that show how cells are learned and lost, in runs of about 1000.

    Args:
        first: accuracy of the untrained student, (S, L).
        repeats: number of sequences for each design that shows the noise.
    """
    even, errors = Segment(always(np.ones_like(first))), Segment(always(1 - first))
    for _ in range(repeats):
        yield Design("uniform", [even] * 6)
    for _ in range(repeats):
        yield Design("first errors", [errors] * 6)
    for _ in range(repeats // 2):
        yield Design("errors", [Segment(lambda accuracy, rng: spread(1 - accuracy))] * 6)
    for _ in range(2 * repeats):
        yield Design("random", [Segment(partial(_draw_mix, (500, 1000, 2000)))] * 6)
    for skill in range(len(first)):
        focus, rest = np.ones_like(first), np.ones_like(first)
        focus[skill], rest[skill] = len(first) - 1, 0
        yield Design(
            "focus, then leave", [Segment(always(focus))] * 3 + [Segment(always(rest))] * 3
        )


def step_designs(first: FloatArray, repeats: int) -> Iterator[Design]:
    """Return equal totals cut into runs of 50 to 1000 examples, and short runs of random mixes."""
    mixes = {"uniform": np.ones_like(first), "first errors": 1 - first}
    for size in STEP_SIZES:
        for name, weights in mixes.items():
            for _ in range(repeats if name == "uniform" else 1):
                segments = [Segment(always(weights), 1000 // size)] * 3
                yield Design(f"{name}, {size} a run", segments)
    for _ in range(16):
        short = Segment(partial(_draw_mix, (50, 100, 250, 500)))
        yield Design("random, short runs", [short] * 6)


def order_designs(skills: Sequence[str], repeats: int) -> Iterator[Design]:
    """Return sequences that leave one root for another, and compositions with or without parts."""
    own = {p.name: p for p in PRIMITIVES}
    roots = list(dict.fromkeys(own[s].root for s in skills))

    def only(names: Collection[str], total: float, runs: int) -> Segment:
        weights = np.array([[float(s in names)] * LEVELS for s in skills])
        return Segment(always(weights, total), runs)

    def under(root: str) -> Collection[str]:
        return [s for s in skills if own[s].root == root]

    for distance in range(1, repeats + 1):
        for i, root in enumerate(roots):
            other = roots[(i + distance) % len(roots)]
            left = [only(under(root), 1000, 4)] * 2 + [only(under(other), 1000, 4)] * 3
            yield Design("taught, then left", left)
    for skill in skills:
        if parts := own[skill].needs:
            whole = [only([skill], 500, 2)] * 2
            yield Design("composition alone", whole)
            yield Design("composition after its parts", [only(parts, 500, 2)] * 2 + whole)
            yield Design(
                "composition, parts lost", [only(under("arithmetic"), 1000, 4)] * 2 + whole
            )


def _draw_mix(sizes: Sequence[int], accuracy: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw a mix in which a few cells get most examples; their number is one of ``sizes``."""
    weights = rng.dirichlet(np.full(accuracy.size, 0.3)).reshape(accuracy.shape)
    return spread(weights, rng.choice(sizes))


@dataclass(frozen=True, eq=False)
class Bench:
    """A student with its trainer and items, taught repeatedly from the same weights."""

    task: Task
    student: Student
    trainer: Trainer[Any]

    def right(self) -> FloatArray:
        """Return the number of right answers to validation items by cell, (S, L)."""
        report = GenerateAndGrade().evaluate(self.student, self.task, "val")
        scores = by_cell(report, leaf_skills(self.task.skills), self.task.levels)
        return np.round(scores.mean * scores.n)

    def run(self, design: Design, rng: np.random.Generator) -> Curve:
        """Teach and examine one sequence, and restore the student."""
        untrained = self.student.save()
        counts, right = [], [self.right()]
        for mix, runs in design.segments:
            counts.append(mix(right[-1] / ITEMS, rng))
            for part in cut(counts[-1], runs, rng):
                self.trainer.train(self.student, self.make(part, rng), rng)
            right.append(self.right())
        self.student.restore(untrained)
        return Curve(
            design.name, [s.runs for s in design.segments], np.stack(counts), np.stack(right)
        )

    def make(self, counts: FloatArray, rng: np.random.Generator) -> Data:
        """Make the numbers of training examples in ``counts``, (S, L)."""
        skills, levels = leaf_skills(self.task.skills), self.task.levels
        orders = (
            Order(skills[skill], int(count), difficulty=levels[level])
            for (skill, level), count in np.ndenumerate(counts)
        )
        return ProceduralEngine(self.task).generate(Plan(tuple(orders)), rng)


def cut(counts: FloatArray, runs: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Divide the counts among equal runs, each with a fair share of the remaining ones."""
    left = counts
    for run in range(runs):
        part = apportion(left / (runs - run), left.sum(), rng).astype(np.float64)
        left = left - part
        yield part


def measure(
    bench: Bench,
    plan: Sequence[Design],
    seed: Sequence[int],
    path: Path,
    console: Console,
    *,
    more: bool = False,
) -> None:
    """Append the learning curves of the designs that are missing in ``path``.

    With ``more``, the designs follow all curves of ``path``; else ``path`` begins with them.
    """
    skills = leaf_skills(bench.task.skills)
    if not path.exists():
        needs = tuple((p.name, need) for p in PRIMITIVES for need in p.needs)
        path.write_text(head(Subject(skills, bench.task.levels, ITEMS, needs, _links())))
    done = path.read_text().count("\n") - 1
    first = done if more else 0
    for number in track(range(done, first + len(plan)), "sequences", console=console):
        curve = bench.run(plan[number - first], np.random.default_rng([*seed, number]))
        with path.open("a") as file:
            file.write(curve.line())


def at_length(bench: Bench) -> list[Design]:
    """Return all designs."""
    first, skills = bench.right() / ITEMS, leaf_skills(bench.task.skills)
    return [*designs(first, 4), *step_designs(first, 3), *order_designs(skills, 2)]


def in_short(bench: Bench, base: int) -> list[Design]:
    """Return the designs for one of several bases: even, random and root by root."""
    first, skills = bench.right() / ITEMS, leaf_skills(bench.task.skills)
    steps = list(step_designs(first, 1))
    (even,) = (d for d in steps if d.name == "uniform, 250 a run")
    short = [d for d in steps if d.name == "random, short runs"]
    left = [d for d in order_designs(skills, 1) if d.name == "taught, then left"]
    long = Design("random", [Segment(partial(_draw_mix, (1000,)))] * 4)
    own, *others = np.roll(np.arange(len(left)), -(4 + base)).tolist()
    return [even, short[0], left[own], short[1], long, short[2], *(left[i] for i in others)]


def plan_designs(profile: Profile, skills: Sequence[str], levels: Sequence[float]) -> list[Design]:
    """Return the best plan and the best constant allocation by a profile, at a bench's budget."""
    dynamics = Dynamics.of(profile, skills, levels)
    found = {
        "best plan": search_plan(dynamics, [STEP] * STEPS),
        "best constant": search_constant(dynamics, [STEP] * STEPS),
    }
    return [
        Design(name, [Segment(always(shares, STEP)) for shares in own.shares])
        for name, own in found.items()
    ]


def _bench(student: str, **settings: int) -> Bench:
    """Load the student on one thread, which is the fastest way for so small a model."""
    import torch

    torch.set_num_threads(1)
    task = make_task("arithmetic-and-strings", val_per_cell=ITEMS)
    model = make_student(student, task, **settings)
    return Bench(task, model, make_trainer(model))


def _links() -> tuple[tuple[str, str], ...]:
    """Return pairs of skills of one root, inverses, and compositions with parts, in both orders."""
    return tuple(
        (a.name, b.name)
        for a in PRIMITIVES
        for b in PRIMITIVES
        if a != b and (a.root == b.root or a.name in b.needs or b.name in a.needs)
    )


def calibrate_to(curves: Curves, like: Profile) -> tuple[Profile, Score]:
    """Fit the profile of another base, and score the prediction by ``like``.

    The score is the final accuracy of all cells after each sequence, predicted minus measured. The
    prediction starts from the base's first accuracies and uses the character of ``like``; it is
    not fitted to any curve of the base.
    """
    first = np.nanmean(curves.accuracy[:, 0], axis=0) * curves.subject.items
    chance = (first + 0.5) / (curves.subject.items + 1)
    start = np.clip(np.log(chance / (1 - chance)), LOST + 0.1, MASTERED - 0.1)
    guessed = like.starting_from(curves.subject.skills, curves.subject.levels, start)
    dynamics = Dynamics.of(guessed, curves.subject.skills, curves.subject.levels)
    last = np.arange(len(curves.runs)), (curves.runs > 0).sum(axis=1)
    error = predict(dynamics, curves.counts)[last] - curves.accuracy[last]
    profile = fit(curves, like)
    learnable = find_learnable(profile, curves.subject.skills, curves.subject.levels)
    default = find_typical([profile.skills[skill] for skill in learnable])
    command = "python -m teachgym.benchmarks.models.calibrate_simulated fit"
    sequences = {"fitted": len(curves.designs), "of the character": like.fit["sequences"]["fitted"]}
    made = replace(
        profile,
        default=default,
        noise=like.noise,
        learnable=learnable,
        fit={"command": command, "sequences": sequences},
    )
    return made, Score.of_repetitions(error.mean(axis=(1, 2)))


def calibrate(curves: Curves) -> Profile:
    """Fit the profile to four fifths of the sequences, and score it on the others."""
    sequences = np.arange(len(curves.designs))
    train = curves.pick(sequences[sequences % HELD_OUT != 0])
    held_out = curves.pick(sequences[sequences % HELD_OUT == 0])
    profile = fit(train)
    scores = compare(profile, train, held_out)
    learnable = find_learnable(profile, curves.subject.skills, curves.subject.levels)
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
    """Return the note in Markdown: figures, then one line per skill."""
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
    dynamics = Dynamics.of(profile, curves.subject.skills, curves.subject.levels)
    last = np.arange(len(curves.runs)), (curves.runs > 0).sum(axis=1)
    measured, predicted = (
        accuracies[last].mean(axis=(1, 2))
        for accuracies in (
            curves.accuracy,
            predict(dynamics, curves.counts),
        )
    )
    named = {name: np.array(curves.designs) == name for name in curves.designs}
    sides = (measured, predicted)
    by_design = [
        f"| {name} | {' | '.join(str(Score.of_repetitions(s[rows])) for s in sides)} |"
        for name, rows in named.items()
    ]
    fitted, held_out = profile.fit["sequences"].values()
    return _NOTE.format(
        items=curves.subject.items,
        fitted=fitted,
        held_out=held_out,
        level_transfer=profile.level_transfer,
        rehearsal=profile.rehearsal,
        noise=profile.noise,
        learnable=", ".join(profile.learnable),
        scores="\n".join(scores),
        by_design="\n".join(by_design),
        skills="\n".join(skills),
    )


def _row(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


_NOTE = """# How well the simulated student imitates the tiny one

Written by `python -m teachgym.benchmarks.models.calibrate_simulated fit` from `tiny_curves`,
which `... measure` makes. Results on the simulated student are results on this model of a student,
not on a student.

The tiny student was trained on sets of data in a row, starting from the same weights each time,
and examined before and after each on {items} validation items per skill and level. The profile
was fitted to {fitted} such sequences; the figures are for {held_out} others, which it predicts
from the first weights and the numbers of examples alone. `change`: of a cell's accuracy between
two examinations; `final`: a cell's accuracy at the end; `overall`: the mean accuracy of all cells
at the end. R2 is relative to the best constant; the measured change of a cell is mostly chance,
which bounds the R2 of any prediction.

| target | prediction | RMSE | R2 |
|---|---|---|---|
{scores}

Mean final accuracy of all cells, by the design of the sequence (fitted and held-out ones). The
dynamics make no difference between ways to cut a total (`... a run`); tiny learns less from very
short runs, which is not imitated:

| design | measured | predicted |
|---|---|---|
{by_design}

Shared by all skills: level transfer {level_transfer:.3f}, rehearsal {rehearsal:.0f}, noise
{noise:.3f}. Learnable: {learnable}.

| skill | start | ceiling | rate | forgetting | worth of other skills' examples |
|---|---|---|---|---|---|
{skills}
"""


_BASES_NOTE = """
## The bases

The character above is fitted to a base that was measured at length, and is no longer shipped. Each
of the bases that ship was examined and taught in a few sequences; its profile is fitted to those,
with the numbers of the character as the means of the priors. Learnable are weak skills that 1,000
examples of nothing else lift by {lift}. Error: of the mean accuracy at the end of a sequence,
predicted minus measured, by the character above from what the base knew at first, before anything
was fitted to its curves.

| base | sequences | accuracy at first | learnable | error |
|---|---|---|---|---|
{rows}
"""


def main() -> None:
    """Run the command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["measure", "fit"])
    parser.add_argument("student", nargs="?", default="tiny", help="measure teaches it")
    parser.add_argument("--base", type=int, help="measure teaches this base of it, in short")
    parser.add_argument("--plans", action="store_true", help="measure tries that base's plans")
    parser.add_argument("--curves", type=Path, default=CURVES, help="folder of learning curves")
    parser.add_argument("--profiles", type=Path, default=FITTED, help="folder that fit fills")
    parser.add_argument("--note", type=Path, default=NOTE, help="fit writes it")
    parser.add_argument("--seed", type=int, default=7, help="of the data that measure draws")
    arguments = parser.parse_args()
    if arguments.plans and arguments.base is None:
        parser.error("--plans are of a base; give --base")
    console = Console()
    if arguments.command == "fit":
        fit_all(arguments.curves, arguments.profiles, arguments.note)
        console.print(Markdown(arguments.note.read_text()))
        return
    base: int | None = arguments.base
    bench = _bench(arguments.student, **({} if base is None else {"base": base}))
    if arguments.plans:
        profile = Profile.load(arguments.profiles / f"{base}.json")
        plan = plan_designs(profile, leaf_skills(bench.task.skills), bench.task.levels)
    else:
        plan = at_length(bench) if base is None else in_short(bench, base)
    seed = [arguments.seed] if base is None else [arguments.seed, base]
    path = arguments.curves / ("first.jsonl" if base is None else f"{base}.jsonl")
    measure(bench, plan, seed, path, console, more=arguments.plans)


def fit_all(curves: Path, profiles: Path, note: Path) -> None:
    """Fit the character, and from it a profile per base; write the profiles and the note."""
    first = Curves.load(curves / "first.jsonl")
    character = calibrate(first)
    rows = []
    for path in sorted(curves.glob("[0-9].jsonl")):
        own = Curves.load(path)
        profile, error = calibrate_to(own, character)
        profile.dump(profiles / f"{path.stem}.json")
        known = float(own.accuracy[:, 0].mean())
        rows.append(
            f"| {path.stem} | {len(own.designs)} | {known:.3f} | {', '.join(profile.learnable)} | "
            f"{error.show('+.3f')} |"
        )
    text = describe(character, first)
    note.write_text(text + _BASES_NOTE.format(lift=LIFT, rows="\n".join(rows)))


if __name__ == "__main__":
    main()
