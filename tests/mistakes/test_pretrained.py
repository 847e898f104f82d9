"""Mistakes that people make with published models, their files, tokenizers and templates, and their sentences.

`{at}` stands for the folder of the test, in which `put` has laid what the mistakes are made with.
"""

from __future__ import annotations

import os
from pathlib import Path

import gguf_files
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from course_lib.assistant import OWN, Chat, ModelTemplate, render, replies, template_from_gguf
from course_lib.config import GPTConfig
from course_lib.finetuning import add_lora, merge_lora
from course_lib.interop import to_tokenizers
from course_lib.interop.tokenizer_json import from_tokenizers
from course_lib.model import GPT
from course_lib.model.weights import first_misfit, hollow
from course_lib.pretrained import (
    Container,
    HalfLinear,
    can_halve,
    card_of,
    container,
    dequantize,
    fetching,
    halved,
    if_here,
    import_gguf,
    is_here,
    load_pretrained,
    names,
    place_of,
    quantization,
    quicker_dtype,
)
from course_lib.shell import commands
from course_lib.tokens import GPT2_PATTERN, BPETokenizer, CharTokenizer, Rules, bpe_from_gguf
from course_lib.tokens.published import bpe_from_lists
from course_lib.tokens.special import Finder

SHAPE = GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6)
BYTES = torch.zeros(64, dtype=torch.uint8)
BPE = BPETokenizer([])
LETTERS = CharTokenizer("Hiua", ["<end>"])
SOURCE = (
    "{% for m in messages %}{{ m.role[0] ~ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}a{% endif %}"
)
TEMPLATE = ModelTemplate(SOURCE, [4])
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "H"}]
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False}


def model(ids):
    return torch.zeros(*ids.shape, LETTERS.vocab_size)


def facts(**changes):
    """What a GGUF file says of a tokenizer."""
    about = {"model": "gpt2", "pre": "smollm", "merges": ["a b"], "tokens": ["<end>", "a", "b", "ab"]}
    return {f"tokenizer.ggml.{name}": value for name, value in {**about, **changes}.items()}


def plain(said: str, at: Path) -> str:
    """What was said, with `{at}` for the folder, and with one kind of slash where Windows has the other."""
    said = said.replace(str(at), "{at}")
    return said.replace("\\", "/") if os.name == "nt" else said


def put(at: Path) -> None:
    """The files that the mistakes are made with."""
    (at / "notes.txt").write_text("One day.\n")
    (at / "empty.gguf").write_bytes(b"")
    gguf_files.write(at / "small.gguf", {"llama.block_count": 1}, {"norm.weight": np.ones(2)})
    gguf_files.write(at / "bert.gguf", {"bert.block_count": 1}, {"norm.weight": np.ones(2)})
    (at / "cut.gguf").write_bytes((at / "small.gguf").read_bytes()[:40])


