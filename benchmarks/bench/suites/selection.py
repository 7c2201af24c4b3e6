"""``data-selection``: to choose among existing training data, or to have new data made."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED, OPEN_ENDED
from teachgym.benchmarks.bench.suites.suite import Arm, Suite


def data_selection() -> Suite:
    """Data chosen from the task's own training set against data made to order, by teacher.

    DataEnvGym names selection agents as a baseline of its rebuttal (they draw training items at
    random); their results are not known. The claim to test is that data made for a student is
    worth more than data that exists.

    Here both kinds are right and of one distribution for each skill and level, so the suite tells
    what the *choice* is worth in both, and whether a finite supply costs anything: differences
    between ``generated`` and ``selected`` of one teacher ought to be small. It cannot tell what
    data is worth that is written with a student's mistakes in view, and nothing at all with the
    simulated student, which counts examples and does not read them. ``pool`` chooses item by
    item, by the student's errors, and never the same twice.

    The supply is 250 examples of every skill and level, 24,000 in all, so that it does not run
    out. An engine that draws from it forgets what it drew before. So that all arms train on
    equally many, the gate lets pass what comes again, in all of them: with the simulated student
    one in twenty of what ``uniform`` selects, one in eight of what ``weakest`` does.
    """
    teachers = ("uniform", "weakest", "alp")
    arms = [
        arm
        for teacher in teachers
        for arm in (
            Arm(f"{teacher}-generated", teacher, control=teacher == "uniform"),
            Arm(
                f"{teacher}-selected",
                teacher,
                env_settings={"engine": "pool"},
                control=teacher == "uniform",
                against=f"{teacher}-generated",
            ),
        )
    ]
    pool = Arm("pool", "pool", env=OPEN_ENDED, against="uniform-selected")
    return Suite(
        "data-selection",
        2,
        "existing training data chosen by three teachers against data made to order",
        (*arms, pool),
        env_settings={
            **EMBEDDED,
            "task_settings": {**EMBEDDED["task_settings"], "train_per_cell": 250},
            "gate_settings": {"duplicates": "allow"},
        },
        seeds=10,
        seeded=DRAWN,
        reference="uniform-generated",
        brief=("alp-generated", "alp-selected"),
    )
