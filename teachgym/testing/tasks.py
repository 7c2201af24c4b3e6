"""``check_task``: does a task keep its contract?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from teachgym.errors import ConfigError, GradeError, UnknownSkillError, UnsupportedError
from teachgym.evaluation import read_grade, report_on
from teachgym.protocols import Task
from teachgym.testing import contract as c
from teachgym.testing.contract import checking, require
from teachgym.types import (
    SPLITS,
    Draft,
    Example,
    Grade,
    Prediction,
    Split,
    Turn,
    leaf_skills,
    score_of,
)

_WRONG_ANSWERS = ("", "~ not an answer ~")
_ANSWERS = 1 + len(_WRONG_ANSWERS)
"""Those of each example: its target, and the wrong ones."""
_Graded = tuple[Example, str, float | Grade]
"""An example, an answer to it, and what the task gives for it, which may take a sandbox's time."""


@checking("task")
def check_task(task: Task, *, samples: int = 100, lone: Collection[str] = ()) -> None:
    """Check the skills, the splits, the grader and every other ability.

    Args:
        task: the task.
        samples: the most examples of each split that are graded, and the most that are made of
            each skill.
        lone: skills that may be measured on val or on test alone, such as what a skill file that
            was discovered in val does not assign.

    Raises:
        ConformanceError: with the broken clause of ``teachgym.testing.contract``.
    """
    require(isinstance(task, Task), c.TASK_HAS_EVERY_MEMBER, type(task).__name__)
    require(bool(task.name), c.TASK_HAS_A_NAME, repr(task.name))
    _check_skills(task)
    _check_levels(task.levels)
    _check_splits(task, lone)
    for split in SPLITS:
        examples = task.examples(split)
        chosen = examples[:: math.ceil(len(examples) / samples) or 1]
        graded = [one for example in chosen for one in _check_grading(task, example)]
        for example in chosen:
            _check_labels(task, example)
            _check_conversation(task, example)
            _check_verdict(task, example)
        _check_grading_at_once(task, graded)
        _check_metrics(task, graded, split)
    if task.is_procedural:
        _check_make(task, samples)
    else:
        require(_refuses(task, leaf_skills(task.skills)[0]), c.ONLY_THE_PROCEDURAL_MAKE)


def _check_skills(task: Task) -> None:
    parent = {s.name: s.parent for s in task.skills}
    require(
        len(parent) == len(task.skills), c.SKILL_NAMES_ARE_UNIQUE, [s.name for s in task.skills]
    )
    for name in parent:
        ancestors = [name]
        while (above := parent[ancestors[-1]]) is not None:
            require(above in parent, c.PARENTS_EXIST, f"{above!r}")
            require(above not in ancestors, c.SKILLS_HAVE_NO_CYCLE, [*ancestors, above])
            ancestors.append(above)


def _check_levels(levels: Sequence[float]) -> None:
    ascending = list(levels) == sorted(set(levels))
    require(
        ascending and len(levels) > 0 and levels[0] >= 0 and levels[-1] <= 1,
        c.LEVELS_ASCEND,
        levels,
    )


