"""Teachers that try several actions on copies of the student and take the best one.

What is tried is charged to the budget in full (``teachgym.envs.wrappers.lookahead``); the step that
makes one of the tries costs nothing more. So at an equal budget they make fewer steps than the
teacher whose actions they improve on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.agents.builtin import BUILT_IN
from teachgym.agents.context import Cells, Classroom
from teachgym.agents.entry import TeacherEntry, kind_of
from teachgym.agents.llm.text import Desk, LLMText
from teachgym.errors import BudgetError, ConfigError, unknown
from teachgym.protocols import ChatModel, Teacher
from teachgym.settings import Few, Positive, Share, checked
from teachgym.types import Obs, Transition, Tried

ActionT = TypeVar("ActionT")
KnownT = TypeVar("KnownT")


class Lookahead(Protocol):
    """Lets a teacher try actions on copies of the student; charged to the budget, journalled.

    Every try is charged what a step with its action costs. If the next step makes an action that
    was tried in the present state, that step has been paid for; where tries have taken all steps
    that were left, no other action can be made.
    """

    def branch(self, actions: Sequence[Any], starts: Sequence[str] = ()) -> tuple[Tried, ...]:
        """The outcome of each action, tried in the present state or each in its own state.

        Args:
            actions: one or more, such as the environment takes.
            starts: ids of tries since the last step, one for each action; empty = where the episode
                is.

        Raises:
            BudgetError: if what is left does not pay for all of them.
            EpisodeError: for an id that is not kept, or of a try that has ended the episode.
        """


@dataclass(frozen=True, slots=True)
class Ahead(Generic[KnownT]):
    """A teacher's knowledge of an environment, and the right to look ahead in it."""

    known: KnownT
    """Names and sizes; the ``Desk`` where it acts in texts, the ``Classroom`` where in plans."""
    lookahead: Lookahead

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Ahead[Any]:
        """Read both off an environment made with ``lookahead`` above 0.

        Raises:
            ConfigError: for one that was not.
        """
        known: Any = {"text": Desk, "plan": Classroom}.get(kind_of(env).action, Cells)
        if not env.has_wrapper_attr("lookahead"):
            raise ConfigError("this teacher looks ahead; make the environment with lookahead=8")
        return Ahead(known.of(env), env.get_wrapper_attr("lookahead"))


