"""The contract as a list of clauses: what the checks require, word for word.

Each clause is the beginning of the message of the ``ConformanceError`` that its breach raises,
and ``tests/testing/test_contract.py`` has a broken specimen for every one.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from teachgym.errors import ConformanceError

NO_ERROR_OF_ITS_OWN = "what is called as the protocols say raises no error of its own"

# Tasks.
TASK_HAS_EVERY_MEMBER = "a task has every member of protocols.Task; derive from it"
TASK_HAS_A_NAME = "a task has a name"
SKILL_NAMES_ARE_UNIQUE = "skill names are unique"
PARENTS_EXIST = "a skill's parent is a skill of the task"
SKILLS_HAVE_NO_CYCLE = "no skill is its own ancestor"
LEVELS_ASCEND = "levels are ascending numbers in [0, 1], at least one"
SPLITS_DO_NOT_CHANGE = "a split has the same examples in the same order on every call"
HELD_OUT_SPLITS_HAVE_EXAMPLES = "val and test have examples"
HELD_OUT_SPLITS_SHARE_SKILLS = "val and test have examples of the same skills"
PROMPTS_ARE_UNIQUE = "no prompt is in val or test twice"
SPLITS_ARE_DISJOINT = "no prompt is in two splits"
IDS_ARE_UNIQUE = "the ids of a split are unique and not empty"
EXAMPLES_HAVE_LEAF_SKILLS = "the skill of an example is a leaf skill"
DIFFICULTIES_ARE_LEVELS = "the difficulty of an example is one of the levels or None"
SCORES_ARE_IN_RANGE = "a score is in [0, 1] or nan"
PARTS_ARE_IN_RANGE = "the parts of a grade are named scores in [0, 1] or nan"
GRADING_IS_PURE = "grading twice gives the same grade"
TARGETS_SCORE_ONE = "the target scores 1"
WRONG_ANSWERS_SCORE_LESS = "a wrong answer scores less than 1"
GRADE_ALL_GRADES = "grade_all, and grade_conversations of one turn, score as grade does"
METRICS_ARE_SCORES = "metrics maps names to Scores; without anything measured to Score.nothing()"
METRICS_ARE_PURE = "equal predictions have equal metrics"
MAX_TURNS_IS_POSITIVE = "max_turns is 1 or more"
REPLIES_ARE_TEXTS = "what a task says to a response is a text that is not empty"
RESPONDING_IS_PURE = "a task says the same to the same response each time"
CONVERSATIONS_END = "nothing is said to response number max_turns"
VERDICTS_ARE_IN_RANGE = "verify gives a number in [0, 1] or nan"
SKILLS_ARE_READ_RIGHT = "the skills read off a task's prompt are none, or its own is among them"
ONE_SKILL_IS_THE_ONLY_ONE = "skill_of gives the only one of skills_of, or None"
TO_INNER_CHANGES_LABELS_ONLY = "to_inner changes skill and difficulty alone, to those of unwrapped"
COMPOSE_KEEPS_THE_ORDER = "a composed example has the skill and difficulty that were asked for"
ONLY_THE_PROCEDURAL_MAKE = "a task that is not procedural raises UnsupportedError in make"
MAKE_DEPENDS_ON_RNG_ONLY = "equal random generators make equal examples"
MAKE_KEEPS_THE_SKILL = "a made example has the skill that was asked for"
MAKE_KEEPS_THE_DIFFICULTY = "a made example has the level that was asked for"
MAKE_STAYS_IN_TRAIN = "no made example is in val or test"
MAKE_REFUSES_UNKNOWN_SKILLS = "make raises UnknownSkillError for a skill the task does not have"

# Students.
STUDENT_HAS_EVERY_MEMBER = "a student has every member of protocols.Student; derive from it"
ONE_ANSWER_PER_PROMPT = "a student gives one answer per prompt"
GENERATE_IS_DETERMINISTIC = "a student gives equal answers to equal prompts"
GENERATE_HAS_NO_SIDE_EFFECT = "answering does not change the student"
SAVE_IS_DETACHED = "changing a checkpoint's arrays does not change the student"
RESTORE_OF_SAVE_CHANGES_NOTHING = "restore(save()) changes nothing"
TOKENS_ADD_UP = "tokens are counted text by text; no text has none"
MAX_NEW_TOKENS_IS_POSITIVE = "max_new_tokens is 1 or more"
EXPORT_WRITES_FILES = "export writes files into its folder"
STUDENTS_TOGETHER_ANSWER_ALIKE = "generate_together gives the answers of each student alone"
FINGERPRINTS_ARE_EQUAL = "an unchanged student has an unchanged fingerprint"
LOGPROBS_ARE_OF_THE_TARGETS = "logprobs gives an array of numbers <= 0 for each target"
K_SAMPLES_PER_PROMPT = "sample gives k answers to each prompt"
SAMPLES_DEPEND_ON_SEED_AND_PROMPT = "equal seeds and prompts give equal samples, whoever is asked"
PROBES_HAVE_NO_SIDE_EFFECT = "probing does not change the student"

# Trainers.
TRAINER_HAS_EVERY_MEMBER = "a trainer has every member of protocols.Trainer; derive from it"
NO_DATA_CHANGES_NOTHING = "training on no data changes nothing and costs nothing"
COST_IS_ADDITIVE = "the cost of two sets of data together is the sum of their costs"
COST_IS_IN_TRAINING_CURRENCIES = (
    "a trainer charges tokens of the student, a teacher model's calls, tokens, dollars, and seconds"
)
TRAIN_CHARGES_ITS_COST = (
    "train charges what cost announced, or less where it samples, seconds excepted"
)
LOSSES_ARE_OF_THE_EXAMPLES = "train tells the loss of no example, or of each in its order"
TRAINING_CHANGES_THE_STUDENT = "training on data changes the student"
CHECKPOINTS_OUTLIVE_TRAINING = "training does not change a checkpoint saved before"
RESTORE_UNDOES_TRAINING = "restoring a checkpoint undoes training"
EQUAL_RNG_TRAINS_EQUALLY = "equal random generators train equally"
STUDENTS_TOGETHER_LEARN_ALIKE = "train_together trains each student as train does"

# Engines.
ENGINE_HAS_EVERY_MEMBER = "an engine has every member of protocols.DataEngine; derive from it"
NO_ORDERS_NO_EXAMPLES = "an empty plan gives no examples"
ORDERS_ARE_LIMITS = "an order gets at most its count of examples"
ENGINE_KEEPS_TO_THE_SKILL = "an order gets examples of its skill or of leaves under it"
ENGINE_SIGNS_EXAMPLES = "an engine's example has source 'teacher' and names its writer"
ENGINE_NAMES_SUBSKILLS = "an engine's example names the subskill it was ordered for"
ENGINE_DEPENDS_ON_RNG_ONLY = "equal plans and random generators give equal data"
ENGINE_REFUSES_UNKNOWN_SKILLS = "an engine raises UnknownSkillError for an unknown skill"

# Teachers.
TEACHER_HAS_A_NAME = "a teacher has a name"
ACTIONS_ARE_IN_THE_SPACE = "an action is in the environment's action space"
ACT_LEAVES_THE_OBSERVATION = "acting does not change the observation"
EQUAL_SEEDS_ACT_EQUALLY = "after reset with an equal seed a teacher acts equally"

# Rewards.
REWARDS_ARE_FINITE = "a reward is a finite number"
REWARD_IS_PURE = "equal arguments are paid equally"
NO_CHANGE_PAYS_NOTHING = "no change at no cost pays 0"

# Trackers.
ANY_NUMBER_CAN_BE_LOGGED = "a tracker takes any number, finite or not, and other names each time"
LOGGING_LEAVES_METRICS = "logging does not change the metrics"
RECORDING_LEAVES_THE_RUN = "recording changes none of the run's files"


def require(holds: bool, clause: str, found: object = "") -> None:
    """Raise ``ConformanceError`` with the clause, and what was found instead, unless it holds."""
    if not holds:
        raise ConformanceError(f"{clause}; found {found}" if found else clause)


@contextmanager
def checking(what: str) -> Iterator[None]:
    """Say of an error that somebody's code raises that it is theirs, of which type, and where.

    Also a decorator, for functions that check somebody's ``what``.
    """
    try:
        yield
    except ConformanceError:
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise ConformanceError(
            f"{NO_ERROR_OF_ITS_OWN}; found {type(error).__name__} in the {what}'s {place.name} "
            f"({place.filename}:{place.lineno}): {error}"
        ) from error
