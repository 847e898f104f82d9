"""The real model: its size, its logits and its words are those of transformers; loading is quick and lean."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from course_lib.config import GPTConfig
from course_lib.generation import GREEDY, generate, stream
from course_lib.interop import agreement
from course_lib.interop.families import Llama
from course_lib.pretrained import can_halve, halved, place_of

PROMPTS = (
    "What is the capital of Japan?",
    "What is 17 + 25?",
    "Name three fruits.",
    "大语言模型在自然语言处理领域",
)
NEW = 10  # tokens; the benchmark compares 20 prompts of 50


def asked(question: str) -> str:
    """A question in the form that the model was taught."""
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def prompts(smollm2):
    return [smollm2.tokenizer.encode(asked(text), allowed_special="all") for text in PROMPTS]


@pytest.fixture(scope="module")
def theirs(smollm2):
    """The same file, as transformers reads it: once, and not three times, if it is told the configuration."""
    from transformers import LlamaConfig, LlamaForCausalLM

    path, values = place_of(), Llama().config_out(smollm2.model.config)
    return LlamaForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, config=LlamaConfig(**values)
    ).eval()


def test_it_is_what_its_card_says(smollm2):
    assert smollm2.model.parameter_count() == 134_515_008
    assert smollm2.model.parameter_count(embeddings=False) == 106_203_456
    assert smollm2.model.config == GPTConfig(
        vocab_size=49152,
        context_length=8192,
        n_layers=30,
        n_heads=9,
        n_kv_heads=3,
        width=576,
        mlp_width=1536,
        norm="rmsnorm",
        activation="swiglu",
        positions="rotary",
        bias=False,
        norm_eps=float(torch.tensor(1e-5)),
        rope_base=100_000.0,
    )
    assert smollm2.tokenizer.vocab_size == 49152 and not smollm2.model.training
    assert smollm2.stop_tokens == (smollm2.tokenizer.special_tokens["<|im_end|>"],)
    assert smollm2.chat_template.startswith("{% for message in messages %}")
    assert smollm2.card.startswith("# SmolLM2-135M-Instruct\n")


@torch.inference_mode()
def test_its_logits_are_those_of_transformers(smollm2, theirs, prompts):
    ids = torch.tensor([prompts[0]])
    largest, same = agreement(smollm2.model(ids), theirs(ids).logits)
    assert largest <= 1e-4 and same == 1  # 0.0 where both add up in the same order, as on x86


def test_its_greedy_words_are_those_of_transformers(smollm2, theirs, prompts):
    for prompt in prompts:
        ids = torch.tensor([prompt])
        options = {"max_new_tokens": NEW, "do_sample": False, "pad_token_id": 2, "eos_token_id": 2}
        wanted = theirs.generate(ids, attention_mask=torch.ones_like(ids), **options)[0].tolist()
        found = generate(smollm2.model, prompt, NEW, sampling=GREEDY, stop_tokens=smollm2.stop_tokens)
        assert found == wanted


@pytest.mark.skipif(not can_halve(), reason="this processor, or this torch, has no FBGEMM")
def test_its_words_in_half_precision_are_the_same(smollm2, prompts):
    twin, options = halved(smollm2.model), {"sampling": GREEDY, "stop_tokens": smollm2.stop_tokens}
    for prompt in prompts:
        assert generate(twin, prompt, NEW, **options) == generate(smollm2.model, prompt, NEW, **options)


def test_it_answers_piece_by_piece(smollm2, prompts):
    stops, tokenizer = smollm2.stop_tokens, smollm2.tokenizer
    ids = stream(smollm2.model, prompts[0], 20, sampling=GREEDY, stop_tokens=stops)
    pieces = list(tokenizer.decode_stream(ids, skip_special=True))
    assert "".join(pieces) == "The capital of Japan is Tokyo." and len(pieces) == 7


LOADING = """
import json, sys, time
import torch, course_lib.training, course_lib.pretrained.importing  # what is there before
from course_lib.pretrained import load_pretrained

torch.set_num_threads(1)

def peak():  # of this process alone, from the moment on at which it is set back
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024

open("/proc/self/clear_refs", "w").write("5")
before, began = peak(), time.process_time()
read = load_pretrained(dtype=sys.argv[1])
seconds = time.process_time() - began
weights = sum(weight.nbytes for weight in read.model.parameters())
print(json.dumps({"seconds": seconds, "taken": peak() - before, "weights": weights}))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="only Linux tells the peak so")
@pytest.mark.parametrize(("dtype", "bytes_each"), [("float32", 4), ("bfloat16", 2)])
def test_loading_is_quick_and_takes_hardly_more_than_the_weights(smollm2, dtype, bytes_each, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOADING, dtype], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["weights"] == 134_515_008 * bytes_each
    assert found["seconds"] < 5
    assert found["taken"] < 1.2 * found["weights"]  # the vocabulary and what torch loads included
    assert not list(tmp_path.iterdir())
