"""The exercises of notebook 07: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import collections
import functools
import html
import json
import operator
import re
from itertools import chain, count

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
    judge = ex.agreement._judge()
    drawn = [one.case for seed in range(5) for one in judge.drawn_cases(seed)]
    for case in [*judge.fresh_cases(), *drawn]:
        for logits in case.args:
            if logits.shape[-1] > 1:
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


def agreement_by_sorting(ours, theirs):
    same = ours.sort(-1, descending=True).indices[..., 0] == theirs.sort(-1, descending=True).indices[..., 0]
    return (ours - theirs).flatten().norm(p=float("inf")), torch.count_nonzero(same) / same.numel()


def agreement_by_shape(ours, theirs):
    B, T, _ = ours.shape
    gap = theirs.sub(ours)
    hits = [int(ours[b, t].argmax()) == int(theirs[b, t].argmax()) for b in range(B) for t in range(T)]
    return max(gap.max().item(), -gap.min().item()), sum(hits) / (B * T)


def agreement_of_lists(ours, theirs):
    ours, theirs = ours.tolist(), theirs.tolist()
    places = [(a, b) for one, two in zip(ours, theirs, strict=True) for a, b in zip(one, two, strict=True)]
    best = [max(range(len(a)), key=a.__getitem__) == max(range(len(b)), key=b.__getitem__) for a, b in places]
    largest = max(map(abs, chain(*(map(operator.sub, a, b) for a, b in places))))
    return np.array([largest, np.mean(best)])


class Agreement:
    def __call__(self, ours, theirs):
        self.ours, self.theirs = ours.clone(), theirs
        self.ours.sub_(self.theirs).abs_()
        best = torch.stack([ours, theirs]).argmax(-1)
        return {"a": self.ours.amax().item(), "b": (best[0] == best[1]).double().mean().item()}.values()

    def both(self, ours, theirs):
        return tuple(self(ours, theirs))


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


def name_by_match(theirs):
    match theirs.split("."):
        case ["lm_head", kind]:
            return f"head.{kind}"
        case [_, "h", layer, norm, kind]:
            return f"blocks.{layer}.norm{norm[-1]}.{kind}"
        case [_, "h", layer, "attn", part, kind]:
            return f"blocks.{layer}.attention.{'qkv' if part == 'c_attn' else 'out'}.{kind}"
        case [_, "h", layer, "mlp", part, kind]:
            return f"blocks.{layer}.mlp.{'up' if part == 'c_fc' else 'down'}.{kind}"
        case [_, outer, kind]:
            return {"wte": "tokens", "wpe": "positions", "ln_f": "norm"}[outer] + "." + kind


class Names(collections.UserDict):
    """A table that is made of all names beforehand."""

    def __init__(self):
        inner = dict(NAMES[5:])
        inner = {"ln_1": "norm1", "ln_2": "norm2"} | {k: v for k, v in inner.items() if "." in k}
        kinds = ("weight", "bias")
        super().__init__({f"{a}.{kind}": f"{b}.{kind}" for a, b in NAMES if "h." not in a for kind in kinds})
        for layer in range(48):
            for a, b in inner.items():
                for kind in kinds:
                    self[f"transformer.h.{layer}.{a}.{kind}"] = f"blocks.{layer}.{b}.{kind}"

    def look_up(self, theirs):
        return self[theirs]


def name_by_folding(theirs):
    steps = [
        (r"^transformer\.(?=[wl])", ""),
        (r"^transformer\.h", "blocks"),
        (r"^wte|^wpe|^ln_f|^lm_head", outer),
    ]
    steps += [(r"ln_", "norm"), (r"attn\.c_attn", "attention.qkv"), (r"attn\.c_proj", "attention.out")]
    steps += [(r"c_fc", "up"), (r"c_proj", "down")]
    return functools.reduce(lambda name, step: re.sub(*step, name), steps, theirs)


def outer(found):
    return {"wte": "tokens", "wpe": "positions", "ln_f": "norm", "lm_head": "head"}[found[0]]


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
    rows = ("transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight")
    return {n: w.double().mT.to(w.dtype) if w.ndim == 2 and n not in rows else w for n, w in weights.items()}


def linear_by_full_names(weights):
    pattern = re.compile(r"transformer\.h\.\d+\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.weight")
    return {name: weight.t() if pattern.fullmatch(name) else weight for name, weight in weights.items()}


def linear_in_numpy(weights):
    turned = {}
    for name, weight in weights.items():
        array = weight.numpy()
        turned[name] = np.ascontiguousarray(array.T) if ".c_" in name and array.ndim == 2 else array
    return turned


def linear_in_a_copy(weights):
    weights = collections.OrderedDict((name, weight.clone()) for name, weight in weights.items())
    for name in filter(lambda name: name.split(".")[-2].startswith("c_"), weights):
        weights[name] = weights[name].t_()
    return weights


def linear_by_lists(weights):
    part = operator.itemgetter(-2)
    conv = {"c_attn", "c_proj", "c_fc"}
    return {
        name: torch.tensor(list(zip(*weight.tolist(), strict=True)), dtype=weight.dtype)
        if part(name.split(".")) in conv and "weight" in name
        else weight
        for name, weight in weights.items()
    }


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


def letters_by_counter():
    places, taken = count(256), set(range(33, 127)) | set(range(161, 256)) - {173}
    return {byte: chr(byte if byte in taken else next(places)) for byte in range(256)}


def letters_by_regions():
    letters = {byte: chr(256 + byte) for byte in range(33)}
    letters |= {byte: chr(256 + 33 + byte - 127) for byte in range(127, 161)} | {173: chr(323)}
    return {byte: letters.get(byte, chr(byte)) for byte in range(256)}


class Letters:
    table = np.array([chr(n) for n in range(256)])

    def __call__(self):
        own = np.zeros(256, dtype=bool)
        own[33:127] = own[161:173] = own[174:] = True
        codes = np.where(own, np.arange(256), 255 + np.cumsum(~own))
        return collections.OrderedDict((np.int64(byte), chr(code)) for byte, code in enumerate(codes))


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


def bytes_without_memory(shapes, dtype):
    return sum(torch.empty(shape, dtype=dtype, device="meta").nbytes for shape in shapes)


def bytes_by_folding(shapes, dtype):
    numbers = (functools.reduce(operator.mul, shape, 1) for shape in shapes)
    return np.int64(functools.reduce(operator.add, numbers, 0)) * dtype.itemsize


def bytes_in_a_tensor(shapes, dtype):
    numbers = [torch.tensor(shape, dtype=torch.long).prod() for shape in shapes]
    return torch.stack([*numbers, torch.tensor(0)]).sum() * dtype.itemsize


class Sizes:
    def of(self, shapes, dtype):
        self.left = list(shapes)
        total = 0
        while self.left:
            total += torch.Size(self.left.pop()).numel() * torch.zeros(1, dtype=dtype).element_size()
        return total


def chat_by_comprehension(model, system, turns, question, max_tokens=64):
    said = [text for turn in turns for text in turn] + [question]
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
    if system is not None:
        messages.insert(0, dict(role="system", content=system))
    return dict(max_tokens=max_tokens, messages=messages, model=model)


def chat_by_loop(model, system, turns, question, max_tokens=64):
    body = {"model": model, "messages": [], "max_tokens": max_tokens}
    if system is not None:
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


def chat_by_yielding(model, system, turns, question, max_tokens=64):
    def said():
        if isinstance(system, str):
            yield "system", system
        for user, assistant in turns:
            yield from (("user", user), ("assistant", assistant))
        yield "user", question

    keys = "role", "content"
    return {
        "max_tokens": max_tokens,
        "model": model,
        "messages": [dict(zip(keys, one, strict=True)) for one in said()],
    }


def chat_backwards(model, system, turns, question, max_tokens=64):
    messages = collections.deque([{"role": "user", "content": question}])
    for user, assistant in reversed(turns):
        messages.appendleft({"role": "assistant", "content": assistant})
        messages.appendleft({"role": "user", "content": user})
    if system is not None:
        messages.appendleft({"role": "system", "content": system})
    return {"model": model, "messages": list(messages), "max_tokens": max_tokens}


def chat_with_keywords(model, system, turns, question, **more):
    return {"max_tokens": 64} | more | {"model": model, "messages": messages_of(system, turns, question)}


def messages_of(system, turns, question):
    turns = [*turns, (question, None)]
    flat = [("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(chain(*turns))]
    first = [] if system is None else [("system", system)]
    return [{"role": role, "content": text} for role, text in first + flat[:-1]]


class Client:
    max_tokens = 64

    def request(self, model, system, turns, question, max_tokens=None):
        limit = self.max_tokens if max_tokens is None else max_tokens
        return json.loads(json.dumps(chat_by_yielding(model, system, turns, question, limit)))


OTHER_WAYS = {
    ex.agreement: (
        *(agreement_by_loops, agreement_in_tensors, agreement_in_numpy, agreement_by_sorting),
        *(agreement_by_shape, agreement_of_lists, Agreement().both),
    ),
    ex.our_name: (
        *(name_by_replacing, name_by_pattern, name_by_family, name_by_match, Names().look_up),
        *(name_by_folding, Names().__getitem__),
    ),
    ex.to_linear: (
        *(linear_by_loop, linear_by_einsum, linear_by_exception, linear_by_full_names, linear_in_numpy),
        *(linear_in_a_copy, linear_by_lists),
    ),
    ex.byte_letters: (
        *(letters_by_lists, letters_by_unicode, letters_with_a_dict_of_files, letters_by_counter),
        *(letters_by_regions, Letters(), functools.partial(dict, byte_alphabet())),
    ),
    ex.weight_bytes: (
        *(bytes_by_loops, bytes_by_making, bytes_by_numpy, bytes_without_memory, bytes_by_folding),
        *(bytes_in_a_tensor, Sizes().of),
    ),
    ex.chat_request: (
        *(chat_by_comprehension, chat_by_loop, chat_with_tuples, chat_by_yielding, chat_backwards),
        *(chat_with_keywords, Client().request),
    ),
}


def called(x):
    return getattr(x, "name", None) or getattr(x, "__name__", type(x).__name__)


@pytest.mark.parametrize(
    ("exercise", "way"),
    [(exercise, way) for exercise in OTHER_WAYS for way in OTHER_WAYS[exercise]],
    ids=called,
)
def test_other_right_ways_pass(exercise, way):
    for seed in range(2):
        feedback = exercise.judge(way, seed=seed)
        assert feedback.state is State.RIGHT, str(feedback)


# Wrong answers ------------------------------------------------------------------------------------

agree, linear, letters = ex.agreement.reference, ex.to_linear.reference, ex.byte_letters.reference
name, chat, size = ex.our_name.reference, ex.chat_request.reference, ex.weight_bytes.reference


def remembering(key, answer):
    memory = {}

    def remembered(*args, **kwargs):
        place = key(*args)
        if place not in memory:
            memory[place] = answer(*args, **kwargs)
        return memory[place]

    return remembered


def same(a, b):
    return (a.argmax(-1) == b.argmax(-1)).float().mean().item()


def gap_in_place(ours, theirs):
    share = same(ours, theirs)
    return ours.sub_(theirs).abs_().max().item(), share


def largest_from_zero(ours, theirs):
    found = 0.0
    for a, b in zip(ours.flatten().tolist(), theirs.flatten().tolist(), strict=True):
        found = a - b if a - b > found else found
    return found, same(ours, theirs)


def turning(chosen, turn=lambda w: w.T):
    return lambda weights: {n: turn(w) if chosen(n, w) else w for n, w in weights.items()}


def conv(n, w):
    return "c_" in n and w.ndim == 2


def turned_in_memory(weights):
    for n, w in weights.items():
        if conv(n, w) and w.shape[0] == w.shape[1]:
            w.copy_(w.T.clone())
    return {n: w if not conv(n, w) or w.shape[0] == w.shape[1] else w.T for n, w in weights.items()}


LETTERS = iter(range(256, 512))


def letters_running_out():
    return {b: chr(b) if chr(b).isprintable() and chr(b) != " " else chr(next(LETTERS)) for b in range(256)}


def chat_kept(model, system, turns, question, max_tokens=64, messages=[]):  # noqa: B006
    messages += chat(model, system, turns, question)["messages"]
    return {"model": model, "messages": list(messages), "max_tokens": max_tokens}


def chat_in_turns(model, system, turns, question, max_tokens=64):
    turns.append((question, ""))
    said = [
        {"role": r, "content": t} for turn in turns for r, t in zip(("user", "assistant"), turn, strict=True)
    ]
    first = [] if system is None else [{"role": "system", "content": system}]
    return {"model": model, "messages": first + said[:-1], "max_tokens": max_tokens}


def chats(change):
    """An answer that changes the arguments first."""

    def answer(model, system, turns, question, max_tokens=64):
        return chat(*change(model, system, turns, question, max_tokens))

    return answer


def of_texts(change):
    return chats(
        lambda model, system, turns, question, n: (
            change(model),
            system if system is None else change(system),
            [tuple(map(change, turn)) for turn in turns],
            change(question),
            n,
        )
    )


WRONG = {
    ex.agreement: (
        gap_in_place,
        largest_from_zero,
        lambda a, b: ((a - b).max().abs().item(), same(a, b)),
        lambda a, b: ((a - b).square().max().item(), same(a, b)),
        lambda a, b: ((a - b).abs()[:, -1].max().item(), same(a, b)),
        lambda a, b: ((a - b).abs()[0].max().item(), same(a, b)),
        lambda a, b: ((a - b).abs()[:, :64].max().item(), same(a[:, :64], b[:, :64])),
        lambda a, b: ((a - b).abs()[..., :64].max().item(), same(a[..., :64], b[..., :64])),
        lambda a, b: ((a - b).abs().max(-1).values.mean().item(), same(a, b)),
        lambda a, b: (((a - b) / b).abs().max().item(), same(a, b)),
        lambda a, b: ((a.softmax(-1) - b.softmax(-1)).abs().max().item(), same(a, b)),
        lambda a, b: (round(agree(a, b)[0], 2), same(a, b)),
        lambda a, b: (float(f"{agree(a, b)[0]:.5f}"), same(a, b)),
        lambda a, b: (agree(a, b)[0] if agree(a, b)[0] > 1e-5 else 0.0, same(a, b)),
        lambda a, b: ((a - b).abs().max().clamp(max=50).item(), same(a, b)),
        lambda a, b: (agree(a, b)[0], (a.argmin(-1) == b.argmin(-1)).float().mean().item()),
        lambda a, b: (agree(a, b)[0], same(a[:1], b[:1])),
        lambda a, b: (
            agree(a, b)[0],
            torch.isclose(a.max(-1).values, b.max(-1).values).float().mean().item(),
        ),
        lambda a, b: (agree(a, b)[0], float(torch.equal(a.argmax(-1), b.argmax(-1)))),
        lambda a, b: (agree(a, b)[0], 1 - same(a, b)),
        lambda a, b: (agree(a, b)[0], torch.tensor([same(a, b)] * 2)),
        lambda a, b: agree(a, b)[0],
        lambda a, b: agree(a.view(-1, a.shape[-1])[None], b.view(-1, b.shape[-1])[None]),
        remembering(lambda a, b: tuple(a.shape), agree),
        remembering(lambda a, b: tuple(a.flatten().tolist()), agree),
    ),
    ex.our_name: (
        lambda n: name(n).replace("blocks", "layers"),
        lambda n: "gpt." + name(n),
        lambda n: n.replace("transformer.h.", "blocks."),
        lambda n: name(n) if ".1" not in n else name(n.replace(".1", ".0")),
        lambda n: (
            name(n) if re.search(r"\.\d\.", n) or ".h." not in n else name(re.sub(r"\.\d+\.", ".9.", n))
        ),
        lambda n: re.sub(r"\d\d", "11", name(n)),
        lambda n: name(n).replace("norm2", "norm1"),
        lambda n: name(n).replace("mlp.", ""),
        lambda n: name(n).replace("attention.qkv", "attention.c_attn"),
        lambda n: name(n).split("."),
        lambda n: name(n).replace("bias", "weight") if "ln_f" in n else name(n),
        lambda n: name(n).replace("blocks.0", "blocks."),
        lambda n: name(n) if "wpe" not in n else "tokens.weight",
        lambda n: {"wte": "tokens", "wpe": "positions"}.get(n.split(".")[1]) or name(n),
        lambda n: name(n) if not n.startswith("lm") else None,
        lambda n: name(n).encode(),
        remembering(lambda n: n.rsplit(".", 1)[0], name),
        remembering(len, name),
    ),
    ex.to_linear: (
        turned_in_memory,
        turning(conv, lambda w: w.float().T),
        turning(conv, lambda w: w.double().T),
        turning(conv, lambda w: torch.tensor(w.tolist()).T),
        turning(lambda n, w: conv(n, w) and w.shape[0] < 64),
        turning(lambda n, w: conv(n, w), lambda w: w.T[:64, :64]),
        turning(lambda n, w: conv(n, w), lambda w: torch.rot90(w)),
        turning(lambda n, w: conv(n, w), lambda w: w.flip(0, 1)),
        turning(lambda n, w: conv(n, w), lambda w: w.T.half().float()),
        turning(lambda n, w: conv(n, w), lambda w: w.T.contiguous().view(w.shape)),
        turning(lambda n, w: conv(n, w) and ".1" not in n),
        turning(lambda n, w: conv(n, w) and n[14] in "0123456789" and n[15] == "."),
        turning(lambda n, w: conv(n, w) and w.is_contiguous()),
        turning(lambda n, w: conv(n, w) or "wpe" in n),
        turning(lambda n, w: "attn" in n and w.ndim == 2),
        turning(lambda n, w: "c_fc" in n or "c_attn" in n, lambda w: w.T if w.ndim == 2 else w.flip(0)),
        turning(lambda n, w: conv(n, w) and w.shape[0] > 1 and w.shape[1] > 1),
        lambda ws: {n.replace("weight", "w"): w for n, w in linear(ws).items()},
        lambda ws: {n.removeprefix("transformer."): w for n, w in linear(ws).items()},
        lambda ws: {n: w for n, w in linear(ws).items() if "bias" not in n},
        lambda ws: {n: w for n, w in linear(ws).items() if "lm_head" not in n},
        lambda ws: {n: w.T if conv(n, w) else w.add_(0.5) for n, w in ws.items()},
        lambda ws: list(linear(ws).items()),
        lambda ws: linear(ws) or None,
        lambda ws: ws | linear({n: w for n, w in ws.items() if "lm_head" in n}),
        lambda ws: ws.update(linear(ws)) or ws,
        lambda ws: linear({n: w.round(decimals=1) for n, w in ws.items()}),
        remembering(lambda ws: tuple(ws), linear),
    ),
    ex.byte_letters: (
        letters_running_out,
        lambda: {b: letter for b, letter in letters().items() if b},
        lambda: {b: letter for b, letter in letters().items() if b < 128},
        lambda: list(letters().values()),
        lambda: {str(b): letter for b, letter in letters().items()},
        lambda: {bytes([b]): letter for b, letter in letters().items()},
        lambda: {b: letter.encode() for b, letter in letters().items()},
        lambda: {b: letter.upper() for b, letter in letters().items()},
        lambda: {b: bytes([b]).decode("latin-1") for b in range(256)},
        lambda: {b: bytes([b]).decode("cp437") for b in range(256)},
        lambda: {b: letters()[b] if b < 161 else chr(256 + b - 94) for b in range(256)},
        lambda: dict(letters()) | {256: chr(324)},
        lambda: letters() | {160: chr(160)},
        lambda: letters() | {127: chr(127)},
        lambda: letters() | {173: chr(256 + 68)},
        lambda: letters() | {32: "▁"},
        lambda: dict(enumerate(sorted(letters().values()))),
    ),
    ex.weight_bytes: (
        lambda s, d: size([tuple(min(n, 64) for n in shape) for shape in s], d),
        lambda s, d: size([tuple(n or 1 for n in shape) for shape in s], d),
        lambda s, d: size([shape for shape in s if len(shape) < 4], d),
        lambda s, d: size(s[:8], d),
        lambda s, d: size(s[:1024], d),
        lambda s, d: sum(int(np.prod(shape, dtype=np.int32)) for shape in s) * d.itemsize,
        lambda s, d: size([shape[:2] for shape in s], d),
        lambda s, d: size([shape[-2:] for shape in s], d),
        lambda s, d: size(s, d) if d.is_floating_point else sum(map(np.prod, s)),
        lambda s, d: sum(int(np.prod(shape)) for shape in s) * torch.finfo(d).bits // 8,
        lambda s, d: size(s, d) // 4 * 4,
        lambda s, d: int(np.float32(size(s, d))),
        lambda s, d: size([s.pop() for _ in range(len(s))], d),
        lambda s, d: size(s, d) or None,
        lambda s, d: f"{size(s, d)} bytes",
        lambda s, d: size(s, d) / 1,
        lambda s, d: [size([shape], d) for shape in s],
        lambda s, d: max((size([shape], d) for shape in s), default=0),
        lambda s, d: size(s, d) + 8,
        lambda s, d: int(np.prod([np.prod(shape) for shape in s])) * d.itemsize,
        remembering(lambda s, d: tuple(s), size),
        remembering(lambda s, d: (len(s), d), size),
    ),
    ex.chat_request: (
        chat_kept,
        chat_in_turns,
        of_texts(str.strip),
        of_texts(lambda text: text[:1024]),
        chats(lambda model, system, turns, question, n: (model, system, turns[-1024:], question, n)),
        of_texts(str.lower),
        of_texts(html.escape),
        of_texts(lambda text: text.replace("\r\n", "\n")),
        of_texts(lambda text: " ".join(text.split())),
        of_texts(lambda text: text.encode("ascii", "ignore").decode()),
        of_texts(lambda text: text.removesuffix("\n")),
        of_texts(lambda text: text[:64]),
        of_texts(lambda text: text or " "),
        chats(lambda model, system, turns, *rest: (model, system, list(dict.fromkeys(turns)), *rest)),
        chats(lambda model, system, turns, *rest: (model, system, sorted(turns), *rest)),
        chats(lambda model, system, turns, *rest: (model, system, turns[-8:], *rest)),
        chats(lambda model, system, turns, *rest: (model, system, turns[-64:], *rest)),
        chats(lambda model, system, turns, *rest: (model, system, [t for t in turns if all(t)], *rest)),
        chats(lambda model, system, turns, question, n: (model, system, turns, question, n or 64)),
        chats(lambda model, system, turns, question, n: (model, system, turns, question, min(n, 256))),
        chats(lambda model, system, turns, question, n: (model, system, turns, question, str(n))),
        chats(lambda model, system, turns, question, n: ("base", system, turns, question, n)),
        chats(lambda model, system, turns, question, n: (model, question, turns, system or "", n)),
        lambda *args, **kwargs: json.dumps(chat(*args, **kwargs)),
        lambda *args, **kwargs: chat(*args, **kwargs)["messages"],
        lambda *args, **kwargs: {**chat(*args, **kwargs), "temperature": 0},
        lambda *args, **kwargs: {**chat(*args, **kwargs), "messages": None},
        lambda model, system, turns, question: chat(model, system, turns, question),
        remembering(lambda *args: args[3], chat),
        remembering(lambda *args: (args[1], str(args[2]), args[3]), chat),
    ),
}


def line_of(x):
    return getattr(x, "name", None) or f"{x.__name__}-{x.__code__.co_firstlineno}"


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [(exercise, answer) for exercise in WRONG for answer in WRONG[exercise]],
    ids=line_of,
)
def test_wrong_answers_are_refused(exercise, answer):
    feedback = exercise.judge(answer, seed=0)
    assert feedback.state in (State.WRONG, State.CRASHED), feedback


# Mistakes in other words --------------------------------------------------------------------------


def test_the_usual_transpose_of_everything_is_named_however_it_is_written():
    feedback = ex.to_linear.judge(lambda ws: {n: w.mT.clone() if w.dim() > 1 else w for n, w in ws.items()})
    assert feedback.mistake == "every matrix is turned, the tables too"


@pytest.mark.parametrize(
    ("turned", "mistake"),
    [
        (lambda n: n.startswith("transformer.h.0."), "only the first layer is turned"),
        (lambda n: re.search(r"h\.\d\.", n), "layers above nine are forgotten"),
        (lambda n: "mlp.c_proj" not in n, "the MLP's c_proj is forgotten"),
    ],
    ids=("the first layer", "one digit", "no way back"),
)
def test_matrices_that_were_forgotten_are_named(turned, mistake):
    feedback = ex.to_linear.judge(turning(lambda n, w: conv(n, w) and turned(n)))
    assert feedback.mistake == mistake


def test_a_tensor_that_is_turned_in_place_is_named():
    feedback = ex.to_linear.judge(
        lambda weights: {n: w.t_() if conv(n, w) else w for n, w in weights.items()}
    )
    assert feedback.mistake == "what was given is changed"


def test_a_byte_too_few_is_named_however_it_is_written():
    def letters():
        keep = [b for b in range(256) if 33 <= b < 126 or 161 <= b < 172 or 174 <= b < 255]
        move = [b for b in range(256) if b not in keep]
        return {b: chr(b) if b in keep else chr(256 + move.index(b)) for b in range(256)}

    assert ex.byte_letters.judge(letters).mistake == "the ends of the ranges are missing"


def test_a_forgetful_chat_is_named_however_it_is_written():
    def request(model, system, turns, question, max_tokens=64):
        first = [] if system is None else [{"role": "system", "content": system}]
        asked = [{"role": "user", "content": question}]
        return {"model": model, "messages": first + asked, "max_tokens": max_tokens}

    assert ex.chat_request.judge(request).mistake == "what was said before is left out"
