"""``methods``: published methods, each beside its ablation at one declared meter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from teachgym.benchmarks.bench.suites.method_engines import (
    EXAMPLES,
    engines,
    harvests,
    solutions,
)
from teachgym.benchmarks.bench.suites.objectives import objectives
from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED, OPEN_ENDED, SCRIPTED
from teachgym.benchmarks.bench.suites.suite import Arm, Claim, Family, Suite, overlay
from teachgym.students.bases import SMALL, SMALL_CODE

_CALLS: Mapping[str, Any] = {"budget": {"teacher_calls": 2500}}
_ERRING: Mapping[str, Any] = {**SCRIPTED, "model": f"{SCRIPTED['model']}_wrongly"}
"""Three of ten answers that it writes are wrong."""


def methods() -> Suite:
    """Published methods against what each is without its idea.

    Each family of arms has a meter of its own, to which both arms of a claim are held over at most
    as many steps; what else they spent, probes included, and what was made in vain stands beside.

    * Teachers and engines: accepted examples, hence updates.
    * Harvests and filters: calls of the teacher, so what is thrown away is paid for.
    * Objectives: accepted examples, which are the same; what is sampled for them and what a
      teacher model reads stands in the costs.
    * Aids: accepted examples, which are the same; and the same share of items that are explained.

    A claim is the direction of a publication, mostly found with students ten thousand times as
    large; what becomes of it here says what this student, this task and this budget show.
    """
    families = (
        *(_teachers(), engines(), solutions(), harvests()),
        *(_filters(), _objectives(), _aids()),
    )
    return Suite(
        "methods",
        2,
        "published methods, each against its ablation at one meter, with a verdict on its claim",
        tuple(arm for arms, _ in families for arm in arms),
        env_settings={**EMBEDDED, "budget": {"steps": 10}},
        seeds=10,
        seeded=DRAWN,
        claims=tuple(claim for _, claims in families for claim in claims),
    )


def _teachers() -> Family:
    """Arms by the teacher who decides what is taught.

    * ``llm2llm-untargeted`` varies as many seeds as are wrong, drawn by chance.
    * ``pgkd-report`` sees no mistakes, and ``pgkd-mistakes`` no report.
    * ``tailored-untargeted`` teaches what is failed or not. Answers have one right form here, so
      the loss has nothing to contrast a wrong one with.
    * ``grounded-proposer-untaught`` makes the best of as many proposals, which are drawn alike.
    * ``smoke-test`` and ``exam-dpo`` choose between two writers of unlike quality, of whom
      ``half-each`` orders alike.
    * ``say-self`` says how often the student is right, and ``sure`` that it always is. Accuracy is
      calibration there, 0 where nothing is stated and 1 - Brier's score elsewhere.
    """
    progress = ("alp-gmm", "riac", "covar-gmm")
    others = ("ddk", "expected-utility", *_PROPOSERS)
    return (
        (
            _teacher("uniform", control=True),
            *map(_teacher, (*progress, *others)),
            *(
                _teacher(f"expected-utility-{r}", "expected-utility", {"rank": r}, control=True)
                for r in _RANKS
            ),
            _teacher("llm2llm"),
            _teacher("llm2llm-untargeted", "llm2llm", {"targeted": False}, control=True),
            _teacher("pgkd"),
            _teacher("pgkd-report", "pgkd", {"focus": 0.0}, control=True),
            _teacher("pgkd-mistakes", "pgkd", {"focus": 1.0}, control=True),
            _teacher("grounded-proposer-untaught", "grounded-proposer", {"rate": 0}, control=True),
            _choosing("half-each", "exam-dpo", {"rate": 1e-9}, control=True),
            _choosing("exam-dpo", "exam-dpo", {}),
            _choosing("smoke-test", "smoke-test", {}),
            _tailored("tailored", {}),
            _tailored("tailored-untargeted", {"targeted": False}),
            _stated("sure", {"certain": True}),
            _stated("say-self", {}),
        ),
        (
            *(Claim(name, "uniform", "1910.07224") for name in progress),
            Claim("ddk", "uniform", "2407.16154"),
            Claim("llm2llm", "llm2llm-untargeted", "2403.15042"),
            Claim("pgkd", "uniform", "2411.05045"),
            Claim("pgkd", "pgkd-report", "2411.05045"),
            Claim("pgkd", "pgkd-mistakes", "2411.05045"),
            *(Claim("expected-utility", f"expected-utility-{r}", "2306.09299") for r in _RANKS),
            Claim("exam-dpo", "half-each", "2406.19227"),
            Claim("smoke-test", "half-each", "2508.09883"),
            *(Claim(name, "uniform", paper) for name, paper in _PROPOSERS.items()),
            Claim("grounded-proposer", "grounded-proposer-untaught", "2601.18778"),
            Claim("tailored", "tailored-untargeted", "2310.13332"),
            Claim("say-self", "sure", "2405.20974"),
        ),
    )


_RANKS = ("confidence", "random")
"""Other criteria of rank than expected utility."""
_PROPOSERS = {
    "uncertainty-proposer": "2508.05004",
    "difficulty-proposer": "2510.17715",
    "grounded-proposer": "2601.18778",
}
"""Teachers that are rewarded as R-Zero, QueST and SOAR reward theirs."""


def _choosing(
    name: str, teacher: str, settings: Mapping[str, Any], *, control: bool = False
) -> Arm:
    """An arm with a writer that errs in one of ten exercises, and one that errs in six."""
    wrong = {"bold": 0.1, "weak": 0.6}
    engines = {engine: {"name": "imperfect", "wrong": share} for engine, share in wrong.items()}
    own = {
        **EXAMPLES,
        "engine_settings": {"engines": engines, "default": "weak"},
        "gate_settings": {"verify": False},
    }
    told, against = {"engines": [*engines], **settings}, "half-each"
    return Arm(name, teacher, told, env_settings=own, control=control, against=against)


def _tailored(name: str, settings: Mapping[str, Any]) -> Arm:
    """An arm that is trained on its mistakes with Learn-to-Reason's loss."""
    own = {**EXAMPLES, "trainer_settings": {"loss": "contrast"}}
    return Arm(name, "tailored", settings, OPEN_ENDED, own, control=bool(settings))


