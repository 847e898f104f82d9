"""A chat to type in: the talk, a line, examples to click, and buttons.

Callables come in, a widget goes out. It does not know models or how an answer is written; ipywidgets is
loaded when it is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from course_lib.assistant.views.talks import transcript
from course_lib.figures.arguments import checked, no_others
from course_lib.figures.shown import Html

WORDS = {"send": "Send", "stop": "Stop", "clear": "Clear", "hint": "Write here and press Enter"}
SETTLED = 0.3  # seconds without a new letter


class ChatBox:
    """A chat in a notebook: what was said, a line to write in, examples to click, Send, Stop and Clear.

    `send(text)` gives the answer in pieces, which are shown as they come; `stop()` and `clear()` are called
    by their buttons, and `note()` gives a line that stands below the talk. The answer is written in a thread
    of its own, so that Stop is heard meanwhile. In the line, \\n stands for the end of a line.

    >>> box = ChatBox(lambda text: iter(["You said ", text]), stop=lambda: None, clear=lambda: None)
    >>> box.say("Hi!")
    >>> box.wait()
    >>> box.transcript()
    You: Hi!
    Assistant: You said Hi!
    """

    @checked()
    def __init__(
        self,
        send: Callable[[str], Iterable[str]],
        stop: Callable[[], object],
        clear: Callable[[], object],
        note: Callable[[], str] = str,
        examples: Mapping[str, str] | None = None,
        words: Mapping[str, str] | None = None,
    ) -> None:
        self._send, self._stop, self._clear, self._note = send, stop, clear, note
        self.messages: list[dict[str, str]] = []
        self.writing = False
        self._entered = False
        self._problem = ""
        self._halted = False
        self._thread: threading.Thread | None = None  # the one that writes
        self._timer: threading.Timer | None = None  # the one that waits for the last letters
        no_others("ChatBox", "words", words or {}, WORDS)
        self._build(examples or {}, WORDS | (words or {}))
        self._draw()

    def _build(self, examples: Mapping[str, str], words: Mapping[str, str]) -> None:
        import ipywidgets as widgets

        self.page = widgets.HTML()
        self.line = widgets.Text(placeholder=words["hint"], layout=widgets.Layout(width="32em"))
        self.line.on_msg(self._on_message)
        self.line.observe(lambda _: self._settle(), "value")
        self.buttons = {
            name: widgets.Button(description=words[name], layout=widgets.Layout(width="5.5em"))
            for name in ("send", "stop", "clear")
        }
        for name, act in (("send", self.say), ("stop", self.halt), ("clear", self.reset)):
            self.buttons[name].on_click(lambda _, act=act: act())
        self.examples = [widgets.Button(description=name, tooltip=text) for name, text in examples.items()]
        for button in self.examples:
            button.layout.width = "auto"
            button.on_click(lambda clicked: self.say(clicked.tooltip))
        rows = [self.page, widgets.HBox([self.line, *self.buttons.values()]), widgets.HBox(self.examples)]
        self.widget = widgets.VBox(rows)

    def _on_message(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        if content.get("event") == "submit":  # Enter
            self._entered = True
            self._settle()

    def _settle(self) -> None:
        """After Enter, send the line once it is still: the last letters may come later than the key."""
        if self._entered:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(SETTLED, self._enter)
            self._timer.start()

    def _enter(self) -> None:
        if self._entered:
            self._entered = False
            self.say()

    @checked()
    def say(self, text: str | None = None) -> None:
        """Send a text, by default what stands in the line, unless an answer is being written.

        What stands in the line stays there when another text is sent.
        """
        from_line = text is None
        text = (self.line.value if from_line else text).replace("\\n", "\n").strip()
        if self.writing or not text:
            return
        self._problem, self._halted, self.writing = "", False, True
        if from_line:
            self._entered, self.line.value = False, ""
        self.messages += [{"role": "user", "content": text}, {"role": "assistant", "content": ""}]
        self._draw()
        self._thread = threading.Thread(target=self._write, args=(text,), daemon=True)
        self._thread.start()

    def _write(self, text: str) -> None:
        talk = self.messages  # the present one: after Clear there is another
        try:
            for piece in self._send(text):
                talk[-1]["content"] += piece
                self._draw()
                if self._halted:  # before the first piece, `stop` may have come too early to be heard
                    break
        except Exception as problem:  # in a thread, nobody else would see it
            self._problem = str(problem)
            del talk[-2:]
            self.line.value = self.line.value or text.replace("\n", "\\n")
        self.writing = False
        self._draw()

    def halt(self) -> None:
        """Stop the answer that is being written; what there is of it stays."""
        if self.writing:
            self._halted = True
            self._stop()

    def reset(self) -> None:
        """Stop, and forget the whole talk; what stands in the line stays."""
        self._entered = False
        if self._timer is not None:
            self._timer.cancel()
        self.halt()
        self.wait()
        self._clear()
        self.messages, self._problem = [], ""
        self._draw()

    @checked()
    def wait(self, seconds: float = 60.0) -> None:
        """Wait until the line is sent, if Enter was pressed, and the answer is written."""
        if self._timer is not None:
            self._timer.join(seconds)
        if self._thread is not None:
            self._thread.join(seconds)

    def transcript(self) -> Html:
        """The talk so far, to keep on the page."""
        return transcript(self.messages, note=self._problem or self._note())

    def _draw(self) -> None:
        self.page.value = self.transcript().html
        self.buttons["send"].disabled = self.writing
        self.buttons["stop"].disabled = not self.writing
        for button in self.examples:
            button.disabled = self.writing

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget)
