"""The table of built-in teachers. A new one needs a file with the teacher and an entry here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.agents.entry import AlgorithmEntry, EnvName, Observes, TeacherEntry

_KNOWS: Mapping[EnvName, str] = {
    "SkillList": "context:Cells",
    "SkillTree": "context:Branches",
    "OpenEnded": "context:Lessons",
}


_Row = tuple[str, str, Observes | None, dict[str, Any]]


def _row(path: str, text: str, observes: Observes | None = None, **defaults: Any) -> _Row:
    """The class of a teacher, its description, what it observes unlike its family, defaults."""
    return path, text, observes, defaults


def _family(
    env: EnvName,
    observes: Observes,
    rows: Mapping[str, _Row],
    *,
    folder: str = "",
    teacher: str = "",
) -> dict[str, TeacherEntry]:
    """Teachers by name, whose classes are in a folder of this package.

    With ``teacher``, the classes are the algorithms that it plugs in.
    """
    found: dict[str, TeacherEntry] = {}
    for name, (path, text, own, defaults) in rows.items():
        makers = {env: f"{folder}.{teacher or path}".removeprefix(".")}
        common = (text, makers, _KNOWS[env], own or observes, defaults)
        found[name] = (
            AlgorithmEntry(*common, algorithm=f"{folder}.{path}", name=name)
            if teacher
            else TeacherEntry(*common)
        )
    return found


_PLAIN = _family(
    "SkillList",
    "nothing",
    {
        "uniform": _row("uniform:Uniform", "the same share for every skill and level"),
        "nothing": _row("nothing:Nothing", "orders nothing; the student stays untrained"),
        "fixed": _row("fixed:Fixed", "a schedule fixed beforehand (mixtures=...)"),
        "oracle": _row("oracle:Oracle", "only the learnable skills, which it knows (learnable=...)",
                       "accuracy of all, and what is learnable"),
        "planned": _row("planned:Planned", "the best plan found on known dynamics (plan=...)",
                        "known dynamics"),
        "best-constant": _row("planned:BestConstant",
                              "the best constant allocation (allocation=...)", "known dynamics"),
        "dirichlet": _row("dirichlet:Dirichlet", "a random allocation, drawn once per episode"),
        "weakest": _row("weakest:Weakest", "most for the skills in which the student errs most",
                        "accuracy of all"),
        "alp": _row("progress.alp:LearningProgress",
                    "most for skills with high absolute learning progress", "gains of all"),
    },
)  # fmt: skip
_BOXES = _family(
    "SkillList",
    "accuracy of what it teaches",
    {
        "alp-gmm": _row("alp_gmm:ALPGMM", "Gaussian mixtures over absolute learning progress",
                        fit_every=60, components=(4, 8, 12)),
        "riac": _row("riac:RIAC", "regions of learning progress", max_points=20),
        "covar-gmm": _row("covar_gmm:CovarGMM", "Gaussian mixtures over reward and time",
                          fit_every=60, components=(4, 8, 12)),
    },
    folder="progress",
    teacher="box_teacher:BoxTeacher",
)  # fmt: skip
_BANDITS = _family(
    "SkillList",
    "gains of what it teaches",
    {
        "epsilon-greedy": _row("epsilon_greedy:EpsilonGreedy",
                               "bandit: the best skills so far, at times random ones"),
        "ucb1": _row("ucb:UCB1", "bandit: optimism, all rewards count", width=0.1),
        "discounted-ucb": _row("ucb:DiscountedUCB", "bandit: optimism, old rewards fade",
                               width=0.1),
        "sliding-window-ucb": _row("ucb:SlidingWindowUCB",
                                   "bandit: optimism, only recent rewards count", width=0.1),
        "thompson": _row("thompson:Thompson", "bandit: draws from a fading Gaussian posterior"),
        "exp3": _row("exp3:EXP3", "bandit: exponential weights", slots=128),
        "exp3s": _row("exp3:EXP3S", "bandit: exponential weights that adapt to change", slots=128,
                      alpha=0.001),
        "linucb": _row("linucb:LinUCB", "bandit: linear in accuracy, its error, and level",
                       "accuracy of all"),
    },
    folder="bandits",
    teacher="teacher:BanditTeacher",
)  # fmt: skip
_CURRICULA = _family(
    "SkillList",
    "gains of all",
    {
        "tscl-online": _row("tscl:Online", "teacher-student curriculum: fading mean of gains",
                            rate=0.5, temperature=0.02),
        "tscl-naive": _row("tscl:Naive", "teacher-student curriculum: slope over a few steps",
                           rate=0.5, window=2, temperature=0.02),
        "tscl-window": _row("tscl:Window", "teacher-student curriculum: slope in a window",
                            window=3, temperature=0.02),
        "tscl-sampling": _row("tscl:Sampling",
                              "teacher-student curriculum: draws from latest gains", window=3,
                              temperature=0.02),
        "plr": _row("plr:PrioritizedLevelReplay",
                    "prioritised level replay: rank of change, staleness",
                    "gains of what it teaches"),
        "procurl": _row("procurl:ProximalCurriculum",
                        "proximal curriculum: neither mastered nor out of reach",
                        "accuracy of all"),
        "sec": _row("sec:SelfEvolvingCurriculum", "the bandit of self-evolving curricula, on gains",
                    temperature=0.02),
        "dump": _row("dump:DistributionCurriculum",
                     "upper bounds on gains, as a distribution (DUMP)", temperature=0.02,
                     width=0.05),
        "expected-utility": _row("expected_utility:ExpectedUtility",
                                 "skills by expected gain under a model of the student",
                                 "accuracy of all"),
        "adarft": _row("adarft:AdaptiveDifficulty",
                       "skills near a moving target difficulty (AdaRFT)", "accuracy of all"),
    },
    folder="curricula",
    teacher="teacher:CurriculumTeacher",
)  # fmt: skip
_MIXTURES = _family(
    "SkillList",
    "losses of all",
    {
        "odm": _row("odm:OnlineDataMixing", "online data mixing: a bandit rewarded with the loss"),
        "skill-it": _row("skill_it:SkillIt", "Skill-It: losses spread over a graph of skills"),
        "excess-loss": _row("excess_loss:ExcessLoss",
                            "group DRO on losses above a reference (DoReMi's rule)"),
        "ddk": _row("ddk:DomainKnowledgeDistillation",
                    "skills with the largest perplexity gap to a model (DDK)", cap=3.0),
    },
    folder="curricula",
    teacher="teacher:MixingTeacher",
)  # fmt: skip
_TREES = _family(
    "SkillTree",
    "its tree",
    {
        "uniform-tree": _row("rules:UniformTree", "finds every subskill, then teaches all equally"),
        "alternating": _row("rules:Alternating", "explores and exploits in turn"),
        "fill-and-balance": _row("rules:FillAndBalance",
                                 "explores until full, then balances what was taught"),
        "random-tree": _row("rules:RandomTree", "a coin decides between exploring and exploiting"),
        "threshold": _row("rules:Threshold", "exploits roots that gained, explores the others",
                          "gains of what it teaches"),
        "constant-tree": _row("rules:ConstantTree", "the same action in every step"),
    },
    folder="trees",
    teacher="teacher:TreeTeacher",
)  # fmt: skip
_WORDS = {
    "llm": TeacherEntry(
        "a chat model that reads the student's errors and plans",
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
        "SkillList",
        "gains of all",
        {"trained": _row("trained:Trained", "a language model trained as a teacher (path=...)")},
        folder="llm",
    ),
    **_family(
        "OpenEnded",
        "accuracy of all",
        {"pool": _row("pool:Pool", "hands in finished examples (pool=...)")},
    ),
}


def _by_order(**engines: str) -> dict[str, Any]:
    """Settings of an environment whose orders name one of these engines, by default the last."""
    named = {name: {"name": engine} for name, engine in engines.items()}
    settings = {"engines": named, "default": [*engines][-1]}
    return {"action": "plan", "engine": "by-order", "engine_settings": settings}


def _method(
    text: str,
    made: str,
    observes: Observes = "answers to exercises",
    *,
    knows: str = "context:Classroom",
    defaults: Mapping[str, Any] | None = None,
    env: EnvName = "SkillList",
    asks: bool = False,
    **settings: Any,
) -> TeacherEntry:
    """A published loop, with the settings that it needs of its environment."""
    asked: dict[str, Mapping[str, Any]] = {env: settings} if settings else {}
    asks = asks or observes == "answers to exercises"
    return TeacherEntry(text, {env: made}, knows, observes, defaults or {}, asked, asks)


_METHODS = {
    "llm2llm": _method(
        "variations of seeds that the student fails (LLM2LLM)",
        "methods.llm2llm:LLM2LLM",
        training="scratch",
        **_by_order(pool="pool", similar="similar"),
    ),
    "pgkd": _method(
        "confident mistakes, and weak skills in the report (PGKD)",
        "methods.pgkd:PGKD",
        action="plan",
        observation="report",
        patience=5,
    ),
    "llm-pgkd": _method(
        "a chat model that reads report and hard negatives (PGKD)",
        "methods.llm_pgkd:LLMPGKD",
        "answers on val",
        asks=True,
        action="plan",
        observation="report",
        patience=5,
    ),
    "ratio-rule": _method(
        "new answers while calls are few, then new questions",
        "methods.ratio_rule:RatioRule",
        "nothing",
        # Without a chat model a question has one answer, that of the task.
        **_by_order(answers="pool", questions="procedural"),
    ),
    "uncertainty-proposer": _method(
        "learns to order what the student is unsure of (R-Zero)",
        "methods.sampled_proposer:SampledProposer",
        knows="context:Cells",
        defaults={"reward": "uncertainty"},
    ),
    "difficulty-proposer": _method(
        "learns to order where answers disagree most (QueST)",
        "methods.sampled_proposer:SampledProposer",
        knows="context:Cells",
        defaults={"reward": "difficulty"},
    ),
    "grounded-proposer": _method(
        "learns to order what helps copies most (SOAR)",
        "methods.grounded_proposer:GroundedProposer",
        "gains of all",
        knows="lookahead:Ahead",
        lookahead=8,
    ),
    "exam-dpo": _method(
        "engines whose examples help as prompts, by DPO (ARTE)",
        "methods.exam_dpo:ExamDPO",
        **_by_order(pool="pool", procedural="procedural"),
    ),
    "smoke-test": _method(
        "the engine whose sample teaches a copy the most (DED)",
        "methods.smoke_test:SmokeTest",
        "gains of all",
        knows="lookahead:Ahead",
        lookahead=8,
        **_by_order(pool="pool", procedural="procedural"),
    ),
    "tailored": _method(
        "exercises that the student fails, with its wrong answers",
        "methods.tailored:Tailored",
        env="OpenEnded",
        gate_settings={"duplicates": "allow"},
    ),
    "say-self": _method(
        "answers, with how often the student is right (SaySelf)",
        "methods.say_self:SaySelf",
        env="OpenEnded",
        task="stated-confidence",
        gate_settings={"duplicates": "allow"},
    ),
}
_AIDS = {
    "few-shot": _method("uniform, with solved exercises as aids", "few_shot:FewShot", "nothing"),
    "interventions": _method(
        "uniform, with explanations where they should pay",
        "methods.interventions:Interventions",
    ),
    "guidance": _method(
        "uniform, with a library of guidance that helped", "methods.guidance:Guidance"
    ),
    "lbt": _method(
        "uniform, with exemplars adapted to what fails", "methods.lbt:LearningByTeaching"
    ),
    "knowledge": _method(
        "uniform, with solved mistakes looked up where unsure", "methods.knowledge:Knowledge"
    ),
}
"""They order what ``uniform`` orders, and choose texts to put before prompts."""

_AHEAD: dict[str, TeacherEntry] = {
    name: TeacherEntry(
        text,
        {"SkillList": f"lookahead:{made}"},
        "lookahead:Ahead",
        "gains of all",
        defaults,
        env={"SkillList": {"lookahead": 8, **words}},
    )
    for name, text, made, defaults, words in (
        ("best-of-n", "the best of another teacher's action and variations", "LookAhead", {}, {}),
        ("beam", "like best-of-n, several steps ahead", "LookAhead", {"depth": 2, "width": 2}, {}),
        (
            "llm-best-of-n",
            "the best of several replies of a chat model, all tried",
            "BestReply",
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
