"""A mixture of experts: several MLPs, of which each token uses few, and the loss that keeps them balanced.

It takes the place of the MLP in a block. It does not know attention or training.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from course_lib.arguments import check_floats, check_instance, whole
from course_lib.config import GPTConfig
from course_lib.model import GPT, INIT_STD, SwiGLU
from course_lib.runtime import check_generator


class Routing(NamedTuple):
    """Where tokens went: the router's probabilities (N, E), and the experts that were chosen (N, k).

    >>> Routing(torch.tensor([[0.9, 0.1]]), torch.tensor([[0]])).shares
    tensor([1., 0.])
    """

    probabilities: torch.Tensor
    chosen: torch.Tensor

    @property
    def shares(self) -> torch.Tensor:
        """Which part of all choices went to each expert (E,); even would be 1/E each.

        >>> Routing(torch.ones(2, 3) / 3, torch.tensor([[0, 1], [0, 2]])).shares
        tensor([0.5000, 0.2500, 0.2500])
        """
        experts = self.probabilities.shape[-1]
        return torch.bincount(self.chosen.flatten(), minlength=experts) / self.chosen.numel()


class MixtureOfExperts(nn.Module):
    """Several MLPs and a router, which sends each token to the `top_k` that it finds likeliest.

    What these say is added up, weighted by their probabilities, which are made to sum to 1. The others do
    not run for that token. `routing` remembers where the tokens of the last call went.

    Shapes: (B, T, C) -> (B, T, C).
    Raises: ValueError unless 1 <= top_k <= n_experts.
    Source: Shazeer and others 2017, section 2 (arXiv:1701.06538); Jiang and others 2024, section 2.1
    (arXiv:2401.04088).

    >>> layer = MixtureOfExperts(GPTConfig(n_heads=2, width=6, mlp_width=8), n_experts=4, top_k=2)
    >>> layer(torch.zeros(2, 3, 6)).shape, layer.routing.chosen.shape
    (torch.Size([2, 3, 6]), torch.Size([6, 2]))
    """

    def __init__(self, config: GPTConfig, n_experts: int, top_k: int):
        super().__init__()
        check_instance("MixtureOfExperts", "config", config, GPTConfig, "a GPTConfig")
        n_experts = whole("MixtureOfExperts", "n_experts", n_experts)
        self.top_k = whole("MixtureOfExperts", "top_k", top_k, 1, n_experts)
        self.router = nn.Linear(config.width, n_experts, bias=False)
        self.experts = nn.ModuleList(SwiGLU(config) for _ in range(n_experts))
        self.routing: Routing | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_floats("MixtureOfExperts", "x", x, self.router.in_features)
        tokens = x.reshape(-1, x.shape[-1])  # (N, C)
        probabilities = self.router(tokens).softmax(dim=-1)  # (N, E)
        weights, chosen = probabilities.topk(self.top_k, dim=-1)  # (N, k)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        self.routing = Routing(probabilities, chosen)
        out = torch.zeros_like(tokens)
        for e, expert in enumerate(self.experts):
            rows, slot = (chosen == e).nonzero(as_tuple=True)
            if len(rows):
                said = expert(tokens[rows][None])[0] * weights[rows, slot, None]
                out = out.index_add(0, rows, said)
        return out.view_as(x)


def balance_loss(routing: Routing) -> torch.Tensor:
    """The number of experts, times the sum over them of (share of choices) · (mean probability).

    It is 1 if everything is even, and up to E if one expert gets all. Shares have no slope, so that the
    gradient goes through the probabilities.

    Source: Fedus and others 2021, section 2.2, equations 4 to 6 (arXiv:2101.03961), for top-1.

    >>> even = Routing(torch.full((4, 2), 0.5), torch.tensor([[0], [1], [0], [1]]))
    >>> balance_loss(even)
    tensor(1.)
    """
    check_instance("balance_loss", "routing", routing, Routing, "the routing of a MixtureOfExperts")
    mean = routing.probabilities.mean(dim=0)
    return len(mean) * (routing.shares * mean).sum()


def with_experts(
    config: GPTConfig, n_experts: int, top_k: int, generator: torch.Generator | None = None
) -> GPT:
    """A fresh GPT with a mixture of experts in the place of each MLP; an expert is as wide as the MLP was.

    >>> model = with_experts(GPTConfig(vocab_size=9, n_layers=1, n_heads=2, width=6, mlp_width=8), 4, 1)
    >>> type(model.blocks[0].mlp).__name__, len(model.blocks[0].mlp.experts)
    ('MixtureOfExperts', 4)
    """
    check_generator("with_experts", generator)
    model = GPT(config, generator)
    for block in model.blocks:
        block.mlp = MixtureOfExperts(config, n_experts, top_k)
        for name, parameter in block.mlp.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
                continue
            smaller = math.sqrt(2 * config.n_layers) if name.endswith("down.weight") else 1.0  # as in a GPT
            nn.init.normal_(parameter, 0.0, INIT_STD / smaller, generator=generator)
    return model
