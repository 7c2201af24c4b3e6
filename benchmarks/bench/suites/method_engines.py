"""Arms of suite ``methods``: who makes what is ordered, and what stands in the solutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from teachgym.benchmarks.bench.suites.shared import SCRIPTED
from teachgym.benchmarks.bench.suites.suite import Arm, Claim, Family, overlay
from teachgym.students.bases import SMALL
from teachgym.tasks.story_rules import RULES
from teachgym.tasks.word_problems import LEVELS

EXAMPLES: Mapping[str, Any] = {"budget": {"examples": 2500}}
"""The meter of arms on the embedded student."""


def engines() -> Family:
    """Arms by the maker of the ordered examples, for skills that are taught alike.

    * ``critique`` judges answers in place of giving them; of ``backward``, half are questions that
      lead back to an exercise.
    * ``inverse``: of ``word-problems``, up to two thirds are backward questions and the reasoning
      to them, trained on with their exercises as one, and each by itself in ``inverse-apart``;
      ``forward`` has as many exercises alone.
    * On ``word-problems`` with five examples for each of few seeds: ``reworded`` seeds, problems
      that are ``similar`` to them, and ``new-problems`` without any.
    * Of three rewordings of a seed the ``clearest`` perplexes the student least and the
      ``unclearest`` most; ``any-wording`` is one by chance.
    * Other ``answers`` to seeds, and similar ``questions``: less than one for each of many seeds,
      or eight for each of few. Two in three seeds have other answers, so more of them are ordered.
      ``ratio-rule`` begins with answers to few seeds and changes over, the others do not; all three
      have equal calls.
    * Of other answers to a seed, ``diverse-answers`` keeps the half that differs most, and
      ``any-answers`` half of all.
    """
    return (
        (
            *(
                Arm(name, "uniform", env_settings={**EXAMPLES, "engine": name})
                for name in ("critique", "backward")
            ),
            *(_varied(name, engine) for name, engine in _VARIED.items()),
            *(_inverse(name, *rest) for name, rest in _INVERSE.items()),
            *(_worded(name, check) for name, check in _WORDINGS.items()),
            *(_augmented(*each) for each in product(("answers", "questions"), _SEEDS)),
            *(_by_ratio(name, tau) for name, tau in _RATIOS.items()),
            *(_kept_answers(name, check) for name, check in _KEPT.items()),
        ),
        (
            Claim("critique", "uniform", "2506.03295"),
            Claim("backward", "uniform", "2411.19865"),
            Claim("inverse", "forward", "2411.19865"),
            Claim("inverse", "inverse-apart", "2411.19865"),
            Claim("new-problems", "reworded", "2409.19759"),
            Claim("similar", "reworded", "2403.15042"),
            Claim("clearest", "any-wording", "2411.14721"),
            Claim("clearest", "unclearest", "2411.14721"),
            Claim("answers-many-seeds", "questions-many-seeds", "2409.19759"),
            Claim("questions-few-seeds", "answers-few-seeds", "2409.19759"),
            Claim("ratio-rule", "ratio-rule-answers", "2409.19759"),
            Claim("ratio-rule", "ratio-rule-questions", "2409.19759"),
            Claim("diverse-answers", "any-answers", "2508.09883"),
        ),
    )


_VARIED = {"new-problems": "procedural", "reworded": "rephrase", "similar": "similar"}


_INVERSE = {
    "forward": ("procedural", "joint", 16),
    "inverse": ("inverse", "joint", 8),
    "inverse-apart": ("inverse", "sft", 16),
}
"""Arms to their engine, their loss, and what a batch holds: exercises, each with its backward
question if it has one, so that all make about as many updates of as many texts."""


def _inverse(name: str, engine: str, loss: str, size: int) -> Arm:
    """An arm as in ``_varied`` with a loss and a size of batches of its own."""
    own = {"trainer_settings": {"loss": loss, "batch_size": size}}
    return _varied(name, engine, own, against="forward")


_WORDINGS: Mapping[str, Mapping[str, Any]] = {
    "any-wording": {"name": "least-perplexing", "keep": "any"},
    "clearest": {"name": "least-perplexing"},
    "unclearest": {"name": "least-perplexing", "keep": "most"},
}
"""Arms to the filter that leaves one of three rewordings."""


def _worded(name: str, check: Mapping[str, Any]) -> Arm:
    """An arm as in ``_varied`` with three rewordings of each of 72 seeds in each of ten steps."""
    own = {
        "task_settings": {"train_per_cell": 1},
        "budget": {"steps": 10},
        "examples_per_step": 216,
        "gate_checks": [check],
    }
    return _varied(name, "rephrase", own, against="any-wording")


_SEEDS = {"many-seeds": 15, "few-seeds": 1}
"""Ratios of calls to seeds, 1 and 15, to the seeds of each skill and level."""


def _augmented(what: str, seeds: str) -> Arm:
    """An arm as in ``_varied``, with answers or questions for seeds of another number."""
    engine = "other-answers" if what == "answers" else "similar"
    own = {
        "task_settings": {"train_per_cell": _SEEDS[seeds]},
        "budget": {"steps": 10, "examples": 600},
        "examples_per_step": {"answers": 100, "questions": 60}[what],
        "gate_settings": {"duplicates": "allow"},
    }
    return _varied(f"{what}-{seeds}", engine, own, against=f"questions-{seeds}")


_ONE_SEED: Mapping[str, Any] = {
    "task_settings": {"train_per_cell": 1},
    "gate_settings": {"duplicates": "allow"},
}
"""Settings of arms with one seed of each cell, which may be answered again in the same words."""
_RATIOS = {"ratio-rule": 4.0, "ratio-rule-answers": 1e9, "ratio-rule-questions": 1e-9}
"""Arms to the number of calls for each seed from which on questions are new."""


def _by_ratio(name: str, tau: float) -> Arm:
    """An arm as in ``_varied`` with one seed of each cell, in ten steps of 60 calls."""
    engines = {"answers": {"name": "other-answers"}, "questions": {"name": "similar"}}
    own = {
        **_ONE_SEED,
        "engine_settings": {"engines": engines, "default": "questions"},
        "budget": {"steps": 10, "examples": 600},
        "examples_per_step": 60,
    }
    arm = _varied(name, "by-order", own, against="ratio-rule-questions")
    return replace(arm, teacher="ratio-rule", teacher_settings={"tau": tau})


_KEPT = {"any-answers": "random", "diverse-answers": "diverse"}
"""Arms to the filter that keeps half of the answers."""


def _kept_answers(name: str, check: str) -> Arm:
    """An arm as in ``_varied`` with half of the answers to one seed of each cell, in five steps."""
    own = {
        **_ONE_SEED,
        "gate_checks": [{"name": check, "share": 0.5}],
        "budget": {"steps": 5},
        "examples_per_step": 500,
    }
    return _varied(name, "other-answers", own, against="any-answers")


def _varied(
    name: str,
    engine: str,
    own: Mapping[str, Any] | None = None,
    *,
    against: str = "new-problems",
) -> Arm:
    """An arm whose engine has 216 seeds and makes 1,000 examples, unless its own settings differ.

    They are taught in two large steps, with as many of what the student knew untrained, since a
    student of a million parameters forgets what it is not taught. ``against`` names the control
    of its kind, which may be itself.
    """
    usual = {
        "student": SMALL,
        "task": "word-problems",
        "task_settings": {"train_per_cell": 3, "val_per_cell": 2, "test_per_cell": 20},
        "engine": engine,
        "budget": {"steps": 2, "examples": 1000},
        "examples_per_step": 500,
        "rehearsal": 1.0,
        "trainer_settings": {"learning_rate": 0.001},
    }
    settings = overlay(usual, own or {})
    return Arm(name, "uniform", env_settings=settings, control=name == against, against=against)


def solutions() -> Family:
    """Arms by the content of solutions, on ``word-problems`` as in the family above.

    * ``reflections``: half of the solutions go wrong in a step that is read and not learned, and
      recover; of ``reflections-learned`` it is learned, and ``new-problems`` have none.
    * Where every answer is to be thought over, and the second one counts: ``drafts`` before
      solutions are read and not learned, ``drafts-learned`` are, and ``no-drafts`` has none.
    * ``bare-answers`` to new problems, and ``labels`` of few seeds that are taught again and again.
    * ``few-wrong-steps`` and ``many-wrong-steps``: half of the answers are wrong, to the hardest
      problems; ``easy-right``: the easiest problems, solved. Accuracy is that on all levels, where
      the paper measures on the hardest problems.
    """
    erring, unchecked = "2410.20533", {"verify": False}
    return (
        (
            _solved("reflections", "reflections"),
            _solved("reflections-learned", "reflections", {"masked": False}),
            _thought_over("no-drafts", "procedural", {}),
            _thought_over("drafts", "drafts", {}),
            _thought_over("drafts-learned", "drafts", {"masked": False}),
            _solved("bare-answers", "bare-answers"),
            _solved("labels", "bare-answers", {"engine": "pool"}, {"duplicates": "allow"}),
            _solved("few-wrong-steps", "erring-steps", {"steps": 0.0}, unchecked, level=2),
            _solved("many-wrong-steps", "erring-steps", {"steps": 1.0}, unchecked, level=2),
            _solved("easy-right", "procedural", level=0),
        ),
        (
            Claim("reflections", "new-problems", "2505.20023"),
            Claim("reflections", "reflections-learned", "2505.20023"),
            Claim("drafts", "no-drafts", "2410.13413"),
            Claim("drafts", "drafts-learned", "2410.13413"),
            Claim("new-problems", "bare-answers", "2410.18588"),
            Claim("bare-answers", "labels", "2410.18588"),
            Claim("few-wrong-steps", "many-wrong-steps", erring),
            Claim("few-wrong-steps", "easy-right", erring),
        ),
    )


def _thought_over(name: str, engine: str, settings: Mapping[str, Any]) -> Arm:
    """An arm as in ``_varied`` without rehearsal, whose student answers everything twice.

    Untrained it hardly ever answers a second time right, so there is next to nothing to rehearse.
    """
    own = {
        "rehearsal": 0.0,
        "task": "second-try",
        "task_settings": {"task": "word-problems", "notice": "again:", "always": True},
        "engine_settings": settings,
    }
    return _varied(name, engine, own, against="no-drafts")


def _solved(
    name: str,
    engine: str,
    settings: Mapping[str, Any] | None = None,
    gate: Mapping[str, Any] | None = None,
    *,
    level: int | None = None,
) -> Arm:
    """An arm as in ``_varied``, with solutions of its own, of problems of all levels or of one."""
    own = {"engine_settings": settings or {}, "gate_settings": gate or {}}
    arm = _varied(name, engine, own)
    if level is None:
        return arm
    shares = [[float(own_level == level) for own_level in range(LEVELS)]] * len(RULES)
    return replace(arm, teacher="fixed", teacher_settings={"mixtures": [shares]})


def harvests() -> Family:
    """Arms by how a writer that tries few edits solves ``broken-queries``, at equal calls.

    The student is the simulated one, which is not asked whether it can read queries: its accuracy
    says how much was harvested, of which skills and levels. Of two calls for an exercise
    ``plan-guided`` has one for a plan, and ``plan-less`` both for attempts.
    """
    return (
        tuple(_harvest(name, planned) for name, planned in _PLANNED.items()),
        (Claim("plan-guided", "plan-less", "2506.18951"),),
    )


_PLANNED = {"plan-guided": True, "plan-less": False}
"""Arms to whether there are plans."""


def _harvest(name: str, planned: bool) -> Arm:
    """An arm whose exercises are solved by the writer, in ten steps of 90."""
    own = {
        "student": "simulated",
        "task": "broken-queries",
        "task_settings": {"test_per_cell": 40},
        "engine": "plan-guided",
        "engine_settings": {"planned": planned},
        "examples_per_step": 90,
        "budget": {"teacher_calls": 1800},
    }
    chat = {**SCRIPTED, "model": "teachgym.benchmarks.bench.scripted_queries:answer"}
    control, against = not planned, "plan-less"
    return Arm(name, "uniform", env_settings=own, control=control, against=against, chat=chat)
