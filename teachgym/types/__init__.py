"""The data types of teachgym: frozen dataclasses without behaviour, used by every other file.

Text only. Tokens live in ``teachgym.training`` and never leave it. Each field is documented
under itself with its meaning, unit and range; behaviour lives behind the seams of
``teachgym.protocols``.
"""

from teachgym.types.chat import PLAIN, Brief, Completion, Draft, Incident, Messages, Schema
from teachgym.types.costs import CURRENCIES, Budget, Cost
from teachgym.types.episodes import Checkpoint, Episode, Obs, TrainResult, Transition, Tried
from teachgym.types.examples import (
    EXERCISE,
    NOT_MEASURED,
    SPLITS,
    Data,
    Example,
    Grade,
    Items,
    Prediction,
    Provenance,
    Split,
    Verdict,
    score_of,
)
from teachgym.types.frozen import FrozenDict, freeze, thaw
from teachgym.types.growing import Growing
from teachgym.types.plans import Exploit, Explore, Move, Order, Plan
from teachgym.types.prompts import Aid, Prompt, Turn, identity_of
from teachgym.types.reports import Report
from teachgym.types.scores import FloatArray, Score, Scores
from teachgym.types.skills import Skill, leaf_skills, leaves_by_root, root_skills

__all__ = [
    "CURRENCIES",
    "EXERCISE",
    "NOT_MEASURED",
    "PLAIN",
    "SPLITS",
    "Aid",
    "Brief",
    "Budget",
    "Checkpoint",
    "Completion",
    "Cost",
    "Data",
    "Draft",
    "Episode",
    "Example",
    "Exploit",
    "Explore",
    "FloatArray",
    "FrozenDict",
    "Grade",
    "Growing",
    "Incident",
    "Items",
    "Messages",
    "Move",
    "Obs",
    "Order",
    "Plan",
    "Prediction",
    "Prompt",
    "Provenance",
    "Report",
    "Schema",
    "Score",
    "Scores",
    "Skill",
    "Split",
    "TrainResult",
    "Transition",
    "Tried",
    "Turn",
    "Verdict",
    "freeze",
    "identity_of",
    "leaf_skills",
    "leaves_by_root",
    "root_skills",
    "score_of",
    "thaw",
]
