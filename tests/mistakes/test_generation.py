"""Mistakes that people make when they let a model write, or talk to it, and the sentence that each gets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from talking import user
from torch import nn

from course_lib import assistant, generation
from course_lib.assistant import Chat, encode_chat, render
from course_lib.attention import KVCache
from course_lib.config import GPTConfig
from course_lib.generation import SamplingConfig, beam_search, distinct_share, draw, generate, stream
from course_lib.generation.lean import lean
from course_lib.model import GPT
from course_lib.tokens import CharTokenizer

MODEL = GPT(GPTConfig(vocab_size=7, context_length=5, width=4, n_layers=1, n_heads=2))
MARKS = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TOKENIZER = CharTokenizer("Hi!", MARKS)
LOGITS = torch.tensor([[0.0, 1.0, 2.0]])
WHOLE, IDS = "it must be a whole number of at least", "ids are whole numbers of 0 or more."
LISTS = "it needs one list of token ids, or a list of lists."
ENCODE = "a text; it needs token ids: tokenizer.encode(text) gives them."
MESSAGE = '{"role": "user", "content": "Hello!"}'


class Broken(nn.Module):
    def forward(self, ids):
        return torch.full((*ids.shape, 7), math.nan)


MISTAKES = {
    "a text as prompt": (lambda: generate(MODEL, "text"), f"generate got 'text', {ENCODE}"),
    "digits as prompt": (lambda: generate(MODEL, "12"), f"generate got '12', {ENCODE}"),
    "texts as prompts": (lambda: generate(MODEL, ["a", "b"]), f"generate got 'a', {ENCODE}"),
    "a long text": (
        lambda: generate(MODEL, "word " * 99),
        f"generate got 'word word word word word word word word word word word ..., {ENCODE}",
    ),
    "a number as prompt": (lambda: generate(MODEL, 3), "generate got 3; it needs a list of token ids, e.g. [3, 1]."),
    "no prompt": (lambda: generate(MODEL, None), "generate got None; it needs a list of token ids, e.g. [3, 1]."),
    "ids that aren't whole": (lambda: generate(MODEL, [1.7, 2.2]), f"generate got the token id 1.7; {IDS}"),
    "ids that aren't numbers": (lambda: generate(MODEL, [None, 1]), f"generate got the token id None; {IDS}"),
    "true as an id": (lambda: generate(MODEL, [True, 1]), f"generate got the token id True; {IDS}"),
    "a negative id": (lambda: generate(MODEL, torch.tensor([-1])), f"generate got the token id -1; {IDS}"),
    "a batch in a batch": (
        lambda: generate(MODEL, torch.zeros(1, 2, 3, dtype=torch.long)),
        f"generate got the token id [0, 0, 0]; {IDS}",
    ),
    "one and several": (lambda: generate(MODEL, [[1], 2]), f"generate got [[1], 2]; {LISTS}"),
    "an id past the vocabulary": (
        lambda: generate(MODEL, [7]),
        "A prompt holds the id 7, but this model's ids go from 0 to 6; "
        "encode it with the model's own tokenizer.",
    ),
    "an empty prompt": (
        lambda: generate(MODEL, []),
        "A prompt is empty, but the model needs a token to go on from: give the end-of-text token.",
    ),
    "an empty batch": (
        lambda: generate(MODEL, torch.zeros(0, 3)),
        "A prompt is empty, but the model needs a token to go on from: give the end-of-text token.",
    ),
    "a prompt too long": (
        lambda: generate(MODEL, [1] * 6),
        "A prompt has 6 tokens, but the model's context holds 5; shorten it, e.g. to its last 5 tokens.",
    ),
    "no model": (
        lambda: generate("tiny", [1]),
        "generate got 'tiny' as its model; needed a function from ids (B, T) to logits (B, T, V), such as a GPT.",
    ),
    "a number of tokens in words": (
        lambda: generate(MODEL, [1], "ten"), f"generate got max_new_tokens='ten'; {WHOLE} 0.",
    ),
    "half a token": (
        lambda: generate(MODEL, [1], 2.5), f"generate got max_new_tokens=2.5; {WHOLE} 0.",
    ),
    "no number of tokens": (
        lambda: stream(MODEL, [1], None), f"generate got max_new_tokens=None; {WHOLE} 0.",
    ),
    "fewer tokens than none": (
        lambda: stream(MODEL, [1], -1), f"generate got max_new_tokens=-1; {WHOLE} 0.",
    ),
    "no context": (
        lambda: generate(MODEL, [1], context_length=0), f"generate got context_length=0; {WHOLE} 1.",
    ),
    "a stop that is never written": (
        lambda: generate(MODEL, [1], stop_tokens=[999]),
        "stop_tokens has the id 999, but this model's ids go from 0 to 6; take those of its own tokenizer.",
    ),
    "a stop between two ids": (
        lambda: generate(MODEL, [1], stop_tokens=[2.7]), f"stop_tokens got the token id 2.7; {IDS}",
    ),
    "a stop as text": (
        lambda: generate(MODEL, [1], stop_tokens="<|endoftext|>"), f"stop_tokens got '<|endoftext|>', {ENCODE}",
    ),
    "a temperature for the sampling": (
        lambda: generate(MODEL, [1], sampling=0.8),
        "generate got sampling=0.8; needed a SamplingConfig, as in SamplingConfig(temperature=0.8).",
    ),
    "a seed for the generator": (
        lambda: generate(MODEL, [1], generator=0),
        "generate got generator=0; needed a generator, such as torch.Generator().manual_seed(0).",
    ),
    "an unknown overflow": (
        lambda: generate(MODEL, [1], overflow="crop"),
        "generate got overflow='crop'; choose 'slide' or 'stop'.",
    ),
    "weights that are no numbers": (
        lambda: generate(Broken(), [1, 2]),
        "After 2 tokens of text 0, the model's logits hold nan, which is no number to choose by; if training "
        "brought it, take earlier weights, or a lower learning rate.",
    ),
    "temperature below 0": (
        lambda: SamplingConfig(temperature=-1),
        "SamplingConfig got temperature=-1; it must be 0 (greedy) or above.",
    ),
    "temperature in words": (
        lambda: SamplingConfig("greedy"), "SamplingConfig got temperature='greedy'; it must be 0 (greedy) or above.",
    ),
    "no temperature": (
        lambda: SamplingConfig(temperature=None),
        "SamplingConfig got temperature=None; it must be 0 (greedy) or above.",
    ),
    "temperature of nothing": (
        lambda: generation.temperature(LOGITS, 0),
        "temperature got 0; it must be above 0 (SamplingConfig(temperature=0) is greedy).",
    ),
    "temperature nan": (
        lambda: generation.temperature(LOGITS, math.nan),
        "temperature got nan; it must be above 0 (SamplingConfig(temperature=0) is greedy).",
    ),
    "top_k of 0": (lambda: SamplingConfig(top_k=0), f"top_k got k=0; {WHOLE} 1."),
    "top_k of a half": (lambda: SamplingConfig(top_k=0.5), f"top_k got k=0.5; {WHOLE} 1."),
    "top_k in words": (lambda: generation.top_k(LOGITS, "2"), f"top_k got k='2'; {WHOLE} 1."),
    "top_p in percent": (
        lambda: SamplingConfig(top_p=90),
        "top_p got 90; it is a probability, between 0 and 1, e.g. 0.9.",
    ),
    "top_p in words": (
        lambda: generation.top_p(LOGITS, "0.9"),
        "top_p got '0.9'; it is a probability, between 0 and 1, e.g. 0.9.",
    ),
    "min_p above 1": (
        lambda: SamplingConfig(min_p=7),
        "min_p got 7; it is a fraction of the highest probability, between 0 and 1, e.g. 0.05.",
    ),
    "no penalty": (
        lambda: SamplingConfig(repetition_penalty=0),
        "repetition_penalty got 0; it must be above 0; above 1 discourages, 1 changes nothing.",
    ),
    "a die of 1": (
        lambda: draw(LOGITS, torch.tensor([1.0])),
        "draw got dice up to 1.0 and logits up to 2.0; dice must be in [0, 1), and in each row a token must be "
        "possible.",
    ),
    "nothing to draw from": (
        lambda: draw(torch.full((1, 3), -math.inf), torch.tensor([0.5])),
        "draw got dice up to 0.5 and logits up to -inf; dice must be in [0, 1), and in each row a token must be "
        "possible.",
    ),
    "no beams": (
        lambda: beam_search(MODEL, [1], 0), f"beam_search got num_beams=0; {WHOLE} 1.",
    ),
    "beams in words": (
        lambda: beam_search(MODEL, [1], "four"), f"beam_search got num_beams='four'; {WHOLE} 1.",
    ),
    "beams of no length": (
        lambda: beam_search(MODEL, [1], 2, 0), f"beam_search got max_new_tokens=0; {WHOLE} 1.",
    ),
    "a text for beams": (lambda: beam_search(MODEL, "once"), f"beam_search got 'once', {ENCODE}"),
    "a penalty that is no number": (
        lambda: beam_search(MODEL, [1], length_penalty=None),
        "beam_search got length_penalty=None; needed a number, e.g. 1.0, between -50 and 50.",
    ),
    "an early stopping in words": (
        lambda: beam_search(MODEL, [1], early_stopping="yes"),
        "beam_search got early_stopping='yes'; choose True, False or 'never'.",
    ),
    "pieces of nothing": (
        lambda: distinct_share(["abab"], n=0), f"distinct_share got n=0; {WHOLE} 1.",
    ),
    "texts too short": (
        lambda: distinct_share(["ab"], n=4), "distinct_share found 0 pieces of 4, but needs 1; give it more texts.",
    ),
    "a message by itself": (
        lambda: render(user("Hi")),
        f"A conversation got {user('Hi')}; needed a list of messages, [{MESSAGE}].",
    ),
    "a text as a talk": (
        lambda: render("Hi"), f"A conversation got 'Hi'; needed a list of messages, [{MESSAGE}].",
    ),
    "texts as messages": (
        lambda: encode_chat(TOKENIZER, ["Hi"]), f"Message 0 of the conversation is 'Hi'; needed {MESSAGE}.",
    ),
    "a message without content": (
        lambda: encode_chat(TOKENIZER, [{"role": "user"}]),
        f"Message 0 of the conversation has no 'content'; needed {MESSAGE}.",
    ),
    "a message without a role": (
        lambda: render([{"content": "Hi"}]), f"Message 0 of the conversation has no 'role'; needed {MESSAGE}.",
    ),
    "a message that says nothing": (
        lambda: render([user(None)]),
        "The content of a message is None; needed a text: leave out messages in which nothing is said.",
    ),
    "a picture": (
        lambda: encode_chat(TOKENIZER, [user([{"type": "image_url", "image_url": {"url": "x"}}])]),
        "A message has a part of type 'image_url' in its content, but this model reads only texts: "
        '{"type": "text", "text": "..."}.',
    ),
    "an unknown role": (
        lambda: encode_chat(TOKENIZER, [{"role": "robot", "content": "Hi"}]),
        "the role of a message is 'robot'; it must be one of system, user, assistant.",
    ),
    "a template that divides by 0": (
        lambda: render([user("Hi")], template="{{ 1/0 }}"),
        "This conversation cannot be written by the template: division by zero.",
    ),
    "a template without end": (
        lambda: render(
            [user("Hi")], template="{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        ),
        "This conversation cannot be written by the template: its loops make more than 100,000 steps.",
    ),
    "a template that fills the memory": (
        lambda: render([user("Hi")], template="{{ 'x' * 10**10 }}"),
        "This conversation cannot be written by the template: a template may not use ** here.",
    ),
    "a template that fills the memory by a form": (
        lambda: render([user("Hi")], template="{{ '%1000000000d' % 5 }}"),
        "This conversation cannot be written by the template: a template may not use % here.",
    ),
    "a template that fills the memory by a filter": (
        lambda: render([user("Hi")], template="{{ 'x' | center(10000000000) }}"),
        "This conversation cannot be written by the template: a template may not use center here.",
    ),
    "a class in place of a model": (
        lambda: generation.generate(GPT, [1], 2),
        "generate got the class GPT as its model; needed a function from ids (B, T) to logits (B, T, V), such "
        "as a GPT.",
    ),
    "a decoder with less than no room": (
        lambda: generation.Decoder(MODEL, [[1]], -3), f"Decoder got room=-3; {WHOLE} 0.",
    ),
    "texts of a cache that are not there": (
        lambda: KVCache(1, 2, 8).reorder(torch.tensor([5])),
        "reorder got rows=a Tensor of shape (1,) and type torch.int64; it needs a tensor (N,) of whole numbers "
        "from 0 to 1.",
    ),
    "fewer values than keys": (
        lambda: KVCache(1, 1, 8).append(0, torch.zeros(1, 2, 5, 4), torch.zeros(1, 2, 3, 4)),
        "This cache got keys (1, 2, 5, 4) and values (1, 2, 3, 4) for layer 0; it has layers 0 to 0, and takes "
        "as many values as keys.",
    ),
    "nothing said to a chat": (
        lambda: Chat(Broken(), TOKENIZER).send(None),
        "The content of a message is None; needed a text: leave out messages in which nothing is said.",
    ),
    "a chat without room": (
        lambda: Chat(Broken(), TOKENIZER, most=0), f"Chat got most=0; {WHOLE} 1.",
    ),
    "logits in a list, kept": (
        lambda: generation.top_k([0.1, 0.2], 1),
        "top_k got logits=[0.1, 0.2]; it must be a tensor of floats of shape (..., V).",
    ),
    "logits in a list, divided": (
        lambda: generation.temperature([0.1, 0.2], 0.5),
        "temperature got logits=[0.1, 0.2]; it must be a tensor of floats of shape (..., V).",
    ),
    "logits in a list, cut": (
        lambda: generation.top_p([0.1, 0.2], 0.5),
        "top_p got logits=[0.1, 0.2]; it must be a tensor of floats of shape (..., V).",
    ),
    "logits in a list, compared": (
        lambda: generation.min_p([0.1, 0.2], 0.5),
        "min_p got logits=[0.1, 0.2]; it must be a tensor of floats of shape (..., V).",
    ),
    "logits that are whole": (
        lambda: generation.top_k(torch.tensor([[1, 2]]), 1),
        "top_k got logits=a Tensor of shape (1, 2) and type torch.int64; it must be a tensor of floats "
        "of shape (..., V).",
    ),
    "no logits": (
        lambda: generation.top_k(torch.zeros(1, 0), 1),
        "top_k got logits=a Tensor of shape (1, 0) and type torch.float32; it must be a tensor of floats "
        "of shape (..., V).",
    ),
    "logits in a list, drawn from": (
        lambda: draw([[0.1, 0.2]], torch.tensor([0.5])),
        "draw got logits=[[0.1, 0.2]]; it must be a tensor of floats of shape (..., V).",
    ),
    "dice in a list": (
        lambda: draw(LOGITS, [0.5]),
        "draw got logits=a Tensor of shape (1, 3) and type torch.float32 and dice=[0.5]; it needs logits "
        "(B, V) and dice (B,), one die for each row.",
    ),
    "one die for two rows": (
        lambda: draw(LOGITS.repeat(2, 1), torch.tensor([0.5])),
        "draw got logits=a Tensor of shape (2, 3) and type torch.float32 and dice=a Tensor of shape (1,) "
        "and type torch.float32; it needs logits (B, V) and dice (B,), one die for each row.",
    ),
    "one row that stands alone": (
        lambda: draw(LOGITS[0], torch.tensor([0.5])),
        "draw got logits=a Tensor of shape (3,) and type torch.float32 and dice=a Tensor of shape (1,) "
        "and type torch.float32; it needs logits (B, V) and dice (B,), one die for each row.",
    ),
    "a penalty for another batch": (
        lambda: generation.repetition_penalty(LOGITS, torch.tensor([[0], [1]]), 2.0),
        "repetition_penalty got logits=a Tensor of shape (1, 3) and type torch.float32 and ids=a Tensor "
        "of shape (2, 1) and type torch.int64; it needs logits (B, V) and whole numbers (B, T), one text "
        "for each row.",
    ),
    "a penalty for an id past the vocabulary": (
        lambda: generation.repetition_penalty(LOGITS, torch.tensor([[0, 3]]), 2.0),
        "repetition_penalty got the id 3, but this model's ids go from 0 to 2; encode the text with the "
        "model's own tokenizer.",
    ),
    "a penalty for an id below 0": (
        lambda: generation.repetition_penalty(LOGITS, torch.tensor([[-1]]), 2.0),
        "repetition_penalty got the id -1, but this model's ids go from 0 to 2; encode the text with the "
        "model's own tokenizer.",
    ),
    "a penalty for ids in a list": (
        lambda: generation.repetition_penalty(LOGITS, [[0]], 2.0),
        "repetition_penalty got logits=a Tensor of shape (1, 3) and type torch.float32 and ids=[[0]]; it "
        "needs logits (B, V) and whole numbers (B, T), one text for each row.",
    ),
    "a penalty for logits in a list": (
        lambda: generation.repetition_penalty([[0.5]], torch.tensor([[0]]), 2.0),
        "repetition_penalty got logits=[[0.5]]; it must be a tensor of floats of shape (..., V).",
    ),
    "a penalty that is true": (
        lambda: SamplingConfig(repetition_penalty=True),
        "repetition_penalty got True; it must be above 0; above 1 discourages, 1 changes nothing.",
    ),
    "logits in a list for a sampling": (
        lambda: generation.PLAIN([0.5], None),
        "SamplingConfig got logits=[0.5]; it must be a tensor of floats of shape (..., V).",
    ),
    "a model that gives nothing": (
        lambda: generate(lambda ids: None, [1]),
        "The model gave None for ids of shape (1, 1); generate needs a tensor of logits (B, T, V): one "
        "score for each token of the vocabulary at each place.",
    ),
    "a model that gives a list": (
        lambda: generate(lambda ids: [0.5, 0.5], [1]),
        "The model gave [0.5, 0.5] for ids of shape (1, 1); generate needs a tensor of logits (B, T, V): "
        "one score for each token of the vocabulary at each place.",
    ),
    "a model that gives one place only": (
        lambda: generate(lambda ids: torch.zeros(len(ids), 7), [1]),
        "The model gave a Tensor of shape (1, 7) and type torch.float32 for ids of shape (1, 1); "
        "generate needs a tensor of logits (B, T, V): one score for each token of the vocabulary at each "
        "place.",
    ),
    "a model that gives another batch": (
        lambda: beam_search(lambda ids: torch.zeros(1, ids.shape[1], 7), [1]),
        "The model gave a Tensor of shape (1, 1, 7) and type torch.float32 for ids of shape (4, 1); "
        "generate needs a tensor of logits (B, T, V): one score for each token of the vocabulary at each "
        "place.",
    ),
    "a model that knows no token": (
        lambda: generate(lambda ids: torch.zeros(*ids.shape, 0), [1]),
        "The model gave a Tensor of shape (1, 1, 0) and type torch.float32 for ids of shape (1, 1); "
        "generate needs a tensor of logits (B, T, V): one score for each token of the vocabulary at each "
        "place.",
    ),
    "a cache, perhaps": (
        lambda: generate(MODEL, [1], use_cache="no"),
        "generate got use_cache='no'; it must be True or False.",
    ),
    "a cache for beams, perhaps": (
        lambda: beam_search(MODEL, [1], use_cache=None),
        "generate got use_cache=None; it must be True or False.",
    ),
    "probabilities, perhaps": (
        lambda: generate(MODEL, [1], return_logprobs="yes"),
        "generate got return_logprobs='yes'; it must be True or False.",
    ),
    "a text without end": (
        lambda: generate(MODEL, [1], 10**12),
        "Got 1 x 1000000000000 new tokens to make room for; at most 100000000 fit: write fewer.",
    ),
    "beams without end": (
        lambda: beam_search(MODEL, [1], 10**12),
        "Got 1000000000000 x 50 new tokens to make room for; at most 100000000 fit: write fewer.",
    ),
    "a penalty beyond all numbers": (
        lambda: beam_search(MODEL, [1], length_penalty=10**25),
        "beam_search got length_penalty=10000000000000000000000000; needed a number, e.g. 1.0, between "
        "-50 and 50.",
    ),
    "an early stopping by number": (
        lambda: beam_search(MODEL, [1], early_stopping=2),
        "beam_search got early_stopping=2; choose True, False or 'never'.",
    ),
    "no prompts for a decoder": (
        lambda: generation.Decoder(MODEL, None, 3),
        "Decoder got prompts=None; it must be a list of prompts, each a list of ids.",
    ),
    "tokens for another batch": (
        lambda: generation.Decoder(MODEL, [[1], [2]], 3).append(torch.tensor([1])),
        "Decoder.append got a Tensor of shape (1,) and type torch.int64; it needs whole numbers (2,), "
        "and has room for 3 more of them.",
    ),
    "a token without room": (
        lambda: generation.Decoder(MODEL, [[1]], 0).append(torch.tensor([1])),
        "Decoder.append got a Tensor of shape (1,) and type torch.int64; it needs whole numbers (1,), "
        "and has room for 0 more of them.",
    ),
    "texts of a decoder that are not there": (
        lambda: generation.Decoder(MODEL, [[1], [2]], 3).reorder(torch.tensor([2])),
        "Decoder.reorder got rows=a Tensor of shape (1,) and type torch.int64; it must be whole numbers "
        "(N,) from 0 to 1.",
    ),
    "one text as texts": (
        lambda: distinct_share("abab"),
        "distinct_share got texts='abab'; it must be a list of texts, or of lists of ids.",
    ),
    "numbers as texts": (
        lambda: distinct_share([1, 2]),
        "distinct_share got texts=1; it must be a list of texts, or of lists of ids.",
    ),
    "pieces of half a limit": (
        lambda: distinct_share(["abab"], 2, limit=0.5),
        "distinct_share got limit=0.5; it must be a whole number of at least 1.",
    ),
    "a right nothing": (
        lambda: generation.is_right(None),
        "is_right got text=None; it must be a text.",
    ),
    "a lean nothing": (
        lambda: lean("model"),
        "lean got module='model'; it must be a module, such as a GPT.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_its_sentence(name):
    make, sentence = MISTAKES[name]
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == sentence


def test_contents_in_parts_are_read_as_one_text():
    parts = [{"type": "text", "text": "H"}, {"type": "text", "text": "i!"}]
    assert render([user(parts)]) == render([user("Hi!")]) == "<|endoftext|><|user|>Hi!<|end|>"
    assert encode_chat(TOKENIZER, [user(parts)]) == encode_chat(TOKENIZER, [user("Hi!")])
    assert assistant.encode_conversation(TOKENIZER, [user(parts)])[0] == encode_chat(TOKENIZER, [user("Hi!")])


def test_numbers_of_another_kind_are_numbers():
    config = SamplingConfig(np.float32(0.5), top_k=np.int64(2), top_p=torch.tensor(0.9))
    assert config(LOGITS, torch.zeros(1, 1, dtype=torch.long)).shape == LOGITS.shape


def test_logits_and_dice_may_be_whole_numbers_where_that_is_right():
    assert generation.temperature(torch.tensor([[1, 3]]), 0.5).tolist() == [[2.0, 6.0]]
    assert draw(torch.tensor([[0, 999], [999, 0]]), torch.tensor([0, 0])).tolist() == [1, 0]
    one_hot = lambda ids: torch.nn.functional.one_hot((ids + 1) % 7, 7)  # noqa: E731
    assert generate(one_hot, [1], 2, sampling=generation.GREEDY, use_cache=np.bool_(False)) == [1, 2, 3]
    assert (
        len(beam_search(MODEL, [1], 2, 1, early_stopping=np.bool_(True), length_penalty=np.float32(1))) == 2
    )


def test_ids_of_tensors_are_told_apart_by_their_numbers():
    assert (
        distinct_share(torch.tensor([[1, 2, 1, 2, 1]]), n=2) == distinct_share([[1, 2, 1, 2, 1]], n=2) == 0.5
    )
