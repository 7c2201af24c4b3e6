"""``GateSettings``: the settings of the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

from teachgym.errors import require_packages
from teachgym.settings import CountFromOne, CountFromTwo, checked


@checked
@dataclass(frozen=True)
class GateSettings:
    """The settings of the gate; overlap with ``val`` and ``test`` is always rejected."""

    max_prompt_chars: CountFromOne = 8000
    """The longest prompt, in characters, >= 1."""
    max_target_chars: CountFromOne = 8000
    """The longest target or rejected response, in characters, >= 1."""
    duplicates: Literal["reject", "near", "allow"] = "reject"
    """Whether a prompt may be trained on more than once in an episode: ``reject`` keeps equal
    prompts out, ``near`` those that are nearly equal as well (needs the extra ``duplicates``)."""
    near_similarity: Annotated[float, Interval(ge=0.1, le=1)] = 0.8
    """Jaccard similarity in [0.1, 1] from which two prompts are nearly equal. For ``near``."""
    ngram: CountFromTwo | None = 13
    """Number of consecutive words, >= 2, that an example must not share with an item of ``val`` or
    ``test``; None = do not look. 13 is GPT-3's choice (Brown et al. 2020, arXiv 2005.14165,
    appendix C), 8 the strict one. Texts with fewer words are only compared whole."""
    common_ngram: CountFromOne = 10
    """Consecutive words that occur in more than this number of items of ``val`` and ``test`` belong
    to the task's format and are no contamination; >= 1. GPT-3 leaves out what is in more than 10
    documents of its training data (same place); here items are counted, which share a format."""
    verify: bool = True
    """Whether to reject an example whose target the task does not grade as right."""
    known: Literal["accept", "reject"] = "accept"
    """``reject`` keeps out an example that the student answers rightly before it is trained on it;
    the cost of asking is charged to the budget."""

    def __post_init__(self) -> None:
        if self.duplicates == "near":
            require_packages("duplicates", "datasketch")
