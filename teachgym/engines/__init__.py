"""Data engines: they fill a plan's orders with examples (``teachgym.protocols.DataEngine``).

Engines keep no state between calls: equal plans and equal random generators give equal data, so
environments can be reset, forked and rewound without telling them.
"""

from __future__ import annotations

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
from teachgym.engines.registry import ENGINES, require_engine
from teachgym.engines.rephrase import RephraseEngine
from teachgym.engines.replay import ReplayEngine
from teachgym.engines.similar import SimilarEngine
from teachgym.engines.targeted_fix import TargetedFixEngine
from teachgym.engines.verified import VerifiedEngine

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
    "require_engine",
]
