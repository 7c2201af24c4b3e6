"""``GateSettings``: the rules of the gate that are a matter of choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

from teachgym.errors import require_packages
from teachgym.settings import CountFromOne, CountFromTwo, checked


@checked
@dataclass(frozen=True)
class GateSettings:
    """The rules that are a matter of choice; overlap with ``val`` and ``test`` is none."""

    max_prompt_chars: CountFromOne = 8000
    """Characters, >= 1."""
    max_target_chars: CountFromOne = 8000
    """Characters of the target and of a rejected response, >= 1."""
    duplicates: Literal["reject", "near", "allow"] = "reject"
    """Whether a prompt may be trained on more than once in an episode: ``reject`` keeps equal
    prompts out, ``near`` those that are nearly equal as well (needs the extra ``duplicates``)."""
    near_similarity: Annotated[float, Interval(ge=0.1, le=1)] = 0.8
    """From which Jaccard similarity on two prompts are nearly equal; in [0.1, 1]. For ``near``."""
    ngram: CountFromTwo | None = 13
    """As many words in a row as in an item of ``val`` or ``test`` are contamination; >= 2, None =
    do not look. 13 is GPT-3's choice (Brown et al. 2020, arXiv 2005.14165, appendix C), 8 the
    strict one. Texts with fewer words are only compared whole."""
    common_ngram: CountFromOne = 10
    """Words in a row that are in more than so many items of ``val`` and ``test`` are the task's
    format and no contamination; >= 1. GPT-3 leaves out what is in more than 10 documents of its
    training data (same place); here the items are counted, which are what the format repeats."""
    verify: bool = True
    """Whether examples are kept out whose target the task does not call right."""
    known: Literal["accept", "reject"] = "accept"
    """Whether examples are kept out that the student answers before it is trained on them. What
    asking costs is paid from the budget."""

    def __post_init__(self) -> None:
        if self.duplicates == "near":
            require_packages("duplicates", "datasketch")
