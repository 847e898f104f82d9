"""Writing token by token, ours beside `transformers` with the same weights, and beside what memory allows.

Every candidate writes the same number of tokens after the same prompts. The floor is the time in which this
machine can read all weights once for each token, or do the multiplications of that token, whichever is
longer: less is not possible without changing the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from course_lib.config import GPTConfig
from course_lib.generation import GREEDY, PLAIN, SamplingConfig, generate, stream
from course_lib.model import GPT
from course_lib.shell.bench.measure import Times, interleave, read_speed, threads
from course_lib.shell.bench.options import Options
from course_lib.shell.bench.peers import transformers_gpt2
from course_lib.shell.bench.report import Row, Section, Spread
from course_lib.shell.bench.training import matrix_parameters
from course_lib.shell.machine import matmul_speed

SHAPE = GPTConfig(vocab_size=65, context_length=256, n_layers=6, n_heads=6, width=192)
PROMPT, NEW = 16, 200  # tokens
PATIENCE = 10.0  # seconds
Writers = dict[str, Callable[[], Any]]


def writers(model: GPT, prompts: torch.Tensor, n_new: int, sampling: SamplingConfig) -> Writers:
    """What is compared, by name: ours as a whole, as a stream and (greedy only) without its cache, and
    transformers' own `generate` with its cache.

    Shapes: prompts (B, T); those that return something return the texts, prompts included.
    """
    from transformers import GenerationConfig

    rows, theirs = prompts.tolist(), transformers_gpt2(model, "sdpa")
    how: dict[str, Any] = {"do_sample": False}
    if not sampling.greedy:  # their own defaults would keep the 50 likeliest only
        how = {"do_sample": True, "temperature": sampling.temperature, "top_k": 0, "top_p": 1.0}
    config = GenerationConfig(
        max_new_tokens=n_new, pad_token_id=0, eos_token_id=None, bos_token_id=None, use_cache=True, **how
    )
    everywhere = torch.ones_like(prompts)

    def ours(**options: Any) -> list[list[int]]:
        generator = torch.Generator().manual_seed(0)
        return generate(model, rows, n_new, sampling=sampling, generator=generator, **options)

    def streamed() -> None:
        generator = torch.Generator().manual_seed(0)
        for _ in stream(model, rows, n_new, sampling=sampling, generator=generator):
            pass

    made: Writers = {
        "ours": ours,
        "ours, stream": streamed,
        "transformers": lambda: theirs.generate(prompts, attention_mask=everywhere, generation_config=config),
    }
    if sampling.greedy:  # once is enough: it is slow, and the choice adds little to it
        made["ours, no cache"] = lambda: ours(use_cache=False)
    return made


def peer_writers(model: GPT, prompts: torch.Tensor, n_new: int, options: Options) -> Writers:
    """The `generate` functions of other projects, made at our model's shape."""

    def writer(function: Callable[..., Any], name: str) -> Callable[[], Any]:
        def write() -> Any:
            texts = function(model, prompts, n_new)
            length = len(texts[0]) if len(texts) == len(prompts) else -1
            if length != prompts.shape[1] + n_new:
                raise ValueError(
                    f"{name} returned {len(texts)} texts, the first of length {length}; it must return "
                    f"{len(prompts)} of length {prompts.shape[1] + n_new}, prompts included."
                )
            return texts

        return write

    return {peer.name: writer(peer.build(model.config), peer.name) for peer in options.peers_for("generate")}


def equal_tokens(made: Writers) -> float:
    """The share of tokens that ours and transformers write alike; greedy ones differ only by rounding."""
    ours, theirs = torch.tensor(made["ours"]()), made["transformers"]()
    return (ours == theirs).float().mean().item()


def floor_seconds(model: GPT, batch: int, bytes_a_second: float, operations_a_second: float) -> float:
    """The least time for one more token in each text: reading the weights, or multiplying by them.

    The table of positions is only looked up, not read. Units: seconds.

    >>> model = GPT(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=1, width=2))
    >>> floor_seconds(model, 1, bytes_a_second=1e6, operations_a_second=1e9)  # 92 weights of 4 bytes
    0.000368
    """
    table = model.config.context_length * model.config.width if model.config.positions == "learned" else 0
    weights = model.parameter_count() - table
    operations = 2 * (matrix_parameters(model) - table) * batch
    return max(4 * weights / bytes_a_second, operations / operations_a_second)


def run(
    options: Options, shape: GPTConfig = SHAPE, vocabularies: tuple[int, ...] = (65,), n_new: int = NEW
) -> Section:
    """Measure each vocabulary, batch, way to choose and number of threads."""
    rows: list[Row] = []
    notes: dict[str, None] = {}
    for vocab_size in vocabularies:
        config = GPTConfig.from_dict({**shape.to_dict(), "vocab_size": vocab_size})
        generator = torch.Generator().manual_seed(0)
        model = GPT(config, generator=generator).eval()
        for batch in (1, 16):
            prompts = torch.randint(vocab_size, (batch, PROMPT), generator=generator)
            share = equal_tokens(writers(model, prompts, n_new, GREEDY))
            notes[f"Greedy, vocabulary {vocab_size}, batch {batch}: {_alike(share)}"] = None
            for number in options.threads:
                with threads(number):
                    floor = _floor(model, batch)
                    for sampling in (GREEDY, PLAIN):
                        setting = _label(vocab_size, batch, sampling, number)
                        rows += _measure(model, prompts, n_new, sampling, setting, floor, options)
    return Section(
        "generation",
        "Generation",
        "ms per token of each text",
        tuple(rows),
        (
            f"{shape.n_layers} layers, width {shape.width}: {n_new} tokens after {PROMPT}, float32.",
            *notes,
            "floor: all weights read once, as fast as so many bytes can be read again and again (from the "
            "processor's cache if they fit), or the multiplications at the speed of large matrices.",
        ),
    )


def _alike(share: float) -> str:
    if share == 1:
        return "ours and transformers write the same tokens."
    return f"ours and transformers write {share:.0%} of the tokens alike (near ties are decided by rounding)."


def _label(vocab_size: int, batch: int, sampling: SamplingConfig, number: int) -> str:
    how = "greedy" if sampling.greedy else "temperature 1"
    return f"vocabulary {vocab_size}, batch {batch}, {how}, {number} thread{'s' * (number > 1)}"


def _floor(model: GPT, batch: int) -> float:
    speed = read_speed(4 * model.parameter_count())
    return floor_seconds(model, batch, speed, matmul_speed(0.3, 512, where="cpu"))


def _measure(
    model: GPT,
    prompts: torch.Tensor,
    n_new: int,
    sampling: SamplingConfig,
    setting: str,
    floor: float,
    options: Options,
) -> Iterator[Row]:
    made = {**writers(model, prompts, n_new, sampling), **peer_writers(model, prompts, n_new, options)}
    patience = options.pick(PATIENCE, PATIENCE / 4)
    times = interleave(made, options.pick(4, 3), patience=patience, progress=options.progress)
    yield from _rows(setting, times, n_new, floor)


def _rows(setting: str, times: Times, n_new: int, floor: float) -> Iterator[Row]:
    for name in times.rounds:
        token = times.seconds(name).map(lambda seconds: seconds / n_new)
        ratio = None if name == "ours" else times.ratio("ours", name)
        share = {"floor / time": floor / token.median if token.median else math.inf}
        yield Row(setting, name, token.map(lambda seconds: 1e3 * seconds), ratio, share)
    yield Row(setting, "floor", Spread.of([1e3 * floor]))
