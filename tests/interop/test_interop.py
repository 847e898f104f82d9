"""Folders for transformers and back: logits, gradients' layout, tokens, options, damage, GPT-2's weights."""

import hashlib
import json
import shutil
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import interop
from course_lib.config import GPTConfig
from course_lib.data.download import RemoteFile
from course_lib.interop import (
    export_to_transformers,
    gpt2,
    import_from_transformers,
    load_gpt2,
    to_tokenizers,
    tokenizer_json,
)
from course_lib.interop.families import family_for
from course_lib.model import GPT
from course_lib.tokens import GPT2_PATTERN, BPETokenizer, CharTokenizer

TEXT = (
    "The cat sat on the mat. 大语言模型在自然语言处理领域具有广泛的应用价值。"
    " It's 1984, isn't it?  猫坐在垫子上。\n"
) * 3
SPECIAL = ("<|endoftext|>", "<|user|>", "<|end|>")
SHAPE = {"vocab_size": 400, "context_length": 32, "n_layers": 2, "n_heads": 4, "width": 24}
LLAMA = {"norm": "rmsnorm", "activation": "swiglu", "positions": "rotary"}

# The options of our GPT, and the class that it becomes.
MODELS = {
    "gpt2": ({}, "GPT2LMHeadModel"),
    "gpt2 without biases": ({"bias": False, "tie_embeddings": False, "mlp_width": 20}, "GPT2LMHeadModel"),
    "gpt2 relu2": ({"activation": "relu2", "dropout": 0.1, "norm_eps": 1e-3}, "GPT2LMHeadModel"),
    "sinusoidal": ({"positions": "sinusoidal"}, "GPT2LMHeadModel"),
    "no positions": ({"positions": "none"}, "GPT2LMHeadModel"),
    "base": ({"positions": "rotary"}, "GPTNeoXForCausalLM"),
    "base untied": (
        {"positions": "rotary", "tie_embeddings": False, "bias": False, "rope_base": 300.0},
        "GPTNeoXForCausalLM",
    ),
    "llama": ({**LLAMA, "n_kv_heads": 2, "bias": False}, "LlamaForCausalLM"),
    "llama untied with biases": ({**LLAMA, "tie_embeddings": False}, "LlamaForCausalLM"),
    "qwen3": ({**LLAMA, "n_kv_heads": 1, "bias": False, "qk_norm": True}, "Qwen3ForCausalLM"),
}


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.train(TEXT, 320, SPECIAL)


@pytest.fixture(autouse=True)
def without_network(monkeypatch, tmp_path):
    """Nothing may be looked for elsewhere than where a test puts it."""
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "COURSE_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    monkeypatch.setattr("socket.socket.connect", lambda *a: pytest.fail("a test went to the network"))


def gpt(**options):
    model = GPT(GPTConfig(**{**SHAPE, **options}))
    g = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        noise = 0.2 * torch.randn(parameter.shape, generator=g)
        parameter.data = 1 + noise if parameter.ndim == 1 and (parameter == 1).all() else noise
    return model.eval()


def some_ids(T=11):
    return torch.randint(320, (2, T), generator=torch.Generator().manual_seed(0))


def logits_of(model, ids):
    with torch.no_grad():
        out = model(ids)
    return getattr(out, "logits", out)


def difference(a, b):
    return (a - b).abs().max().item()


