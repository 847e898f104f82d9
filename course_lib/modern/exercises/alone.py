"""What the course adds to a learner's own parts, so that they are a Llama that answers: the joints of
`my_llama.py`.

The text of these classes and functions goes into that file, where the names that are given here by the
course's answers mean the learner's. So nothing here may use the course in another way, or draw.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from course_lib.generation.exercises import loop
from course_lib.model import exercises as model_exercises
from course_lib.modern.exercises import gates, groups, norm
from course_lib.tokens import exercises as token_exercises

encode_piece = token_exercises.encode_piece.reference
decode_ids = token_exercises.decode_ids.reference
block = model_exercises.block.reference
gpt = model_exercises.gpt.reference
RMSNorm = norm.RMSNorm.reference
SwiGLU = gates.SwiGLU.reference
LlamaAttention = groups.LlamaAttention.reference
generate = loop.generate.reference


class PublishedTokenizer:
    """A tokenizer with merges and ids that somebody else has chosen.

    `cut` divides a text into pieces, `merges` are pairs of bytes in their order, `tokens` are the bytes of
    every id, and `marks` the ids of the marks that a conversation has.

    >>> abc = PublishedTokenizer(str.split, [(b"a", b"b")], [b"b", b"a", b"ab", b"<|end|>"], {"<|end|>": 3})
    >>> abc.encode("abba<|end|>"), abc.decode([2, 0])
    ([2, 0, 1, 3], 'abb')
    """

    def __init__(
        self,
        cut: Callable[[str], list[str]],
        merges: Sequence[tuple[bytes, bytes]],
        tokens: Sequence[bytes],
        marks: Mapping[str, int],
    ) -> None:
        self.cut, self.tokens, self.marks = cut, list(tokens), dict(marks)
        mine = [bytes([byte]) for byte in range(256)] + [left + right for left, right in merges]
        places = {token: place for place, token in enumerate(mine)}
        self.new_ids = {(places[left], places[right]): places[left + right] for left, right in merges}
        ids = {token: id for id, token in enumerate(tokens) if id not in self.marks.values()}
        self.theirs = [ids.get(token, -1) for token in mine]
        self.finder = re.compile("(" + "|".join(map(re.escape, self.marks)) + ")")

    def encode(self, text: str) -> list[int]:
        """The ids of a text, in which marks are marks."""
        ids: list[int] = []
        for part in self.finder.split(text):
            if part in self.marks:
                ids.append(self.marks[part])
                continue
            for piece in self.cut(part):
                ids += [self.theirs[int(id)] for id in encode_piece(list(piece.encode()), self.new_ids)]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids."""
        return decode_ids([int(id) for id in ids], self.tokens)


class Layer(nn.Module):
    """One block, with the parts that a Llama has."""

    def __init__(self, width: int, hidden: int, heads: tuple[int, int], eps: float, base: float) -> None:
        super().__init__()
        self.norm1 = RMSNorm(width, eps)
        self.attention = LlamaAttention(width, *heads, base)
        self.norm2 = RMSNorm(width, eps)
        self.mlp = SwiGLU(width, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return block(x, self.norm1, self.attention, self.norm2, self.mlp)


class Llama(nn.Module):
    """The GPT with parts of today: ids (B, T) -> logits (B, T, V). Its places are in the attention.

    >>> model = Llama(vocab_size=9, width=8, hidden=6, heads=(2, 1), n_layers=2, eps=1e-5, base=100.0)
    >>> model(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 9])
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        hidden: int,
        heads: tuple[int, int],
        n_layers: int,
        eps: float,
        base: float,
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, width)
        self.blocks = nn.ModuleList(Layer(width, hidden, heads, eps, base) for _ in range(n_layers))
        self.norm = RMSNorm(width, eps)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        table = self.tokens.weight
        nothing = table.new_zeros(ids.shape[1], table.shape[1])  # in the place of learned positions
        return gpt(ids, table, nothing, list(self.blocks), self.norm)


def with_weights(
    weights: Mapping[str, torch.Tensor], heads: tuple[int, int], eps: float, base: float
) -> Llama:
    """A Llama with these weights, whose names are `blocks.0.attention.qkv.weight` and so on; the head is the
    table of tokens. The weights are shared, not copied, and the sizes are read off them."""
    vocab_size, width = weights["tokens.weight"].shape
    hidden = len(weights["blocks.0.mlp.up.weight"])
    n_layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    with torch.device("meta"):  # no memory for numbers that are replaced at once
        model = Llama(vocab_size, width, hidden, heads, n_layers, eps, base)
    own = {name: weight for name, weight in weights.items() if name != "head.weight"}
    model.load_state_dict(own, assign=True)
    return model.eval()


def answer(
    model: nn.Module, tokenizer: PublishedTokenizer, question: str, most: int = 40, context: int = 2048
) -> str:
    """What the model says to a question, in the form of SmolLM2's talks; always the likeliest token."""
    asked = tokenizer.encode(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")
    with torch.no_grad():
        ids = generate(
            model, asked, most, context, lambda logits: logits.argmax(-1), tokenizer.marks["<|im_end|>"]
        )
    said = [int(id) for id in ids][len(asked) :]
    return tokenizer.decode([id for id in said if id not in tokenizer.marks.values()])