def _stated(name: str, settings: Mapping[str, Any]) -> Arm:
    """An arm whose answers are to say how sure they are, which is what is measured."""
    own = {
        **EXAMPLES,
        "task": "stated-confidence",
        "task_settings": {"measure": "calibration", "mark": ","},
        "gate_settings": {"duplicates": "allow"},
        "trainer_settings": {"epochs": 3},
    }
    told, control = {"mark": ",", **settings}, bool(settings)
    against = "" if control else "sure"
    return Arm(name, "say-self", told, OPEN_ENDED, own, control=control, against=against)


def _teacher(
    name: str,
    teacher: str = "",
    settings: Mapping[str, Any] | None = None,
    *,
    control: bool = False,
) -> Arm:
    """An arm whose teacher has all examples of the family's meter to order."""
    return Arm(name, teacher or name, settings or {}, env_settings=EXAMPLES, control=control)


def _filters() -> Family:
    """Arms by the part of an erring teacher's data that is kept.

    A chat model's stand-in, which errs in three of ten answers and writes one item in a call:
    ``unchecked`` trains on all of them, ``checked`` on what the task calls right; ``repaired`` has
    the rest mended, in a call each time.

    A writer that errs in two of ten, and knows how surely: ``imperfect`` trains on all,
    ``verified-data`` on what passed, made anew up to four times; both also write programs, which
    are run. Of the others nobody can check an answer, so filters choose, each beside about as many
    that chance chose. ``pass-rate`` chooses among verified data, as its paper does.
    """
    written = (
        _written("unchecked", {"verify": False}, {"verify": False}, control=True),
        _written("checked", {"verify": False}, {}),
        _written("repaired", {"repairs": 4}, {}),
    )
    verified = {"engine": "verified", "gate_settings": {"verify": True}}
    chosen = (_chosen(name, *rest) for name, rest in _CHOICES.items())
    passed = (_chosen(name, *rest, verified) for name, rest in _AMONG_VERIFIED.items())
    return (
        (
            *written,
            _imperfect("imperfect", {}, control=True),
            _imperfect("verified-data", verified),
            *chosen,
            *passed,
            _programs("imperfect-programs", {}),
            _programs("verified-programs", verified),
        ),
        (
            Claim("checked", "unchecked", "2504.15659"),
            Claim("repaired", "unchecked", "2504.15659"),
            Claim("verified-data", "imperfect", "2504.15659"),
            Claim("verified-programs", "imperfect-programs", "2504.15659"),
            *(Claim(name, f"chance-of-{size}", paper) for name, (size, paper) in _FILTERS.items()),
            Claim("pass-rate", "chance-of-verified", "2508.09883"),
            Claim("llkd-like", "llkd-student", "2411.08028"),
            Claim("llkd-like", "llkd-writer", "2411.08028"),
            Claim("teachability", "teachability-unrelated", "2406.14629"),
        ),
    )


