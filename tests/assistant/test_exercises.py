"""The exercises of notebook 11: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import io
import itertools
import re
import string
from collections import deque
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import assistant, runtime
from course_lib.assistant import checks as assistant_checks
from course_lib.assistant import exercises as ex
from course_lib.exercises import State
from course_lib.tokens import BPETokenizer

ALL = (
    *(ex.render_chat, ex.encode_safely, ex.assistant_targets, ex.keep_recent),
    *(ex.cut_at_stop, ex.points_covered, ex.best_of),
)
MARKS = ex._MARKS
CONTENT = st.text("aä你<|end>\n ", max_size=5)
TALKS = st.lists(
    st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(assistant.ROLES), CONTENT),
    max_size=5,
)


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.load(runtime.data_dir() / "tokenizer")


# References against oracles -----------------------------------------------------------------------


@settings(deadline=None)
@given(TALKS, st.booleans())
def test_the_template_is_the_courses(talk, prompt):
    assert ex.render_chat.reference(talk, prompt) == assistant.render(talk, prompt)


@settings(deadline=None)
@given(TALKS)
def test_the_ids_and_targets_are_the_courses(tokenizer, talk):
    marks = tokenizer.special_tokens
    ids = assistant.encode_chat(tokenizer, talk)
    assert ex.encode_safely.reference(talk, tokenizer.encode, marks) == ids
    turns = [(message["role"], tokenizer.encode(message["content"])) for message in talk]
    assert ex.assistant_targets.reference(turns, marks) == assistant.encode_conversation(tokenizer, talk)


@st.composite
def long_talks(draw):
    """Messages in turn, the last one the user's, with lengths and a budget, which may be too small."""
    n, first = draw(st.sampled_from([1, 3, 5, 7])), draw(st.sampled_from(["user", "system"]))
    talk = ex._numbered(first, n)
    lengths = draw(st.lists(st.integers(1, 9), min_size=len(talk), max_size=len(talk)))
    needed = lengths[-1] + (lengths[0] if first == "system" else 0)
    return talk, lengths, draw(st.integers(0, needed + 30))


@given(long_talks())
def test_what_is_kept_is_the_longest_end_that_fits_and_begins_with_the_user(given_talk):
    talk, lengths, budget = given_talk
    first = talk[0]["role"] == "system"
    ends = [talk[:first] + talk[i:] for i in range(first, len(talk)) if talk[i]["role"] == "user"]
    cost = {message["content"]: length for message, length in zip(talk, lengths, strict=True)}
    fitting = [end for end in ends if sum(cost[message["content"]] for message in end) <= budget]
    assert ex.keep_recent.reference(talk, lengths, budget) == max(fitting, key=len, default=talk[:first])


def test_a_chat_keeps_what_the_exercise_keeps(tokenizer):
    chat = assistant.Chat(lambda ids: ids, tokenizer, system="Be kind.", most=5)
    chat.history = [*ex._numbered("user", 7)]
    encoded = [assistant.encode_chat(tokenizer, [message])[1:] for message in chat.messages]
    lengths = [len(ids) for ids in encoded]
    for budget in range(sum(lengths[-1:] + lengths[:1]), sum(lengths) + 2):
        chat.forgotten = 0
        chat._room = lambda budget=budget: budget + 2  # the beginning, and the assistant's mark
        kept = ex.keep_recent.reference(chat.messages, lengths, budget)
        assert chat._prompt() == assistant.encode_chat(tokenizer, kept, add_generation_prompt=True)


@given(st.lists(st.integers(0, 4), max_size=7), st.integers(0, 4))
def test_an_answer_is_cut_as_takewhile_cuts(ids, stop):
    wanted = list(itertools.takewhile(lambda id: id != stop, ids))
    assert ex.cut_at_stop.reference(ids, stop) == (wanted, "stop" if stop in ids else "length")
    assert ex.cut_at_stop.reference(iter(ids), stop)[0] == wanted


@given(
    st.lists(st.sampled_from(["red kite", "kite", "Tom", "3.5"]), max_size=5),
    st.text("reTdKi.35 ktom", max_size=20),
)
def test_points_are_the_courses(points, text):
    text = " ".join(text.split())  # the course's also takes several spaces for one
    assert ex.points_covered.reference(points, text) == assistant_checks.points_covered(points, text)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.integers(0, 9), st.data())
def test_drafts_are_the_courses(lengths, wanted, data):
    n = data.draw(st.integers(1, len(lengths)))
    arguments = (lambda i: "x" * lengths[i], lambda text: len(text) >= wanted, n)
    assert ex.best_of.reference(*arguments) == assistant_checks.best_of(*arguments)


def test_the_shares_in_the_texts_are_right():
    assert 1 - 0.4**4 == pytest.approx(0.974, abs=5e-4) and "97 %" in ex.quiz.questions[4].options[0].text
    assert sum(0.4**i for i in range(4)) == pytest.approx(1.6, abs=0.03)
    assert "0.97" in ex.best_of.explanation and "1.6 drafts" in ex.best_of.explanation


# Other right ways ---------------------------------------------------------------------------------


def render_by_join(messages, add_generation_prompt=False):
    parts = ["<|endoftext|>"]
    for message in messages:
        parts.extend(["<|" + message["role"] + "|>", message["content"], "<|end|>"])
    return "".join(parts + ["<|assistant|>"] * add_generation_prompt)


def render_with_jinja(messages, add_generation_prompt=False):
    return assistant.render(messages, add_generation_prompt)


def render_by_unpacking(messages, add_generation_prompt=False):
    body = "".join(map("<|{role}|>{content}<|end|>".format_map, messages))
    return f"<|endoftext|>{body}{'<|assistant|>' if add_generation_prompt else ''}"


