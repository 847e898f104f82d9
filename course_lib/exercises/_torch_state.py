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
    yield _modes(torch, "function")
    yield _modes(torch, "dispatch")
    yield torch.is_inference_mode_enabled, lambda on: torch._C._InferenceMode(on).__enter__()
    yield torch.is_grad_enabled, torch._C._set_grad_enabled
    yield torch.get_default_dtype, torch.set_default_dtype
    device = torch._GLOBAL_DEVICE_CONTEXT  # names the mode, on the stack above, that sees to it
    yield (
        (lambda: getattr(device, "device_context", None)),
        (lambda old: setattr(device, "device_context", old)),
    )


class _Modes:
    """Modes of torch, in the order in which they were entered."""

    def __init__(self, modes: list[Any]) -> None:
        self.modes = modes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Modes) and list(map(id, self.modes)) == list(map(id, other.modes))

    __hash__ = None


def _modes(torch: Any, kind: str) -> Setting:
    """The modes that every call of torch goes through: `with` statements enter them, and leave them again."""
    names = (f"_len_torch_{kind}_stack", f"_get_{kind}_stack_at", f"_pop_torch_{kind}_stack")
    count, at, pop = (getattr(torch._C, name) for name in names)
    push = getattr(torch._C, f"_push_on_torch_{kind}_stack")
    which = (None,) if kind == "dispatch" else ()

    def put(old: _Modes) -> None:
        while count():
            pop(*which)
        for mode in old.modes:
            push(mode)

    return (lambda: _Modes([at(i) for i in range(count())])), put


def usual_torch() -> None:
    """Set torch as it is when it has just been loaded, as far as the outcome of a check depends on it."""
    torch = _loaded()
    if torch is None:
        return
    for kind in ("function", "dispatch"):
        _modes(torch, kind)[1](_Modes([]))
    torch._GLOBAL_DEVICE_CONTEXT.device_context = None
    if torch.is_inference_mode_enabled():
        torch._C._InferenceMode(False).__enter__()
    torch._C._set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.set_autocast_enabled("cpu", False)
    torch._C._set_deterministic_algorithms(False, warn_only=False)


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
    yield (lambda: torch.get_autocast_dtype("cpu")), (lambda old: torch.set_autocast_dtype("cpu", old))
    yield torch.is_warn_always_enabled, torch.set_warn_always
    yield torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled
    for kind in ("flash", "mem_efficient", "math"):  # ways to compute attention
        yield getattr(torch.backends.cuda, f"{kind}_sdp_enabled"), _sdp_setter(torch, kind)
    options = sys.modules["torch._tensor_str"].PRINT_OPTS
    yield (lambda: dict(vars(options))), vars(options).update
    yield (lambda: torch.get_rng_state().numpy().tobytes()), _set_rng(torch)
    if "torch.cuda" in sys.modules and torch.cuda.is_initialized():
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
    yield from _hooks(torch)


def _sdp_setter(torch: Any, kind: str) -> Callable[[bool], Any]:
    return getattr(torch.backends.cuda, f"enable_{kind}_sdp")


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