_CHOICES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "chance-of-half": ("random", {}),
    "chance-of-few": ("random", {"share": 0.3}),
    "llkd-like": ("llkd-like", {}),
    "llkd-student": ("llkd-like", {"signals": "student"}),
    "llkd-writer": ("llkd-like", {"signals": "writer"}),
    "ifd": ("ifd", {"share": 0.5}),
    "teachability": ("teachability", {}),
    "teachability-unrelated": ("teachability", {"related": False}),
    "less": ("less", {"share": 0.5}),
}
"""Arms to the filter of each, and its settings."""
_AMONG_VERIFIED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "chance-of-verified": ("random", {"share": 0.5}),
    "pass-rate": ("pass-rate", {}),
}
"""Those of arms whose writer's data are verified before."""
_FILTERS = {
    "llkd-like": ("few", "2411.08028"),
    "ifd": ("half", "2308.12032"),
    "teachability": ("half", "2406.14629"),
    "less": ("half", "2402.04333"),
}
"""Arms to the control that keeps about as many, and the papers that have them above chance."""


def _chosen(
    name: str, check: str, settings: Mapping[str, Any], writer: Mapping[str, Any] | None = None
) -> Arm:
    """An arm whose data a filter chooses."""
    own = {**(writer or {}), "gate_checks": [{"name": check, **settings}]}
    return _imperfect(name, own, control=check == "random")


def _programs(name: str, own: Mapping[str, Any]) -> Arm:
    """An arm of the same writer whose exercises are programs, for the student that writes them."""
    task = {
        "task": "programs",
        "task_settings": {"test_per_cell": 10},
        "student": SMALL_CODE,
        "budget": {"steps": 4, "teacher_calls": 1000},
        "examples_per_step": 250,
        "rehearsal": 1.0,
    }
    arm = _imperfect(name, overlay(task, own), control=not own)
    return replace(arm, against="imperfect-programs" if own else name)


def _imperfect(name: str, own: Mapping[str, Any], *, control: bool = False) -> Arm:
    """An arm whose exercises are of the writer that errs and knows how surely."""
    errs = {"wrong": 0.2}
    settings = {
        "budget": {"teacher_calls": 2500},
        "engine": "imperfect",
        "engine_settings": {"engine_settings": errs} if own.get("engine") else errs,
        "gate_settings": {"verify": False},
    }
    against = "" if name == "imperfect" else "imperfect"
    merged = overlay(settings, own)
    return Arm(name, "uniform", env_settings=merged, control=control, against=against)


def _written(
    name: str, writer: Mapping[str, Any], gate: Mapping[str, Any], *, control: bool = False
) -> Arm:
    """An arm whose exercises are written by a teacher that errs."""
    return Arm(
        name,
        "llm",
        {"writer": {"per_call": 1, **writer}},
        OPEN_ENDED,
        {**_CALLS, "gate_settings": gate},
        control=control,
        against="" if control else "unchecked",
        chat=_ERRING,
    )


def _objectives() -> Family:
    """Arms by their objective, on the same questions; the teacher model is that of ``objectives``.

    * ``adpa``: right targets, and on one sample for each what 16,000 examples made likelier in the
      teacher model; ``adpa-targets`` the targets alone.
    * ``revised``: own samples that the teacher model puts right at one token, where the student
      goes on, followed by the reverse divergence; ``not-revised`` by that alone.
    * ``ampo``: right targets in the place of wrong answers, where a group has no right one.
    * ``ddk-loss``: cross entropy with a little of the teacher model's distribution, DDK's loss
      without its choice of domains.
    * ``verified``: of the teacher model's own answers those that are right.
    * ``redi``, ``redi-symmetric`` and ``redi-right``: pairs of a solution that won three votes and
      one that lost, with the weight 0.8, 1 or 0 against the latter.
    """
    plain = ("sft", "sft-on-teacher", "distillation", "grpo", "reverse-kl", "kdrl")
    ddk = {"loss": "distillation", "loss_settings": {"weight": 0.2, "sft_weight": 1.0}}
    return (
        (
            *objectives().absorbed(*plain),
            _changed("ampo", "grpo", {"rescue": 2}),
            _changed("ddk-loss", "sft", ddk),
            *(_revised(name, revise) for name, revise in _REVISED.items()),
            *(_advantages(name, gamma) for name, gamma in _ADVANTAGES.items()),
            _changed("verified", "sft-on-teacher", {"right": True}),
            *(_paired(name, alpha) for name, alpha in _AGAINST.items()),
        ),
        (
            Claim("kdrl", "grpo", "2506.02208"),
            Claim("kdrl", "reverse-kl", "2506.02208"),
            Claim("ampo", "grpo", "2510.02227"),
            Claim("adpa", "adpa-targets", "2502.17927"),
            Claim("revised", "not-revised", "2407.10068"),
            Claim("ddk-loss", "sft", "2407.16154"),
            Claim("verified", "sft-on-teacher", "2504.15659"),
            Claim("redi", "redi-right", "2505.24850"),
            Claim("redi", "redi-symmetric", "2505.24850"),
        ),
    )


