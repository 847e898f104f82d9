"""Bits become numbers: equal to the package `gguf`, to the bit, for whatever bytes there are."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Type
from hypothesis import given
from hypothesis import strategies as st

from course_lib.pretrained.quantization import KINDS, dequantize

BLOCKS = st.integers(1, 40)
SEEDS = st.integers(0, 2**32 - 1)


def bits(numbers: np.ndarray) -> np.ndarray:
    """Floats as whole numbers, all NaN as one: which of them comes out says nothing."""
    return np.where(np.isnan(numbers), np.float32(np.nan), numbers).view(np.uint32)


@pytest.mark.parametrize("kind", KINDS)
@given(blocks=BLOCKS, seed=SEEDS)
def test_any_bytes_mean_what_they_mean_to_gguf(kind, blocks, seed):
    size = KINDS[kind].nbytes
    data = np.random.default_rng(seed).integers(0, 256, (blocks, size), dtype=np.uint8)
    with np.errstate(all="ignore"):
        theirs = gguf.quants.dequantize(data, Type[kind]).astype(np.float32).ravel()
    ours = dequantize(torch.from_numpy(data), kind).numpy()
    assert ours.shape == (blocks * KINDS[kind].numbers,)
    assert np.array_equal(bits(ours), bits(theirs))


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_have_the_sizes_that_gguf_says(kind):
    assert (KINDS[kind].numbers, KINDS[kind].nbytes) == gguf.GGML_QUANT_SIZES[Type[kind]]


@pytest.mark.parametrize(("kind", "steps"), [("Q8_0", 127), ("Q4_0", 8), ("Q4_1", 15)])
@given(seed=SEEDS)
def test_what_was_quantized_comes_back_to_half_a_step(kind, steps, seed):
    """A step is the scale: the largest size over 127 or 8, or the whole span over 15."""
    numbers = np.random.default_rng(seed).normal(size=(8, 32)).astype(np.float32)
    data = gguf.quants.quantize(numbers, Type[kind])
    back = dequantize(torch.from_numpy(data), kind).view(8, 32).numpy()
    span = np.ptp(numbers, axis=1) if kind == "Q4_1" else np.abs(numbers).max(axis=1)
    reach = 1.0 if kind == "Q4_0" else 0.5  # its codes go from -8 to 7: at one end a whole step is missing
    assert (np.abs(back - numbers).max(axis=1) <= reach * span / steps * 1.01 + 2e-3 * span).all()


def test_a_number_of_bytes_that_is_no_whole_blocks():
    with pytest.raises(ValueError, match="18 for each block of Q4_0"):
        dequantize(torch.zeros(19, dtype=torch.uint8), "Q4_0")


@pytest.mark.parametrize("data", [torch.zeros(18), [0] * 18, None])
def test_what_are_no_bytes(data):
    with pytest.raises(ValueError, match="a tensor of bytes"):
        dequantize(data, "Q4_0")


def test_a_kind_that_is_not_known():
    with pytest.raises(ValueError, match="kind='Q6_K'; it must be one of F32, F16, Q8_0, Q4_0, Q4_1"):
        dequantize(torch.zeros(18, dtype=torch.uint8), "Q6_K")
