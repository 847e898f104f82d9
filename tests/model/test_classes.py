"""Block and GPT as classes: other right ways, wrong ones, and the course's own with the same weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.config import GPTConfig
from course_lib.model import GPT as CoursesGPT
from course_lib.model import exercises as ex


def ids_below(V, *shape):
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(0))


class Attention(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.qkv, self.out, self.n_heads = nn.Linear(width, 3 * width), nn.Linear(width, width), n_heads

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up, self.bend = nn.Linear(width, 4 * width), nn.GELU(approximate="tanh")
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.down(self.bend(self.up(x)))


class Block(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.mlp, self.attention = MLP(width), Attention(width, n_heads)
        self.norm1, self.norm2 = (nn.LayerNorm(width) for _ in range(2))

    def forward(self, x):
        middle = self.attention(self.norm1(x)).add(x)
        return middle.add(self.mlp(self.norm2(middle)))


class NormByHand(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x):
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * self.weight + self.bias


class BlockByHand(Block):
    def __init__(self, width, n_heads):
        super().__init__(width, n_heads)
        self.norm1, self.norm2 = NormByHand(width), NormByHand(width)


class WithoutHead(nn.Module):
    """The table of tokens is used at the end as it is; the weights begin smaller where they write."""

    def __init__(self, vocab_size, context_length, width, n_heads, n_layers):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab_size, width), nn.Embedding(context_length, width)
        self.blocks = nn.ModuleList([Block(width, n_heads) for _ in range(n_layers)])
        self.norm = nn.LayerNorm(width)
        self.apply(self.begin)
        for name, weight in self.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * n_layers))

    @staticmethod
    def begin(part):
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=0.02)
        if isinstance(part, nn.Linear):
            part.bias.data.zero_()

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


class InSequence(WithoutHead):
    """Blocks in a row under their own names, the head first, and the pieces' shapes from one number."""

    def __init__(self, vocab_size, context_length, width, n_heads, n_layers):
        super().__init__(vocab_size, context_length, width, n_heads, n_layers)
        self.blocks = nn.Sequential(*self.blocks)
        self.head = nn.Linear(width, vocab_size, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        T = ids.size(1)
        return self.head(self.norm(self.blocks(self.tokens(ids) + self.positions(torch.arange(T))[None])))


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [(ex.Block, Block), (ex.Block, BlockByHand), (ex.GPT, WithoutHead), (ex.GPT, InSequence)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_other_right_ways_pass(exercise, answer):
    feedback = exercise.judge(answer)
    assert feedback.right, feedback


class BlockThatDrops(Block):
    def forward(self, x):
        return F.dropout(super().forward(x), 0.1, self.training)


class BlockCutAtTheNorm(Block):
    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x.detach()))


class GPTCutAtTheHead(WithoutHead):
    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.detach().T


class GPTForOneText(WithoutHead):
    def forward(self, ids):
        return super().forward(ids[:1]).expand(len(ids), -1, -1)


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (ex.Block, BlockThatDrops, "The result is wrong"),
        (ex.Block, BlockCutAtTheNorm, "what flows back to `x` is wrong"),
        (ex.GPT, GPTCutAtTheHead, "what flows back to `tokens.weight` is wrong"),
        (ex.GPT, GPTForOneText, "The result is wrong"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_wrong_ways_are_refused(exercise, answer, words):
    feedback = exercise.judge(answer)
    assert not feedback.right and words in feedback.message, feedback


def test_the_courses_gpt_takes_the_same_weights_and_gives_the_same():
    V, context, width, n_heads, n_layers = sizes = 11, 8, 6, 3, 2
    mine = ex.GPT.reference(*sizes)
    twin = CoursesGPT(GPTConfig(V, context, n_layers=n_layers, n_heads=n_heads, width=width))
    twin.load_state_dict(mine.state_dict())
    ids = ids_below(V, 2, 5)
    assert torch.allclose(mine(ids), twin(ids), atol=1e-5)
    learned = sum(weight.numel() for weight in mine.parameters())
    assert learned == twin.parameter_count() == ex.count_parameters.reference(V, context, width, n_layers)


def test_the_solution_is_all_there_is_to_a_gpt():
    source = ex.GPT.solution_source()
    assert "course_lib" not in source
    assert len([line for line in source.splitlines() if line.strip()]) < 75
    assert source.index("class _Block") < source.index("class GPT(nn.Module)")
