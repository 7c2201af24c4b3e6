"""Language models with random weights, of the classes that real runs name."""

from __future__ import annotations

from pathlib import Path


def save_model(folder: Path, family: str = "Llama") -> Path:
    """A small model of a class of transformers, with the tokenizer of ``small``."""
    import torch
    import transformers

    from teachgym.students.bases import base_folder

    tokenizer = transformers.AutoTokenizer.from_pretrained(base_folder("small", 0))
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    tokenizer.save_pretrained(folder)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=32_768,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        getattr(transformers, f"{family}ForCausalLM")(config).save_pretrained(folder)
    return folder
