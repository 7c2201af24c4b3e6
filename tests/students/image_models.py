"""Small image-text models with random weights, of five classes, as folders that a student loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from teachgym.benchmarks.models.tokenizers import make_subword_tokenizer

CLASSES = ("llava", "llava_next", "paligemma", "idefics3", "gemma3")
CHAT = (
    "{% for m in messages %}{{ m['role'] }}: {% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %} / "
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
"""A prompt format with pictures."""

SIDE, PATCH = 16, 8
_SPECIAL = (
    *("<image>", "<bos>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"),
    *("<boi>", "<eoi>"),
)
_TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
_VISION: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": SIDE,
    "patch_size": PATCH,
    "initializer_range": 0.3,
}


def make_tokenizer() -> Any:
    """Bytes, and the special tokens of all classes."""
    tokenizer = make_subword_tokenizer(["what colour is it? red green blue"], 280)
    tokenizer.add_special_tokens({"additional_special_tokens": list(_SPECIAL)})
    tokenizer.bos_token = "<bos>"
    return tokenizer


def make_model(kind: str, seed: int = 0) -> tuple[Any, Any]:
    """A model of a class of ``CLASSES`` and its processor."""
    tokenizer = make_tokenizer()
    image = tokenizer.convert_tokens_to_ids("<image>")
    text = {**_TEXT, "vocab_size": len(tokenizer)}
    make: Any = transformers
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, processor = _BUILDERS[kind](make, tokenizer, image, text)
    for name, parameter in model.named_parameters():  # so that pictures matter to the answers
        if "project" in name or "connector" in name:
            parameter.data.mul_(8)
    return model.eval(), processor


def save_model(kind: str, folder: Path, *, chat: bool = False) -> Path:
    """The folder of such a model."""
    model, processor = make_model(kind)
    if chat:
        processor.chat_template = CHAT
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _llava(make: Any, tokenizer: Any, image: int, text: Any) -> tuple[Any, Any]:
    config = make.LlavaConfig(
        vision_config=make.SiglipVisionConfig(**_VISION),
        text_config=make.LlamaConfig(**text),
        image_token_index=image,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_seq_length=4,
    )
    processor = make.LlavaProcessor(
        image_processor=_siglip(),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="full",
    )
    return make.LlavaForConditionalGeneration(config), processor


def _llava_next(make: Any, tokenizer: Any, image: int, text: Any) -> tuple[Any, Any]:
    grid = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE]]
    config = make.LlavaNextConfig(
        vision_config=make.SiglipVisionConfig(**_VISION),
        text_config=make.LlamaConfig(**text),
        image_token_index=image,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_grid_pinpoints=grid,
        image_seq_length=4,
    )
    pixels: Any = LlavaNextImageProcessorPil
    size = {"height": SIDE, "width": SIDE}
    processor = make.LlavaNextProcessor(
        image_processor=pixels(
            size={"shortest_edge": SIDE}, crop_size=size, image_grid_pinpoints=grid
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="full",
    )
    return make.LlavaNextForConditionalGeneration(config), processor


def _paligemma(make: Any, tokenizer: Any, image: int, text: Any) -> tuple[Any, Any]:
    pixels = _siglip()
    pixels.image_seq_length = 4
    processor = make.PaliGemmaProcessor(image_processor=pixels, tokenizer=tokenizer)
    text["vocab_size"] = len(tokenizer)  # the processor adds tokens of places
    config = make.PaliGemmaConfig(
        vision_config=make.SiglipVisionConfig(**_VISION, projection_dim=32),
        text_config=make.GemmaConfig(**text, head_dim=8),
        image_token_index=image,
        projection_dim=32,
        hidden_size=32,
    )
    return make.PaliGemmaForConditionalGeneration(config), processor


def _idefics3(make: Any, tokenizer: Any, image: int, text: Any) -> tuple[Any, Any]:
    config = make.Idefics3Config(
        vision_config=_VISION,
        text_config=make.LlamaConfig(**text),
        image_token_id=image,
        scale_factor=2,
    )
    pixels: Any = Idefics3ImageProcessorPil
    side = {"longest_edge": SIDE}
    processor = make.Idefics3Processor(
        image_processor=pixels(size=side, max_image_size=side, do_image_splitting=False),
        tokenizer=tokenizer,
        image_seq_len=1,
    )
    return make.Idefics3ForConditionalGeneration(config), processor


def _gemma3(make: Any, tokenizer: Any, image: int, text: Any) -> tuple[Any, Any]:
    named = {"boi_token": "<boi>", "eoi_token": "<eoi>", "image_token": "<image>"}
    tokenizer._set_model_specific_special_tokens(named)
    config = make.Gemma3Config(
        vision_config=make.SiglipVisionConfig(**_VISION, vision_use_head=False),
        text_config=make.Gemma3TextConfig(**text, head_dim=8, sliding_window=16),
        image_token_index=image,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        mm_tokens_per_image=4,
        tie_word_embeddings=False,  # tied, it would say its last token again
    )
    pixels: Any = Gemma3ImageProcessorPil
    processor = make.Gemma3Processor(
        image_processor=pixels(size={"height": SIDE, "width": SIDE}),
        tokenizer=tokenizer,
        image_seq_length=4,
    )
    model = make.Gemma3ForConditionalGeneration(config)
    model.model.multi_modal_projector.mm_input_projection_weight.data.normal_()  # it starts at 0
    return model, processor


def _siglip() -> Any:
    make: Any = SiglipImageProcessorPil
    return make(size={"height": SIDE, "width": SIDE})


_BUILDERS = {
    "llava": _llava,
    "llava_next": _llava_next,
    "paligemma": _paligemma,
    "idefics3": _idefics3,
    "gemma3": _gemma3,
}
