"""The server: a real one on the loopback address, called with OpenAI's own client; and what can go wrong."""

import http.client
import socket
import sys

import pytest
import torch

from course_lib.config import GPTConfig
from course_lib.generation import GREEDY, generate
from course_lib.interop import export_to_transformers, serving
from course_lib.model import GPT
from course_lib.tokens import BPETokenizer

PROMPT = "The cat 猫"
TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.fixture(scope="module")
def parts():
    tokenizer = BPETokenizer.train("The cat sat on the mat. 猫坐在垫子上。\n" * 3, 300)
    shape = {"context_length": 64, "n_layers": 2, "n_heads": 3, "width": 24, "bias": False, "qk_norm": True}
    kinds = {
        "norm": "rmsnorm",
        "activation": "swiglu",
        "positions": "rotary",
    }  # Qwen3's, as in the course's base
    config = GPTConfig(vocab_size=tokenizer.vocab_size, **shape, **kinds)
    model = GPT(config, generator=torch.Generator().manual_seed(1)).eval()
    for parameter in model.parameters():
        parameter.data = parameter.data * 5  # so that the logits are far apart, and greedy is not by chance
    return model, tokenizer


@pytest.fixture(scope="module")
def folder(parts, tmp_path_factory):
    return export_to_transformers(
        *parts, tmp_path_factory.mktemp("my models") / "cat", chat_template=TEMPLATE
    )


@pytest.fixture(scope="module")
def server(folder):
    with serving.serve(folder, seconds=110) as running:
        yield running
    assert running.process.poll() is not None


@pytest.fixture(scope="module")
def client(server):
    from openai import OpenAI

    with OpenAI(base_url=server.url, api_key="unused", timeout=60, max_retries=0) as made:
        yield made


def greedy(parts, text, count):
    model, tokenizer = parts
    ids = tokenizer.encode(text, allowed_special="all")
    written = generate(model, ids, count, sampling=GREEDY, stop_tokens=[tokenizer.end_id])
    return tokenizer.decode(written[len(ids) :], skip_special=True)


def test_completions_are_what_our_own_loop_writes(parts, client, server):
    answer = client.completions.create(model="cat", prompt=PROMPT, max_tokens=11, temperature=0)
    assert server.model == "cat"
    assert answer.choices[0].text == greedy(parts, PROMPT, 11)
    assert answer.usage.prompt_tokens == len(parts[1].encode(PROMPT))


def test_chats_go_through_the_template(parts, client):
    messages = [{"role": "user", "content": "The mat"}]
    answer = client.chat.completions.create(model="cat", messages=messages, max_tokens=7, temperature=0)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == greedy(parts, "<|endoftext|>The mat", 7)


def test_another_model_is_refused(client):
    from openai import BadRequestError

    with pytest.raises(BadRequestError) as refused:
        client.completions.create(model="dog", prompt=PROMPT, max_tokens=2)
    assert "'cat'" in refused.value.response.text


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="config.json"):
        serving.serve(tmp_path)


def starts(monkeypatch, code):
    monkeypatch.setattr(serving, "_command", lambda *a: [sys.executable, "-c", code])


def test_the_last_words_of_a_server_that_ends_are_told(folder, monkeypatch):
    starts(monkeypatch, "print('one'); raise SystemExit('no such thing 猫')")
    with pytest.raises(RuntimeError, match="last words: no such thing"):
        serving.serve(folder, seconds=60)
    starts(monkeypatch, "")
    with pytest.raises(RuntimeError, match="last words: none"):
        serving.serve(folder, seconds=60)


def test_a_server_that_says_nothing_is_stopped(folder, monkeypatch):
    made = []
    popen = serving.subprocess.Popen
    monkeypatch.setattr(serving.subprocess, "Popen", lambda *a, **k: made.append(popen(*a, **k)) or made[-1])
    starts(monkeypatch, "import time; time.sleep(600)")
    with pytest.raises(TimeoutError, match="within 0.3 seconds"):
        serving.serve(folder, seconds=0.3)
    assert made[0].poll() is not None


def test_a_server_that_does_not_want_to_end_is_ended():
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
    code += "; time.sleep(600)"
    process = serving.subprocess.Popen([sys.executable, "-c", code], stdout=serving.subprocess.PIPE)
    process.stdout.readline()
    serving.Server("", "", process, process.stdout).stop(seconds=0.2)
    assert process.poll() is not None


def test_an_answer_other_than_200_and_no_answer_are_not_yet_ready(monkeypatch):
    with socket.socket() as deaf:
        deaf.bind((serving.HERE, 0))
        assert not serving._answers(deaf.getsockname()[1])
    monkeypatch.setattr(http.client.HTTPConnection, "request", lambda *a: None)
    monkeypatch.setattr(http.client.HTTPConnection, "getresponse", lambda *a: type("R", (), {"status": 503}))
    assert not serving._answers(1)
