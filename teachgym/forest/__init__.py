"""The forest of skills and subskills that a teacher explores and exploits."""

from teachgym.forest.forest import Experience, Forest, Subskill
from teachgym.forest.moves import Proposer, TaskProposer, exploit, explore
from teachgym.forest.space import TreeReport

__all__ = [
    "Experience",
    "Forest",
    "Proposer",
    "Subskill",
    "TaskProposer",
    "TreeReport",
    "exploit",
    "explore",
]
