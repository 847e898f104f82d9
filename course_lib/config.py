"""`GPTConfig`: the numbers and options that decide what a GPT looks like, checked, with named presets.

Does not know torch, so that a shell or a test can read a configuration without loading it.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from course_lib.arguments import check_instance, choice, flag, number, shown, whole

CHOICES = {
    "norm": ("layernorm", "rmsnorm"),
    "activation": ("gelu", "swiglu", "relu2"),
    "positions": ("learned", "sinusoidal", "rotary", "none"),
}


_MAY_BE_NONE = ("n_kv_heads", "mlp_width")
_COUNTS = ("vocab_size", "context_length", "n_layers", "n_heads", "width", *_MAY_BE_NONE)


@dataclass(frozen=True)
class GPTConfig:
    """The shape and the options of a GPT. The defaults are GPT-2's choices at a laptop's size.

    `context_length` is the most tokens the model can look at; `width` the size of the vector that stands for
    a token (C); `n_kv_heads` below `n_heads` shares keys and values between heads (grouped-query attention,
    Ainslie et al. 2023, arXiv 2305.13245); `mlp_width` None takes 4·width, or for swiglu two thirds of that,
    since it has three matrices instead of two (Shazeer 2020, arXiv 2002.05202). `dropout` and `norm_eps` are
    plain numbers; `rope_base` is the base of the rotary angles (Su et al. 2021, arXiv 2104.09864).

    Raises: ValueError where the numbers do not fit together.

    >>> config = GPTConfig(width=96, n_heads=3)
    >>> config.head_width, config.mlp_hidden
    (32, 384)
    """

    vocab_size: int = 2048
    context_length: int = 256
    n_layers: int = 4
    n_heads: int = 4
    width: int = 128
    n_kv_heads: int | None = None
    mlp_width: int | None = None
    norm: str = "layernorm"
    activation: str = "gelu"
    positions: str = "learned"
    bias: bool = True
    tie_embeddings: bool = True
    qk_norm: bool = False
    dropout: float = 0.0
    norm_eps: float = 1e-5
    rope_base: float = 10_000.0

    def __post_init__(self):
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None or name not in _MAY_BE_NONE:
                object.__setattr__(self, name, whole("", name, value))
        for name, options in CHOICES.items():
            choice("", name, getattr(self, name), options)
        for name in ("bias", "tie_embeddings", "qk_norm"):
            object.__setattr__(self, name, flag("", name, getattr(self, name)))
        self._check_heads()
        needed = "at least 0 and below 1"
        object.__setattr__(self, "dropout", number("", "dropout", self.dropout, needed, lambda x: 0 <= x < 1))
        for name in ("norm_eps", "rope_base"):
            value = number("", name, getattr(self, name), "above 0", lambda x: 0 < x < math.inf)
            object.__setattr__(self, name, value)

    def _check_heads(self) -> None:
        if self.width % self.n_heads:
            raise ValueError(
                f"width is {self.width} and n_heads is {self.n_heads}, but the heads share the width evenly: "
                "choose a width that is a multiple of n_heads"
            )
        if self.n_heads % self.kv_heads:
            raise ValueError(
                f"n_heads is {self.n_heads} and n_kv_heads is {self.kv_heads}, but each key/value head "
                "serves the same number of heads: choose n_kv_heads that divides n_heads"
            )
        if self.positions == "rotary" and self.head_width % 2:
            raise ValueError(
                f"each head is {self.head_width} wide, but rotary positions turn pairs of numbers: "
                "choose width and n_heads so that width / n_heads is even"
            )

    @property
    def head_width(self) -> int:
        """The width of one head (D = C / H)."""
        return self.width // self.n_heads

    @property
    def kv_heads(self) -> int:
        """How many key/value heads there are."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads

    @property
    def mlp_hidden(self) -> int:
        """The width inside the MLP."""
        if self.mlp_width is not None:
            return self.mlp_width
        if self.activation == "swiglu":
            return -(-8 * self.width // 3 // 8) * 8  # rounded up to a multiple of 8
        return 4 * self.width

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "GPTConfig":
        """A named configuration, with changes.

        Raises: ValueError for an unknown name, of a preset or of a field.

        >>> GPTConfig.preset("gpt2").n_layers
        12
        """
        if not isinstance(name, str) or name not in PRESETS:
            raise ValueError(f"there is no preset {shown(name)}: the presets are {', '.join(PRESETS)}")
        return cls.from_dict({**PRESETS[name], **changes})

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values, for a JSON file.

        >>> GPTConfig.from_dict(GPTConfig().to_dict()) == GPTConfig()
        True
        """
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "GPTConfig":
        """The configuration that `to_dict` wrote.

        Raises: ValueError for a field it does not know.
        """
        check_instance("GPTConfig.from_dict", "values", values, dict, "a dict of the fields, as of to_dict")
        unknown = values.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(
                f"unknown fields {sorted(map(str, unknown))} in a GPT configuration: was it written by "
                "another program?"
            )
        return cls(**values)


_GPT2 = {"vocab_size": 50257, "context_length": 1024}
_QWEN3 = {  # its choices, which also learn fastest at the course's sizes
    "norm": "rmsnorm",
    "activation": "swiglu",
    "positions": "rotary",
    "bias": False,
    "qk_norm": True,
    "tie_embeddings": False,
}
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {**_QWEN3, "n_layers": 2, "n_heads": 4, "width": 128},  # trains for a minute on a CPU
    "small": {**_QWEN3, "n_layers": 4, "n_heads": 4, "width": 128},
    "base": {**_QWEN3, "n_layers": 4, "n_heads": 4, "width": 128, "context_length": 512},  # as shipped
    "gpt2": {**_GPT2, "n_layers": 12, "n_heads": 12, "width": 768},
    "gpt2-medium": {**_GPT2, "n_layers": 24, "n_heads": 16, "width": 1024},
    "gpt2-large": {**_GPT2, "n_layers": 36, "n_heads": 20, "width": 1280},
    "gpt2-xl": {**_GPT2, "n_layers": 48, "n_heads": 25, "width": 1600},
    "llama-tiny": {
        "n_layers": 4,
        "n_heads": 4,
        "n_kv_heads": 2,
        "width": 128,
        "norm": "rmsnorm",
        "activation": "swiglu",
        "positions": "rotary",
        "bias": False,
    },
}
