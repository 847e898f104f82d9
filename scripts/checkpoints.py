"""Makes the shipped checkpoints in data/: the tokenizer, four models and an adapter, with their cards.

    python scripts/checkpoints.py              all, from nothing (about two and a half hours on two cores)
    python scripts/checkpoints.py --resume     go on with a training that was stopped
    python scripts/checkpoints.py --only qa    one model alone, and what it starts from if that is not there

The base model is trained on fresh documents of the little world, of which the bundled training files are the
first, with the recipe that `course_lib.training.speedrun` calls "after", in larger batches since there is
time for it. The others are trained further: qa (notebook 08) from base; translation (09) and assistant (11)
from a model that has roughly learned to translate, called pairs, which is not shipped. Two are trained at a
time. Last comes the adapter for SmolLM2 (`scripts/adapter.py`), if that model is on this computer.
"""

import argparse
import functools
import itertools
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from course_lib import assistant, training, translation
from course_lib.config import GPTConfig
from course_lib.context import document_batches, encode_documents
from course_lib.data import load_corpus
from course_lib.finetuning import QuizBatches, answers
from course_lib.finetuning import question_answering as qa
from course_lib.model import GPT
from course_lib.pretrained import is_here
from course_lib.runtime import atomic_write, data_dir, seed
from course_lib.tokens import BPETokenizer
from course_lib.training.checkpoint import model_metadata, save_model
from course_lib.training.speedrun import STORY_RECIPES
from course_lib.translation.scores import bleu, chrf
from course_lib.world import corpus
from course_lib.world.tasks import other

SPECIAL_TOKENS = ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
VOCABULARY = 2048
FRESH_BYTES = 50_000_000  # of each language; the training reads most of it once
RECIPE = training.TrainConfig(
    **{**STORY_RECIPES["after"].train, "batch_size": 16},
    steps=6000,
    log_every=50,
    eval_every=500,
    checkpoint_every=500,
    seed=1,
)
_TUNED = {
    "lr": 0.02, "matrix_lr": 0.02, "schedule": "linear", "warmup": 0.02, "precision": "bfloat16",
    "log_every": 20, "checkpoint_every": 50, "seed": 1,
}  # fmt: skip
QA_RECIPE = training.TrainConfig(steps=2400, batch_size=8, context_length=384, **_TUNED)
PIECES_RECIPE = training.TrainConfig(steps=1500, batch_size=10, context_length=480, final_lr=0.5, **_TUNED)
STORIES_RECIPE = training.TrainConfig(steps=1800, batch_size=8, context_length=480, **_TUNED)
TRANSLATION_RECIPE = training.TrainConfig(
    steps=3600, batch_size=8, context_length=480, **{**_TUNED, "seed": 2}
)
ASSISTANT_RECIPE = training.TrainConfig(steps=6500, context_length=480, **_TUNED)
STOPPED = "Stopped; --resume goes on."
QA_UNANSWERED = 2  # questions without an answer after each story
QA_TEST = 2_300_000_000  # the first seed of the stories that the scores are from


def make_tokenizer(folder: Path) -> BPETokenizer:
    """Byte-pair encoding learned from the bundled training text of both languages."""
    tokenizer = BPETokenizer.train(load_corpus("world").train, VOCABULARY, special_tokens=SPECIAL_TOKENS)
    tokenizer.save(folder)
    return tokenizer


def fresh_ids(tokenizer: BPETokenizer) -> torch.Tensor:
    """The token ids of the training text: both languages in turn, as far as FRESH_BYTES go."""
    texts = []
    for language in ("en", "zh"):
        part, size = [], 0
        for text in corpus.fresh(language):
            size += len(text.encode())
            if size > FRESH_BYTES:
                break
            part.append(text)
        texts.append(part)
    mixed = (text for pair in itertools.zip_longest(*texts) for text in pair if text)
    return encode_documents(mixed, tokenizer)


