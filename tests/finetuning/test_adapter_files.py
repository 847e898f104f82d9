"""An adapter comes back as it was, only to its own model, and what is wrong is said before it changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_lib import finetuning
from course_lib.config import GPTConfig
from course_lib.finetuning.lora import LoRALinear
from course_lib.model import GPT
from course_lib.training import CheckpointError
from course_lib.training.files import read_file, write_file

IDS = torch.tensor([[1, 2, 3, 4]])


def base(seed=3):
    config = GPTConfig(vocab_size=11, context_length=16, n_layers=2, n_heads=2, width=6)
    return GPT(config, torch.Generator().manual_seed(seed)).eval()


def taught(rank=2, alpha=8):
    """A model whose side paths say something, as after a training; numbers that half precision has."""
    model, chance = finetuning.add_lora(base(), rank, alpha), torch.Generator().manual_seed(5)
    for layer in model.modules():
        if isinstance(layer, LoRALinear):
            for part in (layer.a, layer.b):
                with torch.no_grad():
                    part.copy_(torch.randn(part.shape, generator=chance).half())
    return model


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "small.safetensors"
    finetuning.save_adapter(place, taught(), "a small model", {"steps": 40})
    return place


def test_it_comes_back_as_it_was_and_frozen(path):
    again = finetuning.load_adapter(path, base())
    with torch.no_grad():
        assert torch.equal(again(IDS), taught()(IDS)) and not torch.allclose(again(IDS), base()(IDS))
    assert finetuning.trainable_count(again) == 0


def test_only_the_side_paths_are_stored_and_the_rest_is_told(path):
    model, (tensors, about) = taught(), read_file(path, "adapter")
    assert sum(t.numel() for t in tensors.values()) == finetuning.trainable_count(model)
    assert {t.dtype for t in tensors.values()} == {torch.float16} and set(about["scales"].values()) == {4.0}
    metadata = finetuning.adapter_metadata(path)
    assert metadata == {
        "steps": 40,
        "base": "a small model",
        "fingerprint": finetuning.weights_fingerprint(base()),
    }


def test_a_model_has_the_same_fingerprint_with_and_without_side_paths_and_another_has_another():
    mark = finetuning.weights_fingerprint
    assert mark(base()) == mark(taught()) == mark(finetuning.remove_lora(taught()))
    assert len({mark(base()), mark(base(4)), mark(finetuning.merge_lora(taught())), mark(base().half())}) == 4


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda: None, "needs the model that it was trained on, a small model; it got None"),
        (lambda: base(seed=4), "was trained on a small model, and this is another model"),
        (lambda: base().bfloat16(), "another number format than float32"),
        (taught, "this one has some; load the model once more"),
    ],
    ids=["none", "another", "bfloat16", "twice"],
)
def test_another_model_is_refused_and_left_as_it_was(path, model, told):
    given = model()
    before = dict(given.named_modules()) if given is not None else {}
    with pytest.raises(CheckpointError, match=told):
        finetuning.load_adapter(path, given)
    assert before == (dict(given.named_modules()) if given is not None else {})


def test_a_file_that_fits_nowhere_is_refused(path, tmp_path):
    tensors, about = read_file(path, "adapter")
    narrow = {name: t[:, :-1] if name.endswith("a") else t for name, t in tensors.items()}
    write_file(tmp_path / "narrow", narrow, about)
    write_file(tmp_path / "mute", tensors, {**about, "scales": None})
    write_file(
        tmp_path / "elsewhere", {"x.a": IDS.float(), "x.b": IDS.float()}, {**about, "scales": {"x": 1}}
    )
    for name, told in (("narrow", "its side path at"), ("mute", "which layers"), ("elsewhere", "at x is")):
        model = base()
        with pytest.raises(CheckpointError, match=told):
            finetuning.load_adapter(tmp_path / name, model)
        assert not any(isinstance(part, LoRALinear) for part in model.modules())


def test_what_is_worth_nothing_is_not_stored(tmp_path):
    model = taught()
    nn.init.constant_(model.blocks[0].mlp.up.b, 1e6)  # more than half precision holds
    with pytest.raises(ValueError, match=r"mlp.up.b with numbers that are not finite"):
        finetuning.save_adapter(tmp_path / "x", model, "a small model")
    with pytest.raises(ValueError, match="without side paths; add_lora"):
        finetuning.save_adapter(tmp_path / "x", base(), "a small model")
    assert not (tmp_path / "x").exists()


def test_side_paths_can_be_taken_away_again():
    model, was = base(), base()
    layers = dict(model.named_modules())
    assert finetuning.remove_lora(finetuning.add_lora(model, 2)) is model
    assert dict(model.named_modules()) == layers
    assert torch.equal(model(IDS), was(IDS)) and all(p.requires_grad for p in model.parameters())
