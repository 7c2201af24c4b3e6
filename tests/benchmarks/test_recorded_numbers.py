"""Numbers in README and RESULTS.md are those of the files that were recorded."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from teachgym.benchmarks.bench.agreement import agreement
from teachgym.benchmarks.bench.leaderboard import show_p
from teachgym.benchmarks.bench.outcomes import read_outcomes
from teachgym.benchmarks.bench.statistics import holm
from teachgym.benchmarks.bench.union import read_lines
from teachgym.benchmarks.learned import language, offline, ppo
from teachgym.benchmarks.learned.lines import Lines, by_arm

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "benchmarks" / "results"
INTERVAL = re.compile(r"[+-]0\.\d{4} \[[+-]0\.\d{4}, [+-]0\.\d{4}\]")
RHO = re.compile(r"-?[01]\.\d{2} \[-?[01]\.\d{2}, -?[01]\.\d{2}\]")
RESULTS = (RECORDED / "RESULTS.md").read_text().replace("\N{MINUS SIGN}", "-")


def section(title: str) -> str:
    """The text of RESULTS.md under a heading."""
    return RESULTS.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[str]:
    """The lines of a text that are rows of tables, without markup."""
    plain = text.replace("\\", "").replace("&lt;", "<")
    return [line for line in plain.splitlines() if line.startswith("|")]


def test_the_leaderboard_of_the_readme_is_the_recorded_one() -> None:
    text = (ROOT / "README.md").read_text().partition("\n## Results")[2].partition("\n## ")[0]
    recorded = set()
    for row in rows((RECORDED / "bench-tiny.md").read_text().partition("\n## ")[0]):
        arm, _, accuracy, _, *others = row.strip("| ").split(" | ")
        recorded.add((arm, accuracy, *others))
    shown = [tuple(row.strip("| ").split(" | ")) for row in rows(text)[2:]]
    assert len(shown) == 10
    assert set(shown) <= recorded


def test_the_table_of_teachers_that_answer_in_words_is_printed_by_its_script() -> None:
    printed = rows(language.describe(Lines(RECORDED / "language-teachers.jsonl").known))
    assert set(printed) <= set(rows(section("A language model that learned to teach")))


def test_figures_of_ppo_are_those_of_its_runs() -> None:
    """Its tables, shares of what the best plan gains, and intervals over the five bases."""
    lines, text = Lines(RECORDED / "ppo.jsonl").known, section("PPO against rules and plans")
    printed = ppo.describe(lines)
    assert set(rows(printed)) <= set(rows(text))
    shares = re.findall(r"allocation (.* has .*\])\.", printed)
    assert len(shares) == 2
    for share in shares:
        arm, has, value = share.partition(" has ")
        assert f"`{arm}`{has}{value}" in text
    gains = {
        arm: own.mean(axis=0)
        for (student, arm), own in by_arm(lines).items()
        if student != ppo.HARD
    }
    best = gains["ppo-nameless, bases 5 and 6"]
    by_base = [(best - gains[other]).reshape(-1, 5).mean(axis=0) for other in ("uniform", "alp")]
    assert INTERVAL.findall(text.partition("Taken over bases alone")[2]) == list(
        map(student_interval, by_base)
    )


def test_the_table_of_learners_of_episodes_is_printed_by_its_script() -> None:
    printed = rows(offline.describe(Lines(RECORDED / "offline.jsonl").known))
    assert set(printed) <= set(rows(section("Teachers trained offline, from recorded episodes")))


def test_intervals_of_the_papers_experiments_are_in_the_tables_of_their_benches() -> None:
    told = rows(section("The paper's experiments on the embedded student"))
    here = [cells[2] for row in told if len(cells := row.split(" | ")) == 4]
    found = [text for cell in here for text in INTERVAL.findall(cell)]
    benches = rows("\n".join(path.read_text() for path in RECORDED.glob("bench-*.md")))
    assert len(found) > 20
    assert not [text for text in found if not any(text in row for row in benches)]


def test_gains_of_objectives_are_means_over_their_runs() -> None:
    runs = runs_of("bench-objectives.jsonl")
    table = "\n".join(rows(section("Objectives at equally many questions")))
    assert sorted(INTERVAL.findall(table)) == sorted(
        student_interval(r["test_after"] - r["test_before"] for r in own.values())
        for own in runs.values()
    )


def test_courses_of_teacher_hacking_are_those_of_their_runs() -> None:
    runs, expected = runs_of("bench-teacher-hacking.jsonl"), []
    for arm, own in runs.items():
        curves = {seed: run["val_curve"] for seed, run in own.items()}
        expected.append(student_interval(c[-1] - c[0] for c in curves.values()))
        fixed = runs[f"fixed-{arm.split('-', 1)[1]}"]
        if own is not fixed:
            last = {seed: run["val_curve"][-1] for seed, run in fixed.items()}
            expected.append(student_interval(c[-1] - last[seed] for seed, c in curves.items()))
    table = rows(section("Nearer to a teacher model, and farther from the truth"))
    assert sorted(INTERVAL.findall("\n".join(table))) == sorted(expected)


@pytest.mark.parametrize(
    ("title", "name", "arms"),
    [
        ("Pictures of shapes", "vqa", ("oracle", "uniform", "alp", "weakest")),
        (
            "Word problems",
            "math",
            ("weakest", "oracle", "open-ended-with-state", "alp", "open-ended-no-state", "uniform"),
        ),
        (
            "Programs",
            "code",
            ("weakest", "oracle", "open-ended-with-state", "uniform", "open-ended-no-state", "alp"),
        ),
        (
            "Plans of tool calls",
            "tools",
            (
                *("oracle", "weakest", "open-ended-with-state", "skill-list-with-state"),
                *("uniform", "skill-list-no-state", "open-ended-no-state", "alp"),
            ),
        ),
    ],
)
def test_gains_of_a_domain_are_those_of_its_runs(
    title: str, name: str, arms: tuple[str, ...]
) -> None:
    runs, expected = runs_of(f"bench-dataenvgym-{name}-embedded.jsonl"), []
    uniform = {seed: run["test_after"] for seed, run in runs["uniform"].items()}
    for arm in arms:
        own = runs[arm].items()
        expected.append(student_interval(r["test_after"] - r["test_before"] for _, r in own))
        if arm != "uniform":
            expected.append(student_interval(r["test_after"] - uniform[s] for s, r in own))
    table = "\n".join(rows(section(title)))
    assert INTERVAL.findall(table) == expected


def test_verdicts_of_published_methods_are_those_of_their_runs() -> None:
    """Differences, their intervals and signs, what the intervals alone say, and Holm's p."""
    runs = runs_of("bench-methods.jsonl")
    text = section("Published methods at equal budget").partition("\n###")[0]
    table = [row.strip("| ").split(" | ") for row in rows(text)]
    told = {row[0]: row[2:] for row in table[2:]}
    assert len(told) == len(table) - 2
    alone = {}
    for claim, (interval, above, verdict, _) in told.items():
        arm, against = re.findall(r"`([^`]+)`", claim)
        score = with_aids if claim.endswith(", with aids") else on_test
        pairs = [(score(r), score(runs[against][seed])) for seed, r in runs[arm].items()]
        differences = [mine - theirs for mine, theirs in pairs]
        assert interval == student_interval(differences)
        assert above == f"{sum(d > 0 for d in differences)} of {len(differences)}"
        low, high = map(float, re.findall(r"[+-]0\.\d{4}", interval)[1:] or (0, 0))
        sign = -1 if "` below `" in claim else 1
        found = sign * ((low > 0) - (high < 0))
        assert verdict == {1: "agrees", 0: "cannot tell", -1: "contradicts"}[found]
        equal = not any(differences)
        alone[claim] = 1.0 if equal else float(stats.ttest_rel(*zip(*pairs, strict=True)).pvalue)
    assert {claim: show_p(p) for claim, p in holm(alone).items()} == {
        claim: row[-1] for claim, row in told.items()
    }


