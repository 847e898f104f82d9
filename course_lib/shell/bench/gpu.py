"""The `gpt2` preset in half precision on a GPU: tokens a second, and the share of what the chip could do.

Ours beside a textbook GPT and `transformers`, each as it is and compiled by `torch.compile`. Where there is
no NVIDIA GPU, it says so in one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from course_lib.config import GPTConfig
from course_lib.model import GPT
from course_lib.shell.bench.measure import Times, interleave
from course_lib.shell.bench.options import Options
from course_lib.shell.bench.peers import Logits, transformers_gpt2
from course_lib.shell.bench.plain import PlainGPT
from course_lib.shell.bench.report import Row, Section
from course_lib.shell.bench.scale import training_flops
from course_lib.shell.bench.training import Trainee, random_batch
from course_lib.shell.machine import matmul_speed
from course_lib.training import TrainConfig, make_optimizer

# Dense TFLOP/s in bfloat16 (T4: float16) with sums in float32, from the makers' data sheets.
PEAKS = {"A100": 312, "H100": 989, "H200": 989, "L4": 121, "4090": 165, "T4": 65}
WAYS: dict[str, Callable[[nn.Module], Any]] = {"": lambda model: model, ", compiled": torch.compile}
LARGE = 40e9  # bytes of a GPU that holds four times the batch
GIB = 2**30


@dataclass(frozen=True)
class HalfTrainee(Trainee):
    """A trainee whose multiplications are done in half precision."""

    dtype: torch.dtype = torch.bfloat16

    def loss(self) -> torch.Tensor:
        """The mean cross-entropy of the batch, in float32."""
        with torch.autocast(self.x.device.type, self.dtype):
            return super().loss()


def known_peak(name: str) -> float | None:
    """The data sheet's operations per second of a GPU by its name; None if it is not in the table.

    >>> known_peak("NVIDIA H100 80GB HBM3"), known_peak("NVIDIA L40S"), known_peak("NVIDIA H100 PCIe")
    (989000000000000.0, None, None)
    """
    words = re.split(r"[\s-]+", name)
    if "H100" in words and {"PCIe", "NVL"} & set(words):  # slower chips than the SXM module
        return None
    return next((1e12 * peak for chip, peak in PEAKS.items() if chip in words), None)


def run(options: Options) -> Section:
    """Measure if there is a GPU that torch can use by CUDA."""
    if not torch.cuda.is_available():
        return Section("gpu", "GPU", "tokens per second", (), ("there is none here that torch can use.",))
    properties = torch.cuda.get_device_properties(0)
    batch = 16 if properties.total_memory > LARGE else 4
    real = torch.cuda.is_bf16_supported(including_emulation=False)
    config = GPTConfig.preset("gpt2")
    return measure(options, config, batch, "cuda", torch.bfloat16 if real else torch.float16, properties.name)


def measure(
    options: Options,
    config: GPTConfig,
    batch: int,
    device: str,
    dtype: torch.dtype,
    name: str,
    ways: dict[str, Callable[[nn.Module], Any]] = WAYS,
) -> Section:
    """Training steps of all candidates on one device."""
    made = trainees(config, batch, device, dtype, ways)
    memory = {key: step_bytes(trainee) for key, trainee in made.items()}  # also compiles
    steps = {key: trainee.step for key, trainee in made.items()}
    times = interleave(steps, options.pick(20, 5), skip=2, progress=options.progress)
    known = known_peak(name)
    peak = known or half_speed(device, dtype)
    rows = tuple(_rows(times, memory, config, batch, peak))
    source = "by its data sheet" if known else "as measured with large matrices"
    kind = str(dtype).removeprefix("torch.")
    notes = (
        f"{name}, {kind}, {batch} × {config.context_length} tokens per step, the peak of "
        f"{peak / 1e12:.3g} TFLOP/s {source}; 6·N + 12·L·T·C operations per token.",
    )
    return Section("gpu", "GPU", "tokens per second", rows, notes, also=("share of peak",))


def trainees(
    config: GPTConfig,
    batch: int,
    device: str,
    dtype: torch.dtype,
    ways: dict[str, Callable[[nn.Module], Any]],
) -> dict[str, HalfTrainee]:
    """Each model in each way; the ways of one model share its weights."""
    generator = torch.Generator().manual_seed(0)
    x, y = (ids.to(device) for ids in random_batch(config, batch, generator))
    ours = GPT(config, generator=generator)
    models: dict[str, nn.Module] = {
        "ours": ours,
        "plain torch": PlainGPT(config),
        "transformers sdpa": Logits(transformers_gpt2(ours, "sdpa"), use_cache=False),
    }
    made = {}
    for name, model in models.items():
        optimizer = make_optimizer(model.to(device), TrainConfig(steps=1, lr=1e-4))
        trainee = HalfTrainee(model, optimizer, x, y, dtype)
        made |= {name + suffix: replace(trainee, model=way(model)) for suffix, way in ways.items()}
    return made


def step_bytes(trainee: HalfTrainee) -> int:
    """What a step takes on the GPU beside what is there before it; 0 where there is none."""
    trainee.step()
    if trainee.x.device.type != "cuda":
        return 0
    trainee.optimizer.zero_grad(set_to_none=True)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trainee.step()
    return torch.cuda.max_memory_allocated() - before


def half_speed(device: str, dtype: torch.dtype, size: int = 8192, seconds: float = 1.0) -> float:
    """How fast large matrices are multiplied in half precision; in float32 on a CPU.

    Units: operations per second.
    """
    if device == "cpu":
        return matmul_speed(seconds / 10, 512, where="cpu")
    matrix = torch.ones(size, size, device=device, dtype=dtype) / size

    def multiply() -> None:
        for _ in range(20):
            product = matrix @ matrix
        product[0, 0].item()  # waits for the GPU to be done

    times = interleave({"multiply": multiply}, rounds=5, skip=2)
    return 20 * 2 * size**3 / times.seconds("multiply").median


def _rows(times: Times, memory: dict[str, int], config: GPTConfig, batch: int, peak: float) -> Iterator[Row]:
    tokens, flops = batch * config.context_length, training_flops(config, batch)
    for name in times.rounds:
        seconds = times.seconds(name)
        extra = {
            "ms per step": 1e3 * seconds.median,
            "share of peak": flops / seconds.median / peak,
            "step GiB": memory[name] / GIB,
        }
        ratio = None if name == "ours" else times.ratio("ours", name)
        yield Row("training step", name, seconds.map(lambda s: tokens / s), ratio, extra)
