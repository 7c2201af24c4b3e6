"""Episodes of numeric teachers as a language model would have said them: data to begin with.

A language model that is to be trained on gains first has to give replies that are plans. Here it
gets those of a teacher such as ``alp``, in its own prompts: supervised training on them is the
usual warm start before GRPO.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import gymnasium as gym

from teachgym.agents import make_teacher
from teachgym.envs.base import base_of
from teachgym.envs.wrappers.observations import SkillObservation
from teachgym.envs.wrappers.orders import OrderShares
from teachgym.language.forms import form_of
from teachgym.language.plan import write_plan
from teachgym.records import Record
from teachgym.types import Transition


def episode_in_words(
    teacher: Any,
    seed: int,
    *,
    teacher_settings: dict[str, Any] | None = None,
    **settings: Any,
) -> list[Record]:
    """One episode of ``teachgym/SkillList-v0``: a row for each step.

    The rewards are those of the same episode in numbers.

    Args:
        teacher: who teaches, and sees and orders in numbers.
        seed: of environment and teacher.
        teacher_settings: the teacher's own.
        settings: those of the environment.

    Returns:
        Rows as ``teachgym export --trajectories`` writes them for ``sft``: ``messages``, the last
        of which is the plan, ``step``, ``reward`` and ``return``.
    """
    words = gym.make("teachgym/SkillList-v0", **settings, observation="text", action="text")
    base, form = base_of(words), form_of(words)
    shares = OrderShares(base)
    numbers = SkillObservation(shares)
    acting = make_teacher(teacher, numbers, **(teacher_settings or {}))
    acting.reset(seed)
    text, _ = words.reset(seed=seed)
    rows: list[Record] = []
    ended = False
    while not ended:
        seen = numbers.observation(base.state.report)
        action = acting.act(seen)
        reply = write_plan(shares.action(action))
        messages = [*form.prompt_of(text), {"role": "assistant", "content": reply}]
        text, reward, terminated, truncated, info = words.step(reply)
        after = numbers.observation(base.state.report)
        acting.observe(Transition(seen, action, float(reward), after, terminated, truncated, info))
        rows.append({"messages": messages, "step": len(rows) + 1, "reward": float(reward)})
        ended = terminated or truncated
    to_come = list(accumulate(row["reward"] for row in reversed(rows)))[::-1]
    return [{**row, "return": return_} for row, return_ in zip(rows, to_come, strict=True)]