MISTAKES = {
    "a file that there isn't": (
        lambda at: Container(at / "none.gguf"),
        'There is no file {at}/none.gguf; give the path of a GGUF file.',
    ),
    "a folder for a file": (
        lambda at: import_gguf(at),
        '{at} is no file, but a folder or a device; give a GGUF file.',
    ),
    "a text for a file": (
        lambda at: import_gguf(at / "notes.txt"),
        '{at}/notes.txt is no GGUF file (it begins otherwise); give another.',
    ),
    "an empty file": (
        lambda at: import_gguf(at / "empty.gguf"),
        '{at}/empty.gguf is no GGUF file (it begins otherwise); give another.',
    ),
    "a file that is cut short": (
        lambda at: import_gguf(at / "cut.gguf"),
        '{at}/cut.gguf is damaged, cut short, or of a form that is not known (it ends too early); get the file again.',
    ),
    "a text in place of a path": (
        lambda at: import_gguf("Call me Ishmael. " * 400),
        "'Call me Ishmael. Call me Ishmael. Call m'... (6,800 characters) is too long for the name of a file; give a shorter one.",
    ),
    "nothing in place of a path": (
        lambda at: import_gguf(None),
        'Got NoneType, needed a path as a str or a pathlib.Path.',
    ),
    "a number in place of a path": (
        lambda at: Container(5),
        'Got int, needed a path as a str or a pathlib.Path.',
    ),
    "a model of another family": (
        lambda at: import_gguf(at / "bert.gguf"),
        "{at}/bert.gguf cannot be imported: it holds a model of the kind 'bert'; only llama and gpt2 are known.",
    ),
    "a file without a model": (
        lambda at: import_gguf(at / "small.gguf"),
        "{at}/small.gguf cannot be imported: it has no table of tokens (token_embd.weight); it isn't a whole model.",
    ),
    "half precision where there is none": (
        lambda at: import_gguf(at / "small.gguf", dtype="float16"),
        "import_gguf got dtype='float16'; it must be one of float32, bfloat16, quicker.",
    ),
    "whole numbers for weights": (
        lambda at: import_gguf(at / "small.gguf", dtype=torch.int64),
        'import_gguf got dtype=torch.int64; it must be one of float32, bfloat16, quicker.',
    ),
    "no number format": (
        lambda at: load_pretrained(dtype=None),
        'load_pretrained got dtype=None; it must be one of float32, bfloat16, quicker.',
    ),
    "formats as an array": (
        lambda at: load_pretrained(dtype=np.array([1, 2])),
        'load_pretrained got dtype=a ndarray of shape (2,) and type int64; it must be one of float32, bfloat16, quicker.',
    ),
    "a model that is not known": (
        lambda at: load_pretrained("gpt2"),
        "load_pretrained got the name 'gpt2'; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "no model's name": (
        lambda at: load_pretrained(None),
        'load_pretrained got the name None; the models that can be fetched are: smollm2-135m-instruct.',
    ),
    "names of models": (
        lambda at: load_pretrained(["smollm2"]),
        "load_pretrained got the name ['smollm2']; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "a model that is not known, if it is here": (
        lambda at: if_here("gpt2"),
        "if_here got the name 'gpt2'; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "names as an array": (
        lambda at: place_of(np.array(["smollm2", "gpt2"])),
        'place_of got the name a ndarray of shape (2,) and type <U7; the models that can be fetched are: smollm2-135m-instruct.',
    ),
    "a name in capitals": (
        lambda at: is_here("SmolLM2"),
        "is_here got the name 'SmolLM2'; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "a card of nothing": (
        lambda at: card_of(""),
        "card_of got the name ''; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "a tensor that is not in the file": (
        lambda at: Container(at / "small.gguf").read("head"),
        "{at}/small.gguf has no tensor 'head'; its `tensors` are what it has.",
    ),
    "several tensors at once": (
        lambda at: Container(at / "small.gguf").read(["norm.weight"]),
        "{at}/small.gguf has no tensor ['norm.weight']; its `tensors` are what it has.",
    ),
    "portions of nothing": (
        lambda at: list(Container(at / "small.gguf").portions(None)),
        '{at}/small.gguf has no tensor None; its `tensors` are what it has.',
    ),
    "a number format by number of tries": (
        lambda at: quicker_dtype(0),
        'quicker_dtype got tries=0; it must be a whole number from 1 to 1000.',
    ),
    "tries without end": (
        lambda at: quicker_dtype(10**12),
        'quicker_dtype got tries=1000000000000; it must be a whole number from 1 to 1000.',
    ),
    "half a try": (
        lambda at: quicker_dtype(1.5),
        'quicker_dtype got tries=1.5; it must be a whole number from 1 to 1000.',
    ),
    "a configuration from a path": (
        lambda at: names.config_of("small.gguf"),
        "config_of got container='small.gguf'; it must be what stands in a file: Container(path).",
    ),
    "pieces without a configuration": (
        lambda at: list(names.pieces_of(None, "llama")),
        'weight_shapes got config=None; it must be a GPTConfig, e.g. GPTConfig.preset("tiny").',
    ),
    "pieces of another family": (
        lambda at: list(names.pieces_of(SHAPE, "bert")),
        "pieces_of got family='bert'; it must be one of llama, gpt2.",
    ),
    "pieces from facts": (
        lambda at: names.checked_pieces(SHAPE, {}),
        'checked_pieces got container={}; it must be what stands in a file: Container(path).',
    ),
    "rows of no tensor": (
        lambda at: names.in_our_order([1, 2, 3, 4], 1),
        'in_our_order got rows=[1, 2, 3, 4]; it must be a tensor of an even number of rows for each of 1 heads.',
    ),
    "rows that heads can't share": (
        lambda at: names.in_our_order(torch.arange(6), 2),
        'in_our_order got rows=a Tensor of shape (6,) and type torch.int64; it must be a tensor of an even number of rows for each of 2 heads.',
    ),
    "rows of no heads": (
        lambda at: names.in_our_order(torch.arange(8), 0),
        'in_our_order got heads=0; it must be a whole number of at least 1.',
    ),
    "a fact of a list": (
        lambda at: names.text_fact([], "general.name"),
        "text_fact got facts=[]; it must be a Container's `facts`.",
    ),
    "a kind without a tensor": (
        lambda at: container.check_kind("Q4_1"),
        "check_kind got tensor='Q4_1'; it must be one of a Container's `tensors`.",
    ),
    "bytes of a row of another kind": (
        lambda at: container.row_bytes(container.Stored("q", "Q6_K", (1, 256), 0, 210)),
        'the tensor q is stored as Q6_K; only F32, F16, Q8_0, Q4_0, Q4_1 can be read here.',
    ),
    "numbers of an unknown kind": (
        lambda at: dequantize(BYTES, "Q5_K"),
        "dequantize got kind='Q5_K'; it must be one of F32, F16, Q8_0, Q4_0, Q4_1.",
    ),
    "floats in place of bytes": (
        lambda at: dequantize(torch.ones(20), "Q4_1"),
        'dequantize got data=a Tensor of shape (20,) and type torch.float32; it must be a tensor of bytes (uint8), 20 for each block of Q4_1.',
    ),
    "Python's bytes": (
        lambda at: dequantize(b"abcd", "F32"),
        "dequantize got data=b'abcd'; it must be a tensor of bytes (uint8), 4 for each block of F32.",
    ),
    "half a block": (
        lambda at: dequantize(BYTES[:30], "Q4_1"),
        'dequantize got data=a Tensor of shape (30,) and type torch.uint8; it must be a tensor of bytes (uint8), 20 for each block of Q4_1.',
    ),
    "blocks of another kind": (
        lambda at: quantization.q4_1(BYTES[:36].view(2, 18)),
        'q4_1 got blocks=a Tensor of shape (2, 18) and type torch.uint8; it must be a tensor of bytes (uint8) of shape (N, 20).',
    ),
    "one block without an axis": (
        lambda at: quantization.q8_0(BYTES[:34]),
        'q8_0 got blocks=a Tensor of shape (34,) and type torch.uint8; it must be a tensor of bytes (uint8) of shape (N, 34).',
    ),
    "a list of bytes": (
        lambda at: quantization.q4_0([[0] * 18]),
        'q4_0 got blocks=[[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]; it must be a tensor of bytes (uint8) of shape (N, 18).',
    ),
    "numbers that are numbers already": (
        lambda at: quantization.float32(torch.ones(2, 4)),
        'float32 got blocks=a Tensor of shape (2, 4) and type torch.float32; it must be a tensor of bytes (uint8) of shape (N, 4).',
    ),
    "half of three bytes": (
        lambda at: quantization.float16(BYTES[:3].view(1, 3)),
        'float16 got blocks=a Tensor of shape (1, 3) and type torch.uint8; it must be a tensor of bytes (uint8) of shape (N, 2).',
    ),
    "a number behind the block": (
        lambda at: quantization.half(BYTES[:8].view(2, 4), 3),
        'half got start=3; it must be a whole number from 0 to 2.',
    ),
    "a place before the block": (
        lambda at: quantization.half(BYTES[:8].view(2, 4), -1),
        'half got start=-1; it must be a whole number from 0 to 2.',
    ),
    "codes as floats": (
        lambda at: quantization.nibbles(torch.ones(1, 16)),
        'nibbles got blocks=a Tensor of shape (1, 16) and type torch.float32; it must be a tensor of bytes (uint8) of shape (N, at least 1).',
    ),
    "half of a name": (
        lambda at: halved("smollm2"),
        "halved got model='smollm2'; it must be a GPT.",
    ),
    "half of a model in bfloat16": (
        lambda at: halved(GPT(SHAPE).bfloat16()),
        'halved got a model in torch.bfloat16 on the device cpu; it needs float32 on the CPU: load_pretrained(dtype="float32"), or model.float().cpu().',
    ),
    "half of shapes only": (
        lambda at: halved(hollow(SHAPE)),
        'halved got a model in torch.float32 on the device meta; it needs float32 on the CPU: load_pretrained(dtype="float32"), or model.float().cpu().',
    ),
    "half of a model with LoRA": (
        lambda at: halved(add_lora(GPT(SHAPE))),
        "halved got a model without an ordinary layer at blocks.0.attention.qkv.weight; give one that isn't halved yet, and after LoRA what merge_lora makes of it.",
    ),
    "no layer": (
        lambda at: HalfLinear(None),
        'HalfLinear got layer=None; it must be an nn.Linear.',
    ),
    "shapes of nothing": (
        lambda at: hollow(None),
        'hollow got config=None; it must be a GPTConfig, e.g. GPTConfig.preset("tiny").',
    ),
    "shapes of a name": (
        lambda at: hollow("gpt2"),
        'hollow got config=\'gpt2\'; it must be a GPTConfig, e.g. GPTConfig.preset("tiny").',
    ),
    "weights to compare as a list": (
        lambda at: first_misfit(SHAPE, ["tokens.weight"]),
        "first_misfit got found=['tokens.weight']; it must be a dict of names and shapes.",
    ),
    "fetching a model that is not known": (
        lambda at: fetching.fetch_pretrained("llama"),
        "fetch_pretrained got the name 'llama'; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "told by a name": (
        lambda at: fetching.fetch_pretrained(tell="print"),
        "fetch_pretrained got tell='print'; it must be a function that is given a sentence, such as print.",
    ),
    "told without a sentence": (
        lambda at: fetching.fetch_pretrained(tell=lambda: None),
        'fetch_pretrained got tell=the function <lambda>; it must be a function that is given a sentence, such as print.',
    ),
    "fetching nothing at the end of an installation": (
        lambda at: fetching.fetch_if_wanted(None),
        'fetch_if_wanted got the name None; the models that can be fetched are: smollm2-135m-instruct.',
    ),
    "told nothing at the end of an installation": (
        lambda at: fetching.fetch_if_wanted(tell=None),
        'fetch_if_wanted got tell=None; it must be a function that is given a sentence, such as print.',
    ),
    "a rule in words": (
        lambda at: Rules(partial="yes"),
        "Rules got partial='yes'; it must be True or False.",
    ),
    "an unknown token by id": (
        lambda at: Rules(unknown=0),
        'Rules got unknown=0; it must be the name of a special token, or None.',
    ),
    "one added token as a text": (
        lambda at: Rules(added="<think>"),
        "added got '<think>', needed a list of names, e.g. ['<|endoftext|>'].",
    ),
    "added tokens by id": (
        lambda at: Rules(strip_left=[7]),
        "strip_left got 7, needed a list of names, e.g. ['<|endoftext|>'].",
    ),
    "an unknown token that there isn't": (
        lambda at: BPETokenizer([], ["<end>"], rules=Rules(unknown="<unk>")),
        "Rules got unknown='<unk>', which is not among the special tokens: <end>.",
    ),
    "a beginning that there isn't": (
        lambda at: BPETokenizer([], rules=Rules(begin="<s>")),
        "Rules got begin='<s>', which is not among the special tokens: <|endoftext|>.",
    ),
    "spaces for a token that there isn't": (
        lambda at: BPETokenizer([], rules=Rules(strip_right=["<s>"])),
        "Rules got strip_right with '<s>', which is no special or added token.",
    ),
    "rules for one name": (
        lambda at: Rules(begin="<s>").check("<s>"),
        "special got '<s>', needed a list of names, e.g. ['<|endoftext|>'].",
    ),
    "rules in a dict": (
        lambda at: BPETokenizer([], rules={"partial": True}),
        "BPETokenizer got rules={'partial': True}; it must be rules, as Rules(partial=True).",
    ),
    "rules that there aren't": (
        lambda at: Rules.read({"lowercase": True}),
        "Got the rules {'lowercase': True}; needed an object with some of partial, whole_pieces, unknown, begin, added, strip_left, strip_right.",
    ),
    "rules of nothing": (
        lambda at: Rules.read(None),
        'Got the rules None; needed an object with some of partial, whole_pieces, unknown, begin, added, strip_left, strip_right.',
    ),
    "a layout without a byte": (
        lambda at: BPETokenizer([], layout=[b"a", "<|endoftext|>"]),
        'the vocabulary lacks b"\'", which is a byte or made by a merge.',
    ),
    "a layout by id": (
        lambda at: BPETokenizer([], layout=[1, 2]),
        'BPETokenizer got layout=1; it must be tokens, each as bytes or str.',
    ),
    "a model to decode": (
        lambda at: BPE.decode(GPT(SHAPE)),
        "Got GPT( (token... bias=False) ), needed one flat list of token ids, e.g. [256].",
    ),
    "an id of hundreds of digits": (
        lambda at: BPE.decode([10**400]),
        "Token id 10000000000000000000000000000000000000000000000000000000... is not in this vocabulary of 257 tokens (0 to 256); decode ids with the tokenizer that made them.",
    ),
    "tokens to find by id": (
        lambda at: BPE.finder([3]),
        "allowed_special got 3, needed a list of names, e.g. ['<|endoftext|>'].",
    ),
    "a token to find that there isn't": (
        lambda at: BPE.finder(["<s>"]),
        "allowed_special names '<s>', which is not a special token here; there are: <|endoftext|>.",
    ),
    "tokens to find in a list": (
        lambda at: Finder(["<s>"]),
        "Finder got ids=['<s>']; it must be ids by name, {'<end>': 7}.",
    ),
    "tokens to find by number": (
        lambda at: Finder({1: 2}),
        "ids got 1, needed a list of names, e.g. ['<|endoftext|>'].",
    ),
    "tokens to find in nothing": (
        lambda at: list(BPE.finder([]).found(None)),
        'found got text=None; it must be a text, one str.',
    ),
    "a tokenizer from a path": (
        lambda at: bpe_from_gguf("model.gguf"),
        "bpe_from_gguf got metadata='model.gguf'; it must be a GGUF file's metadata, as a dict.",
    ),
    "a tokenizer of nothing": (
        lambda at: bpe_from_gguf({}),
        "The file's tokenizer is of the kind None; needed 'gpt2', which is byte-level byte-pair encoding.",
    ),
    "a tokenizer of another kind": (
        lambda at: bpe_from_gguf(facts(model="llama")),
        "The file's tokenizer is of the kind 'llama'; needed 'gpt2', which is byte-level byte-pair encoding.",
    ),
    "an unknown way to cut": (
        lambda at: bpe_from_gguf(facts(pre="qwen2")),
        "The file's tokenizer cuts text as 'qwen2' does; known here are: gpt-2, phi-2, mpt, olmo, jais, smollm, starcoder, refact, command-r, codeshell, exaone, llama-bpe, llama3, llama-v3.",
    ),
    "tokens in one text": (
        lambda at: bpe_from_gguf(facts(tokens="abc")),
        "The file's tokens are 'abc', needed a list of texts; get it again.",
    ),
    "merges that are missing": (
        lambda at: bpe_from_gguf(facts(merges=None)),
        "The file's merges are None, needed a list of texts; get it again.",
    ),
    "a merge of three": (
        lambda at: bpe_from_gguf(facts(merges=["a b c"])),
        "Merge 0 is 'a b c', needed two tokens, as in 'Ġ t'.",
    ),
    "a merge of what is not there": (
        lambda at: bpe_from_gguf(facts(merges=["a z"])),
        "Merge 0 joins b'a' and b'z', but b'az' is not in the vocabulary; take both from the same tokenizer.",
    ),
    "fewer kinds than tokens": (
        lambda at: bpe_from_gguf(facts(token_type=[1])),
        'The file has 4 tokens, but not as many kinds of tokens; get it again.',
    ),
    "kinds in words": (
        lambda at: bpe_from_gguf(facts(token_type=["control", 1, 1, 1])),
        "The file has a token of the kind 'control'; kinds go from 1 to 6.",
    ),
    "a kind that there isn't": (
        lambda at: bpe_from_gguf(facts(token_type=[9, 1, 1, 1])),
        'The file has a token of the kind 9; kinds go from 1 to 6.',
    ),
    "a beginning behind the vocabulary": (
        lambda at: bpe_from_gguf(facts(add_bos_token=True, bos_token_id=99)),
        "The file's bos_token_id is 99, which is no token of it; get it again.",
    ),
    "a beginning in words": (
        lambda at: bpe_from_gguf(facts(add_bos_token="yes")),
        "bpe_from_gguf got add_bos_token='yes'; it must be True or False.",
    ),
    "a space before every text": (
        lambda at: bpe_from_gguf(facts(add_space_prefix=True)),
        "The file's tokenizer puts a space before every text, which ours does not.",
    ),
    "tokens of numbers": (
        lambda at: bpe_from_lists([1], [], [], GPT2_PATTERN, Rules(), "A file"),
        "tokens got 1, needed a list of names, e.g. ['<|endoftext|>'].",
    ),
    "merges of numbers": (
        lambda at: bpe_from_lists(["a"], [(1, 2)], [], GPT2_PATTERN, Rules(), "A file"),
        "Merge 0 is (1, 2), needed two tokens, as in 'Ġ t'.",
    ),
    "tokens without rules": (
        lambda at: bpe_from_lists(["a"], [], [], GPT2_PATTERN, None, "A file"),
        'bpe_from_lists got rules=None; it must be rules, as Rules(partial=True).',
    ),
    "a path for a tokenizer.json": (
        lambda at: from_tokenizers("tokenizer.json"),
        "from_tokenizers got content='tokenizer.json'; it must be what json.loads makes of a tokenizer.json.",
    ),
    "a tokenizer.json with nothing in it": (
        lambda at: from_tokenizers({}),
        'its tokenizer.json is not of a form that is known; save the tokenizer again.',
    ),
    "a tokenizer.json with a text for a vocabulary": (
        lambda at: from_tokenizers({"model": {"vocab": "abc", "merges": []}, "pre_tokenizer": BYTE_LEVEL}),
        'its tokenizer.json is not of a form that is known; save the tokenizer again.',
    ),
    "a tokenizer.json of word pieces": (
        lambda at: from_tokenizers({"model": {"type": "WordPiece", "vocab": {"a": 0}}, "pre_tokenizer": BYTE_LEVEL}),
        "its tokenizer is no plain byte-level BPE, as ours is: it is a 'WordPiece'.",
    ),
    "a tokenizer.json whose ids leave one out": (
        lambda at: from_tokenizers({"model": {"vocab": {"a": 0, "b": 2}, "merges": []}, "pre_tokenizer": BYTE_LEVEL}),
        "its tokenizer's ids are not 0 to 1, each once; save the tokenizer again.",
    ),
    "characters as a tokenizer.json": (
        lambda at: to_tokenizers(LETTERS),
        'to_tokenizers got a CharTokenizer; only a BPETokenizer can be exported.',
    ),
    "no tokenizer to export": (
        lambda at: to_tokenizers(None),
        'to_tokenizers got a NoneType; only a BPETokenizer can be exported.',
    ),
    "no template": (
        lambda at: ModelTemplate(None, [4]),
        'ModelTemplate got source=None; it must be a template in Jinja.',
    ),
    "one stop token": (
        lambda at: ModelTemplate(SOURCE, 4),
        'ModelTemplate got stop_tokens=4; it must be a list of ids of the tokens that end an answer.',
    ),
    "no stop token": (
        lambda at: ModelTemplate(SOURCE, []),
        'ModelTemplate got no stop_tokens; without one, an answer would never end.',
    ),
    "a stop token by name": (
        lambda at: ModelTemplate(SOURCE, ["<end>"]),
        "ModelTemplate got a stop token='<end>'; it must be a whole number of at least 0.",
    ),
    "a stop token below 0": (
        lambda at: ModelTemplate(SOURCE, [-1]),
        'ModelTemplate got a stop token=-1; it must be a whole number of at least 0.',
    ),
    "a beginning by id": (
        lambda at: ModelTemplate(SOURCE, [4], bos_token=1),
        'ModelTemplate got bos_token=1; it must be the name of a token, or None.',
    ),
    "a template with one message": (
        lambda at: TEMPLATE.render({"role": "user", "content": "Hi"}),
        'A conversation got {\'role\': \'user\', \'content\': \'Hi\'}; needed a list of messages, [{"role": "user", "content": "Hello!"}].',
    ),
    "a template with a text": (
        lambda at: TEMPLATE.render("Hi"),
        'A conversation got \'Hi\'; needed a list of messages, [{"role": "user", "content": "Hello!"}].',
    ),
    "a template with Python's bytes": (
        lambda at: TEMPLATE.render(b"Hi"),
        'A conversation got b\'Hi\'; needed a list of messages, [{"role": "user", "content": "Hello!"}].',
    ),
    "a template with a number": (
        lambda at: TEMPLATE.render(torch.tensor(3)),
        'A conversation got tensor(3); needed a list of messages, [{"role": "user", "content": "Hello!"}].',
    ),
    "a template with nothing to say": (
        lambda at: TEMPLATE.render([{"role": "user", "content": None}]),
        'The content of a message is None; needed a text: leave out messages in which nothing is said.',
    ),
    "a prompt in words": (
        lambda at: TEMPLATE.render(TALK, add_generation_prompt="yes"),
        "render got add_generation_prompt='yes'; it must be True or False.",
    ),
    "a prompt of nothing": (
        lambda at: TEMPLATE.encode(LETTERS, TALK, add_generation_prompt=None),
        'render got add_generation_prompt=None; it must be True or False.',
    ),
    "a template that refuses": (
        lambda at: ModelTemplate("{{ raise_exception('no system prompt here') }}", [4]).render(TALK),
        "This conversation can't be written by the template: no system prompt here.",
    ),
    "a tokenizer by name": (
        lambda at: TEMPLATE.encode("gpt2", TALK),
        "encode got tokenizer='gpt2'; it must be a tokenizer, such as CharTokenizer.train(text).",
    ),
    "a tokenizer's class": (
        lambda at: TEMPLATE.encode_conversation(BPETokenizer, TALK),
        'encode_conversation got tokenizer=the class BPETokenizer; it must be a tokenizer, such as CharTokenizer.train(text).',
    ),
    "stop tokens of a name": (
        lambda at: TEMPLATE.stops("gpt2"),
        "stops got tokenizer='gpt2'; it must be a tokenizer, such as CharTokenizer.train(text).",
    ),
    "stop tokens of a smaller tokenizer": (
        lambda at: TEMPLATE.stops(CharTokenizer("ab", [])),
        "The template's stop token 4 is none of the 2 tokens; take template and tokenizer from the same model.",
    ),
    "letters that the tokenizer lacks": (
        lambda at: TEMPLATE.encode(LETTERS, [{"role": "user", "content": "Ho"}]),
        "Character 'o' (U+006F) at position 2 is not one of the 4 characters this tokenizer was trained on; train it on text that has it, or use a BPETokenizer, which can write any text.",
    ),
    "a conversation by number to learn from": (
        lambda at: TEMPLATE.encode_conversation(LETTERS, 5),
        'A conversation got 5; needed a list of messages, [{"role": "user", "content": "Hello!"}].',
    ),
    "a template that never ends an answer": (
        lambda at: ModelTemplate(SOURCE, [3]).encode_conversation(LETTERS, TALK),
        'The template ends what the assistant says with none of its stop tokens, [3]; name the token that it does end with in stop_tokens.',
    ),
    "a template that writes the last message in another way": (
        lambda at: ModelTemplate(SOURCE + "{{ messages | length }}", [4]).encode_conversation(CharTokenizer("Hiua123", ["<end>"]), [*TALK, TALK[0]]),
        "Message 1 of the conversation can't be found in what the template makes of all messages: it writes the beginning in another way when more follows; leave this conversation out.",
    ),
    "a conversation of a name to learn from": (
        lambda at: OWN.encode_conversation("gpt2", TALK),
        "encode_conversation got tokenizer='gpt2'; it must be a tokenizer, such as CharTokenizer.train(text).",
    ),
    "a template by its path": (
        lambda at: template_from_gguf("model.gguf", LETTERS),
        "template_from_gguf got facts='model.gguf'; it must be a GGUF file's metadata, as a dict.",
    ),
    "a file without a template": (
        lambda at: template_from_gguf({}, LETTERS),
        'This file has no chat template: its model was made to go on with a text, not to talk.',
    ),
    "a template without a tokenizer": (
        lambda at: template_from_gguf({"tokenizer.chat_template": SOURCE}, None),
        'template_from_gguf got tokenizer=None; it must be a tokenizer, such as CharTokenizer.train(text).',
    ),
    "an end behind the vocabulary": (
        lambda at: template_from_gguf({"tokenizer.chat_template": SOURCE, "tokenizer.ggml.eos_token_id": 99}, LETTERS),
        "The file's eos_token_id is 99, which is no token of this tokenizer; take both from the same file.",
    ),
    "an end in words": (
        lambda at: template_from_gguf({"tokenizer.chat_template": SOURCE, "tokenizer.ggml.eot_token_id": "<end>"}, LETTERS),
        "The file's eot_token_id is '<end>', which is no token of this tokenizer; take both from the same file.",
    ),
    "no end at all": (
        lambda at: template_from_gguf({"tokenizer.chat_template": SOURCE}, LETTERS),
        'ModelTemplate got no stop_tokens; without one, an answer would never end.',
    ),
    "a chat with a template by name": (
        lambda at: Chat(model, LETTERS, template="chatml"),
        "Chat got template='chatml'; it must be the course's own, OWN, or a ModelTemplate.",
    ),
    "a chat with a template's class": (
        lambda at: Chat(model, LETTERS, template=ModelTemplate),
        "Chat got template=the class ModelTemplate; it must be the course's own, OWN, or a ModelTemplate.",
    ),
    "replies by a template's source": (
        lambda at: replies(model, LETTERS, [TALK], template=SOURCE),
        "replies got template='{% for m in messages %}{{ m.role[0] ~ m.content }}<end>...; it must be the course's own, OWN, or a ModelTemplate.",
    ),
    "replies with an end that the tokenizer lacks": (
        lambda at: replies(model, LETTERS, [TALK], template=ModelTemplate(SOURCE, [9])),
        "The template's stop token 9 is none of the 5 tokens; take template and tokenizer from the same model.",
    ),
    "a chat with a template of nothing": (
        lambda at: list(Chat(model, LETTERS, template=ModelTemplate("", [4])).send("Hi")),
        'A prompt is empty, but the model needs a token to go on from: give the end-of-text token.',
    ),
    "a number as the course's template": (
        lambda at: render(TALK, template=5),
        'render got template=5; it must be a template in Jinja.',
    ),
    "a prompt in words in the course's template": (
        lambda at: render(TALK, add_generation_prompt="yes"),
        "render got add_generation_prompt='yes'; it must be True or False.",
    ),
}  # fmt: skip

