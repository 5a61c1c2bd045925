"""Few heaps, where the C library can."""

import ctypes
import platform

import pytest

from orchestration.runtime import heaps


def test_glibc_takes_the_limit() -> None:
    assert heaps.keep_few() is (platform.libc_ver()[0] == "glibc")


def test_another_c_library_keeps_its_heaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert heaps.keep_few() is False