def encode_in_one_list(messages, encode, marks):
    return [
        marks["<|endoftext|>"],
        *(
            id
            for m in messages
            for id in (marks["<|" + m["role"] + "|>"], *encode(m["content"]), marks["<|end|>"])
        ),
    ]


def encode_by_extend(messages, encode, marks):
    roles = {"system": marks["<|system|>"], "user": marks["<|user|>"], "assistant": marks["<|assistant|>"]}
    ids = [marks["<|endoftext|>"]]
    for message in messages:
        ids.append(roles[message["role"]])
        ids.extend(encode(message["content"]))
        ids.append(marks["<|end|>"])
    return tuple(ids)


def encode_by_sum(messages, encode, marks):
    parts = [[marks[f"<|{m['role']}|>"], *encode(m["content"]), marks["<|end|>"]] for m in messages]
    return sum(parts, [marks["<|endoftext|>"]])


def targets_with_masked(messages, marks):
    from course_lib.finetuning.examples import masked

    parts = [([marks["<|endoftext|>"]], False)]
    for role, content in messages:
        parts += [([marks[f"<|{role}|>"]], False), ([*content, marks["<|end|>"]], role == "assistant")]
    return masked(parts)


def targets_with_torch(messages, marks):
    import torch

    ids, counts = [marks["<|endoftext|>"]], [False]
    for role, content in messages:
        ids += [marks[f"<|{role}|>"], *content, marks["<|end|>"]]
        counts += [False] + [role == "assistant"] * (len(content) + 1)
    return ids, torch.tensor(ids).masked_fill(~torch.tensor(counts), -100)


def targets_token_by_token(messages, marks):
    ids, targets = [], []

    def add(id, counts):
        ids.append(id)
        targets.append(id if counts else -100)

    add(marks["<|endoftext|>"], False)
    for role, content in messages:
        add(marks["<|" + role + "|>"], False)
        for id in content:
            add(id, role == "assistant")
        add(marks["<|end|>"], role == "assistant")
    return ids, targets


def keep_by_trying(messages, lengths, budget):
    first = 1 if messages[0]["role"] == "system" else 0
    for start in range(first, len(messages)):
        fits = sum(lengths[:first]) + sum(lengths[start:]) <= budget
        if messages[start]["role"] == "user" and fits:
            return messages[:first] + messages[start:]
    return messages[:first]


def keep_with_accumulate(messages, lengths, budget):
    system = [m for m in messages if m["role"] == "system"]
    budget -= sum(n for m, n in zip(messages, lengths, strict=True) if m["role"] == "system")
    rest = [(m, n) for m, n in zip(messages, lengths, strict=True) if m["role"] != "system"][::-1]
    sums = itertools.accumulate(n for _, n in rest)
    kept = [m for (m, _), total in zip(rest, sums, strict=True) if total <= budget][::-1]
    if kept and kept[0]["role"] == "assistant":
        kept.pop(0)
    return [*system, *kept]


def cut_with_else(ids, stop):
    answer, reason = [], "length"
    for id in ids:
        if id == stop:
            reason = "stop"
            break
        answer.append(id)
    return answer, reason


def cut_with_iter(ids, stop):
    ids, answer, nothing = iter(ids), [], object()
    while (id := next(ids, nothing)) is not nothing:
        if id == stop:
            return [answer, "stop"]
        answer += [id]
    return [answer, "length"]


def cut_with_takewhile(ids, stop):
    ended = []

    def goes_on(id):
        if id == stop:
            ended.append(id)
        return id != stop

    answer = tuple(itertools.takewhile(goes_on, ids))
    return answer, "stop" if ended else "length"


def cover_by_pattern(points, text):
    hits = [bool(re.search(r"(?<!\w)" + re.escape(p.lower()) + r"(?!\w)", text.lower())) for p in points]
    return sum(hits) / len(hits) if hits else 1


def cover_by_borders(points, text):
    def inside(point, text, start=0):
        at = text.find(point, start)
        if at < 0:
            return False
        before, after = text[:at][-1:], text[at + len(point) :][:1]
        return not (before.isalnum() or after.isalnum()) or inside(point, text, at + 1)

    return sum(inside(p.lower(), text.lower()) for p in points) / (len(points) or 1) if points else 1.0


def best_with_break(draw, accept, n):
    for i in range(n):
        draft = draw(i)
        if accept(draft):
            break
    return draft, i + 1


def best_with_while(draw, accept, n):
    drawn, draft = 0, ""
    while drawn < n:
        draft = draw(drawn)
        drawn += 1
        if accept(draft):
            return [draft, drawn]
    return [draft, drawn]


def best_with_generator(draw, accept, n):
    last = None
    for last in enumerate(map(draw, range(n)), start=1):
        if accept(last[1]):
            break
    return last[::-1]


class Renderer:
    def __init__(self, marks="<|{}|>"):
        self.marks = marks

    def __call__(self, messages, add_generation_prompt=False):
        roles = [self.marks.format(m["role"]) + m["content"] + self.marks.format("end") for m in messages]
        prompt = [self.marks.format("assistant")] if add_generation_prompt else []
        return "".join([self.marks.format("endoftext"), *roles, *prompt])

    def by_reduce(self, messages, add_generation_prompt=False):
        def add(text, message):
            return f"{text}<|{message['role']}|>{message['content']}<|end|>"

        text = reduce(add, messages, "<|endoftext|>")
        return text if not add_generation_prompt else text + "<|assistant|>"


def render_into_a_file(messages, add_generation_prompt=False):
    with io.StringIO(newline="") as file:
        print("<|endoftext|>", end="", file=file)
        for message in messages:
            print("<|", message["role"], "|>", message["content"], "<|end|>", sep="", end="", file=file)
        if add_generation_prompt is True:
            file.write("<|assistant|>")
        return file.getvalue()


