"""tokenizer.json of published models, in small: the ids of the library, out and back, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_twin import LACKED, MARKS
from tokenizers import Tokenizer

from course_lib import runtime
from course_lib.config import GPTConfig
from course_lib.interop import export_to_transformers, import_from_transformers, to_tokenizers
from course_lib.interop.tokenizer_json import from_tokenizers
from course_lib.model import GPT
from course_lib.tokens import GPT2_PATTERN, SINGLE_DIGITS_PATTERN, BPETokenizer
from course_lib.tokens.bpe import byte_alphabet
from course_lib.tokens.files import written
from course_lib.tokens.published import LLAMA3_PATTERN
from course_lib.training import tokenizer_fingerprint

BYTES_ONLY = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
GPT2 = {**BYTES_ONLY, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}


def split(pattern, behavior="Isolated"):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def added(id, name, special=True, **flags):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": id, "content": name, **plain, "special": special, **flags}


def begins_with(name, id):
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": name, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {name: {"id": name, "ids": [id], "tokens": [name]}},
    }
    return {"type": "Sequence", "processors": [{**GPT2, "use_regex": False}, template]}


def content(pre_tokenizer, lacked=(), merges_as=str, extra=(), more=(), post=None, **model):
    """A tokenizer.json with the course's merges; `extra` are tokens that no merge makes, `more` are added."""
    ours = BPETokenizer.load(runtime.data_dir() / "tokenizer")
    pairs = [(written(left), written(right)) for left, right in ours.merges]
    alphabet = [character for byte, character in byte_alphabet().items() if byte not in lacked]
    tokens = [*MARKS, *alphabet, *dict.fromkeys(left + right for left, right in pairs), *extra]
    names = [added(id, name) for id, name in enumerate(MARKS)]
    names += [added(len(tokens) + number, name, **flags) for number, (name, flags) in enumerate(more)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": names,
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post,
        "decoder": {**GPT2, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: id for id, token in enumerate(tokens)},
            "merges": [" ".join(pair) if merges_as is str else list(pair) for pair in pairs],
            **model,
        },
    }


THINK = [("<think>", {"special": False}), ("<mask>", {"lstrip": True}), ("  ", {"special": False})]
PUBLISHED = {
    "as GPT-2": content(GPT2),
    "as SmolLM2": content(sequence(DIGITS, GPT2), lacked=LACKED),
    "digits cut out by a pattern": content(sequence(split(r"\p{N}"), GPT2), merges_as=list),
    "as Llama 3": content(
        sequence(split(LLAMA3_PATTERN), BYTES_ONLY),
        merges_as=list,
        extra=["Ġxylophone", "123"],
        ignore_merges=True,
        post=begins_with("<|im_start|>", 1),
    ),
    "with tokens of users": content(sequence(DIGITS, GPT2), more=THINK),
    "with a token for what is unknown": content(GPT2, lacked=LACKED, unk_token="<|endoftext|>"),
    "nested": content(sequence(sequence(DIGITS), sequence(GPT2)), post=BYTES_ONLY),
}
TEXTS = st.text() | st.lists(
    st.sampled_from(
        [*"a1 \n!", "  ", "the", " xylophone", "12345", "你", "'LL", "é", *MARKS, "<think>", "<mask>"]
    )
).map("".join)


@pytest.mark.parametrize("name", PUBLISHED)
def test_ids_are_those_of_the_library_out_and_back(name):
    theirs = Tokenizer.from_str(json.dumps(PUBLISHED[name]))
    ours = from_tokenizers(PUBLISHED[name])
    again = Tokenizer.from_str(to_tokenizers(ours).to_str())
    before = [] if ours.begin_id is None else [ours.begin_id]

    @settings(max_examples=60, deadline=None)
    @given(TEXTS)
    def check(text):
        if ours.rules.unknown is None and set(text.encode()) & set(LACKED) and "SmolLM2" in name:
            with pytest.raises(ValueError, match="can't be encoded"):
                ours.encode(text)
            return
        ids = ours.encode(text, allowed_special="all")
        assert theirs.encode(text).ids == before + ids == again.encode(text).ids
        assert theirs.decode(ids, skip_special_tokens=False) == ours.decode(ids)

    check()
    back = from_tokenizers(json.loads(to_tokenizers(ours).to_str()))
    assert tokenizer_fingerprint(back) == tokenizer_fingerprint(ours)


