"""The numerical check at loading whether the local backend computes a model rightly.

Models look alike from outside: some carry state from token to token by other means than attention,
some ask for attention twice a layer, some forget to hand it their window. So a few short texts of
random tokens are read in all the ways the backend has, and what comes out is held against the
model's own forward pass of each text alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from teachgym.errors import LocalBackendError
from teachgym.students.loading import silence
from teachgym.students.local.attention import Decode, Prefill, SlotCache, visible
from teachgym.students.local.decoding import DecodingRules, Request, SlotDecoder
from teachgym.students.local.layout import Layout
from teachgym.students.local.network import Network, context_of, pack
from teachgym.students.local.pool import StudentPool

N_NEW = 5
"""Tokens of an answer."""

LENGTHS = (7, 12)
"""Tokens of the two prompts, unless the context is too small or a window asks for more."""

LONGEST_WINDOW = 1024
"""Windows up to here are tried with a text that is longer."""

LEAST = {torch.bfloat16: 0.05, torch.float16: 0.01}
"""By how much logits may differ anyway, as a share of their spread; in 32 bits 1e-3, where rounding
alone is below 1e-5."""

MOST = 0.5
"""By how much they may differ in a model that amplifies rounding, such as one with experts."""


def why_not_local(model: torch.nn.Module) -> str:
    """The fault in the local backend's results for a plain model; "" = none.

    Args:
        model: of transformers, as it was loaded.
    """
    try:
        with silence(), torch.inference_mode():
            network = Network(model)
            return next(filter(None, _differences(network)), "")
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # what a foreign model's code raises can be anything
        return f"its forward pass in the local backend fails ({describe(error)})"


def why_not_trained(pool: StudentPool) -> str:
    """The fault in the gradients of the pool's first student; "" = none.

    The packed texts must give the gradients of the same texts one by one through the model's own
    forward pass, and every adapter must get some.
    """
    texts = drawn_texts(pool.network.model)
    try:
        packed, plain = _gradients(pool, texts, _packed_loss), _gradients(pool, texts, _plain_loss)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # as above
        return f"its training pass in the local backend fails ({describe(error)})"
    if packed.keys() != plain.keys():
        return f"the weights {min(packed.keys() ^ plain.keys())} have a gradient in one pass only"
    # Of an expert that none of the tokens goes to, nothing can be said.
    adapted = {f"{name}.lora_B" for name in pool.adapters if "expert" not in name}
    if unreached := adapted - packed.keys():
        return f"{len(unreached)} adapters are never reached, {min(unreached)} first"
    squares = [(g - plain[n]).square().sum() for n, g in packed.items()]
    size = torch.stack([g.square().sum() for g in plain.values()]).sum().sqrt()
    off = float(torch.stack(squares).sum().sqrt() / size)
    if not off <= max(0.01, 2 * LEAST.get(pool.network.model.dtype, 0.0)):
        return f"gradients of packed texts are off by {off:.1g} of their size"
    return ""


def unsuited(model: torch.nn.Module, reason: str) -> LocalBackendError:
    """The error for a model that the local backend does not compute rightly."""
    return LocalBackendError(
        f"{type(model).__name__} does not suit the local backend: {reason}; use "
        "student_settings.backend='hf'"
    )


def drawn_texts(model: Any, *, without: Collection[int] = ()) -> list[list[int]]:
    """Two texts of random tokens, prompts of ``LENGTHS`` with ``N_NEW`` more each."""
    config = model.config.get_text_config()
    special = {getattr(config, f"{name}_token_id", None) for name in ("bos", "eos", "pad")}
    special.update(without)
    usual = [token for token in range(min(config.vocab_size, 5000)) if token not in special]
    rng, context = np.random.default_rng(0), context_of(model)
    lengths = list(LENGTHS)
    window = getattr(config, "sliding_window", None)
    if window and LENGTHS[1] <= window <= LONGEST_WINDOW:
        lengths[1] = window + 3
    lengths = [min(length, context - N_NEW) + N_NEW for length in lengths]
    return [rng.choice(usual, length).tolist() for length in lengths]


def tolerance_of(model: torch.nn.Module, text: Sequence[int]) -> float:
    """The amount by which a model's logits may differ because numbers are rounded.

    Four times what they change by when each entry of the embeddings is off by half a unit in the
    last place, within ``LEAST`` and ``MOST``.
    """
    dtype = next(model.parameters()).dtype
    generator = torch.Generator().manual_seed(0)

    def disturb(module: object, inputs: object, output: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(output.shape, generator=generator).to(output)
        return output * (1 + torch.finfo(output.dtype).eps / 2 * noise)

    exact = logits_of(model, text)
    embeddings: torch.nn.Module = model.get_input_embeddings()  # type: ignore[operator]
    handle = embeddings.register_forward_hook(disturb)
    try:
        off = deviation(logits_of(model, text), exact)
    finally:
        handle.remove()
    return min(max(4 * off, LEAST.get(dtype, 1e-3)), MOST)


def deviation(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest distance of logits (..., V) at a position, as a share of their spread."""
    found, expected = found.double(), expected.double()
    spread = (expected - expected.mean(-1, keepdim=True)).norm(dim=-1).clamp(min=1e-12)
    return float(((found - expected).norm(dim=-1) / spread).nan_to_num(torch.inf).max())


