"""Which boot of which kernel this is: a lease of another boot permits nothing. Standard library only."""

import ctypes
import ctypes.util
import functools
import sys
from pathlib import Path

_LINUX = Path("/proc/sys/kernel/random/boot_id")
_MACOS = b"kern.bootsessionuuid"


@functools.cache
def boot_id() -> str:
    """The kernel's boot id, lower-case UUID: ``/proc`` on Linux, ``kern.bootsessionuuid`` on macOS.

    Raises ``OSError`` where the kernel tells none: nothing can then be permitted.
    """
    if sys.platform == "darwin":
        return _sysctl(_MACOS).lower()
    return _LINUX.read_text(encoding="ascii").strip().lower()


def _sysctl(name: bytes) -> str:
    """A text value of the kernel's, by ``sysctlbyname(3)``."""
    library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    size = ctypes.c_size_t(256)
    buffer = ctypes.create_string_buffer(size.value)
    if library.sysctlbyname(name, buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        raise OSError(ctypes.get_errno(), f"the kernel does not tell {name.decode()}")
    return buffer.value.decode("ascii")
