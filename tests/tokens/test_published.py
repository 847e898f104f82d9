"""Vocabularies of published models: ids against the `tokenizers` library, what is lacking, mistakes."""

from __future__ import annotations

import json
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_twin import (
    DIGITS,
    LACKED,
    MARKS,
    NEW_DIGITS,
    SPECIAL,
    SPLIT,
    agree,
    first_lacking,
    random_texts,
    twin,
)
from tokenizers import AddedToken

from course_lib import runtime
from course_lib.tokens import SINGLE_DIGITS_PATTERN, BPETokenizer, Rules, bpe_from_gguf
from course_lib.tokens.bpe import byte_alphabet
from course_lib.tokens.files import written
from course_lib.tokens.published import bpe_from_lists
from course_lib.training import tokenizer_fingerprint


def metadata(**changes):
    """A GGUF file's metadata in small: the course's own merges, marks first, some bytes left out."""
    ours = BPETokenizer.load(runtime.data_dir() / "tokenizer")
    alphabet = [character for byte, character in byte_alphabet().items() if byte not in LACKED]
    merges = [f"{written(left)} {written(right)}" for left, right in ours.merges]
    tokens = [*MARKS, *alphabet, *dict.fromkeys(merge.replace(" ", "") for merge in merges)]
    about = {
        "model": "gpt2",
        "pre": "smollm",
        "tokens": tokens,
        "merges": merges,
        "token_type": [3] * len(MARKS) + [1] * (len(tokens) - len(MARKS)),
        "bos_token_id": 1,
        "eos_token_id": 2,
        "add_bos_token": False,
        **changes,
    }
    return {f"tokenizer.ggml.{name}": value for name, value in about.items() if value is not None}


@pytest.fixture(scope="module")
def pair():
    about = metadata()
    return bpe_from_gguf(about), twin(about, DIGITS, SPECIAL)


def test_a_vocabulary_that_lacks_bytes_worked_out_by_hand():
    tokens = ["<end>", "a", "b", "ab", "Ġ", "1", "2", "ĠĠ", "ä", "½", "ł"]
    kinds = [3] + [1] * 10
    about = metadata(
        tokens=tokens, merges=["a b", "Ġ Ġ"], token_type=kinds, bos_token_id=None, eos_token_id=0
    )
    tokenizer = bpe_from_gguf(about)
    assert tokenizer.special_tokens == {"<end>": 0} and tokenizer.vocab_size == 11
    assert tokenizer.encode("ab ab  12") == [3, 4, 3, 7, 5, 6]  # the two spaces before a digit stay together
    assert tokenizer.encode("你b") == [8, 9, 10, 2]
    assert tokenizer.encode("a<end>", allowed_special="all") == [1, 0]
    assert repr(tokenizer) == "BPETokenizer(11 tokens: 8 bytes, 2 merges, 1 special)"
    for text, said in (
        ("ab<end>", r"Character '<' \(U\+003C\) at position 2 can't be encoded.* lacks its byte 0x3C"),
        ("b好", r"Character '好' \(U\+597D\) at position 1 can't be encoded.* lacks its byte 0xE5"),
        ("<end>c", r"Character 'c' \(U\+0063\) at position 5"),
    ):
        with pytest.raises(ValueError, match=said):
            tokenizer.encode(text, allowed_special="all" if text.endswith("c") else ())


def test_ids_are_those_of_the_library_on_random_texts_of_all_scripts(pair):
    assert agree(*pair, random_texts(1_500)) > 100


def test_digits_alone_are_cut_as_by_the_library_beside_every_kind_of_character():
    ours = BPETokenizer([], pattern=SINGLE_DIGITS_PATTERN)
    signs = [
        c for c in map(chr, range(0x20000)) if unicodedata.category(c)[0] in "NZPSC" and c not in "\ud800"
    ]
    signs = [c for c in signs if unicodedata.category(c) not in ("Cs", "Cn", "Co")]
    text = "".join(f"a{c}1{c}!{c}  {c}'s" for c in signs if ord(c) not in NEW_DIGITS)
    pieces = [text[a:b] for _, (a, b) in DIGITS.pre_tokenize_str(text)]
    assert len(signs) > 9_000 and ours.pre_tokens(text) == pieces
    ascii_text = "".join(f"a{chr(x)}{chr(y)}'s 1{chr(y)}  {chr(x)}" for x in range(128) for y in range(128))
    assert ours.pre_tokens(ascii_text) == [
        ascii_text[a:b] for _, (a, b) in DIGITS.pre_tokenize_str(ascii_text)
    ]


def test_a_stream_in_pieces_gives_the_same_ids(pair):
    tokenizer = pair[0]
    for text in random_texts(200, seed=3):
        text = text[: first_lacking(text)]
        pieces = [text[i : i + 3] for i in range(0, len(text), 3)]
        assert list(tokenizer.encode_iterable(pieces, "all")) == tokenizer.encode(text, "all")


# Where the library and ours agree on more than SmolLM2 needs ------------------------------------------------

