"""A fake of vLLM's HTTP interface, which answers with transformers on the CPU.

It refuses what the real one refuses: completions while it sleeps, adapters it does not know, names
it knows already. As a program it takes the command line of ``vllm serve``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any


class Refusal(Exception):
    """An answer with another status than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class FakeVllm:
    """The state of the server.

    Attributes:
        requests: method and path of all requests but looks at its health, in order.
        bodies: what was sent to the completions endpoint.
        adapters: those that are loaded, name -> folder.
        refusals: path -> status and text of the answer, whatever is asked.
        can_sleep: whether there are endpoints for it.
        without_ids: answer as versions before 0.10.2 did, without token ids.
        pause: seconds before each completion.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.adapters: dict[str, str] = {}
        self.refusals: dict[str, tuple[int, str]] = {}
        self.asleep = False
        self.can_sleep = True
        self.without_ids = False
        self.pause = 0.0
        self.closing = Event()
        self.url = ""
        self._lock = Lock()
        self._models: dict[str, Any] = {}

    @contextmanager
    def serving(self) -> Iterator[FakeVllm]:
        """Within: it listens at ``url``, in threads of its own."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """The reply to a request, as JSON.

        Raises:
            Refusal: with the status that vLLM would answer with.
        """
        if path == "/health":
            return None
        self.requests.append((method, path))
        if path in self.refusals:
            raise Refusal(*self.refusals[path])
        if not self.can_sleep and path.partition("?")[0] in ("/is_sleeping", "/sleep", "/wake_up"):
            raise Refusal(404, "Not Found")
        match method, path:
            case "GET", "/is_sleeping":
                return {"is_sleeping": self.asleep}
            case "POST", "/sleep?level=1":
                self.asleep = True
                return None
            case "POST", "/wake_up":
                self.asleep = False
                return None
            case "POST", "/v1/load_lora_adapter":
                return self._load(body["lora_name"], body["lora_path"])
            case "POST", "/v1/unload_lora_adapter":
                return self._unload(body["lora_name"])
            case "POST", "/v1/completions":
                return self._complete(body)
        raise Refusal(404, "Not Found")

    def _load(self, name: str, folder: str) -> str:
        if name in self.adapters:
            raise Refusal(400, f"The lora adapter '{name}' has already been loaded.")
        if not (Path(folder) / "adapter_config.json").exists():
            raise Refusal(404, f"No adapter found for '{folder}'")
        self.adapters[name] = folder
        return f"Success: LoRA adapter '{name}' added successfully."

    def _unload(self, name: str) -> str:
        if name not in self.adapters:
            raise Refusal(404, f"The lora adapter '{name}' cannot be found.")
        del self.adapters[name]
        return f"Success: LoRA adapter '{name}' removed successfully."

    def _complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.asleep:
            raise Refusal(500, "the engine is asleep")
        if body["model"] not in self.adapters:
            raise Refusal(404, f"The model `{body['model']}` does not exist.")
        self.closing.wait(self.pause)
        with self._lock:  # of torch's one thread
            self.bodies.append(dict(body))
            answers = [self._continue(ids, body) for ids in body["prompt"]]
        choices = [
            {"index": i, "text": "", "token_ids": None if self.without_ids else ids}
            for i, ids in enumerate(answers)
        ]
        return {"object": "text_completion", "choices": choices[::-1]}

    def _continue(self, ids: list[int], body: Mapping[str, Any]) -> list[int]:
        """New tokens up to and with one of ``stop_token_ids`` or the last of a stop string."""
        import torch

        model, tokenizer = self._model(self.adapters[body["model"]])
        generator = torch.Generator().manual_seed(body.get("seed", 0))
        answer: list[int] = []
        while len(answer) < body["max_tokens"]:
            with torch.no_grad():
                logits = model(torch.tensor([[*ids, *answer]])).logits[0, -1]
            if body["temperature"]:
                chances = (logits / body["temperature"]).softmax(-1)
                answer.append(int(torch.multinomial(chances, 1, generator=generator)))
            else:
                answer.append(int(logits.argmax()))
            text = tokenizer.decode(answer)
            if answer[-1] in body["stop_token_ids"] or any(s in text for s in body["stop"]):
                break
        return answer

    def _model(self, folder: str) -> Any:
        """The base with the adapter, as peft reads it, and the tokenizer."""
        from peft import PeftModel

        if folder not in self._models:
            base, tokenizer = _loaded(self.base)
            adapted = PeftModel.from_pretrained(deepcopy(base), folder).eval()
            self._models[folder] = adapted, tokenizer
        return self._models[folder]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._reply({})

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                self._reply(json.loads(self.rfile.read(length) or b"{}"))

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

            def _reply(self, body: dict[str, Any]) -> None:
                try:
                    status, found = 200, fake.answer(self.command, self.path, body)
                except Refusal as refusal:
                    status, found = refusal.status, {"error": {"message": str(refusal)}}
                content = b"" if found is None else json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                with suppress(BrokenPipeError):  # The client waits no longer.
                    self.end_headers()
                    self.wfile.write(content)

        return Handler


@cache
def _loaded(base: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)


def main(words: list[str]) -> None:
    """``serve BASE ... --port N``: listen until terminated."""
    for name in ("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "VLLM_SERVER_DEV_MODE"):
        if os.environ.get(name) != "1":
            sys.exit(f"{name} is not 1")
    if words[1] == "broken":
        sys.exit("RuntimeError: no kernel image for this device")
    if words[1] == "slow":
        time.sleep(60)
    port = int(words[words.index("--port") + 1])
    handler = FakeVllm(Path(words[1]))._handler()
    ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever(0.02)


if __name__ == "__main__":
    main(sys.argv[1:])