def encode_by_chain(messages, encode, marks):
    def of(message):
        return [marks["<|" + message["role"] + "|>"]], encode(message["content"]), (marks["<|end|>"],)

    ids = itertools.chain.from_iterable(part for message in messages for part in of(message))
    return [marks["<|endoftext|>"], *ids]


def encode_in_numpy(messages, encode, marks):
    ids = [np.array([marks["<|endoftext|>"]])]
    for message in messages:
        mark = marks[f"<|{message['role']}|>"]
        ids.append(np.concatenate([[mark], encode(message["content"]), [marks["<|end|>"]]]).astype(int))
    return np.concatenate(ids)


def encode_backwards(messages, encode, marks):
    ids = []
    for message in reversed(messages):
        ids = [marks[f"<|{message['role']}|>"], *encode(message["content"]), marks["<|end|>"], *ids]
    return [marks["<|endoftext|>"], *ids]


def targets_by_places(messages, marks):
    ids = ex._encode_safely([{"role": r, "content": c} for r, c in messages], list, marks)
    targets, at = [-100] * len(ids), 1
    for role, content in messages:
        at += 1
        if role == "assistant":
            targets[at : at + len(content) + 1] = ids[at : at + len(content) + 1]
        at += len(content) + 1
    return ids, targets


def targets_in_numpy(messages, marks):
    parts = [([marks["<|endoftext|>"]], [False])]
    for role, content in messages:
        said = [marks[f"<|{role}|>"], *content, marks["<|end|>"]]
        parts.append((said, [False] + [role == "assistant"] * (len(said) - 1)))
    ids, counts = (np.array([*itertools.chain(*side)]) for side in zip(*parts, strict=True))
    return ids, np.where(counts, ids, -100)


def targets_by_pairs(messages, marks):
    pairs = [(marks["<|endoftext|>"], -100)]
    for role, content in messages:
        learned = role == "assistant"
        pairs.append((marks[f"<|{role}|>"], -100))
        pairs += [(id, id if learned else -100) for id in (*content, marks["<|end|>"])]
    return tuple(zip(*pairs, strict=True))


def keep_backwards(messages, lengths, budget):
    system, kept = [], []
    if messages[0]["role"] == "system":
        system, budget = [messages[0]], budget - lengths[0]
    for message, length in list(zip(messages, lengths, strict=True))[len(system) :][::-1]:
        budget -= length
        if budget < 0:
            break
        kept.insert(0, message)
    return system + (kept[1:] if kept and kept[0]["role"] == "assistant" else kept)


def keep_in_numpy(messages, lengths, budget):
    first = int(messages[0]["role"] == "system")
    left = np.cumsum(np.array(lengths[first:][::-1], dtype=int))
    start = len(messages) - int((left <= budget - sum(lengths[:first])).sum())
    if start < len(messages) and messages[start]["role"] == "assistant":
        start += 1
    return messages[:first] + messages[start:]


def keep_with_a_deque(messages, lengths, budget):
    rest = deque(zip(messages, lengths, strict=True))
    system = [rest.popleft()] if messages[0]["role"] == "system" else []
    while rest and sum(n for _, n in [*system, *rest]) > budget:
        rest.popleft()
    if rest and rest[0][0]["role"] == "assistant":
        rest.popleft()
    return [message for message, _ in [*system, *rest]]


def cut_by_enumerate(ids, stop):
    ids = enumerate(ids)
    answer = []
    for _, id in ids:
        if id == stop:
            return tuple(answer), "stop"
        answer = [*answer, id]
    return answer, "length"


def list_of(ids, stop):
    read = []
    for id in ids:
        read.append(id)
        if id == stop:
            break
    return read


def cut_with_a_list(ids, stop):
    read = list_of(ids, stop)
    return (read[:-1], "stop") if stop in read else (read, "length")


def cut_in_numpy(ids, stop):
    read = np.array(list_of(ids, stop), dtype=int)
    return read[read != stop], ["length", "stop"][int((read == stop).any())]


def cover_by_compiled(points, text):
    patterns = [re.compile(r"\b" + re.escape(point) + r"\b", re.I) for point in points]
    return 1 if not patterns else sum(1 for pattern in patterns if pattern.search(text)) / len(patterns)


def cover_in_numpy(points, text):
    found = [bool(re.findall(rf"\b{re.escape(p.upper())}\b", text.upper())) for p in points]
    return np.mean(found) if len(found) > 0 else np.float64(1)


def cover_by_runs(points, text):
    def runs(text):  # words and what stands between them
        return re.findall(r"\w+|\W", text.lower())

    def stands(wanted, all_runs):
        return any(all_runs[i : i + len(wanted)] == wanted for i in range(len(all_runs)))

    return sum(stands(runs(p), runs(text)) for p in points) / len(points) if points else 1.0


def best_with_next(draw, accept, n):
    tried = ((draft, i + 1) for i in range(n) if accept(draft := draw(i)) or i == n - 1)
    return next(tried)


def best_by_recursion(draw, accept, n, i=0):
    draft = draw(i)
    return (draft, i + 1) if i == n - 1 or accept(draft) else best_by_recursion(draw, accept, n, i + 1)


def best_with_takewhile(draw, accept, n):
    drafts = []
    for i in itertools.count():
        drafts += [draw(i)]
        if accept(drafts[-1]) or len(drafts) == n:
            return drafts[-1], np.int64(len(drafts))


def targets_by_marks(messages, marks):
    """The marks, which nobody can say, tell in the row of ids whose turn it is."""
    ids, _ = ex.assistant_targets.reference(messages, marks)
    targets, whose = [], None
    for id in ids:
        begins = [name for name, mark in marks.items() if mark == id and name != "<|end|>"]
        whose = begins[0] if begins else whose
        targets.append(id if whose == "<|assistant|>" and not begins else -100)
    return ids, targets


