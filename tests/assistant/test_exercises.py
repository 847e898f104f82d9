"""The exercises of notebook 11: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import itertools
import re
import string
from functools import reduce

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


def keep_by_popping(messages, lengths, budget):
    pairs = list(zip(messages, lengths, strict=True))
    at = int(pairs[0][0]["role"] == "system")
    while pairs[at:] and sum(length for _, length in pairs) > budget:
        del pairs[at : at + 2]  # a question and its answer
    return [message for message, _ in pairs]


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


def cover_by_words(points, text):
    def words(given):
        return [word.strip(string.punctuation).removesuffix("'s") for word in given.casefold().split()]

    def has(point):
        wanted, all_words = words(point), words(text)
        return any(all_words[i : i + len(wanted)] == wanted for i in range(len(all_words) - len(wanted) + 1))

    return sum(map(has, points)) / len(points) if points else 1.0


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


WAYS = [
    *((ex.render_chat, way) for way in (render_by_join, render_with_jinja, render_by_unpacking)),
    *((ex.encode_safely, way) for way in (encode_in_one_list, encode_by_extend, encode_by_sum)),
    *(
        (ex.assistant_targets, way)
        for way in (targets_with_masked, targets_with_torch, targets_token_by_token)
    ),
    *((ex.keep_recent, way) for way in (keep_by_trying, keep_by_popping, keep_with_accumulate)),
    *((ex.cut_at_stop, way) for way in (cut_with_else, cut_with_iter, cut_with_takewhile)),
    *(
        (ex.points_covered, way)
        for way in (cover_by_pattern, cover_by_words, cover_by_borders, assistant_checks.points_covered)
    ),
    *(
        (ex.best_of, way)
        for way in (best_with_break, best_with_while, best_with_generator, assistant_checks.best_of)
    ),
]


@pytest.mark.parametrize(("exercise", "way"), WAYS, ids=lambda x: getattr(x, "name", None) or x.__name__)
def test_other_right_ways_pass(exercise, way):
    feedback = exercise.judge(way)
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


def cover_by_counting(points, text):
    if not points:
        return 1.0
    return sum(len(re.findall(rf"\b{re.escape(p.lower())}\b", text.lower())) for p in points) / len(points)


def cover_by_sets(points, text):
    words = set(re.findall(r"[\w'.]*\w", text.lower()))
    return sum(set(p.lower().split()) <= words for p in points) / len(points) if points else 1.0


def cover_all(points, text):
    return all(ex.points_covered.reference([point], text) == 1 for point in points)


def best_by_number(draw, accept, n):
    for i in range(n):
        draft = draw(i)
        if accept(draft):
            return draft, i
    return draft, n


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
    (ex.cut_at_stop, cut_and_look, "the loop's variable is read after the loop"),
    (ex.points_covered, cover_by_counting, "a point counts each time that it occurs"),
    (ex.points_covered, cover_by_sets, "the words of a point may stand anywhere"),
    (ex.points_covered, cover_all, "yes or no instead of the share"),
    (ex.best_of, best_by_number, "the count of an accepted draft is its number"),
    (ex.best_of, best_without_end, "it goes on until a draft is accepted"),
]


@pytest.mark.parametrize(
    ("exercise", "wrong", "name"), IN_OTHER_WORDS, ids=lambda x: getattr(x, "__name__", "")
)
def test_mistakes_are_named_however_they_are_written(exercise, wrong, name):
    assert exercise.judge(wrong).mistake == name


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
    assert ex.keep_recent.judge(keep_recent).mistake == wanted


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
            del messages[at : at + 2], lengths[at : at + 2]
        return messages

    feedback = ex.keep_recent.judge(keep_recent)
    assert feedback.state is State.WRONG and "messages" in str(feedback)


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)
def test_each_has_many_named_mistakes_and_a_first_case_that_fits_on_a_line(exercise):
    assert exercise.kind == "explore" and len(exercise.mistakes) >= 8 and len(exercise.hints) == 3
    assert len(exercise.cases[0].call(exercise.name)) < 170


def test_all_are_in_the_order_of_the_notebook():
    from course_lib.exercises import exercises_of, quiz_of

    assert tuple(exercises_of("assistant")) == ALL and quiz_of("assistant") is ex.quiz
    assert len({question.letter for question in ex.quiz.questions}) >= 3


def test_the_toy_tokenizer_gives_no_mark():
    text = "".join(MARKS)
    assert not set(ex.code_points(text)) & set(MARKS.values())
    assert "".join(map(chr, ex.code_points(text))) == text
