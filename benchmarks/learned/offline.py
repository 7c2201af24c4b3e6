"""Train teachers from recorded episodes alone: behaviour cloning, and a conservative Q-method.

    pip install 'teachgym[minari]' h5py structlog dataclasses-json gym
    pip install --no-deps d3rlpy          # which asks for another version of gymnasium
    teachgym bench teachgym.benchmarks.learned.offline:collected --out bench/offline
    teachgym export bench/offline --minari episodes
    python -m teachgym.benchmarks.learned.offline episodes --out offline.jsonl

The episodes are on the bases and items that no board has, and the learners are compared with the
arms that made them, all with their tuned settings, on those that boards have. Every arm is a line
of JSON, written when it is finished; lines that exist are not made again.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from rich.console import Console
from rich.markdown import Markdown

from teachgym.benchmarks.bench.suites.shared import DRAWN
from teachgym.benchmarks.bench.suites.suite import TUNING_SEED, Suite
from teachgym.benchmarks.learned.judging import ARMS, ID, held_out, play_arm, texts_of
from teachgym.benchmarks.learned.lines import Line, Lines, tabulate
from teachgym.types import FloatArray

DATASET = "teachgym/SkillList/offline-v1"
EPISODE: Mapping[str, Any] = {"examples_per_step": 250, "budget": {"steps": 10, "examples": 2500}}
STUDENT: Mapping[str, Any] = {"student": "simulated", **EPISODE}
SEEN = (
    *("uniform", "alp", "weakest", "epsilon-greedy", "ucb1", "thompson"),
    *("exp3s", "alp-gmm", "tscl-online", "plr", "sec", "fixed"),
)
"""Arms that the episodes are of: no control but ``uniform``, since those know what pays off."""
BOUNDS = ("best-constant", "planned")
AGAINST = ("uniform", "alp")
HELD_OUT = range(5000, 5020)
"""Seeds of the compared episodes."""
BEST = 0.25
"""The share of the arms with the highest return in each seed that are cloned."""
Policy = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Learner:
    """An algorithm of d3rlpy and the episodes that it sees."""

    config: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those that are not its defaults."""
    best: bool = False
    """Whether it sees the best episodes alone."""


LEARNERS: Mapping[str, Learner] = {
    "cloned from all": Learner("BCConfig"),
    "cloned from the best quarter": Learner("BCConfig", best=True),
    "conservative Q-learning": Learner("CQLConfig", {"gamma": 1.0}),
}


def collected() -> Suite:
    """Return the suite of the recorded episodes: seeds, bases and items for tuning."""
    return Suite(
        "offline",
        1,
        "arms whose episodes teachers are trained on, on bases that no board has",
        tuple(ARMS[name] for name in SEEN),
        env_settings={**STUDENT, "task_settings": {"test_per_cell": 1}},
        seeds=12,
        first_seed=TUNING_SEED,
        seeded=DRAWN,
        tunes=True,
    )


# -- observations and actions as numbers ---------------------------------------------------------


def see(observation: Mapping[str, Any]) -> Any:
    """Return what a learner sees: accuracies and what is left of the budget, (..., n_numbers)."""
    accuracy = observation["accuracy"]
    flat = accuracy.reshape(*accuracy.shape[:-2], -1)
    return np.concatenate([flat, observation["budget_left"]], axis=-1).astype(np.float32)


def encode(shares: Any) -> Any:
    """Return shares as numbers in [-1, 1]: the largest of an action is 1, nothing is -1."""
    flat = shares.reshape(len(shares), -1)
    most = flat.max(axis=1, keepdims=True)
    return (2 * np.divide(flat, most, out=np.zeros_like(flat), where=most > 0) - 1).astype("f4")


def decode(numbers: Any, shape: tuple[int, ...]) -> Any:
    """Return the shares that numbers stand for."""
    weights = (np.clip(numbers, -1, 1) + 1) / 2 + 1e-6
    return (weights / weights.sum()).reshape(shape).astype(np.float32)


