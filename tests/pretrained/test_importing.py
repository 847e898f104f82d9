"""GGUF files become our GPT: with the logits of the models that they were made of, and of transformers."""

from __future__ import annotations

import gguf_files
import numpy as np
import pytest
import torch

from course_lib.interop import agreement
from course_lib.pretrained import Container, import_gguf, quicker_dtype
from course_lib.pretrained.names import in_our_order
from course_lib.pretrained.quantization import KINDS

IDS = torch.tensor([[5, 3, 250, 7, 7, 1], [0, 261, 2, 9, 100, 4]])
MODELS = {"llama": gguf_files.llama, "gpt2": gguf_files.gpt2}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param]()


@pytest.fixture
def written(model, tmp_path):
    def write(kind: str = "F32"):
        path = tmp_path / f"{kind}.gguf"
        return gguf_files.write(path, gguf_files.facts_of(model), gguf_files.tensors_of(model), kind)

    return write


@torch.inference_mode()
def logits(model, ids=IDS) -> torch.Tensor:
    found = model(ids)
    return found if isinstance(found, torch.Tensor) else found.logits


def test_a_file_of_whole_floats_gives_the_models_own_logits(model, written):
    ours = import_gguf(written())
    largest, same = agreement(logits(ours.model), logits(model))
    assert largest < 1e-5 and same == 1
    assert ours.tokenizer is None and not ours.model.training


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_transformers_reading_the_same_file(model, written, kind):
    from transformers import AutoModelForCausalLM

    path = written(kind)
    theirs = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, config=model.config
    ).eval()
    assert torch.allclose(logits(import_gguf(path).model), logits(theirs), rtol=1e-5, atol=1e-5)


def test_a_head_of_its_own(tmp_path):
    model = gguf_files.llama(tied=False)
    path = gguf_files.write(tmp_path / "a.gguf", gguf_files.facts_of(model), gguf_files.tensors_of(model))
    ours = import_gguf(path).model
    assert not ours.config.tie_embeddings
    assert torch.equal(ours.head.weight, model.lm_head.weight)
    assert torch.equal(ours.tokens.weight, model.model.embed_tokens.weight)
    assert torch.allclose(logits(ours), logits(model), atol=1e-5)


def test_a_tied_head_is_one_matrix(written):
    ours = import_gguf(written()).model
    assert ours.head.weight is ours.tokens.weight


def test_biases_in_a_llama_must_be_all_or_none(tmp_path):
    model = gguf_files.llama(attention_bias=True, mlp_bias=True)
    facts, tensors = gguf_files.facts_of(model), gguf_files.tensors_of(model)
    path = gguf_files.write(tmp_path / "all.gguf", facts, tensors)
    assert torch.allclose(logits(import_gguf(path).model), logits(model), atol=1e-5)
    del tensors["blk.1.ffn_down.bias"]
    with pytest.raises(ValueError, match="the tensor blk.1.ffn_down.bias is missing"):
        import_gguf(gguf_files.write(tmp_path / "some.gguf", facts, tensors))


def test_rounded_to_bfloat16(written):
    whole, rounded = import_gguf(written()).model, import_gguf(written(), "bfloat16").model
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight.bfloat16(), rounded.state_dict()[name])
    assert import_gguf(written(), torch.bfloat16).model.tokens.weight.dtype == torch.bfloat16


def test_whatever_is_quicker_here(written):
    assert import_gguf(written(), "quicker").model.tokens.weight.dtype in (torch.float32, torch.bfloat16)
    assert quicker_dtype(tries=1) in (torch.float32, torch.bfloat16)


def test_reading_a_file_leaves_torchs_chance_alone(written):
    path = written()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    import_gguf(path)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_facts_are_those_of_the_file(model, written):
    path = written()
    facts = import_gguf(path).facts
    assert facts["general.architecture"] == model.config.model_type
    assert facts[f"{model.config.model_type}.block_count"] == 2


# Pieces -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("heads", "width"), [(1, 2), (2, 4), (3, 64)])
def test_in_our_order_undoes_what_llama_cpp_does(heads, width):
    rows = torch.arange(heads * width * 5).view(heads * width, 5)
    theirs = rows.numpy().reshape(heads, 2, width // 2, 5).swapaxes(1, 2).reshape(rows.shape)
    assert torch.equal(in_our_order(torch.from_numpy(theirs.copy()), heads), rows)


@pytest.mark.parametrize("kind", KINDS)
def test_portions_are_the_whole(written, kind, monkeypatch):
    container = Container(written(kind))
    name = "token_embd.weight"
    whole = container.read(name)
    monkeypatch.setattr("course_lib.pretrained.container.PORTION", 300)
    portions = list(container.portions(name))
    assert len(portions) > 50 and max(map(len, portions)) == 4
    assert torch.equal(torch.cat(portions), whole)


def test_lists_of_every_type_are_read_as_gguf_reads_them(tmp_path):
    import gguf

    lists = {
        "a.words": ["x", "", "好"],
        "a.numbers": [1, 2, -3],
        "a.halves": [0.5, 1.5],
        "a.flags": [True, False],
    }
    path = gguf_files.write(tmp_path / "lists.gguf", lists, {"t": np.zeros(3)})
    ours, theirs = Container(path).facts, gguf.GGUFReader(path).fields
    for name in lists:
        assert ours[name] == theirs[name].contents() == lists[name]
    assert list(ours) == list(theirs)
