"""A teacher's training: what an update does, going on after a kill, warm starts, settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym import experiment
from teachgym.agents import make_teacher
from teachgym.agents.llm.shares import SharesForm
from teachgym.agents.llm.speaker import Speaker, load_model
from teachgym.bridges.grpo.settings import Stage, TeacherTraining
from teachgym.bridges.grpo.training import as_begun, train_teacher
from teachgym.bridges.grpo.warm_start import environments_of, lessons_of
from teachgym.errors import ConfigError, RunError, UnknownNameError
from teachgym.loop import run_episode
from teachgym.runs.config import read_config
from tests.bridges.random_models import save_model

ENV: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 100,
    "budget": {"steps": 2, "examples": 200},
}
SETTINGS: dict[str, Any] = {
    "group": 3,
    "form": {"items": 2},
    "checkpoint_every": 2,
    "stages": [
        {
            "updates": 3,
            "env_settings": {**ENV, "texts": False},
            "vary": {"student_settings.base": [5, 6]},
        },
        {"updates": 1, "env_settings": ENV},
    ],
}


def train(folder: Path, **changes: Any) -> Path:
    return train_teacher(TeacherTraining.of({**SETTINGS, **changes}), folder)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four updates, the last on students that read texts."""
    folder = tmp_path_factory.mktemp("teacher") / "whole"
    assert train(folder) == folder / "teacher"
    return folder


@pytest.mark.slow
def test_every_update_and_group_is_recorded(trained: Path) -> None:
    assert [line["step"] for line in lines(trained / "metrics.jsonl")] == [1, 2, 3, 4]
    groups = lines(trained / "answers.jsonl")
    assert [g["place"] for g in groups] == [[u, 0, s] for u in range(4) for s in range(2)]
    texts = load_model("small").texts
    assert {len(g["answers"]) for g in groups} == {3}
    for group in groups:
        assert texts.decode(group["prompt"]).startswith("left ")
        for ids, known in zip(group["answers"], group["logprobs"], strict=True):
            assert ids[-1] == texts.end
            assert known is None or (len(known) == len(ids) and max(known) <= 0)
    assert any(known for group in groups for known in group["logprobs"])


def test_what_gained_more_becomes_likelier(tmp_path: Path) -> None:
    """One update: of two different answers the better one gains odds on the worse one."""
    stage = {**SETTINGS["stages"][0], "updates": 1}
    train(tmp_path / "one", stages=[stage], optimizer={"warmup_steps": 0}, group=8)
    group = lines(tmp_path / "one" / "answers.jsonl")[0]
    rewards = group["rewards"]
    best, worst = (int(choose(rewards)) for choose in (np.argmax, np.argmin))
    assert rewards[best] > rewards[worst]
    odds = []
    for model in (load_model("small"), load_model(str(tmp_path / "one" / "teacher"))):
        log = [_likely(model, group["prompt"], group["answers"][place]) for place in (best, worst)]
        odds.append(log[0] - log[1])
    assert odds[1] > odds[0]


def _likely(model: Any, prompt: list[int], answer: list[int]) -> float:
    """The log-probability of an answer among legal ones, by plain logits."""
    import torch

    skills = tuple(gym.make("teachgym/SkillList-v0", **ENV).get_wrapper_attr("skills"))
    form = SharesForm(skills, TeacherTraining.of(SETTINGS).form)
    automaton = Speaker(model.pool, form).automaton
    with torch.no_grad():
        logits = model.model(torch.tensor([[*prompt, *answer]])).logits[0]
    total = 0.0
    for place, (state, token) in enumerate(zip(automaton.states(answer), answer, strict=True)):
        legal = [t for t in automaton.tokens[state].tolist() if t >= 0]
        scores = logits[len(prompt) + place - 1, legal].log_softmax(-1)
        total += float(scores[legal.index(token)])
    return total


