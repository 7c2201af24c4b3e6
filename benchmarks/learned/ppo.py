"""Compare a trained teacher with rules: Stable-Baselines3's PPO, run by run.

    python -m teachgym.benchmarks.learned.ppo --runs 5 --steps 100000 --out ppo.jsonl

Each training run gives a policy, which teaches with its mean action in episodes whose seeds, items
and bases no training has met; the profile ``hard`` is the only student that both may have. Every
arm is a line of JSON, written when it is finished; lines that exist are not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
from rich.console import Console
from rich.markdown import Markdown

from teachgym.benchmarks.bench.statistics import Interval, compare_trained
from teachgym.benchmarks.learned.coefficients import Coefficients
from teachgym.benchmarks.learned.judging import ARMS, ID, held_out, play_arm, texts_of
from teachgym.benchmarks.learned.lines import Line, Lines, Returns, by_arm, tabulate
from teachgym.benchmarks.learned.rows import GymnasiumVecEnv
from teachgym.bridges.grpo.settings import Stage
from teachgym.records import Record

EPISODE: Mapping[str, Any] = {"examples_per_step": 250, "budget": {"steps": 10, "examples": 2500}}
HARD = "hard"
STUDENTS: Mapping[str, Mapping[str, Any]] = {
    HARD: {"student": "simulated", "student_settings": {"profile": "hard"}},
    "simulated": {"student": "simulated"},
    "tiny": {"student": "tiny"},
}
"""Students of the held-out episodes; where a student has bases, they take turns."""


@dataclass(frozen=True)
class Policy:
    """A trained arm: the students that it meets, and whether it tells skills apart."""

    student: str
    """One of ``STUDENTS``, with the bases that boards do not compare on."""
    names: bool = True
    length: int = 1
    """Length of its training as a multiple of the others'."""


POLICIES: Mapping[str, Policy] = {
    "ppo, hard": Policy(HARD),
    "ppo-nameless, bases 5 and 6": Policy("simulated", names=False),
    "ppo-nameless, hard": Policy(HARD, names=False),
    "ppo, bases 5 and 6": Policy("simulated"),
    "ppo, hard, longer": Policy(HARD, length=3),
}
RULES = ("uniform", "alp", "weakest", "best-constant", "planned")
AGAINST = ("uniform", "alp", "best-constant")
HELD_OUT = range(5000, 5020)
"""Seeds of the compared episodes; a student that needs real training has the first ten."""
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


def settings_of(student: str) -> Record:
    """Return the settings of an environment with one of ``STUDENTS``."""
    return {**EPISODE, **STUDENTS[student]}


def met(arm: str) -> list[Record]:
    """Return the settings of the environments that one of ``POLICIES`` is trained in."""
    stage = Stage(updates=ROWS, env_settings=settings_of(POLICIES[arm].student))
    return stage.environments()


def train(arm: str, run: int, steps: int) -> Any:
    """Train one of ``POLICIES`` for at least ``steps`` environment steps times its length."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize

    places = met(arm)
    parts = [make_rows(arm, settings, ROWS // len(places)) for settings in places]
    env = VecNormalize(GymnasiumVecEnv(*parts), norm_obs=False, gamma=1.0)
    return PPO("MlpPolicy", env, seed=run, device="cpu", **RECIPE).learn(
        steps * POLICIES[arm].length
    )


def play_policy(student: str, arm: str, model: Any) -> Returns:
    """Return the returns of a trained policy's mean actions in the held-out episodes."""
    return tuple(_play(student, arm, model, seed) for seed in seeds_of(student))


def _play(student: str, arm: str, model: Any, seed: int) -> float:
    env = make_rows(arm, held_out(settings_of(student), seed).env_settings, 1)
    seen, _ = env.reset(seed=seed)  # Of the first row, which is the only one.
    total, over = 0.0, False
    while not over:
        seen, rewards, ended, *_ = env.step(model.predict(seen, deterministic=True)[0])
        total, over = total + float(rewards[0]), bool(ended[0])
    env.close()
    return total


def make_rows(
    arm: str, settings: Mapping[str, Any], count: int
) -> gym.vector.VectorEnv[Any, Any, Any]:
    """Make environments that step together, as one of ``POLICIES`` sees them."""
    told = {**texts_of(settings), **settings}
    rows = gym.make_vec(ID, num_envs=count, autoreset_mode="SameStep", **told)
    return Coefficients(rows, names=POLICIES[arm].names)


def play_rule(student: str, name: str) -> Returns:
    """Return the returns of an arm of the leaderboard in the held-out episodes."""
    settings = settings_of(student)
    return tuple(play_arm(ARMS[name], settings, seed) for seed in seeds_of(student))


def seeds_of(student: str) -> Sequence[int]:
    """Return the seeds of the compared episodes."""
    return HELD_OUT if texts_of(STUDENTS[student]) else HELD_OUT[:10]


def describe(lines: Sequence[Line]) -> str:
    """Tabulate the arms, and say what shares of the value of planning PPO has on ``hard``."""
    known = (arm for arm, policy in POLICIES.items() if policy.student == HARD and policy.names)
    shares = (_share(lines, arm) for arm in known)
    return "\n\n".join([tabulate(lines, AGAINST), *filter(None, shares)])


def _share(lines: Sequence[Line], arm: str) -> str:
    """(PPO - best constant) / (best plan - best constant), for the student that it met.

    What the plan gains is searched and taken as known, so that the interval is that of the table.
    """
    returns = by_arm(lines)
    names = (arm, "best-constant", "planned")
    own, constant, planned = (returns.get((HARD, name)) for name in names)
    if own is None or constant is None or planned is None:
        return ""
    room, found = float((planned - constant).mean()), compare_trained(own, constant[0]).interval
    share = Interval(*(end / room for end in (found.value, found.low, found.high)))
    return f"Of what the best plan gains above the best constant allocation {arm} has {share}."


def main() -> None:
    """Make the lines that are missing, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="training runs (default 5)")
    parser.add_argument("--steps", type=int, default=100_000, help="of each (default 100000)")
    parser.add_argument("--students", nargs="*", choices=STUDENTS, default=list(STUDENTS))
    parser.add_argument("--out", type=Path, default=Path("ppo.jsonl"))
    given = parser.parse_args()
    lines = Lines(given.out)
    for student, name in product(given.students, RULES):
        if not lines.has(name, student):
            lines.add(Line(name, student, play_rule(student, name)))
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
