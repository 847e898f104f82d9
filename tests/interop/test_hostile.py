"""Folders of transformers that claim too much or are of no known form, and what becomes of an export."""

from __future__ import annotations

import json
import os
import time

import pytest
import torch
from torch import nn

from course_lib import finetuning
from course_lib.config import GPTConfig
from course_lib.interop import export_to_transformers, exporting, import_from_transformers
from course_lib.model import GPT
from course_lib.model.anatomy import without
from course_lib.tokens import BPETokenizer
from course_lib.training import check_tokenizer, tokenizer_fingerprint

SHAPE = {"vocab_size": 270, "context_length": 8, "n_layers": 2, "n_heads": 2, "width": 8}
LLAMA = {"norm": "rmsnorm", "activation": "swiglu", "positions": "rotary", "bias": False}
KINDS = {"gpt2": {}, "llama": LLAMA, "gpt_neox": {"positions": "rotary"}}
IDS = torch.tensor([[1, 2, 3, 4, 5]])


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.train("the cat sat on the mat", 262)


def gpt(**changes) -> GPT:
    return GPT(GPTConfig(**{**SHAPE, **changes}), torch.Generator().manual_seed(0)).eval()


SIZES = {  # what our name is called in each family
    "vocab_size": ("vocab_size", "vocab_size", "vocab_size"),
    "layers": ("n_layer", "num_hidden_layers", "num_hidden_layers"),
    "context": ("n_positions", "max_position_embeddings", "max_position_embeddings"),
    "width": ("n_embd", "hidden_size", "hidden_size"),
    "heads": ("n_head", "num_attention_heads", "num_attention_heads"),
    "hidden": ("n_inner", "intermediate_size", "intermediate_size"),
}
VALUES = [20_000_000, 10**12, 10**30, 0, -1, 1.5, "many", None, [], {}, True]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_a_config_that_claims_what_the_weights_are_not_is_refused_at_once(kind, size, tokenizer, tmp_path):
    export_to_transformers(gpt(**KINDS[kind]), tokenizer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    name = SIZES[size][list(KINDS).index(kind)]
    assert name in config
    rotary_context = (
        size == "context" and kind != "gpt2"
    )  # which no weight tells: only the largest are refused
    for value in VALUES[1:] if rotary_context else VALUES:
        if size == "hidden" and value is None:
            continue  # the usual width, for which there is no other way to say it
        (tmp_path / "config.json").write_text(json.dumps({**config, name: value}))
        began = time.perf_counter()
        with pytest.raises(ValueError) as caught:
            import_from_transformers(tmp_path)
        assert time.perf_counter() - began < 5 and "\n" not in str(caught.value), value


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{}", "[]", "3", "", '{"model_type": []}', '{"model": 3, "added_tokens": 5}', "\ud800"],
)
def test_a_file_of_no_known_form_is_refused_in_one_sentence(file, text, tokenizer, tmp_path):
    export_to_transformers(gpt(), tokenizer, tmp_path)
    (tmp_path / file).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError) as caught:
        import_from_transformers(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", [{}, {"weight_map": 3}, {"weight_map": {"a": 5}}, {"weight_map": ["a"]}])
def test_an_index_that_lists_no_files_is_said(index, tokenizer, tmp_path):
    export_to_transformers(gpt(), tokenizer, tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="lists no files"):
        import_from_transformers(tmp_path)


def test_weights_that_are_no_floats_are_said(tokenizer, tmp_path):
    from safetensors.torch import load_file, save_file

    export_to_transformers(gpt(), tokenizer, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {name: weight.to(torch.int8) for name, weight in weights.items()}, tmp_path / "model.safetensors"
    )
    with pytest.raises(ValueError, match="torch.int8, needed"):
        import_from_transformers(tmp_path)


# Out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("targets", [("head",), ("qkv", "up"), ("qkv", "head")])
@pytest.mark.parametrize("tied", [True, False])
def test_an_exported_model_computes_what_it_did_with_lora(tokenizer, tmp_path, tied, targets, merged, dtype):
    model = finetuning.add_lora(gpt(tie_embeddings=tied), 2, targets=targets)
    for layer in model.modules():
        if isinstance(layer, finetuning.LoRALinear):
            nn.init.normal_(layer.b, std=0.3, generator=torch.Generator().manual_seed(2))
    model.to(dtype)
    expected = model(IDS)
    if merged:
        finetuning.merge_lora(model)
    export_to_transformers(model, tokenizer, tmp_path)
    ours, _ = import_from_transformers(tmp_path)
    from transformers import AutoModelForCausalLM

    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    near = 1e-4 if dtype == torch.float32 else 0.1
    with torch.no_grad():
        for found in (ours(IDS), theirs(IDS).logits):
            assert torch.allclose(found, expected.float(), atol=near)


def test_an_export_that_fails_leaves_the_folder_as_it_was(tokenizer, tmp_path, monkeypatch):
    folder = export_to_transformers(gpt(), tokenizer, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*parts):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "_write_config", fail)
    with pytest.raises(OSError, match="No space"):
        export_to_transformers(gpt(n_layers=1), BPETokenizer.train("a dog ran", 260), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert os.listdir(tmp_path) == ["model"]


def test_a_model_is_exported_with_its_own_tokenizer_only(tokenizer, tmp_path):
    model = gpt()
    model.tokenizer_fingerprint = tokenizer_fingerprint(tokenizer)
    with pytest.raises(ValueError, match="trained with another tokenizer"):
        export_to_transformers(model, BPETokenizer.train("a dog ran", 262), tmp_path)
    export_to_transformers(model, tokenizer, tmp_path)
    same, theirs = import_from_transformers(tmp_path)
    check_tokenizer(same, theirs)


def test_a_model_with_a_part_taken_out_is_not_exported(tokenizer, tmp_path):
    with pytest.raises(ValueError, match="not what its configuration says: blocks.0.mlp"):
        export_to_transformers(without("mlp", GPTConfig(**SHAPE)), tokenizer, tmp_path / "out")
    assert not (tmp_path / "out").exists()
