"""The simulated student: answers, checkpoints and training around its dynamics."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError, UnknownNameError, UnknownSkillError
from teachgym.students import learnable_skills, make_student
from teachgym.students.simulated import PROFILE_FILE, WRONG, SimulatedStudent
from teachgym.tasks import make_task
from teachgym.testing import check_student, check_trainer
from teachgym.training import make_trainer
from teachgym.training.simulated import SimulatedTrainer
from teachgym.types import Data, Example, Prompt, Split
from tests.students.profiles import PLAIN, Words, profile_of

# -- the student -----------------------------------------------------------------------------


@pytest.fixture
def student() -> SimulatedStudent:
    return SimulatedStudent(profile_of(PLAIN, PLAIN), Words())


def right(student: SimulatedStudent, split: Split = "val") -> np.ndarray:
    """Scores of the split, (n_items,)."""
    examples = Words().examples(split)
    responses = student.generate([e.question for e in examples])
    return np.array([r == e.target for r, e in zip(responses, examples, strict=True)])


def test_the_conformance_checks_of_students_and_trainers_pass() -> None:
    task = make_task("arithmetic-and-strings", val_per_cell=2, test_per_cell=2, train_per_cell=2)
    student = make_student("simulated", task)
    check_student(student, [example.question for example in task.examples("val")])
    check_trainer(make_trainer(student), student, tuple(task.examples("train")))


def test_the_score_of_a_cell_is_about_its_accuracy(student: SimulatedStudent) -> None:
    """Accuracy 1/2 in each of 4 cells of 50 items and 3 splits: 600 items, standard error 0.02."""
    scores = np.concatenate([right(student, split) for split in ("train", "val", "test")])
    assert scores.mean() == pytest.approx(0.5, abs=3 * 0.0204)


@given(st.floats(-6, 6), st.floats(0, 6))
def test_more_competence_never_loses_an_item(x: float, more: float) -> None:
    student = SimulatedStudent(profile_of(PLAIN, PLAIN), Words())
    student.competence = np.full((2, 2), x)
    before = right(student)
    student.competence = np.full((2, 2), x + more)
    assert (right(student) >= before).all()


def test_answers_depend_on_the_prompt_and_neither_on_the_batch_nor_on_the_process(
    student: SimulatedStudent,
) -> None:
    prompts = [e.question for e in Words().examples("val")]
    answers = student.generate(prompts)
    assert [student.generate([p])[0] for p in prompts] == answers
    code = "from teachgym.streams import share_of\nprint([share_of(p) for p in ('copy abc=', '')])"
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_unknown_prompts_and_even_odd_targets_are_answered_wrong() -> None:
    class Odd(Words):
        def examples(self, split: Split) -> Data:
            return (Example(f"what? {split}", WRONG, "a", difficulty=0.0),)

    student = SimulatedStudent(profile_of(replace(PLAIN, start=(-50.0,)), PLAIN), Odd())
    assert student.generate([Prompt("never seen"), Prompt("what? val")]) == ["?", "??"]
    assert student.generate([]) == []


def test_a_prompt_is_answered_by_what_the_key_says_of_it_since() -> None:
    """Asked before it is in the key, and once more: all is known, so the answer is right."""
    knowing = SimulatedStudent(profile_of(replace(PLAIN, start=(1.0, 1.0)), PLAIN), Words())
    told = Example("not in any split", "ab", "a", difficulty=0.0)
    assert knowing.generate([told.question]) == [WRONG]
    knowing.read_key([told])
    assert knowing.generate([told.question]) == ["ab"]


@pytest.mark.parametrize("right", ["ab", "ba"])
def test_answers_do_not_depend_on_what_was_told_of_a_prompt_before(right: str) -> None:
    """As two exercises without their prompts have none in common but that; items of splits, too."""
    knowing = SimulatedStudent(profile_of(replace(PLAIN, start=(1.0, 1.0)), PLAIN), Words())
    item = Words().examples("val")[0]
    for prompt in ("not in any split", item.prompt):
        for target in ("ab", "ba", right):
            knowing.read_key([replace(item, prompt=prompt, target=target)])
            assert knowing.generate([Prompt(prompt)]) == [target]
        (told,) = knowing.logprobs([Prompt(prompt)], [right])
        assert told.sum() > np.log(0.5)
    knowing.read_key([item])
    assert knowing.generate([item.question]) == [item.target]


def test_save_and_restore_are_exact_and_detached(student: SimulatedStudent) -> None:
    student.competence = np.random.default_rng(0).normal(size=(2, 2))
    before, checkpoint = student.competence.copy(), student.save()
    student.learn(np.full((2, 2), 300.0), np.random.default_rng(1))
    assert not np.array_equal(student.competence, before)
    student.restore(checkpoint)
    assert student.save() == checkpoint
    assert student.competence.tobytes() == before.tobytes()
    student.learn(np.full((2, 2), 300.0), np.random.default_rng(1))
    np.testing.assert_array_equal(checkpoint.arrays["competence"], before)
    with pytest.raises(ConfigError, match=r"shape \(1, 2\), this student has \(2, 2\)"):
        student.restore(replace(checkpoint, arrays={"competence": np.zeros((1, 2))}))


def test_an_exported_student_starts_where_it_was_left(
    student: SimulatedStudent, tmp_path: Path
) -> None:
    student.competence = np.random.default_rng(0).normal(size=(2, 2))
    student.export(tmp_path / "new")
    again = make_student("simulated", Words(), profile=str(tmp_path / "new" / PROFILE_FILE))
    assert again.save() == student.save()


class Uneven(Words):
    """As a task of several with other levels each."""

    levels = (0.0, 1 / 3, 0.5)


def test_an_exported_student_starts_where_it_was_left_whatever_its_levels(tmp_path: Path) -> None:
    """They lie among 0, 1/6, ..., 1, of which a profile tells all."""
    student = SimulatedStudent(profile_of(PLAIN, PLAIN), Uneven())
    student.competence = np.random.default_rng(0).normal(size=(2, 3))
    student.export(tmp_path)
    again: Any = make_student("simulated", Uneven(), profile=str(tmp_path / PROFILE_FILE))
    np.testing.assert_allclose(again.competence, student.competence, rtol=1e-12)


def test_a_pickled_student_answers_alike(student: SimulatedStudent) -> None:
    right(student)
    copy = pickle.loads(pickle.dumps(student))
    np.testing.assert_array_equal(right(copy), right(student))


def test_tokens_are_characters_and_an_end(student: SimulatedStudent) -> None:
    """'ab' and '' are 2 + 1 and 0 + 1; the longest target is a49 or b49: 3 + 1."""
    assert student.count_tokens(["ab", ""]) == 4
    assert student.max_new_tokens == 4


# -- the trainer -----------------------------------------------------------------------------


def examples(count: int, skill: str = "a", difficulty: float | None = 0.0) -> Data:
    return (Example("12345", "678", skill, difficulty=difficulty),) * count


def test_the_trainer_counts_examples_by_skill_and_nearest_level(student: SimulatedStudent) -> None:
    data = examples(3) + examples(2, difficulty=0.9) + examples(1, "b", None)
    np.testing.assert_array_equal(student.tally(student.cells(data)), [[3, 2], [1, 0]])
    with pytest.raises(UnknownSkillError, match="'letters'"):
        student.cells(examples(1, "letters"))


def test_one_run_teaches_what_the_formula_says(student: SimulatedStudent) -> None:
    """1000 examples at x = 0: x' = 4 - 4 / e; loss -log(1/2); 5 + 3 + 1 tokens each."""
    trainer = SimulatedTrainer()
    result = trainer.train(student, examples(1000), np.random.default_rng(0))
    assert student.competence[0, 0] == pytest.approx(4 - 4 / math.e)
    assert result.loss == pytest.approx(math.log(2))
    assert result.steps == 1
    assert result.cost.train_tokens == trainer.cost(student, examples(1000)).train_tokens == 9000