RENDERING = (Renderer(), Renderer().by_reduce, render_into_a_file)
ENCODING = (encode_by_chain, encode_in_numpy, encode_backwards)
TARGETS = (targets_by_places, targets_in_numpy, targets_by_pairs, targets_by_marks)
KEEPING = (keep_backwards, keep_in_numpy, keep_with_a_deque)
CUTTING = (cut_by_enumerate, cut_with_a_list, cut_in_numpy)
COVERING = (cover_by_compiled, cover_in_numpy, cover_by_runs)
CHOOSING = (best_with_next, best_by_recursion, best_with_takewhile)

WAYS = [
    *((ex.render_chat, way) for way in (render_by_join, render_with_jinja, render_by_unpacking, *RENDERING)),
    *((ex.encode_safely, way) for way in (encode_in_one_list, encode_by_extend, encode_by_sum, *ENCODING)),
    *(
        (ex.assistant_targets, way)
        for way in (targets_with_masked, targets_with_torch, targets_token_by_token, *TARGETS)
    ),
    *((ex.keep_recent, way) for way in (keep_by_trying, keep_with_accumulate, *KEEPING)),
    *((ex.cut_at_stop, way) for way in (cut_with_else, cut_with_iter, cut_with_takewhile, *CUTTING)),
    *(
        (ex.points_covered, way)
        for way in (cover_by_pattern, cover_by_borders, assistant_checks.points_covered, *COVERING)
    ),
    *(
        (ex.best_of, way)
        for way in (
            best_with_break,
            best_with_while,
            best_with_generator,
            assistant_checks.best_of,
            *CHOOSING,
        )
    ),
]


@pytest.mark.parametrize(("exercise", "way"), WAYS, ids=lambda x: getattr(x, "name", None) or "way")
@pytest.mark.parametrize("seed", range(3))
def test_other_right_ways_pass(exercise, way, seed):
    feedback = exercise.judge(way, seed)
    assert feedback.state is State.RIGHT, str(feedback)


# Mistakes in other words --------------------------------------------------------------------------


def render_with_lines(messages, add_generation_prompt=False):
    parts = ["<|endoftext|>", *(f"<|{m['role']}|>{m['content']}<|end|>" for m in messages)]
    return "\n".join(parts + ["<|assistant|>"] * add_generation_prompt)


def render_for_the_user(messages, add_generation_prompt=False):
    text = ex.render_chat.reference(messages)
    return text if messages[-1]["role"] == "assistant" else text + "<|assistant|>"


def encode_by_short_names(messages, encode, marks):
    ids = [marks["<|endoftext|>"]]
    for message in messages:
        ids += [marks[message["role"]], *encode(message["content"]), marks["<|end|>"]]
    return ids


def targets_of_the_last(messages, marks):
    ids, targets = [marks["<|endoftext|>"]], [-100]
    for i, (role, content) in enumerate(messages):
        said = [*content, marks["<|end|>"]]
        ids += [marks[f"<|{role}|>"], *said]
        counts = role == "assistant" and i == len(messages) - 1
        targets += [-100, *(said if counts else [-100] * len(said))]
    return ids, targets


def keep_by_popping(messages, lengths, budget):
    pairs = list(zip(messages, lengths, strict=True))
    at = int(pairs[0][0]["role"] == "system")
    while pairs[at:] and sum(length for _, length in pairs) > budget:
        del pairs[at : at + 2]  # a question and its answer
    return [message for message, _ in pairs]


def keep_of_pairs(messages, lengths, budget):
    system = messages[:1] if messages[0][0] == "system" else []
    return system + messages[-1:]


def cut_and_look(ids, stop):
    kept = []
    for i in ids:
        if i == stop:
            break
        kept.append(i)
    return (kept, "stop") if i == stop else (kept, "length")


def cut_one_ahead(ids, stop):
    ids, found = iter(ids), []
    following = next(ids, None)
    while following is not None:
        id, following = following, next(ids, None)
        if id == stop:
            return found, "stop"
        found.append(id)
    return found, "length"


def cover_by_counting(points, text):
    if not points:
        return 1.0
    return sum(len(re.findall(rf"\b{re.escape(p.lower())}\b", text.lower())) for p in points) / len(points)


def cover_by_single_words(points, text):
    found = 0
    for point in points:
        patterns = [re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE) for word in point.split()]
        found += min(len(pattern.findall(text)) > 0 for pattern in patterns)
    return found / max(1, len(points)) if points else 1.0


def cover_without_r(points, text):
    found = [point for point in points if re.search(f"\b{re.escape(point)}\b", text, re.IGNORECASE)]
    return len(found) / len(points) if points else 1.0


def cover_all(points, text):
    return all(ex.points_covered.reference([point], text) == 1 for point in points)


def best_by_number(draw, accept, n):
    for i in range(n):
        draft = draw(i)
        if accept(draft):
            return draft, i
    return draft, n


def best_with_one_ahead(draw, accept, n):
    drafts = [draw(0)]
    while not accept(drafts[-1]) and len(drafts) < n:
        drafts.append(draw(len(drafts)))
    if len(drafts) < n:
        draw(len(drafts))
    return drafts[-1], len(drafts)


def best_without_end(draw, accept, n):
    count = 0
    while True:
        draft = draw(count)
        count += 1
        if accept(draft):
            return draft, count


