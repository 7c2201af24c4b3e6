"""Compare a trained teacher with rules: Stable-Baselines3's PPO, run by run.

    python -m teachgym.benchmarks.learned.ppo --runs 5 --steps 300000 --out ppo.jsonl

Each training run gives a policy, which teaches with its mean action on seeds that no training saw.
It teaches the student that it was trained with, and without further training others. Every arm is a
line of JSON, written when it is finished; lines that exist are not made again.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markdown import Markdown

from teachgym.agents import make_teacher
from teachgym.benchmarks.bench.statistics import ratio
from teachgym.benchmarks.learned.coefficients import Coefficients
from teachgym.benchmarks.learned.rows import GymnasiumVecEnv
from teachgym.envs.config import SkillListConfig
from teachgym.loop import run_episode
from teachgym.students import profile_of
from teachgym.students.planning import plan_for
from teachgym.tasks import make_task
from teachgym.types import Budget, Score

ID = "teachgym/SkillList-v0"
EPISODE: Mapping[str, Any] = {"examples_per_step": 250, "budget": {"steps": 10, "examples": 2500}}
STUDENTS: Mapping[str, Mapping[str, Any]] = {
    "hard": {"student": "simulated", "student_settings": {"profile": "hard"}},
    "base 1": {"student": "simulated", "student_settings": {"base": 1}},
    "base 2": {"student": "simulated", "student_settings": {"base": 2}},
    "tiny": {"student": "tiny"},
}
TRAINED_WITH = "hard"
POLICIES: Mapping[str, Callable[[Any], Any]] = {
    "ppo": Coefficients,
    "ppo-nameless": partial(Coefficients, names=False),
}
"""Trained arms, each with its wrapper; the share of the first one is reported."""
RULES = ("uniform", "alp", "weakest")
HELD_OUT = range(5000, 5020)
"""Seeds of the compared episodes; a student that needs real training has the first five."""
ROWS = 64
RECIPE: Mapping[str, Any] = {
    "n_steps": 20,
    "batch_size": 640,
    "learning_rate": 1e-3,
    "gamma": 1.0,
    "policy_kwargs": {"log_std_init": -1.0},
}
"""Settings of PPO that are not Stable-Baselines3's defaults: two episodes of each row per update,
no discount, since an episode has ten steps, and little noise for actions in [-1, 1]. Rewards are
about a hundredth, so they are divided by a running standard deviation (``VecNormalize``)."""

Returns = tuple[float, ...]
Act = Callable[[int, Any], Any]
"""A function from the number of the step (from 0) and the observations of all rows to actions."""


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
    """Environment steps of the training."""


def train(arm: str, run: int, steps: int) -> Any:
    """Train one of ``POLICIES`` with the hard student for at least ``steps`` environment steps."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize

    rows = GymnasiumVecEnv(POLICIES[arm](make_rows(TRAINED_WITH, ROWS)))
    env = VecNormalize(rows, norm_obs=False, gamma=1.0)
    return PPO("MlpPolicy", env, seed=run, device="cpu", **RECIPE).learn(steps)


def play(student: str, act: Act, view: Callable[[Any], Any] = lambda env: env) -> Returns:
    """Return the returns of ``act`` with a student, one for each held-out seed."""
    seeds = seeds_of(student)
    env = view(make_rows(student, len(seeds)))
    seen, _ = env.reset(seed=list(seeds))
    returns = np.zeros(len(seeds))
    for step in range(int(EPISODE["budget"]["steps"])):
        seen, rewards, *_ = env.step(act(step, seen))
        returns = returns + rewards
    env.close()
    return tuple(returns.tolist())


def play_policy(student: str, arm: str, model: Any) -> Returns:
    """Return the returns of a trained policy's mean actions."""
    return play(student, lambda _, seen: model.predict(seen, deterministic=True)[0], POLICIES[arm])


def play_rule(student: str, name: str) -> Returns:
    """Return the returns of a registered teacher with its default settings."""
    env = gym.make(ID, **settings_of(student))
    teacher = make_teacher(name, env)
    return tuple(run_episode(env, teacher, seed=seed).return_ for seed in seeds_of(student))