WORDS = st.lists(
    st.sampled_from([*"ab1 \n\t", "  ", "\u2003", "<think>", "<mask>", "<|im_end|>", "the", "你", "<"])
).map("".join)


def rich(**rules):
    """A vocabulary with added tokens, two of them the users' own."""
    about = metadata()
    names = ["<think>", "<mask>"]
    tokens = [*about["tokenizer.ggml.tokens"], *names]
    about = metadata(tokens=tokens, token_type=[3] * 3 + [1] * (len(tokens) - 5) + [4, 4])
    special = MARKS
    merges = about["tokenizer.ggml.merges"]
    ours = bpe_from_lists(
        tokens, merges, special, SINGLE_DIGITS_PATTERN, Rules(added=tuple(names), **rules), "It"
    )
    return about, ours


def test_marks_are_special_even_among_the_tokens_of_users():
    """Many files have them there; a text that somebody writes would hold them."""
    tokens = ["<end>", "<|im_start|>", "<think>", *"abc"]
    facts = metadata(tokens=tokens, merges=["a b"], token_type=[4, 4, 4, 1, 1, 1], eos_token_id=0)
    facts["tokenizer.ggml.tokens"].append("ab")
    facts["tokenizer.ggml.token_type"].append(1)
    tokenizer = bpe_from_gguf(facts)
    assert tokenizer.special_tokens == {"<end>": 0, "<|im_start|>": 1}
    assert tokenizer.rules.added == ("<think>",) and tokenizer.encode("a<think>b") == [3, 2, 4]


STRIPS = [
    ((), ()),
    (("<mask>",), ()),
    ((), ("<mask>", "<|im_end|>")),
    (("<mask>", "<|im_end|>"), ("<mask>",)),
]


@pytest.mark.parametrize(("left", "right"), STRIPS)
def test_added_tokens_are_found_in_every_text_and_may_swallow_spaces(left, right):
    about, ours = rich(strip_left=left, strip_right=right)
    added = [
        AddedToken(name, special=name in MARKS, normalized=False, lstrip=name in left, rstrip=name in right)
        for name in (*MARKS, "<think>", "<mask>")
    ]
    theirs = twin(about, DIGITS, added)

    @settings(max_examples=60, deadline=None)
    @given(WORDS, st.integers(1, 4))
    def check(text, size):
        ids = ours.encode(text, allowed_special="all")
        assert theirs.encode(text).ids == ids
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        assert list(ours.encode_iterable(pieces, "all")) == ids
        theirs.encode_special_tokens = True
        assert theirs.encode(text).ids == ours.encode(text)
        theirs.encode_special_tokens = False

    check()


def test_users_tokens_are_not_special():
    about, ours = rich()
    assert bpe_from_gguf(about).added_tokens == ours.added_tokens == {
        "<think>": ours.vocab_size - 2, "<mask>": ours.vocab_size - 1,
    }  # fmt: skip
    ids = ours.encode("<think>1<|im_end|>")
    assert ids[0] == ours.added_tokens["<think>"] and 2 not in ids
    assert ours.decode([*ids[:1], 2], skip_special=True) == "<think>"


def test_whole_pieces_are_taken_before_any_merge():
    about = metadata(tokens=[*metadata()["tokenizer.ggml.tokens"], "Ġxylophone", "123"], token_type=None)
    about |= {"tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.add_bos_token": True}
    ours, theirs = bpe_from_gguf(about), twin(about, SPLIT, ignore_merges=True)
    assert ours.rules == Rules(partial=True, whole_pieces=True, begin="<|im_start|>") and ours.begin_id == 1
    for text in (" xylophone xylophones", "1234567", "I'LL\n\n  go\r\n ", "the 123 cats  你好"):
        assert ours.encode(text) == theirs.encode(text).ids
    assert ours.encode(" xylophone") == [ours.vocab_size - 2]


def test_the_pattern_of_llama_3_is_that_of_the_library():
    about = metadata(pre="llama-bpe")
    assert (
        agree(bpe_from_gguf(about), twin(about, SPLIT, SPECIAL, ignore_merges=True), random_texts(500, 5))
        > 30
    )


def test_a_token_may_stand_for_what_is_lacking():
    about = metadata()
    rules = Rules(unknown="<|endoftext|>")
    tokens, merges = (about[f"tokenizer.ggml.{name}"] for name in ("tokens", "merges"))
    ours = bpe_from_lists(tokens, merges, MARKS, SINGLE_DIGITS_PATTERN, rules, "It")
    theirs = twin(about, DIGITS, SPECIAL, unk_token="<|endoftext|>")
    for text in ("a\x04b", "\x1d\x1d the", "\U00045678!"):
        assert ours.encode(text) == theirs.encode(text).ids and 0 in ours.encode(text)


# Files ------------------------------------------------------------------------------------------------------


