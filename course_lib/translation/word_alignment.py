"""Attention read as an alignment of words: which source token each written token looked at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from course_lib.arguments import check_instance, whole, wrong
from course_lib.attention import capture_attention
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import device_of, mode
from course_lib.translation.pairs import MARKS, check_pair, encode_source, target_ids
from course_lib.world.tasks import Pair


def alignment(
    model: nn.Module, tokenizer: Tokenizer, pair: Pair, language: str, layer: int, head: int
) -> torch.Tensor:
    """Where a head looks in the source while the model predicts each token of the right translation.

    A target token is predicted at the place before it, so its row is that place's. The columns are the
    source's tokens alone, without the end-of-text token and the mark: a row sums to 1 at most.

    Shapes: (T_target, S_source), for the tokens of `aligned_tokens`.
    Raises: ValueError for a layer or head that the model does not have.

    >>> from course_lib.config import GPTConfig
    >>> from course_lib.model import GPT
    >>> from course_lib.tokens import CharTokenizer
    >>> pair = Pair("Hi.", "你好", events=())
    >>> tokenizer = CharTokenizer.train("Hi." + MARKS["en"] + pair.target, ["<|endoftext|>"])
    >>> config = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=16, n_heads=2, width=6)
    >>> alignment(GPT(config), tokenizer, pair, "en", layer=0, head=1).shape
    torch.Size([2, 3])
    """
    layer, head = whole("alignment", "layer", layer, None), whole("alignment", "head", head, None)
    found = alignments(model, tokenizer, pair, language)
    layers, heads = found.shape[:2]
    if not (0 <= layer < layers and 0 <= head < heads):
        raise ValueError(
            f"alignment got layer={layer}, head={head}; this model has layers 0 to {layers - 1} and "
            f"heads 0 to {heads - 1}."
        )
    return found[layer, head]


def alignments(model: nn.Module, tokenizer: Tokenizer, pair: Pair, language: str) -> torch.Tensor:
    """The `alignment` of every head at once, by one run of the model.

    Shapes: (L, H, T_target, S_source).

    >>> from course_lib.config import GPTConfig
    >>> from course_lib.model import GPT
    >>> from course_lib.tokens import CharTokenizer
    >>> pair = Pair("Hi.", "你好", events=())
    >>> tokenizer = CharTokenizer.train("Hi." + MARKS["en"] + pair.target, ["<|endoftext|>"])
    >>> config = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=16, n_layers=5, n_heads=2, width=6)
    >>> alignments(GPT(config), tokenizer, pair, "en").shape
    torch.Size([5, 2, 2, 3])
    """
    check_pair("alignments", pair)
    check_instance("alignments", "model", model, nn.Module, "a model with attention, such as GPT(config)")
    prompt = encode_source(tokenizer, pair.source, language)
    target = target_ids(tokenizer, pair, language)
    ids = torch.tensor([[*prompt, *target]], device=device_of(model))
    with torch.inference_mode(), mode(model, training=False), capture_attention(model) as maps:
        model(ids)
    S = len(prompt) - 1 - len(tokenizer.encode(MARKS[language]))
    rows = slice(len(prompt) - 1, len(prompt) - 1 + len(target))
    if not maps:
        raise wrong("alignments", "model", model, "a model with attention, such as GPT(config)")
    return torch.stack([attn[0, :, rows, 1 : 1 + S] for attn in maps])


def aligned_tokens(tokenizer: Tokenizer, pair: Pair, language: str) -> tuple[list[str], list[str]]:
    """The target's and the source's tokens as texts: the names of an alignment's rows and columns.

    A token may be only some bytes of a Chinese character; its name is the whole character then.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("Hi." + MARKS["en"] + "你好")
    >>> aligned_tokens(tokenizer, Pair("Hi.", "你好", events=()), "en")
    (['你', '好'], ['H', 'i', '.'])
    """
    check_pair("aligned_tokens", pair)
    sides = (target_ids(tokenizer, pair, language), tokenizer.encode(pair.source))
    target, source = (_names(tokenizer, ids) for ids in sides)
    return target, source


def _names(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """For each token the characters that its bytes belong to."""
    text = tokenizer.decode(ids)
    owners = [i for i, character in enumerate(text) for _ in character.encode()]  # one for each byte
    names, start = [], 0
    for id in ids:
        size = len(tokenizer.token_bytes(id))
        names.append(text[owners[start] : owners[start + size - 1] + 1])
        start += size
    return names
