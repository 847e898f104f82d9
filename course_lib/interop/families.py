"""What our GPT is called elsewhere: the names, layouts and options of four model families of `transformers`.

A family says whether it can express a `GPTConfig`, what its config.json then holds, and under which names and
in which layout it keeps the weights; and the same backwards. Knows no files and imports no `transformers`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from course_lib.arguments import check_instance
from course_lib.config import GPTConfig
from course_lib.context import SinusoidalPositions
from course_lib.model import GPT
from course_lib.model.weights import plain_weights

Weights = dict[str, torch.Tensor]

_GELUS = ("gelu_new", "gelu_pytorch_tanh")  # two names for the tanh form; the plain "gelu" is another
# Masks and tables that files of old versions carry; they follow from the configuration.
_NO_WEIGHTS = (".attn.bias", ".attention.bias", ".masked_bias", ".rotary_emb.inv_freq")


class Family:
    """One architecture of `transformers`, and how it corresponds to our GPT.

    >>> [family.model_type for family in FAMILIES]
    ['gpt2', 'llama', 'qwen3', 'gpt_neox']
    """

    model_type: str  # both as config.json has them
    architecture: str
    body: str  # what all names begin with, except the head's
    layer: str  # the beginning of the names in layer {}
    outer: Mapping[str, str]  # our names and theirs outside the layers
    parts: Mapping[str, str]  # our names and theirs within a layer

    def expresses(self, config: GPTConfig) -> bool:
        """Whether this family can compute the same as a GPT with this configuration."""
        raise NotImplementedError

    def config_out(self, config: GPTConfig) -> dict[str, Any]:
        """What config.json has to say of the shape and the options."""
        raise NotImplementedError

    def config_in(self, values: Mapping[str, Any]) -> GPTConfig:
        """The GPTConfig for a config.json. Raises: ValueError for an option that our GPT does not have."""
        return _simplest(self._config_in(values))

    def _config_in(self, values: Mapping[str, Any]) -> GPTConfig:
        raise NotImplementedError

    def split(self, part: str, kind: str, weight: torch.Tensor, config: GPTConfig) -> Weights:
        """One of our tensors within a layer as theirs, by name."""
        return {f"{self.parts[part]}.{kind}": weight}

    def join(self, part: str, kind: str, take: Any, config: GPTConfig) -> torch.Tensor | None:
        """The inverse of `split`; `take(name)` gives a tensor of theirs, or None."""
        return take(f"{self.parts[part]}.{kind}")

    def weights_out(self, model: GPT) -> Weights:
        """A model's weights under their names, LoRA merged; a tied head is left out, as they do."""
        (ours, config), theirs = plain_weights(model), {}
        for name, weight in ours.items():
            if name.startswith("blocks."):
                _, layer, rest = name.split(".", 2)
                part, kind = rest.rsplit(".", 1)
                for inner, tensor in self.split(part, kind, weight, config).items():
                    theirs[self.layer.format(layer) + inner] = tensor.contiguous()
            elif name != "head.weight" or not config.tie_embeddings:
                theirs[self.outer[name]] = weight
        return theirs

    def weights_in(self, theirs: Weights, model: GPT) -> Weights:
        """Their weights as a state dict for `model`.

        Raises: ValueError, in one sentence, for a weight that is missing, of another shape, or left over.
        """
        theirs, config, ours = self.whole_names(theirs), model.config, {}
        for name, own in model.state_dict().items():
            if name == "head.weight" and config.tie_embeddings:
                theirs.pop(self.outer[name], None)
                weight = ours["tokens.weight"]
            elif name.startswith("blocks."):
                _, layer, rest = name.split(".", 2)
                start = self.layer.format(layer)
                weight = self.join(
                    *rest.rsplit(".", 1), lambda inner, s=start: theirs.pop(s + inner, None), config
                )
            else:
                weight = theirs.pop(self.outer[name], None)
            if weight is None or weight.shape != own.shape or not weight.is_floating_point():
                got = "missing" if weight is None else f"of shape {tuple(weight.shape)} and {weight.dtype}"
                raise ValueError(
                    f"the weight for {name} is {got}, needed shape {tuple(own.shape)}; "
                    "take config.json and weights from the same model."
                )
            ours[name] = weight
        left = [name for name in theirs if not name.endswith(_NO_WEIGHTS)]
        if left:
            raise ValueError(
                f"the weight {left[0]} has no place in our GPT; it belongs to another kind of model."
            )
        return ours

    def whole_names(self, theirs: Weights) -> Weights:
        """The same under full names: files of a model without its head leave out how all names begin."""
        missing = "" if any(name.startswith(self.body) for name in theirs) else self.body
        head = self.outer["head.weight"]
        return {("" if name == head else missing) + name: weight for name, weight in theirs.items()}


