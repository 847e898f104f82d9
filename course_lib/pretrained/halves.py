"""A GPT whose matrices are kept in half precision, for writing: half as many bytes to read for each token.

The weights are rounded, to eleven bits; what they are multiplied with, and every sum, is in float32. Beyond
65,504 there are no numbers in half precision. Such a model can't be trained. It knows layers, and no files.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from course_lib.arguments import check_instance, wrong
from course_lib.model import GPT
from course_lib.model.weights import hollow


class HalfLinear(nn.Module):
    """A linear layer with its weights in half precision, packed for FBGEMM, a library inside torch.

    Shapes: (..., in) -> (..., out), float32.
    Raises: ValueError where the processor or this torch can't.

    >>> layer = nn.Linear(64, 32, bias=False)
    >>> x = torch.randn(1, 64)
    >>> not can_halve() or torch.allclose(HalfLinear(layer)(x), layer(x), atol=1e-2)
    True
    """

    def __init__(self, layer: nn.Linear):
        super().__init__()
        check_instance("HalfLinear", "layer", layer, nn.Linear, "an nn.Linear")
        if not can_halve():
            raise ValueError("HalfLinear needs FBGEMM, which this torch, or this processor, does not have.")
        self.width = layer.in_features
        bias = None if layer.bias is None else layer.bias.detach().float()
        self.packed = torch.ops.quantized.linear_prepack_fp16(layer.weight.detach().float(), bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        right = isinstance(x, torch.Tensor) and x.is_cpu and x.dtype == torch.float32
        if not right or x.shape[-1:] != (self.width,):
            raise wrong("HalfLinear", "x", x, f"a tensor of float32 on the CPU, of shape (..., {self.width})")
        return self.multiply(x)

    @property
    def multiply(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """What `forward` does once it has looked at x."""
        packed, by_half = self.packed, torch.ops.quantized.linear_dynamic_fp16.default
        return lambda x: by_half(x, packed)


def can_halve() -> bool:
    """Whether there is a way to multiply by weights in half precision here: on x86 there usually is.

    >>> can_halve() in (True, False)
    True
    """
    return "fbgemm" in torch.backends.quantized.supported_engines


def halved(model: GPT) -> GPT | None:
    """A twin for writing, its matrices in half precision; None where there is no way to do that.

    Raises: ValueError for a model that isn't in float32 on the CPU, or has other layers than ordinary ones.

    >>> from course_lib.config import GPTConfig
    >>> twin = halved(GPT(GPTConfig(vocab_size=11, context_length=8, n_layers=1, n_heads=2, width=8)))
    >>> twin is None or twin(torch.tensor([[1, 2]])).shape == (1, 2, 11)
    True
    """
    check_instance("halved", "model", model, GPT, "a GPT")
    twin = hollow(model.config)
    _check_can_be_halved(model, twin)
    if not can_halve():
        return None
    _fill(twin, model)
    return twin.eval()


def _fill(twin: nn.Module, module: nn.Module) -> None:
    """Give a hollow module what its model has: what is no matrix is shared."""
    twin._parameters.update(module._parameters)
    twin._buffers.update(module._buffers)
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(twin, name, HalfLinear(child))
        else:
            _fill(getattr(twin, name), child)


def _check_can_be_halved(model: GPT, twin: GPT) -> None:
    """Raises ValueError for weights of another kind, and for layers that LoRA or `halved` has changed."""
    found = model.state_dict()
    for name, weight in twin.state_dict().items():
        there = found.get(name)
        if there is None or there.shape != weight.shape:
            raise ValueError(
                f"halved got a model without an ordinary layer at {name}; give one that isn't halved yet, "
                "and after LoRA what merge_lora makes of it."
            )
        if there.dtype != torch.float32 or there.device.type != "cpu":
            raise ValueError(
                f"halved got a model in {there.dtype} on the device {there.device}; it needs float32 on the "
                'CPU: load_pretrained(dtype="float32"), or model.float().cpu().'
            )