def test_further_passes_are_paid_for_and_teach_nothing() -> None:
    """9 tokens each, four times; the formula counts examples."""
    results, saved = [], []
    for epochs in (1, 4):
        student = SimulatedStudent(profile_of(PLAIN, PLAIN, noise=0.5), Words())
        trainer = make_trainer(student, epochs=epochs)
        results.append(trainer.train(student, examples(100), np.random.default_rng(1)))
        saved.append(student.save())
    assert [result.cost.train_tokens for result in results] == [900, 3600]
    assert [result.steps for result in results] == [1, 4]
    assert saved[0] == saved[1]


@pytest.mark.parametrize("epochs", [0, 1.5, "two"])
def test_passes_are_whole_and_at_least_one(student: SimulatedStudent, epochs: Any) -> None:
    with pytest.raises(ConfigError, match="epochs is"):
        make_trainer(student, epochs=epochs)


def test_no_data_teaches_nothing(student: SimulatedStudent) -> None:
    before = student.save()
    result = SimulatedTrainer().train(student, (), np.random.default_rng(0))
    assert student.save() == before
    assert (result.steps, result.cost.train_tokens) == (0, 0)
    assert math.isnan(result.loss)


def test_equal_seeds_train_equally() -> None:
    saved = []
    for seed in (1, 1, 2):
        student = SimulatedStudent(profile_of(PLAIN, PLAIN, noise=0.5), Words())
        SimulatedTrainer().train(student, examples(100), np.random.default_rng(seed))
        saved.append(student.save())
    assert saved[0] == saved[1] != saved[2]