class GPT2(Family):
    """LayerNorm, learned positions, every matrix with a bias and stored as (in, out): Radford and others
    2019.

    Fixed or no positions can be expressed too, as a table that just isn't learned, and absent biases as
    zeros.

    >>> GPT2().split("mlp.up", "weight", torch.tensor([[5], [6], [7]]), GPTConfig())  # ours is (out, in)
    {'mlp.c_fc.weight': tensor([[5, 6, 7]])}
    """

    model_type, architecture = "gpt2", "GPT2LMHeadModel"
    body, layer = "transformer.", "transformer.h.{}."
    outer = {
        "tokens.weight": "transformer.wte.weight",
        "positions.weight": "transformer.wpe.weight",
        "norm.weight": "transformer.ln_f.weight",
        "norm.bias": "transformer.ln_f.bias",
        "head.weight": "lm_head.weight",
    }
    parts = {
        "norm1": "ln_1",
        "attention.qkv": "attn.c_attn",
        "attention.out": "attn.c_proj",
        "norm2": "ln_2",
        "mlp.up": "mlp.c_fc",
        "mlp.down": "mlp.c_proj",
    }

    def expresses(self, config: GPTConfig) -> bool:
        plain_heads = config.kv_heads == config.n_heads and not config.qk_norm
        return (
            config.norm == "layernorm"
            and config.activation in ("gelu", "relu2")
            and config.positions != "rotary"
            and plain_heads
        )

    def config_out(self, config: GPTConfig) -> dict[str, Any]:
        return {
            "vocab_size": config.vocab_size,
            "n_positions": config.context_length,
            "n_embd": config.width,
            "n_layer": config.n_layers,
            "n_head": config.n_heads,
            "n_inner": config.mlp_hidden,
            "activation_function": "relu2" if config.activation == "relu2" else "gelu_new",
            "layer_norm_epsilon": config.norm_eps,
            "resid_pdrop": config.dropout,
            "embd_pdrop": config.dropout,
            "attn_pdrop": config.dropout,
            "tie_word_embeddings": config.tie_embeddings,
        }

    def _config_in(self, values: Mapping[str, Any]) -> GPTConfig:
        _refuse(
            values, scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False, add_cross_attention=False
        )
        dropouts = {values.get(name, 0.1) for name in ("resid_pdrop", "embd_pdrop", "attn_pdrop")}
        if len(dropouts) > 1:
            raise ValueError(
                f"it has the dropouts {sorted(dropouts)}, our GPT only one; make them equal in config.json."
            )
        return GPTConfig(
            vocab_size=values.get("vocab_size", 50257),
            context_length=values.get("n_positions", 1024),
            n_layers=values.get("n_layer", 12),
            n_heads=values.get("n_head", 12),
            width=values.get("n_embd", 768),
            mlp_width=values.get("n_inner"),
            activation=_activation(values.get("activation_function", "gelu_new")),
            dropout=dropouts.pop(),
            norm_eps=values.get("layer_norm_epsilon", 1e-5),
            tie_embeddings=values.get("tie_word_embeddings", True),
        )

    def split(self, part: str, kind: str, weight: torch.Tensor, config: GPTConfig) -> Weights:
        return {f"{self.parts[part]}.{kind}": weight.t() if weight.ndim == 2 else weight}

    def join(self, part: str, kind: str, take: Any, config: GPTConfig) -> torch.Tensor | None:
        weight = take(f"{self.parts[part]}.{kind}")
        return weight.t() if weight is not None and weight.ndim == 2 else weight

    def weights_out(self, model: GPT) -> Weights:
        theirs, config = super().weights_out(model), model.config
        if isinstance(model.positions, SinusoidalPositions):
            theirs["transformer.wpe.weight"] = model.positions.table
        elif model.positions is None:
            theirs["transformer.wpe.weight"] = model.tokens.weight.new_zeros(
                config.context_length, config.width
            )
        return theirs


