"""Groups of answers, tried on forks of the students that a teacher meets in its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from json import dumps, loads
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.llm.shares import SharesForm
from teachgym.agents.llm.speaker import Speaker
from teachgym.bridges.grpo.settings import FIRST_SEED, TeacherTraining
from teachgym.envs.forks import AnyForks, forks_of
from teachgym.students.local.pool import StudentPool
from teachgym.types import Obs


@dataclass(frozen=True)
class Trial:
    """A group: what was asked in a state, all that was answered, and what came of it."""

    place: tuple[int, int, int]
    """Update, episode and step, each counted from 0."""
    prompt: tuple[int, ...]
    """Token ids."""
    answers: tuple[tuple[int, ...], ...]
    """Token ids, ends included."""
    rewards: tuple[float, ...]
    """The reward of the environment for each."""
    gains: tuple[float, ...]
    """In accuracy on ``val``."""
    signal_to_noise: float
    """The ratio of signal to noise of the group's spread."""


class Trials:
    """Episodes of a teacher in training: each step is a group, of whose answers one is followed.

    The one that is followed is the first, which is a sample like any other. An update's episodes
    depend on the weights, the seed and its number alone, so whoever goes on after it meets the
    same students.

    Args:
        settings: of the training.
        pool: of the teacher.
    """

    def __init__(self, settings: TeacherTraining, pool: StudentPool) -> None:
        self._settings, self._pool = settings, pool
        self._forks = lru_cache(maxsize=4)(self._make_forks)

    def draw(self, update: int) -> list[Trial]:
        """The groups of an update, counted from 0."""
        episodes = range(self._settings.episodes)
        return [trial for number in episodes for trial in self._play(update, number)]

    def speaker(self, update: int) -> Speaker:
        """The teacher as it speaks to the students of an update."""
        return self._of(update)[1]

    def _play(self, update: int, number: int) -> list[Trial]:
        settings, (forks, speaker) = self._settings, self._of(update)
        state = forks.start(FIRST_SEED + update * settings.episodes + number)
        before: Obs | None = None
        trials: list[Trial] = []
        over = False
        while not over:
            now = forks.observation(state)
            (prompt,) = speaker.encode([speaker.form.prompt(now, before)])
            place = (update, number, len(trials))
            answers = self._answer(speaker, prompt, place)
            branch = forks.branch(state, [self._action(forks, speaker, ids) for ids in answers])
            rewards, gains = branch.rewards.tolist(), [gain.mean for gain in branch.gains]
            signal = float(branch.spread.signal_to_noise)
            trials.append(
                Trial(place, prompt, tuple(answers), tuple(rewards), tuple(gains), signal)
            )
            followed = branch.ids[0]
            forks.forget(state, *(id_ for id_ in branch.ids if id_ != followed))
            _, _, terminated, truncated, _ = branch.results[0]
            state, before, over = followed, now, terminated or truncated
        forks.forget(state)
        return trials

    def _answer(
        self, speaker: Speaker, prompt: tuple[int, ...], place: tuple[int, int, int]
    ) -> list[tuple[int, ...]]:
        settings = self._settings
        (drawn,) = speaker.sample(
            [prompt],
            [repr(place)],
            settings.seed,
            k=settings.group,
            temperature=settings.temperature,
        )
        return [tuple(ids) for ids in drawn]

    @staticmethod
    def _action(forks: AnyForks, speaker: Speaker, ids: Sequence[int]) -> NDArray[np.float32]:
        """The shares of an answer, levels alike, as ``Cells.spend`` has them."""
        space: Any = forks.single_action_space
        weights = speaker.read(ids)
        shares = np.repeat((weights / weights.sum())[:, None], space.shape[1], axis=1)
        spent: NDArray[np.float32] = (shares / space.shape[1]).astype(np.float32)
        return spent

    def _of(self, update: int) -> tuple[AnyForks, Speaker]:
        stage, number = self._settings.stage_of(update)
        return self._forks(dumps(stage.settings_of(number), sort_keys=True), stage.recheck)

    def _make_forks(self, env_settings: str, recheck: int) -> tuple[AnyForks, Speaker]:
        forks = forks_of("SkillList", self._settings.group, recheck=recheck, **loads(env_settings))
        return forks, Speaker(self._pool, SharesForm(forks.skills, self._settings.form))
