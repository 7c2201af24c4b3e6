"""Data engines: they fill a plan's orders with examples (``teachgym.protocols.DataEngine``).

Engines keep no state between calls: equal plans and equal random generators give equal data, so
environments can be reset, forked and rewound without telling them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from teachgym.chat.settings import Chat, check_chat
from teachgym.engines.backward import BackwardEngine
from teachgym.engines.bare_answers import BareAnswersEngine
from teachgym.engines.critique import CritiqueEngine
from teachgym.engines.dispatch import DispatchEngine
from teachgym.engines.drafts import DraftsEngine
from teachgym.engines.erring_steps import ErringStepsEngine
from teachgym.engines.imperfect import ImperfectEngine
from teachgym.engines.llm import LLMEngine
from teachgym.engines.other_answers import OtherAnswersEngine
from teachgym.engines.pool import PoolEngine
from teachgym.engines.procedural import ProceduralEngine
from teachgym.engines.reflections import ReflectionsEngine
from teachgym.engines.rephrase import RephraseEngine
from teachgym.engines.replay import ReplayEngine
from teachgym.engines.similar import SimilarEngine
from teachgym.engines.steps import require_steps
from teachgym.engines.targeted_fix import TargetedFixEngine
from teachgym.engines.verified import VerifiedEngine
from teachgym.protocols import DataEngine, Meter, Task
from teachgym.registry import Registry
from teachgym.settings import Few, Like, Positive, Share, ShareBetween, checked


def dispatch_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    engines: Mapping[str, Mapping[str, Any]],
    default: str,
    chat: Chat | None = None,
) -> DispatchEngine:
    """Gives each order to the engine it names: a ``DispatchEngine`` from plain settings.

    Args:
        task: what the data is for.
        meter: pays for the calls of all of them.
        engines: the name that orders use to the settings of the engine. It is the engine of that
            name, unless its settings have a ``name`` of their own; its chat model is ``chat``,
            unless they have a ``chat``. So two engines of one kind can stand side by side:
            ``{"fast": {"name": "llm", "votes": 1}, "sure": {"name": "llm", "votes": 5}}``.
        default: fills orders that name no engine.
        chat: the chat model of those that use one.

    Raises:
        ConfigError: if ``default`` is not among ``engines``, or for settings of one of them.
    """
    made = {}
    for name, own in engines.items():
        rest = dict(own)
        kind, asked = rest.pop("name", name), rest.pop("chat", chat)
        made[name] = ENGINES.make(kind, task, settings=rest, meter=meter, chat=asked)
    return DispatchEngine(made, default)


@checked
@dataclass(frozen=True)
class Other:
    """The engine around which another one is made."""

    engine: Any = "procedural"
    """Its name, or what names it in ``ENGINES``."""
    engine_settings: Mapping[str, Any] = field(default_factory=dict)
    """Its own."""

    def make(self, task: Task, meter: Meter | None, chat: Chat | None) -> Any:
        """The engine; ``meter`` pays for its calls, ``chat`` is its chat model, if it uses one."""
        return ENGINES.make(
            self.engine, task, settings=self.engine_settings, meter=meter, chat=chat
        )


@checked
@dataclass(frozen=True)
class OtherThatErrs(Other):
    """The same, of one that is to make errors."""

    engine: Any = "imperfect"
    """Its name, or what names it in ``ENGINES``."""


def backward_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    chat: Chat | None = None,
    **other: Annotated[Any, Like(Other)],
) -> BackwardEngine:
    """Adds backward questions to another engine's exercises: a ``BackwardEngine`` from settings.

    Args:
        task: what the data is for.
        meter: pays for the calls of the other engine.
        chat: its chat model, if it uses one.
        other: fields of ``Other``.
    """
    return BackwardEngine(Other(**other).make(task, meter, chat))


def imperfect_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    chat: Chat | None = None,
    wrong: ShareBetween = 0.3,
    concentration: Positive = 1.0,
    **other: Annotated[Any, Like(Other)],
) -> ImperfectEngine:
    """Answers another engine's exercises with known errors: an ``ImperfectEngine`` from settings.

    Args:
        task: what the data is for.
        meter: pays for the calls of both.
        chat: the chat model of the other engine, if it uses one.
        wrong: the share of wrong targets, in (0, 1).
        concentration: how little its confidence says, > 0; see ``ImperfectEngine``.
        other: fields of ``Other``.
    """
    made = Other(**other).make(task, meter, chat)
    return ImperfectEngine(made, task, meter, wrong=wrong, concentration=concentration)


def verified_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    chat: Chat | None = None,
    attempts: Few = 5,
    **other: Annotated[Any, Like(OtherThatErrs)],
) -> VerifiedEngine:
    """Lets another engine repeat wrong examples: a ``VerifiedEngine`` from settings.

    Args:
        task: what the data is for.
        meter: pays for the calls of the other engine.
        chat: its chat model, if it uses one.
        attempts: the most for each example, >= 1.
        other: fields of ``OtherThatErrs``.
    """
    made = OtherThatErrs(**other).make(task, meter, chat)
    return VerifiedEngine(made, task, meter, attempts=attempts)


def critique_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    chat: Chat | None = None,
    wrong: Share = 0.5,
    reasons: bool = False,
    **other: Annotated[Any, Like(Other)],
) -> CritiqueEngine:
    """Turns another engine's exercises into judgements: a ``CritiqueEngine`` from settings.

    Args:
        task: what the data is for.
        meter: pays for the calls of the other engine and of the critic.
        chat: the chat model of the other engine, if it uses one, and of the critic.
        wrong: the chance of a wrong answer, in [0, 1].
        reasons: whether a chat model says why an answer is right or wrong, in a call for each.
        other: fields of ``Other``.

    Raises:
        ConfigError: for reasons without a chat model.
    """
    made = Other(**other).make(task, meter, chat)
    if not reasons:
        return CritiqueEngine(made, task, wrong=wrong)
    check_chat(chat, "engine 'critique' with reasons")
    from teachgym.chat.make import open_chat
    from teachgym.chat.structured import StructuredChat
    from teachgym.engines.critic import Critic

    model, workers = open_chat(chat, "engine 'critique'", None)
    critic = Critic(StructuredChat(model, meter, workers=workers), task)
    return CritiqueEngine(made, task, critic, wrong=wrong)


def reflections_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    chat: Chat | None = None,
    share: Share = 0.5,
    masked: bool = True,
    **other: Annotated[Any, Like(Other)],
) -> ReflectionsEngine:
    """Lets solutions of another engine err and recover: a ``ReflectionsEngine`` from settings.

    Args:
        task: what the data is for; it has worked solutions.
        meter: pays for the calls of the other engine.
        chat: its chat model, if it uses one.
        share: of the exercises, that are altered, in [0, 1].
        masked: whether wrong steps are read and not learned.
        other: fields of ``Other``.

    Raises:
        ConfigError: for a task without worked solutions.
    """
    require_steps(task, "engine 'reflections'")
    return ReflectionsEngine(Other(**other).make(task, meter, chat), share=share, masked=masked)


def drafts_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    chat: Chat | None = None,
    drafts: Few = 1,
    wrong: Share = 0.75,
    masked: bool = True,
    **other: Annotated[Any, Like(Other)],
) -> DraftsEngine:
    """Puts weak drafts before another engine's solutions: a ``DraftsEngine`` from settings.

    Args:
        task: what the data is for; it has worked solutions and answers back.
        meter: pays for the calls of the other engine.
        chat: its chat model, if it uses one.
        drafts: before each solution, at most, >= 1.
        wrong: share of the drafts whose answer is wrong, in [0, 1].
        masked: whether drafts are read and not learned.
        other: fields of ``Other``.

    Raises:
        ConfigError: for a task without worked solutions, or that says nothing to an answer.
    """
    require_steps(task, "engine 'drafts'")
    made = Other(**other).make(task, meter, chat)
    return DraftsEngine(made, task, drafts=drafts, wrong=wrong, masked=masked)


def erring_steps_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    chat: Chat | None = None,
    wrong: Share = 0.5,
    steps: Share = 0.0,
    **other: Annotated[Any, Like(Other)],
) -> ErringStepsEngine:
    """Makes answers and steps of another engine wrong: an ``ErringStepsEngine`` from settings.

    Args:
        task: what the data is for; it has worked solutions.
        meter: pays for the calls of the other engine.
        chat: its chat model, if it uses one.
        wrong: share of the exercises whose answer is wrong, in [0, 1].
        steps: share of the steps of such an exercise that are wrong, in [0, 1].
        other: fields of ``Other``.

    Raises:
        ConfigError: for a task without worked solutions.
    """
    require_steps(task, "engine 'erring-steps'")
    return ErringStepsEngine(Other(**other).make(task, meter, chat), wrong=wrong, steps=steps)


def bare_answers_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    chat: Chat | None = None,
    **other: Annotated[Any, Like(Other)],
) -> BareAnswersEngine:
    """Leaves the steps out of another engine's solutions: a ``BareAnswersEngine`` from settings.

    Args:
        task: what the data is for; it has worked solutions.
        meter: pays for the calls of the other engine.
        chat: its chat model, if it uses one.
        other: fields of ``Other``.

    Raises:
        ConfigError: for a task without worked solutions.
    """
    require_steps(task, "engine 'bare-answers'")
    return BareAnswersEngine(Other(**other).make(task, meter, chat))


ENGINES = Registry(
    "engine",
    {
        "procedural": "teachgym.engines.procedural:ProceduralEngine",
        "pool": "teachgym.engines.pool:pool_of_task",
        "replay": "teachgym.engines.replay:ReplayEngine",
        "llm": "teachgym.engines.llm:LLMEngine",
        "by-order": "teachgym.engines:dispatch_engine",
        "backward": "teachgym.engines:backward_engine",
        "imperfect": "teachgym.engines:imperfect_engine",
        "verified": "teachgym.engines:verified_engine",
        "critique": "teachgym.engines:critique_engine",
        "reflections": "teachgym.engines:reflections_engine",
        "drafts": "teachgym.engines:drafts_engine",
        "erring-steps": "teachgym.engines:erring_steps_engine",
        "bare-answers": "teachgym.engines:bare_answers_engine",
        "similar": "teachgym.engines.similar:SimilarEngine",
        "other-answers": "teachgym.engines.other_answers:OtherAnswersEngine",
        "rephrase": "teachgym.engines.rephrase:RephraseEngine",
        "targeted-fix": "teachgym.engines.targeted_fix:TargetedFixEngine",
    },
    given=("task",),
    services={"meter": None, "chat": check_chat},
    base=DataEngine,
)
"""Every engine, called as ``(task, **settings)``, and if it has parameters of these names with
``meter``, which pays for calls, and ``chat``, a chat model or its settings."""

__all__ = [
    "ENGINES",
    "BackwardEngine",
    "BareAnswersEngine",
    "CritiqueEngine",
    "DispatchEngine",
    "DraftsEngine",
    "ErringStepsEngine",
    "ImperfectEngine",
    "LLMEngine",
    "OtherAnswersEngine",
    "PoolEngine",
    "ProceduralEngine",
    "ReflectionsEngine",
    "RephraseEngine",
    "ReplayEngine",
    "SimilarEngine",
    "TargetedFixEngine",
    "VerifiedEngine",
    "dispatch_engine",
    "require_engine",
]


def require_engine(name: Any, settings: Mapping[str, Any], chat: Chat | None) -> None:
    """Check name, settings and chat model of an engine and of the engines inside it.

    Raises:
        UnknownNameError: for what names no engine.
        ConfigError: for settings that the engine does not have, or a chat model that it lacks.
        MissingExtraError: if a package that it needs is not installed.
    """
    ENGINES.check(name, settings, services={"chat": chat})
    own = {**ENGINES.settings(name), **settings}
    if "engine_settings" in own:
        require_engine(own["engine"], settings.get("engine_settings", {}), chat)
    for inner, asked in settings.get("engines", {}).items() if name == "by-order" else ():
        rest = {key: value for key, value in asked.items() if key not in ("name", "chat")}
        require_engine(asked.get("name", inner), rest, asked.get("chat", chat))
