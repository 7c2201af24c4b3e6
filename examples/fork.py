"""Try several actions from the same student: snapshot, step, restore.

python examples/fork.py
"""

from __future__ import annotations

import gymnasium as gym
import numpy as np

import teachgym  # noqa: F401

env = gym.make("teachgym/SkillList-v0", student="simulated")
skills = env.get_wrapper_attr("skills")
snapshot, restore = env.get_wrapper_attr("snapshot"), env.get_wrapper_attr("restore")

observation, _ = env.reset(seed=0)
start = snapshot()
gains = {}
for row, skill in enumerate(skills):
    action = np.zeros(env.action_space.shape, dtype=np.float32)
    action[row] = 0.3  # of the step, at each of the three levels
    gains[skill] = float(env.step(action)[1])
    restore(start)

for skill, gain in sorted(gains.items(), key=lambda item: -item[1])[:5]:
    print(f"90 % of a step on {skill}: {gain:+.4f}")
