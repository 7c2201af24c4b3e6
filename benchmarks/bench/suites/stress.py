"""``stress``: teachers against what makes teaching hard, one difficulty at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED, crossed, under
from teachgym.benchmarks.bench.suites.suite import Suite

TEACHERS = ("uniform", "weakest", "alp", "ucb1", "thompson", "alp-gmm")
"""The first is what the others are compared with."""
CONDITIONS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "unlearnable": {"stress": {"unlearnable": 0.5}},
    "saturated": {"stress": {"saturated": 0.5}},
    "grader-noise": {"stress": {"grader_noise": 0.2}},
    "wrong-labels": {"stress": {"wrong_labels": 0.3}},
    "forgetting": {"stress": {"forgetting": 0.1}},
    "rugged": {"stress": {"rugged": True}},
    "delayed-reward": {"stress": {"delayed_reward": 10}},
    "skills-roots": {"skills": "roots"},
    "skills-shuffled": {"skills": "shuffled"},
}
"""Name of each condition to the settings that make it; the first is the undisturbed one."""


def stress() -> Suite:
    """A few teachers under each stress, each compared with ``uniform`` under the same one.

    The idea is TeachMyAgent's (Romac et al. 2021, arXiv 2103.09815): a profile of what a teacher
    copes with says more than a mean. Val and test are smaller than elsewhere, so that over a
    thousand runs of the simulated student are a matter of minutes; ``--student tiny`` runs the
    same conditions on the embedded one. A condition may change what an accuracy means, so
    accuracies are compared within a condition only.

    Every seed is another draw of each stress (which skills cannot be learned, which answers are
    misjudged), the same for all teachers; only shuffled skills are shuffled in one way. To the
    simulated student wrong labels are examples that are missing. Late rewards and swapped levels
    ought to make no difference to these teachers, who read accuracies instead of rewards and take
    no level for easier than another.
    """
    return Suite(
        "stress",
        3,
        "six teachers under nine stresses and none; simulated student",
        crossed(TEACHERS, CONDITIONS),
        env_settings={
            **EMBEDDED,
            "student": "simulated",
            "task_settings": {"val_per_cell": 5, "test_per_cell": 10},
        },
        seeds=20,
        seeded=("stress.seed", *DRAWN),
        reference=TEACHERS[0],
        brief=tuple(under("alp", condition) for condition in CONDITIONS),
    )
