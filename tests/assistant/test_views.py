"""The views of notebook 11: a talk on the page, what fits into the context, the chat without a browser."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
import torch

from course_lib import figures as viz
from course_lib.assistant import Chat, views
from course_lib.tokens import CharTokenizer


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No figure stays open after a test."""
    yield
    from matplotlib import pyplot

    pyplot.close("all")


TALK = [
    {"role": "system", "content": "Answer in Chinese."},
    {"role": "user", "content": "Is <b> & bold?"},
    {"role": "assistant", "content": "故事里没有说。"},
]

# A talk -----------------------------------------------------------------------------------------------------


def test_a_transcript_names_the_roles_and_escapes_what_was_said():
    shown = views.transcript(TALK)
    assert str(shown) == "System: Answer in Chinese.\nYou: Is <b> & bold?\nAssistant: 故事里没有说。"
    assert "Is &lt;b&gt; &amp; bold?" in shown.html and "<b>Assistant</b>" in shown.html
    assert "<b> &" not in shown.html


def test_a_transcript_takes_other_names_and_a_note():
    names = {"system": "系统", "user": "你", "assistant": "助手"}
    shown = views.transcript(TALK[1:], names, note="2 < 3")
    assert str(shown).startswith("你: ") and str(shown).endswith("\n2 < 3") and "2 &lt; 3" in shown.html
    assert str(views.transcript([])) == ""


# What fits --------------------------------------------------------------------------------------------------


def test_fitting_draws_each_message_as_long_as_it_is():
    roles, lengths = ["system", "user", "assistant", "user"], [4, 30, 20, 10]
    ax = views.fitting(roles, lengths, [True, False, False, True], budget=25)
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == [4, 30, 20, 10, 4, 10]
    lefts = [bar.get_x() for bar in ax.patches]
    assert lefts == [0, 4, 34, 54, 0, 4]
    assert list(ax.lines[0].get_xdata()) == [25, 25]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["system", "user", "assistant"]
    assert viz.picture(ax).alt.endswith("Kept: system 4, user 10, together 14 of at most 25.")


def test_fitting_puts_the_numbers_of_small_blocks_above_and_below_by_turns():
    ax = views.fitting(["user", "assistant", "user", "assistant"], [90, 2, 1, 7], [True] * 4, budget=100)
    places = {text.get_text(): text.get_position()[1] for text in ax.texts[:4]}
    assert places["90"] == places["7"] == 1 and places["1"] < 0.7 < 1.3 < places["2"]


def test_fitting_may_keep_nothing_and_wants_one_mark_for_each_message():
    ax = views.fitting(["user", "assistant"], [3, 5], [False, False], budget=2)
    assert "Kept: nothing, together 0" in ax.course_alt
    with pytest.raises(ValueError):
        views.fitting(["user", "assistant"], [3, 5], [True], budget=2)


# A chat -----------------------------------------------------------------------------------------------------


class Talker:
    """What a chat box is given: it repeats each word, waiting before each until it may go on."""

    def __init__(self, free: bool = True) -> None:
        self.may = threading.Semaphore(100 if free else 0)
        self.written = threading.Semaphore(0)
        self.stopped = False
        self.cleared = 0

    def send(self, text: str) -> Iterator[str]:
        if "long" in text:
            raise ValueError("the message is too long")
        self.stopped = False
        for word in text.split():
            self.may.acquire(timeout=10)
            if self.stopped:
                return
            yield f"{word} "
            self.written.release()

    def stop(self) -> None:
        self.stopped = True
        self.may.release()

    def clear(self) -> None:
        self.cleared += 1


def box_of(talker: Talker, **options) -> views.ChatBox:
    return views.ChatBox(talker.send, talker.stop, talker.clear, **options)


def test_enter_and_send_do_the_same():
    box = box_of(Talker())
    box.line.value = "one two"
    box.line._handle_custom_msg({"event": "submit"}, [])  # what the front end sends on Enter
    box.wait()
    box.line.value = "three\\nfour"
    box.buttons["send"].click()
    box.wait()
    assert [message["content"] for message in box.messages] == [
        "one two",
        "one two ",
        "three\nfour",
        "three four ",
    ]
    assert box.line.value == "" and "three four" in box.page.value


def test_letters_that_come_after_enter_are_waited_for():
    box = box_of(Talker())
    box.line.value = "good mor"
    box.line._handle_custom_msg({"event": "submit"}, [])
    box.line.value = "good morning"  # the front end sends letters and keys by different ways
    box.wait()
    assert [message["content"] for message in box.messages] == ["good morning", "good morning "]
    assert box.line.value == "" and not box.writing


def test_other_messages_of_the_line_and_empty_texts_send_nothing():
    box = box_of(Talker())
    box.line.value = "hello"
    box.line._handle_custom_msg({"event": "focus"}, [])
    box.say("   ")
    assert box.messages == [] and not box.writing


def test_stop_keeps_what_was_said_and_is_heard_while_it_writes():
    talker = Talker(free=False)
    box = box_of(talker)
    box.say("one two three")
    talker.may.release()
    assert talker.written.acquire(timeout=10)
    assert box.writing and box.buttons["send"].disabled and not box.buttons["stop"].disabled
    box.say("while it writes")  # nothing happens
    box.buttons["stop"].click()
    box.wait()
    assert box.messages[-1] == {"role": "assistant", "content": "one "} and len(box.messages) == 2
    assert not box.writing and not box.buttons["send"].disabled and box.buttons["stop"].disabled


def test_stop_without_an_answer_does_nothing():
    talker = Talker()
    box_of(talker).halt()
    assert not talker.stopped


