"""The finale: a Llama out of the learner's own answers, the course's where one is missing, with real weights.

`gather` takes the right answers from `my_gpt/` and tries each once more; `write_file` writes
`my_gpt/my_llama.py`; `load` takes the same text into a notebook, and `with_pretrained` gives it a model's
weights. What joins the parts is in `alone`. Nothing here draws figures.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from course_lib.arguments import check_instance
from course_lib.exercises import _progress
from course_lib.exercises._joining import Joined
from course_lib.generation.exercises import capstone
from course_lib.generation.exercises.capstone import Piece, Pieces
from course_lib.modern.exercises import alone
from course_lib.pretrained import Pretrained

PIECES = {  # in the order in which the file is read; each is an exercise of its topic
    "tokens": ("merge_pair", "encode_piece", "decode_ids"),
    "model": ("block", "gpt"),
    "modern": ("RMSNorm", "rotary", "SwiGLU", "LlamaAttention"),
    "generation": ("generate",),
}
JOINTS = {  # what the course adds, after which piece
    "decode_ids": ("PublishedTokenizer",),
    "LlamaAttention": ("Layer", "Llama", "with_weights"),
    "generate": ("answer",),
}
NAME = "my_llama.py"


@dataclass(frozen=True, repr=False)
class Parts(Pieces):
    """All parts of the Llama, by name, and the file that they make; shown, it says whose they are."""

    @property
    def headline(self) -> str:
        """'4 of 10 parts of the model that is talking are yours.'"""
        total = len(self.by_name)
        if self.mine == total:
            return f"All {total} parts of the model that is talking are yours."
        others = "the course's stand in for the others"
        return f"{self.mine} of {total} parts of the model that is talking are yours; {others}."

    def _by_topic(self) -> dict[str, list[Piece]]:
        return {topic: [self.by_name[name] for name in names] for topic, names in PIECES.items()}


def gather(folder: str | Path | None = None) -> Parts:
    """The learner's right answers in `folder` (by default `my_gpt/`), and the course's for the others.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     print(gather(empty).headline)
    0 of 10 parts of the model that is talking are yours; the course's stand in for the others.
    """
    folder = _progress.pieces_folder() if folder is None else Path(folder)
    names = [name for names in PIECES.values() for name in names]
    file = Joined((*names, *(name for joints in JOINTS.values() for name in joints)))
    joints = re.sub(r"  # (noqa|fmt)\b.*", "", inspect.getsource(alone))
    pieces: dict[str, Piece] = {}
    for topic, names_there in PIECES.items():
        for name in names_there:
            pieces[name], file = capstone.with_piece(file, topic, name, folder, NAME)
            for joint in JOINTS.get(name, ()):
                file = file.add(joint, joints, capstone.heading(f"{joint}: the course's; it joins the parts"))
    return Parts(pieces, _whole(file, pieces))


def _whole(file: Joined, pieces: Mapping[str, Piece]) -> str:
    mine = sum(piece.mine for piece in pieces.values())
    head = (
        f'"""Your own Llama: {mine} of its {len(pieces)} parts are yours; above each stands whose it is.\n\n'
        "It needs nothing but torch, and weights: `with_weights` takes them, and `answer` asks the model.\n"
        '"""'
    )
    return file.text(head)


def write_file(parts: Parts | None = None) -> str:
    """Write `my_gpt/my_llama.py`, and say so; if a person has changed it, that is kept beside it."""
    return capstone.write_text(NAME, (gather() if parts is None else parts).text)


def load(parts: Parts) -> ModuleType:
    """What the file defines, for use in a notebook: `Llama`, `with_weights`, `answer` and the parts.

    >>> my = load(gather("nowhere"))
    >>> sum(weight.numel() for weight in my.Llama(9, 8, 6, (2, 1), 2, 1e-5, 100.0).parameters())
    784
    """
    module = ModuleType("my_llama")
    module.__file__ = NAME
    exec(compile(parts.text, NAME, "exec", dont_inherit=True), vars(module))
    return module


def with_pretrained(my: ModuleType, real: Pretrained) -> tuple[nn.Module, Any]:
    """The Llama of a file with a real model's weights, which both then share, and the tokenizer of the file
    with the real one's merges.

    Raises: ValueError for a model whose tokenizer isn't known.
    """
    check_instance("with_pretrained", "real", real, Pretrained, "a model with its tokenizer")
    if real.tokenizer is None:
        raise ValueError("with_pretrained got a model without a tokenizer; it needs one to read a question.")
    tokenizer = real.tokenizer
    ids = [tokenizer.token_bytes(id) for id in range(tokenizer.vocab_size)]
    mine = my.PublishedTokenizer(tokenizer.pre_tokens, tokenizer.merges, ids, tokenizer.special_tokens)
    return with_same_weights(my, real.model), mine


def with_same_weights(my: ModuleType, model: Any) -> nn.Module:
    """The Llama of a file with the weights of a GPT of the course, which both then share."""
    config = model.config
    heads = config.n_heads, config.kv_heads
    return my.with_weights(model.state_dict(), heads, config.norm_eps, config.rope_base)
