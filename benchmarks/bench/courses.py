"""Golden against proxy, step by step: what is right, and how near a student is to its teacher.

    python -m teachgym.benchmarks.bench.courses bench/teacher-hacking

Golden is accuracy on val; the proxy is the mean training loss, of suites in which a student follows
a teacher model. The teacher model's own accuracy is the line beyond which following it does not
lead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from teachgym.benchmarks.bench.leaderboard import by_arm
from teachgym.benchmarks.bench.runner import Results, print_asked
from teachgym.benchmarks.bench.statistics import mean_curve
from teachgym.benchmarks.bench.suites import Cell, Suite
from teachgym.report.tables import Rows, markdown_rows
from teachgym.runs.files import read_lines
from teachgym.runs.folder import RunFolder
from teachgym.types import Score


@dataclass(frozen=True, slots=True)
class Course:
    """The runs of an arm, in the mean of its seeds."""

    arm: str
    golden: tuple[Score, ...]
    """Accuracy on val, untrained and after each step, shape (steps + 1,)."""
    proxy: tuple[float, ...]
    """Training loss of each step, in nats, shape (steps,); nan where nothing was trained on."""

    @property
    def turned(self) -> bool:
        """Whether golden was better before the end, while the proxy went on to fall."""
        means = [score.mean for score in self.golden]
        best = means.index(max(means))
        return 0 < best < len(means) - 1 and self.proxy[-1] < self.proxy[best - 1]


def course_of(
    arm: str, curves: Sequence[Sequence[float]], losses: Sequence[Sequence[float]]
) -> Course:
    """The course of an arm.

    Args:
        arm: its name.
        curves: accuracy on val of each run, untrained first.
        losses: training losses of each run, one a step.

    Example:
        >>> course_of("x", [[0.5, 0.7, 0.6]], [[1.0, 0.5]]).turned
        True
    """
    steps = min(map(len, losses))
    proxy = tuple(fmean(own[step] for own in losses) for step in range(steps))
    return Course(arm, tuple(mean_curve(curves)[: steps + 1]), proxy)


def course_rows(courses: Iterable[Course], teachers: Mapping[str, Score]) -> Rows:
    """Two lines an arm, golden and proxy, a column a step; teacher models have one value."""
    courses = list(courses)
    steps = max((len(course.proxy) for course in courses), default=0)
    header = ("arm", "", "untrained", *(f"step {n + 1}" for n in range(steps)), "turned")
    rows = []
    for course in courses:
        golden = [f"{score.mean:.3f} ± {score.stderr:.3f}" for score in course.golden]
        proxy = ["" if math.isnan(loss) else f"{loss:.4f}" for loss in course.proxy]
        blank = [""] * (steps - len(proxy))
        rows += [
            (course.arm, "golden", *golden, *blank, "yes" if course.turned else "no"),
            ("", "proxy", "", *proxy, *blank, ""),
        ]
    for name, score in teachers.items():
        rows.append((f"teacher model of {name}", "golden", f"{score}", *[""] * steps, ""))
    return (header, *rows)


def read_courses(suite: Suite, results: Results, folder: Path) -> list[Course]:
    """The courses of the arms that have runs, with the losses that are in the bench's folder."""
    found = []
    arms = {arm.name: arm for arm in suite.arms}
    for name, runs in by_arm(suite, results).items():
        if not runs:
            continue
        paths = [folder / Cell(suite, arms[name], seed).path for seed in runs]
        curves = [[score.mean for score in run.curve] for run in runs.values()]
        found.append(course_of(name, curves, [_losses(path) for path in paths]))
    return found


def _losses(run: Path) -> list[float]:
    """The training loss of each step of a run."""
    lines = read_lines(RunFolder.open(run).metrics)
    return [line.get("loss", math.nan) for line in lines if line["step"]]


def teacher_accuracy(suite: Suite, seeds: Sequence[int]) -> dict[str, Score]:
    """The accuracy on val of the teacher model of each condition, over the items of the seeds."""
    from teachgym.envs.config import CONFIGS
    from teachgym.evaluation import EVALUATORS
    from teachgym.tasks import make_task
    from teachgym.training.teacher_models import ModelTeacher
    from teachgym.training.teacher_registry import make_teacher_model

    found = {}
    for arm in {arm.condition: arm for arm in suite.arms}.values():
        scores = []
        for seed in seeds:
            run = Cell(suite, arm, seed).config
            config = CONFIGS[run.env].of(run.env_settings)
            assert config.teacher_model is not None
            task = make_task(config.task, **config.task_settings)
            model = make_teacher_model(config.teacher_model, task, config.teacher_model_settings)
            assert isinstance(model, ModelTeacher)
            evaluator = EVALUATORS.make(config.evaluator, settings=config.evaluator_settings)
            scores.append(evaluator.evaluate(model.student, task, "val").accuracy)
        found[arm.condition] = Score.of_repetitions(scores)
    return found


def tell(suite: Suite, results: Results, folder: Path) -> Iterator[str]:
    """The table of all courses."""
    seeds = sorted({seed for _, seed in results})
    courses = read_courses(suite, results, folder)
    yield markdown_rows(course_rows(courses, teacher_accuracy(suite, seeds)))


if __name__ == "__main__":
    print_asked(__doc__.partition("\n")[0], tell)
