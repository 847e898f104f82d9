"""What the parts of a GPT are called in a GGUF file, in which layout they lie there, and its configuration.

Two families are known: Llama's and GPT-2's, as llama.cpp converts them. It reads facts and shapes, and no
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from course_lib.arguments import check_instance, choice, shown, whole, wrong
from course_lib.config import GPTConfig
from course_lib.model.weights import weight_shapes
from course_lib.pretrained.container import Container, check_kind

OUTER = {"tokens": "token_embd", "positions": "position_embd", "norm": "output_norm", "head": "output"}
INNER = {
    "norm1": "attn_norm",
    "attention.qkv": "attn_qkv",
    "attention.out": "attn_output",
    "norm2": "ffn_norm",
    "mlp.gate": "ffn_gate",
    "mlp.up": "ffn_up",
    "mlp.down": "ffn_down",
}
FAMILIES = ("llama", "gpt2")
A_CONTAINER = "what stands in a file: Container(path)"
# Facts that, if there, must say what our GPT does anyway.
ONLY = {
    "rope.scaling.type": "none",
    "rope.scaling.factor": 1.0,
    "rope.scale_linear": 1.0,
    "expert_count": 0,
    "attention.causal": True,
    "attention.sliding_window": 0,
    "attention.clamp_kqv": 0.0,
    "attention.max_alibi_bias": 0.0,
    "attn_logit_softcapping": 0.0,
    "final_logit_softcapping": 0.0,
    "use_parallel_residual": False,
}


@dataclass(frozen=True)
class Piece:
    """A tensor of a file, and the rows of a weight of ours that it is.

    `heads` is 0 for a tensor that lies as ours does; else the rows of so many heads are to be put in order.

    >>> Piece("blk.0.attn_k.weight", "blocks.0.attention.qkv.weight", first=8, shape=(4, 8), heads=1).first
    8
    """

    theirs: str
    ours: str
    first: int
    shape: tuple[int, ...]
    heads: int = 0


def config_of(container: Container) -> GPTConfig:
    """The configuration of the model in a file.

    Raises: ValueError for another family than Llama's and GPT-2's, for facts that are missing or no numbers,
    and for parts that our GPT doesn't have.
    """
    check_instance("config_of", "container", container, Container, A_CONTAINER)
    facts, family = container.facts, container.facts.get("general.architecture")
    if family not in FAMILIES:
        known = " and ".join(FAMILIES)
        raise ValueError(f"it holds a model of the kind {shown(family)}; only {known} are known.")
    if "token_embd.weight" not in container.tensors:
        raise ValueError("it has no table of tokens (token_embd.weight); it isn't a whole model.")

    def fact(name: str, *default: Any) -> Any:
        if f"{family}.{name}" not in facts and not default:
            raise ValueError(f"it doesn't say {family}.{name}; get a whole file.")
        return facts.get(f"{family}.{name}", *default)

    for name, needed in ONLY.items():
        if fact(name, needed) != needed:
            raise ValueError(
                f"it has {family}.{name}={shown(fact(name))}, but our GPT can only be {needed!r}."
            )
    heads, kv_heads = fact("attention.head_count"), fact("attention.head_count_kv", None)
    rows = container.tensors["token_embd.weight"].shape[0]
    if fact("vocab_size", rows) != rows:
        says = shown(fact("vocab_size"))
        raise ValueError(f"it has {rows} rows in its table of tokens, but says {says} tokens.")
    options: dict[str, Any] = {
        "vocab_size": rows,
        "context_length": fact("context_length"),
        "n_layers": fact("block_count"),
        "n_heads": heads,
        "width": fact("embedding_length"),
        "mlp_width": fact("feed_forward_length"),
        "n_kv_heads": None if kv_heads == heads else kv_heads,
        "tie_embeddings": "output.weight" not in container.tensors,
    }
    if family == "gpt2":
        return GPTConfig(**options, norm_eps=fact("attention.layer_norm_epsilon"))
    config = GPTConfig(
        **options,
        norm="rmsnorm",
        activation="swiglu",
        positions="rotary",
        bias="blk.0.attn_q.bias" in container.tensors,
        norm_eps=fact("attention.layer_norm_rms_epsilon"),
        rope_base=fact("rope.freq_base", 10_000.0),
    )
    for name in ("rope.dimension_count", "attention.key_length", "attention.value_length"):
        if fact(name, config.head_width) != config.head_width:
            raise ValueError(
                f"it has {family}.{name}={shown(fact(name))}, but our heads are as wide as they turn "
                f"and look: {config.head_width}."
            )
    return config


def pieces_of(config: GPTConfig, family: str) -> Iterator[Piece]:
    """Which tensors of a file make up the weights of a GPT, one by one.

    Raises: ValueError for a configuration that no memory could hold.

    >>> config = GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=8, n_kv_heads=1)
    >>> for piece in pieces_of(config, "llama"):
    ...     if piece.ours == "blocks.0.attention.qkv.weight":
    ...         print(piece.theirs, "->", piece.ours, piece.first, piece.shape, piece.heads)
    blk.0.attn_q.weight -> blocks.0.attention.qkv.weight 0 (8, 8) 2
    blk.0.attn_k.weight -> blocks.0.attention.qkv.weight 8 (4, 8) 1
    blk.0.attn_v.weight -> blocks.0.attention.qkv.weight 12 (4, 8) 0
    """
    choice("pieces_of", "family", family, FAMILIES)
    for name, shape in weight_shapes(config):
        if name == "head.weight" and config.tie_embeddings:
            continue
        part, kind = name.rsplit(".", 1)
        if part in OUTER:
            yield Piece(f"{OUTER[part]}.{kind}", name, 0, shape)
            continue
        _, layer, part = part.split(".", 2)
        if part == "attention.qkv" and family == "llama":
            first = 0
            for letter, heads in zip("qkv", (config.n_heads, config.kv_heads, config.kv_heads), strict=True):
                rows = heads * config.head_width
                turned = heads if letter in "qk" else 0
                yield Piece(f"blk.{layer}.attn_{letter}.{kind}", name, first, (rows, *shape[1:]), turned)
                first += rows
        else:
            yield Piece(f"blk.{layer}.{INNER[part]}.{kind}", name, 0, shape)


def checked_pieces(config: GPTConfig, container: Container) -> list[Piece]:
    """The pieces, when every one is in the file, of its shape and of a known kind, and nothing is left over.

    Raises: ValueError, in one sentence, before any number is read.
    """
    check_instance("checked_pieces", "container", container, Container, A_CONTAINER)
    pieces: list[Piece] = []
    left = dict(container.tensors)
    for piece in pieces_of(config, container.facts["general.architecture"]):
        found = left.pop(piece.theirs, None)
        if found is None or found.shape != piece.shape:
            got = "missing" if found is None else f"of shape {found.shape}"
            raise ValueError(
                f"the tensor {piece.theirs} is {got}, where its facts want {piece.shape}: it is damaged, or "
                "another kind of model."
            )
        check_kind(found)
        pieces.append(piece)
    if left:
        raise ValueError(f"the tensor {min(left)} has no place in our GPT; it is another kind of model.")
    return pieces


def in_our_order(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """The rows of queries or keys as our GPT has them, from those of a Llama in a GGUF file.

    Rotary positions turn pairs of numbers. llama.cpp lets a pair lie side by side (0 and 1, 2 and 3, ...);
    ours are half a head apart, as in `apply_rotary`. So within each head, every other row comes first.

    Shapes: (heads · D, columns), or (heads · D,) -> the same.

    >>> in_our_order(torch.tensor([10, 11, 12, 13, 20, 21, 22, 23]), heads=2)
    tensor([10, 12, 11, 13, 20, 22, 21, 23])
    """
    heads = whole("in_our_order", "heads", heads)
    if not isinstance(rows, torch.Tensor) or not rows.ndim or len(rows) % (2 * heads):
        raise wrong(
            "in_our_order", "rows", rows, f"a tensor of an even number of rows for each of {heads} heads"
        )
    pairs = rows.reshape(heads, -1, 2, *rows.shape[1:])
    return pairs.transpose(1, 2).reshape(rows.shape)


def text_fact(facts: Mapping[str, Any], name: str) -> str | None:
    """A fact, if it is there and is a text.

    >>> text_fact({"general.name": "a", "general.size": 3}, "general.size") is None
    True
    """
    check_instance("text_fact", "facts", facts, Mapping, "a Container's `facts`")
    check_instance("text_fact", "name", name, str, "the name of a fact, one str")
    value = facts.get(name)
    return value if isinstance(value, str) else None
