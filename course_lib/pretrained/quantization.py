"""How a GGUF file's bytes become numbers again: whole floats, and blocks of eight or four bits.

A quantized tensor is a row of blocks. Each stands for 32 numbers: it holds a small whole number (a code) for
each of them, and a scale that all of them share. It knows bytes and numbers, and no files.

Source: the layouts of the blocks are those of ggml, https://github.com/ggml-org/ggml.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from course_lib.arguments import choice, whole, wrong


def float32(blocks: torch.Tensor) -> torch.Tensor:
    """Four bytes each, as they are.

    Shapes: (N, 4) bytes -> (N, 1).

    >>> float32(torch.tensor([1.5, -2.0]).view(torch.uint8).view(2, 4))
    tensor([[ 1.5000],
            [-2.0000]])
    """
    return as_blocks("float32", blocks, 4).view(torch.float32)


def float16(blocks: torch.Tensor) -> torch.Tensor:
    """Two bytes each: half precision.

    Shapes: (N, 2) bytes -> (N, 1).

    >>> float16(torch.tensor([1.5, -2.0]).half().view(torch.uint8).view(2, 2))
    tensor([[ 1.5000],
            [-2.0000]])
    """
    return as_blocks("float16", blocks, 2).view(torch.float16).float()


def q8_0(blocks: torch.Tensor) -> torch.Tensor:
    """Eight bits: a scale, then 32 codes from -128 to 127. A number is scale · code.

    Shapes: (N, 34) bytes -> (N, 32).

    >>> block = torch.zeros(1, 34, dtype=torch.uint8)
    >>> block[0, :2] = torch.tensor([0.5]).half().view(torch.uint8)  # the scale
    >>> block[0, 2:5] = torch.tensor([3, -3, 100], dtype=torch.int8).view(torch.uint8)
    >>> q8_0(block)[0, :4]
    tensor([ 1.5000, -1.5000, 50.0000,  0.0000])
    """
    blocks = as_blocks("q8_0", blocks, 34)
    scale, codes = half(blocks, 0), blocks[:, 2:].view(torch.int8)
    return scale * codes.float()


def q4_0(blocks: torch.Tensor) -> torch.Tensor:
    """Four bits: a scale, then 32 codes from 0 to 15. A number is scale · (code - 8).

    Shapes: (N, 18) bytes -> (N, 32).

    >>> block = torch.zeros(1, 18, dtype=torch.uint8)
    >>> block[0, :2] = torch.tensor([0.5]).half().view(torch.uint8)  # the scale
    >>> block[0, 2] = 0x1F  # 15 is the first number's code, 1 that of number 16
    >>> q4_0(block)[0, [0, 1, 16]]
    tensor([ 3.5000, -4.0000, -3.5000])
    """
    blocks = as_blocks("q4_0", blocks, 18)
    scale, codes = half(blocks, 0), nibbles(blocks[:, 2:])
    return scale * (codes - 8)


def q4_1(blocks: torch.Tensor) -> torch.Tensor:
    """Four bits: a scale, the least number, then 32 codes from 0 to 15. A number is scale · code + least.

    Shapes: (N, 20) bytes -> (N, 32).

    >>> block = torch.zeros(1, 20, dtype=torch.uint8)
    >>> block[0, :4] = torch.tensor([0.5, -4.0]).half().view(torch.uint8)  # the scale, the least
    >>> block[0, 4] = 0x1F
    >>> q4_1(block)[0, [0, 1, 16]]
    tensor([ 3.5000, -4.0000, -3.5000])
    """
    blocks = as_blocks("q4_1", blocks, 20)
    scale, least, codes = half(blocks, 0), half(blocks, 2), nibbles(blocks[:, 4:])
    return scale * codes + least


def half(blocks: torch.Tensor, start: int) -> torch.Tensor:
    """The number in half precision that begins at a byte of each block.

    Shapes: (N, any) bytes -> (N, 1).

    >>> half(torch.tensor([[1.5, 7.0]]).half().view(torch.uint8), 2)
    tensor([[7.]])
    """
    blocks = as_blocks("half", blocks, least=2)
    start = whole("half", "start", start, least=0, most=blocks.shape[1] - 2)
    return blocks[:, start : start + 2].clone().view(torch.float16).float()  # a copy begins at an even byte


def nibbles(codes: torch.Tensor) -> torch.Tensor:
    """The codes of four bits: the lower halves of all bytes come first, then the upper halves.

    Shapes: (N, 16) bytes -> (N, 32).

    >>> nibbles(torch.tensor([[0x21, 0x43]], dtype=torch.uint8))
    tensor([[1., 3., 2., 4.]])
    """
    codes = as_blocks("nibbles", codes)
    return torch.cat([codes & 15, codes >> 4], dim=1).float()


def as_blocks(owner: str, blocks: Any, nbytes: int | None = None, least: int = 1) -> torch.Tensor:
    """The blocks, if they are bytes in rows of `nbytes`, or of `least` or more; each number can be read in
    its place.

    Raises: ValueError for anything else.

    >>> as_blocks("q4_1", torch.zeros(3, 18, dtype=torch.uint8), 20)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: q4_1 got blocks=a Tensor of shape (3, 18) and type torch.uint8; it must be a tensor of ...
    """
    right = isinstance(blocks, torch.Tensor) and blocks.dtype == torch.uint8 and blocks.ndim == 2
    if not right or not (blocks.shape[1] == nbytes or (nbytes is None and blocks.shape[1] >= least)):
        columns = f"at least {least}" if nbytes is None else nbytes
        raise wrong(owner, "blocks", blocks, f"a tensor of bytes (uint8) of shape (N, {columns})")
    return blocks.clone() if blocks.storage_offset() % 4 else blocks


@dataclass(frozen=True)
class Kind:
    """A way to store numbers: how many a block holds, in how many bytes, and what they mean.

    >>> 8 * KINDS["Q4_1"].nbytes / KINDS["Q4_1"].numbers  # bits for each number
    5.0
    """

    numbers: int
    nbytes: int
    decode: Callable[[torch.Tensor], torch.Tensor]


KINDS = {
    "F32": Kind(1, 4, float32),
    "F16": Kind(1, 2, float16),
    "Q8_0": Kind(32, 34, q8_0),
    "Q4_0": Kind(32, 18, q4_0),
    "Q4_1": Kind(32, 20, q4_1),
}


def dequantize(data: torch.Tensor, kind: str) -> torch.Tensor:
    """The numbers that some bytes stand for, one after the other, in float32.

    Shapes: data (bytes) -> (numbers,).
    Raises: ValueError for a kind that is not among `KINDS`, or a number of bytes that is no whole blocks.

    >>> dequantize(torch.tensor([1.0, 2.0]).half().view(torch.uint8), "F16")
    tensor([1., 2.])
    """
    choice("dequantize", "kind", kind, KINDS)
    size, is_bytes = KINDS[kind].nbytes, isinstance(data, torch.Tensor) and data.dtype == torch.uint8
    if not is_bytes or data.numel() % size:
        raise wrong("dequantize", "data", data, f"a tensor of bytes (uint8), {size} for each block of {kind}")
    return KINDS[kind].decode(data.reshape(-1, size)).flatten()
