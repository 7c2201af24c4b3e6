"""Try several actions from the same student: all trained at once, measured on the same items.

python examples/fork.py
"""

from __future__ import annotations

from teachgym.envs.forks import Forks
from teachgym.types import Order, Plan

forks = Forks("SkillList", 8, student="simulated", action="plan")
start = forks.start(seed=0)
skills = forks.rows.envs[0].get_wrapper_attr("skills")
branch = forks.branch(start, [Plan((Order(skill, 120),)) for skill in skills])

for gain, skill in sorted(zip(branch.gains, skills, strict=True), key=lambda g: -g[0].mean)[:5]:
    print(f"120 examples of {skill}: {gain.show('+.4f')}")
print(f"signal to noise of the group {branch.spread.signal_to_noise:.1f}")

# The episode goes on from any of them.
best = branch.ids[int(branch.rewards.argmax())]
print(f"the same again: {forks.branch(best, [Plan((Order(skills[0], 120),))]).gains[0]}")