IN_OTHER_WORDS = [
    (ex.render_chat, render_with_lines, "there are line breaks between the parts"),
    (ex.render_chat, render_for_the_user, "who spoke last decides whether the assistant's mark is added"),
    (ex.encode_safely, encode_by_short_names, "a mark is looked up under a name that it doesn't have"),
    (ex.assistant_targets, targets_of_the_last, "only the last answer counts"),
    (ex.keep_recent, keep_of_pairs, "a message is asked for something that it doesn't have"),
    (ex.keep_recent, keep_by_popping, "messages are dropped two at a time"),
    (ex.points_covered, cover_without_r, "no point is ever found"),
    (ex.cut_at_stop, cut_and_look, "the loop's variable is read after the loop"),
    (ex.cut_at_stop, cut_one_ahead, "one id more is read than needed"),
    (ex.best_of, best_with_one_ahead, "one draft more is drawn than needed"),
    (ex.points_covered, cover_by_counting, "a point counts each time that it occurs"),
    (ex.points_covered, cover_by_single_words, "the words of a point may stand anywhere"),
    (ex.points_covered, cover_all, "yes or no instead of the share"),
    (ex.best_of, best_by_number, "the count of an accepted draft is its number"),
    (ex.best_of, best_without_end, "it goes on until a draft is accepted"),
]


@pytest.mark.parametrize(
    ("exercise", "wrong", "name"), IN_OTHER_WORDS, ids=lambda x: getattr(x, "__name__", "")
)
def test_mistakes_are_named_however_they_are_written(exercise, wrong, name):
    assert exercise.judge(wrong, seed=1).mistake == name


def test_an_encoder_that_sees_marks_is_named_however_it_is_written():
    def encode_safely(messages, encode, marks):
        names = "|".join(re.escape(name) for name in marks)
        text, ids, at = ex.render_chat.reference(messages), [], 0
        for found in re.finditer(names, text):
            ids += [*encode(text[at : found.start()]), marks[found.group()]]
            at = found.end()
        return ids

    assert ex.encode_safely.judge(encode_safely).mistake == "marks are recognised wherever they stand"


def test_an_end_that_is_not_learned_is_named_however_it_is_written():
    def assistant_targets(messages, marks):
        ids, targets = ex.assistant_targets.reference(messages, marks)
        return ids, [-100 if target == marks["<|end|>"] else target for target in targets]

    feedback = ex.assistant_targets.judge(assistant_targets)
    assert feedback.mistake == "the <|end|> of the answers doesn't count"


def test_looking_the_stop_up_in_a_list_is_named():
    def cut_at_stop(ids, stop):
        if stop in ids:
            return ids[: ids.index(stop)], "stop"
        return ids, "length"

    feedback = ex.cut_at_stop.judge(cut_at_stop)
    assert feedback.mistake == "everything is read before it looks for the end"


def test_drawing_everything_first_is_named_however_it_is_written():
    def best_of(draw, accept, n):
        drafts = [*map(draw, range(n))]
        good = [*map(accept, drafts)]
        return (drafts[good.index(True)], good.index(True) + 1) if any(good) else (drafts[-1], n)

    assert ex.best_of.judge(best_of).mistake == "all drafts are drawn first"


def test_holes_are_named_however_they_are_written():
    def keep_recent(messages, lengths, budget):
        keep = [message["role"] == "system" for message in messages]
        budget -= reduce(lambda total, i: total + lengths[i] * keep[i], range(len(messages)), 0)
        for i in reversed(range(len(messages))):
            if not keep[i] and lengths[i] <= budget:
                keep[i], budget = True, budget - lengths[i]
        kept = [message for message, kept in zip(messages, keep, strict=True) if kept]
        first = int(kept[0]["role"] == "system")
        if kept[first]["role"] == "assistant":
            del kept[first]
        return kept

    wanted = "a message that doesn't fit is skipped, and older ones are kept"
    assert ex.keep_recent.judge(keep_recent, seed=3).mistake == wanted


# Wrong in one thing --------------------------------------------------------------------------------


def render_with(content=lambda text: text, role=lambda text: text, prompt=lambda add, messages: add):
    """The template with the contents, the roles or the question of the prompt mishandled."""

    def answer(messages, add_generation_prompt=False):
        talk = [{"role": role(m["role"]), "content": content(m["content"])} for m in messages]
        return ex.render_chat.reference(talk, prompt(add_generation_prompt, messages))

    return answer


def render_a_set(messages, add_generation_prompt=False):
    return ex.render_chat.reference(
        [dict(pairs) for pairs in dict.fromkeys(tuple(m.items()) for m in messages)], add_generation_prompt
    )


def render_what_is_said(messages, add_generation_prompt=False):
    return ex.render_chat.reference([m for m in messages if m["content"]], add_generation_prompt)


def render_and_clear(messages, add_generation_prompt=False):
    text = ex.render_chat.reference(messages, add_generation_prompt)
    messages.clear()
    return text


def render_nothing_as_nothing(messages, add_generation_prompt=False):
    return ex.render_chat.reference(messages, add_generation_prompt) if messages else ""


def render_by_template(messages, add_generation_prompt=False):
    text = "".join("<|%s|>%s<|end|>" % (m["role"], m["content"]) for m in messages)  # noqa: UP031
    return "<|endoftext|>" + text.format(role="") + "<|assistant|>" * bool(add_generation_prompt)


def remembering(reference, key):
    """The reference, which gives what it gave for the same key before."""
    memory = {}

    def answer(*args, **kwargs):
        if (place := repr(key(*args))) not in memory:
            memory[place] = reference(*args, **kwargs)
        return memory[place]

    return answer


def encode_with(change=lambda talk: talk, encoder=lambda encode: encode, marked=lambda marks: marks):
    def answer(messages, encode, marks):
        return ex.encode_safely.reference(change(messages), encoder(encode), marked(marks))

    return answer


def with_contents(change):
    return lambda talk: [{**m, "content": change(m["content"])} for m in talk]


def encode_joined(messages, encode, marks):
    """Everything that was said encoded in one go, and cut up again by length."""
    ids, rest = [marks["<|endoftext|>"]], encode("".join(m["content"] for m in messages))
    for message in messages:
        n = len(encode(message["content"]))
        ids += [marks[f"<|{message['role']}|>"], *rest[:n], marks["<|end|>"]]
        rest = rest[n:]
    return ids