_AGAINST = {"redi-right": 0.0, "redi": 0.8, "redi-symmetric": 1.0}
"""Arms of pairs, by name, to REDI's weight of what lost."""


_REVISED = {"not-revised": False, "revised": True}
"""Arms to whether samples are revised."""


def _revised(name: str, revise: bool) -> Arm:
    """An arm that follows the teacher model's whole distribution on the student's samples."""
    loss = {"loss": "distillation", "loss_settings": {"divergence": "reverse"}, "revise": revise}
    arm = _changed(name, "reverse-kl", loss)
    return replace(arm, control=not revise, against="not-revised")


_ADVANTAGES = {"adpa-targets": 0.0, "adpa": 1.5}
"""Arms to the weight of the advantages."""


def _advantages(name: str, gamma: float) -> Arm:
    """An arm that follows two teacher models, whose settings are their own."""
    loss = {"loss": "adpa", "loss_settings": {"gamma": gamma}, "k": 1}
    arm = _changed(name, "reverse-kl", loss)
    own = {"teacher_model": "advantage", "teacher_model_settings": {}}
    against = "adpa-targets" if gamma else ""
    env_settings = {**arm.env_settings, **own}
    return replace(arm, env_settings=env_settings, control=not gamma, against=against)


def _changed(name: str, base: str, trainer_settings: Mapping[str, Any]) -> Arm:
    """An arm of ``objectives`` with other settings of its trainer, compared with it."""
    (arm,) = objectives().absorbed(base)
    own = {"trainer_settings": trainer_settings}
    settings = overlay(arm.env_settings, own)
    return replace(arm, name=name, env_settings=settings, control=False, against=base)


def _paired(name: str, alpha: float) -> Arm:
    """An arm whose teacher errs, and whose wrong solutions are kept beside the right ones."""
    loss = {"loss": "redi", "loss_settings": {"alpha": alpha}}
    return Arm(
        name,
        "llm",
        {"writer": {"verify": False, "votes": 3, "rejected": True}},
        OPEN_ENDED,
        {**EXAMPLES, "trainer_settings": loss},
        control=not alpha,
        against="redi-right" if alpha else "",
        chat=_ERRING,
    )


def _aids() -> Family:
    """Arms by the text before prompts, on ``word-problems``, where a solved exercise has room.

    All students are trained like that of ``unaided``; ``shown`` gives a solved exercise of the
    skill to every item.

    * ``interventions`` explains a fifth of the items, by expected utility; the others by the
      student's confidence, by chance, or to mislead it.
    * ``guidance`` keeps what helped on a retry; ``guidance-untried`` the first piece of it.
    * ``lbt`` changes a set of exemplars by what is failed after it; ``lbt-blind`` by anything.
    * ``knowledge`` gives the most similar mistake, solved; ``knowledge-shuffled`` another one.
    """
    return (
        (
            _aiding("unaided", "uniform", control=True),
            _aiding("shown", "few-shot", {"shots": 1}, control=True),
            _aiding("interventions", "interventions"),
            *(_aiding(f"interventions-{r}", "interventions", {"rank": r}) for r in _RANKS),
            _aiding("interventions-misaligned", "interventions", {"misaligned": True}),
            _aiding("guidance", "guidance"),
            _aiding("guidance-untried", "guidance", {"verified": False}),
            _aiding("lbt", "lbt", {"shots": 1}),
            _aiding("lbt-blind", "lbt", {"shots": 1, "reflect": False}),
            _aiding("knowledge", "knowledge"),
            _aiding("knowledge-shuffled", "knowledge", {"shuffled": True}),
        ),
        (
            *(
                Claim("interventions", f"interventions-{rank}", "2306.09299", aided=True)
                for rank in _RANKS
            ),
            Claim("interventions", "unaided", "2306.09299", aided=True),
            Claim("interventions-misaligned", "unaided", "2306.09299", "below", aided=True),
            Claim("guidance", "guidance-untried", "2408.07238", aided=True),
            Claim("guidance", "unaided", "2408.07238", aided=True),
            Claim("lbt", "lbt-blind", "2406.14629", aided=True),
            Claim("lbt", "unaided", "2406.14629", aided=True),
            Claim("knowledge", "knowledge-shuffled", "2409.13203", aided=True),
            Claim("knowledge", "unaided", "2409.13203", aided=True),
        ),
    )


def _aiding(
    name: str,
    teacher: str,
    settings: Mapping[str, Any] | None = None,
    *,
    control: bool = False,
) -> Arm:
    """An arm on the student and the task of the family."""
    own = {
        "student": SMALL,
        "task": "word-problems",
        "task_settings": {"test_per_cell": 5},
        "budget": {"examples": 400},
        "examples_per_step": 100,
    }
    return Arm(name, teacher, settings or {}, "", own, control=control, against="unaided")
