"""Models that count: n-grams, interpolated as Kneser and Ney did.

They map ids (B, T) to logits (B, T, V), as every model of the course does. They know no torch module around
them.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from course_lib.arguments import check_batch, check_ids, whole
from course_lib.context.batches import check_stream


class _Contexts:
    """All contexts of one length that were seen, and what came after each of them.

    A context is known by a number: its place in `keys`, the sorted codes (number of the context that is one
    token shorter) * V + (the token further back). What followed context c stands in rows `starts[c]` to
    `starts[c + 1]` of `tokens` and `share`. `rest[c]` is the probability that is left for the shorter context
    to hand out.
    """

    def __init__(self, keys: torch.Tensor, contexts: torch.Tensor, following: torch.Tensor, vocab_size: int):
        codes, counts = torch.unique(contexts * vocab_size + following, return_counts=True)
        owner, self.tokens = codes // vocab_size, codes % vocab_size
        self.keys = keys
        self.starts = torch.searchsorted(owner, torch.arange(len(keys) + 1))
        given_up = _discounts(counts)[counts.clamp(max=3)]
        totals = torch.zeros(len(keys)).index_add_(0, owner, counts.float())
        self.share = (counts - given_up) / totals[owner]
        saved = torch.zeros(len(keys)).index_add_(0, owner, given_up)
        self.rest = torch.where(totals > 0, saved / totals.clamp(min=1), 1.0)

    def find(self, codes: torch.Tensor) -> torch.Tensor:
        """The numbers of the contexts with these codes, -1 where there is none."""
        places = torch.searchsorted(self.keys, codes).clamp(max=len(self.keys) - 1)
        return torch.where(self.keys[places] == codes, places, -1)

    def mix(self, probabilities: torch.Tensor, found: torch.Tensor) -> None:
        """Where a context was found, let it speak first and the shorter one share the rest; (N, V), in
        place.
        """
        rows = (found >= 0).nonzero()[:, 0]
        contexts = found[rows]
        scale = torch.ones(len(found))
        scale[rows] = self.rest[contexts]
        probabilities *= scale[:, None]
        first, last = self.starts[contexts], self.starts[contexts + 1]
        sizes = last - first
        # One line for each (row, token that followed its context): count up within each row from its `first`.
        entries = torch.arange(int(sizes.sum())) + (first - sizes.cumsum(0) + sizes).repeat_interleave(sizes)
        probabilities[rows.repeat_interleave(sizes), self.tokens[entries]] += self.share[entries]


class NGramModel:
    """Predicts the next token by what followed the last `order - 1` tokens in the text it was fitted on.

    Every count gives up a fixed part of itself, and what is saved is handed out as the next shorter context
    would, down to single tokens and at last to all tokens alike. So nothing is impossible, and the
    probabilities sum to 1. A context never seen backs off to the longest one that was. The shorter contexts
    don't count how often a token came, but after how many different contexts: "Francisco" is frequent, but
    only after "San". This is modified Kneser-Ney smoothing, interpolated: the best of those that Chen and
    Goodman compared.

    Called with ids (B, T) it gives log-probabilities (B, T, V), float32, which serve as logits. At the
    beginning of a window it uses the shorter contexts that there are.

    Units: nats.
    Raises: ValueError for ids outside the vocabulary, or when asked before it was fitted.
    Source: Kneser and Ney 1995 (doi:10.1109/ICASSP.1995.479394); Chen and Goodman 1999, section 3
    (doi:10.1006/csla.1999.0128).

    >>> model = NGramModel(order=2, vocab_size=3).fit(torch.tensor([0, 1, 0, 1, 0, 2]))
    >>> p = model(torch.tensor([[0]])).exp()[0, 0]  # 1 followed 0 twice, 2 once, 0 never
    >>> bool(p[1] > p[2] > p[0] > 0), round(float(p.sum()), 5)
    (True, 1.0)
    """

    def __init__(self, order: int, vocab_size: int):
        self.order = whole("NGramModel", "order", order)
        self.vocab_size = whole("NGramModel", "vocab_size", vocab_size, 1, 2**31 - 1)
        self._levels: list[_Contexts] = []
        self.distinct: list[
            int
        ] = []  # how many different n-grams were seen, for n = 1, 2, ... up to the order

    def fit(self, ids: torch.Tensor) -> NGramModel:
        """Count a stream of ids (N,); what was counted before is forgotten. Returns the model itself."""
        ids = self._checked(check_stream(ids, 1)[0].cpu().long())
        V, top = self.vocab_size, min(self.order, len(ids)) - 1
        # The empty context comes first: number 0, followed by every token of the text.
        keys, contexts = torch.zeros(1, dtype=torch.int64), torch.zeros(len(ids), dtype=torch.int64)
        self._levels, self.distinct = [], [len(ids.unique())]
        for length in range(top):
            longer_keys, longer = torch.unique(contexts[1:] * V + ids[: -length - 1], return_inverse=True)
            grams, number = torch.unique(longer * V + ids[length + 1 :], return_inverse=True)
            # A place in the text for each different n-gram that is one longer; any place will do.
            place = torch.empty_like(grams).index_copy_(0, number, torch.arange(len(number)))
            self._levels.append(_Contexts(keys, contexts[1:][place], ids[length + 1 :][place], V))
            self.distinct.append(len(grams))
            keys, contexts = longer_keys, longer
        self._levels.append(_Contexts(keys, contexts, ids[top:], V))
        return self

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        B, T = self._checked_batch(ids).shape
        probabilities = torch.full((B * T, self.vocab_size), 1 / self.vocab_size)
        for level, found in zip(self._levels, self._lookup(ids), strict=True):
            level.mix(probabilities, found.flatten())
        return probabilities.log_().view(B, T, self.vocab_size).to(ids.device)

    def context_found(self, ids: torch.Tensor) -> torch.Tensor:
        """How many of the last tokens the model can use at each place: the length of the longest context it
        has seen.

        Shapes: ids (B, T), result (B, T).

        >>> model = NGramModel(order=3, vocab_size=4).fit(torch.tensor([0, 1, 2, 0, 1]))
        >>> model.context_found(torch.tensor([[0, 1, 3, 0, 2]]))  # 0 | 0 1 | none | 0 | 2
        tensor([[1, 2, 0, 1, 1]])
        """
        self._checked_batch(ids)
        return torch.stack(self._lookup(ids)).ge(0).sum(0).sub(1).to(ids.device)

    def _lookup(self, ids: torch.Tensor) -> list[torch.Tensor]:
        """For each length of context, its number at each place (B, T), -1 where it was never seen."""
        ids = ids.cpu().long()
        found = torch.zeros_like(ids)
        numbers = [found]
        for length, level in enumerate(self._levels[1:], start=1):
            # The token `length` places back; before the window there is none, so nothing can be found.
            back = F.pad(ids, (length - 1, 0))[:, : ids.shape[1]]
            known = found.ge(0) & (torch.arange(ids.shape[1]) >= length - 1)
            found = torch.where(known, level.find(found * self.vocab_size + back), -1)
            numbers.append(found)
        return numbers

    def _checked_batch(self, ids: torch.Tensor) -> torch.Tensor:
        if not self._levels:
            raise ValueError("This NGramModel has counted nothing yet; call fit(ids) first.")
        return self._checked(check_batch("NGramModel", ids))

    def _checked(self, ids: torch.Tensor) -> torch.Tensor:
        check_ids("NGramModel", ids, self.vocab_size)
        return ids


def _discounts(counts: torch.Tensor) -> torch.Tensor:
    """How much a count of 0, 1, 2, and 3 or more gives up (Chen and Goodman 1999, section 3).

    Where the text is too small for that, all give up the same, at worst a half.
    """
    n1, n2, n3, n4 = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    same = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
    twice = 2 - 3 * same * n3 / n2 if n2 else 0.0
    thrice = 3 - 4 * same * n4 / n3 if n3 else 0.0
    if not (n1 and 0 < twice < 2 and 0 < thrice < 3):
        twice = thrice = same
    return torch.tensor([0.0, same, twice, thrice])