def test_a_saved_one_is_the_same(tmp_path):
    strips = {"strip_left": ("<mask>",), "strip_right": ("<mask>",)}
    for ours in (bpe_from_gguf(metadata()), rich(begin=MARKS[1], unknown=MARKS[0], **strips)[1]):
        ours.save(tmp_path)
        back = BPETokenizer.load(tmp_path)
        assert tokenizer_fingerprint(back) == tokenizer_fingerprint(ours)
        assert (back.rules, back.special_tokens, back.added_tokens) == (
            ours.rules, ours.special_tokens, ours.added_tokens,
        )  # fmt: skip
        text = "a  12 <mask> 你\n<think>"
        assert back.encode(text, "all") == ours.encode(text, "all")


def test_rules_change_the_fingerprint_and_gpt2s_are_not_written(tmp_path):
    plain = BPETokenizer([], MARKS)
    prints = [tokenizer_fingerprint(BPETokenizer([], MARKS, rules=Rules(**change))) for change in CHANGES]
    assert len({tokenizer_fingerprint(plain), *prints}) == 1 + len(CHANGES)
    plain.save(tmp_path)
    assert set(json.loads((tmp_path / "special_tokens.json").read_text())) == {"special_tokens", "pattern"}


CHANGES = [{"begin": MARKS[1]}, {"begin": MARKS[0]}, {"whole_pieces": True}, {"strip_left": MARKS}]

DAMAGED = [
    ([], "Got the rules"),
    ({"colour": 1}, "needed an object with some of partial, whole_pieces"),
    ({"partial": 3}, "partial"),
    ({"begin": "<s>"}, "begin='<s>', which is not among the special tokens: <|endoftext|>"),
    ({"unknown": ["a"]}, "unknown"),
    ({"added": "ab"}, "needed a list of names"),
    ({"added": ["", "x"]}, "needed different names"),
    ({"added": ["!"]}, "needed different names"),
    ({"added": [MARKS[0]]}, "needed different names"),
    ({"strip_left": ["nobody"]}, "strip_left with 'nobody'"),
]


@pytest.mark.parametrize(("rules", "said"), DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_rules_are_said(rules, said, tmp_path):
    BPETokenizer([], MARKS).save(tmp_path)
    path = tmp_path / "special_tokens.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rules": rules}))
    with pytest.raises(ValueError) as caught:
        BPETokenizer.load(tmp_path)
    assert said in str(caught.value) and "\n" not in str(caught.value)


MISTAKES = [
    ({"model": "llama"}, "is of the kind 'llama'; needed 'gpt2'"),
    ({"model": None}, "is of the kind None"),
    ({"pre": "klingon"}, "cuts text as 'klingon' does; known here are: gpt-2"),
    ({"pre": ["smollm"]}, "cuts text as ['smollm'] does"),
    ({"pre": None}, "cuts text as 'default' does"),
    ({"add_space_prefix": True}, "puts a space before every text"),
    ({"tokens": None}, "tokens are None, needed a list of texts"),
    ({"tokens": ["a", 3]}, "needed a list of texts"),
    ({"merges": "a b"}, "merges are 'a b', needed a list of texts"),
    ({"merges": ["ab"]}, "Merge 0 is 'ab', needed two tokens"),
    ({"merges": ["a  b"]}, "Merge 0 is 'a  b', needed two tokens"),
    ({"merges": ["a Ā"]}, r"is not in the vocabulary"),
    ({"merges": ["a 你"]}, "'你' stands for no byte"),
    ({"token_type": [1, 3]}, "not as many kinds of tokens"),
    ({"token_type": [1] * 3}, "not as many kinds of tokens"),
    ({"bos_token_id": 10**6, "add_bos_token": True}, "bos_token_id is 1000000, which is no token of it"),
    ({"eos_token_id": "x", "token_type": None}, "eos_token_id is 'x'"),
]


@pytest.mark.parametrize(("change", "said"), MISTAKES, ids=range(len(MISTAKES)))
def test_metadata_of_another_kind_is_refused_in_one_sentence(change, said):
    with pytest.raises(ValueError) as caught:
        bpe_from_gguf(metadata(**change))
    assert said in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_tokens_that_come_twice_are_said():
    with pytest.raises(ValueError, match="The token b'a' is listed twice"):
        bpe_from_lists(["a", "b", "a"], [], [], SINGLE_DIGITS_PATTERN, Rules(), "It")
    with pytest.raises(ValueError, match="must be a GGUF file's metadata"):
        bpe_from_gguf(["tokens"])


@pytest.mark.parametrize("text", [" ", "1", "a", "\n ", "<|im", "<mask> ", "'s", "你", "½"])
def test_encoding_is_linear_in_the_length(text):
    tokenizer = rich(strip_left=("<mask>",), strip_right=("<mask>",))[1]

    def seconds(times):
        def once():
            begin = time.process_time()
            tokenizer.encode(text * times, allowed_special="all")
            return time.process_time() - begin

        return min(once() for _ in range(3))

    assert seconds(16_000) < 24 * seconds(2_000) + 0.01  # eight times, were it exactly linear
