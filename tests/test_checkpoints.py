"""The shipped checkpoints: they load, say what they are, and score what their cards say."""

import itertools
import re
from pathlib import Path

import pytest
import torch

from course_lib import assistant, finetuning, runtime, translation
from course_lib.config import GPTConfig
from course_lib.finetuning.question_answering import items, quiz, score
from course_lib.generation import SamplingConfig, generate
from course_lib.interop import export_to_transformers
from course_lib.model import GPT
from course_lib.tokens import BPETokenizer
from course_lib.training import History, TrainConfig, document_nats, load_model
from course_lib.training.checkpoint import model_metadata, save_model
from course_lib.translation.scores import chrf
from course_lib.world import corpus
from course_lib.world.checker import check

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "data" / "checkpoints"
PARTS = list(itertools.product(("validation", "heldout", "strangers"), ("en", "zh")))


@pytest.fixture(scope="module")
def recipe(script):
    """The script that makes the checkpoints, as a module."""
    return script("checkpoints")


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.load(runtime.data_dir() / "tokenizer")


@pytest.fixture(scope="module")
def base():
    return load_model(FOLDER / "base.safetensors").eval()


def test_the_tokenizer_is_the_one_that_the_script_makes(recipe, tokenizer, tmp_path):
    again = recipe.make_tokenizer(tmp_path)
    assert again.merges == tokenizer.merges and again.special_tokens == tokenizer.special_tokens
    for name in ("vocab.json", "merges.txt", "special_tokens.json"):
        assert (tmp_path / name).read_bytes() == (ROOT / "data" / "tokenizer" / name).read_bytes()


def test_the_card_says_what_the_file_says(recipe, base, tokenizer):
    metadata = model_metadata(FOLDER / "base.safetensors")
    assert (FOLDER / "base.md").read_text(encoding="utf-8") == recipe.card(metadata)
    assert metadata["parameters"] == base.parameter_count()
    assert base.config.vocab_size == tokenizer.vocab_size
    assert (FOLDER / "base.safetensors").stat().st_size < 2.2 * base.parameter_count()  # half precision
    assert set(metadata["scores"]) == {f"{part}.{language}" for part, language in PARTS}


@pytest.mark.parametrize(("part", "language"), PARTS)
def test_the_scores_are_what_the_model_gets(base, tokenizer, part, language):
    """A part of the documents again: their mean loss over the floor fits the stated gap."""
    texts = corpus.bundled(language, part)[:40]
    cast = corpus.PARTS[part].cast
    nats = document_nats(base, [tokenizer.encode(text) for text in texts], tokenizer.end_id)
    exact = torch.tensor([corpus.exact_nats(text, language, cast) for text in texts], dtype=nats.dtype)
    over = nats - exact  # the same document's own floor taken off: far less noise than either has
    stated = model_metadata(FOLDER / "base.safetensors")["scores"][f"{part}.{language}"]
    margin = 4 * over.std() / len(texts) ** 0.5
    assert abs(over.mean() - (stated["nats"] - stated["floor"])) < margin
    if part == "validation":
        assert over.mean() > -margin  # no model is below the floor


def test_it_has_learned_most_of_what_can_be_learned():
    """Blind guessing costs over 20 times the floor; the model is less than a fifth above it."""
    scores = model_metadata(FOLDER / "base.safetensors")["scores"]
    for language in ("en", "zh"):
        assert 0 < scores[f"validation.{language}"]["gap"] < 0.2


def test_it_looks_back_to_copy_names(base, tokenizer):
    """Of two names in the story, and dozens in the world, it finds the one that was said."""
    text = "One morning, Lily went to the park. Lily had lost her kite. Everybody helped to look for it."
    ids = tokenizer.encode(text + " Then")
    with torch.no_grad():
        chances = base(torch.tensor([[tokenizer.end_id, *ids]]))[0, -1].softmax(-1)
    (lily,), (max_,) = (tokenizer.encode(name) for name in (" Lily", " Max"))
    assert chances[lily] > 20 * chances[max_]


