"""``restart``: to go on training, or to start anew from the base."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED
from teachgym.benchmarks.bench.suites.suite import Arm, Suite


def restart() -> Suite:
    """Continue training, or start each step from the base with all data so far.

    DataEnvGym's formula m' = Train(m, d) continues (arXiv 2410.06215, section 2), its code starts
    from the base weights in every step, with all data so far in the loops that accumulate it;
    the paper does not compare the two.

    Both arms of a teacher have the same number of examples and of steps, but not of training
    tokens: with equal steps, ``scratch`` trains 1 + 2 + ... + 10 steps' worth of data where
    ``continue`` trains 10, 5.5 times as much. So the suite tells which is better for the same
    data, and its cost per point which is better for the same training. ``alp`` also acts on what
    it sees, so from the second step on its two arms have different data.
    """
    arms = [
        arm
        for teacher in ("uniform", "alp")
        for arm in (
            Arm(f"{teacher}-continue", teacher, env_settings={"training": "continue"}),
            Arm(
                f"{teacher}-scratch",
                teacher,
                env_settings={"training": "scratch"},
                against=f"{teacher}-continue",
            ),
        )
    ]
    return Suite(
        "restart",
        2,
        'training="continue" against "scratch", the notation of the paper and its code',
        tuple(arms),
        env_settings=EMBEDDED,
        seeds=10,
        seeded=DRAWN,
        reference="uniform-continue",
    )