# -- learning ------------------------------------------------------------------------------------


def read_episodes(root: Path) -> tuple[list[Any], list[int]]:
    """Return the episodes of the data set under a root, and the seed of each."""
    import minari

    os.environ["MINARI_DATASETS_PATH"] = str(root.resolve())
    dataset = minari.load_dataset(DATASET)
    told = dataset.storage.get_episode_metadata(dataset.episode_indices)
    return [dataset[i] for i in dataset.episode_indices], [int(own["seed"]) for own in told]


def best_of_seeds(returns: FloatArray, seeds: Sequence[int]) -> list[int]:
    """Return the places of the best quarter of the episodes of each seed.

    Of all episodes together it would be those of the base on which more can be gained.
    """
    by_seed = defaultdict[int, list[int]](list)
    for place in np.argsort(-returns, kind="stable").tolist():
        by_seed[seeds[place]].append(place)
    return sorted(i for own in by_seed.values() for i in own[: round(BEST * len(own))])


def train(name: str, run: int, episodes: Sequence[Any], updates: int) -> Policy:
    """Train one of ``LEARNERS`` with a number of updates."""
    import d3rlpy
    import structlog
    from d3rlpy.logging import NoopAdapterFactory

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    learner = LEARNERS[name]
    d3rlpy.seed(run)
    algorithm: Any = vars(d3rlpy.algos)[learner.config](**learner.settings).create()
    data = d3rlpy.dataset.MDPDataset(
        np.concatenate([see(e.observations)[:-1] for e in episodes]),
        np.concatenate([encode(e.actions) for e in episodes]),
        np.concatenate([100 * e.rewards for e in episodes]),  # In points of accuracy.
        np.concatenate([np.arange(len(e.rewards)) == len(e.rewards) - 1 for e in episodes]),
    )
    algorithm.fit(
        data,
        n_steps=updates,
        n_steps_per_epoch=updates,
        show_progress=False,
        logger_adapter=NoopAdapterFactory(),
    )
    shape = episodes[0].actions.shape[1:]
    return lambda observation: decode(algorithm.predict(see(observation)[None])[0], shape)


def play(policy: Policy, seed: int) -> float:
    """Return the return of a policy in a held-out episode."""
    env = gym.make(ID, **held_out(STUDENT, seed).env_settings, **texts_of(STUDENT))
    observation, _ = env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(policy(observation))
        total, over = total + float(reward), terminated or truncated
    return total


def describe(lines: Sequence[Line]) -> str:
    """Tabulate the arms."""
    return tabulate(lines, AGAINST)


def main() -> None:
    """Make the lines that are missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("episodes", type=Path, help="the root of the exported data set")
    parser.add_argument("--runs", type=int, default=5, help="of each learner (default 5)")
    parser.add_argument("--updates", type=int, default=1500, help="of each run (default 1500)")
    parser.add_argument("--out", type=Path, default=Path("offline.jsonl"))
    given = parser.parse_args()
    lines = Lines(given.out)
    for name in (*SEEN, *BOUNDS):
        if not lines.has(name, "simulated"):
            returns = tuple(play_arm(ARMS[name], STUDENT, seed) for seed in HELD_OUT)
            lines.add(Line(name, "simulated", returns))
    episodes, seeds = read_episodes(given.episodes)
    chosen = best_of_seeds(np.array([e.rewards.sum() for e in episodes]), seeds)
    best = [episodes[i] for i in chosen]
    for name, run in product(LEARNERS, range(given.runs)):
        if not lines.has(name, "simulated", run):
            policy = train(name, run, best if LEARNERS[name].best else episodes, given.updates)
            returns = tuple(play(policy, seed) for seed in HELD_OUT)
            lines.add(Line(name, "simulated", returns, run, given.updates))
    Console().print(Markdown(describe(lines.known)))


if __name__ == "__main__":
    main()
