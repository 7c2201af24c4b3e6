"""Compare teachers at equal budget over several seeds, on any student.

    python -m teachgym.benchmarks.compare --student tiny --seeds 8
    python -m teachgym.benchmarks.compare --student simulated --seeds 8
    python -m teachgym.benchmarks.compare --agreement simulated tiny

Every episode is one line of ``results/teachers-<student>.jsonl``; episodes already there are not
run again, so an interrupted comparison goes on where it stopped. The table is written beside it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from teachgym.benchmarks.analysis import Outcome, agreement, compare, markdown
from teachgym.workers import worker_pool

RESULTS = Path(__file__).parent / "results"
BUDGET = {"steps": 10, "examples": 2500}
PER_STEP = 250
TEACHERS = (
    "uniform",
    "weakest",
    "alp",
    "epsilon-greedy",
    "ucb1",
    "discounted-ucb",
    "sliding-window-ucb",
    "thompson",
    "exp3",
    "exp3s",
    "linucb",
    "alp-gmm",
    "oracle",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One episode to run."""

    student: str
    teacher: str
    seed: int


def run_cell(cell: Cell) -> Outcome:
    """Run the episode and read test once, after its end."""
    import gymnasium as gym

    import teachgym  # noqa: F401
    from teachgym.agents import make_teacher
    from teachgym.loop import run_episode
    from teachgym.metrics import area_under_curve
    from teachgym.students import learnable_skills

    _use_one_thread(cell.student)
    env = gym.make(
        "teachgym/SkillList-v0", student=cell.student, budget=BUDGET, examples_per_step=PER_STEP
    )
    settings: dict[str, Any] = {}
    if cell.teacher == "oracle":
        settings["learnable"] = learnable_skills(cell.student)
    run_episode(env, make_teacher(cell.teacher, env, **settings), seed=cell.seed)
    base: Any = env.unwrapped
    before, after = base.examine()
    return Outcome(
        student=cell.student,
        teacher=cell.teacher,
        seed=cell.seed,
        test_before=before.accuracy,
        test_after=after.accuracy,
        area=area_under_curve([point.mean for point in base.state.curve]),
        examples=base.spent.examples,
        seconds=round(base.spent.seconds, 2),
    )


def _use_one_thread(student: str) -> None:
    if student != "simulated":
        import torch

        torch.set_num_threads(1)


def results_path(student: str, folder: Path = RESULTS) -> Path:
    """Where the outcomes of a student are kept."""
    return folder / f"teachers-{Path(student).name}.jsonl"


def read_outcomes(path: Path) -> list[Outcome]:
    """The outcomes in a results file; none if there is no file."""
    if not path.exists():
        return []
    return [Outcome(**json.loads(line)) for line in path.read_text().splitlines() if line]


def missing(cells: list[Cell], done: list[Outcome]) -> list[Cell]:
    """The cells that have no outcome yet."""
    have = {Cell(o.student, o.teacher, o.seed) for o in done}
    return [cell for cell in cells if cell not in have]


def run_cells(cells: list[Cell], workers: int, gpus: Sequence[str] = ()) -> Iterator[Outcome]:
    """Outcomes as they are finished, with a progress bar."""
    from rich.progress import track

    with worker_pool(workers, gpus) as pool:
        futures = [pool.submit(run_cell, cell) for cell in cells]
        for future in track(as_completed(futures), total=len(futures), description="episodes"):
            yield future.result()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--student", default="tiny", help="simulated, tiny, or a path")
    parser.add_argument("--teachers", nargs="+", default=TEACHERS, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=8, help="seeds 0 .. N-1 (default 8)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--gpus", nargs="+", default=(), metavar="N", help="one process a GPU")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument(
        "--agreement", nargs=2, metavar="STUDENT", help="rank correlation of two students' tables"
    )
    arguments = parser.parse_args()
    if arguments.agreement:
        tables = [
            compare(read_outcomes(results_path(s, arguments.out))) for s in arguments.agreement
        ]
        _say(f"rank correlation of teachers: {agreement(*tables):+.3f}")
        return
    path = results_path(arguments.student, arguments.out)
    cells = [
        Cell(arguments.student, t, s) for s in range(arguments.seeds) for t in arguments.teachers
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        todo = missing(cells, read_outcomes(path))
        for outcome in run_cells(todo, arguments.workers, arguments.gpus):
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
    table = markdown(compare(read_outcomes(path)))
    path.with_suffix(".md").write_text(table)
    _say(table)


def _say(text: str) -> None:
    from rich.console import Console

    Console(soft_wrap=True).print(text, markup=False, highlight=False)


if __name__ == "__main__":
    main()
