"""A warm start: a language model learns what numeric teachers did, in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.llm.speaker import Speaker
from teachgym.bridges.grpo.settings import TeacherTraining
from teachgym.errors import RunError
from teachgym.records import Record
from teachgym.runs.files import read_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.students.local.automaton import write
from teachgym.training.datum import Datum, batches
from teachgym.training.forward import token_budget
from teachgym.training.groups import Group, Response
from teachgym.training.losses import Sft
from teachgym.training.sampled_loss import AsSampled
from teachgym.training.updates import EagerUpdates, differentiate
from teachgym.types import Obs

Lesson = tuple[str, NDArray[np.float64]]
"""A prompt, and the shares of skills that were ordered."""


def warm_up(speaker: Speaker, settings: TeacherTraining) -> None:
    """Train on the steps of the runs that the settings name; on nothing where they name none.

    Raises:
        RunError: for a run of another kind, or of other skills.
    """
    warm, pool = settings.warm_start, speaker.pool
    lessons = [lesson for run in warm.runs for lesson in lessons_of(Path(run), speaker)]
    if not lessons:
        return
    rng, rates = np.random.default_rng(settings.seed), settings.warm_rates()
    epochs = range(warm.epochs)
    plan = [one for _ in epochs for one in batches(_data(speaker, lessons, rng), rates, rng)]
    loss = AsSampled(Sft(), settings.temperature, [], speaker.automaton)
    updates = EagerUpdates(pool, rates, [len(plan)], loss)
    budget = token_budget(pool.network.device, rates.token_budget)
    with pool.threads():
        for number, batch in enumerate(plan):
            differentiate(pool, [batch], loss, budget)
            updates.apply(number)
    pool.network.model.zero_grad()


def environments_of(settings: TeacherTraining) -> list[Record]:
    """The settings of the environments of the runs that it imitates."""
    runs = map(Path, settings.warm_start.runs)
    return [read_json(RunFolder.open(run).config)["config"]["env_settings"] for run in runs]


def lessons_of(folder: Path, speaker: Speaker) -> Iterator[Lesson]:
    """The steps of a run.

    Raises:
        RunError: for a run whose teacher did not see and order in numbers, or of other skills.
    """
    journal, n_skills = Journal(RunFolder.open(folder).journal), len(speaker.form.skills)
    steps = journal.steps
    seen = [journal.started.get("observation"), *(step["observation"] for step in steps)]
    before: Obs | None = None
    for observation, step in zip(seen, steps, strict=False):
        action = _first(step["action"])
        if np.ndim(action) != 2 or len(action) != n_skills or not isinstance(observation, dict):
            raise RunError(
                f"{folder} is no run of a teacher that orders shares of the {n_skills} skills "
                "taught here; give runs of numeric Skill-List teachers, such as alp"
            )
        now = {name: np.asarray(_first(values)) for name, values in observation.items()}
        if (shares := np.clip(action, 0, None).sum(axis=1)).any():
            yield speaker.form.prompt(now, before), shares
        before = now


def _first(values: Any) -> Any:
    """The only value in Gymnasium's JSON of a space of numbers; None for what is of another."""
    try:
        return np.asarray(values, dtype=np.float64)[0]
    except (TypeError, ValueError, IndexError):
        return None


def _data(speaker: Speaker, lessons: list[Lesson], rng: np.random.Generator) -> list[Datum]:
    """The training examples; the answer that stands for the shares is drawn."""
    prompts = speaker.encode([prompt for prompt, _ in lessons])
    texts = speaker.pool.texts
    answers = [write(speaker.form.pieces(shares, rng), texts) for _, shares in lessons]
    return [
        Group(prompt, ()).datum(Response(answer))
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
