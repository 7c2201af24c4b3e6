"""A vLLM server, started as a separate process or found at a URL, and asked over HTTP.

Endpoints and parameters are those that vLLM documents for version 0.26 (OpenAI-compatible
completions with ``return_token_ids``, LoRA adapters loaded at run time, sleep mode). All of them
are in the sources of version 0.33 (``tests/students/vllm/test_interface.py``). This file was
tested against a fake of that interface; vLLM itself was never run with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from teachgym.errors import ConfigError, TeachgymError, missing_extra

try:
    import httpx
except ImportError as error:
    raise missing_extra("httpx", "vllm") from error

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values that vLLM allows for ``--max-lora-rank``."""

GPU_SHARE = 0.5
"""Share of the GPU's memory for the server; the model that is trained needs the rest."""

ENVIRONMENT = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_SERVER_DEV_MODE": "1"}
"""Without these two, vLLM has no endpoints for loading adapters, and none for sleeping."""

_LOG_TAIL = 2000
"""Characters of the server's log in an error."""

_FIXES = {
    "/v1/load_lora_adapter": "start the server with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, "
    "--enable-lora and a --max-lora-rank that is large enough; it must see this file system",
    "/sleep": "start the server with --enable-sleep-mode, or without VLLM_SERVER_DEV_MODE=1 if it "
    "need not make room for training",
    "/v1/completions": "start the server with a --max-model-len of at least the student's context",
}


class ServerError(TeachgymError, RuntimeError):
    """A vLLM server that does not start, has died, or refuses a request."""


def serve_command(
    base: str, port: int, *, rank: int, count: int, dtype: str, context: int
) -> list[str]:
    """The command line of a server.

    Args:
        base: path or hub id of the base model.
        port: to listen on, of this machine alone.
        rank: of the adapters, at most 512.
        count: adapters in use at once.
        dtype: of the computation, ``bfloat16`` or ``float32``.
        context: the most tokens of a prompt and its answer together.

    Raises:
        ConfigError: for a rank above what vLLM can serve.
    """
    if rank > RANKS[-1]:
        raise ConfigError(f"rank is {rank}; vLLM serves adapters up to rank {RANKS[-1]}")
    options = {
        "--host": "127.0.0.1",
        "--port": port,
        "--dtype": dtype,
        "--max-model-len": context,
        "--gpu-memory-utilization": GPU_SHARE,
        "--max-lora-rank": next(r for r in RANKS if r >= rank),
        "--max-loras": count,
        # An adapter is loaded before the one that it replaces is unloaded.
        "--max-cpu-loras": 2 * count,
        # Not the model's own: answers follow from what is asked for alone.
        "--generation-config": "vllm",
    }
    words = [word for option, value in options.items() for word in (option, str(value))]
    return ["vllm", "serve", base, "--enable-lora", "--enable-sleep-mode", *words]


