"""``methods``: published methods, each beside its ablation at one declared meter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from teachgym.benchmarks.bench.suites.objectives import objectives
from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED, OPEN_ENDED, SCRIPTED
from teachgym.benchmarks.bench.suites.suite import Arm, Claim, Suite, overlay

_EXAMPLES: Mapping[str, Any] = {"budget": {"examples": 2500}}
_CALLS: Mapping[str, Any] = {"budget": {"teacher_calls": 250}}
_ERRING: Mapping[str, Any] = {**SCRIPTED, "model": f"{SCRIPTED['model']}_wrongly"}
"""Three of ten answers that it writes are wrong."""


def methods() -> Suite:
    """Published methods against what each is without its idea.

    Each family of arms has a meter of its own, to which both arms of a claim are held over as many
    steps; what else they spent, probes included, and what was made in vain stands beside it.

    * Teachers: accepted examples, hence updates.
    * Filters: calls of the teacher, so what is thrown away is paid for.
    * Objectives: tokens trained on; the tokens that a teacher model reads stand in the costs.

    A claim is the direction of a publication, mostly found with students ten thousand times as
    large; what becomes of it here says what this student, this task and this budget show.
    """
    families = (_teachers(), _filters(), _objectives())
    return Suite(
        "methods",
        1,
        "published methods, each against its ablation at one meter, with a verdict on its claim",
        tuple(arm for arms, _ in families for arm in arms),
        env_settings={**EMBEDDED, "budget": {"steps": 10}},
        seeds=10,
        seeded=DRAWN,
        claims=tuple(claim for _, claims in families for claim in claims),
    )


Family = tuple[tuple[Arm, ...], tuple[Claim, ...]]
"""Arms that share a meter, and what is claimed of them."""


def _teachers() -> Family:
    """Who decides what is taught."""
    uniform = Arm("uniform", "uniform", env_settings=_EXAMPLES, control=True)
    progress = ("alp-gmm", "riac", "covar-gmm")
    return (
        (uniform, *(Arm(name, name, env_settings=_EXAMPLES) for name in progress)),
        tuple(Claim(name, "uniform", "1910.07224") for name in progress),
    )


def _filters() -> Family:
    """What is kept of what a teacher writes that errs in three of ten answers.

    * ``unchecked`` trains on all of it, ``checked`` on what the task calls right; ``repaired`` has
      the rest mended, four times at most.
    * ``voted`` has three solutions to each problem, and keeps those on which two agree.
    """
    return (
        (
            _written("unchecked", {"verify": False}, {"verify": False}, control=True),
            _written("checked", {"verify": False}, {}),
            _written("repaired", {"repairs": 4}, {}),
            _written("voted", {"verify": False, "votes": 3}, {"verify": False}),
        ),
        (
            Claim("checked", "unchecked", "2504.15659"),
            Claim("repaired", "unchecked", "2504.15659"),
        ),
    )


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
    """What training minimises, on the same questions; the teacher model is that of ``objectives``.

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
            _changed("verified", "sft-on-teacher", {"right": True}),
            *(_paired(name, alpha) for name, alpha in _AGAINST.items()),
        ),
        (
            Claim("kdrl", "grpo", "2506.02208"),
            Claim("kdrl", "reverse-kl", "2506.02208"),
            Claim("ampo", "grpo", "2510.02227"),
            Claim("ddk-loss", "sft", "2407.16154"),
            Claim("verified", "sft-on-teacher", "2504.15659"),
            Claim("redi", "redi-right", "2505.24850"),
            Claim("redi", "redi-symmetric", "2505.24850"),
        ),
    )


_AGAINST = {"redi-right": 0.0, "redi": 0.8, "redi-symmetric": 1.0}
"""Arms of pairs, by name, to REDI's weight of what lost."""


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
        {**_EXAMPLES, "trainer_settings": loss},
        control=not alpha,
        against="redi-right" if alpha else "",
        chat=_ERRING,
    )
