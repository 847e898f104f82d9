"""How torch is set: modes, defaults, printing, random states, for `_state` to remember and put back.

It looks at torch only if that is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

Setting = tuple[Callable[[], Any], Callable[[Any], Any]]


def quick_torch() -> Iterator[Setting]:
    """The settings on which every comparison of tensors depends."""
    torch = _loaded()
    if torch is None:
        return
    yield torch.is_inference_mode_enabled, lambda on: torch._C._InferenceMode(on).__enter__()
    yield torch.is_grad_enabled, torch._C._set_grad_enabled
    yield torch.get_default_dtype, torch.set_default_dtype
    yield (lambda: getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)), _device_setter(torch)


def _device_setter(torch: Any) -> Callable[[Any], Any]:
    """The default device lives in a mode on torch's stack; no such mode is the usual state."""
    return lambda old: torch.set_default_device(None if old is None else old.device)


def torch_settings() -> Iterator[Setting]:
    """The others."""
    torch = _loaded()
    if torch is None:
        return
    yield torch.get_num_threads, torch.set_num_threads
    yield (
        (
            lambda: (
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
            )
        ),
        (lambda old: torch._C._set_deterministic_algorithms(old[0], warn_only=old[1])),
    )
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    yield (
        (lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())),
        (lambda old: torch.set_anomaly_enabled(*old)),
    )
    yield (lambda: torch.is_autocast_enabled("cpu")), (lambda on: torch.set_autocast_enabled("cpu", on))
    yield torch.is_warn_always_enabled, torch.set_warn_always
    options = sys.modules["torch._tensor_str"].PRINT_OPTS
    yield (lambda: dict(vars(options))), vars(options).update
    yield (lambda: torch.get_rng_state().numpy().tobytes()), _set_rng(torch)
    if "torch.cuda" in sys.modules and torch.cuda.is_initialized():
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
    yield from _hooks(torch)


def _set_rng(torch: Any) -> Callable[[bytes], Any]:
    return lambda old: torch.set_rng_state(torch.frombuffer(bytearray(old), dtype=torch.uint8))


def _hooks(torch: Any) -> Iterator[Setting]:
    """Hooks that would be called for every module."""
    module = sys.modules.get("torch.nn.modules.module")
    for name, hooks in vars(module).items() if module is not None else ():
        if name.startswith("_global_") and isinstance(hooks, dict):
            yield (
                (lambda hooks=hooks: dict(hooks)),
                (lambda old, hooks=hooks: (hooks.clear(), hooks.update(old))),
            )


def _loaded() -> Any:
    """torch, if it has been imported to its end."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and hasattr(torch, "_GLOBAL_DEVICE_CONTEXT") else None
