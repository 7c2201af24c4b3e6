"""``Seen``: the prompts that were trained on, in their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice


class Seen(Collection[str]):
    """A growing set of normalised prompts that can list its new ones.

    So whoever keeps an index of it has to look at what was added since, and at nothing else.

    Example:
        >>> seen = Seen(["a", "b"])
        >>> seen.add(["b", "c"])
        >>> list(seen), seen.since(2)
        (['a', 'b', 'c'], ['c'])
    """

    def __init__(self, prompts: Iterable[str] = ()) -> None:
        self._prompts = dict.fromkeys(prompts)

    def add(self, prompts: Iterable[str]) -> None:
        """Add prompts; known ones keep their places."""
        for prompt in prompts:
            self._prompts.setdefault(prompt)

    def since(self, count: int) -> list[str]:
        """All but the first ``count``, in the time that those take."""
        return list(islice(reversed(self._prompts), len(self._prompts) - count))[::-1]

    def __contains__(self, prompt: object) -> bool:
        return prompt in self._prompts

    def __iter__(self) -> Iterator[str]:
        return iter(self._prompts)

    def __len__(self) -> int:
        return len(self._prompts)
