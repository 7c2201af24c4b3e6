"""Skills: the teacher's growing view of the task's skill forest."""

from teachgym.skills.forest import (
    Forest,
    Proposer,
    Subskill,
    TaskProposer,
    exploit,
    explore,
)

__all__ = ["Forest", "Proposer", "Subskill", "TaskProposer", "exploit", "explore"]