# Out, and back


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_is_the_same_in_transformers_and_after_coming_back(name, tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM

    options, architecture = MODELS[name]
    model, ids = gpt(**options), some_ids()
    folder = export_to_transformers(model, tokenizer, tmp_path / "model")
    theirs = AutoModelForCausalLM.from_pretrained(folder)
    assert type(theirs).__name__ == architecture
    expected = logits_of(model, ids)
    assert expected.std() > 0.1
    assert difference(logits_of(theirs, ids), expected) < 1e-5

    back, its_tokenizer = import_from_transformers(folder)
    assert not back.training
    assert difference(logits_of(back, ids), expected) < 1e-6
    assert its_tokenizer.encode(TEXT) == tokenizer.encode(TEXT)
    if model.config.positions in ("learned", "rotary") and (model.config.bias or architecture[0] in "LQ"):
        assert back.config == model.config

    # And once more through their own way of saving.
    theirs.save_pretrained(tmp_path / "again")
    again, none = import_from_transformers(tmp_path / "again")
    assert none is None
    assert difference(logits_of(again, ids), expected) < 1e-6


def test_the_folder_holds_just_what_it_should(tokenizer, tmp_path):
    folder = export_to_transformers(gpt(), tokenizer, tmp_path / "new" / "folder")
    names = {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert {path.name for path in folder.iterdir()} == names
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["GPT2LMHeadModel"]
    assert config["n_positions"] == 32 and config["dtype"] == "float32"
    generation = json.loads((folder / "generation_config.json").read_text())
    assert generation["eos_token_id"] == generation["pad_token_id"] == tokenizer.end_id


@pytest.mark.parametrize("name", ["gpt2", "base", "llama"])
def test_it_is_used_as_any_model_there_is(name, tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from course_lib.generation import GREEDY, generate

    model = gpt(**MODELS[name][0], vocab_size=tokenizer.vocab_size)
    folder = export_to_transformers(model, tokenizer, tmp_path)
    theirs, its_tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    prompt = "大语言模型在自然语言"
    ids = its_tokenizer.encode(prompt, return_tensors="pt")
    assert ids.tolist() == [tokenizer.encode(prompt)]
    out = theirs.generate(ids, max_length=28, num_return_sequences=1, do_sample=False)
    ours = generate(model, ids[0], 28 - ids.shape[1], sampling=GREEDY, stop_tokens=[tokenizer.end_id])
    assert out[0].tolist() == ours
    assert its_tokenizer.decode(out[0], skip_special_tokens=True) == tokenizer.decode(ours, skip_special=True)


def test_their_left_padding_is_ours(tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = gpt(**MODELS["llama"][0])
    folder = export_to_transformers(model, tokenizer, tmp_path)
    theirs, its_tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    batch = its_tokenizer(
        ["The cat", "The cat sat on the mat."], return_tensors="pt", padding=True, padding_side="left"
    )
    assert not batch["attention_mask"].all()
    with torch.no_grad():
        expected = theirs(**batch).logits[:, -1]
        ours = model(batch["input_ids"], key_mask=batch["attention_mask"].bool())[:, -1]
    assert difference(ours, expected) < 1e-5


def test_half_precision_stays_half_and_comes_back_as_float32(tokenizer, tmp_path):
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    folder = export_to_transformers(gpt().half(), tokenizer, tmp_path)
    assert {w.dtype for w in load_file(folder / "model.safetensors").values()} == {torch.float16}
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == torch.float16
    back, _ = import_from_transformers(folder)
    assert back.tokens.weight.dtype == torch.float32
    assert difference(back.tokens.weight, gpt().tokens.weight) < 1e-3


def test_weights_in_several_files_and_of_a_bare_body_are_read(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=97, n_positions=16, n_embd=20, n_layer=2, n_head=5, bos_token_id=0, eos_token_id=0
        )
    ).eval()
    ids = some_ids() % 97
    expected = logits_of(theirs, ids)
    theirs.save_pretrained(tmp_path / "pieces", max_shard_size="5KB")
    assert len(list((tmp_path / "pieces").glob("*.safetensors"))) > 1
    theirs.transformer.save_pretrained(
        tmp_path / "bare"
    )  # named as in the file that OpenAI's GPT-2 is shared in
    for name in ("pieces", "bare"):
        model, tokenizer = import_from_transformers(tmp_path / name)
        assert tokenizer is None and model.config.n_heads == 5 and model.config.dropout == 0.1
        assert difference(logits_of(model, ids), expected) < 1e-5


def test_masks_in_old_files_are_passed_over(tokenizer, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = export_to_transformers(gpt(), tokenizer, tmp_path)
    weights = load_file(folder / "model.safetensors")
    old = {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 32, 32),
        "transformer.h.0.attn.masked_bias": torch.tensor(-1e4),
    }
    save_file({**weights, **old}, folder / "model.safetensors")
    model, _ = import_from_transformers(folder)
    assert torch.equal(logits_of(model, some_ids()), logits_of(gpt(), some_ids()))


# Tokenizers


@pytest.fixture(scope="module")
def both(tokenizer, tmp_path_factory):
    from transformers import AutoTokenizer

    folder = export_to_transformers(gpt(), tokenizer, tmp_path_factory.mktemp("tokenizer"))
    return tokenizer, AutoTokenizer.from_pretrained(folder)


texts = st.text() | st.lists(
    st.sampled_from(
        [*SPECIAL, "<|", " ", "\n", "  ", "'s", "the", "猫", "é", "e\u0301", "1", "\u200d", "👩‍🚀", "|>"]
    )
).map("".join)


@settings(max_examples=400, deadline=None)
@given(texts)
def test_exported_tokenizer_gives_the_same_ids_and_the_same_text(both, text):
    ours, theirs = both
    assert theirs.encode(text) == ours.encode(text, allowed_special="all")
    plain = ours.encode(text)
    assert theirs.encode(text, split_special_tokens=True) == plain
    assert theirs.decode(plain) == text


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 319)))
def test_exported_tokenizer_decodes_any_ids_alike(both, ids):
    ours, theirs = both
    assert theirs.decode(ids) == ours.decode(ids)
    assert theirs.decode(ids, skip_special_tokens=True) == ours.decode(ids, skip_special=True)


