"""Landlock: a Linux process gives up rights to files, permanently and for its children; needs no privilege.

Called through ctypes, as the packages that wrap it are young or prereleases and three system calls are all of it.
https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38  # prctl

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, DEVICE = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE  # the rights that a rule on a file may have
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1


class LandlockError(OSError):
    """A failed system call of Landlock."""


class _Ruleset(ctypes.Structure):
    """Rights that are refused unless a rule allows them."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    """Rights that are allowed beneath an open folder, or on an open file."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the kernel's version of Landlock's interface; 0 where there is none or it is switched off."""
    if not sys.platform.startswith("linux"):
        return 0
    found = int(ctypes.CDLL(None, use_errno=True).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG))
    return max(0, found)


def all_file_rights(interface: int) -> int:
    """Return every right on files that a version of the interface knows; what is not named in it stays allowed."""
    bits = 13 + (interface >= 2) + (interface >= 3) + (interface >= 5)
    return (1 << bits) - 1


def restrict(readable: Iterable[Path], listable: Iterable[Path], writable: Iterable[Path]) -> int:
    """Restrict this process and its children, for good; return the version of the interface in force.

    Paths that do not exist are left out. Besides files: TCP neither in nor out, no abstract Unix sockets and no signals
    to processes outside (where the kernel knows these). Sockets with a path in the file system stay reachable.

    Args:
        readable: files, and folders with everything beneath.
        listable: folders whose names, and those beneath, may be listed; their files stay closed.
        writable: files, and folders in which everything is allowed.
    Raises:
        LandlockError: the kernel has no Landlock, or refused.
    """
    interface = version()
    if interface < 1:
        raise LandlockError("this system has no Landlock")
    everything = all_file_rights(interface)
    ruleset = _create(interface, everything)
    try:
        for paths, rights in ((readable, READ), (listable, READ_DIR), (writable, everything)):
            for path in paths:
                _allow(ruleset, path, rights & everything)
        libc = ctypes.CDLL(None, use_errno=True)
        _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)
    return interface


def _create(interface: int, rights: int) -> int:
    """Return the file descriptor of an empty set of rules."""
    network = _BIND_TCP | _CONNECT_TCP if interface >= 4 else 0
    scoped = _ABSTRACT_SOCKETS | _SIGNALS if interface >= 6 else 0
    attributes = _Ruleset(rights, network, scoped)
    size = 8 + 8 * (interface >= 4) + 8 * (interface >= 6)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    return _checked(descriptor, "landlock_create_ruleset")


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there, or not for this user anyway
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        rule = _PathRule(rights if is_folder else rights & _OF_FILES, descriptor)
        libc = ctypes.CDLL(None, use_errno=True)
        _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0), f"landlock_add_rule {path}")
    finally:
        os.close(descriptor)


def _checked(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise LandlockError(number, f"{call}: {os.strerror(number)}")
    return int(result)
