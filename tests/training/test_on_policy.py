"""On-policy training: what is sampled, read and charged; equal however computed; it teaches."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from teachgym.envs.assembly import teacher_env
from teachgym.errors import ConfigError
from teachgym.experiment import RunConfig, resume, run
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.lora import LoRASettings
from teachgym.testing import ToyTask, check_trainer
from teachgym.training import make_trainer
from teachgym.training.advantage import Advantage
from teachgym.training.datum import Datum, Sampled
from teachgym.training.grader import Grader
from teachgym.training.groups import Group, Response, data_of, total_of
from teachgym.training.judges import TaskJudge
from teachgym.training.losses import LOSSES
from teachgym.training.on_policy import OnPolicySettings, OnPolicyTrainer
from teachgym.training.policy_losses import Adpa, Grpo, Kdrl, PolicyLoss, ReverseKl
from teachgym.training.rollouts import Rollouts, questions_of
from teachgym.training.teacher_models import ModelTeacher
from teachgym.training.updates import differentiate
from teachgym.types import Cost, Data, Example
from tests.students.models import untrained_tiny
from tests.training.plain import apart, gradient

WORDS = ("ab", "abc", "xy", "pq", "qr", "st")
DATA: Data = tuple(Example(f"copy {word}=", word, "copy") for word in WORDS)
SETTINGS: dict[str, Any] = {"k": 4, "batch_size": 2, "learning_rate": 1e-2, "optimizer": "adamw"}


class Letters(ToyTask):
    """The score is the share of letters before m in what was written, so chance finds some."""

    def grade(self, example: Example, response: str) -> float:
        early = sum(letter < "m" for letter in response)
        return early / len(response) if response else 0.0


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def make_pool(count: int = 1, lora: LoRASettings | None = None, seed: int = 1) -> StudentPool:
    """Students with the architecture of ``tiny`` and equal random weights."""
    one = untrained_tiny(seed)
    return StudentPool(one.model, one.texts, max_new_tokens=8, count=count, lora=lora)


def student_of(pool: StudentPool | None = None) -> LanguageModelStudent:
    return LanguageModelStudent(pool or make_pool())


def trainer_of(teacher: LanguageModelStudent | None = None, **settings: Any) -> OnPolicyTrainer:
    model: Any = ModelTeacher(teacher, 1000) if teacher else None
    if settings.get("loss") == "adpa":
        model = Advantage(model, ModelTeacher(student_of(make_pool(seed=3)), 1000))
    made = OnPolicySettings(**{**SETTINGS, **settings})
    return OnPolicyTrainer(made, grader=Grader(Letters()), teacher_model=model)


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"loss_settings": {"beta": 0.0}},
    "reference": {"loss_settings": {"beta": 0.1}, "temperature": 0.7},
    "reused": {"updates": 3, "loss_settings": {"beta": 0.0}},
    "dr": {"scale_rewards": False, "mean": "constant", "epochs": 2},
    "kdrl": {"loss": "kdrl", "loss_settings": {"on": "wrong"}},
    "reverse-kl": {"loss": "reverse-kl", "updates": 2},
    "distillation": {"loss": "distillation"},
    "adpa": {"loss": "adpa", "temperature": 0.7},
    "revised": {"loss": "distillation", "revise": True},
}


# -- what is trained on ----------------------------------------------------------------------


POLICIES: dict[str, tuple[PolicyLoss, int]] = {
    "grpo": (Grpo(beta=0.0), 5),
    "grpo with a reference": (Grpo(beta=0.3, kl="k3"), 9),
    "kdrl": (Kdrl(beta=0.5, final_beta=0.1, kl="k2"), 9),
    "kdrl on wrong ones": (Kdrl(beta=0.5, final_beta=0.1, kl="k1", on="wrong"), 6),
    "reverse-kl": (ReverseKl(kl="k1"), 9),
}
"""Each with the number of responses that have a gradient."""


def plain_loss(
    models: Sequence[Any], groups: Sequence[Group], mean: str, longest: int, loss: Any
) -> torch.Tensor:
    """Of padded texts in 64 bits, as TRL's ``GRPOTrainer`` writes it, half way through a step.

    Args:
        models: what is trained, and the reference.
        groups: of responses.
        mean: over what.
        longest: response.
        loss: tells which terms there are.
    """
    rows, masks = [], []
    for group in groups:
        rewards = torch.tensor([r.reward for r in group.responses], dtype=torch.float64)
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
        for response, advantage in zip(group.responses, advantages, strict=True):
            p, r = (padded_logprobs(m, group.prompt, response.ids, longest) for m in models)
            gain = torch.zeros(()) if isinstance(loss, ReverseKl) else (p - p.detach()).exp()
            rows.append(-gain * advantage + weight(loss, response) * estimate(loss.kl, p, r))
            masks.append(torch.arange(longest) < len(response.ids))
    mask = torch.stack(masks)
    each = torch.stack(rows) * mask
    if mean == "responses":
        return (each.sum(-1) / mask.sum(-1)).mean()
    return each.sum() / (mask.sum() if mean == "tokens" else len(each) * longest)


def padded_logprobs(
    model: Any, prompt: Sequence[int], response: Sequence[int], longest: int
) -> torch.Tensor:
    """Of the tokens of a response and as much padding as makes it the longest, (longest,)."""
    ids = torch.zeros(len(prompt) + longest, dtype=torch.long)
    text = (*prompt, *response)
    ids[: len(text)] = torch.tensor(text)
    logits = model(ids[None], attention_mask=(torch.arange(len(ids)) < len(text))[None]).logits
    logprobs = logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    found: torch.Tensor = logprobs.gather(1, ids[len(prompt) :, None])[:, 0]
    return found


def weight(loss: Any, response: Response) -> float:
    """Of the divergence: half way from 0.5 to 0.1 is 0.3, which is GRPO's from the beginning."""
    if isinstance(loss, ReverseKl):
        return 1.0
    masked = isinstance(loss, Kdrl) and loss.on == "wrong" and response.reward == 1.0
    return 0.3 if loss.beta and not masked else 0.0


