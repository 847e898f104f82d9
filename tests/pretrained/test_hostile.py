"""Files that are damaged, cut short, of another kind, or claim too much: one sentence, soon, no memory."""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc

import gguf_files
import numpy as np
import pytest

from course_lib.model.weights import hollow
from course_lib.pretrained import Container, container, import_gguf, importing


def small_facts(**changes):
    """A model of one layer, four wide."""
    facts = {
        "context_length": 8,
        "block_count": 1,
        "embedding_length": 4,
        "feed_forward_length": 32,
        "attention.head_count": 2,
        "attention.head_count_kv": 1,
        "attention.layer_norm_rms_epsilon": 1e-5,
        **changes,
    }
    return {f"llama.{name}": value for name, value in facts.items() if value is not None}


def small_tensors(**changes):
    shapes = {
        "token_embd.weight": (7, 4),
        "output_norm.weight": (4,),
        "blk.0.attn_norm.weight": (4,),
        "blk.0.attn_q.weight": (4, 4),
        "blk.0.attn_k.weight": (2, 4),
        "blk.0.attn_v.weight": (2, 4),
        "blk.0.attn_output.weight": (4, 4),
        "blk.0.ffn_norm.weight": (4,),
        "blk.0.ffn_gate.weight": (32, 4),
        "blk.0.ffn_up.weight": (32, 4),
        "blk.0.ffn_down.weight": (4, 32),
        **changes,
    }
    return {name: np.ones(shape) for name, shape in shapes.items() if shape}


@pytest.fixture
def good(tmp_path):
    return gguf_files.write(tmp_path / "good.gguf", small_facts(), small_tensors())


def refused(path, match: str | None = None, most: float = 20e6) -> str:
    """The sentence with which a file is refused, after little time and with little memory."""
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=match) as caught:
            import_gguf(path)
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert time.process_time() - began < 5 and "\n" not in text and len(text) < 500 + len(str(path))
    return text


def test_the_good_one_is_read(good):
    assert import_gguf(good).model.config.width == 4


# What is no GGUF file, or no whole one ------------------------------------------------------------------


def test_places_where_there_is_no_file(tmp_path):
    refused(tmp_path / "none.gguf", "There is no file .*none.gguf")
    refused(tmp_path, "is no file, but a folder or a device")
    if os.path.exists("/dev/zero"):
        refused("/dev/zero", "is no file, but a folder or a device")


@pytest.mark.parametrize(
    "content", [b"", b"GGU", b"GGUF", b"PK\x03\x04" * 9, b"GGUF\x03\0\0\0", b"GGUF" + b"\xff" * 90]
)
def test_what_is_no_gguf_file(tmp_path, content):
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    refused(path)


def test_cut_short_anywhere(good, tmp_path):
    whole, cut = good.read_bytes(), tmp_path / "cut.gguf"
    for length in [*range(4, 900, 37), *range(900, len(whole), 211), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        refused(cut)


def test_any_damaged_byte_gives_a_model_or_a_sentence(good, tmp_path):
    """In the head; among the numbers, a changed byte is another number."""
    draw, path = random.Random(0), tmp_path / "damaged.gguf"
    whole = good.read_bytes()
    head = whole.index(b"blk.0.ffn_up.weight") + 60
    refusals = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[draw.randrange(4, head)] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            import_gguf(path)
        except ValueError as problem:
            assert "\n" not in str(problem)
            refusals += 1
    assert refusals > 150


def test_a_file_that_is_cut_while_its_head_is_read(good, monkeypatch):
    """Where a program looks at a file's place on the disk as if it were memory, the system ends it then."""
    build = container._Reader._build_fields

    def cut(reader, *where):
        os.truncate(good, 0)
        return build(reader, *where)

    monkeypatch.setattr(container._Reader, "_build_fields", cut)
    refused(good, "was cut short while it was read")


def test_a_file_that_goes_away_while_it_is_read(good, monkeypatch):
    def remove(config):
        good.unlink()
        return hollow(config)

    monkeypatch.setattr(importing, "hollow", remove)
    refused(good, "changed or went away while it was read")


def test_numbers_that_bfloat16_does_not_hold(tmp_path):
    for name in ("blk.0.attn_q.weight", "blk.0.ffn_up.weight"):
        tensors = small_tensors()
        tensors[name] = np.where(np.eye(*tensors[name].shape), 3.4e38, 0)
        tensors[name][1:] = 0
        path = gguf_files.write(tmp_path / "large.gguf", small_facts(), tensors)
        assert import_gguf(path).model.config.width == 4
        with pytest.raises(ValueError, match=f"the tensor {name} holds what is no number"):
            import_gguf(path, "bfloat16")


def test_numbers_that_are_none(good, tmp_path):
    path = tmp_path / "nan.gguf"
    tensors = small_tensors() | {"blk.0.ffn_up.weight": np.full((32, 4), np.nan)}
    gguf_files.write(path, small_facts(), tensors)
    refused(path, "the tensor blk.0.ffn_up.weight holds what is no number")


# What claims too much -----------------------------------------------------------------------------------


HUGE = [2**20, 2**40, 2**60, 2**64 - 1]


@pytest.mark.parametrize("count", HUGE)
@pytest.mark.parametrize("place", [8, 16], ids=["tensors", "facts"])
def test_a_count_that_no_file_has(good, tmp_path, count, place):
    damaged = bytearray(good.read_bytes())
    damaged[place : place + 8] = struct.pack("<Q", count)
    path = tmp_path / "many.gguf"
    path.write_bytes(damaged)
    refused(path, "is damaged")


@pytest.mark.parametrize("count", HUGE)
@pytest.mark.parametrize("kind", [0, 8, 9, 11], ids=["bytes", "texts", "lists", "longs"])
def test_a_list_that_no_file_has(tmp_path, count, kind):
    path = tmp_path / "list.gguf"
    gguf_files.write(path, {"llama.list": [1, 2, 3, 4], **small_facts()}, small_tensors())
    damaged = bytearray(path.read_bytes())
    place = damaged.index(b"llama.list") + len(b"llama.list")
    assert damaged[place : place + 4] == b"\x09\0\0\0"
    damaged[place + 4 : place + 16] = struct.pack("<IQ", kind, count)
    path.write_bytes(damaged)
    refused(path, "is damaged")


def test_a_list_of_many_empty_texts_is_refused(tmp_path):
    path = tmp_path / "texts.gguf"
    entry = struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 8, 5_000_000)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry + b"\0" * 8 * 50_000)
    refused(path, "a list of 5000000 entries")


