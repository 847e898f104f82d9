"""A GPT whose matrices are kept in half precision, for writing: half as many bytes to read for each token.

Every sum is in float32. The weights are rounded, to eleven bits, and where one vector is multiplied so is
what goes in and comes out; only for the last matrix, whose numbers choose the token, it is not. Beyond 65,504
there are no numbers in half precision. Such a model can't be trained. It knows layers, and no files.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import check_instance, wrong
from course_lib.model import GPT, RMSNorm, SwiGLU
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


class Columns(nn.Module):
    """A linear layer in half precision that adds up its columns, each as often as x says.

    That is what a matrix does with one vector, and what torch's `embedding_bag` does with a table: it reads
    ahead, so that less is waited for the memory. Where torch has several threads, each half of the rows is a
    table of its own, for two of them. One vector is rounded to half precision before, and its result after;
    several are multiplied by the rounded matrix in float32.

    Shapes: (..., in) -> (..., out), float32.

    >>> layer, x = nn.Linear(64, 32), torch.randn(1, 1, 64)
    >>> torch.allclose(Columns(layer)(x), layer(x), atol=1e-2)
    True
    """

    def __init__(self, layer: nn.Linear):
        super().__init__()
        check_instance("Columns", "layer", layer, nn.Linear, "an nn.Linear")
        self.width, self.rows = layer.in_features, layer.out_features
        self.bias = None if layer.bias is None else layer.bias.detach().float()
        weight, parts = (
            layer.weight.detach().half(),
            1 if self.rows % 2 or torch.get_num_threads() == 1 else 2,
        )
        tables = [part.t() for part in weight.chunk(parts)]
        self.table = torch.cat(tables).contiguous()  # (parts · in, out / parts)
        self._every = torch.arange(parts * self.width, dtype=torch.int32)
        self._begins = self._every[:: self.width].clone()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        right = isinstance(x, torch.Tensor) and x.is_cpu and x.dtype == torch.float32
        if not right or x.shape[-1:] != (self.width,):
            raise wrong("Columns", "x", x, f"a tensor of float32 on the CPU, of shape (..., {self.width})")
        if x.numel() == self.width:
            return self.multiply(x)
        parts = self.table.view(-1, self.width, self.table.shape[1])
        weight = parts.mT.reshape(self.rows, self.width).float()
        return F.linear(x, weight, self.bias)

    def multiply(self, x: torch.Tensor) -> torch.Tensor:
        """What `forward` does with one vector, once it has looked at x."""
        out = self.add_up(x.half()).view(*x.shape[:-1], self.rows).float()
        return out if self.bias is None else out + self.bias

    def add_up(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of the columns, without the bias, of a vector that is in half precision already.

        Shapes: (..., in) with one vector -> (parts, out / parts).
        """
        often = x.view(-1)
        if len(self._begins) > 1:
            often = torch.cat([often, often])
        return torch.embedding_bag(self.table, self._every, self._begins, False, 0, False, often)[0]


class HalfSwiGLU(nn.Module):
    """A SwiGLU in half precision, its gate and its way up joined to one matrix.

    Shapes: (..., C) -> (..., C), float32.

    >>> from course_lib.config import GPTConfig
    >>> layer, x = SwiGLU(GPTConfig(n_heads=2, width=8, activation="swiglu")), torch.randn(1, 1, 8)
    >>> torch.allclose(HalfSwiGLU(layer)(x), layer(x), atol=1e-2)
    True
    """

    def __init__(self, layer: SwiGLU):
        super().__init__()
        check_instance("HalfSwiGLU", "layer", layer, SwiGLU, "a SwiGLU")
        gate, up = layer.gate, layer.up
        joined = nn.Linear(gate.in_features, 2 * gate.out_features, gate.bias is not None, device="meta")
        for name in joined._parameters:
            parts = [getattr(part, name) for part in (gate, up)]
            if None not in parts:
                setattr(joined, name, nn.Parameter(torch.cat([part.detach() for part in parts]), False))
        self.both, self.down = Columns(joined), Columns(layer.down)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = self.both(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)

    def multiply(self, x: torch.Tensor) -> torch.Tensor:
        """`forward` for one vector, without looking at it; without biases all of it is in half precision."""
        if self.both.bias is not None:
            gate, up = self.both.multiply(x).chunk(2, -1)
            return self.down.multiply(F.silu(gate).mul_(up))
        gate, up = self.both.add_up(x.half()).view(2, -1)
        return self.down.add_up(F.silu(gate).mul_(up)).view(x.shape).float()


class QuickRMSNorm(RMSNorm):
    """An RMSNorm that brings a single vector to its length by a product with itself, which is one call.

    Shapes: (..., width) -> (..., width).

    >>> QuickRMSNorm(RMSNorm(2, eps=0.0))(torch.tensor([1.0, 7.0])).detach()
    tensor([0.2000, 1.4000])
    """

    def __init__(self, norm: RMSNorm):
        nn.Module.__init__(self)
        check_instance("QuickRMSNorm", "norm", norm, RMSNorm, "an RMSNorm")
        self.eps, self.weight, self._nothing = norm.eps, norm.weight, torch.zeros(())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width = self.weight.shape[0]
        if x.numel() != width or torch.is_grad_enabled():
            return super().forward(x)
        vector = x.view(width)
        mean_square = torch.dot(vector, vector).item() / width + self.eps
        scale = 1 / math.sqrt(mean_square) if mean_square > 0 else math.nan
        return torch.addcmul(self._nothing, x, self.weight, value=scale)


def can_halve() -> bool:
    """Whether there is a way to multiply by weights in half precision here: on x86 there usually is.

    >>> can_halve() in (True, False)
    True
    """
    return "fbgemm" in torch.backends.quantized.supported_engines


QUICKER = {nn.Linear: Columns, SwiGLU: HalfSwiGLU, RMSNorm: QuickRMSNorm}


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
        quicker = QUICKER.get(type(child))
        if quicker is None:
            _fill(getattr(twin, name), child)
        else:
            setattr(twin, name, HalfLinear(child) if name == "head" else quicker(child))


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
