"""teachgym.envs: the world. One base environment, the paper's three as stacks of wrappers."""

from teachgym.envs.base import TeacherEnv
from teachgym.envs.flat import FlatAction, flatten
from teachgym.envs.observations import SkillObservation
from teachgym.envs.orders import OrderExamples, round_counts
from teachgym.envs.registry import make_budget, open_ended, skill_list, skill_tree, teacher_env
from teachgym.envs.rules import EpisodeRules
from teachgym.envs.skill_tree import SkillTree, decode_moves
from teachgym.envs.text import TextObservation
from teachgym.envs.vector import TeacherVectorEnv

__all__ = [
    "EpisodeRules",
    "FlatAction",
    "OrderExamples",
    "SkillObservation",
    "SkillTree",
    "TeacherEnv",
    "TeacherVectorEnv",
    "TextObservation",
    "decode_moves",
    "flatten",
    "make_budget",
    "open_ended",
    "round_counts",
    "skill_list",
    "skill_tree",
    "teacher_env",
]
