"""What a chat server says to teachers, engines and proposers of ``arithmetic-and-strings``."""

from __future__ import annotations

import json
from typing import Any

from teachgym.benchmarks.bench.scripted_teacher import answer
from teachgym.errors import ChatError
from tests.chat.loopback import Request


def teach(request: Request) -> str:
    """A competent reply to any question of the three environments."""
    messages = tuple(request["messages"])
    question = messages[-1]["content"]
    if '"new_subskills"' in question:
        return _items({"reasoning": "it is weak", "action": "explore", "new_subskills": 1})
    if "new subskill" in question:
        number = question.count("\n")
        return _items(*({"name": f"part {number} of it, {i}"} for i in range(5)))
    if '"hypothesis"' in question:
        return _items({"hypothesis": "no exercise yet", "specs": [_spec(2), _spec(1)]})
    try:
        return answer(messages, None, request.get("seed", 0))
    except ChatError:
        return _items()


def _spec(count: int) -> dict[str, Any]:
    return {"practise": f"exercises like these, {count} each", "count": count, "difficulty": 0.5}


def _items(*items: dict[str, Any]) -> str:
    return json.dumps({"items": items})
