"""``second-try``: a wrong answer is answered once, in any task, from settings alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from teachgym.errors import TeachgymError
from teachgym.evaluation import GenerateAndGrade
from teachgym.experiment import RunConfig, resume, run
from teachgym.records import read_examples
from teachgym.runs import RunFolder
from teachgym.runs.checkpoints import read_report
from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.testing import check_task
from teachgym.training.simulated import SimulatedTrainer
from teachgym.types import Turn
from tests.runs.dying import Killed, contents, stop_clocks

SMALL: dict[str, Any] = {"val_per_cell": 2, "test_per_cell": 2, "train_per_cell": 4}
SETTINGS: dict[str, Any] = {
    "task": "second-try",
    "task_settings": {"task_settings": SMALL, "credit": 0.5},
    "examples_per_step": 40,
    "budget": {"steps": 2},
}


def make(**settings: Any) -> Any:
    return make_task("second-try", task_settings=SMALL, **settings)


def test_it_keeps_the_contract_and_is_named_after_its_task() -> None:
    task = make(credit=0.5)
    check_task(task, samples=4)
    assert task.name == "arithmetic-and-strings-v0+second-try-v0"
    assert task.max_turns == 2


def test_only_a_first_wrong_answer_is_answered() -> None:
    task = make(notice="look again")
    example = task.examples("val")[0]
    assert task.respond(example, (), "~") == "look again"
    assert task.respond(example, (Turn("~", "look again"),), "~") is None
    assert task.respond(example, (), example.target) is None


def test_any_first_answer_may_be_answered_and_other_settings_are_the_task_s() -> None:
    task = make(always=True, seed=3)
    example = task.examples("val")[0]
    assert task.respond(example, (), example.target) == "no, try again:"
    assert task.respond(example, (Turn("~", ""),), example.target) is None
    assert task.task.seed == 3


def test_a_right_second_answer_is_worth_the_credit() -> None:
    task = make(credit=0.25)
    example = task.examples("val")[0]
    turns = [(), (Turn("~", "no"),), (Turn("~", "no"),)]
    answers = [example.target, example.target, "~"]
    assert task.grade_conversations([example] * 3, turns, answers) == [1.0, 0.25, 0.0]


def test_a_second_try_is_another_draw_of_the_simulated_student() -> None:
    """So accuracy a becomes about a + (1 - a) a; of 340 items within 4 standard errors."""
    task = make()
    student = make_student("simulated", task)
    alone = GenerateAndGrade().evaluate(student, task.task, "val").overall
    twice = GenerateAndGrade().evaluate(student, task, "val")
    assert {len(p.responses) for p in twice.predictions if p.score < 1} == {2}
    expected = alone.mean + (1 - alone.mean) * alone.mean
    assert alone.mean < twice.accuracy < expected + 4 * twice.overall.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"notice": " "}, "notice is ' '; it must say something"),
        ({"task": "second-try"}, "answers back by itself"),
        ({"credit": 2.0}, "credit is 2.0"),
        ({"task": "arithmetic"}, "unknown task 'arithmetic'"),
        ({"task_settings": {"val_per_cel": 1}}, "val_per_cell"),
        ({"val_per_cel": 1}, "val_per_cell"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TeachgymError, match=message):
        make_task("second-try", **settings)


def test_a_killed_run_resumes_to_the_same_conversations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through every file of the folder, predictions with their turns included."""
    config = RunConfig(env_settings={**SETTINGS, "student": "simulated"})
    stop_clocks(monkeypatch)
    result = run(config, tmp_path / "whole")
    reports = [
        read_report(RunFolder(tmp_path / "whole").val_predictions(step), "val") for step in (1, 2)
    ]
    second = [p for p in reports[1].predictions if p.turns]
    assert {(p.turns[0].reply, p.score) for p in second} == {
        ("no, try again:", s) for s in (0, 0.5)
    }
    said = [text for report in reports for p in report.predictions for text in p.responses]
    assert result.spent.generated_tokens == sum(map(len, said)) + len(said)

    steps = iter((True, False))
    with monkeypatch.context() as patch:
        train = SimulatedTrainer.train

        def die(*arguments: Any) -> Any:
            if not next(steps):
                raise Killed
            return train(*arguments)

        patch.setattr(SimulatedTrainer, "train", die)
        with pytest.raises(Killed):
            run(config, tmp_path / "killed")
    assert asdict(resume(tmp_path / "killed")) == asdict(result)
    whole, killed = (contents(tmp_path / name / "predictions") for name in ("whole", "killed"))
    assert whole == killed


def test_the_tiny_student_goes_through_it_from_end_to_end(tmp_path: Path) -> None:
    settings = {**SETTINGS, "student": "tiny", "budget": {"steps": 1}, "limit": 12}
    settings["task_settings"] = {"task_settings": {**SMALL, "val_per_cell": 1, "test_per_cell": 1}}
    result = run(RunConfig(env_settings=settings), tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    assert len(read_examples(folder.examples)) == 40
    report = read_report(folder.val_predictions(1), "val")
    assert any(p.turns for p in report.predictions)
    assert result.steps == 1