def test_what_was_found_in_the_files():
    rules = {name: from_tokenizers(content).rules.changes() for name, content in PUBLISHED.items()}
    assert rules == {
        "as GPT-2": {},
        "as SmolLM2": {"partial": True},
        "digits cut out by a pattern": {},
        "as Llama 3": {"partial": True, "whole_pieces": True, "begin": "<|im_start|>"},
        "with tokens of users": {"added": ("<think>", "  "), "strip_left": ("<mask>",)},
        "with a token for what is unknown": {"partial": True, "unknown": "<|endoftext|>"},
        "nested": {},
    }
    patterns = [from_tokenizers(content).pattern for content in PUBLISHED.values()]
    assert patterns == [
        GPT2_PATTERN, SINGLE_DIGITS_PATTERN, SINGLE_DIGITS_PATTERN, LLAMA3_PATTERN, SINGLE_DIGITS_PATTERN,
        GPT2_PATTERN, SINGLE_DIGITS_PATTERN,
    ]  # fmt: skip


REFUSED = [
    (content(GPT2, dropout=0.1), "draws its merges by chance"),
    (content(GPT2, byte_fallback=True), "has tokens for bytes of its own"),
    (content(GPT2, continuing_subword_prefix="##"), "marks the parts of words"),
    (content(GPT2, fuse_unk=True, unk_token=MARKS[0]), "joins unknown characters"),
    (content(GPT2, more=[("x", {"single_word": True})]), "finds tokens only as whole words"),
    (content({**GPT2, "add_prefix_space": True}), "cuts text in another way"),
    (content(sequence(split(r"\p{N}", "Removed"), GPT2)), "cuts text in another way"),
    (content(sequence(DIGITS, split("a"), GPT2)), "cuts text in another way"),
    (content(sequence({"type": "Digits", "individual_digits": False}, GPT2)), "cuts text in another way"),
    ({**content(GPT2), "normalizer": {"type": "NFC"}}, "normalizes text"),
    (
        content(GPT2, post={"type": "BertProcessing", "sep": ["a", 0], "cls": ["b", 1]}),
        "adds tokens by itself",
    ),
    (content(GPT2, type="WordPiece"), "is a 'WordPiece'"),
]


@pytest.mark.parametrize(("file", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_ours_does_not_do_is_refused_in_one_sentence(file, words):
    with pytest.raises(ValueError, match=words) as caught:
        from_tokenizers(file)
    assert "no plain byte-level BPE" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["as SmolLM2", "as Llama 3", "with tokens of users"])
def test_a_model_with_such_a_tokenizer_is_exported_and_comes_back(name, tmp_path):
    from transformers import AutoTokenizer

    ours = from_tokenizers(PUBLISHED[name])
    shape = {"context_length": 16, "n_layers": 1, "n_heads": 1, "width": 4}
    model = GPT(GPTConfig(vocab_size=ours.vocab_size, **shape, positions="rotary"))
    folder = export_to_transformers(model, ours, tmp_path, stop_tokens=[MARKS[2]])
    theirs, back = AutoTokenizer.from_pretrained(folder), import_from_transformers(folder)[1]
    assert tokenizer_fingerprint(back) == tokenizer_fingerprint(ours)
    for text in ("The cat  12 <|im_end|>\n你好", " xylophone <mask> <think>  x"):
        ids = ours.encode(text, allowed_special="all")
        assert (
            theirs.encode(text, add_special_tokens=False) == ids == back.encode(text, allowed_special="all")
        )
        assert theirs.encode(text) == [*([ours.begin_id] if ours.begin_id is not None else []), *ids]
        assert theirs.encode(text, add_special_tokens=False, split_special_tokens=True) == ours.encode(text)
