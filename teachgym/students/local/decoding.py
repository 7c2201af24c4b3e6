"""Answers of K students in slots: a finished answer makes room for the next prompt at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from teachgym.students.local.attention import (
    AttentionPlan,
    Decode,
    Extend,
    Prefill,
    SlotCache,
    visible,
)
from teachgym.students.local.automaton import Automaton
from teachgym.students.local.graphs import Graphs, bucket
from teachgym.students.local.layout import Layout
from teachgym.students.local.network import Network, pack, split_by_tokens

_ROUND = 32
"""Attention looks at a multiple of this many positions, so that few shapes occur."""

PREFILL_TOKENS = 2**16
"""Tokens of prompts read in one pass, at most, unless one prompt has more: what a pass needs in
memory grows with them, and no longer waits for launches by far."""


PREFIX_FROM = 64
"""Tokens with which all prompts to a student begin, from which on they are read but once: solved
exercises, instructions. Fewer would not pay for the copies."""


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt to be continued."""

    ids: tuple[int, ...]
    """Token ids of the prompt, at least one."""
    uniforms: torch.Tensor | None = None
    """One number in [0, 1) for each new token, which decides what is drawn; None = greedy."""
    most: int | None = None
    """Tokens of the answer, >= 1, at most; None = as many as the decoder writes."""


@dataclass(frozen=True)
class DecodingRules:
    """Rules by which an answer ends and a token is chosen."""

    ends: torch.Tensor
    """Whether a token ends an answer, bool, shape (V,)."""
    is_over: Callable[[Sequence[int]], bool] | None = None
    """Whether tokens, none of them an end, make a complete answer; None = never."""
    temperature: float = 1.0
    """Divides the logits before sampling, > 0."""
    stop: tuple[str, ...] = ()
    """The strings behind ``ends`` and ``is_over``, for those who look at text themselves."""
    automaton: Automaton | None = None
    """The automaton of tokens that may follow; None = any."""

    def complete(self, ids: Sequence[int]) -> bool:
        """Whether tokens, of which none but the last can be an end, make a complete answer."""
        return bool(self.ends[ids[-1]]) or (self.is_over is not None and self.is_over(ids))


