"""``alp`` on a student whose skills build on each other, half of them beyond its reach."""

from __future__ import annotations

import numpy as np

from teachgym.agents.context import Cells
from teachgym.agents.progress.alp import LearningProgress
from teachgym.agents.uniform import Uniform
from teachgym.students.dynamics import Dynamics, accuracy, learn
from teachgym.students.profile import Profile, SkillProfile
from teachgym.types import FloatArray, Obs
from tests.agents.worlds import BUDGET_LEFT, transition

CHAIN = ("first", "second", "third", "fourth")
NAMES = (*CHAIN, *(f"beyond-{i}" for i in range(4)))
PROFILE = Profile(
    {
        name: SkillProfile(
            start=(-3.0,),
            ceiling=(1.0,),
            rate=6.0 if name in CHAIN else 0.0,
            forgetting=0.0,
            prerequisites=CHAIN[place - 1 : place] if name in CHAIN else (),
        )
        for place, name in enumerate(NAMES)
    },
    noise=0.0,
)
EXAMPLES, ITEMS = 100, 60
"""In a step, and of each skill in a measurement, drawn anew every time."""


def measured(x: FloatArray, dynamics: Dynamics, rng: np.random.Generator) -> Obs:
    found = rng.binomial(ITEMS, accuracy(x, dynamics)) / ITEMS
    return {
        "accuracy": found.astype(np.float32),
        "n": np.full(found.shape, ITEMS, dtype=np.float32),
        "stderr": np.sqrt(found * (1 - found) / ITEMS).astype(np.float32),
        "budget_left": BUDGET_LEFT,
    }


def steps_to_the_last(teacher: LearningProgress | Uniform, seed: int) -> int:
    """The number of steps until 70 % of the last learnable skill are right."""
    dynamics, rng = Dynamics.of(PROFILE, NAMES, (0.0,)), np.random.default_rng(seed)
    teacher.reset(seed)
    x, steps = dynamics.start.copy(), 0
    seen = measured(x, dynamics, rng)
    while accuracy(x, dynamics)[len(CHAIN) - 1, 0] < 0.7:
        action = teacher.act(seen)
        x = learn(x, action * EXAMPLES, dynamics)
        before, seen = seen, measured(x, dynamics, rng)
        teacher.observe(transition(before, seen, action))
        steps += 1
    return steps


def test_learning_progress_reaches_the_last_learnable_skill_before_uniform() -> None:
    """After 23 to 29 steps in twenty seeds, where equal shares take 33, half of them in vain."""
    cells = Cells(NAMES, (0.0,))
    uniform = steps_to_the_last(Uniform(cells), 0)
    teacher = LearningProgress(cells, exploration=0.25)
    assert uniform == 33
    assert all(steps_to_the_last(teacher, seed) < uniform - 3 for seed in range(20))
