"""The finale: whose parts are taken, and that the Llama they make is the course's own GPT, and SmolLM2."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import textwrap

import own_llamas as other
import pytest
import torch

from course_lib import runtime
from course_lib.config import GPTConfig
from course_lib.model import GPT
from course_lib.modern.exercises import finale
from course_lib.modern.exercises.finale import JOINTS, PIECES
from course_lib.tokens import BPETokenizer

NAMES = [name for names in PIECES.values() for name in names]
CONFIG = GPTConfig(
    vocab_size=40, context_length=32, n_layers=2, n_heads=4, n_kv_heads=2, width=16, mlp_width=24,
    norm="rmsnorm", activation="swiglu", positions="rotary", bias=False, norm_eps=1e-3, rope_base=500.0,
)  # fmt: skip
QUESTION = "What is the capital of Japan?"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "my_gpt"


def exercise(name):
    topic = next(topic for topic, names in PIECES.items() if name in names)
    return getattr(importlib.import_module(f"course_lib.{topic}.exercises"), name)


def keep(folder, **texts):
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{exercise(name).piece or name}.py").write_text(text)


def own_answers():
    """Right answers that the course hasn't got: of this notebook from its tests, of others written here."""
    head = "import math\n\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n"

    def text(answer, name, *helpers):
        parts = [inspect.getsource(part) for part in (*helpers, answer)]
        return head + "\n\n".join(parts).replace(answer.__name__, name)

    return {
        "merge_pair": textwrap.dedent("""
            def merge_pair(ids, pair, new_id):
                rest, out = list(ids), []
                while rest:
                    joined = tuple(rest[:2]) == tuple(pair)
                    out.append(new_id if joined else rest[0])
                    rest = rest[2 if joined else 1 :]
                return out
        """),
        "decode_ids": textwrap.dedent("""
            def decode_ids(ids, vocabulary):
                raw = bytearray()
                for id in ids:
                    raw.extend(vocabulary[id])
                return bytes(raw).decode(errors="replace")
        """),
        "block": textwrap.dedent("""
            def block(x, norm1, attention, norm2, mlp):
                fetched = attention(norm1(x))
                stream = x + fetched
                return stream + mlp(norm2(stream))
        """),
        "gpt": textwrap.dedent("""
            import torch
            from torch.nn import functional as F


            def gpt(ids, tokens, positions, blocks, norm):
                x = F.embedding(ids, tokens) + positions[: ids.shape[1]]
                for layer in blocks:
                    x = layer(x)
                return torch.einsum("btc,vc->btv", norm(x), tokens)
        """),
        "RMSNorm": text(other.NormByTorch, "RMSNorm"),
        "rotary": text(other.rotary_by_roll, "rotary"),
        "SwiGLU": text(other.GateByMatrices, "SwiGLU"),
        "LlamaAttention": text(other.AttentionByTorch, "LlamaAttention", other.rotary_by_roll),
    }


def same_weights_same_logits(parts):
    model = GPT(CONFIG, runtime.seed(0))
    for weight in model.parameters():
        weight.data = weight.data + 0.3 * torch.randn(weight.shape, generator=runtime.seed(1))
    mine = finale.with_same_weights(finale.load(parts), model)
    ids = torch.randint(40, (3, 17), generator=runtime.seed(2))
    with torch.no_grad():
        return float((mine(ids) - model(ids)).abs().max()) < 1e-4


# Whose parts ----------------------------------------------------------------------------------------------


def test_every_part_is_a_build_exercise():
    assert {exercise(name).kind for name in NAMES} == {"build"} and set(JOINTS) < set(NAMES)


def test_as_shipped_the_courses_parts_stand_in_and_it_is_said():
    parts = finale.gather()
    assert parts.mine == 0 and "the course's stand in for the others" in str(parts)
    assert parts.whose().count("the course's, until you have your own") == len(NAMES)
    assert same_weights_same_logits(parts)


def test_with_the_references_kept_all_parts_are_the_learners(folder):
    keep(folder, **{name: exercise(name).solution_source() for name in NAMES})
    parts = finale.gather()
    assert parts.headline == "All 10 parts of the model that is talking are yours.", str(parts)
    assert same_weights_same_logits(parts)


def test_with_other_right_answers_they_are_the_learners_too(folder):
    answers = own_answers()
    keep(folder, **answers)
    parts = finale.gather()
    mine = {name for name, piece in parts.by_name.items() if piece.mine}
    assert mine == set(answers), str(parts)
    assert same_weights_same_logits(parts)
    assert "rotary: yours (notebook 13)" in parts.whose() and "8 of 10" in parts.headline


def test_a_wrong_answer_is_not_taken_and_the_file_is_named(folder):
    wrong = exercise("rotary").solution_source().replace("- second * sin", "+ second * sin")
    keep(folder, rotary=wrong)
    parts = finale.gather()
    assert parts.mine == 0 and "The course's rotary stands in for it." in str(parts)
    keep(folder, rotary="from course_lib.modern.exercises import places\n\n\ndef rotary(x, base):\n"
         "    return places._rotary(x, base)\n")  # fmt: skip
    assert "can't stand in my_llama.py" in str(finale.gather())


def test_the_file_needs_nothing_of_the_course(folder):
    assert finale.write_file() == "Kept as `my_gpt/my_llama.py`."
    text = (folder / "my_llama.py").read_text()
    assert "course_lib" not in text
    code = "import sys, my_llama, torch\n"
    code += "model = my_llama.Llama(9, 8, 6, (2, 1), 2, 1e-5, 100.0)\n"
    code += "assert model(torch.tensor([[1, 2]])).shape == (1, 2, 9)\n"
    code += "assert not any(name.startswith('course_lib') for name in sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_tokenizer_of_the_file_cuts_as_the_courses_does():
    text = "Lily lost her red kite in the park. Tom found the kite. 莉莉笑了。"
    theirs = BPETokenizer.train(text, vocab_size=290, special_tokens=("<|end|>", "<|begin|>"))
    ids = [theirs.token_bytes(id) for id in range(theirs.vocab_size)]
    my = finale.load(finale.gather())
    mine = my.PublishedTokenizer(theirs.pre_tokens, theirs.merges, ids, theirs.special_tokens)
    for some in (text, "<|begin|>the kite<|end|> is 莉 <|begin|>", ""):
        assert mine.encode(some) == theirs.encode(some, allowed_special="all")
        assert mine.decode(mine.encode(some)) == theirs.decode(theirs.encode(some, allowed_special="all"))


def test_a_model_without_a_tokenizer_is_refused():
    from course_lib.pretrained import Pretrained

    with pytest.raises(ValueError, match="without a tokenizer"):
        finale.with_pretrained(finale.load(finale.gather()), Pretrained(GPT(CONFIG), None))


# The real model -------------------------------------------------------------------------------------------


@torch.no_grad()
def test_smollm2_answers_by_parts_that_are_not_the_courses(smollm2, folder):
    keep(folder, **own_answers())
    my = finale.load(finale.gather())
    llama, tokenizer = finale.with_pretrained(my, smollm2)
    asked = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer.encode(asked)
    assert ids == smollm2.tokenizer.encode(asked, allowed_special="all")
    logits = llama(torch.tensor([ids]))
    assert (logits - smollm2.model(torch.tensor([ids]))).abs().max() < 1e-4
    assert "Tokyo" in my.answer(llama, tokenizer, QUESTION, most=12)