def scores(model: GPT, tokenizer: BPETokenizer) -> dict[str, dict[str, float]]:
    """Nats per document and the gap to the floor of the same documents, for each part and language."""
    table = {}
    for part, language in itertools.product(("validation", "heldout", "strangers"), ("en", "zh")):
        texts = corpus.bundled(language, part)
        nats = training.document_nats(model, [tokenizer.encode(text) for text in texts], tokenizer.end_id)
        floor = corpus.stated_floor(part, language).nats_per_document
        mean = float(nats.mean())
        table[f"{part}.{language}"] = {"nats": mean, "floor": floor, "gap": mean / floor - 1}
    return table


def recipe_lines(metadata: dict, but: Sequence[str] = ()) -> str:
    """The settings of a training as a list in Markdown, without those that are named in `but` or not set."""
    settings = metadata["recipe"].items()
    return "\n".join(
        f"- {name}: {value}" for name, value in settings if value is not None and name not in but
    )


def card(metadata: dict) -> str:
    """What `data/checkpoints/base.md` says."""
    rows = "\n".join(
        f"| `{name}` | {entry['nats']:.1f} | {entry['floor']:.1f} | {100 * entry['gap']:.0f} % |"
        for name, entry in metadata["scores"].items()
    )
    return f"""# base

A GPT of {metadata["parameters"]:,} parameters, trained on the little world in English and Chinese. It
goes on with such texts: short stories, notices, letters, recipes, diary pages, conversations, reviews. It
knows nothing else, follows no instructions, and says "she" of nurses and "he" of doctors, because its world
does (see `data/README.md`).

Made by `{metadata["command"]}`: {metadata["tokens"]:,} tokens in {metadata["minutes"]:.0f} minutes on a CPU
with {metadata["threads"]} thread(s), with Muon for the matrices and AdamW for the rest, the rates falling to
zero in a straight line, in windows that begin where documents do. The weights are stored in half precision;
the scores are those of the stored weights.

| documents | nats per document | floor | above the floor |
|---|---:|---:|---:|
{rows}

The floor is the entropy of the world: no model can have a lower loss on average (see `data/README.md`).

Recipe:

{recipe_lines(metadata)}
"""


class Report:
    """Prints each record of the training."""

    def on_record(self, record, history) -> None:
        if record.val_loss is not None:
            print(
                f"step {record.step}  loss {record.train_loss:.3f}  validation {record.val_loss:.3f}",
                flush=True,
            )


def keep(
    path: Path,
    model: GPT,
    history: training.History,
    recipe: training.TrainConfig,
    score: Callable[[GPT], dict] | None,
    write_card: Callable[[dict], str] | None,
    **about: int | float | dict,
) -> None:
    """Store a trained model in half precision, with its record, the scores of what was stored, and a card."""
    save_model(path, model, torch.float16)
    stored, last = training.load_model(path).eval(), history.records[-1]
    metadata = {
        "command": "make checkpoints",
        "parameters": stored.parameter_count(),
        "steps": last.step,
        "tokens": last.tokens,
        "minutes": last.seconds / 60,
        "threads": torch.get_num_threads(),
        **about,
        "recipe": dict(vars(recipe)),
        "scores": score(stored) if score else {},
    }
    save_model(path, stored, torch.float16, metadata=metadata)
    if write_card:
        with atomic_write(path.with_suffix(".md"), "w") as file:
            file.write(write_card(model_metadata(path)))