def describe(error: BaseException) -> str:
    """The class of an error and the beginning of its first line."""
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line[:120]}"


# -- answers ---------------------------------------------------------------------------------


def _differences(network: Network) -> Iterator[str]:
    """The faults, one reason or "" for each way of reading."""
    model = network.model
    texts = drawn_texts(model)
    allowed = tolerance_of(model, texts[1])
    alone = [logits_of(model, text) for text in texts]
    # The first text comes again, after another one, and twice side by side.
    order, told = [1, 0, 0, 1], set[int | None]()
    hidden = _watched(network, [texts[i] for i in order], told)
    off = deviation(network.logits(hidden), torch.cat([alone[i] for i in order]))
    if not off <= allowed:
        yield f"packed texts change its logits by {off:.1g} of their spread"
    yield _untold_window(model, told)
    prompts = [text[:-N_NEW] for text in texts]
    off = deviation(_by_slots(network, texts), torch.stack([own[-N_NEW - 1 :] for own in alone]))
    if not off <= allowed:
        yield f"decoding in slots changes its logits by {off:.1g} of their spread"
    yield _wrong_answers(network, prompts, allowed)


def logits_of(model: torch.nn.Module, text: Sequence[int]) -> torch.Tensor:
    """The model's own logits of a text alone, (T, V)."""
    ids = torch.tensor([list(text)], device=next(model.parameters()).device)
    logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0]
    return logits


def _watched(
    network: Network, texts: Sequence[Sequence[int]], told: set[int | None]
) -> torch.Tensor:
    """Packed hidden states (T, d); the windows that layers ask for go into ``told``."""
    ids, positions, packed = pack(texts, network.device)

    class Watching:
        def attend(self, layer: int, q, k, v, scoring):  # type: ignore[no-untyped-def]
            told.add(scoring.window)
            return packed.attend(layer, q, k, v, scoring)

    return network.hidden(ids, positions, Watching())[0]


def _untold_window(model: torch.nn.Module, told: set[int | None]) -> str:
    """A window longer than the texts that were tried, and that no layer has asked for."""
    config = model.config.get_text_config()  # type: ignore[operator, union-attr]
    kinds = getattr(config, "layer_types", None) or ()
    chunk = getattr(config, "attention_chunk_size", None)
    if chunk and chunk < context_of(model) and any("chunked" in kind for kind in kinds):
        return f"its attention sees chunks of {chunk} tokens"
    window = getattr(config, "sliding_window", None)
    if not window or window >= context_of(model) or window in told:
        return ""
    if getattr(config, "use_sliding_window", True) is False:
        return ""
    if kinds and not any("sliding" in kind for kind in kinds):
        return ""
    return f"it does not hand its window of {window} tokens to its attention"


