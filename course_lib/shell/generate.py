"""The shell command `generate`: a trained model writes onto the terminal, token by token.

What it calls is imported only when it runs, so that `--help` is quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from course_lib.files import as_path

if TYPE_CHECKING:
    import torch

    from course_lib.model import GPT
    from course_lib.tokens import BPETokenizer
from course_lib.shell.common import clear_errors, load_tokenizer, own_tokenizer_folder

MOST_TOKENS = 10**9
GENERATE_EXAMPLES = """
Examples:

\b
  python -m course_lib generate
      a story from the shipped model
  python -m course_lib generate --prompt "One morning," --temperature 0.7 --n 3
  python -m course_lib generate --model my_model.safetensors --seed 5
  python -m course_lib generate --prompt "有一天" --temperature 0
      the likeliest text
"""


def generate(
    model: Annotated[
        Path | None,
        typer.Option(help="A model file; if not given, the course's data/checkpoints/base.safetensors."),
    ] = None,
    prompt: Annotated[str, typer.Option(help="How the text begins; empty: the model begins it.")] = "",
    temperature: Annotated[
        float, typer.Option(help="0: always the likeliest token; 1: as the model thinks.")
    ] = 0.8,
    top_p: Annotated[
        float, typer.Option(help="Keep only the likeliest tokens that make up this probability.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Keep only so many of the likeliest tokens.")] = None,
    tokens: Annotated[int, typer.Option(help="At most so many new tokens per text.")] = 256,
    n: Annotated[int, typer.Option("--n", help="How many texts.")] = 1,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same text; if not given, always another.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer's folder; if not given, the model's.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
) -> None:
    """Let a trained GPT write, token by token, onto the terminal."""
    with clear_errors():
        from course_lib import runtime
        from course_lib.generation.sampling import SamplingConfig
        from course_lib.training import check_tokenizer, load_model

        if n < 1:
            raise ValueError(f"--n got {n}; it must be at least 1.")
        if not 0 <= tokens <= MOST_TOKENS:
            raise ValueError(f"--tokens got {tokens}; it must be from 0 to {MOST_TOKENS}.")
        sampling = SamplingConfig(temperature=temperature, top_p=top_p, top_k=top_k)
        path = as_path(model or runtime.data_dir() / "checkpoints" / "base.safetensors")
        generator = _generator(seed)
        gpt = load_model(path, device=runtime.device(device))
        words = load_tokenizer(tokenizer or _tokenizer_folder_of(path))
        _check_fit(gpt.config.vocab_size, words.vocab_size)
        check_tokenizer(gpt, words)
        for number in range(1, n + 1):
            if n > 1:
                typer.secho(f"--- {number}", dim=True)
            _write(gpt, words, prompt, tokens, sampling, generator)


def _write(
    model: GPT, tokenizer: BPETokenizer, prompt: str, tokens: int, sampling: Any, generator: torch.Generator
) -> None:
    """Let one text appear on the terminal as it is written."""
    from course_lib.generation import stream

    end = tokenizer.end_id
    start = [end, *tokenizer.encode(prompt)]  # the end of the text before is where a text begins
    new = stream(model, start, tokens, sampling=sampling, stop_tokens=[end], generator=generator)
    typer.echo(prompt, nl=False)
    for piece in tokenizer.decode_stream(new, skip_special=True):
        typer.echo(piece, nl=False)
    typer.echo()


def _generator(seed: int | None) -> torch.Generator:
    import torch

    if seed is not None and not -(2**63) <= seed < 2**64:
        raise ValueError(f"--seed got {seed}; it must be a whole number of at most 64 bits.")
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator


def _tokenizer_folder_of(path: Path) -> Path:
    """Where a model's tokenizer is: beside it under its name, or in `tokenizer`, beside or one up."""
    places = [own_tokenizer_folder(path), path.parent / "tokenizer", path.parent.parent / "tokenizer"]
    for place in places:
        if place.is_dir():
            return place
    raise ValueError(f"No tokenizer was found for {path}: no folder {places[0]}; give one with --tokenizer.")


def _check_fit(model_size: int, tokenizer_size: int) -> None:
    if model_size != tokenizer_size:
        raise ValueError(
            f"The model knows {model_size:,} tokens and the tokenizer has {tokenizer_size:,}: they don't "
            "belong together; give the model's own with --tokenizer."
        )
