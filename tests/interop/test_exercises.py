"""The exercises of notebook 07: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.exercises import State
from course_lib.interop import exercises as ex
from course_lib.interop.families import GPT2
from course_lib.tokens.bpe import byte_alphabet

# References against oracles -----------------------------------------------------------------------


def gpt2(width=6):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=11, n_positions=7, n_embd=width, n_layer=3, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return GPT2LMHeadModel(config)


def test_names_are_those_that_the_course_and_transformers_use():
    from course_lib.model import GPT

    theirs = gpt2()
    ours = GPT(GPT2().config_in(theirs.config.to_dict()))
    assert {ex.our_name.reference(name) for name in theirs.state_dict()} == set(ours.state_dict())


def test_turned_and_renamed_weights_are_an_import():
    from course_lib.model import GPT

    theirs = gpt2().eval()
    ours = GPT(GPT2().config_in(theirs.config.to_dict())).eval()
    turned = ex.to_linear.reference(theirs.state_dict())
    ours.load_state_dict({ex.our_name.reference(name): weight for name, weight in turned.items()})
    ids = torch.tensor([[1, 2, 3, 5, 7]])
    largest, share = ex.agreement.reference(ours(ids), theirs(ids).logits)
    assert largest < 1e-5 and share == 1


def test_letters_are_those_of_the_course_and_of_transformers():
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    assert ex.byte_letters.reference() == byte_alphabet() == bytes_to_unicode()


@given(
    st.lists(st.lists(st.integers(1, 7), max_size=3).map(tuple), max_size=4),
    st.sampled_from([torch.int8, torch.float16, torch.bfloat16, torch.float32, torch.float64]),
)
def test_sizes_are_those_of_files(shapes, dtype):
    from safetensors.torch import save

    data = save({str(i): torch.zeros(shape, dtype=dtype) for i, shape in enumerate(shapes)})
    header = 8 + int.from_bytes(data[:8], "little")
    assert ex.weight_bytes.reference(shapes, dtype) == len(data) - header


def test_agreement_by_hand():
    ours = torch.tensor([[[0.0, 1], [3, 2]]])
    theirs = torch.tensor([[[0.5, 1], [3, 5]]])
    assert ex.agreement.reference(ours, theirs) == (3.0, 0.5)


def test_no_case_of_agreement_depends_on_a_tie():
    for case in ex.agreement._judge().fresh_cases():
        for logits in case.args:
            best = logits.topk(2).values
            assert (best[..., 0] - best[..., 1] > 1e-4).all()


def test_requests_are_what_openais_client_sends():
    import httpx2
    from openai import OpenAI

    sent = []

    def answer(request):
        sent.append(json.loads(request.content))
        return httpx2.Response(200, json={"id": "1", "object": "chat.completion", "choices": []})

    body = ex.chat_request.reference("base", "Be brief.", [("a", "b")], "c", 5)
    transport = httpx2.MockTransport(answer)
    with OpenAI(
        base_url="http://none/v1", api_key="-", http_client=httpx2.Client(transport=transport)
    ) as client:
        client.chat.completions.create(**body)
    assert sent == [body]


# Other right ways ---------------------------------------------------------------------------------


def agreement_by_loops(ours, theirs):
    largest, same, places = 0.0, 0, 0
    for a, b in zip(ours.flatten(0, 1), theirs.flatten(0, 1), strict=True):
        largest = max([largest, *(abs(x - y) for x, y in zip(a.tolist(), b.tolist(), strict=True))])
        same += a.tolist().index(max(a.tolist())) == b.tolist().index(max(b.tolist()))
        places += 1
    return [largest, same / places]


def agreement_in_tensors(ours, theirs):
    largest = torch.dist(ours.flatten(), theirs.flatten(), p=float("inf"))
    return largest, (ours.max(-1).indices == theirs.max(-1).indices).double().mean()


def agreement_in_numpy(ours, theirs):
    a, b = ours.numpy().astype("float64"), theirs.numpy().astype("float64")
    return np.abs(a - b).max(), (a.argmax(2) == b.argmax(2)).mean()


NAMES = (
    ("transformer.wte", "tokens"),
    ("transformer.wpe", "positions"),
    ("transformer.ln_f", "norm"),
    ("transformer.h.", "blocks."),
    ("lm_head", "head"),
    ("ln_", "norm"),
    ("attn.c_attn", "attention.qkv"),
    ("attn.c_proj", "attention.out"),
    ("mlp.c_fc", "mlp.up"),
    ("mlp.c_proj", "mlp.down"),
)


def name_by_replacing(theirs):
    for old, new in NAMES:
        theirs = theirs.replace(old, new)
    return theirs


def name_by_pattern(theirs):
    if found := re.fullmatch(r"transformer\.h\.(\d+)\.(.+)\.(weight|bias)", theirs):
        part = re.sub(r"^ln_", "norm", found[2])
        return f"blocks.{found[1]}.{dict(NAMES).get(part, part)}.{found[3]}"
    return re.sub(r"^[\w.]+(?=\.)", lambda m: dict(NAMES)[m[0]], theirs)


def name_by_family(theirs):
    family = GPT2()
    table = {value.rsplit(".", 1)[0]: key.rsplit(".", 1)[0] for key, value in family.outer.items()}
    parts = theirs.split(".")
    if parts[1] != "h":
        return f"{table['.'.join(parts[:-1])]}.{parts[-1]}"
    inner = {value: key for key, value in family.parts.items()}
    return ".".join(["blocks", parts[2], inner[".".join(parts[3:-1])], parts[-1]])


def linear_by_loop(weights):
    found = {}
    for name in weights:
        weight = weights[name]
        if any(part in name for part in ("c_attn", "c_proj", "c_fc")) and weight.dim() == 2:
            weight = weight.transpose(0, 1).contiguous()
        found[name] = weight
    return found


def linear_by_einsum(weights):
    return {
        n: torch.einsum("ij->ji", w) if "c_" in n and w.ndim > 1 else w.clone() for n, w in weights.items()
    }


def linear_by_exception(weights):
    tables = ("wte.weight", "wpe.weight")
    return {n: w.double().mT if w.ndim == 2 and n not in tables else w for n, w in weights.items()}


def letters_by_lists():
    keep = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    move = [b for b in range(256) if b not in keep]
    return {**{b: chr(b) for b in keep}, **{b: chr(256 + i) for i, b in enumerate(move)}}


def letters_by_unicode():
    table, spare = {}, iter(range(256, 512))
    for byte in range(256):
        visible = chr(byte).isprintable() and not chr(byte).isspace()
        table[byte] = chr(byte if visible else next(spare))
    return table


def letters_with_a_dict_of_files():
    return dict(byte_alphabet())


def bytes_by_loops(shapes, dtype):
    total = 0
    for shape in shapes:
        count = 1
        for length in shape:
            count *= length
        total += count * torch.empty((), dtype=dtype).element_size()
    return total


def bytes_by_making(shapes, dtype):
    return sum(torch.empty(shape, dtype=dtype).nbytes for shape in shapes)


def bytes_by_numpy(shapes, dtype):
    return int(sum(np.prod(shape) for shape in shapes)) * dtype.itemsize


def chat_by_comprehension(model, system, turns, question, max_tokens=64):
    said = [text for turn in turns for text in turn] + [question]
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
    if system is not None:
        messages.insert(0, dict(role="system", content=system))
    return dict(max_tokens=max_tokens, messages=messages, model=model)


def chat_by_loop(model, system, turns, question, max_tokens=64):
    body = {"model": model, "messages": [], "max_tokens": max_tokens}
    if system:
        body["messages"] += [{"content": system, "role": "system"}]
    for user, assistant in turns:
        body["messages"].extend(
            [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
        )
    body["messages"] += [{"role": "user", "content": question}]
    return body


def chat_with_tuples(model, system, turns, question, max_tokens=64):
    said = [("system", system)] * (system is not None)
    for turn in turns:
        said += zip(["user", "assistant"], turn, strict=True)
    said.append(("user", question))
    messages = tuple({"role": role, "content": text} for role, text in said)
    return {"model": model, "messages": messages, "max_tokens": max_tokens}


WAYS = [
    *((ex.agreement, way) for way in (agreement_by_loops, agreement_in_tensors, agreement_in_numpy)),
    *((ex.our_name, way) for way in (name_by_replacing, name_by_pattern, name_by_family)),
    *((ex.to_linear, way) for way in (linear_by_loop, linear_by_einsum, linear_by_exception)),
    *((ex.byte_letters, way) for way in (letters_by_lists, letters_by_unicode, letters_with_a_dict_of_files)),
    *((ex.weight_bytes, way) for way in (bytes_by_loops, bytes_by_making, bytes_by_numpy)),
    *((ex.chat_request, way) for way in (chat_by_comprehension, chat_by_loop, chat_with_tuples)),
]


@pytest.mark.parametrize(("exercise", "way"), WAYS, ids=lambda x: getattr(x, "name", None) or x.__name__)
def test_other_right_ways_pass(exercise, way):
    feedback = exercise.judge(way)
    assert feedback.state is State.RIGHT, str(feedback)


# Mistakes in other words --------------------------------------------------------------------------


def test_the_usual_transpose_of_everything_is_named_however_it_is_written():
    feedback = ex.to_linear.judge(lambda ws: {n: w.mT.clone() if w.dim() > 1 else w for n, w in ws.items()})
    assert feedback.mistake == "every matrix is turned, the tables too"


def test_a_byte_too_few_is_named_however_it_is_written():
    def letters():
        keep = [b for b in range(256) if 33 <= b < 126 or 161 <= b < 172 or 174 <= b < 255]
        move = [b for b in range(256) if b not in keep]
        return {b: chr(b) if b in keep else chr(256 + move.index(b)) for b in range(256)}

    assert ex.byte_letters.judge(letters).mistake == "the ends of the ranges are missing"


def test_a_forgetful_chat_is_named_however_it_is_written():
    def request(model, system, turns, question, max_tokens=64):
        first = [{"role": "system", "content": system}] if system else []
        asked = [{"role": "user", "content": question}]
        return {"model": model, "messages": first + asked, "max_tokens": max_tokens}

    assert ex.chat_request.judge(request).mistake == "what was said before is left out"
