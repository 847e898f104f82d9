"""Small models of transformers, and GGUF files of them as llama.cpp would write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type

SIZES = {"vocab_size": 262, "context": 16, "layers": 2, "heads": 4, "kv_heads": 2, "width": 64, "hidden": 96}
LLAMA = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
GPT2 = {
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    "lm_head": "output",
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}


def llama(tied: bool = True, **changes: Any) -> torch.nn.Module:
    """A LlamaForCausalLM with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    values = {
        "vocab_size": SIZES["vocab_size"],
        "max_position_embeddings": SIZES["context"],
        "num_hidden_layers": SIZES["layers"],
        "num_attention_heads": SIZES["heads"],
        "num_key_value_heads": SIZES["kv_heads"],
        "hidden_size": SIZES["width"],
        "intermediate_size": SIZES["hidden"],
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": tied,
        **changes,
    }
    return _stirred(LlamaForCausalLM(LlamaConfig(**values)))


def gpt2() -> torch.nn.Module:
    """A GPT2LMHeadModel with random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=SIZES["vocab_size"],
        n_positions=SIZES["context"],
        n_layer=SIZES["layers"],
        n_head=SIZES["heads"],
        n_embd=SIZES["width"],
        bos_token_id=None,
        eos_token_id=None,
    )
    return _stirred(GPT2LMHeadModel(config))


def _stirred(model: torch.nn.Module) -> torch.nn.Module:
    """Biases and norms get numbers that matter too."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model.eval()


def facts_of(model: torch.nn.Module) -> dict[str, Any]:
    """What a converter writes of a model."""
    config, kind = model.config, model.config.model_type
    if kind == "gpt2":
        facts = {
            "context_length": config.n_positions,
            "block_count": config.n_layer,
            "embedding_length": config.n_embd,
            "feed_forward_length": 4 * config.n_embd,
            "attention.head_count": config.n_head,
            "attention.layer_norm_epsilon": config.layer_norm_epsilon,
        }
    else:
        facts = {
            "context_length": config.max_position_embeddings,
            "block_count": config.num_hidden_layers,
            "embedding_length": config.hidden_size,
            "feed_forward_length": config.intermediate_size,
            "attention.head_count": config.num_attention_heads,
            "attention.head_count_kv": config.num_key_value_heads,
            "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
            "rope.freq_base": 10_000.0,
            "rope.dimension_count": config.hidden_size // config.num_attention_heads,
            "vocab_size": config.vocab_size,
        }
    return {f"{kind}.{name}": value for name, value in facts.items()}


def tensors_of(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """The tensors under their names in a GGUF file, in the layout that llama.cpp gives them."""
    found = {}
    table = GPT2 if model.config.model_type == "gpt2" else LLAMA
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        part, kind = name.rsplit(".", 1)
        layer = ""
        if ".h." in part or ".layers." in part:
            layer, part = part.split(".h." if ".h." in part else ".layers.")[1].split(".", 1)
        array = weight.detach().numpy()
        if part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj") and array.ndim == 2:
            array = array.T
        if part in ("self_attn.q_proj", "self_attn.k_proj"):
            array = _side_by_side(array, model.config, part)
        found[f"blk.{layer}.{table[part]}.{kind}" if layer else f"{table[part]}.{kind}"] = array
    return found


def _side_by_side(array: np.ndarray, config: Any, part: str) -> np.ndarray:
    heads = config.num_key_value_heads if "k_proj" in part else config.num_attention_heads
    halves = array.reshape(heads, 2, len(array) // heads // 2, *array.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(array.shape))


def write(path: Path, facts: dict[str, Any], tensors: dict[str, np.ndarray], kind: str = "F32") -> Path:
    """Write a file; matrices are stored as `kind`, and vectors as they are."""
    architecture = next(iter(facts)).split(".")[0]
    writer = gguf.GGUFWriter(path, architecture)
    for name, value in facts.items():
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_uint32(name, value)
        elif isinstance(value, float):
            writer.add_float32(name, value)
        elif isinstance(value, str):
            writer.add_string(name, value)
        else:
            writer.add_array(name, value)
    for name, array in tensors.items():
        array = np.ascontiguousarray(array, dtype=np.float32)
        if array.ndim == 2 and kind != "F32":
            quantized = gguf.quants.quantize(array, Type[kind])
            writer.add_tensor(name, quantized, raw_dtype=Type[kind])
        else:
            writer.add_tensor(name, array)
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()
    return path
