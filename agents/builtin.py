"""The table of built-in teachers; to add one: a file with the teacher, and an entry here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.agents.entry import AlgorithmEntry, EnvName, Observes, TeacherEntry

_KNOWS: Mapping[EnvName, str] = {
    "SkillList": "context:Cells",
    "SkillTree": "context:Branches",
    "OpenEnded": "context:Lessons",
}


def _family(
    env: EnvName,
    rows: Mapping[str, tuple[str, str, Observes, Mapping[str, Any]]],
    teacher: str = "",
) -> dict[str, TeacherEntry]:
    """Teachers by name from rows of class, description, what is observed, and defaults.

    With ``teacher``, the classes are the algorithms that it plugs in.
    """
    return {
        name: AlgorithmEntry(
            text, {env: teacher}, _KNOWS[env], observes, defaults, algorithm=path, name=name
        )
        if teacher
        else TeacherEntry(text, {env: path}, _KNOWS[env], observes, defaults)
        for name, (path, text, observes, defaults) in rows.items()
    }


_PLAIN = _family(
    "SkillList",
    {
        "uniform": ("uniform:Uniform", "the same for every skill and level", "nothing", {}),
        "nothing": ("nothing:Nothing", "orders nothing: the untrained student", "nothing", {}),
        "fixed": ("fixed:Fixed", "a schedule written beforehand (mixtures=...)", "nothing", {}),
        "oracle": (
            "oracle:Oracle",
            "knows the learnable skills (learnable=...)",
            "accuracy of all, and what is learnable",
            {},
        ),
        "planned": (
            "planned:Planned",
            "the best plan found on known dynamics (plan=...)",
            "known dynamics",
            {},
        ),
        "best-constant": (
            "planned:BestConstant",
            "the best constant allocation (allocation=...)",
            "known dynamics",
            {},
        ),
        "dirichlet": ("dirichlet:Dirichlet", "an allocation drawn by chance", "nothing", {}),
        "weakest": ("weakest:Weakest", "most where the student errs most", "accuracy of all", {}),
        "alp": (
            "progress.alp:LearningProgress",
            "absolute learning progress per skill",
            "gains of all",
            {},
        ),
    },
)
_BOXES = _family(
    "SkillList",
    {
        "alp-gmm": (
            "progress.alp_gmm:ALPGMM",
            "Gaussian mixtures over absolute learning progress",
            "accuracy of what it teaches",
            {"fit_every": 60, "components": (4, 8, 12)},
        ),
        "riac": (
            "progress.riac:RIAC",
            "regions of learning progress",
            "accuracy of what it teaches",
            {"max_points": 20},
        ),
        "covar-gmm": (
            "progress.covar_gmm:CovarGMM",
            "Gaussian mixtures over reward and time",
            "accuracy of what it teaches",
            {"fit_every": 60, "components": (4, 8, 12)},
        ),
    },
    "progress.box_teacher:BoxTeacher",
)
_BANDITS = _family(
    "SkillList",
    {
        "epsilon-greedy": (
            "bandits.epsilon_greedy:EpsilonGreedy",
            "bandit: best skills so far, sometimes random ones",
            "gains of what it teaches",
            {},
        ),
        "ucb1": (
            "bandits.ucb:UCB1",
            "bandit: optimism, all rewards count",
            "gains of what it teaches",
            {"width": 0.1},
        ),
        "discounted-ucb": (
            "bandits.ucb:DiscountedUCB",
            "bandit: optimism, old rewards fade",
            "gains of what it teaches",
            {"width": 0.1},
        ),
        "sliding-window-ucb": (
            "bandits.ucb:SlidingWindowUCB",
            "bandit: optimism, only recent rewards count",
            "gains of what it teaches",
            {"width": 0.1},
        ),
        "thompson": (
            "bandits.thompson:Thompson",
            "bandit: draws from a fading Gaussian posterior",
            "gains of what it teaches",
            {},
        ),
        "exp3": (
            "bandits.exp3:EXP3",
            "bandit: exponential weights",
            "gains of what it teaches",
            {"slots": 128},
        ),
        "exp3s": (
            "bandits.exp3:EXP3S",
            "bandit: exponential weights that can change their mind",
            "gains of what it teaches",
            {"slots": 128, "alpha": 0.001},
        ),
        "linucb": (
            "bandits.linucb:LinUCB",
            "bandit: linear in accuracy, its error and level",
            "accuracy of all",
            {},
        ),
    },
    "bandits.teacher:BanditTeacher",
)
_CURRICULA = _family(
    "SkillList",
    {
        "tscl-online": (
            "curricula.tscl:Online",
            "teacher-student curriculum: fading mean of gains",
            "gains of all",
            {"rate": 0.5, "temperature": 0.02},
        ),
        "tscl-naive": (
            "curricula.tscl:Naive",
            "teacher-student curriculum: slopes, step by step",
            "gains of all",
            {"rate": 0.5, "window": 2, "temperature": 0.02},
        ),
        "tscl-window": (
            "curricula.tscl:Window",
            "teacher-student curriculum: slope in a window",
            "gains of all",
            {"window": 3, "temperature": 0.02},
        ),
        "tscl-sampling": (
            "curricula.tscl:Sampling",
            "teacher-student curriculum: draws from latest gains",
            "gains of all",
            {"window": 3, "temperature": 0.02},
        ),
        "plr": (
            "curricula.plr:PrioritizedLevelReplay",
            "prioritised level replay: rank of change, staleness",
            "gains of what it teaches",
            {},
        ),
        "procurl": (
            "curricula.procurl:ProximalCurriculum",
            "proximal curriculum: neither mastered nor out of reach",
            "accuracy of all",
            {},
        ),
        "sec": (
            "curricula.sec:SelfEvolvingCurriculum",
            "the bandit of self-evolving curricula, on gains",
            "gains of all",
            {"temperature": 0.02},
        ),
        "dump": (
            "curricula.dump:DistributionCurriculum",
            "upper bounds on gains, as a distribution (DUMP)",
            "gains of all",
            {"temperature": 0.02, "width": 0.05},
        ),
        "expected-utility": (
            "curricula.expected_utility:ExpectedUtility",
            "what a model of the student says teaching changes",
            "accuracy of all",
            {},
        ),
        "adarft": (
            "curricula.adarft:AdaptiveDifficulty",
            "what is as hard as a target that moves (AdaRFT)",
            "accuracy of all",
            {},
        ),
    },
    "curricula.teacher:CurriculumTeacher",
)
_MIXTURES = _family(
    "SkillList",
    {
        "odm": (
            "curricula.odm:OnlineDataMixing",
            "online data mixing: a bandit rewarded with the loss",
            "losses of all",
            {},
        ),
        "skill-it": (
            "curricula.skill_it:SkillIt",
            "Skill-It: losses spread over a graph of skills",
            "losses of all",
            {},
        ),
        "excess-loss": (
            "curricula.excess_loss:ExcessLoss",
            "group DRO on losses above a reference (DoReMi's rule)",
            "losses of all",
            {},
        ),
        "ddk": (
            "curricula.ddk:DomainKnowledgeDistillation",
            "what perplexes the student more than a model (DDK)",
            "losses of all",
            {"cap": 3.0},
        ),
    },
    "curricula.teacher:MixingTeacher",
)
_TREES = _family(
    "SkillTree",
    {
        "uniform-tree": (
            "trees.rules:UniformTree",
            "finds every subskill, teaches all alike",
            "its tree",
            {},
        ),
        "alternating": (
            "trees.rules:Alternating",
            "explores and exploits in turn",
            "its tree",
            {},
        ),
        "fill-and-balance": (
            "trees.rules:FillAndBalance",
            "explores until full, then evens out what was taught",
            "its tree",
            {},
        ),
        "random-tree": (
            "trees.rules:RandomTree",
            "a coin decides between exploring and exploiting",
            "its tree",
            {},
        ),
        "threshold": (
            "trees.rules:Threshold",
            "exploits what gained, explores the rest",
            "gains of what it teaches",
            {},
        ),
        "constant-tree": (
            "trees.rules:ConstantTree",
            "the same answer in every step",
            "its tree",
            {},
        ),
    },
    "trees.teacher:TreeTeacher",
)
_WORDS = {
    "llm": TeacherEntry(
        "a chat model that reads the student's errors",
        {
            "OpenEnded": "llm.open_ended:LLMOpenEnded",
            "SkillList": "llm.skill_list:LLMSkillList",
            "SkillTree": "llm.skill_tree:LLMSkillTree",
        },
        "context:Classroom",
        "answers on val",
        env={
            "SkillList": {"action": "plan", "observation": "report"},
            "SkillTree": {"action": "moves", "observation": "report", "pretest": True},
        },
    ),
    "llm-text": TeacherEntry(
        "a chat model whose reply is the action",
        dict.fromkeys(_KNOWS, "llm.text:LLMText"),
        "llm.text:Desk",
        "answers on val",
        env={name: {"action": "text", "observation": "text"} for name in _KNOWS},
    ),
    **_family(
        "OpenEnded",
        {"pool": ("pool:Pool", "hands in finished examples (pool=...)", "accuracy of all", {})},
    ),
}


def _by_order(*engines: str) -> dict[str, Any]:
    """An environment whose orders name one of these engines, or mean the last."""
    settings = {"engines": {name: {} for name in engines}, "default": engines[-1]}
    return {"engine": "by-order", "engine_settings": settings}


_ANSWERS_OR_QUESTIONS: Mapping[str, Any] = {
    "engine": "by-order",
    "engine_settings": {
        "engines": {"answers": {"name": "pool"}, "questions": {"name": "procedural"}},
        "default": "questions",
    },
}
"""Without a chat model a question has one answer, that of the task."""
_METHODS = {
    name: TeacherEntry(
        text,
        {"SkillList": f"methods.{made}"},
        "context:Classroom",
        "answers to exercises",
        env={"SkillList": words},
    )
    for name, text, made, words in (
        (
            "llm2llm",
            "variations of the seeds that it gets wrong (LLM2LLM)",
            "llm2llm:LLM2LLM",
            {"action": "plan", "training": "scratch", **_by_order("pool", "similar")},
        ),
        (
            "pgkd",
            "confident mistakes, and what the report is weak in",
            "pgkd:PGKD",
            {"action": "plan", "observation": "report", "patience": 5},
        ),
    )
} | {
    "ratio-rule": TeacherEntry(
        "new answers while calls are few, new questions later",
        {"SkillList": "methods.ratio_rule:RatioRule"},
        "context:Classroom",
        "nothing",
        env={"SkillList": {"action": "plan", **_ANSWERS_OR_QUESTIONS}},
    ),
    "llm-pgkd": TeacherEntry(
        "a chat model that reads the report and hard negatives",
        {"SkillList": "methods.llm_pgkd:LLMPGKD"},
        "context:Classroom",
        "answers on val",
        env={"SkillList": {"action": "plan", "observation": "report", "patience": 5}},
    ),
    "uncertainty-proposer": TeacherEntry(
        "learns to order what the student is torn about (R-Zero)",
        {"SkillList": "methods.sampled_proposer:SampledProposer"},
        "context:Cells",
        "answers to exercises",
        {"reward": "uncertainty"},
    ),
    "difficulty-proposer": TeacherEntry(
        "learns to order what answers disagree on most (QueST)",
        {"SkillList": "methods.sampled_proposer:SampledProposer"},
        "context:Cells",
        "answers to exercises",
        {"reward": "difficulty"},
    ),
    "grounded-proposer": TeacherEntry(
        "learns to order what copies gain the most from (SOAR)",
        {"SkillList": "methods.grounded_proposer:GroundedProposer"},
        "lookahead:Ahead",
        "gains of all",
        env={"SkillList": {"lookahead": 8}},
    ),
    "exam-dpo": TeacherEntry(
        "engines whose examples help in the prompt, by DPO (ARTE)",
        {"SkillList": "methods.exam_dpo:ExamDPO"},
        "context:Classroom",
        "answers to exercises",
        env={"SkillList": {"action": "plan", **_by_order("pool", "procedural")}},
    ),
    "tailored": TeacherEntry(
        "what it fails, with its own wrong answer beside it",
        {"OpenEnded": "methods.tailored:Tailored"},
        "context:Classroom",
        "answers to exercises",
        env={"OpenEnded": {"gate_settings": {"duplicates": "allow"}}},
    ),
    "smoke-test": TeacherEntry(
        "the engine whose sample teaches a copy the most (DED)",
        {"SkillList": "methods.smoke_test:SmokeTest"},
        "methods.smoke_test:PlansAhead",
        "gains of all",
        env={"SkillList": {"action": "plan", "lookahead": 8, **_by_order("pool", "procedural")}},
    ),
}

_AIDING: tuple[tuple[str, str, str, Observes], ...] = (
    (
        "few-shot",
        "the same for every skill, with solved exercises as aids",
        "few_shot:FewShot",
        "nothing",
    ),
    (
        "interventions",
        "explains where a model of the student says that it pays",
        "methods.interventions:Interventions",
        "answers to exercises",
    ),
    (
        "guidance",
        "a library of what helped the student on a retry",
        "methods.guidance:Guidance",
        "answers to exercises",
    ),
    (
        "lbt",
        "a set of exemplars, changed by what the student fails",
        "methods.lbt:LearningByTeaching",
        "answers to exercises",
    ),
    (
        "knowledge",
        "a store of solved mistakes, searched where it is unsure",
        "methods.knowledge:Knowledge",
        "answers to exercises",
    ),
)
_AIDS = {
    name: TeacherEntry(text, {"SkillList": made}, "context:Classroom", observes)
    for name, text, made, observes in _AIDING
}
"""They order what ``uniform`` orders, and choose what stands before prompts."""

_AHEAD: dict[str, TeacherEntry] = {
    name: TeacherEntry(
        text,
        {"SkillList": f"lookahead:{made}"},
        f"lookahead:{known}",
        "gains of all",
        defaults,
        env={"SkillList": {"lookahead": 8, **words}},
    )
    for name, text, made, known, defaults, words in (
        (
            "best-of-n",
            "a teacher's action or a variation, by trying them",
            "LookAhead",
            "Ahead",
            {},
            {},
        ),
        (
            "beam",
            "as best-of-n, several steps ahead",
            "LookAhead",
            "Ahead",
            {"depth": 2, "width": 2},
            {},
        ),
        (
            "llm-best-of-n",
            "the best of several replies of a chat model, by trying them",
            "BestReply",
            "TextAhead",
            {},
            {"action": "text", "observation": "text"},
        ),
    )
}

BUILT_IN: Mapping[str, TeacherEntry] = {
    **_PLAIN,
    **_BOXES,
    **_BANDITS,
    **_CURRICULA,
    **_MIXTURES,
    **_TREES,
    **_WORDS,
    **_METHODS,
    **_AIDS,
    **_AHEAD,
}
"""By name, in the order of tables."""