def test_most_of_its_sentences_are_sentences_of_the_world(base, tokenizer):
    chance = torch.Generator().manual_seed(5)
    texts = generate(
        base,
        [[tokenizer.end_id]] * 16,
        300,
        sampling=SamplingConfig(temperature=0.7),
        stop_tokens=tokenizer.end_id,
        generator=chance,
    )
    verdicts = [check(tokenizer.decode(ids, skip_special=True)) for ids in texts]
    assert sum(v.grammatical for v in verdicts) > 0.9 * sum(v.sentences for v in verdicts)
    assert {v.language for v in verdicts} == {"en", "zh"}


def test_transformers_computes_the_same(base, tokenizer, tmp_path):
    export_to_transformers(base, tokenizer, tmp_path)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    text = "One morning, Lily went to the park. 星期六下午，小明去了公园。"
    ids = AutoTokenizer.from_pretrained(tmp_path).encode(text, return_tensors="pt")
    assert ids[0].tolist() == tokenizer.encode(text)
    with torch.no_grad():
        torch.testing.assert_close(base.float()(ids), theirs(ids).logits.float(), atol=1e-4, rtol=0)


TUNED = {
    "qa": {"everyday", "heldout"},
    "translation": {"en.two", "en.story", "zh.two", "zh.story"},
    "assistant": set(assistant.KINDS),
}


@pytest.mark.parametrize("name", TUNED)
def test_the_card_of_a_tuned_model_says_what_its_file_says(recipe, name):
    path, plan = FOLDER / f"{name}.safetensors", recipe.TUNED[name]
    metadata = model_metadata(path)
    assert path.with_suffix(".md").read_text(encoding="utf-8") == plan.card(metadata)
    assert path.stat().st_size < 2.2 * metadata["parameters"]  # half precision
    assert set(metadata["scores"]) == TUNED[name]
    settings = plan.stages[-1][0]
    assert metadata["steps"] == sum(stage.steps for stage, _ in plan.stages)
    for setting in ("steps", "batch_size", "lr", "schedule"):
        assert metadata["recipe"][setting] == getattr(settings, setting)
    if plan.start != "base":
        before = recipe.TUNED[plan.start]
        assert metadata["before"]["steps"] == sum(stage.steps for stage, _ in before.stages)
    assert set(TUNED) == {name for name, plan in recipe.TUNED.items() if plan.card}


def test_a_model_that_others_start_from_is_made_first_and_its_steps_are_counted(
    recipe, tokenizer, tmp_path, monkeypatch
):
    small = GPT(GPTConfig(tokenizer.vocab_size, 8, n_layers=1, n_heads=2, width=4))
    save_model(tmp_path / "base.safetensors", small)

    def batches(_):
        return lambda generator: (torch.randint(7, (2, 5), generator=generator),) * 2

    def settings(steps):
        return TrainConfig(steps=steps, batch_size=2, checkpoint_every=1)

    plans = {
        "pairs": recipe.Tuned("base", ((settings(2), batches), (settings(3), batches))),
        "poet": recipe.Tuned(
            "pairs",
            ((settings(5), batches),),
            lambda model, tokenizer: {"x": {"y": 1}},
            lambda about: "A card.",
        ),
    }
    monkeypatch.setattr(recipe, "TUNED", plans)
    recipe.make_tuned("poet", tokenizer, tmp_path, resume=False)
    about = model_metadata(tmp_path / "poet.safetensors")
    assert (about["steps"], about["before"]["steps"], about["scores"]) == (5, 5, {"x": {"y": 1}})
    assert about["tokens"] == about["before"]["tokens"] == 5 * 2 * 5
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"base.safetensors", "pairs.checkpoint", "poet.safetensors", "poet.md"}
    assert (tmp_path / "poet.md").read_text(encoding="utf-8") == "A card."
    assert load_model(tmp_path / "pairs.checkpoint").config == small.config


