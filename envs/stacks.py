"""The three environments as stacks of wrappers on ``TeacherEnv``, from their configurations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym

from teachgym.engines import ENGINES
from teachgym.envs.assembly import Assemble, make_base
from teachgym.envs.base import TeacherEnv
from teachgym.envs.config import EnvConfig, OpenEndedConfig, SkillListConfig, SkillTreeConfig
from teachgym.envs.counted import CountedEnv
from teachgym.envs.wrappers.choices import ChooseCell, ChooseRoot
from teachgym.envs.wrappers.flat import flatten
from teachgym.envs.wrappers.lookahead import LookaheadEnv
from teachgym.envs.wrappers.observations import SkillObservation
from teachgym.envs.wrappers.orders import FillPlans, OrderShares
from teachgym.envs.wrappers.rewards import DelayedReward, ProxyReward, RejectionPenalty
from teachgym.envs.wrappers.skill_tree import SkillTree
from teachgym.envs.wrappers.stop import StopAction
from teachgym.envs.wrappers.text import TextObservation
from teachgym.envs.wrappers.tree_arrays import TreeArrays, TreeMoves
from teachgym.forest.proposers import PROPOSERS
from teachgym.protocols import DataEngine
from teachgym.rewards import PROXIES

AnyEnv = gym.Env[Any, Any]
View = Callable[[AnyEnv], AnyEnv]
"""Shows an environment, or lets act in it, in another way."""


def stack(config: OpenEndedConfig | SkillListConfig, assemble: Assemble) -> AnyEnv:
    """Build the environment of a configuration around the parts from ``assemble``."""
    if isinstance(config, SkillListConfig) and not config.texts:
        return CountedEnv(config)
    base = make_base(config, assemble(config))
    arrays: View = SkillObservation
    if isinstance(config, SkillTreeConfig):
        env, arrays = _skill_tree(config, base), TreeArrays
    elif isinstance(config, SkillListConfig):
        env = _skill_list(config, base)
    else:
        env = _acted(_paid(base, config), config, {"examples": _unchanged})
    views: Mapping[str, View] = {
        "report": _unchanged,
        "arrays": arrays,
        "flat": lambda e: flatten(arrays(e)),
        "text": lambda e: TextObservation(e, tokens=config.observation_tokens),
    }
    seen = views[config.observation](StopAction(env) if config.stop else env)
    return LookaheadEnv(seen, config.lookahead) if config.lookahead else seen


def _skill_list(config: SkillListConfig, base: TeacherEnv) -> AnyEnv:
    acting: Mapping[str, View] = {
        "shares": OrderShares,
        "plan": _unchanged,
        "discrete": lambda e: ChooseCell(OrderShares(e)),
    }
    filled = FillPlans(_paid(base, config), _engine(config, base))
    return _acted(filled, config, acting)


def _skill_tree(config: SkillTreeConfig, base: TeacherEnv) -> AnyEnv:
    acting: Mapping[str, View] = {
        "arrays": TreeMoves,
        "moves": _unchanged,
        "discrete": ChooseRoot,
    }
    proposer = PROPOSERS.make(
        config.proposer,
        base.task,
        settings=config.proposer_settings,
        meter=base.meter,
        chat=config.chat,
    )
    late, engine = _paid(base, config), _engine(config, base)
    tree = SkillTree(late, engine, proposer, max_subskills=config.max_subskills)
    return _acted(tree, config, acting)


def _paid(base: TeacherEnv, config: EnvConfig) -> AnyEnv:
    """``base``, paying a proxy or late where the configuration wants it."""
    late, proxy = config.stress.delayed_reward, config.proxy
    env = base if proxy is None else ProxyReward(base, PROXIES.make(proxy))
    return DelayedReward(env, late) if late > 1 else env


def _acted(
    env: AnyEnv, config: OpenEndedConfig | SkillListConfig, acting: Mapping[str, View]
) -> AnyEnv:
    """``env``, which is acted in in words, as the configuration wants it; rejections cost."""
    penalty = config.rejection_penalty
    fined: View = (lambda e: RejectionPenalty(e, penalty)) if penalty else _unchanged
    if config.action != "text":
        return acting[config.action](fined(env))
    # Imported here: only who reads replies needs what the extra llm brings.
    from teachgym.envs.wrappers.replies import TextAction

    return fined(TextAction(env))


def _engine(config: SkillListConfig, base: TeacherEnv) -> DataEngine:
    """The engine that fills the orders; its chat calls are paid from the episode's budget."""
    engine: DataEngine = ENGINES.make(
        config.engine,
        base.task,
        settings=config.engine_settings,
        meter=base.meter,
        chat=config.chat,
    )
    return engine


def _unchanged(env: AnyEnv) -> AnyEnv:
    return env