def play_plans(student: str) -> Iterator[tuple[str, Returns]]:
    """Return the returns of the best constant allocation and the best plan, if these are known."""
    if is_simulated(student):
        profile = profile_of("simulated", STUDENTS[student]["student_settings"])
        assert profile is not None
        task, budget = make_task(SkillListConfig().task), Budget(**EPISODE["budget"])
        for name, free in (("constant", False), ("planned", True)):
            plan = plan_for(profile, task, budget, EPISODE["examples_per_step"], free=free)
            yield name, play(student, _following(plan))


def _following(shares: NDArray[np.float64]) -> Act:
    """Return an ``Act`` that orders the shares of each step, (T, S, L), in every row."""
    return lambda step, seen: np.repeat(
        shares[step][None].astype(np.float32), len(seen["accuracy"]), axis=0
    )


def make_rows(student: str, count: int) -> gym.vector.VectorEnv[Any, Any, Any]:
    """Make environments with one of ``STUDENTS`` that step together."""
    return gym.make_vec(ID, num_envs=count, autoreset_mode="SameStep", **settings_of(student))


def settings_of(student: str) -> dict[str, Any]:
    """Return the settings of an environment with one of ``STUDENTS``."""
    return {"texts": not is_simulated(student), **EPISODE, **STUDENTS[student]}


def seeds_of(student: str) -> Sequence[int]:
    """Return the seeds of the compared episodes."""
    return HELD_OUT if is_simulated(student) else HELD_OUT[:5]


def is_simulated(student: str) -> bool:
    """Return whether the student learns without texts."""
    return bool(STUDENTS[student]["student"] == "simulated")


# -- lines and their table ---------------------------------------------------------------------


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
        """Write the line to the file, and print it."""
        self.known.append(line)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")
        Console().print(f"{line.student}: {line.arm} {Score.of_repetitions(line.returns)}")


def describe(lines: Sequence[Line]) -> str:
    """Tabulate each arm's mean return with each student, and PPO's share of the value of planning.

    Errors are over episodes for untrained arms, and over training runs for PPO.
    """
    students = list(dict.fromkeys(line.student for line in lines))
    arms = list(dict.fromkeys(line.arm for line in lines))
    rows = [f"| {arm} | {' | '.join(_cell(lines, arm, s) for s in students)} |" for arm in arms]
    head = [f"| arm | {' | '.join(students)} |", "|---" * (len(students) + 1) + "|"]
    return "\n".join([*head, *rows, "", *_share(lines)])


def _cell(lines: Sequence[Line], arm: str, student: str) -> str:
    runs = [line.returns for line in lines if (line.arm, line.student) == (arm, student)]
    if not runs:
        return ""
    values = runs[0] if len(runs) == 1 else [float(np.mean(run)) for run in runs]
    return str(Score.of_repetitions(values))


def _share(lines: Sequence[Line]) -> list[str]:
    """(PPO - best constant) / (best plan - best constant), for the student that PPO met."""
    by_arm = defaultdict[str, list[tuple[float, ...]]](list)
    for line in lines:
        if line.student == TRAINED_WITH:
            by_arm[line.arm].append(line.returns)
    if not {"ppo", "constant", "planned"} <= set(by_arm):
        return []
    constant, planned = (float(np.mean(by_arm[arm])) for arm in ("constant", "planned"))
    gains = np.mean(by_arm["ppo"], axis=1) - constant  # (n_runs,)
    room = np.full(len(gains), planned - constant)
    share = ratio(gains, room, np.random.default_rng(0))
    return [f"Of what the best plan gains above the best constant allocation PPO has {share}."]


def main() -> None:
    """Make the lines that are missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="training runs (default 5)")
    parser.add_argument("--steps", type=int, default=300_000, help="of each (default 300000)")
    parser.add_argument("--students", nargs="*", choices=STUDENTS, default=list(STUDENTS))
    parser.add_argument("--out", type=Path, default=Path("ppo.jsonl"))
    given = parser.parse_args()
    lines = Lines(given.out)
    for student in given.students:
        for name in RULES:
            if not lines.has(name, student):
                lines.add(Line(name, student, play_rule(student, name)))
        if not lines.has("planned", student):
            for name, returns in play_plans(student):
                lines.add(Line(name, student, returns))
    for arm, run in product(POLICIES, range(given.runs)):
        missing = [s for s in given.students if not lines.has(arm, s, run)]
        if missing:
            model = train(arm, run, given.steps)
            for student in missing:
                trained = int(model.num_timesteps)
                lines.add(Line(arm, student, play_policy(student, arm, model), run, trained))
    Console().print(Markdown(describe(lines.known)))


if __name__ == "__main__":
    main()