@settings(max_examples=100, deadline=None)
@given(text=texts)
@pytest.mark.parametrize("pattern", [r"\p{L}+|\p{N}", r" ?[^\s\p{N}]+|\p{N}|\s+", GPT2_PATTERN])
def test_tokenizers_with_other_patterns_go_out_and_come_back(pattern, text):
    ours = _trained(pattern)
    rust = to_tokenizers(ours)
    assert rust.encode(text).ids == ours.encode(text, allowed_special="all")
    back = tokenizer_json.from_tokenizers(json.loads(rust.to_str()))
    assert (back.pattern, back.merges, back.special_tokens) == (pattern, ours.merges, ours.special_tokens)
    assert back.encode(text) == ours.encode(text)


_made = {}


def _trained(pattern):
    return _made.setdefault(pattern, BPETokenizer.train(TEXT, 300, SPECIAL, pattern))


def test_a_gpt2_tokenizer_saved_by_transformers_is_read(tmp_path):
    from transformers import GPT2Tokenizer

    tokenizer = BPETokenizer.train(TEXT, 320)
    tokenizer.save(tmp_path)
    theirs = GPT2Tokenizer.from_pretrained(tmp_path)
    theirs.save_pretrained(tmp_path / "saved")
    export_to_transformers(gpt(), tokenizer, tmp_path / "model")
    shutil.copy(tmp_path / "saved" / "tokenizer.json", tmp_path / "model" / "tokenizer.json")
    back = import_from_transformers(tmp_path / "model")[1]
    assert back.encode(TEXT) == tokenizer.encode(TEXT) == theirs.encode(TEXT)


def test_chat_template_and_stop_tokens_travel_along(tokenizer, tmp_path):
    from transformers import AutoTokenizer, GenerationConfig

    template = "{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}"
    folder = export_to_transformers(
        gpt(), tokenizer, tmp_path, stop_tokens=["<|end|>", "<|endoftext|>"], chat_template=template
    )
    theirs = AutoTokenizer.from_pretrained(folder)
    chat = theirs.apply_chat_template([{"role": "user", "content": "the cat"}], tokenize=False)
    assert chat == "<|user|>the cat<|end|>"
    assert theirs.encode(chat) == tokenizer.encode(chat, allowed_special="all")
    stops = [tokenizer.special_tokens[name] for name in ("<|end|>", "<|endoftext|>")]
    assert GenerationConfig.from_pretrained(folder).eos_token_id == stops
    assert import_from_transformers(folder)[1].special_tokens == tokenizer.special_tokens
    for ending in ("<|end|>", "<|endoftext|>", ""):
        answer = theirs.encode("on the mat" + ending)
        assert theirs.parse_response(answer, prefix=chat) == {"role": "assistant", "content": "on the mat"}