def _check_splits(task: Task, lone: Collection[str]) -> None:
    leaves = leaf_skills(task.skills)
    for split in SPLITS:
        examples = task.examples(split)
        require(tuple(task.examples(split)) == tuple(examples), c.SPLITS_DO_NOT_CHANGE, split)
        ids = {e.id for e in examples}
        require(len(ids) == len(examples) and "" not in ids, c.IDS_ARE_UNIQUE, split)
        repeated = [prompt for prompt, n in Counter(e.identity for e in examples).items() if n > 1]
        once = split == "train" or not repeated
        require(once, c.PROMPTS_ARE_UNIQUE, f"in {split}: {repeated[:3]}")
        for e in examples:
            require(e.skill in leaves, c.EXAMPLES_HAVE_LEAF_SKILLS, repr(e.skill))
            require(
                e.difficulty is None or e.difficulty in task.levels,
                c.DIFFICULTIES_ARE_LEVELS,
                e.difficulty,
            )
    for held_out in SPLITS[1:]:
        require(len(task.examples(held_out)) > 0, c.HELD_OUT_SPLITS_HAVE_EXAMPLES, f"no {held_out}")
    measured = {split: {e.skill for e in task.examples(split)} for split in SPLITS[1:]}
    found = {
        "val": sorted(measured["val"] - measured["test"] - set(lone)),
        "test": sorted(measured["test"] - measured["val"] - set(lone)),
    }
    require(not any(found.values()), c.HELD_OUT_SPLITS_SHARE_SKILLS, f"in one alone: {found}"[:500])
    for one, other in combinations(SPLITS, 2):
        shared = _prompts(task.examples(one)) & _prompts(task.examples(other))
        require(not shared, c.SPLITS_ARE_DISJOINT, f"in {one} and {other}: {sorted(shared)[:3]}")


def _prompts(examples: Iterable[Example]) -> set[str]:
    return {e.identity for e in examples}


def _check_grading(task: Task, example: Example) -> list[_Graded]:
    graded: list[_Graded] = []
    for response in (example.target, *_WRONG_ANSWERS):
        given = task.grade(example, response)
        score, parts = score_of(given), given.parts if isinstance(given, Grade) else {}
        found = f"{given} for {response!r} to {example.prompt!r}"
        require(math.isnan(score) or 0 <= score <= 1, c.SCORES_ARE_IN_RANGE, found)
        require(_are_parts(parts), c.PARTS_ARE_IN_RANGE, found)
        require(str(task.grade(example, response)) == str(given), c.GRADING_IS_PURE, found)
        if response == example.target:
            require(score == 1, c.TARGETS_SCORE_ONE, found)
        else:
            require(score != 1, c.WRONG_ANSWERS_SCORE_LESS, found)
        graded.append((example, response, given))
    return graded


def _are_parts(parts: object) -> bool:
    """Whether these are named scores."""
    return isinstance(parts, Mapping) and all(
        isinstance(name, str) and (math.isnan(score) or 0 <= score <= 1)
        for name, score in parts.items()
    )


def _check_metrics(task: Task, graded: Sequence[_Graded], split: Split) -> None:
    """The metrics of right answers, of empty ones, of none, and of what nobody could grade."""
    right, empty = graded[::_ANSWERS], graded[1::_ANSWERS]
    nobody_knows = [(example, said, math.nan) for example, said, _ in empty]
    for answers in (right, empty, (), nobody_knows):
        read = [(e, said, read_grade(task, given)) for e, said, given in answers]
        predictions = tuple(Prediction(e, said, g.score, g.parts) for e, said, g in read)
        try:
            metrics = report_on(task, predictions, split).metrics
        except GradeError as error:
            require(False, c.METRICS_ARE_SCORES, error)
        again = dict(task.metrics(predictions))
        require(str(again) == str(dict(metrics)), c.METRICS_ARE_PURE, f"{metrics}, {again}")


def _check_grading_at_once(task: Task, graded: Sequence[_Graded]) -> None:
    examples, answers = [e for e, _, _ in graded], [said for _, said, _ in graded]
    one_by_one = [given for _, _, given in graded]
    at_once = task.grade_all(examples, answers)
    require(str(list(at_once)) == str(one_by_one), c.GRADE_ALL_GRADES, at_once)
    of_one_turn = task.grade_conversations(examples, [()] * len(answers), answers)
    require(str(list(of_one_turn)) == str(one_by_one), c.GRADE_ALL_GRADES, of_one_turn)


def _check_verdict(task: Task, example: Example) -> None:
    verdict = task.verify(example)
    require(math.isnan(verdict) or 0 <= verdict <= 1, c.VERDICTS_ARE_IN_RANGE, verdict)