def encode_by_the_order_of_marks(messages, encode, marks):
    return ex.encode_safely.reference(messages, encode, dict(zip(MARKS, marks.values(), strict=True)))


def targets_with(change=lambda turns: turns, after=lambda ids, targets: (ids, targets)):
    return lambda messages, marks: after(*ex.assistant_targets.reference(change(messages), marks))


def targets_from_answers_only_if_said(messages, marks):
    ids, targets = ex.assistant_targets.reference(messages, marks)
    at = 1
    for _, content in messages:
        if not content:
            targets[at + 1] = -100
        at += len(content) + 2
    return ids, targets


def keep_with(change):
    def answer(messages, lengths, budget):
        return ex.keep_recent.reference(*change(messages, lengths, budget))

    return answer


def keep_by_index(messages, lengths, budget):
    kept = ex.keep_recent.reference(messages, lengths, budget)
    return [message for i, message in enumerate(messages) if message in kept and messages.index(message) == i]


def keep_all_if_they_fit(messages, lengths, budget):
    if sum(lengths) <= budget:
        return messages
    return ex.keep_recent.reference(messages, lengths, budget)


def keep_and_drop(messages, lengths, budget):
    kept = ex.keep_recent.reference(messages, lengths, budget)
    while len(messages) > len(kept):
        messages.pop()
    return kept


def cut_without_repetitions(ids, stop):
    """Ids that are said twice in a row are left out, once the text is long."""
    found = []
    for id in ids:
        if id == stop:
            return found, "stop"
        if id not in found[-1:] * (len(found) > 50):
            found.append(id)
    return found, "length"


def cut_with(change=lambda ids: ids, stop=lambda stop: stop, same=lambda a, b: a == b):
    def answer(ids, end):
        found = []
        for id in change(ids):
            if same(id, stop(end)):
                return found, "stop"
            found.append(id)
        return found, "length"

    return answer


def cut_while_true(ids, stop):
    found = []
    for id in ids:
        if not id or id == stop:
            return found, "stop"
        found.append(id)
    return found, "length"


def cut_by_length(ids, stop):
    found = []
    for id in ids:
        if id == stop:
            return found, "stop" if found else "length"
        found.append(id)
    return found, "length"


def cover_with(has, whole=1.0):
    return lambda points, text: sum(has(p, text) for p in points) / len(points) if points else whole


def cover_by_stripped_words(point, text):
    words = [word.strip(string.punctuation).removesuffix("'s") for word in text.lower().split()]
    wanted = point.lower().split()
    return any(words[i : i + len(wanted)] == wanted for i in range(len(words)))


def matches(pattern, change=lambda text: text, flags=re.IGNORECASE):
    return lambda p, text: bool(re.search(pattern.format(re.escape(p)), change(text), flags))


def best_with(found):
    """Another draft or count: `found(drafts, first, n)`, where first is None if none is accepted."""

    def answer(draw, accept, n):
        drafts, first = [], None
        for i in range(n):
            drafts.append(draw(i))
            if accept(drafts[-1]):
                first = i
                break
        return found(drafts, first, n)

    return answer


def best_of_the_true(draw, accept, n):
    for i in range(n):
        draft = draw(i)
        if draft and accept(draft):
            return draft, i + 1
    return draft, n


def best_of_two(draw, accept, n):
    for i in range(n):
        draft = draw(i)
        if accept(draft):
            if i > 9:
                draft = draw(i)
            return draft, i + 1
    return draft, n


def best_with_one_more(draw, accept, n):
    found = ex.best_of.reference(draw, accept, n)
    draw(found[1]) if found[1] < n and found[1] > 3 else None
    return found


def best_of_eight(draw, accept, n):
    return ex.best_of.reference(draw, accept, min(n, 64))


