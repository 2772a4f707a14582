"""CUDA kernels of our own: compiled for the card at hand on first use, and launched.

Only NVRTC (part of torch's CUDA wheels) and the driver are needed, no compiler. A compiled kernel
is kept in `$XDG_CACHE_HOME/grammar-tuner` (or `~/.cache/grammar-tuner`), so that of the many
processes of a search only the first one compiles.
"""

import ctypes
import functools
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

_MIN_CAPABILITY = (9, 0)
"""Clusters of blocks with distributed shared memory exist from Hopper on."""
_MAX_DYNAMIC_SHARED_SIZE = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_OPTIONS = ("--std=c++17",)


@functools.cache
def kernels_run_on(device: torch.device) -> bool:
    """Return whether kernels can be compiled for `device` and run there."""
    if device.type != "cuda" or torch.version.cuda is None:
        return False
    if torch.cuda.get_device_capability(device) < _MIN_CAPABILITY:
        return False
    return _nvrtc_path() is not None


class Kernel:
    """A compiled kernel of one device.

    Args:
        function: the driver's handle.
        shared_bytes: dynamic shared memory of every launch.
    """

    def __init__(self, function: ctypes.c_void_p, shared_bytes: int) -> None:
        self._function = function
        self._shared_bytes = shared_bytes

    def __call__(
        self, blocks: int, threads: int, *args: Tensor | float | ctypes.Structure | None
    ) -> None:
        """Launch on the current stream.

        Args:
            blocks: in the grid.
            threads: in a block.
            args: tensors as pointers (None as a null pointer), integers, floats and structures as
                C has them.
        """
        if blocks == 0:  # no rows; the driver refuses an empty grid
            return
        # The driver copies the values before it returns; the tensors behind the pointers must live
        # until the kernel has run, which torch's allocator sees to for those of this stream.
        values = [_argument(arg) for arg in args]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        grid = (blocks, 1, 1, threads, 1, 1)
        _make_context_current()
        _check(
            _driver().cuLaunchKernel(
                self._function, *grid, self._shared_bytes, stream, pointers, None
            )
        )


@functools.cache
def load_kernel(
    sources: tuple[Path, ...],
    name: str,
    defines: tuple[tuple[str, int], ...],
    shared_bytes: int,
    device: torch.device,
) -> Kernel:
    """Return the kernel `name` of source files, compiled on first use.

    Args:
        sources: files that make up one program, in order.
        name: of an `extern "C"` kernel in it.
        defines: what the source is specialised to; names to integers.
        shared_bytes: dynamic shared memory of every launch.
        device: a CUDA device.
    """
    function = ctypes.c_void_p()
    with torch.cuda.device(device):
        module = _module(sources, defines, device)
        _check(_driver().cuModuleGetFunction(ctypes.byref(function), module, name.encode()))
        attribute = ctypes.c_int(_MAX_DYNAMIC_SHARED_SIZE)
        if shared_bytes:
            _check(_driver().cuFuncSetAttribute(function, attribute, ctypes.c_int(shared_bytes)))
    return Kernel(function, shared_bytes)


@functools.cache
def _module(
    sources: tuple[Path, ...], defines: tuple[tuple[str, int], ...], device: torch.device
) -> ctypes.c_void_p:
    text = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    major, minor = torch.cuda.get_device_capability(device)
    binary = _cached_binary(text, dict(defines), f"sm_{major}{minor}")
    module = ctypes.c_void_p()
    torch.cuda.current_stream(device).synchronize()  # makes the device's context exist
    _make_context_current()
    _check(_driver().cuModuleLoadData(ctypes.byref(module), binary))
    return module


def _cached_binary(text: str, defines: Mapping[str, int], architecture: str) -> bytes:
    options = [f"--gpu-architecture={architecture}", *_OPTIONS]
    options += [f"-D{key}={value}" for key, value in sorted(defines.items())]
    content = "\0".join([text, str(torch.version.cuda), *options])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "grammar-tuner"
    file = cache / f"{hashlib.sha256(content.encode()).hexdigest()}.cubin"
    with suppress(OSError):
        return file.read_bytes()
    binary = _compile(text, options)
    with suppress(OSError):  # a read-only or full home costs only the time to compile
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, delete=False) as beside:
            beside.write(binary)
        Path(beside.name).replace(file)
    return binary


def _compile(text: str, options: Sequence[str]) -> bytes:
    nvrtc = _nvrtc()
    program = ctypes.c_void_p()
    status = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None
    )
    assert status == 0, f"NVRTC refused the program: status {status}"
    values = [option.encode() for option in options]
    status = nvrtc.nvrtcCompileProgram(
        program, len(values), (ctypes.c_char_p * len(values))(*values)
    )
    if status != 0:
        log = _output(nvrtc, "ProgramLog", program)
        raise RuntimeError(f"NVRTC status {status}: {log.decode(errors='replace')}")
    binary = _output(nvrtc, "CUBIN", program)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return binary


def _output(nvrtc: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw


def _argument(
    value: Tensor | float | ctypes.Structure | None,
) -> ctypes.c_void_p | ctypes.c_int | ctypes.c_float | ctypes.Structure:
    if isinstance(value, ctypes.Structure):
        return value
    if isinstance(value, int):
        return ctypes.c_int(value)
    if isinstance(value, float):
        return ctypes.c_float(value)
    return ctypes.c_void_p(None if value is None else value.data_ptr())


def _make_context_current() -> None:
    """Give this thread torch's context: autograd's own threads may not have one yet."""
    context = ctypes.c_void_p()
    _check(_driver().cuCtxGetCurrent(ctypes.byref(context)))
    if context.value is None:
        device = ctypes.c_int(torch.cuda.current_device())
        _check(_driver().cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
        _check(_driver().cuCtxSetCurrent(context))


def _check(status: int) -> None:
    if status != 0:
        text = ctypes.c_char_p()
        _driver().cuGetErrorString(status, ctypes.byref(text))
        reason = (text.value or b"unknown").decode()
        raise RuntimeError(f"CUDA driver error {status}: {reason}")


@functools.cache
def _driver() -> ctypes.CDLL:
    return ctypes.CDLL("libcuda.so.1")


@functools.cache
def _nvrtc() -> ctypes.CDLL:
    path = _nvrtc_path()
    assert path is not None
    return ctypes.CDLL(path)


@functools.cache
def _nvrtc_path() -> str | None:
    """Return NVRTC where the loader finds it, or from the wheels that torch depends on."""
    name = f"libnvrtc.so.{str(torch.version.cuda).split('.')[0]}"
    spec = find_spec("nvidia")
    folders = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    wheels = [str(file) for folder in folders for file in folder.glob(f"*/lib/{name}")]
    for path in [name, *wheels]:
        with suppress(OSError):
            ctypes.CDLL(path)
            return path
    return None