@pytest.mark.parametrize(
    "name", ["block_count", "context_length", "embedding_length", "attention.head_count"]
)
@pytest.mark.parametrize("value", [0, 3, 2**31, 2.5, "many", True, [4]])
def test_facts_that_the_tensors_do_not_bear_out(tmp_path, name, value):
    path = gguf_files.write(tmp_path / "claims.gguf", small_facts(**{name: value}), small_tensors())
    if (name, value) == ("context_length", 3):  # which no tensor of a Llama tells
        assert import_gguf(path).model.config.context_length == 3
    else:
        refused(path)


@pytest.mark.parametrize("name", ["context_length", "block_count", "attention.layer_norm_rms_epsilon"])
def test_facts_that_are_missing(tmp_path, name):
    path = gguf_files.write(tmp_path / "lacks.gguf", small_facts(**{name: None}), small_tensors())
    refused(path, f"it doesn't say llama.{name}")


@pytest.mark.parametrize("what", ["fact", "name of a fact", "name of a tensor", "text in a list"])
def test_texts_of_a_gigabyte(tmp_path, what):
    """The file takes no room: nothing was written where they are."""
    length, counts = struct.pack("<Q", 2**30), {"name of a tensor": (1, 0)}.get(what, (0, 1))
    fact = {"fact": b"\x08\0\0\0", "text in a list": struct.pack("<IIQ", 9, 8, 1)}.get(what)
    path = tmp_path / "long.gguf"
    head = b"GGUF" + struct.pack("<IQQ", 3, *counts)
    path.write_bytes(head + (struct.pack("<Q", 1) + b"a" + fact if fact else b"") + length)
    os.truncate(path, 2**30 + 1000)
    refused(path, "is damaged", most=80e6)


