"""The bug and the reading of notebook 07: the symptom is there, right repairs pass, wrong ones are named."""

from __future__ import annotations

import pytest
import torch

from course_lib.exercises import State
from course_lib.interop import exercises as ex
from course_lib.tokens.bpe import byte_alphabet


def strange(letters, text):
    """The letters of a text that no vocabulary holds."""
    return [letters[byte] for byte in text.encode() if letters[byte] not in byte_alphabet().values()]


def test_the_letters_are_right_in_english_and_astray_elsewhere():
    letters = ex.letters_astray.faulty()
    assert not strange(letters, " the end, café\n") and not strange(letters, "好")
    assert len(strange(letters, "的")) == 2 and strange(letters, "à")


def test_mended_they_are_those_of_the_vocabulary():
    assert ex.letters_astray.reference() == byte_alphabet()


def by_a_list():
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in own]
    return {byte: chr(byte) if byte in own else chr(256 + moved.index(byte)) for byte in range(256)}


def by_an_iterator():
    free = iter(range(256, 512))
    stays = lambda byte: 33 <= byte <= 126 or (byte >= 161 and byte != 173)  # noqa: E731
    return {byte: chr(byte if stays(byte) else next(free)) for byte in range(256)}


def by_those_so_far():
    letters = {}
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + sum(letter >= chr(256) for letter in letters.values()))
    return letters


@pytest.mark.parametrize("answer", [by_a_list, by_an_iterator, by_those_so_far])
def test_other_repairs_of_the_letters_pass(answer):
    assert ex.letters_astray.judge(answer).right


def counting(first=0, everywhere=False):
    """The loop with a counter that begins elsewhere, or counts more."""

    def letters():
        made, moved = {}, first
        for byte in range(256):
            stays = 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte
            made[byte] = chr(byte) if stays else chr(256 + moved)
            moved += everywhere or not stays
        return made

    return letters


WRONG = {
    "256 plus the byte, instead of 256 plus a counter": counting(everywhere=True),
    "the counter starts at one": counting(first=1),
    "one fixed number is taken off for all bytes above 126": lambda: {
        byte: letter if ord(letter) < 256 or byte < 127 else chr(162 + byte)
        for byte, letter in ex.letters_astray.faulty().items()
    },
    "every byte is its own character": lambda: {byte: chr(byte) for byte in range(256)},
}


@pytest.mark.parametrize(("name", "answer"), WRONG.items(), ids=list(WRONG))
def test_wrong_repairs_of_the_letters_are_named(name, answer):
    feedback = ex.letters_astray.judge(answer)
    assert (feedback.state, feedback.mistake) == (State.WRONG, name)


# A square matrix ------------------------------------------------------------------------------------------


def test_a_square_matrix_has_its_shape_either_way():
    given = torch.arange(4.0).reshape(2, 2)
    turned = ex.to_linear.reference({"transformer.h.0.attn.c_proj.weight": given}).popitem()[1]
    assert turned.shape == given.shape and not torch.equal(turned, given)
    assert ex.square_matrix.judge("(B)").right
    assert all(ex.square_matrix.judge(letter).mistake for letter in "acd")


# What fits on the laptop? ---------------------------------------------------------------------------------


def test_two_bytes_a_number_fill_the_laptop():
    numbers = int(ex.billions_on_a_laptop.reference * 1e9)
    assert ex.weight_bytes.reference([(numbers,)], torch.bfloat16) == 16e9


@pytest.mark.parametrize("answer", [8, 8.0, 7.5, 8.5])
def test_about_eight_billions_are_right(answer):
    assert ex.billions_on_a_laptop.judge(answer).right


@pytest.mark.parametrize("answer", [4, 32, 16, 7])
def test_other_lines_are_told_why_not(answer):
    feedback = ex.billions_on_a_laptop.judge(answer)
    assert feedback.state is State.WRONG and feedback.mistake
