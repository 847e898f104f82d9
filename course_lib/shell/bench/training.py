"""A training step, ours beside others' at the same shape: milliseconds, and bytes of tensors alive.

A step is what a training loop does with a batch: forward, cross-entropy, backward, clip the gradient, move
the weights. Loss and clipping are torch's for all; model and optimizer are each one's own. It does not know
`course_lib.training.train`, whose loop is the same for any model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.config import GPTConfig
from course_lib.model import GPT
from course_lib.shell.bench.measure import Times, interleave, kept_bytes, peak_bytes, state_tensors, threads
from course_lib.shell.bench.options import Options
from course_lib.shell.bench.peers import Logits, transformers_gpt2
from course_lib.shell.bench.plain import PlainGPT
from course_lib.shell.bench.report import Row, Section
from course_lib.training import TrainConfig, make_optimizer

MIB = 2**20
SHAPES = (  # shape and batch
    (GPTConfig(vocab_size=65, context_length=64, n_layers=4, n_heads=4, width=128), 12),
    (GPTConfig(vocab_size=65, context_length=128, n_layers=6, n_heads=6, width=192), 16),
)
PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Trainee:
    """A model with its optimizer and a batch to learn from."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    x: torch.Tensor
    y: torch.Tensor

    def loss(self) -> torch.Tensor:
        """The mean cross-entropy of the batch."""
        return F.cross_entropy(self.model(self.x).flatten(0, 1), self.y.flatten())

    def step(self) -> float:
        """One training step; gives the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    def memory(self) -> tuple[int, int]:
        """Bytes: the most alive during a step, and what the forward pass keeps for the backward pass."""
        self.step()  # so that the optimizer has what it keeps
        self.optimizer.zero_grad(set_to_none=True)
        states = list(self.optimizer.state.values())
        held = [*state_tensors(self.model, states), self.x, self.y]
        return peak_bytes(self.step, held), kept_bytes(self.loss, [*self.model.parameters(), self.x, self.y])


def matrix_parameters(model: nn.Module) -> int:
    """How many numbers are in matrices and tables, shared ones once; biases and gains are left out.

    >>> matrix_parameters(nn.Linear(3, 2))
    6
    """
    return sum(weight.numel() for weight in model.parameters() if weight.ndim >= 2)


def random_batch(config: GPTConfig, batch: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Ids and targets (B, T) of no meaning, which take as long as any other."""
    size = (batch, config.context_length)
    return tuple(torch.randint(config.vocab_size, size, generator=generator) for _ in range(2))


def trainees(config: GPTConfig, batch: int, options: Options) -> dict[str, Trainee]:
    """All candidates of one shape by name; ours and transformers' begin with the same weights."""
    generator = torch.Generator().manual_seed(0)
    x, y = random_batch(config, batch, generator)
    ours = GPT(config, generator=generator)
    made = {"ours": Trainee(ours, make_optimizer(ours, TrainConfig(steps=1, lr=1e-4)), x, y)}
    for attention in ("eager", "sdpa"):
        model = Logits(transformers_gpt2(ours, attention), use_cache=False)
        fused = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
        made[f"transformers {attention}"] = Trainee(model, fused, x, y)
    plain = PlainGPT(config)
    made["plain torch"] = Trainee(plain, torch.optim.AdamW(plain.parameters(), lr=1e-4), x, y)
    for peer in options.peers_for("model"):
        model = peer.build(config).train()
        made[peer.name] = Trainee(model, peer.optimizer(model), x, y)
    return made


def label(config: GPTConfig, batch: int, number: int) -> str:
    """A setting in words.

    >>> label(SHAPES[0][0], 12, 1)
    '4 layers, width 128, 12 × 64 tokens, 1 thread'
    """
    shape = f"{config.n_layers} layers, width {config.width}, {batch} × {config.context_length} tokens"
    return f"{shape}, {number} thread{'s' * (number > 1)}"


def compare(made: dict[str, Trainee], options: Options) -> Times:
    """Let them step in turn."""
    steps = {name: trainee.step for name, trainee in made.items()}
    rounds = options.pick(40, 10)
    return interleave(steps, rounds, skip=options.pick(5, 2), patience=PATIENCE, progress=options.progress)


def same_start(made: dict[str, Trainee]) -> float:
    """How far ours and transformers' first losses are apart, having the same weights."""
    with torch.no_grad():
        ours, *theirs = (made[n].loss().item() for n in ("ours", "transformers eager", "transformers sdpa"))
    return max(abs(ours - other) for other in theirs)


def run(options: Options, shapes: tuple[tuple[GPTConfig, int], ...] = SHAPES) -> Section:
    """Measure every shape with every number of threads."""
    rows: list[Row] = []
    apart = 0.0
    notes = {}
    for config, batch in shapes:
        made = trainees(config, batch, options)
        apart = max(apart, same_start(made))
        notes |= dict.fromkeys(_size_notes(made))
        memory = {name: trainee.memory() for name, trainee in made.items()}
        for number in options.threads:
            with threads(number):
                rows += _rows(label(config, batch, number), made, memory, compare(made, options))
    optimizers = (
        "Optimizers: ours torch's fused AdamW by make_optimizer; transformers the fused AdamW that is its "
        "Trainer's default; plain torch and peers torch.optim.AdamW as it comes, or the peer's own."
    )
    start = (
        f"With the same weights, the first losses of ours and transformers' differ by {apart:.0e} at most."
    )
    bytes_note = (
        "peak MiB: all tensors alive at one time in a step, weights and optimizer state included; kept MiB: "
        "what the forward pass keeps for the backward pass."
    )
    told = (optimizers, start, *notes, bytes_note)
    return Section("training", "Training", "ms per step", tuple(rows), told, also=("peak MiB",))


def _size_notes(made: dict[str, Trainee]) -> Iterator[str]:
    """Which candidates don't have as many parameters as ours, biases and gains aside."""
    sizes = {name: matrix_parameters(trainee.model) for name, trainee in made.items()}
    ours = sizes["ours"]
    other = [f"{name} has {size:,}" for name, size in sizes.items() if size != ours]
    yield f"Parameters in matrices: {ours:,} in ours; {', '.join(other) or 'all others have as many'}."


def _rows(
    setting: str, made: dict[str, Trainee], memory: dict[str, tuple[int, int]], times: Times
) -> Iterator[Row]:
    for name, trainee in made.items():
        peak, kept = memory[name]
        extra = {"peak MiB": peak / MIB, "kept MiB": kept / MIB}
        extra["parameters"] = sum(weight.numel() for weight in trainee.model.parameters())
        ratio = None if name == "ours" else times.ratio("ours", name)
        yield Row(setting, name, times.seconds(name).map(lambda s: 1e3 * s), ratio, extra)
