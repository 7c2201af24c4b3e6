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
from hypothesis import given
from hypothesis import strategies as st

from teachgym.benchmarks.speed import __main__ as program
from teachgym.benchmarks.speed.cases import (
    COMPILED,
    CPU_CASES,
    GPU_CASES,
    LOOP,
    ONE_BY_ONE,
    OWN,
    PACE,
    QUICK_CASES,
    SHARE,
    TRL,
    Asking,
    Case,
    Goal,
    Lengths,
    Training,
    batches_of,
    fixed,
)
from teachgym.benchmarks.speed.floors import Rates, floor_of
from teachgym.benchmarks.speed.material import Material, make_material, order
from teachgym.benchmarks.speed.measure import (
    Curve,
    Outcome,
    Runs,
    Tolerance,
    check,
    compare,
    measure,
)
from teachgym.benchmarks.speed.named import make_system
from teachgym.benchmarks.speed.report import Spread, to_markdown
from teachgym.benchmarks.speed.shapes import SHAPES
from teachgym.benchmarks.speed.systems import PeftSystem
from teachgym.errors import UnknownNameError
from teachgym.training.datum import Datum, Text, batches
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data
from tests.benchmarks.speed.fakes import CASE, material, result, runs

# -- cases -----------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 99),
    mean=st.integers(20, 100),
    spread=st.floats(0.1, 1.0),
    count=st.integers(8, 64),
)
def test_lengths_have_the_wanted_mean_within_their_range(
    seed: int, mean: int, spread: float, count: int
) -> None:
    lengths = Lengths(mean, 256, spread).draw(np.random.default_rng(seed), count)
    assert np.mean(lengths) == pytest.approx(mean, abs=0.51)  # each is rounded
    assert 4 <= min(lengths) <= max(lengths) <= 256


def test_the_packing_case_is_the_one_promised() -> None:
    """96 examples, mean 86, at most 256 tokens; 12 updates."""
    (case,) = (case for case in CPU_CASES if case.name == "packing")
    assert case.training is not None
    assert case.training.examples / case.training.batch == 12
    lengths = case.training.tokens.draw(np.random.default_rng((0, 2)), 96)
    assert np.mean(lengths) == pytest.approx(86, abs=0.5)
    assert max(lengths) == 256


def test_what_is_not_measured_by_default_is_measured_where_it_is_named() -> None:
    default = program.choose("cuda", [], quick=False)
    assert [c.name for c in GPU_CASES if c not in default] == [
        "variants-0.5B",
        "cycle-135M",
        "slots-0.5B",
        "grpo-135M",
        "dpo-135M",
        "distillation-135M",
    ]
    assert program.choose("cuda", ["dpo-135M"], quick=False) == (GPU_CASES[-2],)


@pytest.mark.parametrize("cases", [CPU_CASES, GPU_CASES, QUICK_CASES])
def test_every_name_in_the_cases_means_something(cases: Sequence[Case]) -> None:
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        assert case.shape in SHAPES
        assert OWN in case.systems
        for name in case.systems:
            make_system(name, material(case))


def test_no_batch_spans_two_epochs() -> None:
    with pytest.raises(ValueError, match="not whole batches"):
        replace(CASE, training=Training(3, fixed(4), 2))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="W7"):
        program.choose("cpu", ["W7"], quick=False)
    with pytest.raises(UnknownNameError, match="slow"):
        make_system("slow", material())


# -- statistics ------------------------------------------------------------------------------


def test_ratios_are_taken_round_by_round() -> None:
    """2/1, 4/2, 9/3 = 2, 2, 3: median 2, quartiles at 1/4 and 3/4 of the way: 2 and 2.5.

    The ratio of the medians would be 4/2 = 2, too, but of the means 5/2.
    """
    found = result(runs(OWN, (1, 2, 3)), runs("b", (2, 4, 9)))
    assert found.ratio("b") == Spread(2.0, 2.0, 2.5)
    assert found.ratio(OWN) == Spread(1.0, 1.0, 1.0)


def test_spreads_are_shown_with_quartiles() -> None:
    assert str(Spread(2.0, 1.5, 2.25)) == "2.00 [1.50, 2.25]"


# -- floors and goals --------------------------------------------------------------------------