WRONG = [
    *(
        (ex.render_chat, wrong)
        for wrong in (
            render_with(content=str.lower),
            render_with(content=lambda text: text[:1024]),
            render_with(content=lambda text: text.replace("ROLE", "user")),
            lambda messages, add_generation_prompt=False: ex._render_chat(
                messages[:1024], add_generation_prompt
            ),
            render_with(content=str.rstrip),
            render_with(content=lambda text: " ".join(text.split())),
            render_with(content=lambda text: text.replace("<|", "< |")),
            render_with(content=lambda text: text.encode("ascii", "ignore").decode()),
            render_with(content=lambda text: text.replace("\r\n", "\n").replace("\t", " ")),
            render_with(role=lambda role: "user" if role == "system" else role),
            render_with(prompt=lambda add, messages: add and len(messages) > 0),
            render_with(
                prompt=lambda add, messages: add and messages[-1:] and messages[-1]["role"] == "user"
            ),
            render_with(prompt=lambda add, messages: True),
            render_a_set,
            render_what_is_said,
            render_and_clear,
            render_nothing_as_nothing,
            render_by_template,
            lambda messages, add_generation_prompt=False: ex._render_chat(
                messages[:64], add_generation_prompt
            ),
            remembering(ex._render_chat, lambda messages, *more: messages),
            remembering(ex._render_chat, lambda messages, *more: len(messages)),
        )
    ),
    *(
        (ex.encode_safely, wrong)
        for wrong in (
            encode_with(with_contents(str.strip)),
            encode_with(with_contents(str.lower)),
            encode_with(with_contents(lambda text: text[:1024])),
            encode_with(lambda talk: talk[:1024]),
            encode_with(with_contents(lambda text: " ".join(text.split()))),
            encode_with(with_contents(lambda text: text.replace("<|", "").replace("|>", ""))),
            encode_with(with_contents(lambda text: text.split("<|")[0])),
            encode_with(lambda talk: [m for m in talk if m["content"]]),
            encode_with(lambda talk: talk[:64]),
            encode_with(encoder=lambda encode: lambda text: [id for w in text for id in encode(w)]),
            encode_with(
                encoder=lambda encode: (
                    lambda text: [id for word in re.split(r"(\s)", text) for id in encode(word)]
                )
            ),
            encode_with(encoder=lambda encode: ex.code_points),
            encode_with(encoder=lambda encode: lambda text: list(dict.fromkeys(encode(text)))),
            encode_with(marked=lambda marks: MARKS),
            encode_with(marked=lambda marks: {**marks, "<|end|>": marks["<|endoftext|>"]}),
            encode_with(marked=lambda marks: {**marks, "<|system|>": marks["<|user|>"]}),
            encode_joined,
            encode_by_the_order_of_marks,
            lambda messages, encode, marks: [id for id in ex._encode_safely(messages, encode, marks) if id],
            lambda messages, encode, marks: ex._encode_safely(messages, encode, marks) if messages else [],
            lambda messages, encode, marks: (
                ex._encode_safely(messages, encode, marks) + [marks.pop("<|end|>")][:0]
            ),
            remembering(ex._encode_safely, lambda messages, *more: messages),
        )
    ),
    *(
        (ex.assistant_targets, wrong)
        for wrong in (
            targets_with(after=lambda ids, targets: (ids, [t or -100 for t in targets])),
            targets_with(lambda turns: [turn for turn in turns if turn[1]]),
            targets_with(lambda turns: turns[:64]),
            targets_with(after=lambda ids, targets: (ids[:1024], targets[:1024])),
            targets_with(lambda turns: [(role, said[:1024]) for role, said in turns]),
            targets_with(lambda turns: [(role, content[:64]) for role, content in turns]),
            targets_with(lambda turns: [(role, list(dict.fromkeys(content))) for role, content in turns]),
            targets_with(lambda turns: [(role, [id for id in content if id]) for role, content in turns]),
            targets_with(lambda turns: [("user" if r == "system" else r, content) for r, content in turns]),
            targets_with(after=lambda ids, targets: (ids, [*targets[1:], -100])),
            targets_with(after=lambda ids, targets: (ids[1:], targets[1:])),
            targets_with(after=lambda ids, targets: (ids, [-1 if t == -100 else t for t in targets])),
            targets_with(after=lambda ids, targets: (targets, ids)),
            targets_from_answers_only_if_said,
            lambda messages, marks: ex._assistant_targets(messages, {**MARKS}),
            lambda messages, marks: ex._assistant_targets(messages, {**marks, "<|end|>": 4}),
            lambda messages, marks: ex._assistant_targets(messages, marks) if messages else ([], []),
            remembering(ex._assistant_targets, lambda messages, marks: messages),
            remembering(ex._assistant_targets, lambda messages, marks: [len(c) for _, c in messages]),
        )
    ),
    *(
        (ex.keep_recent, wrong)
        for wrong in (
            keep_by_popping,
            keep_by_index,
            keep_all_if_they_fit,
            keep_with(lambda m, n, b: (m[:1] + m[1:][-1024:], n[:1] + n[1:][-1024:], b)),
            keep_and_drop,
            keep_with(lambda m, n, b: (m[-64:], n[-64:], b)),
            keep_with(lambda m, n, b: (m, [max(1, x) for x in n], b)),
            keep_with(lambda m, n, b: (m, [min(256, x) for x in n], b)),
            keep_with(lambda m, n, b: (m, n, b - 1)),
            keep_with(lambda m, n, b: (m, n, b or 1)),
            keep_with(lambda m, n, b: (m, n, max(b, n[0]))),
            keep_with(lambda m, n, b: (m, n, b + 1)),
            lambda m, n, b: [{**x, "content": x["content"].strip()} for x in ex._keep_recent(m, n, b)],
            lambda m, n, b: ex._keep_recent(m, n, b) or m[-1:],
            lambda m, n, b: [x["content"] for x in ex._keep_recent(m, n, b)],
            lambda m, n, b: ex._keep_recent(m, [len(x["content"]) for x in m], b),
            remembering(ex._keep_recent, lambda m, n, b: (m, n)),
        )
    ),
    *(
        (ex.cut_at_stop, wrong)
        for wrong in (
            cut_with(same=lambda a, b: a is b),
            cut_with(change=lambda ids: itertools.islice(ids, 2000)),
            cut_without_repetitions,
            cut_with(same=lambda a, b: a >= b),
            cut_with(same=lambda a, b: a % 256 == b % 256),
            cut_with(stop=lambda stop: stop or 1),
            cut_with(stop=lambda stop: 2),
            cut_with(change=set),
            cut_with(change=dict.fromkeys),
            cut_with(change=lambda ids: itertools.islice(ids, 64)),
            cut_with(change=lambda ids: (id for id in ids if id)),
            cut_with(change=list),
            cut_with(change=lambda ids: ids[:]),
            cut_while_true,
            cut_one_ahead,
            cut_by_length,
            lambda ids, stop: (ex._cut_at_stop(ids, stop)[0] or None, ex._cut_at_stop(ids, stop)[1]),
            lambda ids, stop: (ex._cut_at_stop(ids, stop)[0], "end"),
            remembering(ex._cut_at_stop, lambda ids, stop: list(ids)),
        )
    ),
    *(
        (ex.points_covered, wrong)
        for wrong in (
            cover_with(cover_by_stripped_words),
            cover_with(matches(r"\b{}\b", flags=0)),
            cover_with(matches(r"\b{}\b", flags=re.IGNORECASE | re.ASCII)),
            cover_with(matches(r"\b{}")),
            cover_with(matches(r"(?<![a-zA-Z0-9]){}(?![a-zA-Z0-9])")),
            cover_with(matches(r"{}\b")),
            cover_with(matches(r"(?<!\S){}(?!\S)")),
            cover_with(matches(r"(^|\s){}(\s|$|[.,!?])")),
            cover_with(matches(r"\b{}s?\b")),
            cover_with(matches(r"\b{}\b", lambda text: text[:64])),
            cover_with(matches(r"\b{}\b", lambda text: text.encode("ascii", "ignore").decode())),
            cover_with(matches(r"^.*\b{}\b")),
            cover_with(matches(r"\b{}\b", lambda text: re.sub(r"[^\w\s]", "", text))),
            cover_with(matches(r"\b{}\b"), whole=0.0),
            lambda points, text: ex._points_covered([p for p in dict.fromkeys(points)], text),
            lambda points, text: ex._points_covered(points[:8], text),
            lambda points, text: ex._points_covered(points[:1024], text),
            lambda points, text: ex._points_covered(points, text[:1024]),
            lambda points, text: round(ex._points_covered(points, text), 1),
            lambda points, text: ex._points_covered(points, text) or None,
            lambda points, text: all(p.lower() in text.lower() for p in points),
            remembering(ex._points_covered, lambda points, text: points),
        )
    ),
    *(
        (ex.best_of, wrong)
        for wrong in (
            best_of_the_true,
            best_of_two,
            best_with_one_more,
            best_of_eight,
            lambda draw, accept, n: ex._best_of(draw, accept, min(n, 512)),
            best_with(lambda drafts, first, n: (drafts[-1], len(drafts) if first is not None else 0)),
            best_with(lambda drafts, first, n: (drafts[-1], len(set(drafts)))),
            best_with(lambda drafts, first, n: (max(drafts, key=len), len(drafts))),
            best_with(lambda drafts, first, n: (drafts[-1] if first is not None else "", n)),
            best_with(lambda drafts, first, n: (drafts[-1].strip(), len(drafts))),
            best_with(lambda drafts, first, n: (len(drafts), drafts[-1])),
            best_with(lambda drafts, first, n: drafts[-1]),
            best_with(lambda drafts, first, n: (drafts, len(drafts))),
            best_with(lambda drafts, first, n: (drafts[-1], drafts.index(drafts[-1]) + 1)),
            lambda draw, accept, n: ex._best_of(draw, lambda text: len(text) >= 3, n),
            lambda draw, accept, n: ex._best_of(lambda i: draw(n - 1 - i), accept, n),
            remembering(ex._best_of, lambda draw, accept, n: n),
        )
    ),
]