# What cannot be done is said


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "rmsnorm"},
        {"qk_norm": True},
        {"n_kv_heads": 2},
        {**LLAMA, "qk_norm": True},
        {**LLAMA, "activation": "relu2"},
    ],
)
def test_a_model_that_nobody_else_has_is_refused(options, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="No model of transformers has this combination"):
        export_to_transformers(gpt(**options), tokenizer, tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_what_does_not_fit_is_not_exported(tokenizer, tmp_path):
    with pytest.raises(ValueError, match="320 tokens, but the model only 319"):
        export_to_transformers(gpt(vocab_size=319), tokenizer, tmp_path)
    with pytest.raises(ValueError, match="CharTokenizer; only a BPETokenizer"):
        export_to_transformers(gpt(), CharTokenizer.train("abc"), tmp_path)
    with pytest.raises(ValueError, match="'<|system|>'"):
        export_to_transformers(gpt(), tokenizer, tmp_path, stop_tokens=["<|system|>"])


CHANGES = [
    ("gpt2", {"model_type": "bert"}, "type 'bert'"),
    ("gpt2", {"activation_function": "gelu"}, "activation is 'gelu'"),
    ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx=True"),
    ("gpt2", {"attn_pdrop": 0.3}, "dropouts"),
    ("gpt2", {"n_embd": 28}, "tokens.weight is of shape"),
    ("gpt2", {"n_layer": 3}, "blocks.2.norm1.weight is missing"),
    ("gpt2", {"n_layer": 1}, "has no place"),
    ("gpt2", {"n_head": 7}, "multiple of n_heads"),
    ("llama", {"hidden_act": "gelu"}, "hidden_act='gelu'"),
    ("llama", {"head_dim": 12}, "head_dim=12"),
    ("llama", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "type 'yarn'"),
    ("llama", {"rope_parameters": None, "rope_scaling": {"type": "linear"}}, "type 'linear'"),
    ("llama", {"mlp_bias": True}, "mlp_bias=True"),
    ("base", {"use_parallel_residual": True}, "use_parallel_residual=True"),
    ("base", {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.25}}, "rotary_pct=0.25"),
]


@pytest.mark.parametrize(("name", "change", "said"), CHANGES)
def test_options_that_our_gpt_lacks_are_said_in_one_sentence(name, change, said, tokenizer, tmp_path):
    folder = export_to_transformers(gpt(**MODELS[name][0]), tokenizer, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ValueError, match=said) as caught:
        import_from_transformers(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_old_config_files_are_understood(tokenizer, tmp_path):
    model = gpt(**MODELS["llama"][0], rope_base=700.0)
    folder = export_to_transformers(model, tokenizer, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    del config["rope_parameters"], config["mlp_bias"], config["head_dim"]
    (folder / "config.json").write_text(json.dumps({**config, "rope_theta": 700.0, "rope_scaling": None}))
    assert import_from_transformers(folder)[0].config == model.config


TOKENIZER_CHANGES = [
    {"normalizer": {"type": "NFC"}},
    {"pre_tokenizer": {"type": "Metaspace"}},
    {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}},
    {"pre_tokenizer": None},
    {"post_processor": {"type": "TemplateProcessing", "special_tokens": {"<|endoftext|>": {}}}},
    {"model": {"type": "Unigram", "vocab": []}},
]


@pytest.mark.parametrize("change", TOKENIZER_CHANGES)
def test_other_kinds_of_tokenizers_are_refused(change, tokenizer, tmp_path):
    folder = export_to_transformers(gpt(), tokenizer, tmp_path)
    content = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(ValueError, match="no plain byte-level BPE"):
        import_from_transformers(folder)


def test_missing_and_damaged_files_are_said(tokenizer, tmp_path):
    with pytest.raises(ValueError, match="There is no .*config.json"):
        import_from_transformers(tmp_path)
    folder = export_to_transformers(gpt(), tokenizer, tmp_path / "model")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-9])
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        import_from_transformers(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="run any code"):
        import_from_transformers(folder)
    config = json.loads((folder / "config.json").read_text())
    for text, said in (
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ('{"model_type": "llama"}', "lacks 'hidden_size'"),
    ):
        (folder / "config.json").write_text(text)
        with pytest.raises(ValueError, match=said):
            import_from_transformers(folder)
    assert config["vocab_size"] == 400


