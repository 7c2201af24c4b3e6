"""The checks pass sound specimens, and for every clause there is a broken one that provokes it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import gymnasium as gym
import numpy as np
import pytest

from teachgym.engines.procedural import ProceduralEngine
from teachgym.errors import ConformanceError
from teachgym.protocols import DataEngine
from teachgym.rewards import accuracy_gain
from teachgym.tasks.task import Task
from teachgym.testing import (
    ListTracker,
    RecordingTrainer,
    TableStudent,
    ToyTask,
    check_engine,
    check_reward,
    check_student,
    check_task,
    check_teacher,
    check_tracker,
    check_trainer,
    contract,
)
from teachgym.testing.toy import SKILLS
from teachgym.types import (
    Checkpoint,
    Cost,
    Data,
    Example,
    Grade,
    Order,
    Plan,
    Prompt,
    Report,
    Score,
    Skill,
    Transition,
    leaf_skills,
)

TRAIN = tuple(ToyTask().examples("train"))
PROMPTS = [example.question for example in TRAIN]


def altered(kind: type, **members: Any) -> Any:
    """An instance of ``kind`` with some members replaced."""
    return type("Altered", (kind,), members)()


def alternately(*values: Any) -> Callable[..., Any]:
    """A method that returns the values in turn, whatever it is asked."""
    turns = itertools.cycle(values)
    return lambda *args, **kwargs: next(turns)


# -- tasks -----------------------------------------------------------------------------------


def task(**members: Any) -> Callable[[], None]:
    return lambda: check_task(altered(ToyTask, **members))


def task_with_examples(**values: Any) -> Callable[[], None]:
    """All examples get the values."""
    return task(examples=lambda self, split: [replace(e, **values) for e in self._examples[split]])


def reversed_every_other_time() -> Callable[..., Sequence[Example]]:
    steps = alternately(1, -1)
    return lambda self, split: self._examples[split][:: steps()]


def make_held_out(self: ToyTask, skill: str, difficulty: float | None, rng: Any) -> Example:
    wanted = 0.0 if difficulty is None else difficulty
    held_out = self._examples["val"]
    return next(e for e in held_out if e.skill == skill and e.difficulty == wanted)


def make_whatever(self: ToyTask, skill: str, difficulty: float | None, rng: Any) -> Example:
    known = skill if skill in ("copy", "reverse", "next", "double") else "copy"
    return ToyTask.make(self, known, difficulty, rng)


def make_from_own_generator() -> Callable[..., Example]:
    own = np.random.default_rng(0)
    return lambda self, skill, difficulty, rng: ToyTask.make(self, skill, difficulty, own)


def metrics_with_a_memory() -> Callable[..., dict[str, Score]]:
    turns = itertools.count(1)
    return lambda self, predictions: {"asked": Score(next(turns), 1.0, 0.0)}


TASKS = {
    contract.TASK_HAS_A_NAME: task(name=""),
    contract.SKILL_NAMES_ARE_UNIQUE: task(skills=(*SKILLS, SKILLS[0])),
    contract.PARENTS_EXIST: task(skills=(*SKILLS, Skill("orphan", "nobody"))),
    contract.SKILLS_HAVE_NO_CYCLE: task(skills=(*SKILLS, Skill("egg", "hen"), Skill("hen", "egg"))),
    contract.LEVELS_ASCEND: task(levels=(1.0, 0.0)),
    contract.SPLITS_DO_NOT_CHANGE: task(examples=reversed_every_other_time()),
    contract.HELD_OUT_SPLITS_HAVE_EXAMPLES: task(examples=lambda self, split: ()),
    contract.HELD_OUT_SPLITS_SHARE_SKILLS: task(
        examples=lambda self, split: [
            e for e in self._examples[split] if split != "val" or e.skill == "copy"
        ]
    ),
    contract.PROMPTS_ARE_UNIQUE: task(
        examples=lambda self, split: [
            replace(e, id=f"{e.id}/{n}") for n in (1, 2) for e in self._examples[split]
        ]
    ),
    contract.NO_ERROR_OF_ITS_OWN: task(make=lambda self, skill, difficulty, rng: self.levels[None]),
    contract.SPLITS_ARE_DISJOINT: task(examples=lambda self, split: self._examples["train"]),
    contract.IDS_ARE_UNIQUE: task_with_examples(id="the same"),
    contract.EXAMPLES_HAVE_LEAF_SKILLS: task_with_examples(skill="words"),
    contract.DIFFICULTIES_ARE_LEVELS: task_with_examples(difficulty=0.3),
    contract.SCORES_ARE_IN_RANGE: task(grade=lambda self, example, response: 1.5),
    contract.PARTS_ARE_IN_RANGE: task(
        grade=lambda self, example, response: Grade(1.0, {"name": 2.0})
    ),
    contract.METRICS_ARE_SCORES: task(metrics=lambda self, predictions: {"f1": Score(0, 0.0, 0.0)}),
    contract.METRICS_ARE_PURE: task(metrics=metrics_with_a_memory()),
    contract.GRADING_IS_PURE: task(grade=alternately(1.0, 0.5)),
    contract.TARGETS_SCORE_ONE: task(grade=lambda self, example, response: 0.0),
    contract.WRONG_ANSWERS_SCORE_LESS: task(grade=lambda self, example, response: 1.0),
    contract.TASK_HAS_EVERY_MEMBER: lambda: check_task(cast(Any, SimpleNamespace(name="bare"))),
    contract.GRADE_ALL_GRADES: task(grade_all=lambda self, examples, answers: [1.0] * len(answers)),
    contract.MAX_TURNS_IS_POSITIVE: task(max_turns=0),
    contract.RESPONDING_IS_PURE: task(max_turns=2, respond=alternately("no", "wrong")),
    contract.REPLIES_ARE_TEXTS: task(max_turns=2, respond=lambda self, *said: " "),
    contract.CONVERSATIONS_END: task(max_turns=3, respond=lambda self, *said: "no"),
    contract.VERDICTS_ARE_IN_RANGE: task(verify=lambda self, example: 2.0),
    contract.SKILLS_ARE_READ_RIGHT: task(skill_of=lambda self, prompt: "next"),
    contract.ONE_SKILL_IS_THE_ONLY_ONE: task(
        skills_of=lambda self, prompt: frozenset(leaf_skills(SKILLS)),
        skill_of=lambda self, prompt: prompt.partition(":")[0],
    ),
    contract.TO_INNER_CHANGES_LABELS_ONLY: task(
        to_inner=lambda self, example: replace(example, target="?")
    ),
    contract.COMPOSE_KEEPS_THE_ORDER: task(
        compose=lambda self, draft, skill, difficulty: Example(draft.problem, draft.answer, skill)
    ),
    contract.ONLY_THE_PROCEDURAL_MAKE: task(is_procedural=False),
    contract.MAKE_DEPENDS_ON_RNG_ONLY: task(make=make_from_own_generator()),
    contract.MAKE_KEEPS_THE_SKILL: task(
        make=lambda self, skill, difficulty, rng: ToyTask.make(self, "next", difficulty, rng)
    ),
    contract.MAKE_KEEPS_THE_DIFFICULTY: task(
        make=lambda self, skill, difficulty, rng: ToyTask.make(self, skill, 0.0, rng)
    ),
    contract.MAKE_STAYS_IN_TRAIN: task(make=make_held_out),
    contract.MAKE_REFUSES_UNKNOWN_SKILLS: task(make=make_whatever),
}

# -- students and trainers -------------------------------------------------------------------


def student(**members: Any) -> Callable[[], None]:
    return lambda: check_student(altered(TableStudent, **members), PROMPTS)


def trainer(
    learner: Callable[[], TableStudent] = TableStudent, **members: Any
) -> Callable[[], None]:
    return lambda: check_trainer(altered(RecordingTrainer, **members), learner(), TRAIN)


def answer_and_forget(self: TableStudent, prompts: Sequence[Prompt]) -> list[str]:
    self._taught += 1e-9
    return TableStudent.generate(self, prompts)


def restore_too_much(self: TableStudent, checkpoint: Checkpoint) -> None:
    self._taught = checkpoint.arrays["taught"] + 1


def save_live(self: TableStudent) -> Checkpoint:
    return Checkpoint({"taught": self._taught})


def score_and_learn(
    self: TableStudent, prompts: Sequence[Prompt], targets: Sequence[str]
) -> list[np.ndarray]:
    self.learn(TRAIN[0])
    return [np.full(1, -1.0) for _ in targets]


def train_on_something(self: Any, student: TableStudent, data: Data, rng: Any) -> Any:
    student.learn(TRAIN[0])
    return RecordingTrainer.train(self, student, data, rng)


def train_for_free(self: Any, student: TableStudent, data: Data, rng: Any) -> Any:
    return replace(RecordingTrainer.train(self, student, data, rng), cost=Cost())


def train_and_tell_a_mean(self: Any, student: TableStudent, data: Data, rng: Any) -> Any:
    result = RecordingTrainer.train(self, student, data, rng)
    return replace(result, losses=(result.loss,))


def train_not(self: Any, student: TableStudent, data: Data, rng: Any) -> Any:
    result = RecordingTrainer.train(self, student, (), rng)
    return replace(result, cost=self.cost(student, data))


def train_more_each_time(self: Any, student: TableStudent, data: Data, rng: Any) -> Any:
    result = RecordingTrainer.train(self, student, data[: len(self.calls)], rng)
    return replace(result, cost=self.cost(student, data))


STUDENTS = {
    contract.ONE_ANSWER_PER_PROMPT: student(generate=lambda self, prompts: ["?"]),
    contract.GENERATE_IS_DETERMINISTIC: student(
        generate=alternately(["a"] * len(PROMPTS), [], ["b"] * len(PROMPTS))
    ),
    contract.GENERATE_HAS_NO_SIDE_EFFECT: student(generate=answer_and_forget),
    contract.SAVE_IS_DETACHED: student(save=save_live),
    contract.RESTORE_OF_SAVE_CHANGES_NOTHING: student(restore=restore_too_much),
    contract.TOKENS_ADD_UP: student(count_tokens=lambda self, texts: len("".join(texts)) + 1),
    contract.MAX_NEW_TOKENS_IS_POSITIVE: student(max_new_tokens=0),
    contract.EXPORT_WRITES_FILES: student(export=lambda self, folder: None),
    contract.STUDENT_HAS_EVERY_MEMBER: lambda: check_student(cast(Any, SimpleNamespace()), PROMPTS),
    contract.STUDENTS_TOGETHER_ANSWER_ALIKE: student(
        generate_together=lambda self, students, prompts: [["no"] * len(own) for own in prompts]
    ),
    contract.FINGERPRINTS_ARE_EQUAL: student(fingerprint=alternately("a", "b")),
    contract.LOGPROBS_ARE_OF_THE_TARGETS: student(
        logprobs=lambda self, prompts, targets: [np.full(1, 0.5) for _ in targets]
    ),
    contract.K_SAMPLES_PER_PROMPT: student(
        sample=lambda self, prompts, **how: [["one"] for _ in prompts]
    ),
    contract.SAMPLES_DEPEND_ON_SEED_AND_PROMPT: student(
        sample=lambda self, prompts, **how: [[str(len(prompts))] * 2 for _ in prompts]
    ),
    contract.PROBES_HAVE_NO_SIDE_EFFECT: student(logprobs=score_and_learn),
    contract.TRAINER_HAS_EVERY_MEMBER: lambda: check_trainer(
        cast(Any, SimpleNamespace()), TableStudent(), TRAIN
    ),
    contract.STUDENTS_TOGETHER_LEARN_ALIKE: trainer(
        train_together=lambda self, students, data, rngs: [
            self.train(students[0], data[0][:1], rngs[0])
        ]
    ),
    contract.NO_DATA_CHANGES_NOTHING: trainer(train=train_on_something),
    contract.COST_IS_ADDITIVE: trainer(
        cost=lambda self, student, data: Cost(train_tokens=len(data) + 1)
    ),
    contract.COST_IS_IN_TRAINING_CURRENCIES: trainer(
        cost=lambda self, student, data: Cost(examples=len(data))
    ),
    contract.TRAIN_CHARGES_ITS_COST: trainer(train=train_for_free),
    contract.LOSSES_ARE_OF_THE_EXAMPLES: trainer(train=train_and_tell_a_mean),
    contract.TRAINING_CHANGES_THE_STUDENT: trainer(train=train_not),
    contract.CHECKPOINTS_OUTLIVE_TRAINING: trainer(
        learner=lambda: altered(TableStudent, save=save_live)
    ),
    contract.RESTORE_UNDOES_TRAINING: trainer(
        learner=lambda: altered(TableStudent, restore=lambda self, checkpoint: None)
    ),
    contract.EQUAL_RNG_TRAINS_EQUALLY: trainer(train=train_more_each_time),
}

# -- engines ---------------------------------------------------------------------------------

Generate = Callable[[ProceduralEngine, Plan, np.random.Generator], Data]


def engine(generate: Generate) -> Callable[[], None]:
    sound = ProceduralEngine(ToyTask())

    class Broken(DataEngine):
        def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
            return generate(sound, plan, rng)

    return lambda: check_engine(Broken(), ToyTask())


def generate_unsigned(sound: ProceduralEngine, plan: Plan, rng: np.random.Generator) -> Data:
    return tuple(replace(e, provenance=None) for e in sound.generate(plan, rng))


def generate_from_own_generator() -> Generate:
    own = np.random.default_rng(0)
    return lambda sound, plan, rng: sound.generate(plan, own)


def generate_known(sound: ProceduralEngine, plan: Plan, rng: np.random.Generator) -> Data:
    names = {skill.name for skill in SKILLS}
    return sound.generate(Plan(tuple(o for o in plan.orders if o.skill in names)), rng)


ENGINES = {
    contract.ENGINE_HAS_EVERY_MEMBER: lambda: check_engine(
        cast(Any, SimpleNamespace(generate=ProceduralEngine(ToyTask()).generate)), ToyTask()
    ),
    contract.NO_ORDERS_NO_EXAMPLES: engine(lambda sound, plan, rng: TRAIN[:1]),
    contract.ORDERS_ARE_LIMITS: engine(
        lambda sound, plan, rng: sound.generate(Plan(plan.orders * 2), rng)
    ),
    contract.ENGINE_KEEPS_TO_THE_SKILL: engine(
        lambda sound, plan, rng: sound.generate(
            Plan(tuple(Order("next", o.count) for o in plan.orders)), rng
        )
    ),
    contract.ENGINE_SIGNS_EXAMPLES: engine(generate_unsigned),
    contract.ENGINE_NAMES_SUBSKILLS: engine(
        lambda sound, plan, rng: sound.generate(
            Plan(tuple(replace(o, subskill="") for o in plan.orders)), rng
        )
    ),
    contract.ENGINE_DEPENDS_ON_RNG_ONLY: engine(generate_from_own_generator()),
    contract.ENGINE_REFUSES_UNKNOWN_SKILLS: engine(generate_known),
}

# -- teachers --------------------------------------------------------------------------------


class ThreeSteps(gym.Env[Any, Any]):
    """Three steps of nothing."""

    observation_space = gym.spaces.Dict({"accuracy": gym.spaces.Box(0, 1, (2,))})
    action_space = gym.spaces.Box(0, 1, (2,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return {"accuracy": np.zeros(2, dtype=np.float32)}, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return {"accuracy": np.zeros(2, dtype=np.float32)}, 0.0, self.steps == 3, False, {}


class RandomTeacher:
    """Acts at random from its seed."""

    name = "random"

    def reset(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def act(self, observation: Any) -> Any:
        return self.rng.random(2, dtype=np.float32)

    def observe(self, transition: Transition) -> None:
        """Nothing to learn."""


def teacher(**members: Any) -> Callable[[], None]:
    return lambda: check_teacher(altered(RandomTeacher, **members), ThreeSteps())


def act_and_scribble(self: RandomTeacher, observation: Any) -> Any:
    observation["accuracy"] += 1
    return RandomTeacher.act(self, observation)


TEACHERS = {
    contract.TEACHER_HAS_A_NAME: teacher(name=""),
    contract.ACTIONS_ARE_IN_THE_SPACE: teacher(
        act=lambda self, observation: np.full(2, 2, dtype=np.float32)
    ),
    contract.ACT_LEAVES_THE_OBSERVATION: teacher(act=act_and_scribble),
    contract.EQUAL_SEEDS_ACT_EQUALLY: teacher(
        reset=lambda self, seed: None, rng=np.random.default_rng(0)
    ),
}

# -- rewards ---------------------------------------------------------------------------------


def reward(pay: Callable[[Report, Report, Cost], float]) -> Callable[[], None]:
    return lambda: check_reward(pay)


REWARDS = {
    contract.REWARDS_ARE_FINITE: reward(lambda before, after, cost: math.nan),
    contract.REWARD_IS_PURE: reward(alternately(0.0, 1.0)),
    contract.NO_CHANGE_PAYS_NOTHING: reward(lambda before, after, cost: 1.0),
}

# -- trackers --------------------------------------------------------------------------------


def tracker(**members: Any) -> Callable[[], None]:
    """A folder with one file stands for a run's."""

    def check() -> None:
        with TemporaryDirectory() as folder:
            (Path(folder) / "metrics.jsonl").write_text("{}")
            check_tracker(altered(ListTracker, **members), Path(folder))

    return check


