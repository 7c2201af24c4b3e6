"""teachgym: Gymnasium environments in which the agent is the teacher of a language model.

Importing this package registers the environments by string and loads neither torch nor
transformers::

    import gymnasium as gym
    import teachgym

    env = gym.make("teachgym/SkillList-v0", student="simulated")
    envs = gym.make_vec("teachgym/SkillList-v0", num_envs=8, student="simulated")
"""

from __future__ import annotations

import gymnasium as gym

__version__ = "0.2.0"

ENV_IDS = {
    "teachgym/OpenEnded-v0": "teachgym.envs.registry:open_ended",
    "teachgym/SkillList-v0": "teachgym.envs.registry:skill_list",
    "teachgym/SkillTree-v0": "teachgym.envs.registry:skill_tree",
}
"""Registered ids and the functions that build them."""

for _id, _entry_point in ENV_IDS.items():
    gym.register(
        _id,
        entry_point=_entry_point,
        vector_entry_point=_entry_point.replace(".registry:", ".vector:"),
        order_enforce=True,
    )
