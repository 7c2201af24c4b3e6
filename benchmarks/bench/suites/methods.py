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

_CALLS: Mapping[str, Any] = {"budget": {"teacher_calls": 250}}
_ERRING: Mapping[str, Any] = {**SCRIPTED, "model": f"{SCRIPTED['model']}_wrongly"}
"""Three of ten answers that it writes are wrong."""


def methods() -> Suite:
    """Published methods against what each is without its idea.

    Each family of arms has a meter of its own, to which both arms of a claim are held over as many
    steps; what else they spent, probes included, and what was made in vain stands beside it.

    * Teachers and engines: accepted examples, hence updates.
    * Harvests and filters: calls of the teacher, so what is thrown away is paid for.
    * Objectives: tokens trained on; the tokens that a teacher model reads stand in the costs.
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
    * ``ratio-rule-answers`` and ``ratio-rule-questions`` never change over.
    * ``tailored-untargeted`` teaches what is failed or not, ``tailored-right`` no wrong answers.
    * ``say-self`` says how often the student is right, and ``sure`` that it always is. Accuracy is
      calibration there, 1 - Brier's score.
    """
    progress = ("alp-gmm", "riac", "covar-gmm")
    others = ("ddk", "expected-utility", "exam-dpo", "smoke-test", *_PROPOSERS)
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
            _teacher("ratio-rule"),
            _teacher("ratio-rule-answers", "ratio-rule", {"tau": 1e9}, control=True),
            _teacher("ratio-rule-questions", "ratio-rule", {"tau": 1e-9}, control=True),
            _tailored("tailored", {}),
            _tailored("tailored-untargeted", {"targeted": False}),
            _tailored("tailored-right", {"rejected": False}),
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
            Claim("exam-dpo", "uniform", "2406.19227"),
            Claim("smoke-test", "uniform", "2508.09883"),
            *(Claim(name, "uniform", paper) for name, paper in _PROPOSERS.items()),
            Claim("ratio-rule", "ratio-rule-answers", "2409.19759"),
            Claim("ratio-rule", "ratio-rule-questions", "2409.19759"),
            Claim("tailored", "tailored-untargeted", "2310.13332"),
            Claim("tailored", "tailored-right", "2310.13332"),
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

    A chat model's stand-in, which errs in three of ten answers: ``unchecked`` trains on all that
    it writes, ``checked`` on what the task calls right; ``repaired`` has the rest mended.

    A writer that errs in four of ten, and knows how surely, has 250 calls a step: ``imperfect``
    trains on all, ``verified-data`` on what passed, made anew up to four times; both also write
    programs, which are run. Of the others
    nobody can check an answer, so filters choose; ``kept-by-chance`` is half of all.
    """
    written = (
        _written("unchecked", {"verify": False}, {"verify": False}, control=True),
        _written("checked", {"verify": False}, {}),
        _written("repaired", {"repairs": 4}, {}),
    )
    chosen = (_chosen(name, *rest) for name, rest in _CHOICES.items())
    verified = {"engine": "verified", "gate_settings": {"verify": True}}
    by_chance = (Claim(name, "kept-by-chance", paper) for name, paper in _FILTERS.items())
    return (
        (
            *written,
            _imperfect("imperfect", {}, control=True),
            _imperfect("verified-data", verified),
            *chosen,
            _programs("imperfect-programs", {}),
            _programs("verified-programs", verified),
        ),
        (
            Claim("checked", "unchecked", "2504.15659"),
            Claim("repaired", "unchecked", "2504.15659"),
            Claim("verified-data", "imperfect", "2504.15659"),
            Claim("verified-programs", "imperfect-programs", "2504.15659"),
            *by_chance,
            Claim("llkd-like", "llkd-student", "2411.08028"),
            Claim("llkd-like", "llkd-writer", "2411.08028"),
            Claim("teachability", "teachability-unrelated", "2406.14629"),
        ),
    )


_CHOICES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "kept-by-chance": ("random", {}),
    "llkd-like": ("llkd-like", {}),
    "llkd-student": ("llkd-like", {"signals": "student"}),
    "llkd-writer": ("llkd-like", {"signals": "writer"}),
    "pass-rate": ("pass-rate", {}),
    "diverse": ("diverse", {"within": "skill"}),
    "ifd": ("ifd", {"share": 0.5}),
    "teachability": ("teachability", {}),
    "teachability-unrelated": ("teachability", {"related": False}),
    "less": ("less", {"share": 0.5}),
}
"""Arms to the filter of each, and its settings."""
_FILTERS = {
    "llkd-like": "2411.08028",
    "pass-rate": "2508.09883",
    "diverse": "2508.09883",
    "ifd": "2308.12032",
    "teachability": "2406.14629",
    "less": "2402.04333",
}
"""Arms to the papers that have them above chance."""


def _chosen(name: str, check: str, settings: Mapping[str, Any]) -> Arm:
    """An arm whose data a filter chooses."""
    own = {"gate_checks": [{"name": check, **settings}]}
    return _imperfect(name, own, control=check == "random")


def _programs(name: str, own: Mapping[str, Any]) -> Arm:
    """An arm of the same writer whose exercises are programs, for the student that writes them."""
    task = {
        "task": "programs",
        "task_settings": {"test_per_cell": 10},
        "student": SMALL_CODE,
        "budget": {"teacher_calls": 1000},
        "examples_per_step": 100,
    }
    arm = _imperfect(name, overlay(task, own), control=not own)
    return replace(arm, against="imperfect-programs" if own else name)


def _imperfect(name: str, own: Mapping[str, Any], *, control: bool = False) -> Arm:
    """An arm whose exercises are of the writer that errs and knows how surely."""
    errs = {"wrong": 0.4}
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
        {"writer": writer},
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