def test_a_stopped_training_ends_the_program_before_anything_begins_anew(
    recipe, tokenizer, tmp_path, monkeypatch
):
    begun = []

    def stopped(model, batches, config, **options):
        begun.append(options["checkpoint_path"].name)
        return History(interrupted=True)

    save_model(tmp_path / "base.safetensors", GPT(GPTConfig(7, 5, n_layers=1, n_heads=1, width=2)))
    monkeypatch.setattr(recipe.training, "train", stopped)
    with pytest.raises(SystemExit, match="--resume goes on"):
        recipe.make_tuned("translation", tokenizer, tmp_path, resume=False)
    assert begun == ["pairs.0.checkpoint"]


def test_the_adapter_is_made_where_the_real_model_is_and_a_failure_is_passed_on(recipe, monkeypatch, capsys):
    begun = []

    def run(command):
        begun.append(Path(command[1]).name)
        return recipe.subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(recipe.subprocess, "run", run)
    monkeypatch.setattr(recipe, "is_here", lambda: False)
    recipe.make_adapter()
    assert not begun and "fetch smollm2" in capsys.readouterr().out
    monkeypatch.setattr(recipe, "is_here", lambda: True)
    with pytest.raises(SystemExit) as stopped:
        recipe.make_adapter()
    assert begun == ["adapter.py"] and stopped.value.code == 3


def test_the_answers_are_as_good_as_their_card_says(recipe, tokenizer):
    """A part of the stories again, held-out ones: within four deviations of the stated shares."""
    path = FOLDER / "qa.safetensors"
    test = items([quiz(recipe.QA_TEST + i, "heldout") for i in range(20)])
    found = score(test, finetuning.answers(load_model(path).eval(), tokenizer, test))
    stated = model_metadata(path)["scores"]["heldout"]
    for hits, trials, share in (
        (found.exact, found.asked, stated["exact"] / stated["asked"]),
        (found.made_up, found.unanswerable, stated["made_up"] / stated["unanswerable"]),
    ):
        assert abs(hits / trials - share) <= 4 * (max(0.05, share * (1 - share)) / trials) ** 0.5


def test_the_translations_are_as_good_as_their_card_says(tokenizer):
    """A part of the stories again: chrF differs from story to story, but not by much over twenty."""
    path = FOLDER / "translation.safetensors"
    model, stated = load_model(path).eval(), model_metadata(path)["scores"]
    for language in ("en", "zh"):
        pairs = translation.test_pairs(20, language)
        said = translation.translate(model, tokenizer, [pair.source for pair in pairs], language)
        assert abs(chrf(said, [pair.target for pair in pairs]) - stated[f"{language}.story"]["chrf"]) < 12


def test_the_assistant_does_what_its_card_says(tokenizer):
    """Some instructions of each cheap kind again: within four deviations of the stated share."""
    path, n = FOLDER / "assistant.safetensors", 25
    model, stated = load_model(path).eval(), model_metadata(path)["scores"]
    for kind in ("note", "label", "answer", "refuse", "system"):
        tests = assistant.tasks(kind, n)
        said = assistant.replies(model, tokenizer, [task.messages for task in tests])
        share = stated[kind]["fulfilled"] / stated[kind]["asked"]
        allowed = 4 * (max(0.05, share * (1 - share)) / n) ** 0.5
        assert abs(sum(assistant.fulfilled(tests, said)) / n - share) <= allowed, kind


def test_all_checkpoints_are_small_and_each_is_described():
    files = sorted(FOLDER.glob("*.safetensors"))
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in files) < 20_000_000
    assert all(path.with_suffix(".md").exists() and f"`{path.name}`" in readme for path in files)


def test_the_readme_names_no_checkpoint_that_is_not_there():
    mentioned = set(
        re.findall(r"data/checkpoints/([\w.]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    )
    assert all((FOLDER / name).exists() for name in mentioned)
