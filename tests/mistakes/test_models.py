"""Mistakes with tokens, contexts, attention, models and their fine-tuning, and the sentence that each gets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import attention, context, finetuning, model
from course_lib.config import GPTConfig
from course_lib.finetuning.question_answering import Item, Quiz, answered, asked
from course_lib.model.activations import fast_gelu
from course_lib.model.anatomy import without
from course_lib.model.weights import plain_weights, weight_shapes
from course_lib.tokens import GPT2_PATTERN, BPETokenizer, CharTokenizer, StreamDecoder, naive_bpe
from course_lib.tokens.bpe import learn_merges
from course_lib.tokens.pieces import Cutter

SHAPE = GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6)
MODEL = model.GPT(SHAPE, torch.Generator().manual_seed(0))
LAYER = attention.MultiHeadAttention(GPTConfig(n_heads=2, width=4))
CELL = nn.GRU(3, 3)
BPE = BPETokenizer.train("the cat sat on the mat", 260)
IDS = torch.tensor([0, 1, 2] * 20)
Q = torch.zeros(2, 3, 4)
HEADS = torch.zeros(2, 2, 1, 4)
EXAMPLES = [([1, 2], [-100, 2])]


def narrower(cache):
    cache.append(0, HEADS, HEADS)
    cache.length = 1
    cache.append(0, HEADS[:, :1], HEADS[:, :1])


MISTAKES = {
    "values of another batch": (
        lambda: attention.scaled_dot_product(Q, Q[:1], Q[:1]),
        "attention got q=a Tensor of shape (2, 3, 4) and type torch.float32, k=a Tensor of shape (1, 3, "
        "4) and type torch.float32 and v=a Tensor of shape (1, 3, 4) and type torch.float32; it needs "
        "floats, q (..., T, D), k and v (..., S, D), with the same axes before, and S at least 1.",
    ),
    "queries of another batch, block by block": (
        lambda: attention.blockwise_attention(Q, torch.zeros(3, 4), torch.zeros(3, 4)),
        "attention got q=a Tensor of shape (2, 3, 4) and type torch.float32, k=a Tensor of shape (3, 4) "
        "and type torch.float32 and v=a Tensor of shape (3, 4) and type torch.float32; it needs floats, "
        "q (..., T, D), k and v (..., S, D), with the same axes before, and S at least 1.",
    ),
    "keys without any place": (
        lambda: attention.blockwise_attention(Q, Q[:, :0], Q[:, :0]),
        "attention got q=a Tensor of shape (2, 3, 4) and type torch.float32, k=a Tensor of shape (2, 0, "
        "4) and type torch.float32 and v=a Tensor of shape (2, 0, 4) and type torch.float32; it needs "
        "floats, q (..., T, D), k and v (..., S, D), with the same axes before, and S at least 1.",
    ),
    "keys in another number format": (
        lambda: attention.blockwise_attention(Q, Q.double(), Q),
        "attention got q of torch.float32, k of torch.float64 and v of torch.float32; give all of them "
        "one type, e.g. by q.float().",
    ),
    "a hook that is a name": (
        lambda: attention.scaled_dot_product(Q, Q, Q, hook="maps"),
        "attention got hook='maps'; it must be a function of the weights, such as maps.append, or None.",
    ),
    "a hook that gives a number": (
        lambda: attention.scaled_dot_product(Q, Q, Q, hook=lambda attn: 1),
        "The hook of an attention gave 1; it needs to give None, or weights of shape (2, 3, 3).",
    ),
    "a hook of a layer that is a name": (
        lambda: setattr(LAYER, "hook", "maps"),
        "attention got hook='maps'; it must be a function of the weights, such as maps.append, or None.",
    ),
    "a mask for another batch": (
        lambda: attention.scaled_dot_product(Q, Q, Q, torch.ones(3, 3, 3, dtype=torch.bool)),
        "Got mask=a Tensor of shape (3, 3, 3) and type torch.bool; a mask for 3 queries and 3 keys is "
        "boolean, of shape (3, 3) or one that broadcasts to (2, 3, 3), True where a query may look.",
    ),
    "a mask on a list": (
        lambda: attention.causal_mask(3, device=["cpu"]),
        "Got ['cpu'] as a device; give a name, such as 'cpu', or a tensor's own, x.device.",
    ),
    "whole numbers for a layer": (
        lambda: LAYER(torch.ones(1, 2, 4, dtype=torch.long)),
        "MultiHeadAttention got x=a Tensor of shape (1, 2, 4) and type torch.int64; it needs vectors of "
        "shape (B, T, 4).",
    ),
    "angles without sines": (
        lambda: LAYER(Q, rotary=(1.0,)),
        "MultiHeadAttention got rotary=(1.0,); it must be a pair, such as rotary_angles(T, D) gives.",
    ),
    "a memory that is a name": (
        lambda: LAYER(Q, remember="cache"),
        "MultiHeadAttention got remember='cache'; it must be a function, such as a cache's append.",
    ),
    "keys of no layer": (
        lambda: attention.KVCache(1, 2, 8).append("first", HEADS, HEADS),
        "This cache got keys (2, 2, 1, 4) and values (2, 2, 1, 4) for layer 'first'; it has layers 0 to "
        "0, and takes as many values as keys.",
    ),
    "keys in a list": (
        lambda: attention.KVCache(1, 2, 8).append(0, [1.0], HEADS),
        "This cache got keys [1.0] and values (2, 2, 1, 4) for layer 0; it has layers 0 to 0, and takes "
        "as many values as keys.",
    ),
    "keys of fewer heads than before": (
        lambda: narrower(attention.KVCache(1, 2, 8)),
        "This cache keeps 2 heads of keys 4 and values 4 wide in layer 0, but got keys (2, 1, 1, 4) and "
        "values (2, 1, 1, 4); give as many heads, as wide, or make another cache.",
    ),
    "layers without end for a cache": (
        lambda: attention.KVCache(10**25, 1, 8),
        "KVCache got n_layers=10000000000000000000000000; it must be a whole number from 1 to 1048576.",
    ),
    "a state for another batch": (
        lambda: context.gru_step(torch.ones(2, 3), torch.ones(1, 3), CELL),
        "gru_step got x for 2 texts and states for 1; give one each.",
    ),
    "whole numbers for a cell": (
        lambda: context.gru_step(torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3), CELL),
        "gru_step got x=a Tensor of shape (2, 3) and type torch.int64; it must be a tensor of floats of "
        "shape (..., 3).",
    ),
    "a cell without biases": (
        lambda: context.gru_step(torch.ones(2, 3), torch.ones(2, 3), nn.GRU(3, 3, bias=False)),
        "gru_step got cell=a GRU; give a torch.nn.GRU with biases, such as model.cells.",
    ),
    "layers without end": (
        lambda: context.RecurrentLM(7, n_layers=10**25),
        "RecurrentLM got n_layers=10000000000000000000000000; it must be a whole number from 1 to 1000.",
    ),
    "a vocabulary without end": (
        lambda: context.WindowMLP(10**15),
        "WindowMLP would have 320000000000131072 numbers, more than a memory holds; choose smaller sizes.",
    ),
    "a vocabulary that nobody counts": (
        lambda: context.NGramModel(2, 10**12),
        "NGramModel got vocab_size=1000000000000; it must be a whole number from 1 to 2147483647.",
    ),
    "an empty batch": (
        lambda: context.WindowMLP(7)(torch.zeros(0, 3, dtype=torch.long)),
        "WindowMLP got ids=a Tensor of shape (0, 3) and type torch.int64; it must be a tensor (B, T) "
        "with B and T at least 1.",
    ),
    "a size that nobody counts": (
        lambda: context.windows(IDS, 10**25),
        "a window got T=10000000000000000000000000; it must be a whole number from 1 to 9223372036854775807.",
    ),
    "positions without width": (
        lambda: context.LearnedPositions(5, 0),
        "LearnedPositions got width=0; it must be a whole number of at least 1.",
    ),
    "positions of a length in words": (
        lambda: context.LearnedPositions("5", 4),
        "LearnedPositions got context_length='5'; it must be a whole number of at least 1.",
    ),
    "sines without their cosine": (
        lambda: context.SinusoidalPositions(8, 5),
        "SinusoidalPositions got width=5; it must be even: sines and cosines come in pairs.",
    ),
    "waves of no height": (
        lambda: context.SinusoidalPositions(8, 4, scale="high"),
        "SinusoidalPositions got scale='high'; it must be a finite number.",
    ),
    "turns of no length": (
        lambda: context.RotaryPositions(0, 4),
        "RotaryPositions got context_length=0; it must be a whole number of at least 1.",
    ),
    "a position before the first": (
        lambda: context.LearnedPositions(5, 4)(torch.tensor([[-1]])),
        "Got the positions a Tensor of shape (1, 1) and type torch.int64; this table has those from 0 to "
        "4: read a shorter text, or make a longer context.",
    ),
    "a position by itself": (
        lambda: context.SinusoidalPositions(5, 4)(-1),
        "Got the positions -1; this table has those from 0 to 4: read a shorter text, or make a longer "
        "context.",
    ),
    "positions in a list": (
        lambda: context.RotaryPositions(5, 4)([1, 2]),
        "Got the positions [1, 2]; this table has those from 0 to 4: read a shorter text, or make a "
        "longer context.",
    ),
    "angles for another length": (
        lambda: context.apply_rotary(Q, *context.rotary_angles(2, 4)),
        "apply_rotary got x=a Tensor of shape (2, 3, 4) and type torch.float32, cos=a Tensor of shape "
        "(2, 2) and type torch.float32 and sin=a Tensor of shape (2, 2) and type torch.float32; it turns "
        "pairs: give as many angles as x has pairs, rotary_angles(T, D).",
    ),
    "whole numbers to turn": (
        lambda: context.apply_rotary(torch.ones(2, 4, dtype=torch.long), *context.rotary_angles(2, 4)),
        "apply_rotary got x=a Tensor of shape (2, 4) and type torch.int64, cos=a Tensor of shape (2, 2) "
        "and type torch.float32 and sin=a Tensor of shape (2, 2) and type torch.float32; it turns pairs: "
        "give as many angles as x has pairs, rotary_angles(T, D).",
    ),
    "documents that are a number": (
        lambda: context.encode_documents(torch.tensor(3), CharTokenizer("ab")),
        "encode_documents got documents=tensor(3); it must be a list of texts.",
    ),
    "gelu of a number": (
        lambda: model.gelu(1.5),
        "gelu got x=1.5; it must be a tensor of floats.",
    ),
    "gelu of whole numbers": (
        lambda: fast_gelu(torch.tensor([1, 2])),
        "fast_gelu got x=a Tensor of shape (2,) and type torch.int64; it must be a tensor of floats.",
    ),
    "a norm of nothing": (
        lambda: model.LayerNorm(0),
        "LayerNorm got width=0; it must be a whole number of at least 1.",
    ),
    "a norm of several widths": (
        lambda: model.RMSNorm([2, 3]),
        "RMSNorm got width=[2, 3]; it must be a whole number of at least 1.",
    ),
    "a norm whose bias is a word": (
        lambda: model.LayerNorm(4, bias="no"),
        "LayerNorm got bias='no'; it must be True or False.",
    ),
    "a norm with an eps below 0": (
        lambda: model.RMSNorm(4, eps=-1),
        "RMSNorm got eps=-1; it must be 0 or more, e.g. 1e-5.",
    ),
    "vectors too wide for a norm": (
        lambda: model.LayerNorm(4)(torch.ones(2, 3)),
        "LayerNorm got x=a Tensor of shape (2, 3) and type torch.float32; it must be a tensor of floats "
        "of shape (..., 4).",
    ),
    "vectors too wide for the other norm": (
        lambda: model.RMSNorm(4)(torch.ones(2, 3)),
        "RMSNorm got x=a Tensor of shape (2, 3) and type torch.float32; it must be a tensor of floats of "
        "shape (..., 4).",
    ),
    "a list for a norm": (
        lambda: model.LayerNorm(4)([1.0, 2.0]),
        "LayerNorm got x=[1.0, 2.0]; it must be a tensor of floats of shape (..., 4).",
    ),
    "long numbers for a norm": (
        lambda: model.LayerNorm(4)(Q.double()),
        "LayerNorm got x of torch.float64, but its weights are torch.float32; give it x.float().",
    ),
    "vectors too wide for an MLP": (
        lambda: model.MLP(SHAPE)(Q),
        "MLP got x=a Tensor of shape (2, 3, 4) and type torch.float32; it must be a tensor of floats of "
        "shape (..., 6).",
    ),
    "vectors too wide for a gated MLP": (
        lambda: model.SwiGLU(SHAPE)(Q),
        "SwiGLU got x=a Tensor of shape (2, 3, 4) and type torch.float32; it must be a tensor of floats "
        "of shape (..., 6).",
    ),
    "vectors too wide for a block": (
        lambda: model.Block(SHAPE)(Q),
        "LayerNorm got x=a Tensor of shape (2, 3, 4) and type torch.float32; it must be a tensor of "
        "floats of shape (..., 6).",
    ),
    "a block of a preset's name": (
        lambda: model.Block("tiny"),
        "Block got config='tiny'; it must be a GPTConfig, e.g. GPTConfig.preset(\"tiny\").",
    ),
    "an MLP of nothing": (
        lambda: model.MLP(None),
        'MLP got config=None; it must be a GPTConfig, e.g. GPTConfig.preset("tiny").',
    ),
    "a norm of a preset's name": (
        lambda: model.make_norm("tiny"),
        "make_norm got config='tiny'; it must be a GPTConfig, e.g. GPTConfig.preset(\"tiny\").",
    ),
    "a GPT without end": (
        lambda: model.GPT(GPTConfig(n_layers=10**6)),
        "GPT got n_layers=1000000; it must be a whole number from 1 to 10000.",
    ),
    "a GPT as large as the world": (
        lambda: model.GPT(GPTConfig(vocab_size=10**15)),
        "GPT would have 256000000000688128 numbers, more than a memory holds; choose smaller sizes.",
    ),
    "only the last, perhaps": (
        lambda: MODEL(torch.tensor([[1]]), last_only="maybe"),
        "GPT got last_only='maybe'; it must be True or False.",
    ),
    "a count without embeddings, perhaps": (
        lambda: MODEL.parameter_count("no"),
        "parameter_count got embeddings='no'; it must be True or False.",
    ),
    "a part taken from no configuration": (
        lambda: without("positions", None),
        'without got config=None; it must be a GPTConfig, e.g. GPTConfig.preset("tiny").',
    ),
    "weights of no model": (
        lambda: plain_weights({}),
        "plain_weights got model={}; it must be a GPT.",
    ),
    "weights of a layer": (
        lambda: plain_weights(nn.Linear(2, 3)),
        'plain_weights got config=None; it must be a GPTConfig, e.g. GPTConfig.preset("tiny").',
    ),
    "shapes of no configuration": (
        lambda: list(weight_shapes("tiny")),
        "weight_shapes got config='tiny'; it must be a GPTConfig, e.g. GPTConfig.preset(\"tiny\").",
    ),
    "LoRA on a layer that there isn't": (
        lambda: finetuning.add_lora(MODEL, targets=("qkv", "query")),
        "add_lora found no linear layer named query; look at model.named_modules().",
    ),
    "LoRA on layers in lists": (
        lambda: finetuning.add_lora(MODEL, targets=[["qkv"]]),
        "add_lora found no linear layer named ['qkv']; look at model.named_modules().",
    ),
    "a rank without end": (
        lambda: finetuning.add_lora(MODEL, rank=10**25),
        "LoRALinear got rank=10000000000000000000000000; it must be whole and from 1 to 1048576, e.g. 8.",
    ),
    "vectors too wide for LoRA": (
        lambda: finetuning.LoRALinear(nn.Linear(3, 5), 2)(Q),
        "LoRALinear got x=a Tensor of shape (2, 3, 4) and type torch.float32; it must be a tensor of "
        "floats of shape (..., 3).",
    ),
    "an id below 0 to learn": (
        lambda: finetuning.masked([([3, -2], True)]),
        "masked got a part=[3, -2]; it must be token ids, which are 0 or more.",
    ),
    "filling below 0": (
        lambda: finetuning.pad_batch(EXAMPLES, pad_id=-1),
        "pad_batch got pad_id=-1; it must be a whole number of at least 0.",
    ),
    "filling as a text": (
        lambda: finetuning.pad_batch(EXAMPLES, pad_id="0"),
        "pad_batch got pad_id='0'; it must be a whole number of at least 0.",
    ),
    "an example without ids": (
        lambda: finetuning.pad_batch([(None, [1, 2])], 0),
        "pad_batch got the example (None, [1, 2]); needed two ids or more and as many targets, as of masked.",
    ),
    "an example with halves": (
        lambda: finetuning.pad_batch([([1, 2], [0.5, 2])], 0),
        "pad_batch got the example ([1, 2], [0.5, 2]); needed two ids or more and as many targets, as of "
        "masked.",
    ),
    "an example with a negative id": (
        lambda: finetuning.pad_batch([([1, -2], [1, 2])], 0),
        "pad_batch got the example ([1, -2], [1, 2]); needed two ids or more and as many targets, as of "
        "masked.",
    ),
    "nothing to learn": (
        lambda: finetuning.QuizBatches(None, learn=()),
        "QuizBatches got learn=(); it must be a list of parts, such as ('answers',), and not empty.",
    ),
    "a quiz by the name of its tokenizer": (
        lambda: finetuning.QuizBatches("char"),
        "QuizBatches got tokenizer='char'; it must be a tokenizer of course_lib.tokens.",
    ),
    "a seed for a quiz": (
        lambda: finetuning.QuizBatches(CharTokenizer("ab"))(0),
        "QuizBatches got generator=0; it must be a torch.Generator, such as seed(0) gives, or None.",
    ),
    "answers without tokenizer": (
        lambda: finetuning.answers(MODEL, None, []),
        "answers got tokenizer=None; it must be a tokenizer of course_lib.tokens.",
    ),
    "answers to texts": (
        lambda: finetuning.answers(MODEL, CharTokenizer("ab"), ["Who?"]),
        "answers got test='Who?'; it must be a list of items, such as those of question_answering.items.",
    ),
    "a quiz about nothing": (
        lambda: Quiz(None, (), ()),
        "Quiz got story=None; it must be a text.",
    ),
    "a quiz with texts as questions": (
        lambda: Quiz("Mia ran.", ("Who?",), ()),
        "Quiz got answered='Who?'; it must be a list of questions.",
    ),
    "an item whose question is a text": (
        lambda: Item("Mia ran.", "Who ran?"),
        "Item got question='Who ran?'; it must be a Question, such as those of quiz(5).",
    ),
    "nothing asked": (
        lambda: asked(None),
        "asked got question=None; it must be a text.",
    ),
    "nothing answered": (
        lambda: answered(None),
        "answered got answer=None; it must be a text.",
    ),
    "no texts to train on": (
        lambda: BPETokenizer.train("", 300),
        "A tokenizer can't be trained on an empty text; give it a text, or several, with something in it.",
    ),
    "an empty list to train on": (
        lambda: CharTokenizer.train([]),
        "A tokenizer can't be trained on an empty text; give it a text, or several, with something in it.",
    ),
    "no characters": (
        lambda: CharTokenizer(""),
        "CharTokenizer got no character; give it a text's, or use CharTokenizer.train(text).",
    ),
    "a number as text to train on": (
        lambda: CharTokenizer.train(torch.tensor(3)),
        "Got Tensor, needed a text as a str, or a list of texts.",
    ),
    "one number as special tokens": (
        lambda: BPETokenizer([], special_tokens=torch.tensor(3)),
        "special_tokens got tensor(3), needed a list of names, e.g. ['<|endoftext|>'].",
    ),
    "one number as a text in pieces": (
        lambda: list(BPE.encode_iterable(torch.tensor(3))),
        "Got Tensor, needed a text in pieces, e.g. an open text file.",
    ),
    "a layout that is a number": (
        lambda: BPETokenizer([], layout=5),
        "BPETokenizer got layout=5; it must be a list of all tokens in the order of their ids.",
    ),
    "a layout of numbers": (
        lambda: BPETokenizer([], layout=[1]),
        "BPETokenizer got layout=1; it must be tokens, each as bytes or str.",
    ),
    "errors that there aren't": (
        lambda: BPE.decode([1], errors="maybe"),
        "decode got errors='maybe'; it must be one of replace, strict, ignore, backslashreplace.",
    ),
    "errors by number": (
        lambda: BPE.decode([1], errors=5),
        "decode got errors=5; it must be one of replace, strict, ignore, backslashreplace.",
    ),
    "special tokens skipped, perhaps": (
        lambda: BPE.decode([1], skip_special="no"),
        "decode got skip_special='no'; it must be True or False.",
    ),
    "special tokens skipped in a stream, perhaps": (
        lambda: list(BPE.decode_stream([1], skip_special=None)),
        "StreamDecoder got skip_special=None; it must be True or False.",
    ),
    "a stream without tokenizer": (
        lambda: StreamDecoder("bpe"),
        "StreamDecoder got tokenizer='bpe'; it must be a tokenizer of course_lib.tokens.",
    ),
    "a text to learn merges from": (
        lambda: learn_merges("hug", 3),
        "learn_merges got pieces='hug'; it must be a dict such as {b'hug': 10}.",
    ),
    "texts to learn merges from": (
        lambda: learn_merges({"hug": 3}, 3),
        "learn_merges got pieces='hug'; it must be a dict of pieces as bytes, {b'hug': 10}.",
    ),
    "merges below 0": (
        lambda: learn_merges({b"hug": 3}, -1),
        "learn_merges got how_many=-1; it must be a whole number of at least 0.",
    ),
    "a text to learn merges from by hand": (
        lambda: naive_bpe.learn_merges_naively("hug", 3),
        "learn_merges_naively got pieces='hug'; it must be a list of pieces as bytes, [b'hug'].",
    ),
    "texts to encode by hand": (
        lambda: naive_bpe.encode_naively(["hug"], []),
        "encode_naively got pieces='hug'; it must be a list of pieces as bytes, [b'hug'].",
    ),
    "half a merge": (
        lambda: naive_bpe.encode_naively([b"hug"], [(b"u",)]),
        "Got the pair (b'u',); needed two ids, or two tokens, such as (5, 7).",
    ),
    "a text cut that is none": (
        lambda: Cutter(GPT2_PATTERN).cut(None),
        "cut got text=None; it must be a text.",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_its_sentence(name):
    make, sentence = MISTAKES[name]
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "make",
    [
        lambda: attention.causal_mask(3, device="gpu"),
        lambda: context.rotary_angles(2, 4, device="gpu"),
        lambda: context.get_batch(IDS, 2, 3, device="gpu"),
    ],
    ids=["mask", "angles", "batch"],
)
def test_a_device_that_there_is_not_is_named(make):
    with pytest.raises(
        ValueError, match="^the device 'gpu' is not usable on this machine: choose one of .*cpu"
    ):
        make()


def test_a_mistake_with_lora_leaves_the_model_as_it_was():
    with pytest.raises(ValueError, match="rank=0"):
        finetuning.add_lora(MODEL, rank=0, targets=["qkv"])
    with pytest.raises(ValueError, match="named query"):
        finetuning.add_lora(MODEL, targets=["qkv", "query"])
    assert all(weight.requires_grad for weight in MODEL.parameters())
    assert isinstance(MODEL.blocks[0].attention.qkv, nn.Linear)


def test_right_uses_still_work():
    assert torch.equal(
        attention.causal_mask(np.int64(2), device=torch.device("cpu")), attention.causal_mask(2)
    )
    assert attention.causal_mask(2, device="meta").device.type == "meta"
    one = torch.tensor([True, False, False])
    assert torch.equal(LAYER(Q, mask=one), LAYER(Q, mask=one[None]))
    cache = attention.KVCache(2, 2, 8)
    assert cache.append(np.int64(1), HEADS, HEADS)[0].shape == HEADS.shape
    table = context.LearnedPositions(np.int32(5), torch.tensor(4))
    places = torch.tensor([[0, 4]])
    assert torch.equal(table(places), table.weight[places]) and table(places.int()).shape == (1, 2, 4)
    batch = finetuning.pad_batch([(np.array([1, 2]), torch.tensor([-100, 2])), ((np.int64(3), 4), (3, 4))], 0)
    assert batch[0].tolist() == [[1], [3]] and batch[1].tolist() == [[2], [4]]
    assert finetuning.add_lora(model.GPT(SHAPE)).blocks[0].mlp.up.a.requires_grad  # though there is no gate
    assert CharTokenizer.train(text for text in ("", "a")).vocab_size == 2
    assert BPE.decode(np.array([1]), skip_special=np.bool_(True)) == BPE.decode([1], errors="surrogateescape")