def test_the_floor_is_arithmetic_and_traffic_at_the_measured_rates() -> None:
    """Model ``micro``: d 32, m 64, two layers, two heads that share one key head of 16.

    Blocks: 2 (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64) = 18,432 weights; head 32 * 256 = 8,192;
    an adapter of rank 8: 2 * 8 (64 + 48 + 48 + 64 + 3 * 96) = 8,192; a token's keys and values
    2 * 2 * 16 = 64 numbers.
    Two texts of one token and one target token with its end: (4 * 18,432 + 6 * 8,192) * 4 tokens
    + attention 6 * 2 * 32 * 2 * 4 + head 4 * 8,192 * 4 = 625,664 FLOPs.
    """
    case = replace(CASE, training=Training(2, fixed(4), 2), asking=Asking(1, fixed(2), fixed(2)))
    own = replace(material(case), prompts=(("ab",),), answer_lengths=((2,),))
    found = floor_of(own, Rates(flops=1e6, bandwidth=1e9, itemsize=4))
    assert found.training == pytest.approx(0.625664)
    # Reading: 2 * 18,432 * 2 + 2 * 2 * 32 * 4 + 2 * 8,192. The second token looks at three.
    reading, writing = 90_624, 2 * 26_624 + 4 * 2 * 32 * 3
    assert found.answering == pytest.approx((reading + writing) / 1e6)
    slow = floor_of(own, Rates(flops=1e6, bandwidth=1e3, itemsize=4))
    assert slow.answering == pytest.approx(reading / 1e6 + (26_624 + 3 * 64) * 4 / 1e3)


def test_goals_are_met_or_missed_and_what_was_not_measured_is_neither() -> None:
    """Half of 1 s trains: 0.25 of 0.5 s is a share of 0.5. 30 tokens in the other half: 60 a s."""
    goals = (Goal(SHARE, 0.4, 0.6), Goal(PACE, 61), Goal("b", 2), Goal("c", 2))
    case = replace(CASE, asking=Asking(1, fixed(2), fixed(2)), goals=goals)
    lost = runs("c")
    lost.trouble = "not installed"
    found = result(runs(OWN), runs("b", (2.5,)), lost, case=case)
    assert [found.found(goal.of) for goal in goals[:3]] == [0.5, 60, 2.5]
    facts = {"hardware": "x", "date": "", "commit": "", "threads": 1, "device": "cpu"}
    text = to_markdown({**facts, "versions": {}}, Rates(1e12, 1e9, 4), [found], ["late"])
    assert "| 0.5 | 0.4 | 0.6 | met |" in text
    assert "| 60 | 61 | — | missed |" in text
    assert "| times teachgym: c | — | 2 | — | not measured |" in text
    assert "time did not last: late." in text


# -- equal work ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (runs("b", losses=(2.0, 1.001)), "losses differ by 1.0e-03"),
        (runs("b", losses=(2.0, math.nan)), "losses differ by nan"),
        (runs("b", losses=(2.0,)), "1 updates instead of 2"),
        (runs("b", answers=("xz", "y")), "0.6667 of the tokens equal teachgym"),
        (runs("b", answers=("xyz", "y")), "1 answers have another length"),
    ],
)
def test_a_system_that_did_other_work_gets_no_ratio(other: Runs, reason: str) -> None:
    """The reference answers "xy" and "y", 3 and 2 tokens with their ends; "xz" shares 2 of 3."""
    reference = runs(OWN, answers=("xy", "y"))
    if not other.rounds[0].answers[0]:
        reference = runs(OWN)
    compare(other, reference, tolerance=Tolerance(1e-4, 1.0, 0.0), lengths=[[3, 2]])
    found = result(reference, other)
    assert reason in other.trouble
    assert found.ratio("b") is None


def test_equal_work_passes_and_says_how_equal_it_was() -> None:
    own, reference = runs("b", losses=(2.0, 1.00001)), runs("a")
    compare(own, reference, tolerance=Tolerance(1e-4, 1.0, 0.0), lengths=[])
    assert own.trouble == ""
    assert own.loss_error == pytest.approx(1e-5)


def test_a_share_of_lengths_may_be_missed_in_16_bits() -> None:
    """One of two answers has a token more than forced."""
    for allowed, trouble in ((0.5, ""), (0.49, "1 answers have another length than was forced")):
        own, reference = runs("b", answers=("xyz", "y")), runs(OWN, answers=("xyz", "y"))
        tolerance = Tolerance(1e-4, 0.0, allowed)
        compare(own, reference, tolerance=tolerance, lengths=[[3, 2]])
        assert own.trouble.removeprefix("other work: ") == trouble


def test_a_tensor_without_a_gradient_is_other_work() -> None:
    own, reference = runs("b"), runs(OWN)
    own.rounds = [replace(own.rounds[0], unmoved=["x.lora_A"])]
    check({"b": own, OWN: reference}, material())
    assert own.trouble == "other work: 1 tensors had no gradient, as x.lora_A"
    assert reference.trouble == ""


