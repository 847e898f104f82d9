"""Views of notebook 11: a talk on the page, its way round, what is learned of it, what fits into the context,
and a chat to type in.

Messages, numbers and callables come in; `Html`, Axes or a widget go out. It does not know models, templates
or how an answer is written; matplotlib and ipywidgets are loaded when they are needed.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.assistant.messages import checked as conversation
from course_lib.assistant.messages import content_of
from course_lib.figures.arguments import as_many, checked, no_others
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import BLUE, GREEN, INK, ORANGE
from course_lib.figures.flow import arrow, box, canvas, cells, note
from course_lib.figures.shown import Html

NAMES = {"system": "System", "user": "You", "assistant": "Assistant"}
WORDS = {"send": "Send", "stop": "Stop", "clear": "Clear", "hint": "Write here and press Enter"}
SETTLED = 0.3  # seconds without a new letter
_LOOKS = {  # background, edge, and the space at the left and at the right
    "system": ("#f0f0ee", "#8a8a8a", "0 14% 0 14%"),
    "user": ("#e3eff7", "#0072b2", "0 0 0 14%"),
    "assistant": ("#fdf0d9", "#b35c00", "0 14% 0 0"),
}
_BUBBLE = "border-radius: 4px; padding: 4px 12px; line-height: 1.55; white-space: pre-wrap; color: #1a1a1a"
_FACES = {"system": "#cfcfcb", "user": BLUE, "assistant": ORANGE}


# A talk -----------------------------------------------------------------------------------------------------


@checked("messages")
def transcript(messages: Any, names: Mapping[str, str] = NAMES, note: str = "") -> Html:
    """A talk, message by message: what the user said at the right, what the assistant said at the left.

    >>> transcript([{"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Hello."}])
    You: Hi!
    Assistant: Hello.
    """
    messages = [{**message, "content": content_of(message)} for message in conversation(messages)]
    _check_roles("transcript", [message["role"] for message in messages])
    names = NAMES | names
    bubbles = "".join(_bubble(message["role"], message["content"], names) for message in messages)
    small = f'<div style="font-size: 0.88em; margin: 6px 2px">{html.escape(note)}</div>' if note else ""
    lines = [f"{names[message['role']]}: {message['content']}" for message in messages]
    return Html(f'<div style="max-width: 54em">{bubbles}{small}</div>', "\n".join([*lines, note]).rstrip())


def _check_roles(owner: str, roles: Sequence[str]) -> None:
    for role in roles:
        if role not in _FACES:
            raise ValueError(f"{owner} got the role {role!r}; it must be one of {', '.join(_FACES)}.")


def _bubble(role: str, content: str, names: Mapping[str, str]) -> str:
    back, edge, margin = _LOOKS[role]
    style = f"background-color: {back}; border-left: 4px solid {edge}; {_BUBBLE}"
    name = f'<div style="font-size: 0.82em; margin: 5px 0 1px 0"><b>{html.escape(names[role])}</b></div>'
    return f'<div style="margin: {margin}">{name}<div style="{style}">{html.escape(content)}</div></div>'


# Its way round, and what is learned of it -------------------------------------------------------------------


@checked()
def talk_loop(ax: Any = None) -> Any:
    """The loop of a talk: from the user through program, template and model, and back. Gives the Axes.

    >>> [text.get_text() for text in talk_loop().texts][:2]
    ['you', 'program:\\nthe whole talk so far']
    """
    ax = canvas(ax, 98, 31)
    box(ax, (1, 12, 11, 7), "you", BLUE)
    box(ax, (24, 11, 21, 9), "program:\nthe whole talk so far", INK)
    box(ax, (54, 20, 16, 7), "template", GREEN)
    box(ax, (80, 11, 16, 9), "model", ORANGE)
    box(ax, (54, 4, 16, 7), "decode", GREEN)
    arrow(ax, (12.3, 16.8), (23.7, 16.8))
    arrow(ax, (23.7, 14.2), (12.3, 14.2))
    arrow(ax, (45.3, 17.5), (53.7, 23))
    arrow(ax, (70.3, 23.5), (82, 20.3))
    arrow(ax, (82, 10.7), (70.3, 7.5))
    arrow(ax, (53.7, 7.5), (45.3, 13.5))
    arrow(ax, (93, 20.2), (87, 20.2), bend=-1.3)
    for place, text in (
        ((18, 18.6), "a message"),
        ((18, 12.3), "an answer"),
        ((46, 21.6), "all messages"),
        ((77, 24.4), "ids"),
        ((90, 27.6), "until <|end|>:\none id more"),
        ((77.5, 6.6), "ids"),
        ((46.5, 8.4), "a text"),
    ):
        note(ax, place, text, 8.5)
    ax.course_alt = (
        "You send a message to the program. It sends all messages of the talk so far through the template, "
        "which makes ids of them, to the model. The model adds one id after the other until it says <|end|>; "
        "they are decoded to a text, which the program adds to the talk and shows to you as the answer. With "
        "your next message the whole talk goes round again."
    )
    return ax


@checked("roles", "pieces", "learned")
def masked_talk(roles: Sequence[str], pieces: Sequence[str], learned: Sequence[bool], ax: Any = None) -> Any:
    """The pieces of a talk in a row, coloured by whose they are, and below the targets. Gives the Axes.

    Where nothing is learned, the target's cell is empty.

    >>> masked_talk(["user", "assistant"], ["5", "3"], [False, True]).course_alt
    'Ids: 5 (user), 3 (assistant). Learned: 3.'
    """
    _check_roles("masked_talk", roles)
    as_many("masked_talk", roles=roles, pieces=pieces, learned=learned)
    ax = canvas(ax, 12 + 7.5 * len(pieces), 13, 0.11)
    for bottom, name in ((6.5, "ids"), (1.5, "targets")):
        note(ax, (10, bottom + 2), name, align="right")
    cells(ax, (11, 6.5), pieces, [_LOOKS[role][0] for role in roles], (7.5, 4))
    goals = [piece if counts else "" for piece, counts in zip(pieces, learned, strict=True)]
    faces = [_LOOKS[role][0] if counts else "" for role, counts in zip(roles, learned, strict=True)]
    cells(ax, (11, 1.5), goals, faces, (7.5, 4))
    ids = ", ".join(f"{piece} ({role})" for piece, role in zip(pieces, roles, strict=True))
    ax.course_alt = f"Ids: {ids}. Learned: {', '.join(goal for goal in goals if goal) or 'nothing'}."
    return ax


# What fits --------------------------------------------------------------------------------------------------


@checked("roles", "lengths", "kept")
def fitting(
    roles: Sequence[str], lengths: Sequence[int], kept: Sequence[bool], budget: int, ax: Any = None
) -> Any:
    """All messages, and those that are kept, as blocks as long as their tokens, end to end. Gives the Axes.

    >>> fitting(["user", "assistant", "user"], [5, 2, 3], [False, False, True], budget=8).course_alt
    'Messages: user 5, assistant 2, user 3; together 10 tokens. Kept: user 3, together 3 of at most 8.'
    """
    _check_roles("fitting", roles)
    as_many("fitting", roles=roles, lengths=lengths, kept=kept)
    for length in (*lengths, budget):
        whole("fitting", "a length", length, 0)
    ax = axes_for(ax, (8.2, 2.1))
    some = [(role, length) for role, length, keep in zip(roles, lengths, kept, strict=True) if keep]
    everything = list(zip(roles, lengths, strict=True))
    for y, blocks in ((1, everything), (0, some)):
        left, up = 0, False
        for role, length in blocks:
            ax.barh(y, length, 0.55, left, facecolor=_FACES[role], edgecolor="white", lw=0.6)
            small = length <= 0.035 * sum(lengths)  # its number stands above or below, by turns
            up = small and not up
            place = y + (0.42 if up else -0.42) * small
            ink = "white" if role == "user" and not small else INK
            ax.text(left + length / 2, place, str(length), ha="center", va="center", fontsize=9, color=ink)
            left += length
    ax.axvline(budget, color=GREEN, lw=1.6, ls=(0, (5, 3)))
    ax.set_yticks([1, 0], ["all messages", "those kept"])
    ax.set(xlabel="tokens", xlim=(0, 1.02 * max(budget, sum(lengths))), ylim=(-0.6, 1.6))
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    _role_legend(ax, roles)
    ax.course_alt = (
        f"Messages: {_listed(everything)}; together {sum(lengths)} tokens. "
        f"Kept: {_listed(some)}, together {sum(length for _, length in some)} of at most {budget}."
    )
    return ax


def _role_legend(ax: Any, roles: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    shown = [Patch(facecolor=face, label=role) for role, face in _FACES.items() if role in roles]
    ax.legend(handles=shown, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=9)


def _listed(blocks: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{role} {length}" for role, length in blocks) or "nothing"


# A chat -----------------------------------------------------------------------------------------------------


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
