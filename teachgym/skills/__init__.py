"""Skills: discovering them, and the teacher's growing view of the task's skill forest."""

from teachgym.skills.forest import Experience, Forest, Subskill
from teachgym.skills.moves import Proposer, TaskProposer, exploit, explore
from teachgym.skills.view import TreeReport

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