def test_nobody_is_compared_if_the_subject_has_trouble() -> None:
    subject = runs(OWN)
    subject.trouble = "failed"
    assert result(subject, runs("b")).ratio("b") is None


# -- measuring -------------------------------------------------------------------------------


class FakeSystem:
    """Writes down what it is asked to do."""

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
        return Curve([1.0], 1.0)

    def unmoved(self) -> list[str]:
        return []

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        return [["x"] for _ in prompts]


def test_systems_take_turns_in_every_round() -> None:
    log: list[str] = []
    systems = {name: FakeSystem(name, log) for name in (OWN, "b")}
    a, b = measure(material(), systems, rounds=2)
    turns = [f"{OWN} reset", f"{OWN} 2", "b reset", "b 2"]
    assert log == turns * 3  # one of the three warms up
    assert len(a.rounds) == len(b.rounds) == 2


def test_on_a_gpu_all_that_captures_steps_is_warmed_by_whole_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others see the beginning of the data alone, which is one example of two here."""
    log: list[str] = []

    def play(system: FakeSystem, played: Material) -> Outcome:
        system.train(played.data)
        return runs("").rounds[0]

    monkeypatch.setattr("teachgym.benchmarks.speed.measure.play", play)
    case = replace(
        CASE, training=Training(2, fixed(4), 1), systems=(ONE_BY_ONE, COMPILED, TRL, OWN)
    )
    systems = {name: FakeSystem(name, log) for name in case.systems}
    measure(replace(material(case), device="cuda"), systems, rounds=1)
    assert log[:4] == [f"{ONE_BY_ONE} 2", f"{COMPILED} 2", f"{TRL} 1", f"{OWN} 2"]


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (ImportError("trl"), "not installed: trl"),
        (RuntimeError("no memory\nlong trace"), "failed: RuntimeError: no memory"),
    ],
)
def test_a_system_that_fails_is_named_and_the_others_go_on(error: Exception, trouble: str) -> None:
    systems = {OWN: FakeSystem(OWN, []), "b": FakeSystem("b", [], error)}
    a, b = measure(material(), systems, rounds=1)
    assert (a.trouble, b.trouble) == ("", trouble)
    assert len(a.rounds) == 1


def test_without_its_reference_nothing_is_compared() -> None:
    systems = {OWN: FakeSystem(OWN, [], ImportError("x")), "b": FakeSystem("b", [])}
    _, b = measure(material(), systems, rounds=1)
    assert b.trouble == f"cannot be checked: {OWN} has not installed: x"


# -- real systems ----------------------------------------------------------------------------


def test_answers_have_the_forced_lengths_and_vary(tmp_path: Path) -> None:
    """A prompt's last token decides the length; two prompts that end alike differ in words."""
    (case,) = (c for c in QUICK_CASES if c.name == "slots-0.5B")
    found = make_material(case, "cpu", tmp_path)
    tail = found.prompts[0][0][-1]
    prompts = [*found.prompts[0], found.prompts[0][1][:-1] + tail]
    system = PeftSystem(found)
    system.prepare()
    system.reset()
    (answers,) = system.answer([prompts])
    lengths = [len(answer) + 1 for answer in answers]
    assert lengths == [*found.answer_lengths[0], found.answer_lengths[0][0]]
    assert answers[0] != answers[-1]


def test_students_one_after_another_do_what_they_do_together(tmp_path: Path) -> None:
    """Three students in a pool of one, whose adapters come and go, and in a pool of three."""
    (case,) = (case for case in QUICK_CASES if case.name == "stacked-135M")
    found = make_material(replace(case, students=3), "cpu", tmp_path)
    curves, answers = [], []
    for name in (OWN, ONE_BY_ONE):
        system = make_system(name, found)
        system.prepare()
        system.reset()
        assert len(system.unmoved()) == 3 * 2 * 14  # A and B of seven layers in two blocks
        curves.append(system.train(found.data))
        assert system.unmoved() == []
        answers.append(system.answer(found.prompts))
    assert curves[0].losses == pytest.approx(curves[1].losses, rel=1e-6)
    assert curves[0].mean == pytest.approx(curves[1].mean, rel=1e-6)
    assert answers[0] == answers[1]


