"""Trains the shipped adapter: SmolLM2 learns to answer from stories of the little world, and what that cost.

    python scripts/adapter.py      about a quarter of an hour on one core, where the real model is

Side paths (LoRA) in the upper half of its layers learn from talks about fresh stories. The card compares the
model without and with them: questions about held-out worlds and about stories that people typed, twenty
general questions that have nothing to do with stories, and the loss on the typed stories as plain text.
`make checkpoints` runs this at its end, where the real model is here.
"""

import re
import sys
import textwrap
import time
from pathlib import Path

import torch

from course_lib import finetuning, training
from course_lib.assistant import template_from_gguf
from course_lib.assistant.checks import says
from course_lib.data import load_typed
from course_lib.finetuning import question_answering as qa
from course_lib.finetuning.talks import SYSTEM
from course_lib.intervals import wilson
from course_lib.pretrained import SMOLLM2, Pretrained, if_here
from course_lib.runtime import atomic_write, data_dir, seed
from course_lib.world.questions import Question

NAME = "smollm2-stories"
LAYERS, RANK, ALPHA = 15, 8, 16  # the last of 30 layers
QUESTIONS, UNANSWERED = 3, 1  # after each story
RECIPE = training.TrainConfig(
    steps=240, batch_size=2, lr=1e-3, schedule="linear", warmup=0.05, weight_decay=0.0, seed=1
)
TEST, STORIES = 2_300_000_000, 30  # the first seed of the stories that the scores are from; how many
GENERAL = {
    "What is the capital of Japan?": "Tokyo",
    "What is the capital of France?": "Paris",
    "What is the capital of England?": "London",
    "What is the capital of Italy?": "Rome",
    "What is the capital of Germany?": "Berlin",
    "What is the opposite of hot?": "cold",
    "What is the opposite of big?": "small",
    "Which animal says meow?": "cat",
    "Which animal says woof?": "dog",
    "What do bees make?": "honey",
    "What is the first month of the year?": "January",
    "What is the last month of the year?": "December",
    "What colour is grass?": "green",
    "What colour is snow?": "white",
    "What do we call frozen water?": "ice",
    "Who wrote Romeo and Juliet?": "Shakespeare",
    "Which planet do we live on?": "Earth",
    "How many days are in a week?": "seven",
    "Which star gives us light by day?": "Sun",
    "What do we use an umbrella for?": "rain",
}


def typed_items() -> list[tuple[qa.Item, tuple[str, ...]]]:
    """The questions that people typed, each with all answers that are right."""
    return [
        (qa.Item(one.story, Question(one.question, qa.UNKNOWN, one.answerable, "typed")), one.answers)
        for one in load_typed("questions", "en")
    ]


def declines(answer: str) -> bool:
    """Whether an answer says, in whatever words, that the story does not tell.

    >>> declines("The story doesn't mention it."), declines("To the park.")
    (True, False)
    """
    return re.search(r"\bdoes(n't| not)\b", answer) is not None


def answer_scores(real: Pretrained, template, pairs: list[tuple[qa.Item, tuple[str, ...]]]) -> dict[str, int]:
    """How it answers items, each with all answers that are right: none, if the story lacks it.

    `within` counts answers that hold a right one, maybe among more.
    """
    said = finetuning.talk_answers(real.model, real.tokenizer, template, [item for item, _ in pairs])
    known = [(answer, right) for answer, (_, right) in zip(said, pairs, strict=True) if right]
    unknown = [answer for answer, (_, right) in zip(said, pairs, strict=True) if not right]
    return {
        "exact": sum(any(qa.exact_match(answer, one) for one in right) for answer, right in known),
        "within": sum(any(says(one, answer) for one in right) for answer, right in known),
        "declined": sum(declines(answer) for answer, _ in known),
        "asked": len(known),
        "made_up": sum(not declines(answer) for answer in unknown),
        "unanswerable": len(unknown),
    }


