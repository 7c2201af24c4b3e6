"""Texts in the forms in which the gate compares them."""

from __future__ import annotations

import re
import unicodedata

_PUNCTUATION = re.compile(r"[^\w\s]")


def normalise(prompt: str) -> str:
    """The form in which two prompts count as the same: Unicode NFKC, single spaces, no edges.

    Case is kept, because tasks on characters depend on it. NFKC also unites some prompts that
    differ in meaning ("x²" and "x2"): the gate would rather turn away a good example than let a
    test item in.

    Example:
        >>> normalise("  say   ﬁve ")
        'say five'
    """
    text = prompt if prompt.isascii() else unicodedata.normalize("NFKC", prompt)
    return " ".join(text.split())


def words(text: str) -> list[str]:
    """Lower-case words between spaces, punctuation removed.

    The definition of a gram in Brown et al. 2020 (GPT-3, arXiv 2005.14165, appendix C), after
    NFKC. A word that is all punctuation is none.

    Example:
        >>> words("Tom's 3 hens -- all brown.")
        ['toms', '3', 'hens', 'all', 'brown']
    """
    return _PUNCTUATION.sub("", normalise(text).lower()).split()