def test_clear_stops_and_forgets():
    talker = Talker(free=False)
    box = box_of(talker)
    box.say("one two three")
    box.buttons["clear"].click()
    assert box.messages == [] and talker.cleared == 1 and not box.writing
    assert str(box.transcript()) == ""


def test_a_refused_message_is_put_back_into_the_line_with_the_reason():
    box = box_of(Talker())
    box.say("fine")
    box.wait()
    box.say("too long\nfor it")
    box.wait()
    assert len(box.messages) == 2 and not box.writing
    assert box.line.value == "too long\\nfor it" and "the message is too long" in box.page.value
    box.say("short")
    box.wait()
    assert "too long" not in str(box.transcript())


def test_examples_are_sent_by_a_click_and_the_note_is_shown():
    box = box_of(
        Talker(), examples={"greet": "good\nday"}, note=lambda: "1 forgotten", words={"send": "发送"}
    )
    box.examples[0].click()
    box.wait()
    assert str(box.transcript()) == "You: good\nday\nAssistant: good day \n1 forgotten"
    assert box.buttons["send"].description == "发送" and box.buttons["stop"].description == "Stop"


# Every button alone and in any order: with a real chat, and a model that counts on ------------------------

MARKS = [f"<|{name}|>" for name in ("end", "endoftext", "system", "user", "assistant")]
LETTERS = "!?Hi"
BUTTONS = ("send", "stop", "clear", "example 0", "example 1")


def counting_chat() -> tuple[Chat, views.ChatBox]:
    """After n its model says n + 1, after 8 it says 0: all the letters behind <|assistant|>, then <|end|>."""
    chat = Chat(
        lambda ids: torch.nn.functional.one_hot((ids + 1) % 9, 9).float(), CharTokenizer(LETTERS, MARKS)
    )
    return chat, views.ChatBox(chat.send, chat.stop, chat.clear, examples={"one": "H!", "two": "i"})


def press(box: views.ChatBox, name: str) -> None:
    kind, _, number = name.partition(" ")
    (box.examples[int(number)] if number else box.buttons[kind]).click()


@pytest.mark.parametrize("first, second", list(itertools.product(BUTTONS, BUTTONS)))
def test_any_button_does_the_same_after_any_other(first, second):
    chat, box = counting_chat()
    for number, name in enumerate((first, second, second)):
        box.line.value = "?" if name == "send" else ""
        before = [] if name == "clear" else list(box.messages)
        press(box, name)
        box.wait()
        asked = {"send": "?", "example 0": "H!", "example 1": "i"}.get(name)
        said = [{"role": "user", "content": asked}, {"role": "assistant", "content": LETTERS}]
        assert box.messages == before + said * (asked is not None), number
        assert chat.history == box.messages and not box.writing
        assert not box.buttons["send"].disabled and box.buttons["stop"].disabled


@pytest.mark.parametrize("name", BUTTONS)
def test_any_button_works_after_an_answer_was_stopped(name):
    chat, box = counting_chat()
    box.say("H")
    press(box, "stop")
    box.wait()
    cut = list(box.messages)
    assert cut[0]["content"] == "H" and chat.history == cut
    box.line.value = "?"
    press(box, name)
    box.wait()
    kept = [] if name == "clear" else cut
    assert box.messages[: len(kept)] == kept and chat.history == box.messages
    assert len(box.messages) == len(kept) + 2 * (name not in ("stop", "clear"))


def test_stop_is_heard_before_the_first_word():
    chat, box = counting_chat()
    begin = threading.Event()

    def slow(text: str) -> Iterator[str]:
        begin.wait(10)
        return chat.send(text)

    box._send = slow
    box.say("H")
    press(box, "stop")  # the chat doesn't know yet that it is asked something
    begin.set()
    box.wait()
    assert box.messages[-1]["content"] == LETTERS[0] and chat.history == box.messages and not box.writing


def test_an_example_leaves_what_stands_in_the_line():
    box = counting_chat()[1]
    box.line.value = "half a sent"
    press(box, "example 0")
    box.wait()
    assert box.line.value == "half a sent" and len(box.messages) == 2


def test_enter_while_it_writes_keeps_the_line_and_disturbs_no_clear():
    talker = Talker(free=False)
    box = box_of(talker)
    box.say("one two three")
    box.line.value = "next"
    box.line._handle_custom_msg({"event": "submit"}, [])
    box._timer.join(10)
    assert box.writing and box.line.value == "next"
    press(box, "clear")
    assert box.messages == [] and not box.writing and str(box.transcript()) == "" and box.line.value == "next"


def test_clear_right_after_enter_sends_nothing():
    chat, box = counting_chat()
    box.line.value = "H"
    box.line._handle_custom_msg({"event": "submit"}, [])
    press(box, "clear")
    box.wait()
    assert box.messages == chat.history == [] and box.line.value == "H"


def test_it_can_be_displayed_without_a_front_end(capsys):
    box_of(Talker())._ipython_display_()
    assert capsys.readouterr().err == ""


def test_the_talk_goes_round():
    ax = views.talk_loop()
    labels = [text.get_text() for text in ax.texts]
    assert {"you", "template", "model", "decode"} <= {*labels} and "all messages" in labels
    assert "the whole talk goes round again" in ax.course_alt


def test_what_is_not_learned_has_an_empty_target():
    ax = views.masked_talk(["user", "user", "assistant"], ["90", "5", "3"], [False, False, True])
    assert [text.get_text() for text in ax.texts] == ["ids", "targets", "90", "5", "3", "", "", "3"]
    assert [bool(patch.get_hatch()) for patch in ax.patches] == [False] * 3 + [True] * 2 + [False]
    with pytest.raises(ValueError, match="masked_talk"):
        views.masked_talk(["user"], ["90", "5"], [False])