def test_the_table_of_methods_has_verdicts_and_what_they_took() -> None:
    """Those of RESULTS.md, in the order of the suite of the file."""
    text = section("Published methods at equal budget").partition("\n###")[0]
    told = [row.strip("| ").replace("`", "").split(" | ") for row in rows(text)[2:]]
    claims, *_, effort = (RECORDED / "bench-methods.md").read_text().strip().split("\n\n")
    shown = [row.strip("| ").split(" | ") for row in rows(claims)[2:]]
    assert sorted((row[0], *row[3:]) for row in shown) == sorted(
        (claim, difference, verdict, p) for claim, _, difference, _, verdict, p in told
    )
    assert [row.split(" | ")[0] for row in rows(effort)[2:]] == [f"| {row[0]}" for row in shown]


def on_test(run: Any) -> float:
    """Accuracy on ``test`` of the student that was best on ``val``."""
    return float(run["test_after"])


def with_aids(run: Any) -> float:
    """Accuracy on ``val`` with aids; without any, that after the last step."""
    return float(run["with_aids"][1] if "with_aids" in run else run["val_curve"][-1])


def test_last_steps_of_taught_small_are_those_of_their_runs() -> None:
    """Intervals of accuracy on ``val`` after all steps, whichever student was best there."""
    runs = runs_of("bench-methods.jsonl")
    last = {arm: {seed: r["val_curve"][-1] for seed, r in own.items()} for arm, own in runs.items()}
    text = section("Published methods at equal budget").partition("### At the last step")[2]
    table = [row.strip("| ").split(" | ") for row in rows(text)[2:]]
    assert table
    for claim, interval, above in table:
        arm, against = re.findall(r"`([^`]+)`", claim)
        differences = [last[arm][seed] - last[against][seed] for seed in last[arm]]
        assert interval == student_interval(differences)
        assert above == f"{sum(d > 0 for d in differences)} of {len(differences)}"