@pytest.mark.slow
def test_a_killed_training_ends_as_one_that_was_not(trained: Path, tmp_path: Path) -> None:
    """Killed after the third update, with the last checkpoint after the second."""
    folder = tmp_path / "killed"
    code = (
        "import json, os, signal, sys; from pathlib import Path\n"
        "from teachgym.bridges.grpo.settings import TeacherTraining\n"
        "from teachgym.bridges.grpo.training import train_teacher\n"
        "def watch(number, metrics):\n"
        "    if number == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train_teacher(TeacherTraining.of(json.loads(sys.argv[1])), Path(sys.argv[2]), watch)\n"
    )
    command = [sys.executable, "-c", code, json.dumps(SETTINGS), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(lines(folder / "metrics.jsonl")) == 3
    assert not (folder / "teacher").exists()
    train(folder)
    for name in ("metrics.jsonl", "answers.jsonl", "teacher/model.safetensors"):
        assert (folder / name).read_bytes() == (trained / name).read_bytes()


def test_the_teacher_teaches_by_its_path(trained: Path) -> None:
    env = gym.make("teachgym/SkillList-v0", **ENV)
    teacher = make_teacher("trained", env, path=str(trained / "teacher"), answers=2)
    assert run_episode(env, teacher, seed=0).length == 2


@pytest.mark.slow
def test_the_real_run_runs_in_small(tmp_path: Path) -> None:
    """Its file as it stands, but for models, devices and sizes; the teacher is an adapter."""
    real = read_config(Path(__file__).parents[3] / "examples" / "qwen_teacher.toml")
    first, second = real["stages"]
    student = str(save_model(tmp_path / "student", "Qwen2"))
    on_cpu = {"device": "cpu", "max_new_tokens": 96}
    settings = {**second["env_settings"]["student_settings"], **on_cpu}
    sizes = {"task_settings": ENV["task_settings"], "budget": {"steps": 1}}
    on_texts = {**sizes, "student": student, "student_settings": settings, "examples_per_step": 4}
    stages = [
        {**first, "updates": 1, "env_settings": {**first["env_settings"], **sizes}},
        {**second, "updates": 1, "env_settings": {**second["env_settings"], **on_texts}},
    ]
    changes = {"stages": stages, "group": 2, "episodes": 1}
    model = str(save_model(tmp_path / "model", "Qwen3"))
    loading = {**real["model_settings"], "device": "cpu"}
    record = {**real, **changes, "model": model, "model_settings": loading}
    teacher = train_teacher(TeacherTraining.of(record), tmp_path / "out")
    assert [line["step"] for line in lines(tmp_path / "out" / "metrics.jsonl")] == [1, 2]
    assert (teacher / "adapter_model.safetensors").exists()
    assert make_teacher("trained", gym.make("teachgym/SkillList-v0", **ENV), path=str(teacher))


def test_a_folder_with_other_settings_is_refused(trained: Path) -> None:
    with pytest.raises(RunError, match=r"begun with other settings \(group\)"):
        train(trained, group=4)


@pytest.fixture(scope="module")
def alp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "alp"
    record = {"teacher": "alp", "env_settings": ENV, "seed": 3}
    experiment.run(experiment.RunConfig.of(record), folder)
    return folder


def test_lessons_are_what_the_teacher_saw_and_ordered(alp: Path) -> None:
    env = gym.make("teachgym/SkillList-v0", **ENV)
    form = SharesForm(tuple(env.get_wrapper_attr("skills")), TeacherTraining.of(SETTINGS).form)
    warm = TeacherTraining.of({"warm_start": {"runs": [str(alp)]}})
    assert [own["student"] for own in environments_of(warm)] == ["simulated"]
    found = list(lessons_of(alp, Speaker(load_model("small").pool, form)))
    episode = run_episode(env, make_teacher("alp", env), seed=3).transitions
    before = None
    for (prompt, shares), lived in zip(found, episode, strict=True):
        assert prompt == form.prompt(lived.observation, before)
        np.testing.assert_allclose(shares, lived.action.sum(axis=1), rtol=1e-6)
        before = lived.observation


@pytest.mark.slow
def test_a_warm_start_makes_what_was_done_likelier(alp: Path, tmp_path: Path) -> None:
    """A teacher that always ordered one skill is imitated: its name is said far more often."""
    record = {
        "teacher": "fixed",
        "teacher_settings": {"mixtures": [{"mix": 1}]},
        "env_settings": ENV,
    }
    experiment.run(experiment.RunConfig.of(record), tmp_path / "run")
    warm = {"runs": [str(tmp_path / "run")] * 8, "epochs": 6, "batch_size": 4}
    train(tmp_path / "warm", warm_start=warm, stages=[{**SETTINGS["stages"][0], "updates": 1}])
    texts = load_model("small").texts
    (group, *_) = lines(tmp_path / "warm" / "answers.jsonl")
    said = [texts.decode(ids) for ids in group["answers"]]
    assert sum("mix:" in text for text in said) >= 2


def test_stages_follow_one_another_and_what_varies_takes_turns() -> None:
    settings = TeacherTraining.of(SETTINGS)
    assert settings.updates == 4
    assert [settings.stage_of(u)[1] for u in range(4)] == [0, 1, 2, 0]
    bases = [settings.stages[0].settings_of(u)["student_settings"]["base"] for u in range(3)]
    assert bases == [5, 6, 5]


def test_bases_and_items_that_are_not_set_are_none_of_boards() -> None:
    """Boards have the bases 0 to 4 of ``tiny`` and task seeds below 10,000."""
    items = {"task_settings": {"seed": 1_000_000}}
    usual = {"student": "simulated", "student_settings": {"base": 5}, **items}
    assert Stage().settings_of(0) == usual
    bases = [own["student_settings"]["base"] for own in Stage().environments()]
    assert bases == [5, 6]
    own = {"student": "tiny", "student_settings": {"base": 2}, "task_settings": {"seed": 3}}
    assert Stage(env_settings=own).settings_of(7) == own
    varied = Stage(vary={"student": ["tiny", "some/model"], "task_settings.seed": [7, 8, 9]})
    assert [varied.settings_of(u) for u in (1, 2)] == [
        {"student": "some/model", "task_settings": {"seed": 8}},
        {"student": "tiny", "student_settings": {"base": 5}, "task_settings": {"seed": 9}},
    ]
    hard = Stage(env_settings={"student_settings": {"profile": "hard"}, "task": "second-try"})
    assert hard.settings_of(0) == {"student": "simulated", **hard.env_settings}
    assert Stage(apart=False).settings_of(0) == {"student": "simulated"}


def test_every_combination_of_what_varies_is_checked(tmp_path: Path) -> None:
    """Of lists of two and three the sixth update alone has the last of both."""
    vary = {"examples_per_step": [10, 20], "reward_scale": [1.0, 2.0, 3.0]}
    stage = Stage(updates=9, env_settings=ENV, vary=vary)
    met = {(own["examples_per_step"], own["reward_scale"]) for own in stage.environments()}
    assert met == {(n, scale) for n in (10, 20) for scale in (1.0, 2.0, 3.0)}
    assert len(Stage(updates=4, env_settings=ENV, vary=vary).environments()) == 4
    wrong = {"reward": ["cost_adjusted", "per_skill"], "prices": [None, None, {"examples": 1e-5}]}
    stages = [{"updates": 6, "env_settings": ENV, "vary": wrong}]
    with pytest.raises(ConfigError, match="prices are given, but reward='per_skill'"):
        train(tmp_path / "wrong", stages=stages)
    assert not (tmp_path / "wrong").exists()


def test_a_training_from_before_goes_on_with_what_it_has_met(tmp_path: Path) -> None:
    settings = TeacherTraining.of({"seed": 3})
    assert as_begun(settings, tmp_path / "new") == settings
    for apart, stage in (({}, {}), ({"apart": True}, {})):
        (tmp_path / "config.json").write_text(
            json.dumps({"kind": "teacher", "config": {"stages": [{**stage, **apart}]}})
        )
        begun = as_begun(settings, tmp_path)
        assert begun.stages[0].apart == bool(apart)
        assert begun.seed == 3


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"stages": []}, "stages is empty"),
        ({"group": 1}, "group is 1; it must be 2 or more"),
        ({"loss": {"beta": 0.1}}, "no reference is kept"),
        ({"stages": [{"vary": {"student": []}}]}, "vary.student is empty"),
        ({"stages": [{"env_settings": {"action": "text"}}]}, "a stage sets action"),
        ({"stages": [{"env_settings": {"stop": True}}]}, "a stage sets stop"),
        ({"stages": [{"updats": 3}]}, "Did you mean 'updates'"),
        ({"optimizer": {"learning_rat": 1}}, "Did you mean 'learning_rate'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(record: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TeacherTraining.of(record)


@pytest.mark.parametrize("wrong", [{"pretest": True}, {"student": "tiny"}])
def test_what_cannot_be_counted_is_refused_before_there_is_a_folder(
    wrong: dict[str, Any], tmp_path: Path
) -> None:
    """A folder would keep the wrong settings, and refuse the right ones."""
    name = next(iter(wrong))
    with pytest.raises(ConfigError, match=f"{name} is .* texts"):
        train(tmp_path / "wrong", stages=[{"env_settings": {**ENV, "texts": False, **wrong}}])
    assert not (tmp_path / "wrong").exists()


def test_later_stages_are_checked_before_the_first(tmp_path: Path) -> None:
    stages = [SETTINGS["stages"][0], {"env_settings": {**ENV, "student": "tinny"}}]
    with pytest.raises(UnknownNameError, match="tinny"):
        train(tmp_path / "late", stages=stages)
    assert not (tmp_path / "late").exists()