def test_a_head_that_has_more_facts_than_a_head_may_have(tmp_path):
    path = tmp_path / "long.gguf"
    entries = [
        struct.pack("<Q", 2) + f"{i:02}".encode() + struct.pack("<IIQ", 9, 4, 4_000_000) for i in range(5)
    ]
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 5))
        for entry in entries:
            file.write(entry)
            file.seek(16_000_000, os.SEEK_CUR)
        file.truncate(file.tell() + 16_000_000)
    refused(path, "its head is too long", most=80e6)


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[31mred", "x" * 201, "a\0b"])
def test_names_of_tensors_that_no_line_could_show(tmp_path, name):
    good = gguf_files.write(tmp_path / "names.gguf", small_facts(), small_tensors(extra=(4,)))
    damaged, mark = good.read_bytes(), struct.pack("<Q", 5) + b"extra"
    good.write_bytes(damaged.replace(mark, struct.pack("<Q", len(name)) + name.encode()))
    refused(good, "the name of a tensor is empty, too long, or no text")


@pytest.mark.parametrize(
    "fact", ["vocab_size", "expert_count", "rope.scaling.type", "rope.dimension_count", "block_count"]
)
def test_facts_of_many_characters_are_cut_in_a_sentence(tmp_path, fact):
    facts = small_facts(**{fact: "so\n" * 100_000})
    refused(gguf_files.write(tmp_path / "long.gguf", facts, small_tensors()))


@pytest.mark.parametrize("offset", [2**64 - 32, 2**64 - 1, 2**63, 2**62])
def test_a_tensor_before_the_beginning_or_behind_the_end(good, offset):
    """Numbers that wrap around would lead into the head."""
    damaged = bytearray(good.read_bytes())
    place = damaged.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 16 + 4
    damaged[place : place + 8] = struct.pack("<Q", offset)
    good.write_bytes(damaged)
    refused(good, "lies on another, or behind the end of the file")


@pytest.mark.parametrize("sizes", [[], [0], [4, 0], [1] * 5, [1] * 70, [2**63] * 4, [2**32, 2**32]])
def test_dimensions_that_no_tensor_has(good, sizes):
    damaged, name = good.read_bytes(), b"output_norm.weight"
    whole = name + struct.pack("<IQ", 1, 4)
    assert damaged.count(whole) == 1
    new = name + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
    good.write_bytes(damaged.replace(whole, new))
    refused(good, "is damaged")


def test_tensors_that_lie_on_each_other(good, tmp_path):
    """A small file could claim a large model so."""
    damaged = bytearray(good.read_bytes())
    place = damaged.index(b"blk.0.ffn_up.weight") + len(b"blk.0.ffn_up.weight") + 4 + 16 + 4
    damaged[place : place + 8] = struct.pack("<Q", 0)
    path = tmp_path / "same.gguf"
    path.write_bytes(damaged)
    refused(path, "lies on another")


# What is another kind of model --------------------------------------------------------------------------


def test_tensors_that_are_missing_left_over_or_of_another_shape(tmp_path):
    path = tmp_path / "other.gguf"
    for change, sentence in (
        ({"blk.0.ffn_up.weight": None}, "the tensor blk.0.ffn_up.weight is missing"),
        ({"blk.0.ffn_up.weight": (4, 32)}, r"the tensor blk.0.ffn_up.weight is of shape \(4, 32\)"),
        ({"rope_freqs.weight": (1,)}, "the tensor rope_freqs.weight has no place in our GPT"),
        ({"token_embd.weight": None}, "it has no table of tokens"),
    ):
        gguf_files.write(path, small_facts(), small_tensors(**change))
        refused(path, sentence)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"expert_count": 4}, "llama.expert_count=4, but our GPT can only be 0"),
        ({"rope.scaling.type": "yarn"}, "rope.scaling.type='yarn', but our GPT can only be 'none'"),
        ({"rope.dimension_count": 1}, "our heads are as wide as they turn and look: 2"),
        ({"rope.scale_linear": 2.0}, "llama.rope.scale_linear=2.0, but our GPT can only be 1.0"),
        ({"attention.causal": False}, "llama.attention.causal=False, but our GPT can only be True"),
        ({"attention.sliding_window": 512}, "llama.attention.sliding_window=512"),
        ({"final_logit_softcapping": 30.0}, "llama.final_logit_softcapping=30.0"),
        ({"vocab_size": 9}, "it has 7 rows in its table of tokens, but says 9"),
    ],
)
def test_parts_that_our_gpt_does_not_have(tmp_path, facts, sentence):
    refused(gguf_files.write(tmp_path / "parts.gguf", small_facts(**facts), small_tensors()), sentence)


def test_another_architecture(tmp_path):
    facts = {name.replace("llama", "mamba"): value for name, value in small_facts().items()}
    path = gguf_files.write(tmp_path / "mamba.gguf", facts, small_tensors())
    refused(path, "it holds a model of the kind 'mamba'; only llama and gpt2 are known")


def test_another_quantization(tmp_path):
    refused(
        _stored_as_q5(tmp_path),
        "the tensor blk.0.ffn_down.weight is stored as Q5_0; only F32, F16, Q8_0, Q4_0, Q4_1",
    )


def _stored_as_q5(folder):
    import gguf

    path = folder / "q5.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for name, value in small_facts().items():
        (writer.add_float32 if isinstance(value, float) else writer.add_uint32)(name, value)
    for name, array in small_tensors().items():
        kind = gguf.GGMLQuantizationType.Q5_0
        if name == "blk.0.ffn_down.weight":
            writer.add_tensor(name, gguf.quants.quantize(array.astype(np.float32), kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, array.astype(np.float32))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"model": "llama"}, "of the kind 'llama'"),
        ({"model": "gpt2", "pre": "smollm", "tokens": ["a"] * 9, "merges": ["a a"]}, None),
        ({"model": "gpt2", "pre": "gpt-2", "tokens": [1, 2], "merges": ["a a"]}, "needed a list of texts"),
        (
            {"model": "gpt2", "pre": "gpt-2", "tokens": list("abcdefgh"), "merges": []},
            "has 8 tokens, but its model knows only 7",
        ),
    ],
)
def test_tokenizers_that_do_not_fit(tmp_path, facts, sentence):
    named = {f"tokenizer.ggml.{name}": value for name, value in facts.items() if value != []}
    if facts.get("merges") == []:
        named["tokenizer.ggml.merges"] = ["a b"]
        named["tokenizer.ggml.tokens"] = [*"abcdefg", "ab"]
    refused(gguf_files.write(tmp_path / "t.gguf", {**small_facts(), **named}, small_tensors()), sentence)


def test_dtypes_that_are_none(good):
    for dtype in ("float16", "int8", None, 3):
        with pytest.raises(ValueError, match="it must be one of float32, bfloat16, quicker"):
            import_gguf(good, dtype)


def test_names_of_tensors_that_there_are_not(good):
    with pytest.raises(ValueError, match="has no tensor 'norm'"):
        Container(good).read("norm")
