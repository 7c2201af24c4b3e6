"""``TeacherVectorEnv``: K environments with one resident student model that step together.

The entry points of ``gym.make_vec`` for the registered environments. A step trains the students
of all rows at once and has them answer at once; what each row sees is, to the bit, what an
environment of its own would show. Only the currency ``seconds`` differs: all rows wait for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import iterate

from teachgym.actions import is_numeric, require_member
from teachgym.envs.assembly import Assembly
from teachgym.envs.batching import open_rendezvous
from teachgym.envs.config import CONFIGS, SkillListConfig
from teachgym.envs.counted import CountedVectorEnv, require_rows, seeds_of_rows
from teachgym.envs.stacks import stack
from teachgym.envs.wrappers.stop import as_member
from teachgym.errors import ActionError
from teachgym.loop import StepResult
from teachgym.rendezvous import Rendezvous
from teachgym.shown import shown
from teachgym.snapshot import Snapshot


class TeacherVectorEnv(SyncVectorEnv[Any, Any]):
    """Environments of one kind that step together, with joint training and answering.

    Made by ``gym.make_vec("teachgym/SkillList-v0", num_envs=8, **settings)``. Spaces, infos and
    autoreset are those of Gymnasium's ``SyncVectorEnv``. An error in a row is raised as
    ``teachgym.rendezvous.RowError`` once the other rows have made their step; reset then.

    Args:
        rows: environments of equal spaces whose trainers and evaluators ask ``rendezvous``, each
            under its place in the sequence.
        rendezvous: where they ask.
        autoreset_mode: when a row whose episode has ended is reset; see Gymnasium.
    """

    def __init__(
        self,
        rows: Sequence[gym.Env[Any, Any]],
        rendezvous: Rendezvous,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    ) -> None:
        self.rendezvous = rendezvous
        super().__init__([partial(_Row, row) for row in rows], autoreset_mode=autoreset_mode)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all rows, row i with seed + i; ``options["reset_mask"]`` selects rows.

        Raises:
            ConfigError: for another number of seeds, and for what is no integer.
        """
        return super().reset(seed=seeds_of_rows(seed, self.num_envs), options=options)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step every row, or reset it if that is due; see ``gymnasium.vector.VectorEnv``.

        Raises:
            ActionError: for numeric actions that are not in ``action_space``, or if there is not
                one action per row; no row has made a step then.
        """
        actions = self._batch(actions)
        to_reset = self._autoreset_envs & (self.autoreset_mode == AutoresetMode.NEXT_STEP)
        each = zip(iterate(self.action_space, actions), to_reset, strict=True)
        results = self.step_rows({row: a for row, (a, skip) in enumerate(each) if not skip})
        for row, result in results.items():
            self.envs[row].result = result  # type: ignore[attr-defined]
        return super().step(actions)  # It finds what the rows have made.

    def step_rows(self, actions: Mapping[int, Any]) -> dict[int, StepResult]:
        """Step some of the rows together, by number, and leave the others alone.

        Returns what ``gym.Env.step`` does, row by row, with nothing batched and nothing reset;
        reset before going on with ``step``.

        Raises:
            ActionError: for a numeric action outside ``single_action_space``; no row has made a
                step then.
        """
        for row, action in actions.items():
            as_member(self.single_action_space, action, f"action of row {row}")
        calls = [
            partial(env.step, actions[row]) if row in actions else _stay
            for row, env in enumerate(self.envs)
        ]
        results = self.rendezvous.run(calls)
        return {row: results[row] for row in actions}

    def _batch(self, actions: Any) -> Any:
        """One action per row, as a member of ``action_space`` where it is one of numbers."""
        if is_numeric(self.single_action_space):
            return require_member(self.action_space, actions, "actions")
        if not isinstance(self.single_action_space, gym.spaces.Dict):
            return self._words(actions)
        keys = set(actions) if isinstance(actions, Mapping) else set()
        if not {"action"} <= keys <= {"action", "stop"}:
            raise ActionError(
                f"actions are {shown(actions)}; give a dictionary with the keys action, stop, each "
                f"with {self.num_envs} entries, one per row"
            )
        stop: Any = self.action_space["stop"]  # type: ignore[index]
        given = actions.get("stop", np.zeros(stop.shape, stop.dtype))
        stops = require_member(stop, given, "actions['stop']")
        return {"action": self._words(actions["action"]), "stop": stops}

    def _words(self, actions: Any) -> tuple[Any, ...]:
        """An action in words for each row, which each row checks."""
        several = isinstance(actions, Sequence) and not isinstance(actions, str)
        if not several or len(actions) != self.num_envs:
            raise ActionError(
                f"actions are {shown(actions)}; give a tuple of {self.num_envs}, one per row"
            )
        return tuple(actions)

    def fork(self, snapshot: Snapshot) -> None:
        """Put every row into the state of ``snapshot``, to try K actions on the same student.

        The random streams are that of the snapshot too, so rows with equal actions stay equal.

        Args:
            snapshot: of one of the rows, as ``self.call("snapshot")`` gives them, or of a single
                environment with the same settings.
        """
        self.call("restore", snapshot)
        self._autoreset_envs[:] = False


class _Row(gym.Wrapper[Any, Any, Any, Any]):
    """Lets ``SyncVectorEnv.step`` find the result of a step that was made already."""

    result: StepResult | None = None

    def step(self, action: Any) -> StepResult:
        """The result that lies ready, else that of a step."""
        result, self.result = self.result, None
        return self.env.step(action) if result is None else result

    @property
    def spec(self) -> Any:  # type: ignore[override]
        """The spec of the environment: a row is no other one."""
        return self.env.spec


def _stay() -> None:
    """The action of a row that sits a step out."""


# -- entry points ------------------------------------------------------------------------------


class SharedStudents:
    """Environments with equal students, which share a model and work at once.

    Raises:
        ConfigError: for fewer than one.
    """

    def __init__(self, count: int) -> None:
        require_rows(count)
        self.rendezvous = open_rendezvous()
        self._assembly = Assembly(count, self.rendezvous)

    def make(self, row: int, id_: str, /, **settings: Any) -> gym.Env[Any, Any]:
        """Make environment number ``row``, with the spec that ``gym.make`` would give it.

        Args:
            row: from 0; in the rendezvous it is known by it.
            id_: one of ``teachgym.ENV_IDS``.
            settings: those of the environment; see ``Assembly`` for what all rows have in common.

        Raises:
            ConfigError: as ``Assembly`` does.
        """
        made = stack(CONFIGS[id_].of(settings), partial(self._assembly, row))
        spec = deepcopy(gym.spec(id_))
        spec.kwargs = dict(settings)
        made.unwrapped.spec = spec
        return made


def open_ended(num_envs: int = 1, **settings: Any) -> TeacherVectorEnv:
    """Make ``num_envs`` of ``teachgym/OpenEnded-v0``; ``autoreset_mode`` is a further setting."""
    return _make_rows("teachgym/OpenEnded-v0", num_envs, **settings)


def skill_list(
    num_envs: int = 1, *, texts: bool = True, **settings: Any
) -> TeacherVectorEnv | CountedVectorEnv:
    """Make ``num_envs`` of ``teachgym/SkillList-v0``; ``autoreset_mode`` is a further setting."""
    if not texts:
        mode = settings.pop("autoreset_mode", AutoresetMode.NEXT_STEP)
        config = SkillListConfig.of({**settings, "texts": False})
        return CountedVectorEnv(config, num_envs, mode)
    return _make_rows("teachgym/SkillList-v0", num_envs, **settings)


def skill_tree(num_envs: int = 1, **settings: Any) -> TeacherVectorEnv:
    """Make ``num_envs`` of ``teachgym/SkillTree-v0``; ``autoreset_mode`` is a further setting."""
    return _make_rows("teachgym/SkillTree-v0", num_envs, **settings)


def _make_rows(
    id_: str,
    num_envs: int,
    *,
    autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    **settings: Any,
) -> TeacherVectorEnv:
    shared = SharedStudents(num_envs)
    rows = [shared.make(row, id_, **settings) for row in range(num_envs)]
    return TeacherVectorEnv(rows, shared.rendezvous, autoreset_mode=autoreset_mode)
