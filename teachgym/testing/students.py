"""``check_student`` and ``check_trainer``: do they keep their contracts?

Both leave the student as they found it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from teachgym.errors import UnsupportedError
from teachgym.protocols import Student, Trainer
from teachgym.testing import contract as c
from teachgym.testing.contract import checking, require
from teachgym.types import Checkpoint, Cost, Data, Prompt, TrainResult


@checking("student")
def check_student(student: Student, prompts: Sequence[Prompt]) -> None:
    """Check answering, probing, counting, saving, restoring and exporting.

    Args:
        student: the student.
        prompts: some of the task's, at least one.

    Raises:
        ConformanceError: with the broken clause of ``teachgym.testing.contract``.
    """
    require(isinstance(student, Student), c.STUDENT_HAS_EVERY_MEMBER, type(student).__name__)
    start = _copy(student.save())
    _check_answers(student, prompts, start)
    _check_probes(student, prompts)
    require(student.save() == start, c.PROBES_HAVE_NO_SIDE_EFFECT)
    _check_tokens(student, prompts)
    _check_saving(student, start)
    with TemporaryDirectory() as folder:
        student.export(Path(folder))
        require(any(Path(folder).iterdir()), c.EXPORT_WRITES_FILES, "none")


@checking("trainer")
def check_trainer(trainer: Trainer[Any], student: Any, data: Data) -> None:
    """Check what training charges, changes and leaves alone.

    Args:
        trainer: the trainer.
        student: a student it can train and that passes ``check_student``.
        data: some of the task's examples, at least two.

    Raises:
        ConformanceError: with the broken clause of ``teachgym.testing.contract``.
    """
    require(isinstance(trainer, Trainer), c.TRAINER_HAS_EVERY_MEMBER, type(trainer).__name__)
    start = student.save()
    kept = _copy(start)
    _check_price(trainer, student, data)
    idle = trainer.train(student, (), np.random.default_rng(0))
    unchanged = student.save() == kept and not any(idle.cost.as_dict().values())
    require(unchanged, c.NO_DATA_CHANGES_NOTHING, idle.cost)

    first = trainer.train(student, data, np.random.default_rng(0))
    trained = _copy(student.save())
    charged = replace(first.cost, seconds=0.0)
    announced, dear = trainer.cost(student, data), charged.as_dict().items()
    within = all(amount <= announced.as_dict()[currency] for currency, amount in dear)
    by_chance = announced.generated_tokens or announced.teacher_tokens_out
    held = within if by_chance else charged == announced
    require(held, c.TRAIN_CHARGES_ITS_COST, charged)
    told = len(first.losses)
    require(told in (0, len(data)), c.LOSSES_ARE_OF_THE_EXAMPLES, f"{told} of {len(data)}")
    require(start == kept, c.CHECKPOINTS_OUTLIVE_TRAINING)
    require(trained != kept, c.TRAINING_CHANGES_THE_STUDENT)

    student.restore(kept)
    require(student.save() == kept, c.RESTORE_UNDOES_TRAINING)
    second = trainer.train(student, data, np.random.default_rng(0))
    equally = student.save() == trained and _facts(second) == _facts(first)
    require(equally, c.EQUAL_RNG_TRAINS_EQUALLY, f"{_facts(first)}, {_facts(second)}")

    student.restore(kept)
    [third] = trainer.train_together([student], [data], [np.random.default_rng(0)])
    alike = student.save() == trained and _facts(third) == _facts(first)
    require(alike, c.STUDENTS_TOGETHER_LEARN_ALIKE, f"{_facts(first)}, {_facts(third)}")
    student.restore(kept)


def _check_answers(student: Student, prompts: Sequence[Prompt], start: Checkpoint) -> None:
    answers = student.generate(prompts)
    require(len(answers) == len(prompts), c.ONE_ANSWER_PER_PROMPT, f"{len(answers)} answers")
    require(student.generate([]) == [], c.ONE_ANSWER_PER_PROMPT, "answers to no prompts")
    require(student.generate(prompts) == answers, c.GENERATE_IS_DETERMINISTIC)
    require(student.save() == start, c.GENERATE_HAS_NO_SIDE_EFFECT)
    together = student.generate_together([student], [prompts])
    require(together == [answers], c.STUDENTS_TOGETHER_ANSWER_ALIKE)
    require(student.fingerprint() == student.fingerprint(), c.FINGERPRINTS_ARE_EQUAL)


def _check_probes(student: Student, prompts: Sequence[Prompt]) -> None:
    """Those that the student offers."""
    with suppress(UnsupportedError):
        found = student.logprobs(prompts, [prompt.text for prompt in prompts])
        sound = len(found) == len(prompts) and all((f <= 0).all() and f.ndim == 1 for f in found)
        require(sound, c.LOGPROBS_ARE_OF_THE_TARGETS, found)
    with suppress(UnsupportedError):
        samples = student.sample(prompts, k=2, seed=1)
        sound = len(samples) == len(prompts) and all(len(own) == 2 for own in samples)
        require(sound, c.K_SAMPLES_PER_PROMPT, [len(own) for own in samples])
        alone = student.sample(prompts[:1], k=2, seed=1)
        require(alone == samples[:1], c.SAMPLES_DEPEND_ON_SEED_AND_PROMPT, alone)


def _check_tokens(student: Student, prompts: Sequence[Prompt]) -> None:
    texts = [prompt.text for prompt in prompts]
    one_by_one = sum(student.count_tokens([text]) for text in texts)
    together = student.count_tokens(texts)
    found = f"{together} together, {one_by_one} one by one, {student.count_tokens([])} in no text"
    require(together == one_by_one and student.count_tokens([]) == 0, c.TOKENS_ADD_UP, found)
    require(student.max_new_tokens >= 1, c.MAX_NEW_TOKENS_IS_POSITIVE, student.max_new_tokens)


def _check_saving(student: Student, start: Checkpoint) -> None:
    student.restore(student.save())
    require(student.save() == start, c.RESTORE_OF_SAVE_CHANGES_NOTHING)
    for array in student.save().arrays.values():
        if array.flags.writeable:
            array[...] = 0 if array.any() else 1
    detached = student.save() == start
    student.restore(start)
    require(detached, c.SAVE_IS_DETACHED)


def _check_price(trainer: Trainer[Any], student: Any, data: Data) -> None:
    half = len(data) // 2
    parts = trainer.cost(student, data[:half]) + trainer.cost(student, data[half:])
    whole = trainer.cost(student, data)
    require(whole == parts, c.COST_IS_ADDITIVE, f"{whole} for the sum {parts}")
    training = replace(whole, steps=0, examples=0, seconds=0.0)
    require(whole == training, c.COST_IS_IN_TRAINING_CURRENCIES, whole)


def _facts(result: TrainResult) -> tuple[str, int, Cost]:
    """The values that equal runs share; losses as text, because nan is not equal to itself."""
    losses = repr((result.loss, result.losses))
    return losses, result.steps, replace(result.cost, seconds=0.0)


def _copy(checkpoint: Checkpoint) -> Checkpoint:
    return Checkpoint({name: array.copy() for name, array in checkpoint.arrays.items()})
