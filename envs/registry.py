"""The registered environments as functions of plain settings.

Settings named by text are plain JSON, so ``env.spec.to_json()`` records the whole experiment. The
docstrings are the environments' cards, from which ``docs/`` is generated; of which wrappers each is
made says ``teachgym.envs.stacks``.
"""

from __future__ import annotations

from typing import Any

from teachgym.envs.assembly import assemble
from teachgym.envs.config import OpenEndedConfig, SkillListConfig, SkillTreeConfig
from teachgym.envs.stacks import AnyEnv, stack


def open_ended(**settings: Any) -> AnyEnv:
    """The Open-Ended environment: the teacher writes training data and sees every prediction.

    ## Description
    The teacher hands in finished training examples and sees the student's graded predictions on
    the validation items, errors included. Nothing structures the choice. The first of the three
    environments of DataEnvGym (Khan et al. 2024, arXiv 2410.06215, section 2.2), with the gate,
    the budget and the reward that its code lacks.

    ## Action Space
    `DataSpace`: a tuple of at most `examples_per_step` `Example`s whose skills are leaf skills of
    the task. What the gate rejects (format, length, overlap or contamination with val or test, wrong
    answers, duplicates, over budget) is reported in `info["rejected"]` and not trained on. No action
    raises: an item that is no example, or one with a field of another type, is rejected like that
    (`format`), and an action that is no tuple counts as one rejected item (`action`) and a step without training.
    A step is atomic: if something else fails in it, nothing is charged and no step is counted.

    With `action="text"`, here and in the other two environments: `ReplySpace`, any text whatever. `env.get_wrapper_attr("form")`
    (`teachgym.language`) says what to reply (`prompt_of(observation)`, `schema`, `tools`) and reads replies (`parse`): JSON `{"items": [...]}` with
    examples, orders or moves, bare or inside prose. What cannot be read is in `info["rejected"]` (`reply`), and costs `rejection_penalty`.

    With `stop=True`, here and in the other two environments: `Dict` with `stop`, `MultiBinary(1)`, beside the
    entries of a `Dict`, or with `action` for an action of another space. 1 makes the step the last: nothing is
    ordered or trained, the gain is 0. An action without `stop` goes on.

    ## Observation Space
    | `observation` | space | content |
    |---|---|---|
    | `report` | `ReportSpace` | every prediction with prompt, target, response and score |
    | `arrays` | `Dict` of `Box` | as in Skill-List; this is the paper's Skill-List environment, whose agent writes the data points itself |
    | `text` | `Text` | budget left, scores, the teacher's last steps with gains and rejections, errors in turns over skills: printable ASCII of at most `observation_tokens` |

    ## Starting State
    The untrained student, restored bit for bit; nothing spent.

    ## Reward
    `reward="accuracy_gain"` (default): validation accuracy after minus before; an episode's sum
    is last minus first. `"per_skill"`: the mean of the gains of the skills. `"cost_adjusted"`:
    the gain minus `prices` times the cost of the step. A step without accepted examples trains
    nothing and gains exactly 0. All is multiplied by `reward_scale`, so with the default reward the sum is
    `reward_scale` times last minus first.

    ## Episode End
    Terminates when a limit of the budget is reached (the currency's name), validation accuracy reaches
    `target_accuracy` (`mastery`), `patience` training runs in a row brought no new best (`patience`), or the teacher ends it
    (`teacher`); `info["stop_reason"]` says which. Never truncates: every limit is visible
    in the observation or in `info`.

    ## Arguments
    The fields of `teachgym.envs.config.OpenEndedConfig`.

    ## Version History
    * v0: initial version.
    """
    return stack(OpenEndedConfig.of(settings), assemble)


