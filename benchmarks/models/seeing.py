"""Pretrain a student that sees, in stages: easy questions about few things first.

A small student that is trained on one question after another long answers as if it were blind.
Three measures shorten this phase. All questions about a picture follow it in one row without
attending to each other, so that the picture is read once. The embeddings of patches are compared
with those of words, as in CLIP (Radford et al. 2021, arXiv 2103.00020), so that a patch is near the
words for its content and place. And queries start with the weights of keys (Trockman and Kolter
2023, arXiv 2305.09828), so that a word attends to similar patches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from teachgym.benchmarks.models.scene_lessons import (
    CELL,
    Lesson,
    Lessons,
    Syllabus,
    assemble,
    tiles,
    words_of_cells,
)
from teachgym.tasks.scenes import PLACES, WIDTH

IMAGE = "<image>"
"""The token that stands for a patch."""
_N_PATCHES = len(PLACES)
_SHARPNESS, _OFFSET = 10.0, 3.0
"""A word counts as a patch's if the cosine of the two is above ``_OFFSET / _SHARPNESS``."""
_WEIGHT = 10.0
"""Weight of the loss that compares patches with words; that of the questions has weight 1."""
_END_WEIGHT = 0.1
"""Weight of the loss at the end token, which is soon learned."""


@dataclass(frozen=True)
class Stage:
    """A part of the pretraining, with an optimizer and lessons of its own."""

    questions: int
    """Number of questions."""
    levels: tuple[float, ...]
    """Relative frequency of each level, easiest first."""
    things: tuple[int, int]
    """The fewest and the most things of a scene."""
    often: bool = True
    """Whether questions are about frequent skills only; else about all by their weights."""


@dataclass(frozen=True)
class Sight:
    """The vision tower and pretraining stages of a student that sees."""

    vision: Mapping[str, Any]
    """Fields of ``SiglipVisionConfig``; a patch is a cell of a scene."""
    stages: tuple[Stage, ...]
    scenes: int = 12
    """Scenes of an update."""
    questions: int = 10
    """Questions about each scene."""

    def of(self, questions: int) -> Sight:
        """Scale the stages to a total number of questions."""
        share = questions / sum(stage.questions for stage in self.stages)
        stages = (replace(s, questions=round(s.questions * share)) for s in self.stages)
        return replace(self, stages=tuple(stages))


@dataclass(frozen=True)
class Plan:
    """The settings of a model's pretraining."""

    sight: Sight
    weights: Mapping[str, float]
    """Weight of each skill in the mixture."""
    recipe: Mapping[str, Any]
    """Fields of ``FineTuningSettings``."""
    seed: int
    """Seed of the lessons."""

    def skills(self, stage: Stage) -> Mapping[str, float]:
        """Return the weights of the skills in a stage's questions."""
        most = max(self.weights.values())
        return {s: w for s, w in self.weights.items() if w == most or not stage.often}


@dataclass(frozen=True)
class Progress:
    """The outcome of an update."""

    stage: int
    update: int
    loss: float
    right: Mapping[tuple[str, int], tuple[int, int]]
    """Numbers of questions and of right answers by skill and level."""


