"""``TeacherEnv``: the base environment, which takes training data and returns a report."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from teachgym.envs import probes, step_info
from teachgym.envs.admission import apart, divide, filtered, items_of, most, stamp
from teachgym.envs.aids import Aided
from teachgym.envs.episode import undone_on_error
from teachgym.envs.pricing import FOR_TRAINING, Answers, cheapest, paid_for
from teachgym.envs.probe_log import ProbeLog
from teachgym.envs.rating import Rater
from teachgym.envs.rehearsal import known_examples, rehearsed
from teachgym.envs.rendering import Scene, rendered
from teachgym.envs.restart import FROM_UNTRAINED, training_set
from teachgym.envs.rules import EpisodeRules
from teachgym.errors import ConfigError, EpisodeError, unknown
from teachgym.forest import Forest
from teachgym.gate import Gate, Seen
from teachgym.ledger import Ledger, LedgerMeter
from teachgym.loop import Say, unheard
from teachgym.protocols import Evaluator, Reward, Student, Task, Trainer
from teachgym.rewards import accuracy_gain
from teachgym.snapshot import Best, Snapshot
from teachgym.spaces import DataSpace, ReportSpace
from teachgym.streams import RngName, stream
from teachgym.syllabus import Syllabus
from teachgym.types import (
    Aid,
    Cost,
    Data,
    Example,
    Growing,
    Incident,
    Prediction,
    Report,
    TrainResult,
    Verdict,
    leaf_skills,
)


class TeacherEnv(gym.Env[Report, Data]):
    """An environment whose student is fine-tuned on the examples of the action.

    ## Description
    The agent is a teacher. One step: the gate vets the examples, the student is trained on those
    it accepts, the student is evaluated on ``val``, and the teacher is paid for the improvement.
    The paper's three environments (Khan et al. 2024, arXiv 2410.06215) are stacks of wrappers on
    this one.

    ## Action Space
    ``DataSpace``: a tuple of at most ``examples_per_step`` examples of the task's skills. What the
    gate rejects is reported in ``info["rejected"]`` and never trained on; what is no tuple counts
    as one rejected item. ``info["losses"]`` has the loss of each of ``info["data"]`` when it was
    first met, None where it is not known.

    ## Observation Space
    ``ReportSpace``: every graded prediction of the student on ``val``.

    ## Starting State
    The untrained student, restored bit for bit, with nothing spent. ``reset`` is free of charge.

    ## Reward
    ``reward_scale * reward(before, after, cost)``, by default the gain in validation accuracy. A
    step without accepted examples skips training and evaluation.

    ## Episode End
    *Terminated* when the teacher ends it (``end``), when the validation accuracy reaches
    ``target_accuracy`` or had no new best in ``patience`` training runs, or when a limit of the
    budget is reached; ``info["stop_reason"]`` is ``teacher``, ``mastery``, ``patience`` or the
    currency's name. Limits are held by charging before spending: an example that cannot be paid
    for is rejected, and an episode ends when the next evaluation (at the price of the last one,
    with a margin) or one more example (as short as the shortest item of ``val``) could not be
    paid for. An evaluation that would pass the limit all the same is broken off there, and the
    observation stays as it was. Never truncated.

    ## Arguments
    * ``task``, ``student``, ``trainer``, ``evaluator``: see ``teachgym.protocols``.
    * ``gate``: what may enter training.
    * ``reward``: see ``teachgym.rewards``.
    * ``rules``: budget, step size, restart semantics, pretest (``EpisodeRules``).
    * ``rater``: who rates accepted examples before training (``teachgym.envs.rating``).
    * ``render_mode``: ``ansi`` or ``rgb_array``.

    ## Version History
    * v0: initial version.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 1}  # noqa: RUF012 (Gymnasium's form)

    def __init__(
        self,
        task: Task,
        student: Student,
        trainer: Trainer[Any],
        evaluator: Evaluator,
        *,
        gate: Gate | None = None,
        reward: Reward = accuracy_gain,
        rules: EpisodeRules | None = None,
        rater: Rater | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ConfigError(unknown("render mode", render_mode, self.metadata["render_modes"]))
        self.task, self.student, self.trainer, self.evaluator = task, student, trainer, evaluator
        self.gate = gate or Gate(task)
        self.reward, self.rater = reward, rater or Rater()
        self.rules = rules or EpisodeRules()
        self.render_mode = render_mode
        self.skills, self.levels = leaf_skills(task.skills), task.levels
        self.action_space = DataSpace(self.skills, self.examples_per_step)
        self.observation_space = ReportSpace(self.skills, "val")
        self.untrained = student.save()
        """Weights that ``reset`` restores."""
        self._untrained_reports: dict[str, Report] = {}
        self._state: Snapshot | None = None
        self._seen = Seen()
        self.ledger = Ledger(self.rules.budget)
        self._answers = Answers(student, task.max_turns)
        self.ending = False
        """Whether the teacher ends the episode with the next step; see ``end``."""
        self.probe_log = ProbeLog()
        self.say: Say = unheard
        """Told what begins, for those who watch."""

    # -- the MDP ---------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Report, dict[str, Any]]:
        """Restore the untrained student and return its report; ``options`` are not used.

        Raises:
            EpisodeError: if ``val`` has no items, or no answer to them could be graded.
        """
        super().reset(seed=seed)
        self.student.restore(self.untrained)
        self.ledger.reset()
        report = step_info.measured(self._evaluate_untrained("val"))
        self.take_up(
            Snapshot(
                entropy=int(self.np_random.integers(2**63)),
                report=report,
                curve=Growing([report.overall]),
                best=Best(0, report.accuracy, self.untrained),
            )
        )
        return report, {"metrics": step_info.score_metrics(report)}

    def step(self, action: Data) -> tuple[Report, float, bool, bool, dict[str, Any]]:
        """Check, train, evaluate and reward; if anything raises, the environment stays as it was.

        Raises:
            EpisodeError: before ``reset`` or after the episode's end.
        """
        self.require_running()
        with undone_on_error(self):
            before = self.state.report
            with self.ledger.timed():
                accepted, rejected, pretest = self._admit(() if self.ending else action)
                accepted, rating = self.rater.rate(accepted)
                self.ledger.record(rating + Cost(steps=1, examples=len(accepted)))
                due = self._due(accepted)
                taught = due and bool(accepted or self.state.waiting)
                result, losses = self._train(accepted) if taught else step_info.untaught(accepted)
                after = self._evaluate_val() if taught else before
                aided = self._evaluate_aided() if taught and self.state.aids else None
            cost, incidents, calls = self._reckon()
            reward = self.rules.reward_scale * float(self.reward(before, after, cost))
            self._advance(after, accepted, waiting=0 if due else self.state.waiting + len(accepted))
            info: dict[str, Any] = {
                "metrics": step_info.step_metrics(
                    after, aided, accepted, rejected, incidents, result
                ),
                "data": accepted,
                "losses": losses,
                "rejected": rejected,
                "incidents": incidents,
                "pretest": pretest,
                "cost": replace(cost, seconds=0.0),  # so that equal seeds give equal infos
                "stop_reason": self.state.stop_reason,
            }
            if self.gate.filters:
                info["metrics"] |= step_info.choice_metrics(self.task, accepted, rejected)
            info |= {k: v for k, v in (("aided", aided), ("calls", calls)) if v}
            return after, reward, bool(self.state.stop_reason), False, info

    def end(self) -> None:
        """Make the next step the last: nothing is ordered or trained, and the gain is 0."""
        self.ending = True

    def render(self, forest: Forest | None = None) -> Any:
        """Render ``ansi`` text or an ``rgb_array``, uint8 (height, width, 3), with ``forest``."""
        untrained = self._untrained_reports.get("val")
        scene = Scene(
            self.state,
            untrained.by_skill() if untrained else {},
            steps=self.rules.budget.steps,
            examples_per_step=self.examples_per_step,
            left=float(self.budget_left.min(initial=1.0)),
            forest=forest,
        )
        return rendered(scene, self.render_mode)

    def require_running(self) -> None:
        """Raise ``EpisodeError`` before ``reset`` and after the episode's end."""
        if self.state.stop_reason:
            raise EpisodeError(f"the episode is over ({self.state.stop_reason}); call reset()")

    # -- what others may ask ---------------------------------------------------------------

    @property
    def state(self) -> Snapshot:
        """The episode so far without the weights; ``EpisodeError`` before the first reset."""
        if self._state is None:
            raise EpisodeError("the environment has not been reset; call reset() first")
        return self._state

    @property
    def spent(self) -> Cost:
        """The cost of this episode so far."""
        return self.ledger.spent

    @property
    def budget_left(self) -> np.ndarray:
        """Share of each limit that is left, float32 in [0, 1], shape (n_currencies,)."""
        return self.rules.budget.fractions_left(self.spent)

    @property
    def examples_per_step(self) -> int:
        """The most examples that any step can train on."""
        return self.rules.examples_per_step

    @cached_property
    def syllabus(self) -> Syllabus:
        """The task without val and test, for writers of training data."""
        return Syllabus.of(self.task)

    @cached_property
    def meter(self) -> LedgerMeter:
        """The meter that charges calls to chat models to this episode's budget."""
        return self.ledger.meter

    @cached_property
    def probes(self) -> probes.StudentProbes:
        """The teacher's way to question the student, charged to this episode."""
        return probes.StudentProbes(self)

    @property
    def examples_available(self) -> int:
        """The most examples that the next step can train on."""
        return int(min(self.ledger.remaining("examples"), self.examples_per_step))

    @property
    def next_evaluation(self) -> Cost:
        """The cost reserved for the next evaluation on ``val``, including the one with aids."""
        evaluations = 2 if self.state.aids else 1
        return self.price_of_answers(evaluations * len(self.state.report.predictions))

    def price_of_answers(self, count: int) -> Cost:
        """The cost reserved for ``count`` answers, from the length of those on ``val``."""
        return self._answers.price(self.state.report, count)

    def rng(self, name: RngName) -> np.random.Generator:
        """The random stream ``name`` of the current step; equal for equal seed, name and step."""
        return stream(name, self.state.entropy, self.state.step)

    def show_aids(self, aids: tuple[Aid, ...]) -> None:
        """Make the following evaluations with ``aids`` too."""
        self._state = replace(self.state, aids=aids)

    def snapshot(self) -> Snapshot:
        """The whole environment as a value, which ``restore`` can use any number of times."""
        return replace(
            self.state,
            checkpoint=self.student.save(),
            spent=self.spent,
            incidents=tuple(self.ledger.incidents),
            rng_state=self.np_random.bit_generator.state,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from ``snapshot``, made by this environment or one with the same spec."""
        if snapshot.checkpoint is None:
            raise EpisodeError("this snapshot has no weights; take it with env.snapshot()")
        self.student.restore(snapshot.checkpoint)
        self.ledger.reset(snapshot.spent)
        self.ledger.incidents.extend(snapshot.incidents)
        self.np_random.bit_generator.state = snapshot.rng_state
        self.take_up(replace(snapshot, checkpoint=None))

    def take_up(self, state: Snapshot) -> None:
        """Continue from ``state``, except for weights, ledger and random state."""
        self._state, self.ending = state, False
        self._seen = Seen(self.gate.form(e) for e in state.data)

    def examine(self) -> tuple[Report, Report]:
        """Reports on ``test``: the untrained student and the student that was best on ``val``.

        The only place where ``test`` is read; it leaves the best student in place.

        Raises:
            EpisodeError: while the episode still runs.
        """
        if not self.state.stop_reason:
            raise EpisodeError("the episode still runs; test is read once, after its end")
        self.student.restore(self.untrained)
        before = self._evaluate_untrained("test")
        self.student.restore(self.state.best.checkpoint)
        if self.state.best.step == 0:
            return before, before
        return before, self._evaluate(self.task, "test")

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the capabilities, which serve one process and are made when asked for."""
        return {k: v for k, v in self.__dict__.items() if k not in ("syllabus", "meter", "probes")}

    # -- the parts of a step ---------------------------------------------------------------

    def _admit(self, data: Data) -> tuple[Data, tuple[Verdict, ...], tuple[Prediction, ...]]:
        """Examples that pass the gate and can be paid for, verdicts on the rest, the pretest."""
        items, malformed = items_of(data)
        gated = self.gate.inspect(items, seen=self._seen, limit=self.examples_available)
        chosen, memory = filtered(self, gated.accepted)
        self._state = replace(self.state, filters=memory)
        accepted, rejected = chosen.accepted, malformed + gated.rejected + chosen.rejected
        pretest: tuple[Prediction, ...] = ()
        if accepted and self._pretests:
            asked, others = apart(accepted)
            left, price = self._left_for_answers, self.price_of_answers
            askable = most(self.examples_available, lambda n: price(n).generated_tokens <= left)
            pretest = self._ask(asked[:askable])
            _, unpaid = divide(asked, len(pretest), "generated_tokens")
            new = self.gate.veto_known(pretest)
            accepted, rejected = new.accepted + others, rejected + unpaid + new.rejected
        allowed = min(len(accepted), self.examples_available)
        stamped = stamp(accepted, self.state.step + 1)
        affordable = most(allowed, lambda n: not self._lacking(stamped[:n]))
        _, unpaid = divide(accepted, affordable, self._lacking(stamped) or "examples")
        return stamped[:affordable], rejected + unpaid, pretest

    @property
    def _left_for_answers(self) -> float:
        """Tokens that are left once those of the next evaluation are reserved."""
        left = self.ledger.remaining("generated_tokens") - self.next_evaluation.generated_tokens
        return max(left, 0)

    @property
    def _pretests(self) -> bool:
        """Whether the student is asked an example before it is trained on it."""
        return self.rules.pretest or self.gate.settings.known == "reject"

    def _ask(self, examples: Data) -> tuple[Prediction, ...]:
        """The student's graded answers to examples it has not been trained on, in one call.

        Where they are longer than expected, those that can be paid for.
        """
        self.say(f"asking the student {len(examples)} new examples")
        predictions = self.evaluator.predict(self.student, self.task, examples)
        tokens = [self.student.count_tokens(p.responses) for p in predictions]
        count = paid_for(tokens, self._left_for_answers)
        self.ledger.record(Cost(generated_tokens=sum(tokens[:count])))
        return predictions[:count]

    def _lacking(self, accepted: Data) -> str:
        """The first currency that training on them would take too much of; empty if none."""
        budget = self.rules.budget
        if FOR_TRAINING.isdisjoint(budget.limits):
            return ""
        cost = self.trainer.cost(self.student, sum(self._training_set(accepted), ()))
        cost = cost + self.rater.price(accepted, self.student)
        if cost.generated_tokens:  # By a trainer that has the student write.
            cost = cost + self.next_evaluation
        elif budget.train_tokens is None and not (cost.teacher_calls or cost.teacher_tokens_in):
            return ""
        return next(iter(budget.lacking(self.spent, cost)), "")

    def _training_set(self, accepted: Data) -> tuple[Data, Data]:
        """The examples of a training run, and what is rehearsed beside them."""
        earlier, waiting = self.state.divided
        new, rules = waiting + accepted, self.rules
        data = training_set(rules.training, new, earlier, rules.replay, self.rng("replay"))
        count = round(len(data) * rules.rehearsal)
        return data, rehearsed(self._known, count, self.rng("rehearsal")) if count else ()

    @cached_property
    def _known(self) -> Data:
        return known_examples(self)

    def _due(self, accepted: Data) -> bool:
        """Whether this step trains: every ``train_every``-th, or one after which none could."""
        if self.ending:
            return False
        return (self.state.step + 1) % self.rules.train_every == 0 or bool(self._spent_up(accepted))

    def _train(self, accepted: Data) -> tuple[TrainResult, tuple[float | None, ...]]:
        """The report of training, and the loss of each accepted example."""
        data, known = self._training_set(accepted)
        if self.rules.training in FROM_UNTRAINED:
            self.student.restore(self.untrained)
        self.say(f"training on {len(data + known)} examples")
        result = self.trainer.train(self.student, data + known, self.rng("train"))
        self.ledger.record(replace(result.cost, seconds=0.0))
        new, first = self.state.waiting + len(accepted), result.losses[: len(data)]
        losses = step_info.new_losses(self.rules.training, first, trained=len(data), new=new)
        return result, losses[self.state.waiting :]

    def _evaluate_val(self) -> Report:
        report = step_info.measured(self._evaluate(self.task, "val"))
        return report if self._paid(report) else self.state.report

    def _evaluate_aided(self) -> Report | None:
        """The student's accuracy with the aids; None if it could not be paid for to the end."""
        report = self._evaluate(Aided(self.task, self.state.aids), "val")
        return report if self._paid(report) else None

    def _paid(self, report: Report) -> bool:
        """Charge for the answers of a report; False if the limit does not allow all of them."""
        return self.ledger.pay_for_answers(self._answers.tokens(report))

    def _evaluate_untrained(self, split: Literal["val", "test"]) -> Report:
        """The untrained student never changes, so each split is evaluated once."""
        if split not in self._untrained_reports:
            self._untrained_reports[split] = self._evaluate(self.task, split)
        return self._untrained_reports[split]

    def _evaluate(self, task: Task, split: Literal["val", "test"]) -> Report:
        self.say(f"evaluating on {split}")
        report = self.evaluator.evaluate(self.student, task, split)
        self.say("making data")
        return report

    def _reckon(self) -> tuple[Cost, tuple[Incident, ...], tuple[str, ...]]:
        """Cost, incidents and keys of calls since the last step, the teacher's included."""
        cost = self.spent - self.state.reckoned
        incidents, calls = tuple(self.ledger.incidents), tuple(self.ledger.calls)
        self.ledger.incidents.clear()
        self.ledger.calls.clear()
        self._state = replace(self.state, reckoned=self.spent)
        return cost, incidents, calls

    def _advance(self, report: Report, accepted: Data, *, waiting: int) -> None:
        state = self.state
        step, best = state.step + 1, state.best
        self._seen.add(self.gate.form(e) for e in accepted)
        if report.accuracy > best.accuracy:
            best = Best(step, report.accuracy, self.student.save())
        self._state = replace(
            state,
            step=step,
            report=report,
            curve=state.curve.longer([report.overall]),
            data=state.data.longer(accepted),
            best=best,
            waiting=waiting,
        )
        self._state = replace(self._state, stop_reason=self._stop_reason(report))

    def _stop_reason(self, report: Report) -> str:
        if self.ending:
            self.ending = False
            return "teacher"
        target, patience = self.rules.target_accuracy, self.rules.patience
        if target is not None and report.accuracy >= target:
            return "mastery"
        if spent_up := self._spent_up(()):
            return spent_up
        stale = self.state.step - self.state.best.step
        patient = patience is None or stale < patience * self.rules.train_every
        return "" if patient else "patience"

    def _spent_up(self, accepted: Data) -> str:
        """The currency with which nothing useful can be bought once ``accepted`` is trained on."""
        if exhausted := self.ledger.exhausted():
            return exhausted[0]
        answer = self.price_of_answers(1) if self._pretests else Cost()
        if not self.ledger.allows(self.next_evaluation + answer):
            return "generated_tokens"
        # One more example, be it as short as the shortest of ``val``.
        return self._lacking((*accepted, self._cheapest))

    @cached_property
    def _cheapest(self) -> Example:
        return cheapest(self.state.report, self.student, self.trainer)


def base_of(env: gym.Env[Any, Any]) -> TeacherEnv:
    """The base environment under a stack of wrappers."""
    base = env.unwrapped
    assert isinstance(base, TeacherEnv)
    return base