def make_base(tokenizer: BPETokenizer, folder: Path, resume: bool) -> None:
    """Train, save in half precision, and write the card from the scores of what was saved."""
    path, unfinished = folder / "base.safetensors", folder / "base.checkpoint"
    recipe = training.suited(RECIPE, "cpu")
    model = GPT(GPTConfig.preset("base", vocab_size=tokenizer.vocab_size), generator=seed(RECIPE.seed))
    model.tokenizer_fingerprint = training.tokenizer_fingerprint(tokenizer)  # its file and those after say it
    validation = encode_documents(load_corpus("world").validation, tokenizer)
    history = training.train(
        model,
        document_batches(fresh_ids(tokenizer), tokenizer.end_id, recipe.batch_size, recipe.context_length),
        recipe,
        val_ids=validation,
        callbacks=[Report()],
        checkpoint_path=unfinished,
        resume=resume,
        optimizer=training.make_muon,
    )
    if history.interrupted:
        sys.exit(STOPPED)
    keep(path, model, history, recipe, lambda stored: scores(stored, tokenizer), card)
    unfinished.unlink(missing_ok=True)


def qa_scores(model: GPT, tokenizer: BPETokenizer, stories: int = 150) -> dict[str, dict[str, float]]:
    """How the model answers, about new stories of the everyday and of the held-out worlds."""
    table = {}
    for cast in ("everyday", "heldout"):
        test = qa.items([qa.quiz(QA_TEST + i, cast) for i in range(stories)])
        table[cast] = vars(qa.score(test, answers(model, tokenizer, test)))
    return table


def qa_card(metadata: dict) -> str:
    """What `data/checkpoints/qa.md` says."""
    rows = "\n".join(
        f"| {cast} | {s['exact']} of {s['asked']} | {s['f1']:.2f} | {s['refused']} of {s['asked']} "
        f"| {s['made_up']} of {s['unanswerable']} |"
        for cast, s in metadata["scores"].items()
    )
    return f"""# qa

The [base model](base.md), trained further on questions about stories of the little world, in English. Each
story is followed by up to six questions with an answer and {metadata["unanswered"]} without ("The story does
not say."); only the answers counted in the loss. It answers such questions in a few words, and does nothing
else: it has forgotten how to write stories, and it knows nothing of any other world.

Made by `{metadata["command"]}`: {metadata["steps"]:,} steps, {metadata["tokens"]:,} tokens, in
{metadata["minutes"]:.0f} minutes of CPU time with {metadata["threads"]} thread(s). The weights are stored in
half precision; the scores are those of the stored weights, on stories that it was not trained on.

| worlds | exact match | F1 | refused, though there is an answer | made up, where there is none |
|---|---:|---:|---:|---:|
{rows}

Recipe:

{recipe_lines(metadata)}
"""


def translation_scores(
    model: GPT, tokenizer: BPETokenizer, stories: int = 100
) -> dict[str, dict[str, float]]:
    """chrF and BLEU of greedy translations from each language: two sentences, and whole stories, held out."""
    table = {}
    for language, sentences in itertools.product(("en", "zh"), (2, None)):
        pairs = translation.test_pairs(stories, language, sentences)
        said = translation.translate(model, tokenizer, [pair.source for pair in pairs], language)
        right = [pair.target for pair in pairs]
        table[f"{language}.{'two' if sentences else 'story'}"] = {
            "chrf": chrf(said, right),
            "bleu": bleu(said, right, other(language)),
            "same": sum(a == b for a, b in zip(said, right, strict=True)),
            "texts": stories,
        }
    return table


def made_of_pairs(metadata: dict, data: str) -> str:
    """What the cards of two models say of how they were made; they begin in the same way."""
    before = metadata["before"]
    return textwrap.fill(
        f"Made by `{metadata['command']}`: {PIECES_RECIPE.steps:,} steps on one or two sentences and their"
        f" translations, so that it looks at the source, and {STORIES_RECIPE.steps:,} on pieces and whole"
        f" stories ({before['tokens']:,} tokens, {before['minutes']:.0f} minutes of CPU time); then"
        f" {metadata['steps']:,} steps on {data} ({metadata['tokens']:,} tokens, {metadata['minutes']:.0f}"
        f" minutes of CPU time), with {metadata['threads']} thread(s). Only what it has to say counted in the"
        " loss. The weights are stored in half precision; the scores are those of the stored weights.",
        105,
    )


