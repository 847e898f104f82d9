"""Generation: writing token by token, with any module that maps token ids to logits.

One loop serves everything: ask the model for the next token's logits, reshape them
(`course_lib.generation.sampling`), draw, append (`course_lib.generation.decoding`). Beam search, which looks
for a whole text, is in `course_lib.generation.beam`. All of them can be used from here. This module does not
know about training or about how text becomes tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from course_lib.arguments import flag, id_rows, shown, whole
from course_lib.generation.beam import Beam, beam_search
from course_lib.generation.decoding import Decoder, Prompt, as_stops
from course_lib.generation.sampling import (
    GREEDY,
    PLAIN,
    SamplingConfig,
    draw,
    min_p,
    repetition_penalty,
    temperature,
    top_k,
    top_p,
)
from course_lib.training.evaluation import mode

__all__ = [
    "GREEDY",
    "PLAIN",
    "Beam",
    "Decoder",
    "SamplingConfig",
    "beam_search",
    "draw",
    "generate",
    "min_p",
    "repetition_penalty",
    "stream",
    "temperature",
    "top_k",
    "top_p",
]

Model = Callable[..., torch.Tensor]


def generate(
    model: Model,
    prompts: Prompt | Sequence[Prompt],
    max_new_tokens: int = 100,
    *,
    sampling: SamplingConfig = PLAIN,
    stop_tokens: Iterable[int] | int = (),
    generator: torch.Generator | None = None,
    use_cache: bool = True,
    context_length: int | None = None,
    overflow: str = "slide",
    return_logprobs: bool = False,
) -> Any:
    """Continue one prompt, or a batch of any lengths; returns ids, prompt and stop token included.

    One prompt (ids, or a tensor of one dimension) gives a list of ids; several give a list of such lists,
    each the same as if its prompt stood alone. `generator` makes the text repeatable; each row of a batch has
    a chance of its own, whatever its neighbours do. `overflow` says what happens when a text fills the
    context: "slide" forgets its beginning and goes on (slower: the cache can't be used then), "stop" ends it.

    With `return_logprobs`, returns a pair: the ids, and for every new token the log-probability that the
    model gave it, before temperature and the rest, in nats.

    Raises: ValueError for a prompt that is empty, longer than the context or outside the vocabulary.

    >>> def successor(ids):  # a model that is sure that after n comes n + 1
    ...     return 50.0 * torch.nn.functional.one_hot((ids + 1) % 10, 10)
    >>> generate(successor, [3], max_new_tokens=4)
    [3, 4, 5, 6, 7]
    >>> generate(successor, [[3], [5, 6, 7]], max_new_tokens=4, stop_tokens=[9])
    [[3, 4, 5, 6, 7], [5, 6, 7, 8, 9]]
    """
    rows, single = id_rows("generate", prompts)
    return_logprobs = flag("generate", "return_logprobs", return_logprobs)
    texts = [list(row) for row in rows]
    logprobs: list[list[float]] = [[] for _ in rows]
    steps = stream(
        model,
        rows,
        max_new_tokens,
        sampling=sampling,
        stop_tokens=stop_tokens,
        generator=generator,
        use_cache=use_cache,
        context_length=context_length,
        overflow=overflow,
        return_logprobs=return_logprobs,
    )
    for news in steps:
        for row, new in enumerate(news):
            if new is not None:
                token, nats = new if return_logprobs else (new, 0.0)
                texts[row].append(token)
                logprobs[row].append(nats)
    result = (texts[0], logprobs[0]) if single else (texts, logprobs)
    return result if return_logprobs else result[0]


def stream(
    model: Model,
    prompts: Prompt | Sequence[Prompt],
    max_new_tokens: int = 100,
    *,
    sampling: SamplingConfig = PLAIN,
    stop_tokens: Iterable[int] | int = (),
    generator: torch.Generator | None = None,
    use_cache: bool = True,
    context_length: int | None = None,
    overflow: str = "slide",
    return_logprobs: bool = False,
) -> Iterator[Any]:
    """The same tokens as `generate`, one by one as they are written, without the prompt.

    For one prompt: ids, or pairs (id, log-probability). For a batch: lists with one entry per text, None for
    texts that have ended. The model is in evaluation mode while it computes, and in between as it was.

    Raises: ValueError at the call, as `generate` does; or at a step whose logits are no numbers.

    >>> def successor(ids):
    ...     return 50.0 * torch.nn.functional.one_hot((ids + 1) % 10, 10)
    >>> list(stream(successor, [3], max_new_tokens=3))
    [4, 5, 6]
    """
    max_new_tokens = whole("generate", "max_new_tokens", max_new_tokens, least=0)
    return_logprobs = flag("generate", "return_logprobs", return_logprobs)
    _check_choices(sampling, generator)
    if overflow not in ("slide", "stop"):
        raise ValueError(f"generate got overflow={overflow!r}; choose 'slide' or 'stop'.")
    rows, single = id_rows("generate", prompts)
    with torch.inference_mode():
        texts = Decoder(model, rows, max_new_tokens, context_length, use_cache)
    stops = as_stops(stop_tokens, texts.vocab_size)
    limits = [max_new_tokens] * len(rows)
    if overflow == "stop" and texts.context_length is not None:
        limits = [min(max_new_tokens, texts.context_length - length) for length in texts.lengths]
    dice = None if sampling.greedy else _dice(len(rows), max_new_tokens, generator).to(texts.device)
    steps = _write(texts, limits, sampling, dice, stops, return_logprobs)
    return (news[0] for news in steps) if single else steps


def _write(
    texts: Decoder,
    limits: list[int],
    sampling: SamplingConfig,
    dice: torch.Tensor | None,
    stops: frozenset[int],
    with_logprobs: bool,
) -> Iterator[list[Any]]:
    """Yield what each step adds to each text, None to those that have ended."""
    writing = [limit > 0 for limit in limits]
    step, evaluating = 0, mode(texts.model, training=False)
    while any(writing):
        # Both modes are left before each yield: they must not leak into the reader's own code.
        with evaluating, torch.inference_mode():
            logits = texts.next_logits()
            if not step:
                as_stops(stops, logits.shape[-1])  # a plain function has not said how many tokens it knows
            wanted = sampling(logits, texts.ids)
            tokens = wanted.argmax(-1) if dice is None else draw(wanted, dice[:, step])
            texts.append(tokens)
            ids = news = tokens.tolist()
            if with_logprobs:
                nats = logits.log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
                news = list(zip(ids, nats.tolist(), strict=True))
        yield [new if on else None for new, on in zip(news, writing, strict=True)]
        step += 1
        for row, token in enumerate(ids):
            writing[row] = writing[row] and token not in stops and step < limits[row]


def _check_choices(sampling: SamplingConfig, generator: torch.Generator | None) -> None:
    if not callable(sampling) or not hasattr(sampling, "greedy"):
        raise ValueError(
            f"generate got sampling={shown(sampling)}; needed a SamplingConfig, as in "
            "SamplingConfig(temperature=0.8)."
        )
    if generator is not None and not isinstance(generator, torch.Generator):
        raise ValueError(
            f"generate got generator={shown(generator)}; needed a generator, such as "
            "torch.Generator().manual_seed(0)."
        )


def _dice(rows: int, steps: int, generator: torch.Generator | None) -> torch.Tensor:
    """Numbers in [0, 1), (rows, steps); each row's come from a generator of its own."""
    where = generator.device if generator is not None else "cpu"
    seeds = torch.randint(2**62, (rows,), generator=generator, device=where).tolist()
    return torch.stack([torch.rand(steps, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