def _check_conversation(task: Task, example: Example) -> None:
    """With a student that is wrong every time."""
    require(task.max_turns >= 1, c.MAX_TURNS_IS_POSITIVE, task.max_turns)
    turns: tuple[Turn, ...] = ()
    for number in range(1, task.max_turns + 1):
        wrong = _WRONG_ANSWERS[number % 2]
        reply = task.respond(example, turns, wrong)
        require(reply == task.respond(example, turns, wrong), c.RESPONDING_IS_PURE, repr(reply))
        if reply is None:
            break
        require(isinstance(reply, str) and reply.strip() != "", c.REPLIES_ARE_TEXTS, repr(reply))
        require(number < task.max_turns, c.CONVERSATIONS_END, repr(reply))
        turns = (*turns, Turn(wrong, reply))
    (given,) = task.grade_conversations([example], [turns], [example.target])
    score = score_of(given)
    require(math.isnan(score) or 0 <= score <= 1, c.SCORES_ARE_IN_RANGE, score)


def _check_labels(task: Task, example: Example) -> None:
    """Read a prompt, the values under the labels, and the answer made of a draft."""
    possible, one = task.skills_of(example.prompt), task.skill_of(example.prompt)
    require(not possible or example.skill in possible, c.SKILLS_ARE_READ_RIGHT, sorted(possible))
    only = next(iter(possible)) if len(possible) == 1 else None
    require(one == only, c.ONE_SKILL_IS_THE_ONLY_ONE, repr(one))
    inner = task.to_inner(example)
    kept = replace(inner, skill=example.skill, difficulty=example.difficulty) == example
    known = inner.skill in leaf_skills(task.unwrapped.skills)
    require(kept and known, c.TO_INNER_CHANGES_LABELS_ONLY, inner)
    try:
        made = task.compose(Draft(example.prompt, example.target), example.skill, 0.5)
    except ConfigError:  # What is in the form of a prompt need not be a draft.
        return
    kept = (made.skill, made.difficulty) == (example.skill, 0.5)
    require(kept, c.COMPOSE_KEEPS_THE_ORDER, f"{made.skill!r}, {made.difficulty}")


def _refuses(task: Task, skill: str) -> bool:
    try:
        task.make(skill, None, np.random.default_rng(0))
    except UnsupportedError:
        return True
    return False


def _check_make(task: Task, samples: int) -> None:
    held_out = (*task.examples("val"), *task.examples("test"))
    forbidden = _prompts(held_out)
    for skill in leaf_skills(task.skills):
        measured = {e.difficulty for e in held_out if e.skill == skill}
        levels = [level for level in task.levels if level in measured]
        _check_make_skill(task, skill, levels, samples, forbidden)
    try:
        task.make("no such skill", None, np.random.default_rng(0))
    except UnknownSkillError:
        return
    require(False, c.MAKE_REFUSES_UNKNOWN_SKILLS, "no error")


def _check_make_skill(
    task: Task,
    skill: str,
    levels: Sequence[float],
    samples: int,
    forbidden: Collection[str],
) -> None:
    rng, same_rng = np.random.default_rng(0), np.random.default_rng(0)
    wishes = (None, *levels)
    for i in range(samples):
        wish = wishes[i % len(wishes)]
        made = task.make(skill, wish, rng)
        again = task.make(skill, wish, same_rng)
        require(made == again, c.MAKE_DEPENDS_ON_RNG_ONLY, f"{made.prompt!r}, {again.prompt!r}")
        require(made.skill == skill, c.MAKE_KEEPS_THE_SKILL, f"{made.skill!r} for {skill!r}")
        require(
            wish is None or made.difficulty == wish,
            c.MAKE_KEEPS_THE_DIFFICULTY,
            f"{made.difficulty} for {wish}",
        )
        require(made.identity not in forbidden, c.MAKE_STAYS_IN_TRAIN, repr(made.prompt))
        _check_grading(task, made)
