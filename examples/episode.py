"""One episode, start to end: a teacher, a student, and what the student learned.

python examples/episode.py            # the simulated student: a second
python examples/episode.py tiny       # a real transformer: about half a minute
"""

from __future__ import annotations

import sys

import gymnasium as gym

import teachgym
from teachgym.agents import make_teacher
from teachgym.loop import run_episode
from teachgym.metrics import paired_gain

student = sys.argv[1] if len(sys.argv) > 1 else "simulated"
env = gym.make("teachgym/SkillList-v0", student=student)
teacher = make_teacher("weakest", env)


def show(step: int, transition: teachgym.types.Transition) -> None:
    """Print the learning curve as it grows."""
    print(f"step {step}: val accuracy {transition.info['metrics']['accuracy']:.3f}")


episode = run_episode(env, teacher, seed=0, observers=[show])
before, after = env.unwrapped.examine()
print(f"test accuracy {before.accuracy:.3f} -> {after.accuracy:.3f}")
print(f"gain {paired_gain(before, after)}, return {episode.return_:.3f}")
