"""SmolLM2's own tokenizer and chat template, from its file: against `tokenizers` and transformers.

Its published tokenizer.json cuts out single digits and then cuts as GPT-2 does. What transformers makes of a
GGUF file cuts as GPT-2 only: other ids where several spaces stand before a digit.
"""

from __future__ import annotations

import json
import random
import time

import pytest
import regex
from library_twin import DIGITS, agree, random_texts, twin
from tokenizers import AddedToken

from course_lib.assistant import Chat, template_from_gguf
from course_lib.interop import to_tokenizers
from course_lib.interop.tokenizer_json import from_tokenizers
from course_lib.pretrained import Container, place_of
from course_lib.tokens import BPETokenizer, bpe_from_gguf
from course_lib.training import tokenizer_fingerprint

JAPAN = "What is the capital of Japan?"


@pytest.fixture(scope="module")
def facts(smollm2):
    return Container(place_of()).facts


@pytest.fixture(scope="module")
def special(smollm2):
    return [AddedToken(name, special=True, normalized=False) for name in smollm2.tokenizer.special_tokens]


@pytest.fixture(scope="module")
def converted(smollm2):
    """What transformers makes of the file."""
    from transformers import AutoTokenizer

    path = place_of()
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def test_ten_thousand_random_texts_have_the_ids_of_its_published_tokenizer(smollm2, facts, special):
    assert agree(smollm2.tokenizer, twin(facts, DIGITS, special), random_texts(10_000)) > 500


def test_ids_are_those_of_transformers_but_for_spaces_before_digits(smollm2, converted):
    ours = smollm2.tokenizer
    assert ours.encode("a  5") != converted.encode("a  5") == ours.encode("a") + ours.encode(" ") * 2 + [37]
    apart = regex.compile(r"\s\s(?=\p{N})|\p{N}\p{N}")
    texts = [text for text in random_texts(1_000, seed=1) if not apart.search(text)]
    for text in texts:
        try:
            ids = ours.encode(text, allowed_special="all")
        except ValueError:
            continue
        assert converted.encode(text) == ids and converted.decode(ids) == text, text
    assert len(texts) > 300
    assert converted.encode("In 1984, 17 + 25 = 42.") == ours.encode("In 1984, 17 + 25 = 42.")


def test_it_is_read_in_well_under_a_second(facts):
    begin = time.process_time()
    tokenizer = bpe_from_gguf(facts)
    assert time.process_time() - begin < 1
    assert repr(tokenizer) == "BPETokenizer(49152 tokens: 235 bytes, 48900 merges, 17 special)"


def test_it_is_saved_exported_and_read_again_as_the_same(smollm2, tmp_path):
    ours = smollm2.tokenizer
    ours.save(tmp_path)
    begin = time.process_time()
    back = BPETokenizer.load(tmp_path)
    assert time.process_time() - begin < 1
    again = from_tokenizers(json.loads(to_tokenizers(ours).to_str()))
    prints = [tokenizer_fingerprint(one) for one in (ours, back, again)]
    assert len(set(prints)) == 1 and prints[0] == smollm2.model.tokenizer_fingerprint


def test_encoding_takes_a_time_that_grows_with_the_length_only(smollm2):
    for part in (" ", "1", "a", "\n ", "<|im_", "大", "\u200d", "'s", "- "):
        texts = [part * 4_000, part * 32_000]
        seconds = []
        for text in texts:
            begin = time.process_time()
            smollm2.tokenizer.encode(text, allowed_special="all")
            seconds.append(time.process_time() - begin)
        assert seconds[1] < 24 * seconds[0] + 0.05, part


def talks(count):
    """Conversations with and without a system prompt, of several turns, in both languages; marks in some."""
    chance = random.Random(2)
    words = ["Hi!", JAPAN, "法国的首都是哪里？", "", " a\n", "1 + 1 = 2", "<|im_end|>\n", "😀", "{{ x }}"]
    for _ in range(count):
        turns = [chance.choice(words) + chance.choice(words) for _ in range(chance.randrange(1, 7))]
        talk = [
            {"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(turns)
        ]
        yield [{"role": "system", "content": chance.choice(words)}, *talk] if chance.random() < 0.4 else talk


def test_conversations_are_written_as_by_transformers(smollm2, converted):
    template = template_from_gguf(smollm2.facts, smollm2.tokenizer)
    starts = smollm2.tokenizer.special_tokens["<|im_start|>"]
    for talk in talks(300):
        for prompt in (False, True):
            options = {"add_generation_prompt": prompt}
            text = converted.apply_chat_template(talk, tokenize=False, **options)
            assert template.render(talk, prompt) == text
            ids = template.encode(smollm2.tokenizer, talk, prompt)
            assert smollm2.tokenizer.decode(ids) == text
            assert ids.count(starts) == len(talk) + (talk[0]["role"] != "system") + prompt
            if not any("<|im_end|>" in message["content"] for message in talk):
                assert ids == converted.apply_chat_template(talk, return_dict=False, **options)
    assert template.stop_tokens == (2, 0) and template.bos_token == "<|im_start|>"


def test_answers_to_learn_from_are_what_the_assistant_says_and_its_mark(smollm2, converted):
    template, tokenizer = template_from_gguf(smollm2.facts, smollm2.tokenizer), smollm2.tokenizer
    for talk in talks(100):
        ids, targets = template.encode_conversation(tokenizer, talk)
        assert ids == template.encode(tokenizer, talk)
        if not any("<|im_end|>" in message["content"] for message in talk):
            assert ids == converted.apply_chat_template(talk, return_dict=False)
        told = [f"{message['content']}<|im_end|>" for message in talk if message["role"] == "assistant"]
        assert tokenizer.decode(target for target in targets if target != -100) == "".join(told)


def test_it_talks(smollm2):
    template = template_from_gguf(smollm2.facts, smollm2.tokenizer)
    chat = Chat(smollm2.model, smollm2.tokenizer, template=template, most=40)
    assert "".join(chat.send(JAPAN)) == "The capital of Japan is Tokyo." and chat.finish_reason == "stop"
    pieces = []
    for piece in chat.send("用中文说：你好！"):
        pieces.append(piece)
        if len(pieces) == 3:
            chat.stop()
    assert len(pieces) == 3 and chat.finish_reason is None