# GPT-2 as published: a small model in its place


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A folder that looks like openai-community/gpt2, and hashes that are its own."""
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = tmp_path / "published"
    tokenizer = BPETokenizer.train(TEXT, 300)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=300,
            n_positions=16,
            n_embd=20,
            n_layer=2,
            n_head=5,
            bos_token_id=tokenizer.end_id,
            eos_token_id=tokenizer.end_id,
        )
    )
    model.eval().transformer.save_pretrained(folder)
    tokenizer.save(folder)
    (folder / "special_tokens.json").unlink()
    files = []
    for file in interop.GPT2_FILES:
        content = (folder / file.name).read_bytes()
        url = (folder / file.name).as_uri()
        files.append(RemoteFile(file.name, (url,), hashlib.sha256(content).hexdigest(), len(content)))
    monkeypatch.setattr(gpt2, "GPT2_FILES", tuple(files))
    return folder, model, tokenizer


def _is_published(result, published):
    (model, tokenizer), (_, theirs, its_tokenizer) = result, published
    assert difference(logits_of(model, some_ids() % 300), logits_of(theirs, some_ids() % 300)) < 1e-5
    assert tokenizer.encode(TEXT) == its_tokenizer.encode(TEXT)
    assert tokenizer.end_id == its_tokenizer.end_id


def test_gpt2_is_downloaded_checked_and_then_found(published, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    _is_published(load_gpt2(cache=cache), published)
    monkeypatch.setattr(gpt2, "fetch", lambda *a: pytest.fail("it is there already"))
    _is_published(load_gpt2(cache=cache), published)
    _is_published(load_gpt2(published[0]), published)


def test_gpt2_is_found_in_hugging_faces_cache(published, tmp_path, monkeypatch):
    hub = tmp_path / "hub"
    shutil.copytree(published[0], hub / "models--openai-community--gpt2" / "snapshots" / "607a30d")
    shutil.copytree(published[0], hub / "models--gpt2-medium" / "snapshots" / "6dcaa7a")
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    monkeypatch.setattr(gpt2, "fetch", lambda *a: pytest.fail("it is there already"))
    _is_published(load_gpt2(), published)
    _is_published(load_gpt2("gpt2-medium"), published)


def test_a_damaged_copy_of_gpt2_is_replaced(published, tmp_path):
    cache = tmp_path / "cache"
    load_gpt2(cache=cache)
    weights = cache / "gpt2" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    _is_published(load_gpt2(cache=cache), published)


def test_without_a_network_the_alternatives_are_said(published, tmp_path):
    shutil.rmtree(published[0])
    with pytest.raises(ConnectionError, match="load_gpt2\\(folder\\)"):
        load_gpt2(cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="hf download openai-community/gpt2-xl"):
        load_gpt2("gpt2-xl", cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="'gpt5'; needed a folder"):
        load_gpt2("gpt5")


def test_without_leave_to_download_nothing_is_fetched(published, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(gpt2, "fetch", lambda *a: pytest.fail("it was not allowed to download"))
        with pytest.raises(FileNotFoundError, match="not on this computer.*548 MB"):
            load_gpt2(cache=tmp_path / "cache", download=False)
    load_gpt2(cache=tmp_path / "cache")
    _is_published(load_gpt2(cache=tmp_path / "cache", download=False), published)


def test_the_published_shapes_are_those_of_our_preset():
    config = GPTConfig.preset("gpt2", dropout=0.1)
    values = {
        "model_type": "gpt2",
        "vocab_size": 50257,
        "n_ctx": 1024,
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
    }
    assert family_for(config).config_in(values) == config
    sizes = {file.name: file.size for file in interop.GPT2_FILES}
    # 124,439,808 numbers of 4 bytes, 12 masks of 1024 x 1024 that old files carry, and a header.
    assert 0 < sizes["model.safetensors"] - 4 * (124_439_808 + 12 * 1024 * 1024) < 20_000


def test_transformers_is_not_imported_before_it_is_needed():
    import subprocess

    code = (
        "import sys, course_lib.interop; sys.exit(bool({'transformers', 'tokenizers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