def _by_slots(network: Network, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Logits after the prompts and after each token of given answers, (n_texts, N_NEW + 1, V)."""
    prompts, device = [text[:-N_NEW] for text in texts], network.device
    cache = SlotCache(len(texts), max(map(len, texts)))
    ids, positions, packed = pack(prompts, device)
    rows = torch.arange(len(texts), device=device)
    lengths = torch.tensor(packed.lengths, device=device)
    plan = Prefill(cache, packed, rows.repeat_interleave(lengths), positions[0])
    hidden = [network.hidden(ids, positions, plan)[0][lengths.cumsum(0) - 1]]
    for number in range(N_NEW):
        token = torch.tensor([text[number - N_NEW] for text in texts], device=device)
        position = lengths + number
        step = Decode(cache, rows, position, visible(position, cache.length))
        hidden.append(network.hidden(token[:, None], position[:, None], step)[:, 0])
    return network.logits(torch.stack(hidden, 1))


def _wrong_answers(network: Network, prompts: Sequence[Sequence[int]], allowed: float) -> str:
    """Whether each token of greedy answers from slots is the model's own likeliest, or ties."""
    slots = SlotDecoder(
        network,
        Layout(1),
        n_slots=len(prompts),
        length=max(map(len, prompts)) + N_NEW,
        max_new_tokens=N_NEW,
    )
    endless = DecodingRules(torch.zeros(network.n_tokens, dtype=torch.bool))
    (answers,) = slots.answer_all([[Request(tuple(prompt)) for prompt in prompts]], endless)
    for prompt, answer in zip(prompts, answers, strict=True):
        logits = logits_of(network.model, [*prompt, *answer])[len(prompt) - 1 : -1].float()
        chosen = logits.gather(1, torch.tensor(answer, device=logits.device)[:, None])[:, 0]
        short = (logits.max(-1).values - chosen) / logits.std(-1)
        if not bool((short <= max(allowed, 1e-2)).all()):
            return "greedy answers from slots are not those of its own forward pass"
    return ""


# -- training --------------------------------------------------------------------------------


def _gradients(
    pool: StudentPool,
    texts: Sequence[Sequence[int]],
    loss: Callable[[StudentPool, Sequence[Sequence[int]]], torch.Tensor],
) -> Mapping[str, torch.Tensor]:
    """The gradients of the first student's weights, in 32 bits; those that are 0 are left out."""
    with _clean(pool):
        with pool.computing():
            total = loss(pool, texts)
        total.backward()  # type: ignore[no-untyped-call]
        found = {
            w.name: w.grad[0].detach().float().clone() for w in pool.weights if w.grad is not None
        }
    return {name: gradient for name, gradient in found.items() if gradient.any()}


@contextmanager
def _clean(pool: StudentPool) -> Iterator[None]:
    """Have no gradients within, and none afterwards."""
    pool.network.model.zero_grad()
    try:
        yield
    finally:
        pool.network.model.zero_grad()


def _packed_loss(pool: StudentPool, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    with pool.layout.only(0, sum(map(len, texts))):
        logits = pool.logits(pool.network.packed_hidden(texts))
    pieces = torch.split(logits, [len(text) for text in texts])
    return torch.stack([next_loss(*pair) for pair in zip(pieces, texts, strict=True)]).sum()


def _plain_loss(pool: StudentPool, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    losses = []
    for text in texts:
        with pool.layout.only(0, len(text)):
            losses.append(next_loss(logits_of(pool.network.model, text), text))
    return torch.stack(losses).sum()


def next_loss(logits: torch.Tensor, text: Sequence[int]) -> torch.Tensor:
    """The cross entropy of each next token, summed."""
    labels = torch.tensor(list(text[1:]), device=logits.device)
    return torch.nn.functional.cross_entropy(logits[:-1].float(), labels, reduction="sum")
