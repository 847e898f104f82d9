"""A GGUF file becomes the course's own GPT, with its tokenizer and its chat template.

What a file claims is compared with what it holds before memory is taken, and the numbers come in portions, so
that hardly more is used than the weights themselves. It writes nothing, and asks no network.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from course_lib.arguments import choice, whole
from course_lib.data.download import sha256_of
from course_lib.model import GPT
from course_lib.model.weights import hollow
from course_lib.pretrained.container import Container
from course_lib.pretrained.known import card_of, place_of, source_of
from course_lib.pretrained.names import Piece, checked_pieces, config_of, in_our_order, text_fact
from course_lib.tokens import BPETokenizer, bpe_from_gguf
from course_lib.training import tokenizer_fingerprint

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Pretrained:
    """A model with what belongs to it.

    `tokenizer` is None if its file says nothing of one; `chat_template` is Jinja, as its makers wrote it, or
    None; `stop_tokens` are the ids with which its answers end; `facts` is what its file says of it (without
    long lists), `card` a text for people.
    """

    model: GPT
    tokenizer: BPETokenizer | None
    chat_template: str | None = None
    stop_tokens: tuple[int, ...] = ()
    card: str = ""
    facts: dict[str, Any] = field(default_factory=dict, repr=False)


def import_gguf(path: str | Path, dtype: str | torch.dtype = "float32") -> Pretrained:
    """Read a GGUF file with a model of the Llama or GPT-2 family, in F32, F16, Q8_0, Q4_0 or Q4_1.

    The model is on the CPU, in evaluation mode; its weights are the file's numbers in float32, or rounded to
    `dtype`: "bfloat16", or "quicker", which asks `quicker_dtype`.

    Raises: ValueError, in one sentence, for a file that is damaged or cut short, for another kind of model or
    of quantization, and for parts that our GPT doesn't have: before memory is taken.
    """
    kind = _as_dtype("import_gguf", dtype)
    container = Container(path)
    try:
        config = config_of(container)
        pieces = checked_pieces(config, container)
        tokenizer = _tokenizer_of(container.facts, config.vocab_size)
        container.facts = {name: fact for name, fact in container.facts.items() if not isinstance(fact, list)}
        model = hollow(config)
        # As to_empty does, but that loads torch's algebra of shapes: 40 MB, a third of a second.
        model._apply(lambda hollow: torch.empty(hollow.shape, dtype=kind))
        _fill(model, pieces, container)
    except ValueError as problem:
        raise ValueError(f"{container.path} cannot be imported: {problem}") from None
    except OSError as problem:
        raise ValueError(
            f"{container.path} changed or went away while it was read ({problem.strerror}); get it again."
        ) from None
    if tokenizer is not None:
        model.tokenizer_fingerprint = tokenizer_fingerprint(tokenizer)
    template = text_fact(container.facts, "tokenizer.chat_template")
    end = container.facts.get("tokenizer.ggml.eos_token_id")
    stops = (end,) if isinstance(end, int) and 0 <= end < config.vocab_size else ()
    return Pretrained(model.eval(), tokenizer, template, stops, facts=container.facts)


def load_pretrained(name: str = "smollm2-135m-instruct", dtype: str | torch.dtype = "float32") -> Pretrained:
    """A model that was fetched before: the GPT with its tokenizer, chat template and card.

    `dtype` is that of `import_gguf`. Nothing is written, and no network is asked.

    Raises: ValueError for a name that is not known, and for a damaged file; FileNotFoundError, saying how to
    fetch it, where it isn't on this computer.
    """
    source = source_of("load_pretrained", name)
    kind = _as_dtype("load_pretrained", dtype)
    path = place_of(name)
    if not path.is_file():
        raise FileNotFoundError(
            f"{source.title} is not on this computer; `python -m course_lib fetch {source.short}` fetches it "
            f"({source.download / 1e6:.0f} MB)."
        )
    if path.stat().st_size != source.size or sha256_of(path) != source.sha256:
        raise ValueError(
            f"{path} is damaged: remove it, then `python -m course_lib fetch {source.short}` gets it again."
        )
    read = import_gguf(path, kind)
    parts = (read.model, read.tokenizer, read.chat_template, read.stop_tokens)
    return Pretrained(*parts, card=card_of(name), facts=read.facts)


def if_here(name: str = "smollm2-135m-instruct") -> Pretrained | None:
    """The model if it is on this computer; else None, and one sentence is printed that says how to get it.

    For notebooks, which go on without it. The weights are in float32, as `load_pretrained` gives them.

    Raises: ValueError for a name that is not known.

    >>> import os, tempfile
    >>> from unittest import mock
    >>> with tempfile.TemporaryDirectory() as empty, mock.patch.dict(os.environ, COURSE_PRETRAINED=empty):
    ...     real = if_here()
    SmolLM2-135M-Instruct is not on this computer; `python -m course_lib fetch smollm2` fetches it (93 MB).
    >>> real is None
    True
    """
    source_of("if_here", name)
    try:
        return load_pretrained(name)
    except (FileNotFoundError, ValueError) as problem:  # not here, or damaged: both say what helps
        print(problem)
        return None


def quicker_dtype(tries: int = 7) -> torch.dtype:
    """In which number format this computer multiplies a large matrix by one vector quicker.

    That is what writing a text consists of. Half as many bytes are to be read in bfloat16, but many
    processors have to turn them into float32 first.

    >>> quicker_dtype(tries=1) in (torch.float32, torch.bfloat16)
    True
    """
    tries, seconds = whole("quicker_dtype", "tries", tries, most=1000), {}
    for dtype in (torch.float32, torch.bfloat16):
        matrix, vector = torch.ones(8192, 1024, dtype=dtype), torch.ones(1, 1024, dtype=dtype)
        taken = []
        for _ in range(tries + 1):  # the first time is slower
            began = time.perf_counter()
            torch.nn.functional.linear(vector, matrix)
            taken.append(time.perf_counter() - began)
        seconds[dtype] = min(taken[1:])
    return min(seconds, key=lambda dtype: seconds[dtype])


def _as_dtype(owner: str, dtype: str | torch.dtype) -> torch.dtype:
    if isinstance(dtype, torch.dtype) and dtype in DTYPES.values():
        return dtype
    name = choice(owner, "dtype", dtype, [*DTYPES, "quicker"])
    return quicker_dtype() if name == "quicker" else DTYPES[name]


def _tokenizer_of(facts: dict[str, Any], vocab_size: int) -> BPETokenizer | None:
    if "tokenizer.ggml.model" not in facts:
        return None
    tokenizer = bpe_from_gguf(facts)
    if tokenizer.vocab_size > vocab_size:  # there may be fewer: a table's size is often rounded up
        raise ValueError(
            f"its tokenizer has {tokenizer.vocab_size:,} tokens, but its model knows only {vocab_size:,}: "
            "they don't belong together."
        )
    return tokenizer


@torch.no_grad()
def _fill(model: GPT, pieces: list[Piece], container: Container) -> None:
    """Write the file's numbers into a model that has room for them, and nothing in it yet."""
    if model.config.tie_embeddings:
        model.head.weight = model.tokens.weight  # which making room has parted
    weights = dict(model.named_parameters())
    for piece in pieces:
        target = weights[piece.ours].narrow(0, piece.first, piece.shape[0])
        if piece.heads:
            rows = container.read(piece.theirs).to(target.dtype)
            target.copy_(in_our_order(_finite(rows, piece), piece.heads))
            continue
        rows, first = target.view(-1, piece.shape[-1]), 0
        for portion in container.portions(piece.theirs):
            rows.narrow(0, first, len(portion)).copy_(_finite(portion.to(target.dtype), piece))
            first += len(portion)


def _finite(numbers: torch.Tensor, piece: Piece) -> torch.Tensor:
    """The same numbers, as they are kept: the largest of float32 are infinite in bfloat16."""
    if not math.isfinite(float(numbers.sum())):  # one pass, where isfinite() takes several
        raise ValueError(
            f"the tensor {piece.theirs} holds what is no number (NaN or infinity): it is damaged."
        )
    return numbers