def skill_list(**settings: Any) -> AnyEnv:
    """The Skill-List environment: the teacher orders examples and sees accuracy, skill by skill.

    ## Description
    The skills of the task are known. The teacher says how many examples of which skill at which
    level it wants, a data engine makes them, and the teacher sees how well the student does on
    each. In DataEnvGym (arXiv 2410.06215, section 2.2) the Skill-List agent writes the data points
    itself; that variant is `teachgym/OpenEnded-v0` with `observation="arrays"`.

    ## Action Space
    `Box(0, 1, (n_skills, n_levels), float32)`: entry (s, l) is the share of the step for skill s at
    level l, where 1 stands for `examples_per_step` examples. A total above 1, or above what is
    left of the budget, is scaled down in proportion; counts are rounded without bias (the expected count is the
    share, the counts add up). All zeros trains nothing.
    With `observation="flat"`: `Box(-1, 1, (n_skills * n_levels,), float32)`, mapped linearly.

    With `action="discrete"`: `Discrete(n_skills * n_levels)`; s * n_levels + l gives all of the step to skill s at
    level l. With `stop=True` one more value, the last, ends the episode.
    Arrays and lists of any real type are cast to the space's first. What is not in the space then
    (NaN, 2, another shape) raises `ActionError`: nothing is spent, and no step is made.

    With `action="plan"`, `PlanSpace`: a `Plan` of `Order`s in words (skill or root, count, difficulty,
    a hint for engines that read), of at most `examples_per_step` examples. An order that cannot be filled
    (another type in a field, a skill or an engine that does not exist) is rejected by itself, and so is what is no plan: see
    `info["rejected"]` with the reasons `order` and `action`.

    ## Observation Space
    | `observation` | space | content |
    |---|---|---|
    | `arrays` | `Dict` | `accuracy`, `n`, `stderr`: (n_skills, n_levels); `budget_left`: (n_currencies,) |
    | `flat` | `Box` | the same in one vector in [0, 1]: a count c is c / (c + `examples_per_step`) |
    | `text` | `Text` | as in Open-Ended |
    | `report` | `ReportSpace` | every prediction |

    Rows are `env.get_wrapper_attr("skills")`, columns `env.get_wrapper_attr("levels")`,
    currencies `teachgym.types.CURRENCIES` (1 = all left or unlimited).

    ## Starting State
    As in [Open-Ended](../environments/open_ended.md).

    ## Reward
    As in [Open-Ended](../environments/open_ended.md).

    ## Episode End
    As in [Open-Ended](../environments/open_ended.md).

    ## Arguments
    The fields of `teachgym.envs.config.SkillListConfig`.

    ## Version History
    * v0: initial version.
    """
    return stack(SkillListConfig.of(settings), assemble)


def skill_tree(**settings: Any) -> AnyEnv:
    """The Skill-Tree environment: the teacher explores for subskills or exploits those found.

    ## Description
    Only the root skills are known at first. For each root the teacher either explores (new subskills are discovered
    and get examples) or exploits (divides examples among the known subskills). Allocations stand: a known subskill gets
    its allocation in every step until an exploit changes it. After DataEnvGym (arXiv 2410.06215, section 2.3), with
    allocations that cannot be negative, unique subskill names, and per-step and total counts kept apart.

    ## Action Space
    `Dict` (R root skills, M = `max_subskills` columns each):

    | key | space | meaning |
    |---|---|---|
    | `explore` | `MultiBinary(R)` | 1: explore this root, 0: exploit it |
    | `subskills` | `MultiDiscrete([M+1] * R)` | new subskills asked for when exploring (0 counts as 1) |
    | `examples` | `Box(0, 1, (R,))` | share of the step for each new subskill |
    | `allocation` | `Box(0, 1, (R, M))` | share of the step for each known subskill when exploiting |

    A share of 1 stands for `examples_per_step` examples. When the allocations of all subskills sum to more than that, they are scaled
    down in proportion; counts are rounded without bias, as in Skill-List. With `observation="flat"` the action is one vector in [-1, 1].

    With `action="discrete"`: `Discrete(2 * R)`; 2 r explores root r for one new subskill, 2 r + 1 exploits it (or explores, while
    nothing is known). All of the step goes to that root, its subskills alike; the others get nothing. Numbers outside the space
    raise `ActionError`, as in [Skill-List](../environments/skill_list.md).

    With `action="moves"`, `MovesSpace`: a tuple of `Explore` and `Exploit` moves in words. There an `Explore` may also name a subskill,
    so trees may be of any depth; a root that is not named goes on as before. A move that cannot be made on the forest as it is then
    (an unknown skill, a count that is none) is left out, with the reason `move` in `info["rejected"]`.

    ## Observation Space
    `Dict` of float32 arrays:

    | key | shape | meaning |
    |---|---|---|
    | `accuracy`, `n`, `stderr` | (R,) | of the root on val, undiscovered subskills included |
    | `known` | (R, M) | 1 where the column holds a discovered subskill |
    | `sub_accuracy`, `sub_n`, `sub_stderr` | (R, M) | of the subskill on val; n = 0: not measured |
    | `allocation` | (R, M) | examples it gets per step, on average |
    | `taught` | (R, M) | examples trained on so far |
    | `own_accuracy`, `own_n` | (R, M) | of the student on the data made for the subskill, before it is trained on it (`pretest`); n = 0: not measured |
    | `budget_left` | (n_currencies,) | share left |

    `observation="report"`, `TreeReportSpace`: every prediction and the forest itself, with the history of every move; `observation="text"`:
    as in Open-Ended, and the forest; `observation="flat"`: one vector in [0, 1], counts as in Skill-List. `info["forest"]` is the forest, too.

    ## Starting State
    The untrained student and a forest of bare roots.

    ## Reward, Episode End
    As in [Open-Ended](../environments/open_ended.md).

    ## Arguments
    The fields of `teachgym.envs.config.SkillTreeConfig`.

    ## Version History
    * v0: initial version.
    """
    return stack(SkillTreeConfig.of(settings), assemble)