def estimate(kl: str, p: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    """Of the divergence, from log-probabilities; k1 has the gradient of k2."""
    d = p - r.detach()
    by_value = {"k1": d, "k2": d**2 / 2, "k3": (-d).exp() - 1 + d}[kl].detach()
    by_gradient = (-d).exp() + d if kl == "k3" else d**2 / 2
    return by_value + by_gradient - by_gradient.detach()


@pytest.mark.sweep(5)  # Of each loss and of each mean some.
@pytest.mark.parametrize("mean", ["responses", "tokens", "constant"])
@pytest.mark.parametrize("name", POLICIES)
def test_packed_value_and_gradient_are_those_of_padded_texts_in_64_bits(
    name: str, mean: Any
) -> None:
    """Whole and in passes of one text each; one response and a third group have no advantage."""
    (loss, n_read), other = POLICIES[name], student_of(make_pool(seed=2))
    student, generator = student_of(), torch.Generator().manual_seed(0)

    def response(length: int, reward: float) -> Response:
        return Response(
            tuple(torch.randint(3, 20, (length,), generator=generator).tolist()), reward
        )

    groups = [
        Group((3, 4, 5), (response(4, 1.0), response(2, 0.0), response(8, 0.5))),
        Group((6, 7), (response(1, 0.0), response(5, 1.0), response(3, 1.0))),
        Group((8,), (response(6, 1.0), response(2, 1.0), response(2, 1.0))),
    ]
    exact, reference = (copy.deepcopy(s.model).double() for s in (student, other))
    expected = plain_loss((exact, reference), groups, mean, 8, loss)
    expected.backward()  # type: ignore[no-untyped-call]
    data = data_of(groups, loss, scaled=True, mean=mean, progress=0.5)
    assert len(data) == n_read
    teacher = ModelTeacher(other)
    asked = [d.sampled is not None and d.sampled.pull > 0 for d in data]
    data = [
        teacher.score(student.texts, [d], 1.0)[0] if read else d
        for d, read in zip(data, asked, strict=True)
    ]
    total = total_of(groups, mean, 8)
    for budget in (10**6, 1):
        found = differentiate(student.pool, [data], loss, budget, totals=[total])
        assert float(found) == pytest.approx(expected.item(), rel=1e-6, abs=1e-7)
        assert apart(gradient(student.model), gradient(exact)) < 5e-6


def test_every_loss_over_samples_is_compared() -> None:
    sampled = {type(made) for made in map(LOSSES.make, LOSSES) if made.needs.sampled}
    assert {*(type(loss) for loss, _ in POLICIES.values()), Adpa} == sampled  # test_adpa.py


def test_answers_depend_on_seed_question_and_batch_alone() -> None:
    pool = make_pool()
    questions = questions_of(pool.texts, DATA, room=8, graded=True)

    def drawn(own: Any, step: int = 0, seed: int = 5) -> Any:
        rollouts = Rollouts(pool, None, [seed], k=3, temperature=1.0, rescue=0)
        return [[r.ids for r in g.responses] for g in rollouts.draw([own], step)[0]]

    whole = drawn(questions)
    assert drawn(questions[2:4]) == whole[2:4]
    assert drawn(questions, step=1) != whole
    assert drawn(questions, seed=6) != whole
    assert len({ids for own in whole for ids in own}) > 1


def test_one_question_is_asked_once_however_many_examples_have_it() -> None:
    texts = make_pool().texts
    twice = (*DATA[:2], replace(DATA[0], target="ba"), replace(DATA[1], kind="reversed"))
    graded, all_kinds = (questions_of(texts, twice, room=8, graded=g) for g in (True, False))
    assert [[e.target for e in q.examples] for q in graded] == [["ab", "ba"], ["abc"]]
    assert [len(q.examples) for q in all_kinds] == [2, 2]
    assert questions_of(texts, (), room=8, graded=True) == []


def test_the_probabilities_of_the_first_pass_are_those_the_tokens_were_sampled_with() -> None:
    """What ratios are taken to at the second update is what the student says of its samples."""
    student, seen = student_of(), list[Datum]()
    trainer = trainer_of(updates=2, loss_settings={"beta": 0.0}, learning_rate=1e-30)
    run_class = "teachgym.training.on_policy._replaced"
    with pytest.MonkeyPatch.context() as patch:

        def spy(data: Any, old: Any, new: Any) -> Any:
            seen.extend(new[0])
            return [list(own) for own in new]

        patch.setattr(run_class, spy)
        trainer.train(student, DATA[:2], rng())
    assert seen
    for datum in seen:
        (text,), sampled = datum.texts, datum.sampled
        assert isinstance(sampled, Sampled)
        logits = student.model(torch.tensor([text.ids])).logits[0].log_softmax(-1)
        rows = [i for i, weight in enumerate(text.weights) if weight]
        expected = [logits[i - 1, text.ids[i]].item() for i in rows]
        np.testing.assert_allclose(sampled.logprobs, expected, atol=1e-5)


# -- rescue ----------------------------------------------------------------------------------


class Exact(ToyTask):
    """Only the target is right."""

    def grade(self, example: Example, response: str) -> float:
        return float(response.strip() == example.prompt.partition(" ")[2].rstrip("="))


def test_solutions_are_right_targets_and_those_the_student_understands_come_first() -> None:
    """Of three right targets two are wanted; the wrong one and the one that is too long are none.

    Padding with spaces makes distinct texts that the grader takes for the same answer.
    """
    student = student_of()
    targets = (" ab", "ab", "ba", "  ab", "ab" + " " * 20)
    data = tuple(Example("copy ab=", target, "copy") for target in targets)
    (question,) = questions_of(student.texts, data, room=8, graded=True)
    grader = Grader(Exact())
    judge = TaskJudge(grader)
    rollouts = Rollouts(student.pool, grader, [0], k=4, temperature=1.0, rescue=2, judge=judge)
    ((group,),) = rollouts.draw([[question]], 0)
    assert not any(r.right for r in group.responses[:2])
    told = [student.texts.decode(r.ids) for r in group.responses if not r.own]
    fitting = [t for t in targets if t.strip() == "ab" and len(t) < 8]
    scores = student.logprobs([question.examples[0].question] * 3, fitting)
    best = sorted(range(3), key=lambda i: -scores[i].mean())[:2]
    assert told == [fitting[i] for i in best]
    assert rollouts.read == [sum(len(question.ids) + len(t) + 1 for t in fitting)]
    assert rollouts.generated[0] > 0


# -- prices ----------------------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("settings", VARIANTS.values(), ids=list(VARIANTS))
def test_it_keeps_the_contract_of_trainers(settings: dict[str, Any]) -> None:
    check_trainer(trainer_of(student_of(make_pool(seed=2)), **settings), student_of(), DATA)


def test_every_token_is_charged_where_it_is_spent() -> None:
    """6 questions with 4 responses; a reference reads all once, two updates read them twice.

    What a teacher model reads is the teacher's.
    """
    student = student_of()
    trainer = trainer_of(loss_settings={"beta": 0.1}, updates=2)
    spent = trainer.train(student, DATA, rng()).cost
    prompts = sum(len(ids) for ids in student.texts.prompts([e.question for e in DATA], room=8))
    assert spent.train_tokens == 3 * (4 * prompts + spent.generated_tokens)
    bound = trainer.cost(student, DATA)
    assert (bound.generated_tokens, bound.train_tokens) == (6 * 4 * 8, 3 * 4 * (prompts + 6 * 8))
    guided = trainer_of(student_of(make_pool(seed=2)), loss="reverse-kl")
    spent = guided.train(student, DATA, rng()).cost
    assert spent.teacher_tokens_in == spent.train_tokens == 4 * prompts + spent.generated_tokens


def test_a_reference_is_the_student_before_though_there_is_a_teacher_model() -> None:
    """As where the teacher model is there to judge."""
    one, other = student_of(), student_of()
    settings: dict[str, Any] = {"loss_settings": {"beta": 0.5}, "updates": 2}
    results = [
        trainer_of(teacher, **settings).train(student, DATA, rng())
        for student, teacher in ((one, None), (other, student_of(make_pool(seed=2))))
    ]
    assert one.save() == other.save()
    alone, taught = (replace(r.cost, seconds=0.0) for r in results)
    assert alone == taught


@pytest.mark.parametrize(
    ("settings", "rate"),
    [({}, 5e-4), ({"loss": "reverse-kl"}, 2e-3), ({"learning_rate": 1e-3}, 1e-3)],
)
def test_grades_are_learned_from_at_a_quarter_of_the_rate(
    settings: dict[str, Any], rate: float
) -> None:
    student, teacher = student_of(), ModelTeacher(student_of(make_pool(seed=2)))
    trainer = make_trainer(student, "on-policy", task=Letters(), teacher_model=teacher, **settings)
    assert trainer.settings.learning_rate == rate


def test_what_is_missing_or_makes_no_sense_is_said() -> None:
    student, task = student_of(), Letters()
    with pytest.raises(ConfigError, match="needs the score of each response; give the task"):
        make_trainer(student, "on-policy")
    with pytest.raises(ConfigError, match="needs a teacher model; set teacher_model"):
        make_trainer(student, "on-policy", task=task, loss="kdrl")
    with pytest.raises(ConfigError, match="revise asks a teacher model for probabilities"):
        make_trainer(student, "on-policy", task=task, revise=True)
    with pytest.raises(ConfigError, match="needs more than single responses"):
        make_trainer(student, "on-policy", task=task, loss="dpo")
    with pytest.raises(ConfigError, match="cannot train a SimulatedStudent"):
        teacher_env(student="simulated", trainer="on-policy")
    for wrong in ({"k": 0}, {"temperature": 0.0}, {"mean": "all"}, {"rescue": -1}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            make_trainer(student, "on-policy", task=task, **wrong)
    with pytest.raises(ConfigError, match="beta"):
        make_trainer(student, "on-policy", task=task, loss_settings={"beta": -1.0})


# -- students together -----------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("lora", [None, LoRASettings(rank=4, dropout=0.1)])
@pytest.mark.parametrize("loss", ["grpo", "kdrl", "reverse-kl", "distillation"])
def test_students_together_learn_as_each_would_alone(lora: LoRASettings | None, loss: str) -> None:
    """Bit for bit: with ragged data, one without any, small passes and several updates."""
    teacher = student_of(make_pool(seed=2))
    trainer = trainer_of(teacher, loss=loss, updates=2, token_budget=60, rescue=1)
    parts: list[Data] = [DATA, DATA[:3], ()]
    pool = make_pool(3, lora)
    students = [LanguageModelStudent(pool, k) for k in range(3)]
    together = trainer.train_together(students, parts, [rng(k) for k in range(3)])
    for k, (own, result) in enumerate(zip(parts, together, strict=True)):
        alone = student_of(make_pool(1, lora))
        found = trainer.train(alone, own, rng(k))
        assert alone.save() == students[k].save()
        assert replace(found.cost, seconds=0.0) == replace(result.cost, seconds=0.0)
        assert found.loss == result.loss or math.isnan(found.loss)


# -- it teaches ------------------------------------------------------------------------------


def mean_reward(student: LanguageModelStudent) -> float:
    answers = student.sample([e.question for e in DATA], k=32, seed=9)
    task = Letters()
    return float(np.mean([task.grade(DATA[0], a) for own in answers for a in own]))


def test_what_is_rewarded_becomes_likelier() -> None:
    student = student_of()
    before = mean_reward(student)
    trainer_of(epochs=8, k=8, loss_settings={"beta": 0.0}).train(student, DATA, rng())
    assert mean_reward(student) > before + 0.2


@pytest.mark.slow
@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("loss", "settings"), [("reverse-kl", {}), ("distillation", {"divergence": "reverse"})]
)
def test_a_student_comes_closer_to_the_teacher_that_it_follows(
    loss: str, settings: dict[str, Any]
) -> None:
    """The mean reverse KL over samples, before and after on-policy distillation."""
    student, teacher = student_of(), student_of(make_pool(seed=2))

    def distance() -> float:
        prompts = [e.question for e in DATA for _ in range(8)]
        said = [t for own in student.sample([e.question for e in DATA], k=8, seed=3) for t in own]
        mine, theirs = (s.logprobs(prompts, said) for s in (student, teacher))
        return float(np.concatenate(mine).mean() - np.concatenate(theirs).mean())

    before = distance()
    trainer = trainer_of(teacher, loss=loss, loss_settings=settings, epochs=8, k=8)
    trainer.train(student, DATA, rng())
    assert distance() < before / 2


@pytest.mark.sweep(1)
@pytest.mark.parametrize("loss", ["reverse-kl", "distillation"])
def test_a_teacher_model_that_is_the_student_teaches_nothing_at_any_temperature(loss: str) -> None:
    """Both are followed at the temperature of the samples."""
    trainer = trainer_of(student_of(), loss=loss, temperature=0.5, learning_rate=1e-12)
    assert trainer.train(student_of(), DATA, rng()).loss == pytest.approx(0, abs=1e-6)


def test_a_judge_that_reads_the_end_of_answers_of_full_length_costs_what_was_said() -> None:
    """One token, to which the judge adds an end where the student has written none."""
    one = untrained_tiny(1)
    student = student_of(StudentPool(one.model, one.texts, max_new_tokens=1))
    trainer = trainer_of(student_of(make_pool(seed=2)), judge="teacher")
    bound = trainer.cost(student, DATA)
    cost = trainer.train(student, DATA, rng()).cost
    assert 0.9 * bound.teacher_tokens_in < cost.teacher_tokens_in <= bound.teacher_tokens_in


# -- runs ------------------------------------------------------------------------------------

SMALL: dict[str, Any] = {
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "trainer": "on-policy",
    "trainer_settings": {"k": 4, "batch_size": 4, "updates": 2},
    "examples_per_step": 8,
}


def test_a_run_that_was_killed_within_an_update_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the second step, after the first of the two updates from the first groups."""
    config = RunConfig(teacher="uniform", env_settings={**SMALL, "budget": {"steps": 2}}, seed=1)
    whole = run(config, tmp_path / "whole")
    made: list[int] = []

    def dying(*args: Any, **kwargs: Any) -> Any:
        made.append(1)
        if len(made) == 6:
            raise KeyboardInterrupt
        return differentiate(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr("teachgym.training.on_policy.differentiate", dying)
        with pytest.raises(KeyboardInterrupt):
            run(config, tmp_path / "run")
    resumed = resume(tmp_path / "run")
    assert resumed.return_ == whole.return_
    assert replace(resumed.spent, seconds=0.0) == replace(whole.spent, seconds=0.0)
    assert resumed.curve == whole.curve


def test_a_limit_of_generated_tokens_is_held_before_anything_is_sampled() -> None:
    """Each example may take 4 answers of the longest; what is left pays for three of them."""
    env = teacher_env(**SMALL, budget={"steps": 2, "generated_tokens": 10**6})
    env.reset(seed=0)
    price = env.trainer.cost(env.student, (Example("copy ab=", "ab", "copy"),)).generated_tokens
    assert price == 4 * env.student.max_new_tokens
    limit = 3 * price + env.next_evaluation.generated_tokens
    env = teacher_env(**SMALL, budget={"steps": 2, "generated_tokens": limit})
    env.reset(seed=0)
    words = ("cdxy", "fghm", "hkzq", "mpwv", "qrst")
    *_, info = env.step(tuple(Example(f"copy {w}=", w, "copy") for w in words))
    assert [v.reason for v in info["rejected"]] == ["budget", "budget"]
    assert 0 < info["cost"].generated_tokens <= limit
    assert isinstance(info["cost"], Cost)
