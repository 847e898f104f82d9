"""Mistakes that people make with models, trainings and their files, and the sentence that each gets."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import attention, context, finetuning, interop, runtime, training
from course_lib.config import GPTConfig
from course_lib.context import NGramModel, RecurrentLM, WindowMLP
from course_lib.finetuning.question_answering import items, quiz, score
from course_lib.interop import families
from course_lib.interop import views as bridges
from course_lib.model import GPT, layer_norm
from course_lib.model.anatomy import without
from course_lib.tokens import BPETokenizer, CharTokenizer
from course_lib.training import (
    AdamW,
    TrainConfig,
    clinic,
    clip_gradients,
    cross_entropy,
    document_nats,
    evaluate,
    evaluation,
    load_model,
    make_muon,
    save_model,
    train,
    views,
)
from course_lib.training.files import read_file, write_file
from course_lib.training.optim import Muon, orthogonalize
from course_lib.training.speedrun import RECIPES, Recipe, run_recipe

SHAPE = GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6)
MODEL = GPT(SHAPE, torch.Generator().manual_seed(0))
IDS = torch.tensor([0, 1, 2] * 20)
RECIPE = TrainConfig(steps=2, batch_size=2, log_every=1)
LOGITS, TARGETS = torch.zeros(2, 3, 7), torch.zeros(2, 3, dtype=torch.long)
Q = torch.zeros(2, 3, 4)
BPE = BPETokenizer.train("the cat sat on the mat", 260)


SGD = torch.optim.SGD(MODEL.parameters(), lr=0.1)
STREAM = torch.arange(70) % 3
LETTERS = clinic.Letters(CharTokenizer.train("abc"), STREAM, STREAM, STREAM, 0.1)


def broken():
    """A model in which a weight has become NaN."""
    model = GPT(GPTConfig(vocab_size=260, context_length=5, n_layers=1, n_heads=2, width=6))
    with torch.no_grad():
        model.tokens.weight[0, 0] = math.nan
    return model


def batch_of_nothing(generator):
    return torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, 3, dtype=torch.long)


MISTAKES = {
    "a width that heads don't divide": (
        lambda: GPTConfig(width=100, n_heads=3),
        (
            "width is 100 and n_heads is 3, but the heads share the width evenly: choose a width that "
            "is a multiple of n_heads"
        ),
    ),
    "a width as a text": (
        lambda: GPTConfig(width="128"),
        "width is '128', but it must be a whole number of at least 1",
    ),
    "a width that isn't whole": (
        lambda: GPTConfig(width=12.5),
        "width is 12.5, but it must be a whole number of at least 1",
    ),
    "no width": (
        lambda: GPTConfig(width=None),
        "width is None, but it must be a whole number of at least 1",
    ),
    "a bias in words": (
        lambda: GPTConfig(bias="no"),
        "bias is 'no', but it must be True or False",
    ),
    "a tie in words": (
        lambda: GPTConfig(tie_embeddings="false"),
        "tie_embeddings is 'false', but it must be True or False",
    ),
    "a norm that there isn't": (
        lambda: GPTConfig(norm="batchnorm"),
        "norm is 'batchnorm', but it must be one of layernorm, rmsnorm",
    ),
    "a dropout as a text": (
        lambda: GPTConfig(dropout="0.1"),
        "dropout is '0.1', but it must be at least 0 and below 1",
    ),
    "an eps that is no number": (
        lambda: GPTConfig(norm_eps=math.nan),
        "norm_eps is nan, but it must be above 0",
    ),
    "a preset that there isn't": (
        lambda: GPTConfig.preset("gpt5"),
        (
            "there is no preset 'gpt5': the presets are tiny, small, base, gpt2, gpt2-medium, "
            "gpt2-large, gpt2-xl, llama-tiny"
        ),
    ),
    "a preset by number": (
        lambda: GPTConfig.preset(3),
        (
            "there is no preset 3: the presets are tiny, small, base, gpt2, gpt2-medium, gpt2-large, "
            "gpt2-xl, llama-tiny"
        ),
    ),
    "a preset with a slip": (
        lambda: GPTConfig.preset("tiny", heads=4),
        "unknown fields ['heads'] in a GPT configuration: was it written by another program?",
    ),
    "a configuration that is a list": (
        lambda: GPTConfig.from_dict([1, 2]),
        "GPTConfig.from_dict got values=[1, 2]; it must be a dict of the fields, as of to_dict.",
    ),
    "a model by name": (
        lambda: GPT("tiny"),
        "GPT got config='tiny'; it must be a GPTConfig, e.g. GPTConfig.preset(\"tiny\").",
    ),
    "a model of a dict": (
        lambda: GPT({"width": 128}),
        "GPT got config={'width': 128}; it must be a GPTConfig, e.g. GPTConfig.preset(\"tiny\").",
    ),
    "ids as a list": (
        lambda: MODEL([[1, 2]]),
        ("GPT got ids=[[1, 2]]; needed a tensor of shape (B, T): for one text write torch.tensor([ids])."),
    ),
    "one text of ids": (
        lambda: MODEL(torch.tensor([1, 2])),
        (
            "Got ids of shape (2,) and type torch.int64; needed whole numbers (int64) of shape (B, T) "
            "with B and T at least 1: for one text write torch.tensor([ids])."
        ),
    ),
    "ids that are floats": (
        lambda: MODEL(torch.tensor([[1.0, 2.0]])),
        (
            "Got ids of shape (1, 2) and type torch.float32; needed whole numbers (int64) of shape (B, "
            "T) with B and T at least 1: for one text write torch.tensor([ids])."
        ),
    ),
    "an id past the vocabulary": (
        lambda: MODEL(torch.tensor([[3, 7]])),
        (
            "GPT got the id 7, but this model's ids go from 0 to 6; encode the text with the model's "
            "own tokenizer."
        ),
    ),
    "more tokens than the context": (
        lambda: MODEL(torch.tensor([[1, 2, 3, 4, 5, 6]])),
        "Got 6 tokens, but the context holds 5; shorten the text, e.g. to its last 5 tokens.",
    ),
    "no ids": (
        lambda: MODEL(torch.zeros(1, 0, dtype=torch.long)),
        (
            "Got ids of shape (1, 0) and type torch.int64; needed whole numbers (int64) of shape (B, T) "
            "with B and T at least 1: for one text write torch.tensor([ids])."
        ),
    ),
    "a cache for no text": (
        lambda: MODEL.make_cache(0),
        "make_cache got batch_size=0; it must be a whole number of at least 1.",
    ),
    "a weight for another width": (
        lambda: layer_norm(torch.ones(2, 3), torch.ones(4)),
        (
            "layer_norm got weight=a Tensor of shape (4,) and type torch.float32; it needs (C,) for "
            "vectors of 3."
        ),
    ),
    "a part that there isn't": (
        lambda: without("head", SHAPE),
        (
            "without got the part 'head'; it must be one of residuals, norms, attention, mlp, "
            "positions, or None."
        ),
    ),
    "a mask that hides everything": (
        lambda: attention.scaled_dot_product(Q, Q, Q, torch.zeros(3, 3, dtype=torch.bool)),
        "The mask hides all keys from a query; let each query look at one at least.",
    ),
    "a mask of ones and zeros": (
        lambda: attention.scaled_dot_product(Q, Q, Q, torch.ones(3, 3)),
        (
            "Got mask=a Tensor of shape (3, 3) and type torch.float32; a mask for 3 queries and 3 keys "
            "is boolean, of shape (3, 3) or one that broadcasts to (2, 3, 3), True where a query may look."
        ),
    ),
    "a mask of another shape": (
        lambda: attention.scaled_dot_product(Q, Q, Q, torch.ones(2, 2, dtype=torch.bool)),
        (
            "Got mask=a Tensor of shape (2, 2) and type torch.bool; a mask for 3 queries and 3 keys is "
            "boolean, of shape (3, 3) or one that broadcasts to (2, 3, 3), True where a query may look."
        ),
    ),
    "queries and keys of two widths": (
        lambda: attention.scaled_dot_product(Q, torch.zeros(2, 3, 5), Q),
        (
            "attention got q=a Tensor of shape (2, 3, 4) and type torch.float32, k=a Tensor of shape "
            "(2, 3, 5) and type torch.float32 and v=a Tensor of shape (2, 3, 4) and type torch.float32; "
            "it needs floats, q (..., T, D), k and v (..., S, D), with the same axes before, and S at least 1."
        ),
    ),
    "whole numbers to attend to": (
        lambda: attention.scaled_dot_product(TARGETS, TARGETS, TARGETS),
        (
            "attention got q=a Tensor of shape (2, 3) and type torch.int64, k=a Tensor of shape (2, 3) "
            "and type torch.int64 and v=a Tensor of shape (2, 3) and type torch.int64; it needs floats, "
            "q (..., T, D), k and v (..., S, D), with the same axes before, and S at least 1."
        ),
    ),
    "a layer's mask that hides a row": (
        lambda: attention.MultiHeadAttention(SHAPE)(
            torch.zeros(1, 2, 6), torch.zeros(2, 2, dtype=torch.bool)
        ),
        "The mask hides all keys from a query; let each query look at one at least.",
    ),
    "vectors of another width": (
        lambda: attention.MultiHeadAttention(SHAPE)(torch.zeros(1, 2, 8)),
        (
            "MultiHeadAttention got x=a Tensor of shape (1, 2, 8) and type torch.float32; it needs "
            "vectors of shape (B, T, 6)."
        ),
    ),
    "a block of nothing": (
        lambda: attention.blockwise_attention(Q, Q, Q, block=0),
        "blockwise_attention got block=0; it must be a whole number of at least 1.",
    ),
    "a mask of no size": (
        lambda: attention.causal_mask(0),
        "causal_mask got T=0; it must be a whole number of at least 1.",
    ),
    "more queries than keys": (
        lambda: attention.causal_mask(3, 2),
        "causal_mask got T=3 queries and S=2 keys; each query has a key too: S must be at least T.",
    ),
    "maps of a text": (
        lambda: attention.capture_attention("model").__enter__(),
        "capture_attention got model='model'; it must be a GPT.",
    ),
    "a window model's foreign id": (
        lambda: WindowMLP(5)(torch.tensor([[5]])),
        (
            "WindowMLP got the id 5, but this model's ids go from 0 to 4; encode the text with the "
            "model's own tokenizer."
        ),
    ),
    "a recurrent model's foreign id": (
        lambda: RecurrentLM(5)(torch.tensor([[-1]])),
        (
            "RecurrentLM got the id -1, but this model's ids go from 0 to 4; encode the text with the "
            "model's own tokenizer."
        ),
    ),
    "a recurrent model's list": (
        lambda: RecurrentLM(5)([[1, 2]]),
        (
            "RecurrentLM got ids=[[1, 2]]; it needs a tensor of whole numbers (B, T), such as "
            "torch.tensor([ids])."
        ),
    ),
    "a cell that there isn't": (
        lambda: RecurrentLM(5, kind="transformer"),
        "RecurrentLM got kind='transformer'; it must be one of 'gru', 'lstm', 'rnn'.",
    ),
    "a window of nothing": (
        lambda: WindowMLP(5, window=0),
        "WindowMLP got window=0; it must be a whole number of at least 1.",
    ),
    "a counting model's text": (
        lambda: NGramModel(2, 5).fit("abc"),
        "a window got ids='abc', a text; it needs token ids: tokenizer.encode(text).",
    ),
    "an order of none": (
        lambda: NGramModel(0, 5),
        "NGramModel got order=0; it must be a whole number of at least 1.",
    ),
    "a stream that is a text": (
        lambda: context.windows("abc", 2),
        "a window got ids='abc', a text; it needs token ids: tokenizer.encode(text).",
    ),
    "a stride of nothing": (
        lambda: context.windows(IDS, 2, stride=0),
        "windows got stride=0; it must be a whole number of at least 1.",
    ),
    "a batch of nothing": (
        lambda: context.get_batch(IDS, 0, 3),
        "get_batch got batch_size=0; it must be a whole number of at least 1.",
    ),
    "a text too short": (
        lambda: context.get_batch(IDS[:3], 2, 3),
        ("Got a text of 3 tokens; a window of 3 and its last target need 4: give more text or a smaller T."),
    ),
    "one document as a text": (
        lambda: context.encode_documents("One.", BPE),
        ("encode_documents got one str, needed a list of documents; write encode_documents([text], ...)."),
    ),
    "documents without a tokenizer": (
        lambda: context.encode_documents(["One."], None),
        "encode_documents got None as its tokenizer; give one of course_lib.tokens.",
    ),
    "no document begins": (
        lambda: context.document_batches(IDS, 6, 2, 3),
        (
            "document_starts found no end-of-text token (6) with 4 tokens from it on; make the stream "
            "with encode_documents, from more text, or choose a smaller T."
        ),
    ),
    "an odd head to turn": (
        lambda: context.rotary_angles(3, 5),
        "rotary_angles got a head width of D=5; it turns pairs of numbers, so D must be even.",
    ),
    "angles for another width": (
        lambda: context.apply_rotary(torch.ones(3, 4), torch.ones(3, 3), torch.ones(3, 3)),
        (
            "apply_rotary got x=a Tensor of shape (3, 4) and type torch.float32, cos=a Tensor of shape "
            "(3, 3) and type torch.float32 and sin=a Tensor of shape (3, 3) and type torch.float32; it "
            "turns pairs: give as many angles as x has pairs, rotary_angles(T, D)."
        ),
    ),
    "a place beyond the table": (
        lambda: context.LearnedPositions(5, 4)(slice(0, 6)),
        (
            "Got the positions slice(0, 6, None); this table has those from 0 to 4: read a shorter "
            "text, or make a longer context."
        ),
    ),
    "neither steps nor seconds": (
        lambda: TrainConfig(),
        "TrainConfig got neither steps nor max_seconds; give one, e.g. TrainConfig(steps=1000).",
    ),
    "steps as a text": (
        lambda: TrainConfig(steps="100"),
        "TrainConfig got steps='100'; it must be a whole number of at least 0.",
    ),
    "a rate as a text": (
        lambda: TrainConfig(steps=1, lr="1e-3"),
        "TrainConfig got lr='1e-3'; it must be above 0, e.g. 1e-3.",
    ),
    "a rate of nothing": (
        lambda: TrainConfig(steps=1, lr=0),
        "TrainConfig got lr=0; it must be above 0, e.g. 1e-3.",
    ),
    "a rate that is no number": (
        lambda: TrainConfig(steps=1, lr=math.nan),
        "TrainConfig got lr=nan; it must be above 0, e.g. 1e-3.",
    ),
    "no rate": (
        lambda: TrainConfig(steps=1, lr=None),
        "TrainConfig got lr=None; it must be above 0, e.g. 1e-3.",
    ),
    "a batch of True": (
        lambda: TrainConfig(steps=1, batch_size=True),
        "TrainConfig got batch_size=True; it must be a whole number of at least 1.",
    ),
    "a negative decay": (
        lambda: TrainConfig(steps=1, weight_decay=-1),
        "TrainConfig got weight_decay=-1; it must be 0 or more, e.g. 0.1.",
    ),
    "one beta": (
        lambda: TrainConfig(steps=1, betas=0.9),
        "TrainConfig got betas=0.9; it must be two numbers from 0 to below 1, e.g. (0.9, 0.95).",
    ),
    "a beta of one": (
        lambda: TrainConfig(steps=1, betas=(0.9, 1.0)),
        "TrainConfig got betas=1.0; it must be two numbers from 0 to below 1, e.g. (0.9, 0.95).",
    ),
    "a warm-up in steps": (
        lambda: TrainConfig(steps=1, warmup=100),
        "TrainConfig got warmup=100; it must be a fraction of the run, from 0 to below 1.",
    ),
    "a schedule that there isn't": (
        lambda: TrainConfig(steps=1, schedule="sine"),
        "TrainConfig got schedule='sine'; it must be one of cosine, linear, constant.",
    ),
    "eight bits": (
        lambda: TrainConfig(steps=1, precision="int8"),
        "TrainConfig got precision='int8'; it must be one of float32, bfloat16.",
    ),
    "a seed too large": (
        lambda: TrainConfig(steps=1, seed=2**64),
        (
            "TrainConfig got seed=18446744073709551616; it must be a whole number from "
            "-9223372036854775808 to 18446744073709551615."
        ),
    ),
    "a flag in words": (
        lambda: TrainConfig(steps=1, decay_embeddings="yes"),
        "TrainConfig got decay_embeddings='yes'; it must be True or False.",
    ),
    "a warm-up longer than the run": (
        lambda: training.linear_schedule(5, 10, warmup=20),
        "a schedule got warmup=20; it must be no longer than the run, of steps=10.",
    ),
    "a floor above one": (
        lambda: training.cosine_schedule(5, 10, floor=2),
        "a schedule got floor=2; it must be a fraction of the highest rate, from 0 to 1.",
    ),
    "a step before the first": (
        lambda: training.constant_schedule(-1, 10),
        "a schedule got step=-1; it must be 0 or more.",
    ),
    "a mean of another name": (
        lambda: cross_entropy(LOGITS, TARGETS, reduction="avg"),
        "cross_entropy got reduction='avg'; it must be one of mean, sum, none.",
    ),
    "nothing to learn from": (
        lambda: cross_entropy(LOGITS, TARGETS - 100),
        (
            "cross_entropy got no target to learn from: all of a Tensor of shape (2, 3) and type "
            'torch.int64 are -100; give one, or take reduction="sum".'
        ),
    ),
    "targets of another shape": (
        lambda: cross_entropy(LOGITS, TARGETS[:, :2]),
        (
            "cross_entropy got logits=a Tensor of shape (2, 3, 7) and type torch.float32 and targets=a "
            "Tensor of shape (2, 2) and type torch.int64; it needs scores (..., V), and whole numbers "
            "(...): one target for each row of scores."
        ),
    ),
    "targets that are floats": (
        lambda: cross_entropy(LOGITS, TARGETS.float()),
        (
            "cross_entropy got logits=a Tensor of shape (2, 3, 7) and type torch.float32 and targets=a "
            "Tensor of shape (2, 3) and type torch.float32; it needs scores (..., V), and whole numbers "
            "(...): one target for each row of scores."
        ),
    ),
    "a target past the vocabulary": (
        lambda: cross_entropy(LOGITS, TARGETS + 7),
        (
            "cross_entropy got the id 7, but this model's ids go from 0 to 6; encode the text with the "
            "model's own tokenizer."
        ),
    ),
    "a loss of lists": (
        lambda: cross_entropy([[0.0, 1.0]], [1]),
        (
            "cross_entropy got logits=[[0.0, 1.0]] and targets=[1]; it needs scores (..., V), and whole "
            "numbers (...): one target for each row of scores."
        ),
    ),
    "a length below nothing": (
        lambda: clip_gradients(MODEL.parameters(), -1),
        "clip_gradients got max_norm=-1; it must be above 0, e.g. 1.0.",
    ),
    "no length": (
        lambda: clip_gradients(MODEL.parameters(), None),
        "clip_gradients got max_norm=None; it must be above 0, e.g. 1.0.",
    ),
    "a text to clip": (
        lambda: clip_gradients("weights", 1.0),
        (
            "clip_gradients got parameters='weights'; it must be a list of parameters, such as "
            "model.parameters()."
        ),
    ),
    "a negative rate": (
        lambda: AdamW(MODEL.parameters(), lr=-1.0),
        "AdamW got lr=-1.0; it must be 0 or more, and finite.",
    ),
    "a rate for AdamW that is no number": (
        lambda: AdamW(MODEL.parameters(), lr=math.nan),
        "AdamW got lr=nan; it must be 0 or more, and finite.",
    ),
    "a model for its parameters": (
        lambda: AdamW(MODEL),
        "AdamW got a model; it needs its parameters: AdamW(model.parameters()).",
    ),
    "no parameters": (
        lambda: AdamW([]),
        "AdamW got params=[]; it must be a list of parameters, such as model.parameters().",
    ),
    "matrices of one axis": (
        lambda: Muon([{"params": [nn.Parameter(torch.ones(3))], "matrices": True}]),
        (
            "Muon got matrices=a Parameter of shape (3,) and type torch.float32; it must be parameters "
            "of two axes; put others in another group."
        ),
    ),
    "a vector to orthogonalize": (
        lambda: orthogonalize(torch.ones(3)),
        ("orthogonalize got matrix=a Tensor of shape (3,) and type torch.float32; it must be floats (m, n)."),
    ),
    "a negative decay of groups": (
        lambda: training.parameter_groups(MODEL, -0.1),
        "parameter_groups got weight_decay=-0.1; it must be 0 or more, e.g. 0.1.",
    ),
    "a model as a text": (
        lambda: train("tiny", IDS, RECIPE),
        "train got model='tiny'; it must be a model, such as GPT(GPTConfig.preset(\"tiny\")).",
    ),
    "a recipe as a dict": (
        lambda: train(MODEL, IDS, {"steps": 5}),
        "train got config={'steps': 5}; it must be a TrainConfig, e.g. TrainConfig(steps=1000).",
    ),
    "a text to train on": (
        lambda: train(MODEL, "One day", RECIPE),
        "train got ids='One day', a text; it needs token ids: tokenizer.encode(text).",
    ),
    "floats to train on": (
        lambda: train(MODEL, IDS.float(), RECIPE),
        (
            "train got ids of shape (60,) and type torch.float32; it needs one line of whole numbers, "
            "(N,): make it with encode_documents."
        ),
    ),
    "a list of floats to train on": (
        lambda: train(MODEL, [0.5] * 20, RECIPE),
        (
            "train got ids of shape (20,) and type torch.float64; it needs one line of whole numbers, "
            "(N,): make it with encode_documents."
        ),
    ),
    "no ids to train on": (
        lambda: train(MODEL, None, RECIPE),
        "train got None; it needs one line of whole numbers, (N,): make it with encode_documents.",
    ),
    "a text shorter than a window": (
        lambda: train(MODEL, IDS[:5].tolist(), RECIPE),
        (
            "train got ids of shape (5,); it needs one line of at least 6 ids (a window and its last "
            "target): give more text or a shorter context_length."
        ),
    ),
    "foreign ids to train on": (
        lambda: train(MODEL, IDS + 5, RECIPE),
        (
            "train got the id 7, but this model's ids go from 0 to 6; encode the text with the model's "
            "own tokenizer."
        ),
    ),
    "a window longer than the context": (
        lambda: train(MODEL, IDS, TrainConfig(steps=1, context_length=6)),
        "context_length=6 is longer than the model's context of 5; use 5 or less.",
    ),
    "a validation text too short": (
        lambda: train(MODEL, IDS, RECIPE, val_ids=IDS[:3]),
        "evaluate got 3 ids; a window of 5 needs 6: use a shorter context_length.",
    ),
    "foreign ids to validate on": (
        lambda: train(MODEL, IDS, RECIPE, val_ids=IDS + 5),
        (
            "evaluate got the id 7, but this model's ids go from 0 to 6; encode the text with the "
            "model's own tokenizer."
        ),
    ),
    "one callback": (
        lambda: train(MODEL, IDS, RECIPE, callbacks=training.History()),
        (
            "train got callbacks=History(records=(), interrupted=False); it must be a list of them, "
            "such as callbacks=[LiveCurve()]."
        ),
    ),
    "a class as a callback": (
        lambda: train(MODEL, IDS, RECIPE, callbacks=[training.History]),
        "train got callbacks=the class History; it must be objects with methods such as on_step.",
    ),
    "a function as a callback": (
        lambda: train(MODEL, IDS, RECIPE, callbacks=[print]),
        (
            "train got callbacks=the builtin_function_or_method print; it must be objects with methods "
            "such as on_step."
        ),
    ),
    "an optimizer that is made already": (
        lambda: train(MODEL, IDS, RECIPE, optimizer=torch.optim.SGD(MODEL.parameters(), lr=0.1)),
        (
            "train got optimizer=SGD ( Parameter Group 0 dampening: 0 differentiable: Fal...; it must "
            "be a function of model and recipe that makes one, such as make_muon."
        ),
    ),
    "an optimizer by name": (
        lambda: train(MODEL, IDS, RECIPE, optimizer="muon"),
        (
            "train got optimizer='muon'; it must be a function of model and recipe that makes one, such "
            "as make_muon."
        ),
    ),
    "an optimizer's class": (
        lambda: train(MODEL, IDS, RECIPE, optimizer=torch.optim.AdamW),
        (
            "train got optimizer=the class AdamW; it must be a function of model and recipe that makes "
            "one, such as make_muon."
        ),
    ),
    "a function that makes no optimizer": (
        lambda: train(MODEL, IDS, RECIPE, optimizer=lambda model, config: None),
        (
            "train got optimizer=None; it must be a function of model and recipe that makes one, such "
            "as make_muon."
        ),
    ),
    "resuming from nowhere": (
        lambda: train(MODEL, IDS, RECIPE, resume=True),
        "train got resume=True without a checkpoint_path; give the file to go on from.",
    ),
    "resuming in words": (
        lambda: train(MODEL, IDS, RECIPE, checkpoint_path="run.checkpoint", resume="yes"),
        "train got resume='yes'; it must be True or False.",
    ),
    "a folder as a checkpoint": (
        lambda: train(MODEL, IDS, RECIPE, checkpoint_path=os.curdir),
        ". is a folder; give the name of a file, such as one in it.",
    ),
    "batches that are no pairs": (
        lambda: train(MODEL, lambda generator: IDS, RECIPE),
        (
            "train got a batch that is a Tensor of shape (60,) and type torch.int64; it needs a pair of "
            "whole-number tensors (x, y)."
        ),
    ),
    "batches of nothing": (
        lambda: train(MODEL, batch_of_nothing, RECIPE),
        (
            "train got a batch with x of shape (0, 3) and y of shape (0, 3); both must be of one shape "
            "(B, T), not empty."
        ),
    ),
    "batches of foreign ids": (
        lambda: train(MODEL, lambda generator: (TARGETS, TARGETS + 7), RECIPE),
        (
            "train got the id 7, but this model's ids go from 0 to 6; encode the text with the model's "
            "own tokenizer."
        ),
    ),
    "a frozen model": (
        lambda: train(GPT(SHAPE).requires_grad_(False), IDS, RECIPE),
        "The model has no trainable parameter; set requires_grad=True on those that should learn.",
    ),
    "Muon without a recipe": (
        lambda: make_muon(MODEL, 0.1),
        "make_muon got config=0.1; it must be a TrainConfig, e.g. TrainConfig(steps=1000).",
    ),
    "no windows": (
        lambda: evaluate(MODEL, IDS, windows=0),
        "evaluate got windows=0; it must be a whole number of at least 1.",
    ),
    "windows in words": (
        lambda: evaluate(MODEL, IDS, windows="all"),
        "evaluate got windows='all'; it must be a whole number of at least 1.",
    ),
    "a precision that there isn't": (
        lambda: evaluate(MODEL, IDS, precision="int8"),
        "evaluate got precision='int8'; it must be one of float32, bfloat16.",
    ),
    "a text to measure on": (
        lambda: evaluate(MODEL, "One day"),
        "evaluate got ids='One day', a text; it needs token ids: tokenizer.encode(text).",
    ),
    "a context of nothing": (
        lambda: evaluate(MODEL, IDS, context_length=0),
        "a window got context_length=0; it must be a whole number of at least 1.",
    ),
    "nothing to measure": (
        lambda: evaluate(MODEL, []),
        "evaluate got no targets to measure; give ids, or batches with targets that are not -100.",
    ),
    "a batch without its targets": (
        lambda: evaluate(MODEL, [TARGETS]),
        (
            "evaluate got ids of shape (1, 2, 3) and type torch.int64; it needs one line of whole "
            "numbers, (N,): make it with encode_documents."
        ),
    ),
    "documents that are one text": (
        lambda: document_nats(MODEL, "One day", 6),
        ("document_nats got documents='One day'; it must be a list of documents, each a list of ids."),
    ),
    "a document in letters": (
        lambda: document_nats(MODEL, ["One day"], 6),
        ("document_nats got a document='One day', a text; it needs token ids: tokenizer.encode(text)."),
    ),
    "an end past the vocabulary": (
        lambda: document_nats(MODEL, [[1, 2]], 7),
        "document_nats got end_id=7; it must be a whole number from 0 to 6.",
    ),
    "a file that isn't there": (
        lambda: load_model("nowhere.safetensors"),
        "There is no file nowhere.safetensors; check the path, or train a model and save it there.",
    ),
    "a folder as a model": (
        lambda: load_model(os.curdir),
        ". cannot be read: it is no file, but a folder or a device.",
    ),
    "a path that is none": (
        lambda: load_model(None),
        "Got NoneType, needed a path as a str or a pathlib.Path.",
    ),
    "a device that isn't here": (
        lambda: load_model("nowhere.safetensors", device="abacus"),
        "the device 'abacus' is not usable on this machine: choose one of cpu",
    ),
    "a device with a letter": (
        lambda: load_model("nowhere.safetensors", device="cpu:x"),
        "the device 'cpu:x' is not usable on this machine: choose one of cpu",
    ),
    "a number format in words": (
        lambda: load_model("nowhere.safetensors", dtype="float16"),
        (
            "load_model got dtype='float16'; weights are floats: choose one of torch.float32, "
            "torch.float16, torch.bfloat16, torch.float64."
        ),
    ),
    "weights as whole numbers": (
        lambda: save_model("model.safetensors", MODEL, dtype=torch.int8),
        (
            "save_model got dtype=torch.int8; weights are floats: choose one of torch.float32, "
            "torch.float16, torch.bfloat16, torch.float64."
        ),
    ),
    "a layer as a model": (
        lambda: save_model("model.safetensors", nn.Linear(2, 3)),
        "save_model got a Linear without a GPTConfig as its .config; it saves GPTs.",
    ),
    "a model with a part taken out": (
        lambda: save_model("model.safetensors", without("mlp", SHAPE)),
        (
            "save_model got a model that is not what its configuration says: blocks.0.mlp.up.weight is "
            "missing, where the configuration wants 24x6; it saves GPTs as GPT(config) makes them."
        ),
    ),
    "metadata that no file holds": (
        lambda: save_model("model.safetensors", MODEL, metadata={"when": {1, 2}}),
        (
            "A file's description takes numbers, texts, lists and dicts with texts as keys (a set is "
            "none of them); turn other values into these."
        ),
    ),
    "a text as a tokenizer": (
        lambda: save_model("model.safetensors", MODEL, tokenizer="gpt2"),
        "Got 'gpt2' as a tokenizer; give one of course_lib.tokens.",
    ),
    "a tokenizer too large": (
        lambda: training.check_tokenizer(MODEL, BPE),
        (
            "The model knows 7 tokens and the tokenizer has 260: they don't belong together; take the "
            "tokenizer that the model was trained with."
        ),
    ),
    "a folder as a model's place": (
        lambda: save_model(os.curdir, MODEL),
        ". is a folder; give the name of a file, such as one in it.",
    ),
    "an optimizer that no recipe knows": (
        lambda: Recipe("mine", "mine", optimizer="sgd"),
        "Recipe got optimizer='sgd'; it must be one of adamw, muon.",
    ),
    "a setting with a slip": (
        lambda: run_recipe(RECIPES["baseline"].plus("odd", "a slip", warmth=3), IDS, IDS, 3),
        ("The recipe 'odd' sets 'warmth', which TrainConfig doesn't have; is there a slip in its name?"),
    ),
    "a recipe's name for a recipe": (
        lambda: run_recipe("baseline", IDS, IDS, 3),
        "run_recipe got recipe='baseline'; it must be a Recipe, such as RECIPES[\"baseline\"].",
    ),
    "a rank of nothing": (
        lambda: finetuning.LoRALinear(nn.Linear(2, 3), rank=0),
        "LoRALinear got rank=0; it must be whole and from 1 to 1048576, e.g. 8.",
    ),
    "a negative alpha": (
        lambda: finetuning.LoRALinear(nn.Linear(2, 3), rank=2, alpha=-1),
        "LoRALinear got alpha=-1; it must be above 0, e.g. 16.",
    ),
    "a target in one text": (
        lambda: finetuning.add_lora(GPT(SHAPE), targets="qkv"),
        "add_lora got targets='qkv'; it must be a list of names, such as ('qkv', 'out').",
    ),
    "a target that there isn't": (
        lambda: finetuning.add_lora(GPT(SHAPE), targets=("query",)),
        "add_lora found no linear layer named query; look at model.named_modules().",
    ),
    "LoRA for a text": (
        lambda: finetuning.add_lora("model"),
        "add_lora got model='model'; it must be a module, such as a GPT.",
    ),
    "examples of nothing": (
        lambda: finetuning.pad_batch([], 0),
        "pad_batch got no example; give one at least, such as one of masked.",
    ),
    "an example of one id": (
        lambda: finetuning.pad_batch([([1], [1])], 0),
        ("pad_batch got the example ([1], [1]); needed two ids or more and as many targets, as of masked."),
    ),
    "fewer targets than ids": (
        lambda: finetuning.pad_batch([([1, 2], [2])], 0),
        (
            "pad_batch got the example ([1, 2], [2]); needed two ids or more and as many targets, as of "
            "masked."
        ),
    ),
    "parts without a mark": (
        lambda: finetuning.masked([[1, 2, 3]]),
        "masked got parts=[1, 2, 3]; it must be pairs: ([5, 7], True) for ids that are learned.",
    ),
    "a text as a part": (
        lambda: finetuning.masked([("Mia", True)]),
        "masked got a part='Mia', a text; it needs token ids: tokenizer.encode(text).",
    ),
    "parts that there aren't": (
        lambda: finetuning.QuizBatches(None, learn=("answer",)),
        "QuizBatches got learn='answer'; it must be one of story, questions, answers.",
    ),
    "parts in one text": (
        lambda: finetuning.QuizBatches(None, learn="answers"),
        "QuizBatches got learn='answers'; it must be a list of parts, such as ('answers',).",
    ),
    "quizzes of nothing": (
        lambda: items(quiz(5)),
        (
            "items got quizzes=Quiz(story='Jie loved to go to the playground, and one m...; it must be "
            "a list of quizzes, such as [quiz(5)]."
        ),
    ),
    "one answer for two questions": (
        lambda: score(items([quiz(5)])[:2], ["Mia"]),
        "score got 1 answers to 2 questions; give one for each.",
    ),
    "a model that is no GPT": (
        lambda: interop.export_to_transformers(nn.Linear(2, 3), BPE, "out"),
        "export_to_transformers got model=a Linear; it must be a GPT.",
    ),
    "a chat template that is no Jinja": (
        lambda: interop.export_to_transformers(MODEL, BPE, "out", chat_template="{% if"),
        "export_to_transformers got a chat_template that is not Jinja: unexpected 'end of template'; mend its "
        "line 1.",
    ),
    "a tokenizer of letters": (
        lambda: interop.export_to_transformers(MODEL, CharTokenizer.train("abc"), "out"),
        "export_to_transformers got a CharTokenizer; only a BPETokenizer can be exported.",
    ),
    "one stop token as a text": (
        lambda: interop.export_to_transformers(
            GPT(GPTConfig(vocab_size=260)), BPE, "out", stop_tokens="<|endoftext|>"
        ),
        (
            "export_to_transformers got stop_tokens='<|endoftext|>'; it must be a list of names of "
            "special tokens."
        ),
    ),
    "a folder without a model": (
        lambda: interop.import_from_transformers("nowhere"),
        "There is no nowhere/config.json; give a folder that was written by save_pretrained.",
    ),
    "a size that there isn't": (
        lambda: interop.load_gpt2("gpt5"),
        ("Got 'gpt5'; needed a folder with a model, or one of gpt2, gpt2-medium, gpt2-large, gpt2-xl."),
    ),
    "logits of two shapes": (
        lambda: interop.agreement(LOGITS, LOGITS[:1]),
        (
            "agreement got ours=a Tensor of shape (2, 3, 7) and type torch.float32 and theirs=a Tensor "
            "of shape (1, 3, 7) and type torch.float32; both must be logits (B, T, V)."
        ),
    ),
    "a seed as a text": (
        lambda: runtime.seed("7"),
        ("seed got number='7'; it must be a whole number from -9223372036854775808 to 18446744073709551615."),
    ),
    "a seed that torch can't take": (
        lambda: runtime.seed(2**64),
        (
            "seed got number=18446744073709551616; it must be a whole number from -9223372036854775808 "
            "to 18446744073709551615."
        ),
    ),
    "a seed for a generator": (
        lambda: GPT(SHAPE, 0),
        "GPT got generator=0; it must be a torch.Generator, such as seed(0) gives, or None.",
    ),
    "a seed to draw a batch": (
        lambda: context.get_batch(IDS, 2, 3, 0),
        "get_batch got generator=0; it must be a torch.Generator, such as seed(0) gives, or None.",
    ),
    "no index to ignore": (
        lambda: cross_entropy(LOGITS, TARGETS, ignore_index=None),
        "cross_entropy got ignore_index=None; it must be a whole number.",
    ),
    "metadata that is a number": (
        lambda: save_model("model.safetensors", MODEL, metadata=3),
        "save_model got metadata=3; it must be a dict, such as {'steps': 1000}.",
    ),
    "a model's name to complete with": (
        lambda: finetuning.complete("tiny", [[1]], stop=2, most=3),
        """complete got model='tiny'; it must be a model, such as GPT(GPTConfig.preset("tiny")).""",
    ),
    "as many tokens as a text says": (
        lambda: finetuning.complete(MODEL, [[1]], stop=2, most="all"),
        "complete got most='all'; it must be a whole number of at least 0.",
    ),
    "texts for items": (
        lambda: score(["Who?"], ["Mia"]),
        "score got test='Who?'; it must be a list of items, such as those of items.",
    ),
    "a tokenizer by name": (
        lambda: finetuning.encode_quiz("gpt2", quiz(5), []),
        "encode_quiz got tokenizer='gpt2'; it must be a tokenizer of course_lib.tokens.",
    ),
    "a clock that is a number": (
        lambda: train(MODEL, IDS, RECIPE, clock=5),
        "train got clock=5; it must be a function that gives seconds, such as time.process_time.",
    ),
    "a clock that needs something": (
        lambda: train(MODEL, IDS, RECIPE, clock=len),
        (
            "train got clock=the builtin_function_or_method len; it must be a function that gives "
            "seconds, such as time.process_time."
        ),
    ),
    "a clock without hands": (
        lambda: train(MODEL, IDS, RECIPE, clock=lambda: None),
        "train got clock=None; it must be a clock that gives seconds, such as time.process_time.",
    ),
    "batches of a function without a generator": (
        lambda: train(MODEL, lambda: (TARGETS, TARGETS), RECIPE),
        (
            "train got ids=the function <lambda>; it must be a function that draws a batch from a "
            "generator, or a line of ids."
        ),
    ),
    "a model in place of ids": (
        lambda: train(MODEL, MODEL, RECIPE),
        "train got ids=a GPT; it must be a function that draws a batch from a generator, or a line of ids.",
    ),
    "a number as a callback": (
        lambda: train(MODEL, IDS, RECIPE, callbacks=[5]),
        "train got callbacks=5; it must be objects with methods such as on_step.",
    ),
    "an object without news as a callback": (
        lambda: train(MODEL, IDS, RECIPE, callbacks=[None]),
        "train got callbacks=None; it must be objects with methods such as on_step.",
    ),
    "an optimizer of one argument": (
        lambda: train(MODEL, IDS, RECIPE, optimizer=lambda model: None),
        (
            "train got optimizer=the function <lambda>; it must be a function of model and recipe "
            "that makes one, such as make_muon."
        ),
    ),
    "a model of two arguments": (
        lambda: evaluate(lambda ids, more: ids, IDS, 5),
        (
            "evaluate got model=the function <lambda>; it must be a model, such as "
            'GPT(GPTConfig.preset("tiny")).'
        ),
    ),
    "a model that gives no logits": (
        lambda: evaluate(lambda ids: ids, IDS, 5),
        (
            "A model gave a Tensor of shape (11, 5) and type torch.int64 for the targets a Tensor of "
            "shape (11, 5) and type torch.int64; it must give logits: for ids (B, T) floats (B, T, "
            "V)."
        ),
    ),
    "a model that gives a number": (
        lambda: document_nats(len, [[1, 2]], 6),
        (
            "A model gave 1 for the targets a Tensor of shape (1, 3) and type torch.int64; it must "
            "give logits: for ids (B, T) floats (B, T, V)."
        ),
    ),
    "a model that gives NaN": (
        lambda: evaluate(lambda ids: torch.full((*ids.shape, 7), math.nan), IDS, 5),
        (
            "evaluate got logits from the model that are no numbers (NaN); if training brought them, "
            "take earlier weights, or a lower learning rate."
        ),
    ),
    "documents of a model that gives NaN": (
        lambda: document_nats(lambda ids: torch.full((*ids.shape, 7), math.nan), [[1, 2]], 6),
        (
            "document_nats got logits from the model that are no numbers (NaN); if training brought "
            "them, take earlier weights, or a lower learning rate."
        ),
    ),
    "a training without end": (
        lambda: TrainConfig(max_seconds=math.inf),
        "TrainConfig got max_seconds=inf; it must be finite, or beside a number of steps.",
    ),
    "a batch beyond all bounds": (
        lambda: TrainConfig(steps=1, batch_size=10**30),
        (
            "TrainConfig got batch_size=1000000000000000000000000000000; it must be a whole number from 1 to 9223372036854775807."
        ),
    ),
    "a step that is none": (
        lambda: RECIPE.fraction_done(math.nan, 1.0),
        "fraction_done got step=nan; it must be 0 or more.",
    ),
    "seconds in words": (
        lambda: RECIPE.rate(0, "1"),
        "fraction_done got seconds='1'; it must be 0 or more.",
    ),
    "an index of too many bits": (
        lambda: cross_entropy(LOGITS, TARGETS, ignore_index=2**63),
        (
            "cross_entropy got ignore_index=9223372036854775808; it must be a whole number of at most 9223372036854775807."
        ),
    ),
    "one parameter for a list": (
        lambda: AdamW(nn.Parameter(torch.ones(3))),
        (
            "AdamW got params=a Parameter of shape (3,) and type torch.float32; it must be a list: "
            "put it in brackets."
        ),
    ),
    "a group without parameters": (
        lambda: AdamW([{"lr": 0.1}]),
        "AdamW got params=None; it must be a list of parameters in each group, such as model.parameters().",
    ),
    "a group of numbers": (
        lambda: AdamW([{"params": [1.0]}]),
        "AdamW got params=1.0; it must be parameters in each group.",
    ),
    "a closure that is a number": (
        lambda: AdamW([nn.Parameter(torch.ones(3))]).step(5),
        "step got closure=5; it must be a function that computes the loss, or None.",
    ),
    "matrices in words": (
        lambda: Muon([{"params": [nn.Parameter(torch.ones(2, 3))], "matrices": "yes"}]),
        "Muon got matrices='yes'; it must be True or False.",
    ),
    "tables in words": (
        lambda: training.parameter_groups(MODEL, decay_embeddings="no"),
        "parameter_groups got decay_embeddings='no'; it must be True or False.",
    ),
    "a checkpoint without a model": (
        lambda: training.save_checkpoint("run.ckpt", None, SGD, torch.Generator(), {}),
        "save_checkpoint got model=None; it must be a module of torch, such as a GPT.",
    ),
    "a checkpoint without an optimizer": (
        lambda: training.save_checkpoint("run.ckpt", MODEL, None, torch.Generator(), {}),
        "save_checkpoint got optimizer=None; it must be an optimizer, such as AdamW(model.parameters()).",
    ),
    "a checkpoint with a seed": (
        lambda: training.save_checkpoint("run.ckpt", MODEL, SGD, 0, {}),
        "save_checkpoint got generator=0; it must be a torch.Generator, such as seed(0) gives.",
    ),
    "a checkpoint without progress": (
        lambda: training.save_checkpoint("run.ckpt", MODEL, SGD, torch.Generator(), None),
        "save_checkpoint got progress=None; it must be a dict, such as {'step': 40}.",
    ),
    "a checkpoint for a text": (
        lambda: training.load_checkpoint("run.ckpt", "model", SGD, torch.Generator()),
        "load_checkpoint got model='model'; it must be a module of torch, such as a GPT.",
    ),
    "a check that is none": (
        lambda: training.load_checkpoint("run.ckpt", MODEL, SGD, torch.Generator(), check=5),
        "load_checkpoint got check=5; it must be a function of the progress, or None.",
    ),
    "weights that are no numbers": (
        lambda: save_model("model.safetensors", broken()),
        (
            "save_model got a model whose weight tokens.weight holds nan or infinite numbers; take "
            "earlier weights, or train again with a lower learning rate."
        ),
    ),
    "weights that are no numbers to export": (
        lambda: interop.export_to_transformers(broken(), BPE, "out"),
        (
            "export_to_transformers got a model whose weight tokens.weight holds nan or infinite "
            "numbers; take earlier weights, or train again with a lower learning rate."
        ),
    ),
    "no model for a tokenizer": (
        lambda: training.check_tokenizer(None, CharTokenizer.train("abc")),
        'check_tokenizer got model=None; it must be a model, such as GPT(GPTConfig.preset("tiny")).',
    ),
    "a file of numbers": (
        lambda: write_file("a.safetensors", {"a": 5}, {}),
        "write_file got a=5; it must be a tensor.",
    ),
    "a file of nothing": (
        lambda: write_file("a.safetensors", None, {}),
        "write_file got tensors=None; it must be a dict of tensors by name.",
    ),
    "a description that is a text": (
        lambda: write_file("a.safetensors", {}, "model"),
        "write_file got about='model'; it must be a dict, such as {'kind': 'model'}.",
    ),
    "a kind by number": (
        lambda: read_file("a.safetensors", 5),
        "read_file got kind=5; it must be the name of a kind, such as 'model'.",
    ),
    "a recipe's settings as a list": (
        lambda: Recipe("mine", "mine", train=[1]),
        "Recipe got train=[1]; it must be a dict of the fields of TrainConfig, such as {'lr': 1e-3}.",
    ),
    "a recipe without a name": (
        lambda: Recipe(None, "mine"),
        "Recipe got name=None; it must be a text.",
    ),
    "a recipe's seed in words": (
        lambda: run_recipe(RECIPES["baseline"], IDS, IDS, 3, seed="7"),
        (
            "run_recipe got seed='7'; it must be a whole number from -9223372036854775808 to "
            "18446744073709551615."
        ),
    ),
    "an end past a recipe's vocabulary": (
        lambda: run_recipe(RECIPES["baseline"], IDS, IDS, 3, end_id=3),
        "run_recipe got end_id=3; it must be a whole number from 0 to 2.",
    ),
    "a measure that is a number": (
        lambda: run_recipe(RECIPES["baseline"], IDS, IDS, 3, measure=1.5),
        "run_recipe got measure=1.5; it must be a function of a model that gives its loss, or None.",
    ),
    "a recipe's time without end": (
        lambda: run_recipe(RECIPES["baseline"], IDS, IDS, 3, cpu_seconds=math.inf),
        "TrainConfig got max_seconds=inf; it must be finite, or beside a number of steps.",
    ),
    "a fault that there isn't": (
        lambda: clinic.run_case("too slow", LETTERS),
        (
            "run_case got the fault 'too slow'; it must be healthy, or one of targets_not_shifted, "
            "no_mask, rate_too_high, no_warmup, validated_in_training, leaked_validation."
        ),
    ),
    "a case's seed as a fraction": (
        lambda: clinic.run_case("healthy", LETTERS, seed=1.5),
        (
            "run_case got seed=1.5; it must be a whole number from -9223372036854775808 to "
            "18446744073709551615."
        ),
    ),
    "a case's letter by number": (
        lambda: clinic.run_case("healthy", LETTERS, letter=1),
        "run_case got letter=1; it must be a letter, such as 'A', or ''.",
    ),
    "no function that takes the time": (
        lambda: evaluation.quicker_precision("cpu", seconds=3),
        "quicker_precision got seconds=3; it must be a function of a device and a precision.",
    ),
    "a curve without its validation": (
        lambda: views.train_and_validation({"run": training.History()}),
        ("train_and_validation got histories['run'].steps=(); it must be a list of numbers, at least one."),
    ),
    "a valley without a path": (
        lambda: views.valley({}),
        "valley got paths={}; it must be a dictionary of names with lists of tuples (a number, a number), at least one.",
    ),
    "a path of numbers": (
        lambda: views.valley({"a": [1.0, 2.0]}),
        "valley got paths['a'][0]=1.0; it must be (a number, a number).",
    ),
    "no case to chart": (
        lambda: views.charts([], training.History(), 0.5),
        ("charts got cases=[]; it must be a list of objects with letter, history, at least one."),
    ),
    "a history for a case": (
        lambda: views.findings([training.History()], None),
        (
            "findings got cases[0]=History(records=(), interrupted=False); it must be an object with letter, again, fresh_loss, sample."
        ),
    ),
    "losses that are no numbers": (
        lambda: views.recipe_steps({"a": math.nan}, {"a": "the start"}),
        "recipe_steps got losses['a']=nan; it must be a finite number.",
    ),
    "a recipe without its note": (
        lambda: views.recipe_steps({"a": 1.0}, {"b": "the start"}),
        "recipe_steps got notes without 'a'; give one for each of a.",
    ),
    "a law of a negative size": (
        lambda: views.power_law([-1, 4], [5.0, 3.0], 1.0, 4.0, 0.5, "tokens"),
        "power_law got sizes, a or losses above the floor=-1; it must be above 0, for logarithmic axes.",
    ),
    "a law of losses below the floor": (
        lambda: views.power_law([1, 4], [5.0, 0.5], 1.0, 4.0, 0.5, "tokens"),
        "power_law got sizes, a or losses above the floor=-0.5; it must be above 0, for logarithmic axes.",
    ),
    "a law of fewer losses": (
        lambda: views.power_law([1, 4], [5.0], 1.0, 4.0, 0.5, "tokens"),
        "power_law got sizes for 2, losses for 1; give equally many.",
    ),
    "logits that are NaN": (
        lambda: interop.agreement(LOGITS, LOGITS / 0),
        "agreement got logits that are no numbers (NaN); look at the weights of the model.",
    ),
    "a class as a tokenizer to export": (
        lambda: interop.to_tokenizers(BPETokenizer),
        "to_tokenizers got the class BPETokenizer; only a BPETokenizer can be exported.",
    ),
    "stop tokens by number": (
        lambda: interop.export_to_transformers(GPT(GPTConfig(vocab_size=260)), BPE, "out", stop_tokens=[256]),
        "export_to_transformers got stop_tokens=256; it must be names of special tokens.",
    ),
    "a download in words": (
        lambda: interop.load_gpt2("gpt2", download="no"),
        "load_gpt2 got download='no'; it must be True or False.",
    ),
    "a number for a cache": (
        lambda: interop.load_gpt2("gpt2", cache=5),
        "Got int, needed a path as a str or a pathlib.Path.",
    ),
    "a preset for a family": (
        lambda: families.family_for("gpt2"),
        "family_for got config='gpt2'; it must be a GPTConfig, e.g. GPTConfig.preset(\"tiny\").",
    ),
    "a name for a family's values": (
        lambda: families.family_of("gpt2"),
        "family_of got values='gpt2'; it must be a dict, what a config.json holds.",
    ),
    "a difference without its share": (
        lambda: bridges.difference_bars({"a": 1e-6}, {"b": 1.0}, 1e-4),
        "difference_bars got shares without 'a'; give one for each of a.",
    ),
    "no tolerance": (
        lambda: bridges.difference_bars({"a": 1e-6}, {"a": 1.0}, 0),
        "difference_bars got tolerance=0; it must be a number above 0.",
    ),
    "a share in percent": (
        lambda: bridges.difference_bars({"a": 1e-6}, {"a": 100}, 1e-4),
        "difference_bars got shares=100; it must be a number from 0 to 1.",
    ),
    "memory of nothing": (
        lambda: bridges.memory_lines({"half": 0}, {"small": 1e9}, {"laptop": 16.0}),
        "memory_lines got size of 'half'=0; it must be a number above 0.",
    ),
    "labels as a list": (
        lambda: bridges.bridge(words=["folder"]),
        "bridge got words=['folder']; it must be a dictionary of names with texts.",
    ),
    "letters as a text": (
        lambda: bridges.letter_grid("abc"),
        "letter_grid got letters='abc'; it must be a dictionary of names with texts.",
    ),
}


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    """A place of one's own, in which nothing may be left."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_one_sentence(name, tmp_path):
    call, sentence = MISTAKES[name]
    before = {key: weight.clone() for key, weight in MODEL.state_dict().items()}
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == sentence and "\n" not in sentence
    assert not list(tmp_path.iterdir()), "a mistake writes nothing"
    assert all(torch.equal(before[key], weight) for key, weight in MODEL.state_dict().items())


