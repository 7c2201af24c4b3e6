"""``transformers serve`` and the proxy of LiteLLM as processes of their own, on this machine.

with transformers_serve(folder, Path("model")) as url, litellm({"m": (url, "model")}, ...) as proxy:
... base_url=proxy ...
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

VARIABLE = "TEACHGYM_SERVERS"
"""Environment variable with the folder of the servers' programs."""

INSTALL = (
    "python -m venv .venv-servers; "
    '.venv-servers/bin/pip install torch "transformers[serving]" "litellm[proxy]"; '
    f"export {VARIABLE}=.venv-servers/bin"
)

_READY = 180.0
"""Seconds at most until a server answers: they import for long on a busy machine."""


def program(name: str) -> str:
    """The program of this name in ``$TEACHGYM_SERVERS`` or else on the path; skips without it."""
    own = os.environ.get(VARIABLE)
    found = shutil.which(name, path=own) or shutil.which(name)
    if found is None or not _runs(found):
        pytest.skip(f"there is no {name} here that runs; to install it: {INSTALL}")
    return os.path.abspath(found)


def _runs(found: str) -> bool:
    """Whether a program has all its packages: ``transformers`` has ``serve`` with an extra only."""
    with open(found, encoding="utf-8", errors="replace") as script:
        python = script.readline().removeprefix("#!").strip()
    needed = "import fastapi, uvicorn"
    return not os.path.exists(python) or not subprocess.run([python, "-c", needed]).returncode


@contextmanager
def transformers_serve(folder: Path, model: Path) -> Iterator[str]:
    """The address of ``transformers serve`` with one model, as clients call ``base_url``."""
    port = _free_port()
    command = [program("transformers"), "serve", str(model), "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    (folder / "hub").mkdir(parents=True)
    with _running(command, folder, {"HF_HUB_CACHE": str(folder / "hub")}, port, "/health"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def litellm(folder: Path, models: Mapping[str, tuple[str, str]], key: str) -> Iterator[str]:
    """The address of LiteLLM's proxy.

    Args:
        folder: for its files.
        models: name at the proxy to the address of a server and the name of the model there.
        key: what clients must show; the servers behind get another.
    """
    listed = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{model}", "api_base": url, "api_key": "behind"},
        }
        for name, (url, model) in models.items()
    ]
    folder.mkdir(parents=True)
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps({"model_list": listed}))
    port = _free_port()
    command = [program("litellm"), "--config", str(folder / "config.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    # It does not start without a master key, and would fetch its list of prices.
    own = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with _running(command, folder, own, port, "/health/liveliness"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def _running(
    command: Sequence[str], folder: Path, own: Mapping[str, str], port: int, health: str
) -> Iterator[None]:
    """A process that answers at ``health``; it and its children are ended afterwards."""
    log = folder / "log.txt"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}{health}", log)
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(20)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Return when the server answers; fail when it has ended, or does not answer in time."""
    ends = time.monotonic() + _READY
    while process.poll() is None and time.monotonic() < ends:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"{process.args!r} does not answer:\n{log.read_text(errors='replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