def world_items(stories: int = STORIES) -> list[tuple[qa.Item, tuple[str, ...]]]:
    """Questions about held-out worlds, each with its right answer, if there is one."""
    test = qa.items([qa.quiz(TEST + i, "heldout") for i in range(stories)])
    return [(item, (item.question.answer,) if item.question.answerable else ()) for item in test]


def general_scores(real: Pretrained, template) -> dict[str, int]:
    """In how many answers to general questions the right word is said."""
    talks = [
        [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": text}]
        for text in GENERAL
    ]
    prompts = [template.encode(real.tokenizer, talk, add_generation_prompt=True) for talk in talks]
    said = finetuning.complete(real.model, prompts, template.stop_tokens, 16, batch_size=10)
    right = [says(one, real.tokenizer.decode(a)) for one, a in zip(GENERAL.values(), said, strict=True)]
    return {"right": sum(right), "asked": len(right)}


def text_scores(real: Pretrained) -> dict[str, float]:
    """The loss on the typed stories, as plain text, in nats per token."""
    stories = dict.fromkeys(one.story for one in load_typed("questions", "en"))
    ids = [real.tokenizer.encode(story) for story in stories]
    nats = training.document_nats(real.model, ids, real.tokenizer.end_id)
    tokens = sum(len(line) + 1 for line in ids)
    return {"nats": float(nats.sum()) / tokens, "tokens": tokens}


def scores(real: Pretrained, template) -> dict[str, dict]:
    """All that the card compares."""
    return {
        "world": answer_scores(real, template, world_items()),
        "typed": answer_scores(real, template, typed_items()),
        "general": general_scores(real, template),
        "text": text_scores(real),
    }


def share(hits: int, trials: int) -> str:
    """A count with its share and the share's interval, for the card.

    >>> share(9, 10)
    '9 of 10 (60-98 %)'
    """
    low, high = wilson(hits, trials)
    return f"{hits} of {trials} ({100 * low:.0f}-{100 * high:.0f} %)"


ROWS = (
    ("held-out worlds: exact match", "world", "exact", "asked"),
    ("holds a right answer, word for word", "world", "within", "asked"),
    ("says that the story does not tell, though it does", "world", "declined", "asked"),
    ("makes something up, where there is no answer", "world", "made_up", "unanswerable"),
    ("stories that people typed: exact match", "typed", "exact", "asked"),
    ("holds a right answer, word for word", "typed", "within", "asked"),
    ("says that the story does not tell, though it does", "typed", "declined", "asked"),
    ("makes something up, where there is no answer", "typed", "made_up", "unanswerable"),
    ("general questions: the right word is said", "general", "right", "asked"),
)


WHAT = """
An adapter, not a model: {parameters:,} numbers that belong into {base}, side paths (LoRA) of rank {rank} in
the last {layers} of its 30 layers. With them it answers questions about a story in a few words, and says that
the story does not say it where that is so.
"""
HOW = """
puts them in, where `real` is what `load_pretrained("smollm2-135m-instruct")` gives, in float32; another model
is refused. The base's file has the SHA-256 `{file}`, its weights the fingerprint `{fingerprint}`. It is under
the Apache licence 2.0 (see `LICENSE-THIRD-PARTY`); the numbers here are the course's own.
"""
MADE = """
Made by `{command}`: {steps:,} steps, {tokens:,} tokens, in {minutes:.0f} minutes of CPU time with {threads}
thread(s). Each step read {recipe[batch_size]} fresh stories of the little world in English, each with up to
{questions} questions that it answers and {unanswered} that it doesn't; only the answers counted in the loss.
The side paths are stored in half precision; the scores are those of what is stored. Without and with them,
the model got the same messages, with the system message "{system}"
"""
NOTE = """
In brackets: 95 % intervals, as if all questions were independent; questions about one story share its fate a
little. An exact match asks for the form, too: few words, and no more. The row below it doesn't, and shows how
much of the gain is form. Nothing that people typed was used in training or in choosing the recipe.
"""


def card(metadata: dict) -> str:
    """What `data/checkpoints/smollm2-stories.md` says."""
    before, after = (metadata["scores"][when] for when in ("before", "after"))
    rows = ["| | without | with the adapter |", "|---|---:|---:|"]
    for title, part, hits, trials in ROWS:
        cells = [share(found[part][hits], found[part][trials]) for found in (before, after)]
        rows.append(f"| {title} | {cells[0]} | {cells[1]} |")
    settings = {name: value for name, value in metadata["recipe"].items() if value is not None}
    settings.pop("matrix_lr", None)  # which AdamW doesn't know
    nats = [f"{found['text']['nats']:.2f}" for found in (before, after)]
    rows.append(f"| the typed stories as plain text: nats per token | {nats[0]} | {nats[1]} |")
    parts = [
        f"# {NAME}",
        _filled(WHAT.format(**metadata)),
        f'    finetuning.load_adapter("data/checkpoints/{NAME}.safetensors", real.model)',
        _filled(HOW.format(**metadata)),
        _filled(MADE.format(**metadata, system=SYSTEM)),
        "\n".join(rows),
        _filled(NOTE),
        "Recipe:",
        "\n".join(f"- {name}: {value}" for name, value in settings.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _filled(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 110, break_long_words=False, break_on_hyphens=False)


def make_adapter(real: Pretrained, path: Path) -> None:
    """Measure, train, store, measure what was stored, and write the card."""
    template = template_from_gguf(real.facts, real.tokenizer)
    began = time.process_time()
    before = scores(real, template)
    print(f"measured in {time.process_time() - began:.0f} s: {before}", flush=True)
    finetuning.add_lora(
        real.model.requires_grad_(False).blocks[-LAYERS:], RANK, ALPHA, generator=seed(RECIPE.seed)
    )
    batches = finetuning.TalkBatches(real.tokenizer, template, RECIPE.batch_size, QUESTIONS, UNANSWERED)
    history = training.train(real.model, batches, RECIPE, callbacks=[Report()], clock=time.process_time)
    if history.interrupted:
        sys.exit("Stopped; nothing was stored.")
    last = history.records[-1]
    about = {
        "command": "make checkpoints",
        "parameters": finetuning.trainable_count(real.model),
        "rank": RANK,
        "layers": LAYERS,
        "steps": last.step,
        "tokens": last.tokens,
        "minutes": last.seconds / 60,
        "threads": torch.get_num_threads(),
        "questions": QUESTIONS,
        "unanswered": UNANSWERED,
        "file": SMOLLM2.sha256,
        "recipe": dict(vars(RECIPE)),
    }
    finetuning.save_adapter(path, real.model, SMOLLM2.title, about)
    round_as_stored(real.model)
    about["scores"] = {"before": before, "after": scores(real, template)}
    finetuning.save_adapter(path, real.model, SMOLLM2.title, about)
    with atomic_write(path.with_suffix(".md"), "w") as file:
        file.write(card(finetuning.adapter_metadata(path)))


@torch.no_grad()
def round_as_stored(model: torch.nn.Module) -> None:
    """Give the side paths the values that half precision leaves of them."""
    for weight in model.parameters():
        if weight.requires_grad:
            weight.copy_(weight.half())


class Report:
    """Prints each record of the training."""

    def on_record(self, record, history) -> None:
        print(f"step {record.step}  loss {record.train_loss:.3f}  {record.seconds:.0f} s", flush=True)


def main() -> None:
    """Make the adapter, if the real model is here."""
    real = if_here()
    if real is None:
        sys.exit("Without it there is no adapter to train; the other checkpoints don't need it.")
    make_adapter(real, data_dir() / "checkpoints" / f"{NAME}.safetensors")


if __name__ == "__main__":
    main()
