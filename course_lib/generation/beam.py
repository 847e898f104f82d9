"""Beam search: the text that is most probable as a whole, looked for along several paths at once.

It equals `transformers.generate(num_beams=..., do_sample=False)` with the same length penalty and early
stopping. It knows a model only through `course_lib.generation.decoding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from course_lib.arguments import id_list, is_number, plain, shown, whole
from course_lib.generation.decoding import Decoder, Prompt, as_stops, check_room
from course_lib.training.evaluation import mode

OUT = -1e9  # added to a score that must not win
STRONGEST = 50  # length penalty whose power of a length is still a number


@dataclass(frozen=True)
class Beam:
    """A finished text: the prompt and what follows it, and its score (higher is better).

    `score` is the log-probability of the new tokens in nats, divided by their number to the power of the
    length penalty.

    >>> beam = Beam(ids=[7, 2, 3], new_ids=[2, 3], score=-1.5)  # with a length penalty of 1: a mean
    >>> beam.score * len(beam.new_ids)  # the log-probability of both new tokens
    -3.0
    """

    ids: list[int]
    new_ids: list[int]
    score: float


@torch.inference_mode()
def beam_search(
    model: Callable[..., torch.Tensor],
    prompt: Prompt,
    num_beams: int = 4,
    max_new_tokens: int = 50,
    *,
    stop_tokens: Iterable[int] | int = (),
    length_penalty: float = 1.0,
    early_stopping: bool | str = False,
    use_cache: bool = True,
    context_length: int | None = None,
) -> list[Beam]:
    """Keep the `num_beams` most probable beginnings at every step; returns the finished texts, best first.

    There are `num_beams` of them, or fewer if so many different texts are not possible.

    A text is finished by a stop token or by its length. A `length_penalty` above 0 favours long texts (the
    sum of log-probabilities only falls, its mean need not), below 0 short ones; 0 compares plain
    probabilities. When `num_beams` texts are finished, the search ends: `early_stopping=True` at once;
    `False` when the best running text could not beat the worst finished one if it ended now; "never" when it
    could not at any length.

    Raises: ValueError for numbers below 1, or a prompt that is empty or too long.
    Source: Wu and others 2016, section 7, on length penalties (arXiv:1609.08144).

    >>> def model(ids):  # after 0 come 1 or 2; the unlikely 2 leads to a sure end, 3
    ...     table = torch.tensor([[0, 0.6, 0.4, 0], [0.3, 0.3, 0.1, 0.3], [0, 0, 0, 1], [0, 0, 0, 1]])
    ...     return table.log().clamp(min=-99)[ids]
    >>> beam_search(model, [0], num_beams=2, max_new_tokens=2, stop_tokens=[3])[0].new_ids  # .4 > .6 * .3
    [2, 3]
    """
    num_beams = whole("beam_search", "num_beams", num_beams)
    max_new_tokens = whole("beam_search", "max_new_tokens", max_new_tokens)
    early_stopping = _checked_choices(length_penalty, early_stopping)
    check_room(num_beams, max_new_tokens)
    prompt = id_list("beam_search", prompt)
    texts = Decoder(model, [prompt] * num_beams, max_new_tokens, context_length, use_cache)
    stops = sorted(as_stops(stop_tokens, texts.vocab_size))
    stops = torch.tensor(stops, dtype=torch.long, device=texts.device)
    n_prompt, finished = texts.filled, []
    # All beams are equal at first: only the first one counts, or each would bring the same continuations.
    scores = torch.full((num_beams,), OUT, device=texts.device)
    scores[0] = 0.0
    with mode(model, training=False):
        for length in range(1, max_new_tokens + 1):
            # Enough candidates that `num_beams` are left to go on with if the others end here.
            best, rows, tokens = _candidates(texts, scores, num_beams * max(2, 1 + len(stops)))
            ended = torch.isin(tokens, stops) | (length == max_new_tokens)
            real = best > OUT / 2  # the others are copies, or texts that have ended before
            for rank in (ended & real)[:num_beams].nonzero()[:, 0].tolist():
                new = [*texts.ids[rows[rank], n_prompt:].tolist(), int(tokens[rank])]
                score = float(best[rank]) / length**length_penalty
                finished.append(Beam([*texts.ids[0, :n_prompt].tolist(), *new], new, score))
            finished = sorted(finished, key=lambda beam: -beam.score)[:num_beams]
            scores, chosen = (best + ended * OUT).topk(num_beams)
            best_running = float(scores[0])
            if (
                length == max_new_tokens
                or best_running <= OUT / 2
                or _settled(
                    finished, best_running, num_beams, length, max_new_tokens, length_penalty, early_stopping
                )
            ):
                break
            texts.reorder(rows[chosen])
            texts.append(tokens[chosen])
    return finished


def _checked_choices(length_penalty: float, early_stopping: bool | str) -> bool | str:
    """How to stop, after looking at both choices."""
    if not is_number(length_penalty) or abs(length_penalty) > STRONGEST:
        raise ValueError(
            f"beam_search got length_penalty={shown(length_penalty)}; needed a number, e.g. 1.0, between "
            f"-{STRONGEST} and {STRONGEST}."
        )
    early = plain(early_stopping)
    if isinstance(early, str) and early == "never":
        return early
    if not isinstance(early, int) or early not in (True, False):
        raise ValueError(
            f"beam_search got early_stopping={shown(early_stopping)}; choose True, False or 'never'."
        )
    return bool(early)


def _candidates(
    texts: Decoder, scores: torch.Tensor, n: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The n best continuations of all beams together: scores, the beams they come from, new tokens."""
    totals = texts.next_logits().log_softmax(-1) + scores[:, None]  # (beams, V)
    best, where = totals.flatten().topk(min(n, totals.numel()))
    return best, where // totals.shape[1], where % totals.shape[1]


def _settled(
    finished: list[Beam],
    best_running: float,
    num_beams: int,
    length: int,
    longest: int,
    length_penalty: float,
    early_stopping: bool | str,
) -> bool:
    """Whether the finished texts are taken as final."""
    if len(finished) < num_beams:
        return False
    if early_stopping is True:
        return True
    hoped_length = longest if early_stopping == "never" and length_penalty > 0 else length
    return best_running / hoped_length**length_penalty <= finished[-1].score