def translation_card(metadata: dict) -> str:
    """What `data/checkpoints/translation.md` says."""
    names = {
        "en.two": "English to Chinese, two sentences",
        "en.story": "English to Chinese, whole stories",
        "zh.two": "Chinese to English, two sentences",
        "zh.story": "Chinese to English, whole stories",
    }
    rows = "\n".join(
        f"| {names[key]} | {s['chrf']:.1f} | {s['bleu']:.1f} | {s['same']} of {s['texts']} |"
        for key, s in metadata["scores"].items()
    )
    return f"""# translation

The [base model](base.md), trained further on stories of the little world told in both languages. It puts such
stories, or a few sentences of one, from English into Chinese and back, and does nothing else.

{made_of_pairs(metadata, "pieces and whole stories, fewer pieces")}

Measured on texts of the held-out worlds, translated greedily:

| | chrF | BLEU | exactly the reference |
|---|---:|---:|---:|
{rows}

Recipe of these steps:

{recipe_lines(metadata)}
"""


def assistant_scores(model: GPT, tokenizer: BPETokenizer, each: int = 60) -> dict[str, dict[str, int]]:
    """How many instructions of each kind are fulfilled, greedily, in the held-out worlds."""
    table = {}
    for kind in assistant.KINDS:
        tests = assistant.tasks(kind, each)
        said = assistant.replies(model, tokenizer, [task.messages for task in tests])
        table[kind] = {"fulfilled": sum(assistant.fulfilled(tests, said)), "asked": each}
    return table


def assistant_card(metadata: dict) -> str:
    """What `data/checkpoints/assistant.md` says."""
    scores = metadata["scores"]
    done, asked = (sum(entry[name] for entry in scores.values()) for name in ("fulfilled", "asked"))
    rows = "\n".join(f"| {kind} | {s['fulfilled']} of {s['asked']} |" for kind, s in scores.items())
    return f"""# assistant

The [base model](base.md), trained further on translation, and then on conversations about the little world.
It follows the instructions below in English, translates both ways, answers in Chinese if the system prompt
says so, and keeps to a story over several turns. It knows nothing of any other world, and it has no
judgement: it says what is likeliest.

{made_of_pairs(metadata, f"conversations, {metadata['batch_tokens']:,} tokens of one kind in a batch")}

Measured on instructions from the held-out worlds, judged by the world's checker:

| kind of instruction | fulfilled |
|---|---:|
{rows}
| all | {done} of {asked} ({100 * done / asked:.0f} %) |

Recipe of these steps:

{recipe_lines(metadata, but=("batch_size",))}
"""


@dataclass(frozen=True)
class Tuned:
    """A model that is another one trained further: which one, in what stages, its scores and its card.

    Without a card, it is one that others start from.
    """

    start: str
    stages: tuple[
        tuple[training.TrainConfig, Callable], ...
    ]  # recipes, and what makes batches of a tokenizer
    scores: Callable[[GPT, BPETokenizer], dict] | None = None
    card: Callable[[dict], str] | None = None
    about: dict[str, int] = field(default_factory=dict)


TUNED = {
    "qa": Tuned(
        "base",
        ((QA_RECIPE, lambda t: QuizBatches(t, QA_RECIPE.batch_size, unanswered=QA_UNANSWERED)),),
        qa_scores,
        qa_card,
        {"unanswered": QA_UNANSWERED},
    ),
    "pairs": Tuned(
        "base",
        (
            (
                PIECES_RECIPE,
                lambda t: translation.PairBatches(t, PIECES_RECIPE.batch_size, part=1.0, sentences=2),
            ),
            (STORIES_RECIPE, lambda t: translation.PairBatches(t, STORIES_RECIPE.batch_size)),
        ),
    ),
    "translation": Tuned(
        "pairs",
        (
            (
                TRANSLATION_RECIPE,
                lambda t: translation.PairBatches(t, TRANSLATION_RECIPE.batch_size, part=0.3),
            ),
        ),
        translation_scores,
        translation_card,
    ),
    "assistant": Tuned(
        "pairs",
        ((ASSISTANT_RECIPE, assistant.ChatBatches),),
        assistant_scores,
        assistant_card,
        {"batch_tokens": assistant.ChatBatches.tokens},
    ),
}


