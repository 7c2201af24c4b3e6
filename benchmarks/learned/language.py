"""Compare a language model that learned to teach with rules: GRPO on gains and on proxies.

    python -m teachgym.benchmarks.learned.language --folder teachers --out language-teachers.jsonl

Every teacher begins as ``small``, imitates runs of ``alp`` (``cold`` does not), and learns on bases
5 and 6 of the simulated student, with the items of task seed 1,000,000. With ``shuffled`` it meets
24 students in turn, half of them on each of these bases, that learn in other ways
(``Profile.shuffled``), and with ``rest`` half of each step goes to all skills alike; these arms
have three times as many updates. They are compared on bases 0 to 4 and on the items of other seeds,
by the gain on ``val`` of an episode for each seed. Every arm is a line of JSON; lines that exist
are not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
from rich.console import Console
from rich.markdown import Markdown

from teachgym import experiment
from teachgym.agents.llm.shares import SharesForm
from teachgym.agents.llm.speaker import Speaker, load_model, save_teacher
from teachgym.benchmarks.bench.suites.suite import Arm
from teachgym.benchmarks.learned.judging import ID, play_arm
from teachgym.benchmarks.learned.lines import Line, Lines, tabulate
from teachgym.bridges.grpo.settings import TeacherTraining
from teachgym.bridges.grpo.training import train_teacher
from teachgym.bridges.grpo.warm_start import warm_up

EPISODE: Mapping[str, Any] = {"examples_per_step": 500, "budget": {"steps": 5, "examples": 2500}}
STUDENT = "simulated"
SEEDS = range(10)
"""Held-out seeds: run s is on base s mod 5, with the items of task seed s."""
SHUFFLES = range(24)
"""Seeds of the students that a teacher meets with ``shuffled``."""


@dataclass(frozen=True)
class Recipe:
    """The training of a teacher."""

    seed: int = 0
    proxy: str | None = None
    """The proxy that is the reward instead of the gain; None = the gain."""
    warm: bool = True
    shuffled: bool = False
    rest: float = 0.0
    """The field ``rest`` of ``SharesSettings``."""
    updates: int = 24


LEARNED: Mapping[str, Recipe] = {
    "gain 0": Recipe(0),
    "gain 1": Recipe(1),
    "gain 2": Recipe(2),
    "learnability": Recipe(proxy="learnability"),
    "learning progress": Recipe(proxy="learning_progress"),
    "gain, cold": Recipe(warm=False),
    "rest": Recipe(rest=0.5, updates=72),
    "shuffled, rest": Recipe(shuffled=True, rest=0.5, updates=72),
}
"""By arm."""
WARM = {"warm start": "gain 0", "warm start, rest": "rest"}
"""Arms without updates, and the arms whose warm start they are."""
RULES = ("uniform", "alp")
AGAINST = ("alp", "untrained")


def settings_of(arm: str, runs: Sequence[Path]) -> TeacherTraining:
    """Return the training settings of one of ``LEARNED``."""
    recipe = LEARNED[arm]
    paid = {} if recipe.proxy is None else {"proxy": recipe.proxy}
    shuffles = {"student_settings.shuffle": list(SHUFFLES)} if recipe.shuffled else {}
    stage = {
        "updates": recipe.updates,
        "env_settings": {"texts": False, **EPISODE, **paid},
        "vary": {"student_settings.base": [5, 6], **shuffles},
    }
    return TeacherTraining.of(
        {
            "seed": recipe.seed,
            "warm_start": {"runs": [str(run) for run in runs] if recipe.warm else []},
            "form": {"rest": recipe.rest},
            "optimizer": {"learning_rate": 1e-3},
            "checkpoint_every": 1,
            "stages": [stage],
        }
    )


def imitated(folder: Path) -> list[Path]:
    """Return twelve runs of ``alp`` on the training bases; missing ones are made."""
    runs = []
    for base in (5, 6):
        for seed in range(10_000, 10_006):
            runs.append(folder / f"{base}-{seed - 10_000}")
            if not runs[-1].exists():
                task = {"seed": seed, "test_per_cell": 1}
                env = {"student": STUDENT, "student_settings": {"base": base}, **EPISODE}
                record = {
                    "teacher": "alp",
                    "seed": seed,
                    "env_settings": {**env, "task_settings": task},
                }
                experiment.run(experiment.RunConfig.of(record), runs[-1])
    return runs


def warm_alone(arm: str, folder: Path, runs: Sequence[Path]) -> Path:
    """Return the teacher after the warm start of one of ``LEARNED``."""
    if not folder.exists():
        settings = settings_of(arm, runs)
        env = gym.make(ID, student=STUDENT, texts=False)
        model, skills = load_model("small"), tuple(env.get_wrapper_attr("skills"))
        warm_up(Speaker(model.pool, SharesForm(skills, settings.form)), settings)
        save_teacher(model, settings.form, folder)
    return folder


def teacher_of(arm: str, folder: Path) -> str:
    """The path of the teacher of an arm; what is missing of it, and of what it imitates, is made.

    Args:
        arm: ``untrained``, or one of ``WARM`` or ``LEARNED``.
        folder: of all teachers.
    """
    if arm == "untrained":
        return "small"
    runs, own = imitated(folder / "alp"), folder / arm
    if arm in WARM:
        return str(warm_alone(WARM[arm], own, runs))
    return str(train_teacher(settings_of(arm, runs), own))


def taught(arm: str, folder: Path, answers: int) -> Iterator[float]:
    """The returns of the teacher of an arm, each step the mean of some ``answers``."""
    return play("trained", {"path": teacher_of(arm, folder), "answers": answers})


def play(teacher: str, settings: Mapping[str, Any] | None = None) -> Iterator[float]:
    """Return the return of each held-out episode."""
    arm = Arm(teacher, teacher, settings or {})
    for seed in SEEDS:
        yield play_arm(arm, {"student": STUDENT, **EPISODE}, seed)


# -- the table ---------------------------------------------------------------------------------


def describe(lines: Sequence[Line]) -> str:
    """Tabulate the arms."""
    return tabulate(lines, AGAINST)


def main() -> None:
    """Make the lines that are missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("teachers"), help="of the teachers")
    parser.add_argument("--answers", type=int, nargs="*", default=[8], help="averaged in a step")
    parser.add_argument("--out", type=Path, default=Path("language-teachers.jsonl"))
    given = parser.parse_args()
    lines, folder = Lines(given.out), given.folder.resolve()

    def add(arm: str, returns: Callable[[], Iterator[float]], trained: int = 0) -> None:
        if not lines.has(arm, STUDENT):
            lines.add(Line(arm, STUDENT, tuple(returns()), trained=trained))

    for name in (*RULES, "planned"):
        add(name, partial(play, name))
    for answers in given.answers:
        more = f", {answers} answers" if answers != 8 else ""
        for arm in ("untrained", *WARM, *LEARNED):
            updates = LEARNED[arm].updates if arm in LEARNED else 0
            add(f"{arm}{more}", partial(taught, arm, folder, answers), updates)
    Console().print(Markdown(describe(lines.known)))


if __name__ == "__main__":
    main()
