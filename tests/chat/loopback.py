"""A real server on this machine that speaks OpenAI's protocol, and fails as planned.

with serve(lambda request: "4", faults={1: status(503)}) as server:
... base_url=server.url ...
assert len(server.requests) == 2
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]
"""The body of a request."""
Body = dict[str, Any]
"""The body of a reply."""


class Server(ThreadingHTTPServer):
    """Answers ``/v1/chat/completions`` by a function of the request; keeps every request."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Request], str], faults: Mapping[int, Fault]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.faults = answer, faults
        self.requests: list[Request] = []
        """In the order in which they came, failed ones too."""
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        """Of each request, names in lower case."""
        self.closing = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """What clients call ``base_url``."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are part of the plan."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(request)
            self.server.paths.append(self.path)
            self.server.headers.append({name.lower(): text for name, text in self.headers.items()})
            number = len(self.server.requests)
        if not self.path.split("?")[0].endswith("/chat/completions"):
            self.send(404, json.dumps({"error": {"message": f"no {self.path}"}}))
            return
        fault = self.server.faults.get(number) or self.server.faults.get(0) or answered
        fault(self, request)

    def completion(self, request: Request) -> Body:
        """A flawless reply; as many tokens as characters."""
        text = self.server.answer(request)
        n_in = sum(len(message["content"]) for message in request["messages"])
        message = {"role": "assistant", "content": text}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": request["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": n_in,
                "completion_tokens": len(text),
                "total_tokens": n_in + len(text),
            },
        }

    def send(
        self,
        code: int,
        body: str,
        *,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a whole reply."""
        content = body.encode()
        self.send_response(code)
        for name, text in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


Fault = Callable[[_Handler, Request], None]
"""What the server does with a request."""


def answered(handler: _Handler, request: Request) -> None:
    """No fault; as a stream where that is asked for."""
    body = handler.completion(request)
    if not request.get("stream"):
        handler.send(200, json.dumps(body))
        return
    (choice,) = body["choices"]
    told = {**body, "object": "chat.completion.chunk", "usage": None}
    said = {"index": 0, "delta": choice["message"], "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks = [{**told, "choices": [said]}, {**told, "choices": [end], "usage": body["usage"]}]
    lines = [*map(json.dumps, chunks), "[DONE]"]
    stream = "".join(f"data: {line}\n\n" for line in lines)
    handler.send(200, stream, kind="text/event-stream")


def status(code: int, message: str = "planned", /, **more: str) -> Fault:
    """An error; ``retry_after`` among ``more`` is a header, the rest is part of the error."""
    headers = {"Retry-After": more.pop("retry_after")} if "retry_after" in more else {}
    body = json.dumps({"error": {"message": message, **more}})
    return lambda handler, request: handler.send(code, body, headers=headers)


def refusing(parameter: str, message: str = "unsupported: {}") -> Fault:
    """400 for requests with the parameter; the others are answered."""
    refuse = status(400, message.format(parameter), param=parameter)
    return lambda handler, request: (refuse if parameter in request else answered)(handler, request)


def slow(seconds: float) -> Fault:
    """An answer that takes its time."""

    def wait(handler: _Handler, request: Request) -> None:
        if not handler.server.closing.wait(seconds):
            answered(handler, request)

    return wait


def dropped(handler: _Handler, request: Request) -> None:
    """A connection that ends without an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def torn(handler: _Handler, request: Request) -> None:
    """A connection that ends in the middle of an answer."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    dropped(handler, request)


def half(handler: _Handler, request: Request) -> None:
    """Half of the JSON, sent as if it were all."""
    body = json.dumps(handler.completion(request))
    handler.send(200, body[: len(body) // 2])


def page(handler: _Handler, request: Request) -> None:
    """A page for people, as proxies send it, with status 200."""
    handler.send(200, "<html><body>Please log in</body></html>", kind="text/html")


def changed(change: Callable[[Body], object]) -> Fault:
    """An answer after ``change`` has worked on its body in place."""

    def send(handler: _Handler, request: Request) -> None:
        body = handler.completion(request)
        change(body)
        handler.send(200, json.dumps(body))

    return send


def choosing(**parts: Any) -> Fault:
    """An answer whose first choice has these parts, such as ``finish_reason="length"``."""
    return changed(lambda body: body["choices"][0].update(parts))


without_usage = changed(lambda body: body.pop("usage"))
huge = choosing(message={"role": "assistant", "content": "x" * 10_000_000})
cut_off = choosing(finish_reason="length")


@contextmanager
def serve(
    answer: Callable[[Request], str] = lambda request: "ok",
    faults: Mapping[int, Fault] | None = None,
) -> Iterator[Server]:
    """A server for the time of the block.

    Args:
        answer: gives the text of the reply.
        faults: what happens to requests by number, counted from 1; 0 = all others.
    """
    server = Server(answer, faults or {})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
