"""teachgym.envs: one base environment, and the paper's three as stacks of wrappers."""

from teachgym.envs.assembly import teacher_env
from teachgym.envs.base import TeacherEnv
from teachgym.envs.config import EnvConfig, OpenEndedConfig, SkillListConfig, SkillTreeConfig
from teachgym.envs.registry import open_ended, skill_list, skill_tree
from teachgym.envs.rules import EpisodeRules
from teachgym.envs.vector import TeacherVectorEnv
from teachgym.envs.wrappers.flat import FlatAction, flatten
from teachgym.envs.wrappers.observations import SkillObservation
from teachgym.envs.wrappers.orders import FillPlans, OrderShares
from teachgym.envs.wrappers.skill_tree import SkillTree
from teachgym.envs.wrappers.text import TextObservation
from teachgym.envs.wrappers.tree_arrays import TreeArrays, TreeMoves, decode_moves

__all__ = [
    "EnvConfig",
    "EpisodeRules",
    "FillPlans",
    "FlatAction",
    "OpenEndedConfig",
    "OrderShares",
    "SkillListConfig",
    "SkillObservation",
    "SkillTree",
    "SkillTreeConfig",
    "TeacherEnv",
    "TeacherVectorEnv",
    "TextObservation",
    "TreeArrays",
    "TreeMoves",
    "decode_moves",
    "flatten",
    "open_ended",
    "skill_list",
    "skill_tree",
    "teacher_env",
]
