"""Data engines by name, which fill a plan's orders with examples (``protocols.DataEngine``).

Engines keep no state between calls: equal plans and equal random generators give equal data, so
environments can be reset, forked and rewound without telling them. Each is imported when it is
made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.chat.settings import Chat, check_chat
from teachgym.protocols import DataEngine
from teachgym.registry import Registry

ENGINES = Registry(
    "engine",
    {
        "procedural": "teachgym.engines.procedural:ProceduralEngine",
        "pool": "teachgym.engines.pool:pool_of_task",
        "replay": "teachgym.engines.replay:ReplayEngine",
        "llm": "teachgym.engines.llm:LLMEngine",
        "by-order": "teachgym.engines.dispatch:DispatchEngine",
        "backward": "teachgym.engines.backward:BackwardEngine",
        "inverse": "teachgym.engines.inverse:InverseEngine",
        "imperfect": "teachgym.engines.imperfect:ImperfectEngine",
        "verified": "teachgym.engines.verified:VerifiedEngine",
        "critique": "teachgym.engines.critique:CritiqueEngine",
        "reflections": "teachgym.engines.reflections:ReflectionsEngine",
        "drafts": "teachgym.engines.drafts:DraftsEngine",
        "erring-steps": "teachgym.engines.erring_steps:ErringStepsEngine",
        "bare-answers": "teachgym.engines.bare_answers:BareAnswersEngine",
        "similar": "teachgym.engines.similar:SimilarEngine",
        "other-answers": "teachgym.engines.other_answers:OtherAnswersEngine",
        "rephrase": "teachgym.engines.rephrase:RephraseEngine",
        "targeted-fix": "teachgym.engines.targeted_fix:TargetedFixEngine",
        "plan-guided": "teachgym.engines.plan_guided:PlanGuidedEngine",
    },
    given=("task",),
    services={"meter": None, "chat": check_chat},
    base=DataEngine,
)
"""Every engine, called as ``(task, **settings)``, and if it has parameters of these names with
``meter``, which pays for calls, and ``chat``, a chat model or its settings."""


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