class SlotDecoder:
    """A decoder with S slots per student on a static cache.

    Row ``turn * K + k`` is a slot of student ``k``, so that the rows in use are always the first
    ones: when prompts run out, answers move down. What a row computes does not depend on the
    others, so neither does an answer.

    Args:
        network: the model; its stacked layers follow ``layout``.
        layout: of K students.
        n_slots: slots per student, S.
        length: positions per slot; prompt and answer must fit.
        max_new_tokens: longest answer, >= 1.
        graphs: replays decoding steps, which then come in few shapes; None = eager.
        n_steps: decoding steps between two looks at which answers are finished.
    """

    def __init__(
        self,
        network: Network,
        layout: Layout,
        *,
        n_slots: int,
        length: int,
        max_new_tokens: int,
        graphs: Graphs | None = None,
        n_steps: int = 1,
    ) -> None:
        self.network, self.layout, self.max_new_tokens = network, layout, max_new_tokens
        self.n_slots, self.graphs, self.n_steps = n_slots, graphs, n_steps
        n_rows, device = n_slots * layout.n_students, network.device
        self.cache = SlotCache(n_rows, length)
        self.rows = torch.arange(n_rows, device=device)
        self.token = torch.zeros(n_rows, dtype=torch.long, device=device)
        self.position = torch.zeros_like(self.token)
        self.count = torch.zeros_like(self.token)
        self.most = torch.zeros_like(self.token)
        self.active = torch.zeros(n_rows, dtype=torch.bool, device=device)
        self.answer = torch.zeros(n_rows, max_new_tokens, dtype=torch.long, device=device)
        self.uniforms = torch.zeros(n_rows, max_new_tokens, device=device)
        self.ends = torch.zeros(0, dtype=torch.bool)
        self.temperature: float | None = None
        """None = greedy."""
        self.automaton: Automaton | None = None
        self.state = torch.zeros_like(self.token)
        """The state of the automaton."""
        self._owners: list[int | None] = [None] * n_rows
        """Number of the question that a row answers."""
        self._read = np.zeros(n_rows, dtype=np.int64)
        """Tokens of the last prompt in each row."""
        self._written = np.zeros(n_rows, dtype=np.int64)
        """Tokens of the answer in each row at the last look."""
        self._shared: Sequence[int] = ()
        """Tokens with which all questions to each student begin, 0 if they are not worth it."""
        self._holders: dict[int, set[int]] = {}
        """Rows of a student that hold these tokens, and keep them until all is answered."""

    @torch.inference_mode()
    def answer_all(
        self, questions: Sequence[Sequence[Request]], rules: DecodingRules
    ) -> list[list[list[int]]]:
        """Token ids of the answers, ends included; questions[k] are for student k."""
        if self.ends.shape != rules.ends.shape:
            self.ends = rules.ends.to(self.network.device)
        self.ends.copy_(rules.ends)  # in place, for captured steps
        self.automaton = rules.automaton and rules.automaton.to(self.network.device)
        greedy = all(q.uniforms is None for own in questions for q in own)
        self.temperature = None if greedy else rules.temperature
        self._shared, self._holders = [shared_prefix(own) for own in questions], {}
        answers: list[list[list[int]]] = [[[] for _ in own] for own in questions]
        waiting = [deque(range(len(own))) for own in questions]
        while any(waiting) or any(owner is not None for owner in self._owners):
            self._admit(questions, waiting)
            n_rows = self._rows_in_use(self._owners)
            length = self._visible_length(n_rows)
            for _ in range(self.n_steps):
                self._step(n_rows, length)
            self._collect(answers, rules.is_over)
            self._close_gaps(waiting)
        return answers

    # -- prompts in ------------------------------------------------------------------------

    def _admit(self, questions: Sequence[Sequence[Request]], waiting: Sequence[deque[int]]) -> None:
        """Give free slots to waiting questions, once there are enough to make it worth while."""
        if not any(waiting):
            return
        free = [row for row, owner in enumerate(self._owners) if owner is None]
        usable = sum(bool(waiting[row % self.layout.n_students]) for row in free)
        if not usable or len(free) < min(len(self._owners) // 4, sum(map(len, waiting))):
            return
        admitted: list[tuple[int, int, int]] = []  # student, question, row
        for row in free:
            student = row % self.layout.n_students
            if waiting[student]:
                number = waiting[student].popleft()
                self._owners[row] = number
                admitted.append((student, number, row))
        # Prompts of equal length side by side share one call of attention.
        admitted.sort(key=lambda a: (a[0], len(questions[a[0]][a[1]].ids), a[2]))
        self._prefill_shared([(student, row) for student, _, row in admitted], questions)
        for run in split_by_tokens(
            admitted, lambda a: len(questions[a[0]][a[1]].ids) - self._shared[a[0]], PREFILL_TOKENS
        ):
            self._prefill(
                [(student, row) for student, _, row in run],
                [questions[student][number] for student, number, _ in run],
            )

    def _prefill_shared(
        self, places: Sequence[tuple[int, int]], questions: Sequence[Sequence[Request]]
    ) -> None:
        """Have rows hold what all questions to their student begin with, read once."""
        rows = {s: [row for k, row in places if k == s] for s, n in enumerate(self._shared) if n}
        new = {s: own[0] for s, own in rows.items() if own and s not in self._holders}
        if new:
            texts = [questions[s][0].ids[: self._shared[s]] for s in new]
            self._read_into(list(new.items()), texts, [0] * len(new))
            self._holders.update({s: {row} for s, row in new.items()})
        for s, own in rows.items():
            if others := [row for row in own if row not in self._holders[s]]:
                source = next(iter(self._holders[s]))
                self.cache.copy([source] * len(others), others, self._shared[s])
                self._holders[s].update(others)

    def _read_into(
        self,
        places: Sequence[tuple[int, int]],
        texts: Sequence[Sequence[int]],
        starts: Sequence[int],
    ) -> torch.Tensor:
        """Read a text into each row from a position on; the hidden states, shape (T, d)."""
        device = self.network.device
        ids, positions, packed = pack(texts, device)
        rows = tuple(row for _, row in places)
        lengths = torch.tensor(packed.lengths)
        plan: AttentionPlan
        if any(starts):
            plan = Extend(self.cache, packed, rows, tuple(starts))
            positions = positions + torch.tensor(starts).repeat_interleave(lengths).to(device)
        else:
            slots = torch.tensor(rows).repeat_interleave(lengths).to(device)
            plan = Prefill(self.cache, packed, slots, positions[0])
        n_tokens = [0] * self.layout.n_students
        for (student, _), length in zip(places, packed.lengths, strict=True):
            n_tokens[student] += length
        with self.layout.blocks(n_tokens):
            return self.network.hidden(ids, positions, plan)[0]

    def _read_prompts(
        self, places: Sequence[tuple[int, int]], questions: Sequence[Request]
    ) -> torch.Tensor:
        """Have rows hold their prompts; the hidden state of the last token of each, shape (n, d).

        A prompt that stands there several times, to be sampled, is read once.
        """
        known: dict[tuple[int, tuple[int, ...]], int] = {}
        pairs = list(zip(places, questions, strict=True))
        which = [known.setdefault((k, q.ids), len(known)) for (k, _), q in pairs]
        firsts: dict[int, int] = {}
        """Number of a prompt -> row that reads it."""
        for number, (_, row) in zip(which, places, strict=True):
            firsts.setdefault(number, row)
        starts = [self._shared[student] for student, _ in known]
        texts = [ids[start:] for (_, ids), start in zip(known, starts, strict=True)]
        reading = [(student, firsts[number]) for (student, _), number in known.items()]
        hidden = self._read_into(reading, texts, starts)
        again = [
            (firsts[number], row)
            for number, (_, row) in zip(which, places, strict=True)
            if row != firsts[number]
        ]
        if again:
            sources, targets = map(list, zip(*again, strict=True))
            self.cache.copy(sources, targets, max(len(q.ids) for q in questions))
        ends = torch.tensor([len(text) for text in texts]).cumsum(0) - 1
        return hidden[ends[which].to(hidden.device)]

    def _prefill(self, places: Sequence[tuple[int, int]], questions: Sequence[Request]) -> None:
        """Read the prompts and choose the first token of each answer."""
        device = self.network.device
        last = self._read_prompts(places, questions)
        numbers, lengths = [row for _, row in places], [len(q.ids) for q in questions]
        self._read[numbers], self._written[numbers] = lengths, 1
        rows = torch.tensor(numbers).to(device)
        if self.temperature is not None:
            uniforms = [q.uniforms for q in questions if q.uniforms is not None]
            self.uniforms[rows] = torch.stack(uniforms).to(device)
        self.count[rows] = self.state[rows] = 0
        per_student = [0] * self.layout.n_students
        for student, _ in places:
            per_student[student] += 1
        with self.layout.blocks(per_student):
            chosen = self._choose(self.network.logits(last), rows)
        self._follow(rows, chosen, torch.ones_like(chosen, dtype=torch.bool))
        self.token[rows], self.count[rows] = chosen, 1
        most = [q.most or self.max_new_tokens for q in questions]
        self.position[rows] = torch.tensor(lengths).to(device)
        self.most[rows] = torch.tensor(most).to(device)
        self.answer[rows, 0] = chosen
        self.active[rows] = ~self.ends[chosen] & (self.most[rows] > 1)

    # -- one token each --------------------------------------------------------------------

    def _rows_in_use(self, owners: Sequence[int | None]) -> int:
        """The number of rows up to the last answer in progress, in whole turns of all students."""
        last = max((row for row, owner in enumerate(owners) if owner is not None), default=-1)
        n_students = self.layout.n_students
        return self._slots(-(-(last + 1) // n_students)) * n_students

    def _slots(self, n: int) -> int:
        """The number of slots per student in which steps with ``n`` in use are computed."""
        return min(self.n_slots, bucket(max(1, n))) if self.graphs else n

    def _visible_length(self, n_rows: int) -> int:
        """The number of positions that the next ``n_steps`` steps may look at."""
        # The first token of an answer stands right after its prompt.
        positions = np.maximum(self._read[:n_rows] + self._written[:n_rows] - 1, 0)
        if self.graphs:  # rows of earlier calls may have been longer
            positions = positions[[owner is not None for owner in self._owners[:n_rows]]]
            longest = int(positions.max()) + self.n_steps
            return min(bucket(longest, parts=4, least=_ROUND), self.cache.length)
        longest = int(positions.max()) + self.n_steps
        return min(-(-longest // _ROUND) * _ROUND, self.cache.length)

    def _step(self, n_rows: int, length: int) -> None:
        """Write another token in each of the first ``n_rows`` rows that is not finished."""
        if self.graphs and self.automaton is None:  # which differs from call to call
            state = [self.token, self.position, self.count, self.active, self.answer]
            key = (n_rows, length, self.temperature)
            self.graphs.run(key, lambda: self._advance(n_rows, length), state)
        else:
            self._advance(n_rows, length)

    def _advance(self, n: int, length: int) -> None:
        """Do the step itself: work on the device alone, so that it can be captured."""
        position, active = self.position[:n], self.active[:n]
        plan = Decode(self.cache, self.rows[:n], position, visible(position, length))
        with self.layout.turns(n // self.layout.n_students):
            hidden = self.network.hidden(self.token[:n, None], position[:, None], plan)
            logits = self.network.logits(hidden[:, 0])
        token = torch.where(active, self._choose(logits, self.rows[:n]), self.token[:n])
        place = self._next(self.rows[:n])
        kept = torch.where(active[:, None], token[:, None], self.answer[:n].gather(1, place))
        self.answer[:n].scatter_(1, place, kept)
        self._follow(self.rows[:n], token, active)
        self.token[:n] = token
        self.count[:n] += active
        self.position[:n] += active
        active &= ~self.ends[token] & (self.count[:n] < self.most[:n])

    def _choose(self, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """The likeliest token, or the one where a uniform number falls; (n, V) -> (n,)."""
        if self.automaton is None:
            return self._place(logits, rows)
        tokens, logits = self.automaton.legal(self.state[rows], logits)
        return tokens.gather(1, self._place(logits, rows)[:, None])[:, 0]

    def _follow(self, rows: torch.Tensor, tokens: torch.Tensor, active: torch.Tensor) -> None:
        """Have the automaton of those rows that are active read the tokens that were chosen."""
        if self.automaton is not None:
            states = self.state[rows]
            self.state[rows] = torch.where(active, self.automaton.follow(states, tokens), states)

    def _place(self, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """The place of the token that is chosen among those of ``logits``, (n, m) -> (n,)."""
        if self.temperature is None:
            return logits.argmax(-1)
        uniforms = self.uniforms[rows].gather(1, self._next(rows))  # (n, 1)
        cumulative = (logits.float() / self.temperature).softmax(-1).cumsum(-1)
        below = (cumulative <= uniforms * cumulative[:, -1:]).sum(-1)
        return below.clamp(max=logits.shape[-1] - 1)

    def _next(self, rows: torch.Tensor) -> torch.Tensor:
        """The place in their answers of the next tokens of rows, (n, 1); full ones stay there."""
        return self.count[rows].clamp(max=self.max_new_tokens - 1)[:, None]

    # -- answers out -----------------------------------------------------------------------

    def _collect(
        self,
        answers: list[list[list[int]]],
        is_over: Callable[[Sequence[int]], bool] | None,
    ) -> None:
        """Take finished answers out of their slots."""
        # One look at the device for all rows; tokens are fetched where they are needed.
        active, self._written = torch.stack([self.active.long(), self.count]).cpu().numpy()
        busy = [row for row, number in enumerate(self._owners) if number is not None]
        rows = busy if is_over else [row for row in busy if not active[row]]
        if not rows:
            return
        stopped = []
        for row, tokens in zip(rows, self.answer[rows].tolist(), strict=True):
            answer = tokens[: self._written[row]]
            if active[row]:
                if is_over is None or not is_over(answer):
                    continue
                stopped.append(row)
            student, number = row % self.layout.n_students, self._owners[row]
            assert number is not None
            answers[student][number] = answer
            self._owners[row] = None
        if stopped:
            self.active[stopped] = False

    def _close_gaps(self, waiting: Sequence[deque[int]]) -> None:
        """Where no prompts are left, move the last answers in progress to the first slots."""
        n_students = self.layout.n_students
        moves: list[tuple[int, int]] = []
        for student, queue in enumerate(waiting):
            if queue:
                continue
            rows = range(student, len(self._owners), n_students)
            free = deque(row for row in rows if self._owners[row] is None)
            for row in reversed(rows):
                if self._owners[row] is None:
                    continue
                if not free or free[0] > row:
                    break
                moves.append((row, free.popleft()))
        owners = list(self._owners)
        for source, target in moves:
            owners[source], owners[target] = None, owners[source]
        if self._rows_in_use(owners) < self._rows_in_use(self._owners):
            self._owners = owners
            self._move(*map(list, zip(*moves, strict=True)))

    def _move(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Move what rows hold; no row is both a source and a target."""
        self.cache.copy(sources, targets, self.cache.length)
        state = (self.token, self.position, self.count, self.most, self.active, self.answer)
        for tensor in (*state, self.uniforms, self.state):
            tensor[targets] = tensor[sources]
        for array in (self._read, self._written):
            array[targets] = array[sources]
        self.active[sources] = False


def shared_prefix(questions: Sequence[Request]) -> int:
    """The number of tokens with which all prompts begin, less than the shortest has.

    0 where there are too few of them, or of prompts.
    """
    if len(questions) < 2:
        return 0
    prompts = [q.ids for q in questions]
    pairs = zip(min(prompts), max(prompts), strict=False)
    shared = next((place for place, (a, b) in enumerate(pairs) if a != b), len(min(prompts)))
    shared = min(shared, min(map(len, prompts)) - 1)
    return shared if shared >= PREFIX_FROM else 0
