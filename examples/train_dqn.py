"""Train a teacher with Stable-Baselines3's DQN, unmodified, on the simulated student.

One choice a step: which skill at which level gets all of its examples.

pip install 'teachgym[rl]'
python examples/train_dqn.py 4000     # about two minutes on one core
python examples/train_dqn.py          # a look
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium as gym
from stable_baselines3 import DQN
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

import teachgym  # noqa: F401

total_steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
SETTINGS: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 4},
    "budget": {"steps": 10, "examples": 2500},
    "action": "discrete",
    "observation": "flat",
    "reward_scale": 100.0,  # points of accuracy: gains of 0.01 are small for a network
}

env = Monitor(gym.make("teachgym/SkillList-v0", **SETTINGS))
model = DQN("MlpPolicy", env, learning_starts=50, exploration_fraction=0.5, seed=0, device="cpu")
model.learn(total_steps)
mean, spread = evaluate_policy(model, env, n_eval_episodes=5)
print(f"gain on val after {total_steps} steps of training: {mean:+.1f} points (sd {spread:.1f})")
