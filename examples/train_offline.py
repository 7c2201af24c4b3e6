"""Train teachers from recorded episodes alone: behaviour cloning, and a conservative Q-method.

The episodes are those of a bench. Both learners see the same episodes, and are compared with the
arms that made them on seeds that no recorded run had. Controls other than ``uniform`` are left
out: they know what can be learned, or act in other environments.

pip install 'teachgym[minari]' h5py structlog dataclasses-json gym
pip install --no-deps d3rlpy          # which asks for another version of gymnasium
teachgym bench tiny --student simulated --out bench/simulated
teachgym export bench/simulated --minari episodes
python examples/train_offline.py episodes teachgym/SkillList/tiny-v1
python examples/train_offline.py episodes teachgym/SkillList/tiny-v1 200 3      # a look
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import d3rlpy
import gymnasium as gym
import minari
import numpy as np
import structlog
from d3rlpy.logging import NoopAdapterFactory

import teachgym  # noqa: F401
from teachgym.agents import make_teacher
from teachgym.loop import run_episode
from teachgym.types import Score

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

root, name = sys.argv[1:3]
updates = int(sys.argv[3]) if len(sys.argv) > 3 else 10_000
n_seeds = int(sys.argv[4]) if len(sys.argv) > 4 else 20
FIRST_SEED = 10_000
BEST = 0.25
"""The share of episodes with the highest return that are cloned."""
Policy = Callable[[dict[str, Any]], Any]


def see(observation: dict[str, Any]) -> Any:
    """What a learner sees: accuracies and what is left of the budget, shape (..., n_numbers)."""
    accuracy = observation["accuracy"]
    flat = accuracy.reshape(*accuracy.shape[:-2], -1)
    return np.concatenate([flat, observation["budget_left"]], axis=-1).astype(np.float32)


def encode(shares: Any) -> Any:
    """Shares as numbers in [-1, 1]: the largest of an action is 1, nothing is -1."""
    flat = shares.reshape(len(shares), -1)
    most = flat.max(axis=1, keepdims=True)
    return (2 * np.divide(flat, most, out=np.zeros_like(flat), where=most > 0) - 1).astype("f4")


def decode(numbers: Any, shape: tuple[int, ...]) -> Any:
    """The shares that numbers stand for."""
    weights = (np.clip(numbers, -1, 1) + 1) / 2 + 1e-6
    return (weights / weights.sum()).reshape(shape).astype(np.float32)


def learn(algorithm: Any, episodes: list[Any], shape: tuple[int, ...]) -> Policy:
    """The policy that an algorithm has learned from episodes."""
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
    return lambda observation: decode(algorithm.predict(see(observation)[None])[0], shape)


def play(env: gym.Env[Any, Any], policy: Policy, seed: int) -> float:
    """The gain on test of the student that was best on val, after an episode."""
    observation, _ = env.reset(seed=seed)
    ended = False
    while not ended:
        observation, _, terminated, truncated, _ = env.step(policy(observation))
        ended = terminated or truncated
    before, after = env.unwrapped.examine()  # type: ignore[attr-defined]
    return float(after.accuracy - before.accuracy)


def teach(env: gym.Env[Any, Any], teacher: str, seed: int) -> float:
    """The same for one of teachgym's teachers."""
    run_episode(env, make_teacher(teacher, env), seed=seed)
    before, after = env.unwrapped.examine()  # type: ignore[attr-defined]
    return float(after.accuracy - before.accuracy)


os.environ["MINARI_DATASETS_PATH"] = root
dataset = minari.load_dataset(name)
told = list(dataset.storage.get_episode_metadata(dataset.episode_indices))
kept = [i for i, own in enumerate(told) if own["arm"] == "uniform" or not own["control"]]
episodes = [dataset[i] for i in kept]
arms = dict.fromkeys(told[i]["arm"] for i in kept if told[i]["arm"] != "fixed")
assert max(own["seed"] for own in told) < FIRST_SEED
returns = np.array([episode.rewards.sum() for episode in episodes])
best = [episodes[i] for i in np.argsort(-returns)[: round(BEST * len(episodes))]]
env = dataset.recover_environment()
shape = env.action_space.shape
d3rlpy.seed(0)
cloning = d3rlpy.algos.BCConfig().create()
conservative = d3rlpy.algos.CQLConfig(gamma=1.0).create()
policies = {
    "cloned from the best quarter": learn(cloning, best, shape),
    "cloned from all": learn(d3rlpy.algos.BCConfig().create(), episodes, shape),
    "conservative Q-learning from all": learn(conservative, episodes, shape),
}
seeds = range(FIRST_SEED, FIRST_SEED + n_seeds)
gains = {arm: [teach(env, arm, seed) for seed in seeds] for arm in arms}
gains |= {name: [play(env, policy, seed) for seed in seeds] for name, policy in policies.items()}
print(f"{len(episodes)} episodes, {len(best)} in the best quarter, {updates} updates each")
for arm, own in sorted(gains.items(), key=lambda item: -np.mean(item[1])):
    change = Score.of_repetitions(np.subtract(own, gains["uniform"])).show("+.4f")
    gain = Score.of_repetitions(own).show(".4f")
    print(f"{arm:34} gain on test {gain}, minus uniform {change} (n={n_seeds})")
