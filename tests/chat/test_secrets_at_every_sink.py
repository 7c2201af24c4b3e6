"""Secrets are planted in every input, every sink is written, and every file is searched."""

from __future__ import annotations

import base64
import contextlib
import inspect
import json
import secrets
import warnings
from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from teachgym.chat.retry import Retrying
from teachgym.cli import app
from tests.chat.loopback import Request, serve
from tests.chat.teaching_server import teach


def forms(secret: str) -> list[bytes]:
    """What may not be found; of masked keys, both ends together."""
    whole = [
        secret,
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode().rstrip("="),
        secret.encode().hex(),
    ]
    return [form.encode() for form in (*whole, f"{secret[:6]}****{secret[-4:]}")]


def test_no_file_and_no_line_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says the key in every form, in replies, refusals and errors."""
    key, password, token = (f"{kind}-{secrets.token_hex(12)}" for kind in ("sk", "pw", "tk"))
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setitem(
        inspect.unwrap(Retrying.__init__).__kwdefaults__, "sleep", lambda seconds: None
    )
    told = " and ".join(
        form.decode() for secret in (key, password, token) for form in forms(secret)
    )

    def leak(request: Request) -> str:
        found = json.loads(teach(request))
        for item in found["items"]:
            for name in {"practise", "hypothesis", "missing", "solution"} & item.keys():
                item[name] = f"{item[name]} ({told})"
        return f"Your keys are {told}. " + json.dumps(found)

    def fail(handler: object, request: Request) -> None:
        body = json.dumps({"detail": f"overloaded: {told}"})
        handler.send(503, body)  # type: ignore[attr-defined]

    out = tmp_path / "run"
    with serve(leak, faults={1: fail, 3: fail}) as server:
        url = server.url.replace("//", f"//user:{password}@") + f"?api_key={token}"
        command = [
            *("run", "--env", "SkillList", "--teacher", "llm", "--student", "simulated"),
            *("--steps", "1", "--examples-per-step", "12", "--set", "engine=llm"),
            '--set=task_settings={"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2}',
            *("--chat", "openai", "--chat-model", "m", "--chat-base-url", url),
            *("--wandb", "offline", "--tensorboard", "--out", str(out)),
        ]
        monkeypatch.setattr("sys.argv", ["teachgym", *command])
        with warnings.catch_warnings(), contextlib.suppress(ImportError):
            warnings.simplefilter("ignore")
            outcome = CliRunner().invoke(app, command)
        assert outcome.exit_code == 0, outcome.output[-600:].replace(key, "KEY")
        page = CliRunner().invoke(app, ["report", str(out), "--teaching"])
        card = CliRunner().invoke(app, ["export", str(out), "--out", str(tmp_path / "data")])
        refused = CliRunner().invoke(app, [*command[:-1], str(out)])
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"chat.sqlite", "config.json", "incidents.jsonl"} <= {path.name for path in written}
    assert any(path.suffix == ".wandb" for path in written)
    said = [outcome, page, card, refused]
    shown = {Path(f"output {i}"): (o.output + o.stderr).encode() for i, o in enumerate(said)}
    for path, content in {**written, **shown}.items():
        for secret in (key, password, token):
            assert not [form for form in forms(secret) if form in content], path