class LookAhead:
    """Takes the best of another teacher's action and its variations, or of paths of them.

    With ``depth`` 1 it is best-of-n: ``n`` actions are tried on equal students, and the one with
    the highest reward is made. With more it is a beam search: from each of the ``width`` best
    states ``n / width`` more actions are tried, and so on from the states that those lead to. Of
    the longest paths, and those that end the episode, the one with the highest sum of rewards
    decides: its first action is made. A variation is the action with the share ``mix`` of it
    replaced by a draw from a symmetric Dirichlet distribution over cells. Where the budget does not
    pay for n, fewer are tried, and at last the other teacher's own action is made untried.

    Args:
        ahead: names and sizes, and the right to try.
        base: a teacher of Skill-List environments whose settings have defaults.
        n: actions tried in each state, >= 2 to be of use.
        depth: steps looked ahead.
        width: states gone on from, where depth is above 1.
        mix: in [0, 1].
        concentration: of the Dirichlet distribution; small = few cells.

    Raises:
        ConfigError: for a teacher that does not exist or acts in other environments.
    """

    @checked
    def __init__(
        self,
        ahead: Ahead[Cells],
        *,
        base: str = "uniform",
        n: Few = 4,
        depth: Few = 1,
        width: Few = 1,
        mix: Share = 0.5,
        concentration: Positive = 0.05,
    ) -> None:
        self.base = _teacher_in(base)("SkillList", ahead.known)
        self.cells, self.lookahead = ahead.known, ahead.lookahead
        self.n, self.depth, self.width = n, depth, width
        self.mix, self.concentration = mix, concentration
        self.name = "best-of-n" if depth == 1 else "beam"
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Reset the other teacher, and draw other variations."""
        self.base.reset(seed)
        self._rng = np.random.default_rng([seed, 1])

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """The first action of the best path that was tried, (n_skills, n_levels)."""
        own: NDArray[np.float32] = self.base.act(observation)
        first, tried = try_out(self.lookahead, self._variations(own, self.n))
        if not tried:
            return own
        paths = [_Path(a, t.reward, t.id, t.ended) for a, t in zip(first, tried, strict=True)]
        for _ in range(1, self.depth):
            going_on = (path for path in paths if not path.ended)
            kept = sorted(going_on, key=lambda path: -path.total)[: self.width]
            if not kept:
                break
            each = max(self.n // len(kept), 1)
            starts = [path for path in kept for _ in range(each)]
            onward = [a for path in kept for a in self._variations(path.action, each)]
            _, tried = try_out(self.lookahead, onward, [path.id for path in starts])
            if not tried:
                break
            paths = [path for path in paths if path.ended] + [
                _Path(path.action, path.total + t.reward, t.id, t.ended)
                for path, t in zip(starts, tried, strict=False)
            ]
        return max(paths, key=lambda path: path.total).action

    def observe(self, transition: Transition) -> None:
        """Pass the transition to the other teacher."""
        self.base.observe(transition)

    def _variations(self, action: NDArray[np.float32], count: int) -> list[NDArray[np.float32]]:
        """The action, and ``count - 1`` others that order as much."""
        others = []
        for _ in range(count - 1):
            draw = self._rng.dirichlet(np.full(action.size, self.concentration))
            changed = action.sum() * draw.reshape(action.shape)
            others.append(((1 - self.mix) * action + self.mix * changed).astype(np.float32))
        return [action, *others]


class BestReply(Teacher[str, str]):
    """Best-of-n over a language model's replies, as ``llm-text`` asks for them.

    Besides the action, a run keeps what came of each reply: pairs to prefer one by, and rewards of
    a group (``teachgym export --trajectories``).

    Args:
        ahead: what it may know, who pays, and the right to try.
        chat: is asked n times a step; it has to sample, or all its replies are equal.
        n: replies tried.
    """

    name = "llm-best-of-n"

    @checked
    def __init__(self, ahead: Ahead[Desk], *, chat: ChatModel, n: Few = 4) -> None:
        self.asker, self.lookahead, self.n = LLMText(ahead.known, chat=chat), ahead.lookahead, n

    def reset(self, seed: int) -> None:
        """Draw other replies for another seed."""
        self.asker.reset(seed)

    def act(self, observation: str) -> str:
        """The reply with the highest reward, the first one on a tie."""
        replies = [self.asker.act(observation) for _ in range(self.n)]
        actions, tried = try_out(self.lookahead, replies)
        if not tried:
            return replies[0]
        return actions[int(np.argmax([t.reward for t in tried]))]


@dataclass(frozen=True, slots=True)
class _Path:
    action: NDArray[np.float32]
    """The first of the path."""
    total: float
    id: str
    """The id of the state it has led to."""
    ended: bool
    """Whether the episode is over there."""


def try_out(
    lookahead: Lookahead, actions: Sequence[ActionT], starts: Sequence[str] = ()
) -> tuple[Sequence[ActionT], tuple[Tried, ...]]:
    """Try the first actions, as many as can be paid for; returns them with their outcomes."""
    while len(actions) > 1 or (starts and actions):
        try:
            return actions, lookahead.branch(actions, starts)
        except BudgetError:
            half = len(actions) // 2
            actions, starts = actions[:half], starts[:half]
    return (), ()


def _teacher_in(name: str) -> Callable[..., Any]:
    """Make the teacher with this name from an environment's cells."""
    entries = {
        key: entry
        for key, entry in BUILT_IN.items()
        if isinstance(entry, TeacherEntry) and entry.knows == "context:Cells"
    }
    if name not in entries:
        raise ConfigError(unknown("base", name, entries))
    return entries[name].teach
