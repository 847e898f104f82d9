"""Predicting several tokens at once: one head for each distance, on one and the same trunk.

It knows the GPT, and no text.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from course_lib.arguments import check_instance, whole
from course_lib.model import GPT, INIT_STD
from course_lib.training import cross_entropy


class SeveralAhead(nn.Module):
    """A GPT with heads for the next token, the one after it, and so on; for writing, the first is enough.

    The first head is the GPT's own. Each other one has a matrix of its own before the shared head.

    Shapes: ids (B, T) -> a list of `ahead` logits, each (B, T, V).
    Source: Gloeckle and others 2024, section 2 (arXiv:2404.19737), where each head is a whole layer.

    >>> from course_lib.config import GPTConfig
    >>> model = SeveralAhead(GPT(GPTConfig(vocab_size=9, n_layers=1, n_heads=2, width=6)), ahead=3)
    >>> [logits.shape for logits in model(torch.tensor([[1, 2]]))]
    [torch.Size([1, 2, 9]), torch.Size([1, 2, 9]), torch.Size([1, 2, 9])]
    """

    def __init__(self, trunk: GPT, ahead: int, generator: torch.Generator | None = None):
        super().__init__()
        check_instance("SeveralAhead", "trunk", trunk, GPT, "a GPT")
        width = trunk.config.width
        self.trunk = trunk
        self.further = nn.ModuleList(
            nn.Linear(width, width, bias=False) for _ in range(whole("SeveralAhead", "ahead", ahead) - 1)
        )
        for layer in self.further:
            nn.init.normal_(layer.weight, 0.0, INIT_STD, generator=generator)

    def forward(self, ids: torch.Tensor) -> list[torch.Tensor]:
        trunk, seen = self.trunk, []
        hook = trunk.norm.register_forward_hook(lambda module, inputs, out: seen.append(out))
        try:
            first = trunk(ids)
        finally:
            hook.remove()
        (stream,) = seen
        return [first, *(trunk.head(stream + layer(stream)) for layer in self.further)]


def several_ahead_loss(logits: Sequence[torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    """The sum over heads of their cross-entropy: head 0 at the next token, head 1 at the one after it, ...

    Each head is asked only where its target is in the text.

    Shapes: logits a list of (B, T, V), ids (B, T). Units: nats, summed over the heads.

    >>> ids = torch.tensor([[0, 1, 0]])
    >>> several_ahead_loss([torch.zeros(1, 3, 2)] * 2, ids)  # two heads at log(2)
    tensor(1.3863)
    """
    losses = [cross_entropy(head[:, : -n - 1], ids[:, n + 1 :]) for n, head in enumerate(logits)]
    return torch.stack(losses).sum()
