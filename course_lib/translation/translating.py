"""A model translates by going on after a mark: greedily, or with beams.

It does not know what the model looks like inside.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from course_lib.arguments import text_list, whole
from course_lib.finetuning.examples import complete
from course_lib.generation import beam_search
from course_lib.tokens.base import Tokenizer
from course_lib.translation.pairs import encode_source


def translate(
    model: nn.Module,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    language: str,
    most: int = 330,
    batch_size: int = 32,
) -> list[str]:
    """Each text in the other language, by the likeliest token at every step; `language` is the texts' own.

    >>> from course_lib.tokens import CharTokenizer
    >>> import torch
    >>> tokenizer = CharTokenizer.train("Hi.\\n\\n中文：你好。", ["<|endoftext|>"])
    >>> after = dict(zip("：你好。", tokenizer.encode("你好。") + [tokenizer.end_id]))
    >>> def model(ids):  # a model that knows one answer
    ...     nexts = [[after.get(tokenizer.decode([int(i)]), 0) for i in row] for row in ids]
    ...     return nn.functional.one_hot(torch.tensor(nexts), tokenizer.vocab_size).float()
    >>> translate(model, tokenizer, ["Hi."], "en")
    ['你好。']
    """
    most = whole("translate", "most", most)
    prompts = [encode_source(tokenizer, text, language) for text in text_list("translate", texts)]
    found = complete(model, prompts, tokenizer.end_id, most, batch_size)
    return [tokenizer.decode(ids).strip() for ids in found]


def translate_beams(
    model: nn.Module,
    tokenizer: Tokenizer,
    text: str,
    language: str,
    num_beams: int = 4,
    length_penalty: float = 1.0,
    most: int = 330,
) -> list[tuple[str, float]]:
    """What `generation.beam_search` finds: translations, each with its score, the best first.

    >>> from course_lib.tokens import CharTokenizer
    >>> import torch
    >>> tokenizer = CharTokenizer.train("Hi.\\n\\n中文：", ["<|endoftext|>"])
    >>> def model(ids):  # a model that has nothing to say
    ...     nexts = torch.full(ids.shape, tokenizer.end_id)
    ...     return 50.0 * nn.functional.one_hot(nexts, tokenizer.vocab_size)
    >>> translate_beams(model, tokenizer, "Hi.", "en", num_beams=1)
    [('', 0.0)]
    """
    most = whole("translate_beams", "most", most)
    prompt = encode_source(tokenizer, text, language)
    beams = beam_search(
        model, prompt, num_beams, most, stop_tokens=tokenizer.end_id, length_penalty=length_penalty
    )
    end = tokenizer.end_id
    return [(tokenizer.decode([i for i in beam.new_ids if i != end]).strip(), beam.score) for beam in beams]
