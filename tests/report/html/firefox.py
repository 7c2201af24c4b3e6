"""A headless Firefox, spoken to in WebDriver BiDi, which needs no driver beside it.

firefox = Firefox.start(profile)
seen = firefox.open("file:///tmp/page.html")
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

websocket = pytest.importorskip("websocket")

_EVENTS = ["log.entryAdded", "network.beforeRequestSent"]
_ADDRESS = re.compile(r"BiDi listening on (ws://\S+)")


@dataclass
class Firefox:
    """One tab of a browser; what it logs and asks for is kept."""

    socket: Any
    tab: str = ""
    logged: list[str] = field(default_factory=list)
    """Messages of the console and errors of scripts since the last page was opened."""
    requests: list[str] = field(default_factory=list)
    """Addresses that were asked for since then."""
    _sent: int = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._sent += 1
        self.socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv())
            if said.get("id") == self._sent:
                assert said["type"] == "success", said
                result: dict[str, Any] = said["result"]
                return result
            if said.get("method") == "log.entryAdded":
                self.logged.append(str(said["params"]["text"]))
            elif said.get("method") == "network.beforeRequestSent":
                self.requests.append(said["params"]["request"]["url"])

    def open(self, address: str) -> None:
        """Load a page to its end."""
        self.logged.clear()
        self.requests.clear()
        self.call("browsingContext.navigate", context=self.tab, url=address, wait="complete")
        self.evaluate("0")  # What the page has said until now is heard.

    def evaluate(self, code: str) -> Any:
        """The value of an expression of plain values in the page."""
        target = {"context": self.tab}
        answer = self.call(
            "script.evaluate",
            expression=f"JSON.stringify({code})",
            target=target,
            awaitPromise=False,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def resize(self, width: int, height: int) -> None:
        """Make the page as large as so many pixels."""
        size = {"width": width, "height": height}
        self.call("browsingContext.setViewport", context=self.tab, viewport=size)

    def photograph(self) -> bytes:
        """What is seen of the page, as PNG."""
        return b64decode(self.call("browsingContext.captureScreenshot", context=self.tab)["data"])


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """A browser with a new profile in a folder; the test is skipped where there is none."""
    binary = shutil.which("firefox") or shutil.which("firefox-esr")
    if binary is None:
        pytest.skip("firefox is not installed")
    profile.mkdir()
    options = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
    log = profile.with_suffix(".log")
    with log.open("w") as said:
        process = subprocess.Popen([binary, *options], stderr=said, stdout=subprocess.DEVNULL)
    try:
        socket = websocket.create_connection(
            f"{_address(log)}/session", timeout=120, suppress_origin=True
        )
        browser = Firefox(socket)
        browser.call("session.new", capabilities={})
        browser.call("session.subscribe", events=_EVENTS)
        browser.tab = browser.call("browsingContext.getTree")["contexts"][0]["context"]
        yield browser
        socket.close()
    finally:
        process.kill()
        process.wait()


def _address(log: Path) -> str:
    """Where the browser listens, which it says when it has started."""
    for _ in range(600):
        if found := _ADDRESS.search(log.read_text()):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"firefox has not started in a minute: {log.read_text()}")
