"""Chance without a random stream: numbers that a key decides, the same in every process.

So a stressed run can be killed, resumed, forked and repeated, and nothing has to be stored.
"""

from __future__ import annotations

import hashlib


def chance(*key: object) -> float:
    """A number in [0, 1), uniform over keys; keys are told apart by their ``repr``."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