def make_model(text: Mapping[str, Any], sight: Sight, tokenizer: Any, seed: int) -> Any:
    """Make an untrained LLaVA: SigLIP's tower, a projector and a Llama with random weights."""
    import transformers

    make: Any = transformers
    config = make.LlavaConfig(
        vision_config=make.SiglipVisionConfig(
            image_size=CELL * WIDTH, patch_size=CELL, vision_use_head=False, **sight.vision
        ),
        text_config=make.LlamaConfig(
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
            **text,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=_N_PATCHES,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make.LlavaForConditionalGeneration(config)
    for layer in model.model.language_model.layers:
        layer.self_attn.q_proj.weight.data.copy_(layer.self_attn.k_proj.weight.data)
    return model


def make_processor(tokenizer: Any) -> Any:
    """Make the processor of pictures and texts."""
    import transformers
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    make: Any = transformers
    make_pixels: Any = SiglipImageProcessorPil
    side = CELL * WIDTH
    return make.LlavaProcessor(
        image_processor=make_pixels(size={"height": side, "width": side}),
        tokenizer=tokenizer,
        patch_size=CELL,
        vision_feature_select_strategy="full",
    )


def teach_to_see(
    model: Any,
    tokenizer: Any,
    plan: Plan,
    *,
    kept: Path | None = None,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> float:
    """Train the model in place through all stages; return the mean loss of the last trained one.

    Args:
        model: of ``make_model``.
        tokenizer: one token for each answer.
        plan: stages, mixture and seed.
        kept: folder for the weights after each stage; stages that the same plan has finished
            there are not repeated.
        tell: called with the outcome of every update.
    """
    loss, done = float("nan"), repr((model.config.to_dict(), plan.weights, plan.recipe, plan.seed))
    for number, stage in enumerate(plan.sight.stages):
        done = sha256(f"{done} {stage}".encode()).hexdigest()
        file = kept and kept / f"stage-{number}-{done[:12]}.pt"
        if file and file.exists():
            model.load_state_dict(torch.load(file, weights_only=True))
            continue
        loss = _teach(model, tokenizer, plan, number, tell)
        if file:
            torch.save(model.state_dict(), file)
    return loss


def _teach(
    model: Any, tokenizer: Any, plan: Plan, number: int, tell: Callable[[Progress], None]
) -> float:
    """Train through one stage."""
    from torch.nn.utils import clip_grad_norm_

    from teachgym.students.local.weights import Weight
    from teachgym.training.optimizers import make_optimizers
    from teachgym.training.settings import FineTuningSettings

    sight, stage = plan.sight, plan.sight.stages[number]
    settings = FineTuningSettings(**plan.recipe)
    syllabus = Syllabus(plan.skills(stage), stage.levels, stage.things)
    lessons = Lessons(syllabus, _Encoder(tokenizer), plan.seed, number)
    named = list(model.named_parameters())
    optimizers = make_optimizers(
        model, [Weight(n, p, is_stacked=False) for n, p in named], settings
    )
    pixels, words, total = tiles(), _WordsOfPatches(tokenizer), 0.0
    updates = max(1, round(stage.questions / (sight.scenes * sight.questions)))
    model.train()
    for update in range(updates):
        drawn = lessons.draw(sight.scenes, sight.questions)
        read = read_lessons(model, pixels, drawn)
        loss = functional.cross_entropy(read.answers, read.targets)
        ends = torch.full_like(read.targets, tokenizer.eos_token_id)
        end_loss = functional.cross_entropy(read.ends, ends)
        model.zero_grad()
        whole: Any = loss + _END_WEIGHT * end_loss + _WEIGHT * words.loss(model, read)
        whole.backward()
        clip_grad_norm_(model.parameters(), settings.clip)
        for own in optimizers:
            own.step(torch.tensor([settings.rate(update, updates)]), [0])
        total += loss.item()
        tell(Progress(number, update, loss.item(), _counts(drawn, read)))
    model.eval()
    return total / updates


@dataclass(frozen=True)
class Reading:
    """The model's outputs for B lessons with N questions in all."""

    answers: torch.Tensor
    """Logits of the answers, (N, V)."""
    ends: torch.Tensor
    """Logits after the answers, (N, V)."""
    targets: torch.Tensor
    """The right answers, (N,)."""
    patches: torch.Tensor
    """Embeddings of the patches, (B, 9, d)."""
    kinds: torch.Tensor
    """Content of the patches, (B, 9)."""


def read_lessons(model: Any, tiles: torch.Tensor, lessons: Sequence[Lesson]) -> Reading:
    """Read all questions about a picture in one row, each as if it were the only one."""
    kinds = torch.tensor([lesson.kinds for lesson in lessons])
    width = max(sum(len(a.prompt) + 1 for a in lesson.asked) for lesson in lessons)
    shape = len(lessons), _N_PATCHES + width
    ids, owners = torch.zeros(shape, dtype=torch.long), torch.full(shape, -1)
    places = torch.arange(_N_PATCHES + width).repeat(len(lessons), 1)
    rows, asked_at, targets = [], [], []
    for row, lesson in enumerate(lessons):
        end = _N_PATCHES
        for owner, asked in enumerate(lesson.asked):
            start, end = end, end + len(asked.prompt) + 1
            ids[row, start:end] = torch.tensor([*asked.prompt, asked.answer])
            owners[row, start:end] = owner
            places[row, start:end] = torch.arange(_N_PATCHES, _N_PATCHES + end - start)
            rows.append(row)
            asked_at.append(end - 2 - _N_PATCHES)
            targets.append(asked.answer)
        owners[row, end:] = len(lesson.asked)
    patches = model.get_image_features(pixel_values=assemble(tiles, kinds)).pooler_output
    patches = torch.stack(tuple(patches))
    words = model.get_input_embeddings()(ids[:, _N_PATCHES:])
    seen = (owners[:, None] == -1) | (owners[:, None] == owners[:, :, None])
    seen &= torch.ones(shape[1], shape[1], dtype=torch.bool).tril()
    hidden = model.model.language_model(
        inputs_embeds=torch.cat([patches, words], 1),
        attention_mask=torch.zeros(seen.shape).masked_fill(~seen, -1e30)[:, None],
        position_ids=places,
        use_cache=False,
    ).last_hidden_state[:, _N_PATCHES:]
    at = torch.tensor(asked_at)
    answers, ends = (model.lm_head(hidden[rows, at + i]) for i in (0, 1))
    return Reading(answers, ends, torch.tensor(targets), patches, kinds)


class _WordsOfPatches:
    """Compares the embeddings of patches with words for things and places."""

    def __init__(self, tokenizer: Any) -> None:
        of_kinds, of_places = words_of_cells()
        words = sorted(set().union(*of_kinds, *of_places))
        self._ids = torch.tensor(tokenizer.convert_tokens_to_ids(words))
        self._kinds, self._places = (
            torch.tensor([[word in own for word in words] for own in of]).float()
            for of in (of_kinds, of_places)
        )

    def loss(self, model: Any, read: Reading) -> torch.Tensor:
        """Return the cross entropy of whether each word belongs to the patch, a scalar."""
        words = functional.normalize(model.get_input_embeddings().weight[self._ids], dim=-1)
        patches = functional.normalize(read.patches, dim=-1)
        wanted = torch.maximum(self._kinds[read.kinds], self._places)
        logits = _SHARPNESS * patches @ words.T - _OFFSET
        return functional.binary_cross_entropy_with_logits(logits, wanted)


class _Encoder:
    """Tokens of texts, remembered because texts repeat."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self._known = tokenizer, dict[str, list[int]]()

    def __call__(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._known[text]


def _counts(lessons: Sequence[Lesson], read: Reading) -> Mapping[tuple[str, int], tuple[int, int]]:
    cells = [(a.skill, a.level) for lesson in lessons for a in lesson.asked]
    right = (read.answers.argmax(-1) == read.targets).tolist()
    asked, known = Counter(cells), Counter(c for c, good in zip(cells, right, strict=True) if good)
    return {cell: (asked[cell], known[cell]) for cell in asked}