class VllmServer:
    """A running server; ``start`` or ``connect`` makes one.

    Args:
        url: where it listens.
        process: the process, if it was started here.
        log: what the process writes to.
        seconds: how long a request may take.
    """

    def __init__(
        self,
        url: str,
        *,
        process: subprocess.Popen[bytes] | None = None,
        log: Path | None = None,
        seconds: float = 3600.0,
    ) -> None:
        self.url, self._process, self._log = url, process, log
        # Proxies of the environment are not for servers of this machine.
        timeout = httpx.Timeout(seconds, connect=10.0)
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)
        self._can_sleep = self._sleeps = False
        # Runs at the end of the program, too.
        self._end = weakref.finalize(self, _stop, self._client, process, log)

    @classmethod
    def connect(cls, url: str) -> VllmServer:
        """Connect to a server that somebody else has started.

        Raises:
            ConfigError: for what is no URL.
            ServerError: if none answers there.
        """
        try:
            server = cls(url)
        except httpx.InvalidURL as error:
            raise ConfigError(
                f"server is {url!r}, which is no URL ({error}); give one like http://127.0.0.1:8000"
            ) from error
        server._ask("GET", "/health")
        server._look_for_sleep_mode()
        return server

    @classmethod
    def start(cls, base: str, *, startup_seconds: float = 900.0, **options: Any) -> VllmServer:
        """Start a server and wait until it is ready; it ends with ``close``, or the program.

        Args:
            base: as for ``serve_command``.
            startup_seconds: how long to wait.
            options: the others of ``serve_command``.

        Raises:
            MissingExtraError: if vLLM is not installed.
            ServerError: if the server ends or is not ready in time, with the end of its log.
        """
        if shutil.which("vllm") is None:
            raise missing_extra("vllm", "vllm")
        port = _free_port()
        with NamedTemporaryFile(prefix="teachgym-vllm-", suffix=".log", delete=False) as log:
            process = subprocess.Popen(
                serve_command(base, port, **options),
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = cls(f"http://127.0.0.1:{port}", process=process, log=Path(log.name))
        server._wait(startup_seconds)
        server._look_for_sleep_mode()
        return server

    def complete(
        self, adapter: str, prompts: Sequence[Sequence[int]], **fields: Any
    ) -> list[list[int]]:
        """Token ids that follow each of ``prompts``, in their order.

        Args:
            adapter: name of a loaded adapter.
            prompts: token ids.
            fields: of the completions endpoint, ``max_tokens`` and ``temperature`` among them.
        """
        body = {"model": adapter, "prompt": [list(ids) for ids in prompts], **fields}
        reply = self._ask("POST", "/v1/completions", {**body, "return_token_ids": True}).json()
        choices = sorted(reply["choices"], key=lambda choice: int(choice["index"]))
        tokens = [choice.get("token_ids") for choice in choices]
        if len(tokens) != len(prompts) or None in tokens:
            raise ServerError(
                f"{len(prompts)} prompts got {len(tokens)} answers, {tokens.count(None)} of them "
                "without token ids; use vLLM 0.11 or later"
            )
        return tokens

    def load(self, adapter: str, folder: Path) -> None:
        """Load the adapter in ``folder``, which must stay as long as the adapter is in use."""
        self._ask("POST", "/v1/load_lora_adapter", {"lora_name": adapter, "lora_path": str(folder)})

    def unload(self, adapter: str) -> None:
        """Forget an adapter."""
        self._ask("POST", "/v1/unload_lora_adapter", {"lora_name": adapter})

    def sleep(self) -> None:
        """Free the GPU's memory, if the server can and has not yet."""
        if self._can_sleep and not self._sleeps:
            # Level 1: the weights wait in the memory of the CPU.
            self._ask("POST", "/sleep?level=1")
            self._sleeps = True

    def wake(self) -> None:
        """Make the server ready to answer again."""
        if self._sleeps:
            self._ask("POST", "/wake_up")
            self._sleeps = False

    def close(self) -> None:
        """End the process if it was started here, and close the connection."""
        self._end()

    def _look_for_sleep_mode(self) -> None:
        """A server without it keeps its memory; that is the business of who started it."""
        reply = self._ask("GET", "/is_sleeping", allowed=(404,))
        self._can_sleep = reply.status_code != 404
        self._sleeps = self._can_sleep and bool(reply.json()["is_sleeping"])

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise self._failure(f"vLLM ended with exit code {self._process.returncode}")
            with suppress(httpx.TransportError):
                if self._client.get("/health", timeout=5.0).is_success:
                    return
            time.sleep(0.2)
        failure = self._failure(f"vLLM was not ready after {seconds:g} seconds")
        self.close()
        raise failure

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        allowed: Sequence[int] = (),
    ) -> httpx.Response:
        try:
            reply = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            if self._process is not None and self._process.poll() is not None:
                what = f"vLLM has ended with exit code {self._process.returncode}"
                raise self._failure(what) from error
            raise self._failure(
                f"no answer from the vLLM server at {self.url} to {method} {path} "
                f"({type(error).__name__}: {error}); check that it runs and its URL is right"
            ) from error
        if not reply.is_success and reply.status_code not in allowed:
            fix = _FIXES.get(path.partition("?")[0], "see the log of the server")
            raise self._failure(
                f"the vLLM server at {self.url} answered {method} {path} with status "
                f"{reply.status_code}: {reply.text[:500]}; {fix}"
            )
        return reply

    def _failure(self, what: str) -> ServerError:
        """The error, with the end of the log where there is one."""
        if self._log is None or not self._log.exists():
            return ServerError(what)
        tail = self._log.read_text(errors="replace")[-_LOG_TAIL:].strip()
        return ServerError(f"{what}; its log ends with:\n{tail}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _stop(client: httpx.Client, process: subprocess.Popen[bytes] | None, log: Path | None) -> None:
    client.close()
    if process is not None and process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            # The whole session: the processes that hold the GPU are children of the server.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if log is not None:
        log.unlink(missing_ok=True)
