"""Is a language model that learned to teach better than rules? GRPO on gains and on proxies.

    python -m teachgym.benchmarks.learned.language --folder teachers --out language-teachers.jsonl

Every teacher begins as ``small``, imitates runs of ``alp`` (``cold`` does not), and gets as many
updates on bases 5 and 6 of the simulated student. They are compared on bases 0 to 4 and on seeds
that no training meets: the gain on ``val`` of whole episodes, an episode for each seed. Every arm
is a line of JSON; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from rich.console import Console
from rich.markdown import Markdown
from scipy.stats import t as student_t

from teachgym import experiment
from teachgym.agents import make_teacher
from teachgym.agents.llm.shares import SharesForm, SharesSettings
from teachgym.agents.llm.speaker import Speaker, load_model, save_teacher
from teachgym.benchmarks.learned.ppo import ID, Line, read
from teachgym.bridges.grpo.settings import TeacherTraining
from teachgym.bridges.grpo.training import train_teacher
from teachgym.bridges.grpo.warm_start import warm_up
from teachgym.loop import run_episode
from teachgym.students import profile_of
from teachgym.students.planning import plan_for
from teachgym.tasks import make_task
from teachgym.types import Budget, Score

EPISODE: Mapping[str, Any] = {"examples_per_step": 500, "budget": {"steps": 5, "examples": 2500}}
BASES, SEEDS = range(5), range(10)
"""Held out: run s is on base s mod 5, with the items of task seed s."""
LEARNED: Mapping[str, tuple[int, str | None, bool]] = {
    "gain 0": (0, None, True),
    "gain 1": (1, None, True),
    "gain 2": (2, None, True),
    "learnability": (0, "learnability", True),
    "learning progress": (0, "learning_progress", True),
    "gain, cold": (0, None, False),
}
"""Arm -> seed of its training, proxy that is paid instead of the gain, whether it starts warm."""
RULES = ("uniform", "alp")


def settings_of(arm: str, updates: int, runs: Sequence[Path]) -> TeacherTraining:
    """How one of ``LEARNED`` is trained."""
    seed, proxy, warm = LEARNED[arm]
    paid = {} if proxy is None else {"proxy": proxy}
    stage = {
        "updates": updates,
        "env_settings": {"texts": False, **EPISODE, **paid},
        "vary": {"student_settings.base": [5, 6]},
    }
    return TeacherTraining.of(
        {
            "seed": seed,
            "warm_start": {"runs": [str(run) for run in runs] if warm else []},
            "optimizer": {"learning_rate": 1e-3},
            "checkpoint_every": 1,
            "stages": [stage],
        }
    )


def imitated(folder: Path) -> list[Path]:
    """Twelve runs of ``alp`` on the bases of training; those that are missing are made."""
    runs = []
    for base in (5, 6):
        for seed in range(10_000, 10_006):
            runs.append(folder / f"{base}-{seed - 10_000}")
            if not runs[-1].exists():
                task = {"seed": seed, "test_per_cell": 1}
                env = {"student": "simulated", "student_settings": {"base": base}, **EPISODE}
                record = {
                    "teacher": "alp",
                    "seed": seed,
                    "env_settings": {**env, "task_settings": task},
                }
                experiment.run(experiment.RunConfig.of(record), runs[-1])
    return runs


def warm_alone(folder: Path, runs: Sequence[Path]) -> Path:
    """The teacher after the warm start, as of ``gain 0``."""
    if not folder.exists():
        model, skills = load_model("small"), tuple(_env(0).get_wrapper_attr("skills"))
        warm_up(
            Speaker(model.pool, SharesForm(skills, SharesSettings())),
            settings_of("gain 0", 1, runs),
        )
        save_teacher(model, SharesSettings(), folder)
    return folder


def play(
    teacher: str, settings: Mapping[str, Any] | Callable[[int], dict[str, Any]]
) -> Iterator[float]:
    """The return of each held-out episode."""
    for seed in SEEDS:
        env = _env(seed)
        own = settings(seed) if callable(settings) else settings
        yield run_episode(env, make_teacher(teacher, env, **own), seed=seed).return_


def _env(seed: int) -> gym.Env[Any, Any]:
    base, items = {"base": seed % len(BASES)}, {"seed": seed}
    own: dict[str, Any] = {"student_settings": base, "task_settings": items, **EPISODE}
    return gym.make(ID, student="simulated", texts=False, **own)


def _plan(seed: int) -> dict[str, Any]:
    profile = profile_of("simulated", {"base": seed % len(BASES)})
    assert profile is not None
    task, budget = make_task("arithmetic-and-strings", seed=seed), Budget(**EPISODE["budget"])
    plan = plan_for(profile, task, budget, EPISODE["examples_per_step"], free=True)
    return {"plan": plan.tolist()}


# -- the table ---------------------------------------------------------------------------------


def describe(lines: Sequence[Line]) -> str:
    """The mean return of each arm, and its difference from ``alp``, paired over runs."""
    by_arm = {line.arm: np.array(line.returns) for line in lines}
    head = "| arm | updates | return | minus alp (95 %) | minus untrained (95 %) |"
    rows = [
        f"| {line.arm} | {line.trained or ''} | {_row(by_arm[line.arm], by_arm)} |"
        for line in lines
    ]
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def _row(own: np.ndarray, by_arm: Mapping[str, np.ndarray]) -> str:
    others = (by_arm.get(name) for name in ("alp", "untrained"))
    return " | ".join(
        [str(Score.of_repetitions(own)), *(_interval(own, other) for other in others)]
    )


def _interval(own: np.ndarray, other: np.ndarray | None) -> str:
    """The mean paired difference with Student's interval."""
    if other is None or own is other:
        return ""
    gap = Score.of_repetitions(own - other)
    half = gap.stderr * float(student_t.ppf(0.975, gap.n - 1))
    return f"{gap.mean:+.4f} [{gap.mean - half:+.4f}, {gap.mean + half:+.4f}]"


def main() -> None:
    """Make the lines that are missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("teachers"), help="of the teachers")
    parser.add_argument("--updates", type=int, default=24, help="of each (default 24)")
    parser.add_argument("--answers", type=int, nargs="*", default=[8], help="averaged in a step")
    parser.add_argument("--out", type=Path, default=Path("language-teachers.jsonl"))
    given = parser.parse_args()
    known = read(given.out)

    def add(arm: str, returns: Iterator[float], trained: int = 0) -> None:
        if arm in {line.arm for line in known}:
            return
        line = Line(arm, "simulated", tuple(returns), trained=trained)
        known.append(line)
        with given.out.open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")
        Console().print(f"{arm} {Score.of_repetitions(line.returns)}")

    for name in RULES:
        add(name, play(name, {}))
    add("planned", play("planned", _plan))
    runs = imitated(given.folder.resolve() / "alp")
    paths = {"untrained": "small", "warm start": str(warm_alone(given.folder / "warm", runs))}
    for answers in given.answers:
        more = f", {answers} answers" if answers != 8 else ""
        for arm, path in paths.items():
            add(f"{arm}{more}", play("trained", {"path": path, "answers": answers}))
        for arm in LEARNED:
            teacher = train_teacher(settings_of(arm, given.updates, runs), given.folder / arm)
            own = {"path": str(teacher), "answers": answers}
            add(f"{arm}{more}", play("trained", own), given.updates)
    Console().print(Markdown(describe(known)))


if __name__ == "__main__":
    main()
