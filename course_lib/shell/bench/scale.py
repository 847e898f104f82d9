"""How a training step grows: measured time and memory beside what can be counted on paper.

From one shape, the window, the width, the layers and the batch are grown one at a time. The counts are
those of the textbook: norms, activations and copies take no time in them, which shows as dots above the line
where little is multiplied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course_lib.config import GPTConfig
from course_lib.model import GPT
from course_lib.shell.bench.measure import interleave, threads
from course_lib.shell.bench.options import Options
from course_lib.shell.bench.report import Row, Section
from course_lib.shell.bench.training import MIB, SHAPES, Trainee, random_batch
from course_lib.shell.machine import matmul_speed
from course_lib.training import TrainConfig, make_optimizer

BASE, BATCH = SHAPES[0]
SWEEPS = {  # what grows: its values
    "window": (32, 64, 128, 256, 512, 1024),
    "width": (64, 128, 256, 512),
    "layers": (1, 2, 4, 8, 16),
    "batch": (3, 6, 12, 24, 48),
}
FIELDS = {"window": "context_length", "width": "width", "layers": "n_layers"}
BYTES = 4  # of a float32


def training_flops(config: GPTConfig, batch: int) -> int:
    """The multiplications and additions of one training step of a GPT with the default parts.

    A token takes 2 operations for each number in a matrix, and for attention 4·T·C in each layer: its query
    with T keys, and T values with their weights. The backward pass takes twice as many as the forward pass:
    6·N + 12·L·T·C in all, with N = 12·L·C² + V·C. That attention looks back only is not taken into account.

    Source: Kaplan and others 2020, section 2.1 (arXiv:2001.08361).

    >>> training_flops(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=1, width=2), batch=1)
    2460
    """
    C, L, T = config.width, config.n_layers, config.context_length
    matrices = 12 * L * C**2 + config.vocab_size * C
    return batch * T * (6 * matrices + 12 * L * T * C)


def counted_flops(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> int:
    """The same as torch counts it, operation by operation, with attention as plain matrix products."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten()).backward()
    model.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def kept_bytes(config: GPTConfig, batch: int) -> int:
    """What a forward pass in float32 keeps for the backward pass.

    A token keeps in each layer 16 vectors of the width: what went into and came out of each norm (4),
    queries, keys and values (3), what attention gave (1), and the MLP's wide vector before and after the bend
    (4 + 4). Attention keeps one number for each head, a norm two. After the layers come the last norm's two
    vectors and the log-probabilities; the loss keeps the number of its targets.

    >>> kept_bytes(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=1, width=2), batch=1)
    1004
    """
    C, L, H, V = config.width, config.n_layers, config.n_heads, config.vocab_size
    return BYTES * (batch * config.context_length * (L * (16 * C + H + 4) + 2 * C + 2 + V) + 1)


def training_bytes(config: GPTConfig, batch: int) -> int:
    """The bytes alive when most are: early in the backward pass, when hardly anything kept is given back.

    The weights and the optimizer's two means of them, what the forward pass kept, and for each token the
    gradients of one vector and of the MLP's wide one; or, where that is more, the weights, the means and all
    gradients at the end.

    >>> training_bytes(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=1, width=2), batch=1)
    2428
    """
    C, L, T = config.width, config.n_layers, config.context_length
    weights = BYTES * (config.vocab_size * C + T * C + L * (12 * C**2 + 13 * C) + 2 * C)
    early = 3 * weights + kept_bytes(config, batch) + BYTES * 5 * batch * T * C
    return max(early, 4 * weights)


def grown(sweep: str, value: int, base: GPTConfig = BASE, batch: int = BATCH) -> tuple[GPTConfig, int]:
    """The base shape with one of its numbers replaced.

    >>> grown("batch", 3)[1], grown("width", 64)[0].width
    (3, 64)
    """
    if sweep == "batch":
        return base, value
    return replace(base, **{FIELDS[sweep]: value}), batch


def run(options: Options, sweeps: dict[str, tuple[int, ...]] = SWEEPS, base: GPTConfig = BASE) -> Section:
    """Measure every shape, all shapes of a sweep in turn."""
    rows: list[Row] = []
    number = options.threads[0]
    with threads(number):
        speed = matmul_speed(options.pick(3.0, 0.5), where="cpu")
        for sweep, values in sweeps.items():
            values = values[: options.pick(None, 4)]
            rows += _sweep(sweep, {value: grown(sweep, value, base) for value in values}, speed, options)
    several = "s" * (number > 1)
    notes = (
        f"{number} thread{several}; large matrices are multiplied here at {speed / 1e9:.0f} GFLOP/s.",
        "Counted per token: 6·N + 12·L·T·C operations, where N = 12·L·C² + V·C numbers are in matrices. "
        f"torch's own counter finds {_agreement(base)} for the smallest shape.",
    )
    return Section("scale", "Growth of a training step", "ms", tuple(rows), notes)


def _agreement(base: GPTConfig) -> str:
    trainee = _trainee(base, 1)
    ratio = counted_flops(trainee.model, trainee.x, trainee.y) / training_flops(base, 1)
    return "as many" if ratio == 1 else f"{ratio:.3f} times as many"


def _trainee(config: GPTConfig, batch: int) -> Trainee:
    generator = torch.Generator().manual_seed(0)
    model = GPT(config, generator=generator)
    x, y = random_batch(config, batch, generator)
    return Trainee(model, make_optimizer(model, TrainConfig(steps=1, lr=1e-4)), x, y)


def _sweep(
    sweep: str, shapes: dict[int, tuple[GPTConfig, int]], speed: float, options: Options
) -> Iterator[Row]:
    made = {str(value): _trainee(*shape) for value, shape in shapes.items()}
    peaks = {name: trainee.memory()[0] for name, trainee in made.items()}
    steps = {name: trainee.step for name, trainee in made.items()}
    times = interleave(steps, options.pick(12, 3), patience=options.pick(60, 10), progress=options.progress)
    for value, shape in shapes.items():
        seconds, flops = times.seconds(str(value)), training_flops(*shape)
        extra = {
            "value": value,
            "counted GFLOP": flops / 1e9,
            "GFLOP/s": flops / seconds.median / 1e9,
            "share of matrix speed": flops / seconds.median / speed,
            "peak MiB": peaks[str(value)] / MIB,
            "counted MiB": training_bytes(*shape) / MIB,
        }
        base = shape == (BASE, BATCH) and sweep == next(iter(SWEEPS))
        yield Row(sweep, f"{sweep} {value}", seconds.map(lambda s: 1e3 * s), None, extra, detail=not base)
