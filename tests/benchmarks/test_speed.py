"""The speed benchmark: equal work or no ratio, statistics by hand, the whole command."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from speed_fakes import CASE, EXAMPLES, material, result, runs

from teachgym.benchmarks import speed as program
from teachgym.benchmarks.speeds.material import in_order, make_material
from teachgym.benchmarks.speeds.measure import (
    Curve,
    Runs,
    Tolerance,
    compare,
    measure,
    play,
)
from teachgym.benchmarks.speeds.peft_systems import PeftSystem
from teachgym.benchmarks.speeds.results import Spread, fixed_costs, growth, judge, paces
from teachgym.benchmarks.speeds.tables import show_spread
from teachgym.benchmarks.speeds.workloads import (
    CPU_CASES,
    QUICK_CASES,
    Asking,
    Gate,
    Training,
    fixed,
)
from teachgym.types import Data

# -- statistics ------------------------------------------------------------------------------


def test_ratios_are_taken_round_by_round() -> None:
    """2/1, 4/2, 9/3 = 2, 2, 3: median 2, quartiles at 1/4 and 3/4 of the way: 2 and 2.5.

    The ratio of the medians would be 4/2 = 2, too, but of the means 5/2.
    """
    found = result(CASE, runs("a", (1, 2, 3)), runs("b", (2, 4, 9)))
    assert found.ratio("b") == Spread(2.0, 2.0, 2.5)
    assert found.ratio("a") == Spread(1.0, 1.0, 1.0)


def test_growth_is_per_student_and_total() -> None:
    """4 students take 2 s where one takes 1 s: cost(4)/cost(1) = 2, and 4 x 1 / 2 = 2."""
    assert growth(result(CASE, runs("a"), runs("b", (2.0,), students=4))) == {4: (2.0, 2.0)}


def test_floor_counts_the_students_that_ran() -> None:
    """Two students took 1 s, and cannot take less than 0.5 s; one of them, not less than 0.25 s."""
    case = replace(CASE, students=2)
    found = result(case, runs("a"), runs("b", students=2))
    assert found.share_of_floor(found.runs[0]) == 0.25
    assert found.share_of_floor(found.runs[1]) == 0.5


def test_fixed_cost_is_where_the_line_meets_no_examples() -> None:
    """10 examples 3 s, 20 examples 5 s: 0.2 s an example, 1 s without any."""
    asking = Asking(1, fixed(1), fixed(1))
    cases = [replace(CASE, training=Training(n, fixed(4), 10), asking=asking) for n in (10, 20)]
    results = [result(c, runs("a", (s,))) for c, s in zip(cases, (3, 5), strict=True)]
    assert fixed_costs(results, "a") == {"micro": pytest.approx(1.0)}
    assert fixed_costs(results[:1], "a") == {}


def test_a_slow_teacher_leaves_the_device_idle() -> None:
    """6 s a step, 12 calls of 2 s: 30 s, 120 an hour, 24/30 idle; at once 8 s, 450, 1/4."""
    one_by_one, at_once = paces(6.0)[1:3]
    assert (one_by_one.per_hour, one_by_one.idle) == (120.0, 0.8)
    assert (at_once.per_hour, at_once.idle) == (450.0, 0.25)


def test_a_gate_is_met_by_the_median() -> None:
    found = [result(CASE, runs("a", (1, 1, 1)), runs("b", (1, 3, 3)))]
    gates = [Gate("fake", "", "b", 3.0), Gate("fake", "", "b", 3.1), Gate("other", "", "b", 1.0)]
    assert [verdict.met for verdict in judge(found, gates)] == [True, False]


def test_spreads_are_shown_with_quartiles_and_nothing_for_nothing() -> None:
    assert show_spread(Spread(2.0, 1.5, 2.25)) == "2.00 [1.50, 2.25]"
    assert show_spread(None) == show_spread(Spread(math.nan, math.nan, math.nan)) == ""


# -- equal work ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (runs("b", losses=(2.0, 1.001)), "losses differ by 1.0e-03"),
        (runs("b", losses=(2.0, math.nan)), "losses differ by nan"),
        (runs("b", losses=(2.0,)), "1 updates instead of 2"),
        (runs("b", answers=("xz", "y")), "0.6667 of the tokens equal a"),
        (runs("b", answers=("xyz", "y")), "1 answers have another length"),
    ],
)
def test_a_system_that_did_other_work_gets_no_ratio(other: Runs, reason: str) -> None:
    """The reference answers "xy" and "y", 3 and 2 tokens with their ends; "xz" shares 2 of 3."""
    reference = runs("a", answers=("xy", "y"))
    if not other.rounds[0].answers[0]:
        reference = runs("a")
    compare(other, reference, tolerance=Tolerance(1e-4, 1.0), lengths=[[3, 2]])
    found = result(CASE, reference, other)
    assert reason in other.trouble
    assert found.ratio("b") is None
    (verdict,) = judge([found], [Gate("fake", "", "b", 1.0)])
    assert not verdict.met
    assert reason in verdict.reason


def test_equal_work_passes_and_says_how_equal_it_was() -> None:
    own, reference = runs("b", losses=(2.0, 1.00001)), runs("a")
    compare(own, reference, tolerance=Tolerance(1e-4, 1.0), lengths=[])
    assert own.trouble == ""
    assert own.loss_error == pytest.approx(1e-5)


def test_nobody_is_compared_if_the_subject_has_trouble() -> None:
    subject = runs("a")
    subject.trouble = "failed"
    assert result(CASE, subject, runs("b")).ratio("b") is None


# -- measuring -------------------------------------------------------------------------------


class FakeSystem:
    """Writes down what it is asked to do."""

    is_resident = True

    def __init__(self, name: str, log: list[str], error: Exception | None = None) -> None:
        self.name, self.log, self.error = name, log, error

    def prepare(self) -> None:
        if isinstance(self.error, ImportError):
            raise self.error

    def reset(self) -> None:
        self.log.append(f"{self.name} reset")

    def train(self, data: Sequence[Data]) -> Curve:
        if self.error:
            raise self.error
        self.log.append(f"{self.name} {len(data[0])}")
        return Curve([1.0], 2)

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        return [["x"] for _ in prompts]

    def close(self) -> None:
        self.log.append(f"{self.name} closed")


def test_systems_take_turns_in_every_round() -> None:
    log: list[str] = []
    systems = {name: (FakeSystem(name, log), 1) for name in "ab"}
    a, b = measure(material(), systems, rounds=2, say=lambda _: None)
    turns = ["a reset", "a 2", "b reset", "b 2"]
    assert log == turns * 3 + ["a closed", "b closed"]  # one of the three warms up
    assert len(a.rounds) == len(b.rounds) == 2


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (ImportError("trl"), "not installed: trl"),
        (RuntimeError("no memory\nlong trace"), "failed: RuntimeError: no memory"),
    ],
)
def test_a_system_that_fails_is_named_and_the_others_go_on(error: Exception, trouble: str) -> None:
    systems = {"a": (FakeSystem("a", []), 1), "b": (FakeSystem("b", [], error), 1)}
    a, b = measure(material(), systems, rounds=1, say=lambda _: None)
    assert (a.trouble, b.trouble) == ("", trouble)
    assert len(a.rounds) == 1


def test_without_its_reference_nothing_is_compared() -> None:
    systems = {"a": (FakeSystem("a", [], ImportError("x")), 1), "b": (FakeSystem("b", []), 1)}
    _, b = measure(material(), systems, rounds=1, say=lambda _: None)
    assert b.trouble == "cannot be checked: a has not installed: x"


@pytest.mark.parametrize(
    ("accumulate", "trained"),
    [(False, ["x reset", "x 2", "x 2"]), (True, ["x reset", "x 2", "x reset", "x 4"])],
)
def test_an_episode_goes_on_or_starts_again_with_all_data(
    accumulate: bool, trained: list[str]
) -> None:
    log: list[str] = []
    case = replace(CASE, steps=2, accumulate=accumulate)
    outcome = play(FakeSystem("x", log), material(case), 1)
    assert log == trained
    assert outcome.curve == Curve([1.0, 1.0], 4)


# -- real systems ----------------------------------------------------------------------------


def test_answers_have_the_forced_lengths_and_vary(tmp_path: Path) -> None:
    """A prompt's last token decides the length; two prompts that end alike differ in words."""
    with program.quiet():
        found = make_material(QUICK_CASES[-1], "cpu", tmp_path)
        tail = found.prompts[0][0][-1]
        prompts = [*found.prompts[0], found.prompts[0][1][:-1] + tail]
        system = PeftSystem(found)
        system.prepare()
        system.reset()
        (answers,) = system.answer([prompts])
    lengths = [len(answer) + 1 for answer in answers]
    assert lengths == [*found.answer_lengths[0], found.answer_lengths[0][0]]
    assert answers[0] != answers[-1]


