"""DataEnvGym in one file: the loop of Khan et al. 2024 (arXiv 2410.06215, figure 1), to be read.

A teacher looks at what a student gets wrong, orders training data, the data is made and vetted,
the student is trained and examined again, and the teacher is paid for the improvement. The
environments and teachers of teachgym do the same with budgets, records and every choice open;
nothing of them is imported here.

python examples/paper_in_one_file.py            # the simulated student: a second
python examples/paper_in_one_file.py tiny       # a real transformer: about half a minute
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from teachgym.evaluation import GenerateAndGrade
from teachgym.metrics import paired_gain
from teachgym.protocols import Evaluator, Student, Task, Trainer
from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.training import make_trainer
from teachgym.types import Data, Example, Order, Plan, Report

STEPS, EXAMPLES_PER_STEP = 10, 250


# -- the teacher's policy: from the student's errors to a plan ---------------------------------


def plan(report: Report, rng: np.random.Generator) -> Plan:
    """Order a step's examples; a skill's share is that of its errors among all errors."""
    errors = {skill: 1 - score.mean for skill, score in report.by_skill().items()}
    shares = np.array(list(errors.values())) / (sum(errors.values()) or 1.0)
    counts = rng.multinomial(EXAMPLES_PER_STEP, shares)
    orders = (Order(skill, int(n)) for skill, n in zip(errors, counts, strict=True) if n)
    return Plan(tuple(orders))


# -- the data generation engine: from a plan to examples ---------------------------------------


def generate(task: Task, ordered: Plan, rng: np.random.Generator) -> Data:
    """Make what was ordered; the levels of a skill come in equal numbers, on average."""
    return tuple(
        task.make(order.skill, float(rng.choice(task.levels)), rng)
        for order in ordered.orders
        for _ in range(order.count)
    )


def vet(data: Data, seen: set[str]) -> Data:
    """Keep examples whose prompts are neither held out nor repeated; remember them in ``seen``."""
    kept: list[Example] = []
    for example in data:
        if example.prompt not in seen:
            seen.add(example.prompt)
            kept.append(example)
    return tuple(kept)


# -- the environment: from examples to the next state and a reward ------------------------------


@dataclass
class Gym:
    """The student with those who train and examine it."""

    task: Task
    student: Student
    trainer: Trainer[Student]
    evaluator: Evaluator

    def step(self, data: Data, before: Report, rng: np.random.Generator) -> tuple[Report, float]:
        """Train on the data and examine on ``val``; the reward is the gain in accuracy."""
        if not data:
            return before, 0.0
        self.trainer.train(self.student, data, rng)
        after = self.evaluator.evaluate(self.student, self.task, "val")
        return after, after.accuracy - before.accuracy


# -- the episode -------------------------------------------------------------------------------


def main(name: str, seed: int = 0) -> None:
    """Teach for ten steps, then examine on ``test`` the student that was best on ``val``."""
    rng = np.random.default_rng(seed)
    task = make_task("arithmetic-and-strings")
    student = make_student(name, task)
    gym = Gym(task, student, make_trainer(student), GenerateAndGrade())

    untrained = gym.evaluator.evaluate(student, task, "test")
    state = gym.evaluator.evaluate(student, task, "val")
    best, best_accuracy = student.save(), state.accuracy
    seen = {e.prompt for split in ("val", "test") for e in task.examples(split)}

    for step in range(1, STEPS + 1):
        data = vet(generate(task, plan(state, rng), rng), seen)
        state, reward = gym.step(data, state, rng)
        print(f"step {step}: {len(data)} examples, val {state.accuracy:.3f}, reward {reward:+.3f}")
        if state.accuracy > best_accuracy:
            best, best_accuracy = student.save(), state.accuracy

    student.restore(best)
    taught = gym.evaluator.evaluate(student, task, "test")
    print(f"test accuracy {untrained.accuracy:.3f} -> {taught.accuracy:.3f}")
    print(f"gain {paired_gain(untrained, taught)}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "simulated")
