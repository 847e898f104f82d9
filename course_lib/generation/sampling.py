"""How the next token is chosen: functions that reshape a distribution, and the draw itself.

Every function takes logits (B, V) and returns logits (B, V); a token that is ruled out gets -inf. Each equals
the logits processor of the same name in `transformers`. This module does not know about models or loops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from course_lib.arguments import check_floats, check_ids, is_number, is_whole, shown, whole

NEVER = -math.inf


def temperature(logits: torch.Tensor, value: float) -> torch.Tensor:
    """Divide the logits: below 1 the likely tokens gain, above 1 the unlikely ones do.

    Raises: ValueError if `value` is not above 0.

    >>> temperature(torch.tensor([[1.0, 3.0]]), 0.5)
    tensor([[2., 6.]])
    """
    if not is_number(value) or not 0 < value < math.inf:
        raise ValueError(
            f"temperature got {shown(value)}; it must be above 0 (SamplingConfig(temperature=0) is greedy)."
        )
    check_logits("temperature", logits)
    if 1e-20 < value < 1e20:
        return logits / value
    # Beyond what float32 can hold: the highest becomes 0, and what lies below it falls as far as it goes.
    return ((logits - logits.amax(-1, keepdim=True)).double() / float(value)).to(logits.dtype)


def top_k(logits: torch.Tensor, k: int) -> torch.Tensor:
    """Keep the k most likely tokens (and any that ties with the last of them).

    Source: Fan, Lewis and Dauphin 2018, section 5.4 (arXiv:1805.04833).
    Raises: ValueError if `k` is not at least 1.

    >>> top_k(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    tensor([[-inf, 4., 3., -inf]])
    """
    k = whole("top_k", "k", k)
    check_floats("top_k", "logits", logits, "V")
    last_kept = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < last_kept, NEVER)


def top_p(logits: torch.Tensor, p: float) -> torch.Tensor:
    """Keep the smallest set of most likely tokens whose probabilities reach p together ('nucleus').

    Source: Holtzman and others 2020, section 3.1 (arXiv:1904.09751).
    Raises: ValueError if `p` is not between 0 and 1.

    >>> top_p(torch.tensor([[0.5, 0.3, 0.2]]).log(), 0.6).exp()
    tensor([[0.5000, 0.3000, 0.0000]])
    """
    if not is_number(p) or not 0 <= p <= 1:
        raise ValueError(f"top_p got {shown(p)}; it is a probability, between 0 and 1, e.g. 0.9.")
    check_floats("top_p", "logits", logits, "V")
    ascending, order = logits.sort()
    # Going up from the least likely: what has been passed so far is not needed while it is at most 1 - p.
    needless = ascending.softmax(-1).cumsum(-1) <= 1 - p
    needless[..., -1] = False
    return logits.masked_fill(needless.scatter(-1, order, needless), NEVER)


def min_p(logits: torch.Tensor, p: float) -> torch.Tensor:
    """Keep the tokens that are at least p times as likely as the likeliest: few when the model is sure.

    Source: Nguyen and others 2025, section 3 (arXiv:2407.01082).
    Raises: ValueError if `p` is not between 0 and 1.

    >>> min_p(torch.tensor([[0.6, 0.3, 0.1]]).log(), 0.4).exp()
    tensor([[0.6000, 0.3000, 0.0000]])
    """
    if not is_number(p) or not 0 <= p <= 1:
        raise ValueError(
            f"min_p got {shown(p)}; it is a fraction of the highest probability, between 0 and 1, e.g. 0.05."
        )
    check_floats("min_p", "logits", logits, "V")
    probabilities = logits.softmax(-1)
    highest = probabilities.amax(-1, keepdim=True)
    return logits.masked_fill(probabilities < p * highest, NEVER)


def repetition_penalty(logits: torch.Tensor, ids: torch.Tensor, penalty: float) -> torch.Tensor:
    """Make tokens that occur in `ids` less likely: divide their logits by `penalty`, or multiply if negative.

    Shapes: logits (B, V), ids (B, T): what has been read and written so far.
    Source: Keskar and others 2019, section 4.1 (arXiv:1909.05858), who divide. Negative logits, which that
    would raise, are multiplied as in `transformers`.
    Raises: ValueError if `penalty` is not above 0.

    >>> repetition_penalty(torch.tensor([[4.0, -1.0, 3.0]]), torch.tensor([[0, 1, 1]]), penalty=2.0)
    tensor([[ 2., -2.,  3.]])
    """
    check_penalty(penalty)
    seen = _logits_of(logits, ids)
    return logits.scatter(-1, ids, torch.where(seen < 0, seen * penalty, seen / penalty))


def check_penalty(penalty: float) -> None:
    """Raises ValueError for a penalty that can't be divided by.

    >>> check_penalty(0)
    Traceback (most recent call last):
    ValueError: repetition_penalty got 0; it must be above 0; above 1 discourages, 1 changes nothing.
    """
    if not is_number(penalty) or not 0 < penalty < 1e18:
        raise ValueError(
            f"repetition_penalty got {shown(penalty)}; it must be above 0; above 1 discourages, 1 changes "
            "nothing."
        )


def _logits_of(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The logits of some tokens of each row. Raises: ValueError for tokens or rows that there are not."""
    check_floats("repetition_penalty", "logits", logits, "V")
    whole_numbers = isinstance(ids, torch.Tensor) and ids.dtype in (torch.int64, torch.int32)
    if not whole_numbers or logits.ndim != 2 or ids.ndim != 2 or len(ids) != len(logits):
        raise ValueError(
            f"repetition_penalty got logits={shown(logits)} and ids={shown(ids)}; it needs logits (B, V) and "
            "whole numbers (B, T), one text for each row."
        )
    try:
        return logits.gather(-1, ids)
    except RuntimeError:
        check_ids("repetition_penalty", ids, logits.shape[-1])
        raise


def check_logits(owner: str, logits: torch.Tensor) -> None:
    """Raises ValueError unless these are numbers (..., V), which need not have a part behind the point.

    >>> check_logits("draw", [0.2, 0.8])
    Traceback (most recent call last):
    ValueError: draw got logits=[0.2, 0.8]; it must be a tensor of floats of shape (..., V).
    """
    if not (isinstance(logits, torch.Tensor) and is_whole(logits) and logits.numel()):
        check_floats(owner, "logits", logits, "V")


@dataclass(frozen=True)
class SamplingConfig:
    """How to choose tokens; what is None (or 1.0) does nothing. `temperature=0` always takes the likeliest.

    The order is that of `transformers`: repetition penalty, temperature, top-k, top-p, min-p.

    Raises: ValueError for a value outside its range.

    >>> SamplingConfig(temperature=0.8, top_p=0.95).greedy
    False
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        if not is_number(self.temperature) or not 0 <= self.temperature < math.inf:
            raise ValueError(
                f"SamplingConfig got temperature={shown(self.temperature)}; it must be 0 (greedy) or above."
            )
        check_penalty(self.repetition_penalty)
        one = torch.zeros(1, 1)
        self(one, torch.zeros(1, 1, dtype=torch.long))  # each function checks its own number

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is always taken."""
        return self.temperature == 0

    def __call__(self, logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """The logits to draw from.

        Shapes: logits (B, V), ids (B, T): the text so far; result (B, V).
        """
        check_logits("SamplingConfig", logits)
        if self.repetition_penalty != 1:
            logits = repetition_penalty(logits, ids, self.repetition_penalty)
        if not self.greedy and self.temperature != 1:
            logits = temperature(logits, self.temperature)
        if self.top_k is not None:
            logits = top_k(logits, self.top_k)
        if self.top_p is not None:
            logits = top_p(logits, self.top_p)
        if self.min_p is not None:
            logits = min_p(logits, self.min_p)
        return logits


PLAIN = SamplingConfig()  # the model's own distribution
GREEDY = SamplingConfig(temperature=0.0)


def draw(logits: torch.Tensor, dice: torch.Tensor) -> torch.Tensor:
    """One token per row, each with its probability; the chance is in `dice`, one number in [0, 1) per row.

    The probabilities are laid end to end, and the die says where between 0 and 1 to look. So a row's token
    depends on nothing but its own logits and its own die.

    Shapes: logits (B, V), dice (B,), result (B,).
    Raises: ValueError for a die outside [0, 1), or a row without a probability: NaN, or all -inf.

    >>> logits = torch.tensor([[0.2, 0.3, 0.5]]).log().expand(3, 3)
    >>> draw(logits, torch.tensor([0.1, 0.4, 0.9]))
    tensor([0, 1, 2])
    """
    _check_dice(logits, dice)
    heights = logits.float().softmax(-1).cumsum(-1)
    # In float32, even the highest die, 1 - 2^-24, stays below the top when the product is rounded.
    tokens = torch.searchsorted(heights, dice[:, None] * heights[:, -1:], right=True)[:, 0]
    # Beyond the last token, or before the first.
    if int(tokens.max()) == logits.shape[-1] or bool((dice < 0).any()):
        raise ValueError(
            f"draw got dice up to {float(dice.max())} and logits up to {float(logits.max())}; dice must be "
            "in [0, 1), and in each row a token must be possible."
        )
    return tokens


def _check_dice(logits: torch.Tensor, dice: torch.Tensor) -> None:
    check_logits("draw", logits)
    good = isinstance(dice, torch.Tensor) and not dice.is_complex() and dice.ndim == 1
    if not good or logits.ndim != 2 or len(dice) != len(logits) or not len(dice):
        raise ValueError(
            f"draw got logits={shown(logits)} and dice={shown(dice)}; it needs logits (B, V) and dice (B,), "
            "one die for each row."
        )