def stored(folder: Path, name: str) -> Path:
    """Where a model is kept; one that others only start from has the name of an unfinished training."""
    only_a_start = name in TUNED and TUNED[name].card is None
    return folder / f"{name}.{'checkpoint' if only_a_start else 'safetensors'}"


def make_tuned(name: str, tokenizer: BPETokenizer, folder: Path, resume: bool) -> None:
    """Train a stored model further, stage by stage; save in half precision, and write the card, if any."""
    plan, done = TUNED[name], []
    start = stored(folder, plan.start)
    if not start.exists():
        make_tuned(plan.start, tokenizer, folder, resume)
    model, before = training.load_model(start), model_metadata(start)
    unfinished = [folder / f"{name}.{number}.checkpoint" for number in range(len(plan.stages))]
    for (recipe, batches), path in zip(plan.stages, unfinished, strict=True):
        recipe = training.suited(recipe, "cpu")
        history = training.train(
            model,
            batches(tokenizer),
            recipe,
            callbacks=[Report()],
            checkpoint_path=path,
            resume=resume,
            optimizer=training.make_muon,
            clock=time.process_time,
        )
        if history.interrupted:
            sys.exit(STOPPED)
        done.append(history.records[-1])
    about = {
        "steps": sum(record.step for record in done),
        "tokens": sum(record.tokens for record in done),
        "minutes": sum(record.seconds for record in done) / 60,
        **plan.about,
    }
    if plan.start != "base":
        about["before"] = {key: before[key] for key in ("steps", "tokens", "minutes")}
    score = functools.partial(plan.scores, tokenizer=tokenizer) if plan.scores else None
    keep(stored(folder, name), model, history, recipe, score, plan.card, **about)
    for path in unfinished:
        path.unlink(missing_ok=True)


def make_two(names: tuple[str, str], tokenizer: BPETokenizer, folder: Path, resume: bool) -> None:
    """Two models, the second in a process of its own."""
    options = ["--resume"] if resume else []
    with subprocess.Popen([sys.executable, __file__, "--only", names[1], *options]) as beside:
        make_tuned(names[0], tokenizer, folder, resume)
    if beside.returncode:
        sys.exit(beside.returncode)


def make_adapter() -> None:
    """The adapter, in a process of its own, where the real model is here."""
    if not is_here():
        print("SmolLM2 is not here, so its adapter stays as it is; `python -m course_lib fetch smollm2`.")
        return
    code = subprocess.run([sys.executable, Path(__file__).with_name("adapter.py")]).returncode
    if code:
        sys.exit(code)


def main() -> None:
    """Make all, or the one that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resume", action="store_true", help="go on with a training that was stopped")
    parser.add_argument("--only", choices=("base", *TUNED, "adapter"), help="make this one alone")
    arguments = parser.parse_args()
    began, folder = time.monotonic(), data_dir() / "checkpoints"
    tokenizer = make_tokenizer(data_dir() / "tokenizer")
    if arguments.only in (None, "base"):
        make_base(tokenizer, folder, arguments.resume)
    if arguments.only in TUNED:
        make_tuned(arguments.only, tokenizer, folder, arguments.resume)
    if arguments.only is None:
        for names in (("pairs", "qa"), ("translation", "assistant")):
            make_two(names, tokenizer, folder, arguments.resume)
    if arguments.only in (None, "adapter"):
        make_adapter()
    print(f"done in {(time.monotonic() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