def log_finite(self: ListTracker, metrics: dict[str, float], step: int) -> None:
    if not all(map(math.isfinite, metrics.values())):
        raise ValueError("not a number")


TRACKERS = {
    contract.ANY_NUMBER_CAN_BE_LOGGED: tracker(log=log_finite),
    contract.LOGGING_LEAVES_METRICS: tracker(log=lambda self, metrics, step: metrics.clear()),
    contract.RECORDING_LEAVES_THE_RUN: tracker(
        record=lambda self, folder: (folder / "metrics.jsonl").unlink()
    ),
}

SPECIMENS = TASKS | STUDENTS | ENGINES | TEACHERS | REWARDS | TRACKERS


@pytest.mark.parametrize(
    "clause", [pytest.param(v, id=k) for k, v in vars(contract).items() if k.isupper()]
)
def test_a_broken_specimen_provokes_its_clause(clause: str) -> None:
    with pytest.raises(ConformanceError) as raised:
        SPECIMENS[clause]()
    assert str(raised.value).partition("; found ")[0] == clause


def test_sound_specimens_pass() -> None:
    check_task(ToyTask())
    check_student(TableStudent(), PROMPTS)
    check_trainer(RecordingTrainer(), TableStudent(), TRAIN)
    check_engine(ProceduralEngine(ToyTask()), ToyTask())
    check_teacher(RandomTeacher(), ThreeSteps())
    check_reward(accuracy_gain)
    tracker()()


def test_a_task_that_cannot_make_examples_passes() -> None:
    class Fixed(Task):
        name, skills, levels = "fixed-v0", SKILLS, ToyTask.levels
        examples, grade = ToyTask().examples, ToyTask().grade

    check_task(Fixed())


def test_checks_leave_the_student_as_it_was() -> None:
    student = TableStudent()
    student.learn(TRAIN[0])
    before = student.save()
    check_student(student, PROMPTS)
    check_trainer(RecordingTrainer(), student, TRAIN)
    assert student.save() == before


def test_metrics_that_raise_are_called_the_task_s() -> None:
    def divide(self: ToyTask, predictions: Sequence[Any]) -> dict[str, Score]:
        return {"mean": Score(1, 1 / len(predictions), 0.0)}

    with pytest.raises(ConformanceError, match=r"ZeroDivisionError in the task's divide"):
        task(metrics=divide)()