def test_examples_are_put_in_the_order_of_the_trainer() -> None:
    training = Training(2, fixed(4), 2, epochs=3)
    order = np.concatenate([*map(np.random.default_rng(0).permutation, [2, 2, 2])])
    assert in_order(EXAMPLES, training) == tuple(EXAMPLES[i] for i in order)


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["speed", "--quick", "--out", str(folder), *arguments])
    program.main()


def test_the_command_writes_samples_tables_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, tmp_path, "--rounds", "2", "--workloads", "vector,W5,W6")
    assert "## Gates" in capsys.readouterr().out
    found = json.loads((tmp_path / "speed-cpu.json").read_text())
    assert [case["case"]["name"] for case in found["cases"]] == [
        "vector",
        "episode-continue",
        "slots",
    ]
    for case in found["cases"]:
        for system in case["systems"]:
            assert system["trouble"] == ""
            assert system["equal_tokens"] == 1.0
            assert len(system["rounds"]) == 2
            assert system["ratio"]["median"] > 0
    assert found["cases"][1]["systems"][0]["loss_error"] < 1e-5
    assert (tmp_path / "speed-cpu.png").read_bytes().startswith(b"\x89PNG")
    table = (tmp_path / "speed-cpu.md").read_text()
    assert "cost(K) / cost(1)" in table
    assert "env-steps/hour" in table


@pytest.mark.slow
def test_all_stacks_do_equal_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainers of transformers and TRL, and subprocesses, train and answer as ours does."""
    pytest.importorskip("trl")
    case = replace(QUICK_CASES[0], systems=CPU_CASES[0].systems)
    monkeypatch.setattr(program, "QUICK_CASES", (case,))
    run(monkeypatch, tmp_path, "--rounds", "1")
    found = json.loads((tmp_path / "speed-cpu.json").read_text())
    assert {s["name"]: s["trouble"] for s in found["cases"][0]["systems"]} == dict.fromkeys(
        case.systems, ""
    )


def test_bad_arguments_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in ((("--rounds", "0"), "1 or more"), (("--workloads", "W9"), "W9")):
        with pytest.raises(SystemExit):
            run(monkeypatch, tmp_path, *arguments)
        assert message in capsys.readouterr().err