@pytest.mark.parametrize(("exercise", "wrong"), WRONG, ids=lambda x: getattr(x, "name", None) or "wrong")
def test_what_is_wrong_in_one_thing_only_is_found_out(exercise, wrong):
    feedback = exercise.judge(wrong, seed=1)
    assert feedback.state in (State.WRONG, State.CRASHED), str(feedback)


UNLISTED = [
    (ex.render_chat, lambda messages, add_generation_prompt=False: str(messages)),
    (ex.render_chat, lambda messages, add_generation_prompt=False: [ex._render_chat(messages)]),
    (ex.encode_safely, lambda messages, encode, marks: ex._encode_safely(messages[::-1], encode, marks)),
    (ex.assistant_targets, lambda messages, marks: ([], [])),
    (ex.assistant_targets, lambda messages, marks: ex._assistant_targets(messages, marks)[::-1]),
    (ex.keep_recent, lambda messages, lengths, budget: []),
    (ex.keep_recent, lambda messages, lengths, budget: messages[-1]["content"]),
    (ex.cut_at_stop, lambda ids, stop: ([], "stop")),
    (ex.cut_at_stop, lambda ids, stop: ids),
    (ex.points_covered, lambda points, text: 1.0),
    (ex.points_covered, lambda points, text: ex._points_covered(points, text) / 2),
    (ex.best_of, lambda draw, accept, n: (draw(0), 1)),
    (ex.best_of, lambda draw, accept, n: ex._best_of(draw, accept, n)[0]),
]


@pytest.mark.parametrize(("exercise", "wrong"), UNLISTED, ids=lambda x: getattr(x, "name", None) or "")
def test_wrong_answers_that_no_mistake_covers_are_wrong_and_not_misnamed(exercise, wrong):
    feedback = exercise.judge(wrong)
    assert feedback.state in (State.WRONG, State.CRASHED)
    assert feedback.mistake is None, str(feedback)


def test_a_program_that_changes_the_messages_is_told_so():
    def keep_recent(messages, lengths, budget):
        at = int(messages[0]["role"] == "system")
        while messages[at:] and sum(lengths) > budget:
            del messages[at], lengths[at]
        if messages[at:] and messages[at]["role"] == "assistant":
            del messages[at]
        return messages

    feedback = ex.keep_recent.judge(keep_recent)
    assert feedback.state is State.WRONG and "messages" in str(feedback)


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)
def test_each_has_many_named_mistakes_and_a_first_case_that_fits_on_a_line(exercise):
    assert exercise.kind == "explore" and len(exercise.mistakes) >= 8 and len(exercise.hints) == 3
    assert len(exercise.cases[0].call(exercise.name)) < 170


def test_all_are_in_the_order_of_the_notebook():
    from course_lib.exercises import exercises_of, quiz_of

    names = [exercise.name for exercise in exercises_of("assistant")]
    assert names == [
        *("render_chat", "encode_safely", "assistant_targets", "keep_recent", "torn_talk", "cut_at_stop"),
        *("points_covered", "failures_of_three", "drafts_of_eight", "best_of"),
    ]
    assert {exercise.name for exercise in ALL} <= {*names} and quiz_of("assistant") is ex.quiz
    assert len({question.letter for question in ex.quiz.questions}) >= 3


def test_the_toy_tokenizer_gives_no_mark():
    text = "".join(MARKS)
    assert not set(ex.code_points(text)) & set(MARKS.values())
    assert "".join(map(chr, ex.code_points(text))) == text
