"""The end of thoughts in a reply: reasoning models think aloud, and servers may keep it."""

from __future__ import annotations

import json
import re

_NAMES = (
    r"(?:think|thinks|thinking|thought|thoughts|reason|reasoning|reflect|reflection|analysis"
    r"|scratchpad|inner_monologue|cot|chain_of_thought|deliberation|internal)"
)
_END = re.compile(
    rf"<\s*/\s*(?:\w+:)?{_NAMES}\s*>"  # Qwen, DeepSeek, Nova, EXAONE, Seed and most others
    rf"|\[\s*/\s*{_NAMES}\s*\]"  # Mistral
    rf"|<\|\s*(?:/\s*{_NAMES}|(?:end|eot)_(?:of_)?{_NAMES}|{_NAMES}_end|inner_suffix)\s*\|>"
    r"|<\|channel\|>\s*final\b[^<]*<\|message\|>|assistantfinal"  # gpt-oss
    r"|<channel\|>"  # Gemma
    r"|◁\s*/\s*think\s*▷"  # Kimi
    r"|^#*\s*\**(?:final answer|final response|here is my response)\**\s*:\s*\**\s*$",  # Granite
    re.IGNORECASE | re.MULTILINE,
)
_BEGIN = re.compile(
    rf"\s*(?:<\s*(?:\w+:)?{_NAMES}\s*>|\[\s*{_NAMES}\s*\]"
    rf"|<\|\s*(?:{_NAMES}|(?:begin|start)_(?:of_)?{_NAMES}|{_NAMES}_start|inner_prefix)\s*\|>"
    r"|(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*(?:analysis|commentary)|<\|channel>\s*\w+"
    r"|◁\s*think\s*▷)",
    re.IGNORECASE,
)
_JSON = re.compile(r"[{\[]")


def without_thoughts(text: str) -> str:
    """The text after the last mark that ends thoughts; empty if thoughts never end.

    A mark within a string of JSON is part of what is said and ends nothing.

    Example:
        >>> without_thoughts('maybe {"items": [1]}?</think>{"items": [2]}')
        '{"items": [2]}'
        >>> without_thoughts("[THINK]it was cut off")
        ''
    """
    ends = [match.span() for match in _END.finditer(text)]
    if ends:
        quoted = _spans(text, ends[0][0], ends[-1][1])
        free = [end for start, end in ends if not any(a < start < b for a, b in quoted)]
        if free:
            return text[free[-1] :]
    return "" if _BEGIN.match(text) else text


def _spans(text: str, first: int, last: int) -> list[tuple[int, int]]:
    """Places of valid JSON that holds any of the characters from ``first`` to ``last``."""
    decoder, spans, position = json.JSONDecoder(strict=False), [], 0
    tries = 0
    while (match := _JSON.search(text, position)) and match.start() < last and tries < _TRIES:
        try:
            _, position = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            position, tries = match.end(), tries + 1
        else:
            if position > first:
                spans.append((match.start(), position))
    return spans


_TRIES = 1_000
"""Brackets that begin no JSON at most, as each may take a time as long as the rest of the text."""