# -- the names -------------------------------------------------------------------------------


def test_settings_that_do_not_exist_are_answered_with_those_that_do() -> None:
    task = Words()
    with pytest.raises(ConfigError, match="Did you mean 'noise'"):
        make_student("simulated", task, nois=0)
    with pytest.raises(ConfigError, match="noise is -1"):
        make_student("simulated", task, noise=-1)
    student = make_student("simulated", task, noise=0)
    with pytest.raises(ConfigError, match=r"'learning_rate' of .*. Known: epochs"):
        make_trainer(student, learning_rate=0.1)


def test_what_is_no_student_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    """A path is a text; as an object, it was taken for the student itself."""
    with pytest.raises(ConfigError, match=r"lacks batchable, .*; derive from teachgym.protocols"):
        make_student(tmp_path, Words())


def test_a_misspelt_name_is_not_looked_up_on_the_hub() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'simulated'"):
        make_student("smulated", Words())


def test_nobody_knows_what_an_arbitrary_model_can_learn() -> None:
    assert learnable_skills("path/to/model", {}) == ()


def test_probes_agree_with_the_answers_they_are_probes_of(student: SimulatedStudent) -> None:
    """A target has a chance above one half where it is the greedy answer, and the two add up to 1.

    Its log-probability is that chance's log over all its tokens: 3 characters and an end, say.
    """
    examples = student.task.examples("val")
    prompts, targets = [e.question for e in examples], [e.target for e in examples]
    right = [a == t for a, t in zip(student.generate(prompts), targets, strict=True)]
    found = student.logprobs(prompts, targets)
    assert [len(f) for f in found] == [len(t) + 1 for t in targets]
    chance = np.exp([f.sum() for f in found])
    assert (chance > 0.5).tolist() == right
    wrong = np.exp([f.sum() for f in student.logprobs(prompts, ["no"] * len(prompts))])
    assert chance + wrong == pytest.approx(np.ones(len(prompts)))


def test_samples_are_right_as_often_as_told_and_cold_ones_greedy(student: SimulatedStudent) -> None:
    """400 draws each: 5 standard errors of a share are at most 0.125."""
    examples = student.task.examples("val")[::10]
    prompts, targets = [e.question for e in examples], [e.target for e in examples]
    chance = np.exp([f.sum() for f in student.logprobs(prompts, targets)])
    drawn = student.sample(prompts, k=400, seed=3)
    shares = [np.mean([a == t for a in own]) for own, t in zip(drawn, targets, strict=True)]
    assert np.abs(shares - chance).max() < 0.125
    assert student.sample(prompts[:1], k=400, seed=3) == drawn[:1]
    cold = student.sample(prompts, k=1, temperature=1e-9)
    assert [own[0] for own in cold] == student.generate(prompts)
    with pytest.raises(ConfigError, match="temperature 0"):
        student.sample(prompts, k=1, temperature=0)
