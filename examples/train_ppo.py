"""Train a teacher with Stable-Baselines3's PPO, unmodified, on the simulated student.

pip install 'teachgym[rl]'
python examples/train_ppo.py          # half a minute on one core
python examples/train_ppo.py 512      # a look

Several training runs, rules and plans beside them, and a recipe that learns far more from as many
steps: python -m teachgym.benchmarks.learned.ppo
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO

import teachgym  # noqa: F401
from teachgym.agents import make_teacher
from teachgym.loop import run_episode

total_steps = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
SETTINGS: dict[str, Any] = {
    "student": "simulated",
    "texts": False,
    "task_settings": {"val_per_cell": 4},
    "examples_per_step": 250,
    "budget": {"steps": 8, "examples": 2000},
}


def evaluate(model: PPO, seeds: range) -> list[float]:
    """Returns of whole episodes played with the mean action."""
    env = gym.make("teachgym/SkillList-v0", observation="flat", **SETTINGS)
    returns = []
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        total, done = 0.0, False
        while not done:
            action, _ = model.predict(observation, deterministic=True)
            observation, reward, terminated, truncated, _ = env.step(action)
            total, done = total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def show(name: str, returns: list[float]) -> None:
    """Mean and standard error."""
    error = np.std(returns, ddof=1) / len(returns) ** 0.5
    print(f"{name:12} return {np.mean(returns):.3f} ± {error:.3f} over {len(returns)} episodes")


train_env = gym.make("teachgym/SkillList-v0", observation="flat", **SETTINGS)
model = PPO("MlpPolicy", train_env, n_steps=256, batch_size=64, gamma=1.0, seed=0, device="cpu")
held_out = range(1000, 1010)
show("before", evaluate(model, held_out))
model.learn(total_steps)
show("after", evaluate(model, held_out))

env = gym.make("teachgym/SkillList-v0", **SETTINGS)
uniform = make_teacher("uniform", env)
show("uniform", [run_episode(env, uniform, seed=seed).return_ for seed in held_out])