@pytest.mark.sweep(1)
@pytest.mark.filterwarnings("ignore")  # other libraries' own
@pytest.mark.parametrize("name", ["grpo-135M", "dpo-135M", "distillation-135M"])
def test_trainers_of_other_objectives_do_the_same_work(name: str, tmp_path: Path) -> None:
    """Losses of DPO and distillation, lengths of what GRPO samples; twice the same."""
    pytest.importorskip("trl")
    (case,) = (case for case in QUICK_CASES if case.name == name)
    found = make_material(case, "cpu", tmp_path)
    systems = {system: make_system(system, found) for system in case.systems}
    for one in measure(found, systems, rounds=2):
        assert one.trouble == ""
        assert one.loss_error < 1e-5
        assert [outcome.curve for outcome in one.rounds] == [one.rounds[0].curve] * 2


def test_rows_are_put_in_the_order_of_the_trainer() -> None:
    rows = [{"input_ids": [n, n + 1]} for n in range(5)]
    data = [Datum((Text(tuple(row["input_ids"]), (0.0, 1.0)),)) for row in rows]
    settings = FineTuningSettings(epochs=3, batch_size=1)
    trained = [datum.texts[0].ids for (datum,) in batches(data, settings, np.random.default_rng(0))]
    assert [tuple(rows[i]["input_ids"]) for i in order(rows, 3)] == trained


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["speed", "--quick", "--out", str(folder), *arguments])
    program.main()


def test_the_command_writes_samples_and_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cycle, slots = (c for c in QUICK_CASES if c.name in ("cycle-135M", "slots-0.5B"))
    cycle = replace(cycle, name="cycle", systems=(OWN, LOOP), students=2, by_default=True)
    slots = replace(slots, name="slots", systems=(OWN, batches_of(2)), by_default=True)
    monkeypatch.setattr(program, "QUICK_CASES", (cycle, slots))
    run(monkeypatch, tmp_path, "--rounds", "1")
    table = (tmp_path / "speed-cpu.md").read_text()
    assert table in capsys.readouterr().out
    assert "## cycle: micro" in table
    found = json.loads((tmp_path / "speed-cpu.json").read_text())
    assert [case["case"]["name"] for case in found["cases"]] == ["cycle", "slots"]
    for case in found["cases"]:
        for system in case["systems"]:
            assert system["trouble"] == ""
            assert system["equal_tokens"] == 1.0
            assert len(system["rounds"]) == 1
            assert system["ratio"]["median"] > 0
    assert found["cases"][0]["systems"][0]["loss_error"] < 1e-5
    assert len(found["cases"][0]["systems"][0]["rounds"][0]["losses"]) == 2
    assert (tmp_path / "speed-cpu.png").read_bytes().startswith(b"\x89PNG")


def test_when_time_is_over_no_case_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, tmp_path, "--minutes", "0.0000001")
    assert "Nothing was measured." in capsys.readouterr().out


@pytest.mark.slow
def test_the_cases_for_a_gpu_run_in_small_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, tmp_path)
    found = json.loads((tmp_path / "speed-cpu.json").read_text())
    assert [case["case"]["name"] for case in found["cases"]] == [
        case.name for case in GPU_CASES if case.by_default
    ]
    troubles = {system["trouble"] for case in found["cases"] for system in case["systems"]}
    assert troubles <= {"", "not installed: No module named 'trl'"}


@pytest.mark.slow
def test_all_stacks_do_equal_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL, in one process and in one for each stage, trains and answers as ours does."""
    pytest.importorskip("trl")
    (case,) = (c for c in QUICK_CASES if c.name == "cycle-0.5B")
    case = replace(case, systems=CPU_CASES[0].systems)
    monkeypatch.setattr(program, "QUICK_CASES", (case,))
    run(monkeypatch, tmp_path, "--rounds", "1")
    found = json.loads((tmp_path / "speed-cpu.json").read_text())
    assert {s["name"]: s["trouble"] for s in found["cases"][0]["systems"]} == dict.fromkeys(
        case.systems, ""
    )


def test_the_recorded_figure_is_drawn_from_its_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is redrawn whenever its colours or words change, and nothing is measured for it."""
    pytest.importorskip("matplotlib")
    recorded = program.RESULTS / "speed-cpu.json"
    (tmp_path / recorded.name).write_bytes(recorded.read_bytes())
    run(monkeypatch, tmp_path, "--redraw", str(tmp_path / recorded.name))
    drawn, there = (pixels(folder / "speed-cpu.png") for folder in (tmp_path, program.RESULTS))
    assert drawn.shape == there.shape
    assert np.abs(drawn - there).mean() < 0.01  # Fonts differ by a little between versions.


def pixels(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(path)[..., :3], np.float64)


def test_bad_arguments_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in ((("--rounds", "0"), "1 or more"), (("--cases", "W9"), "W9")):
        with pytest.raises(SystemExit):
            run(monkeypatch, tmp_path, *arguments)
        assert message in capsys.readouterr().err