COMMANDS = {
    "a model that is not known": (
        ["fetch", "llama"],
        {},
        "Error: fetch_pretrained got the name 'llama'; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "no model's name": (
        ["fetch", ""],
        {},
        "Error: fetch_pretrained got the name ''; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "a model that is not known at the end of an installation": (
        ["fetch", "SmolLM2", "--if-wanted"],
        {},
        "Error: fetch_if_wanted got the name 'SmolLM2'; the models that can be fetched are: smollm2-135m-instruct.",
    ),
    "a file for the folder of the models": (
        ["fetch", "smollm2"],
        {"COURSE_PRETRAINED": "{at}/notes.txt"},
        "Error: {at}/notes.txt/SmolLM2-135M-Instruct.Q4_1.gguf cannot be made: {at}/notes.txt is a file, not a folder; give another.",
    ),
    "a file for the cache folder": (
        ["fetch"],
        {"COURSE_PRETRAINED": "", "COURSE_CACHE": "{at}/notes.txt"},
        "Error: {at}/notes.txt/pretrained/SmolLM2-135M-Instruct.Q4_1.gguf cannot be made: {at}/notes.txt is a file, not a folder; give another.",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_its_sentence(name, tmp_path):
    make, sentence = MISTAKES[name]
    put(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError) as error:
        make(tmp_path)
    assert type(error.value) is ValueError
    assert plain(str(error.value), tmp_path) == sentence and "\n" not in sentence
    assert sorted(tmp_path.rglob("*")) == before, "a mistake writes nothing"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_mistake_at_the_shell_is_answered_in_one_line(name, tmp_path, monkeypatch):
    arguments, variables, sentence = COMMANDS[name]
    put(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value.replace("{at}", str(tmp_path)))
    app = typer.Typer()
    commands.register(app)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert plain(done.stderr, tmp_path) == sentence + "\n" and "\n" not in sentence
    assert sorted(tmp_path.rglob("*")) == before, "a mistake writes nothing"


@pytest.mark.skipif(not can_halve(), reason="this processor, or this torch, has no FBGEMM")
@pytest.mark.parametrize(
    ("x", "needed"),
    [
        (None, "x=None; it must be a tensor of float32 on the CPU, of shape (..., 2)."),
        (torch.ones(3), "x=a Tensor of shape (3,) and type torch.float32; it must be a tensor of float32 on the CPU, of shape (..., 2)."),
        (torch.ones(2).half(), "x=a Tensor of shape (2,) and type torch.float16; it must be a tensor of float32 on the CPU, of shape (..., 2)."),
        (torch.ones(2, device="meta"), "x=a Tensor of shape (2,) and type torch.float32; it must be a tensor of float32 on the CPU, of shape (..., 2)."),
    ],
    ids=["nothing", "another width", "another format", "another device"],
)  # fmt: skip
def test_a_layer_in_half_precision_names_what_it_can_not_read(x, needed):
    with pytest.raises(ValueError) as error:
        HalfLinear(torch.nn.Linear(2, 3))(x)
    assert str(error.value) == f"HalfLinear got {needed}"


def test_right_uses_still_work(tmp_path):
    put(tmp_path)
    assert Container(str(tmp_path / "small.gguf")).read("norm.weight").tolist() == [1, 1]
    assert quicker_dtype(np.int64(1)) in (torch.float32, torch.bfloat16)
    assert dequantize(BYTES[1:19], "Q4_0").shape == dequantize(BYTES[1:19].view(1, 18), "Q4_0").shape == (32,)
    assert dequantize(BYTES[1:5], "F32").item() == dequantize(BYTES[3:5], "F16").item() == 0
    assert quantization.half(torch.tensor([[0, 0, 60, 7]], dtype=torch.uint8), np.int32(1)).item() == 1
    assert quantization.nibbles(torch.tensor([[0x21]], dtype=torch.uint8)).tolist() == [[1, 2]]
    assert names.in_our_order(torch.arange(8).view(2, 4).T.reshape(8, 1), np.int64(2)).shape == (8, 1)
    assert halved(merge_lora(add_lora(GPT(SHAPE)))) is None or can_halve()
    kinds = bpe_from_gguf(facts(token_type=np.array([3, 1, 1, 1]), add_bos_token=np.bool_(False)))
    assert kinds.special_tokens == {"<end>": 0} and kinds.encode("ab") == [3]
    assert BPE.finder("all").ids == BPE.special_tokens == BPE.finder(("<|endoftext|>",)).ids
    assert ModelTemplate(SOURCE, np.array([4, 3.0])).stop_tokens == (4, 3)
    assert TEMPLATE.render(iter(TALK), np.bool_(True)) == TEMPLATE.render(tuple(TALK), 1)
    about = {"tokenizer.chat_template": SOURCE, "tokenizer.ggml.eos_token_id": torch.tensor(4)}
    assert template_from_gguf(about, LETTERS).stops(LETTERS) == (4,)