class Llama(Family):
    """RMSNorm, SwiGLU, rotary positions (Touvron and others 2023, arXiv:2302.13971), and since Llama 2 groups
    of heads that share keys and values (arXiv:2307.09288).

    >>> list(Llama().split("attention.qkv", "weight", torch.zeros(18, 6), GPTConfig(n_heads=2, width=6)))
    ['self_attn.q_proj.weight', 'self_attn.k_proj.weight', 'self_attn.v_proj.weight']
    """

    model_type, architecture = "llama", "LlamaForCausalLM"
    body, layer = "model.", "model.layers.{}."
    outer = {
        "tokens.weight": "model.embed_tokens.weight",
        "norm.weight": "model.norm.weight",
        "head.weight": "lm_head.weight",
    }
    parts = {
        "norm1": "input_layernorm",
        "attention.q_norm": "self_attn.q_norm",
        "attention.k_norm": "self_attn.k_norm",
        "attention.out": "self_attn.o_proj",
        "norm2": "post_attention_layernorm",
        "mlp.gate": "mlp.gate_proj",
        "mlp.up": "mlp.up_proj",
        "mlp.down": "mlp.down_proj",
    }
    qk_norm = False

    def expresses(self, config: GPTConfig) -> bool:
        kinds = (config.norm, config.activation, config.positions)
        return kinds == ("rmsnorm", "swiglu", "rotary") and config.qk_norm == self.qk_norm

    def config_out(self, config: GPTConfig) -> dict[str, Any]:
        return {
            "vocab_size": config.vocab_size,
            "max_position_embeddings": config.context_length,
            "hidden_size": config.width,
            "num_hidden_layers": config.n_layers,
            "num_attention_heads": config.n_heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_width,
            "intermediate_size": config.mlp_hidden,
            "hidden_act": "silu",
            "rms_norm_eps": config.norm_eps,
            "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
            "attention_dropout": config.dropout,
            "attention_bias": config.bias,
            "mlp_bias": config.bias,
            "tie_word_embeddings": config.tie_embeddings,
        }

    def _config_in(self, values: Mapping[str, Any]) -> GPTConfig:
        width, heads = values["hidden_size"], values["num_attention_heads"]
        bias = values.get("attention_bias", False)
        _refuse(values, hidden_act="silu", head_dim=width // heads, mlp_bias=bias, use_sliding_window=False)
        return GPTConfig(
            vocab_size=values["vocab_size"],
            context_length=values["max_position_embeddings"],
            n_layers=values["num_hidden_layers"],
            n_heads=heads,
            width=width,
            n_kv_heads=values.get("num_key_value_heads"),
            mlp_width=values["intermediate_size"],
            norm="rmsnorm",
            activation="swiglu",
            positions="rotary",
            bias=bias,
            qk_norm=self.qk_norm,
            dropout=values.get("attention_dropout", 0.0),
            norm_eps=values.get("rms_norm_eps", 1e-6),
            rope_base=_rope_base(values),
            tie_embeddings=values.get("tie_word_embeddings", False),
        )

    def split(self, part: str, kind: str, weight: torch.Tensor, config: GPTConfig) -> Weights:
        if part != "attention.qkv":
            return super().split(part, kind, weight, config)
        D = config.head_width
        pieces = weight.split([config.n_heads * D, config.kv_heads * D, config.kv_heads * D])
        return {f"self_attn.{name}_proj.{kind}": piece for name, piece in zip("qkv", pieces, strict=True)}

    def join(self, part: str, kind: str, take: Any, config: GPTConfig) -> torch.Tensor | None:
        if part != "attention.qkv":
            return super().join(part, kind, take, config)
        pieces = [take(f"self_attn.{name}_proj.{kind}") for name in "qkv"]
        return None if any(piece is None for piece in pieces) else torch.cat(pieces)


class Qwen3(Llama):
    """Llama's parts without biases, and norms on queries and keys: Yang and others 2025
    (arXiv:2505.09388).

    >>> Qwen3().expresses(GPTConfig.preset("base")), Llama().expresses(GPTConfig.preset("base"))
    (True, False)
    """

    model_type, architecture, qk_norm = "qwen3", "Qwen3ForCausalLM", True

    def expresses(self, config: GPTConfig) -> bool:
        return super().expresses(config) and not config.bias

    def config_out(self, config: GPTConfig) -> dict[str, Any]:
        values = super().config_out(config)
        del values["mlp_bias"]
        return values


class GPTNeoX(Family):
    """LayerNorm and GELU as in GPT-2, but rotary positions: Black and others 2022 (arXiv:2204.06745), with
    the parts of a layer one after the other (`use_parallel_residual` off).

    >>> qkv = torch.tensor([10, 11, 20, 21, 30, 31])  # queries, keys, values; theirs go head by head
    >>> GPTNeoX().split("attention.qkv", "bias", qkv, GPTConfig(n_heads=2))
    {'attention.query_key_value.bias': tensor([10, 20, 30, 11, 21, 31])}
    """

    model_type, architecture = "gpt_neox", "GPTNeoXForCausalLM"
    body, layer = "gpt_neox.", "gpt_neox.layers.{}."
    outer = {
        "tokens.weight": "gpt_neox.embed_in.weight",
        "norm.weight": "gpt_neox.final_layer_norm.weight",
        "norm.bias": "gpt_neox.final_layer_norm.bias",
        "head.weight": "embed_out.weight",
    }
    parts = {
        "norm1": "input_layernorm",
        "attention.qkv": "attention.query_key_value",
        "attention.out": "attention.dense",
        "norm2": "post_attention_layernorm",
        "mlp.up": "mlp.dense_h_to_4h",
        "mlp.down": "mlp.dense_4h_to_h",
    }

    def expresses(self, config: GPTConfig) -> bool:
        plain_heads = config.kv_heads == config.n_heads and not config.qk_norm
        return (
            config.norm == "layernorm"
            and config.activation in ("gelu", "relu2")
            and config.positions == "rotary"
            and plain_heads
        )

    def config_out(self, config: GPTConfig) -> dict[str, Any]:
        rope = {"rope_type": "default", "rope_theta": config.rope_base, "partial_rotary_factor": 1.0}
        return {
            "vocab_size": config.vocab_size,
            "max_position_embeddings": config.context_length,
            "hidden_size": config.width,
            "num_hidden_layers": config.n_layers,
            "num_attention_heads": config.n_heads,
            "intermediate_size": config.mlp_hidden,
            "hidden_act": "relu2" if config.activation == "relu2" else "gelu_new",
            "layer_norm_eps": config.norm_eps,
            "rope_parameters": rope,
            "attention_dropout": config.dropout,
            "hidden_dropout": config.dropout,
            "use_parallel_residual": False,
            "attention_bias": True,
            "tie_word_embeddings": config.tie_embeddings,
        }

    def _config_in(self, values: Mapping[str, Any]) -> GPTConfig:
        rope = values.get("rope_parameters") or {}
        values = {
            "use_parallel_residual": True,
            "rotary_pct": rope.get("partial_rotary_factor", 0.25),
            **values,
        }
        _refuse(values, use_parallel_residual=False, rotary_pct=1.0, attention_bias=True)
        return GPTConfig(
            vocab_size=values["vocab_size"],
            context_length=values["max_position_embeddings"],
            n_layers=values["num_hidden_layers"],
            n_heads=values["num_attention_heads"],
            width=values["hidden_size"],
            mlp_width=values["intermediate_size"],
            activation=_activation(values.get("hidden_act", "gelu")),
            positions="rotary",
            dropout=values.get("hidden_dropout", 0.0),
            norm_eps=values.get("layer_norm_eps", 1e-5),
            rope_base=_rope_base(values, "rotary_emb_base"),
            tie_embeddings=values.get("tie_word_embeddings", False),
        )

    def split(self, part: str, kind: str, weight: torch.Tensor, config: GPTConfig) -> Weights:
        if part == "attention.qkv":  # theirs: query, key, value of the first head, then of the second, ...
            weight = weight.unflatten(0, (3, config.n_heads, -1)).transpose(0, 1).flatten(0, 2)
        return {f"{self.parts[part]}.{kind}": weight}

    def join(self, part: str, kind: str, take: Any, config: GPTConfig) -> torch.Tensor | None:
        weight = take(f"{self.parts[part]}.{kind}")
        if part == "attention.qkv" and weight is not None and len(weight) == 3 * config.width:
            weight = weight.unflatten(0, (config.n_heads, 3, -1)).transpose(0, 1).flatten(0, 2)
        return weight


FAMILIES: tuple[Family, ...] = (GPT2(), Llama(), Qwen3(), GPTNeoX())


def family_for(config: GPTConfig) -> Family:
    """The family that computes what a GPT with this configuration does.

    Raises: ValueError if there is none.

    >>> family_for(GPTConfig()).model_type, family_for(GPTConfig.preset("llama-tiny")).model_type
    ('gpt2', 'llama')
    """
    check_instance("family_for", "config", config, GPTConfig, 'a GPTConfig, e.g. GPTConfig.preset("tiny")')
    for family in FAMILIES:
        if family.expresses(config):
            return family
    raise ValueError(
        "No model of transformers has this combination of parts "
        f"(norm={config.norm!r}, activation={config.activation!r}, positions={config.positions!r}, "
        f"n_kv_heads={config.kv_heads} of {config.n_heads}, qk_norm={config.qk_norm}, bias={config.bias}); "
        "it must be GPT-2's (layernorm, gelu or relu2, positions that are not rotary), GPT-NeoX's (the same "
        "with rotary), Llama's (rmsnorm, swiglu, rotary) or Qwen3's (Llama's with qk_norm, no bias)."
    )


def family_of(values: Mapping[str, Any]) -> Family:
    """The family that a config.json belongs to.

    Raises: ValueError for an architecture that our GPT cannot be.

    >>> family_of({"model_type": "gpt2"}).architecture
    'GPT2LMHeadModel'
    """
    check_instance("family_of", "values", values, Mapping, "a dict, what a config.json holds")
    known = {family.model_type: family for family in FAMILIES}
    found = values.get("model_type")
    if not isinstance(found, str) or found not in known:
        raise ValueError(
            f"it holds a model of type {found!r}, but our GPT can only be one of: {', '.join(known)}."
        )
    return known[found]


def _refuse(values: Mapping[str, Any], **needed: Any) -> None:
    for name, value in needed.items():
        found = values.get(name)
        if found is not None and found != value:
            raise ValueError(
                f"its config.json has {name}={found!r}, but our GPT can only do {name}={value!r}."
            )


def _activation(name: str) -> str:
    if name not in (*_GELUS, "relu2"):
        raise ValueError(f"its activation is {name!r}, but our GPT has only {', '.join(_GELUS)} and relu2.")
    return "relu2" if name == "relu2" else "gelu"


def _rope_base(values: Mapping[str, Any], old_name: str = "rope_theta") -> float:
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ValueError(
            f"its rotary positions are of the type {kind!r}, but our GPT has only the default type."
        )
    return float(rope.get("rope_theta", values.get(old_name, 10_000.0)))


def _simplest(config: GPTConfig) -> GPTConfig:
    """The same, with None for what is the default, so that a configuration comes back as it went out."""
    default_width = dataclasses.replace(config, mlp_width=None).mlp_hidden
    return dataclasses.replace(
        config,
        mlp_width=None if config.mlp_hidden == default_width else config.mlp_hidden,
        n_kv_heads=None if config.kv_heads == config.n_heads else config.kv_heads,
    )
