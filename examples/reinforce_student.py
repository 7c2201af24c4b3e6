"""Reinforce a student with its own answers: GRPO on word problems, from the ``small`` base.

What it always or never answers rightly has no gradient: questions come from cells (a skill at a
level) that it half knows, and a few from all others. The pull to the base (``beta``, at the
paper's 0.04, arXiv 2402.03300) is what keeps those as they were.

python examples/reinforce_student.py             # 5,000 questions, a quarter of an hour
python examples/reinforce_student.py 1 0 0       # a look: one a half-known cell, none of others
"""

from __future__ import annotations

import sys
from collections import defaultdict
from statistics import fmean

import numpy as np

from teachgym.evaluation import EVALUATORS
from teachgym.metrics import paired_gain
from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.training import make_trainer

many, few, seed = map(int, [*sys.argv[1:], *("120", "16", "2")[len(sys.argv) - 1 :]])
"""Questions of each half-known cell and of each other one; the seed of samples and their order."""
PROBES = 8
"""Questions that tell what is half known, and answers to each."""

task = make_task("word-problems", train_per_cell=PROBES + max(many, few), test_per_cell=40)
student = make_student("small", task)
cells = defaultdict(list)
for example in task.examples("train"):
    cells[example.skill, example.difficulty].append(example)

probed = [example for cell in cells.values() for example in cell[:PROBES]]
answers = student.sample([example.question for example in probed], k=PROBES, seed=seed)
rates = defaultdict(list)
for example, sampled in zip(probed, answers, strict=True):
    rates[example.skill, example.difficulty] += [task.grade(example, a) for a in sampled]
half = [cell for cell in cells if 0.02 <= fmean(rates[cell]) <= 0.9]
data = [e for cell in half for e in cells[cell][PROBES : PROBES + many]]
data += [e for cell in cells if cell not in half for e in cells[cell][PROBES : PROBES + few]]
print(f"{len(half)} of {len(cells)} cells are half known; {len(data):,} questions")

evaluator = EVALUATORS.make("generate-and-grade")
before = evaluator.evaluate(student, task, "test")
trainer = make_trainer(
    student, "on-policy", task=task,
    learning_rate=5e-4, batch_size=32, epochs=1, loss_settings={"beta": 0.04},
)  # fmt: skip
trainer.train(student, tuple(data), np.random.default_rng(seed))
after = evaluator.evaluate(student, task, "test")

print(f"test accuracy {before.accuracy:.3f} -> {after.accuracy:.3f}, {paired_gain(before, after)}")
taught = after.by_skill()
for skill, score in before.by_skill().items():
    print(f"{skill:10} {score.mean:.2f} {taught[skill].mean - score.mean:+.2f}")
