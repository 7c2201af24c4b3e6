"""Tables of arms that were trained several times, beside arms that were not."""

from __future__ import annotations

from teachgym.benchmarks.learned.lines import Line, tabulate


def lines() -> list[Line]:
    """A trained arm minus ``alp``: 0.01 and 0.03 in its first run, 0.03 and 0.05 in its second."""
    return [
        Line("alp", "simulated", (0.10, 0.20)),
        Line("ppo", "simulated", (0.11, 0.23), run=0, trained=640),
        Line("ppo", "simulated", (0.13, 0.25), run=1, trained=640),
        Line("ppo", "tiny", (0.05, 0.07), run=0, trained=640),
    ]


def test_intervals_are_over_training_runs_and_episodes_at_once() -> None:
    """Means of runs and of episodes are 0.02 and 0.04: errors of 0.01 each, 0.0141 together.

    With (1 + 1)^2 / (1 + 1) = 2 degrees of freedom that is 4.303 errors to each side, 0.0608.
    """
    table = tabulate(lines(), ("alp",))
    assert r"| ppo | 2 x 2 | 0.1800 ± 0.0608 | +0.0300 \[-0.0308, +0.0908\] |" in table


def test_there_is_a_table_for_each_student_best_first_and_no_difference_without_the_other() -> None:
    first, second = tabulate(lines(), ("alp",)).split("**tiny**")
    assert first.index("| ppo |") < first.index("| alp | 2 | 0.1500 ± 0.0500 | — |")
    assert second.endswith("| ppo | 2 | 0.0600 ± 0.0100 |")


def test_stars_mark_trained_arms_alone_and_only_what_is_sure_among_all_of_them() -> None:
    """Ten differences of 0.10 to 0.11 are sure, in the trained arm alone."""
    gains = tuple(0.1 + 0.001 * i for i in range(10))
    nothing = tuple(0.0001 * (i % 3) for i in range(10))
    made = [
        Line("alp", "simulated", nothing),
        Line("planned", "simulated", gains),
        Line("ppo", "simulated", gains, run=0, trained=9),
    ]
    rows = {row.split(" | ")[0]: row for row in tabulate(made, ("alp",)).splitlines()}
    assert rows["| ppo"].endswith(r"\] * |")
    assert rows["| planned"].endswith(r"\] |")