def test_agreement_of_domains_is_that_of_their_runs() -> None:
    found = RHO.findall("\n".join(rows(section("The same teachers in three text domains"))))
    lines = {
        name: read_outcomes(read_lines(RECORDED / f"bench-dataenvgym-{name}-embedded.jsonl"))
        for name in ("math", "code", "tools")
    }
    pairs = combinations(lines.values(), 2)
    assert found == [
        agreement(*pair, left_out).rho.show(2) for pair in pairs for left_out in ([], ["no-data"])
    ]


def runs_of(name: str) -> dict[str, dict[int, Any]]:
    """The recorded runs of a bench by arm and seed."""
    found: dict[str, dict[int, Any]] = defaultdict(dict)
    for run in read_lines(RECORDED / name):
        found[run["arm"]][run["seed"]] = run
    return found


def student_interval(differences: Iterable[float]) -> str:
    """Mean with the 95 % interval by Student's t; without one if nothing differs."""
    values = np.array([*differences])
    if not values.any():
        return f"+0.0000, equal in {len(values)} seeds"
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    return f"{values.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def test_the_page_on_gpus_has_what_was_measured_on_one() -> None:
    """Seconds, milliseconds of a pass, share and tokens a second, before and now."""
    states = json.loads((RECORDED / "speed-h200.json").read_text())["states"]
    table = rows((ROOT / "docs" / "gpu.md").read_text().partition("\n## Measured")[2])
    for shown, name in (("before", "before"), ("now", "after")):
        for size in ("135M", "0.5B"):
            case = states[name]["cases"][f"floor-{size}"]
            seconds, pace = min(case["training_s"]), round(case["tokens_per_s"] / 100) * 100
            (row,) = (r for r in table if r.startswith(f"| {size}, {shown} "))
            assert f"{seconds:.2f} s ({case['graphs_ms'][0]:.1f} ms" in row
            assert f"| {case['share_of_matmul']:.0%} |".replace("%", " %") in row
            assert f"{pace:,} tokens/s" in row