KINDS = {  # numbers of other kinds, which are as good
    "NumPy's numbers in a shape": (
        lambda: GPTConfig(width=np.int64(8), n_heads=2.0, dropout=np.float32(0.5), bias=np.bool_(False)),
        GPTConfig(width=8, n_heads=2, dropout=0.5, bias=False),
    ),
    "torch's numbers in a recipe": (
        lambda: TrainConfig(steps=torch.tensor(5), lr=torch.tensor(0.5), betas=np.array([0.5, 0.25])),
        TrainConfig(steps=5, lr=0.5, betas=(0.5, 0.25)),
    ),
    "whole floats in a recipe": (
        lambda: TrainConfig(steps=5.0, batch_size=np.float64(2.0), seed=np.uint8(3)),
        TrainConfig(steps=5, batch_size=2, seed=3),
    ),
    "windows of a list": (lambda: context.windows([1, 2, 3], np.int32(2))[1].tolist(), [[2, 3]]),
    "a count of an array": (
        lambda: NGramModel(np.int64(2), 3.0).fit(np.array([0, 1, 0, 1], dtype=np.uint16)).distinct,
        [2, 2],
    ),
    "a measure of a list": (
        lambda: evaluate(MODEL, IDS.tolist(), windows=np.int64(4)),
        evaluate(MODEL, IDS, windows=4),
    ),
    "documents of arrays": (
        lambda: document_nats(MODEL, [np.array([1, 2]), (1, 2)], 6).tolist(),
        document_nats(MODEL, [[1, 2], [1, 2]], 6).tolist(),
    ),
    "a seed of NumPy's": (
        lambda: runtime.seed(np.int64(7)).initial_seed(),
        7,
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_number_of_another_kind_is_as_good(name):
    call, same = KINDS[name]
    assert call() == same


@pytest.mark.parametrize("kind", [list, np.array, tuple, np.uint16])
def test_a_training_takes_ids_of_every_kind(kind):
    def trained(ids):
        model = GPT(SHAPE, torch.Generator().manual_seed(1))
        train(model, ids, RECIPE, val_ids=ids)
        return model.head.weight

    assert torch.equal(trained(kind(IDS.tolist())), trained(IDS))
