"""TRL's ``GRPOTrainer`` on measured gains.

::

    forks = Forks("SkillList", 8, student="tiny", observation="text", action="text")
    trainer = GRPOTrainer(
        model="Qwen/Qwen3-0.6B",
        reward_funcs=measured_gain(forks),
        train_dataset=Dataset.from_list(rows(forks, range(1000))),
    )

Everything goes through ``reward_funcs``, which TRL calls once for all completions: a function for
each completion, such as ``get_reward`` of an environment, would train the students one by one. TRL
repeats a row for each member of its group, so that all of a group start from the row's state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from teachgym.envs.forks import Forks
from teachgym.records import Record

Completion = str | Sequence[Record]
"""A text, or the messages of a conversation."""


def rows(forks: Forks, states: Iterable[int | str]) -> list[Record]:
    """A row for each state: ``prompt``, messages, and ``state``, its id.

    Args:
        forks: where replies will be tried.
        states: seeds, for their untrained students, or ids that ``Forks.branch`` has given and
            that are kept as long as their rows are in use.
    """
    found = []
    for state in map(str, states):
        start = _started(forks, state)
        prompt = forks.form(start).prompt_of(forks.observation(start))
        found.append({"prompt": list(prompt), "state": state})
        _let_go(forks, state)
    return found


def measured_gain(forks: Forks) -> Callable[..., list[float]]:
    """The reward function: what each completion earns in the state of its row.

    Members of a group are tried together, and the group's signal-to-noise ratio, its mean gain and
    the share of replies with something rejected are logged where TRL offers to.
    """

    def gain(
        completions: Sequence[Completion],
        state: Sequence[str],
        log_metric: Callable[[str, float], None] | None = None,
        **_: Any,
    ) -> list[float]:
        rewards = [0.0] * len(completions)
        for id_ in dict.fromkeys(state):
            places = [place for place, other in enumerate(state) if other == id_]
            start = _started(forks, id_)
            branch = forks.branch(start, [_text(completions[place]) for place in places])
            for place, reward in zip(places, branch.rewards.tolist(), strict=True):
                rewards[place] = reward
            rejected = [bool(result[4]["rejected"]) for result in branch.results]
            if log_metric is not None:
                log_metric("teachgym/signal_to_noise", branch.spread.signal_to_noise)
                log_metric("teachgym/gain", sum(g.mean for g in branch.gains) / len(places))
                log_metric("teachgym/rejected", sum(rejected) / len(places))
            forks.forget(*branch.ids)
            _let_go(forks, id_)
        return rewards

    gain.__name__ = "measured_gain"  # What TRL logs it under.
    return gain


def _started(forks: Forks, state: str) -> str:
    """The id of a state, which is made where it is that of a seed."""
    return forks.start(int(state)) if state.isdigit() else state


def _let_go(forks: Forks, state: str) -> None:
    """Forget a state that can be made again; others are somebody's."""
    if state.isdigit():
        forks.forget(state)


def _text(completion: Completion) -> str:
    """The model's last reply."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])
