"""Several environments around one resident student model: teachers as rows, then actions as rows.

python examples/together.py [STUDENT]
"""

from __future__ import annotations

import sys

import gymnasium as gym
import numpy as np

import teachgym  # noqa: F401
from teachgym.agents import make_teacher
from teachgym.loop import run_episodes

student = sys.argv[1] if len(sys.argv) > 1 else "simulated"
names = ("uniform", "weakest", "alp", "ucb1")
env = gym.make_vec(
    "teachgym/SkillList-v0",
    num_envs=len(names),
    student=student,
    budget={"steps": 4, "examples": 1000},
)

# Four teachers at once; each row is trained and evaluated as it would be in an env of its own.
teachers = [make_teacher(name, row) for name, row in zip(names, env.envs, strict=True)]
for episode in run_episodes(env, teachers, seeds=[0] * len(names)):
    print(f"{episode.teacher:8} return {episode.return_:+.4f}")

# Four actions from the same student: its state is put into every row.
env.reset(seed=0)
env.fork(env.call("snapshot")[0])
actions = np.zeros(env.action_space.shape, dtype=np.float32)
for row in range(len(names)):
    actions[row, 8 * row : 8 * (row + 1)] = 0.04  # of the step, for eight skills at three levels
_, rewards, *_ = env.step(actions)
for row, reward in enumerate(rewards):
    print(f"skills {8 * row + 1:2} to {8 * (row + 1):2}: reward {reward:+.4f}")
env.close()
