"""What the machine's compiler makes is used only when it is ours, whole and right, and is compiled once."""

import ctypes
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from carnet.fast import compiled_c as module
from carnet.fast.training.library import _called, library
from carnet.fast.training.self_test import computes_as_torch

GCC = shutil.which("gcc")
pytestmark = pytest.mark.skipif(GCC is None or sys.platform != "linux", reason="needs gcc on Linux")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's home, empty, with temporary files in it too."""
    folder = tmp_path / "home"
    (folder / "tmp").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(module.tempfile, "tempdir", str(folder / "tmp"))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "twice.c"
    path.write_text(
        "#ifndef FACTOR\n#define FACTOR 2\n#endif\ndouble twice(double x) { return FACTOR * x; }\n"
    )
    return path


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a script called gcc, first in PATH, that notes each of its calls and makes them."""
    path = tmp_path / "bin" / "gcc"
    path.parent.mkdir()
    behave(path, f'exec {GCC} "$@"')
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    return path


def behave(compiler: Path, line: str) -> None:
    compiler.write_text(f'#!/bin/sh\necho "$@" >> {compiler}.log\n{line}\n')
    compiler.chmod(0o755)


def compilations(compiler: Path) -> int:
    return Path(f"{compiler}.log").read_text().count(" -c ")


def doubles(made: ctypes.CDLL) -> bool:
    return made.twice(3.0) == 6.0


def made_of(source: Path) -> module.CompiledC | None:
    """Ask as a new process would."""
    module.compiled_c.cache_clear()
    try:
        return module.compiled_c((source,), (("twice", "d d"),), doubles)
    finally:
        module.compiled_c.cache_clear()


def kept(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "carnet-bench").iterdir())


def test_one_compilation_is_for_all_processes_and_leaves_one_private_file(home, source, compiler) -> None:
    first, second = made_of(source), made_of(source)
    assert first is not None
    assert second is not None
    assert second.library.twice(4.0) == 8.0
    assert first.compiler == second.compiler
    assert compilations(compiler) == 1
    [path] = kept(home)
    assert path.suffix == ".so"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list((home / "tmp").iterdir()) == []


@pytest.mark.parametrize("change", ["source", "compiler", "machine", "flags"])
def test_what_another_compilation_would_make_is_compiled_anew(change, source, compiler, monkeypatch) -> None:
    made_of(source)
    if change == "source":
        source.write_text(source.read_text() + "\n")
    elif change == "compiler":
        behave(compiler, f'[ "$1" = --version ] && exec echo gcc 99\nexec {GCC} "$@"')
    elif change == "machine":
        monkeypatch.setattr(module.platform, "machine", lambda: "another")
    else:
        monkeypatch.setattr(module, "_FLAGS", ("-O1", "-fPIC", "-fopenmp"))
    made = made_of(source)
    assert made is not None
    assert compilations(compiler) == 2
    assert change != "compiler" or made.compiler == "gcc 99"


def test_a_kept_library_with_a_flipped_byte_is_never_loaded(home, source, compiler) -> None:
    made_of(source)
    [path] = kept(home)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # its inode is loaded
    path.write_bytes(content)
    assert made_of(source) is not None
    assert compilations(compiler) == 2
    assert [module._digest(one.read_bytes()) for one in kept(home)] == [path.stem.rpartition("-")[2]]


@pytest.mark.parametrize(
    "what", ["open to others", "of another user", "a file", "a link", "no home", "no entry"]
)
def test_without_a_folder_that_is_the_users_alone_each_process_compiles(
    what, home, source, compiler, monkeypatch
) -> None:
    folder = home / ".cache" / "carnet-bench"
    folder.parent.mkdir()
    if what == "open to others":
        folder.mkdir(mode=0o700)
        folder.chmod(0o770)
    elif what == "of another user":
        folder.mkdir(mode=0o700)
        monkeypatch.setattr(module.os, "geteuid", lambda: os.getuid() + 1)
    elif what == "a file":
        folder.touch()
    elif what == "a link":
        (home / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(home / "elsewhere")
    elif what == "no home":
        monkeypatch.setenv("HOME", str(home / "missing"))
    else:

        def no_home() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(module.Path, "home", no_home)
    assert made_of(source) is not None
    assert made_of(source) is not None
    assert compilations(compiler) == 2
    assert [path.name for path in home.rglob("*.so")] == []
    assert list((home / "tmp").iterdir()) == []


def test_a_relative_cache_home_is_not_taken(home, source, compiler, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert made_of(source) is not None
    assert not (tmp_path / "here").exists()
    assert len(kept(home)) == 1


def is_running(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_compiler_that_hangs_is_given_up_with_all_that_it_started(
    source, compiler, tmp_path, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.5)
    behave(compiler, f"sleep 600 & echo $! > {tmp_path / 'pid'}; wait")
    assert made_of(source) is None
    pid = (tmp_path / "pid").read_text().strip()
    # a signal is delivered when the process next has the processor
    gone_by = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < gone_by:
        time.sleep(0.05)
    assert not is_running(pid)
    assert str(compiler) in caplog.text


def test_patience_is_20_s() -> None:
    assert module._PATIENCE_S == 20.0


WRONG = {
    "wrong": (f'exec {GCC} "$@" -DFACTOR=3', "wrongly"),
    "without the function": (f'exec {GCC} "$@" -Dtwice=thrice', "wrongly"),
    "fails": ("exit 1", ""),
    "makes nothing": ("exit 0", ""),
    "is killed": ("kill -9 $$", ""),
    "makes no library": ('for last; do :; done; case "$*" in *-shared*) echo text > "$last";; esac', ""),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_compiler_that_makes_no_right_library_is_as_none(how, home, source, compiler, caplog) -> None:
    line, said = WRONG[how]
    behave(compiler, line)
    assert made_of(source) is None
    assert said in caplog.text
    assert kept(home) == []


def test_folders_of_killed_compilations_go_and_those_of_living_ones_stay(home, source) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    folder = home / ".cache" / "carnet-bench"
    folder.mkdir(mode=0o700, parents=True)
    left, busy = (folder / f"{module._BUILD}{pid}-abcd" for pid in (dead.pid, os.getpid()))
    for one in (left, busy):
        one.mkdir()
        (one / "norm.o").touch()
    made_of(source)
    assert not left.exists()
    assert (busy / "norm.o").exists()


@pytest.mark.parametrize("entry", ["", ".", "bin"])
def test_nothing_of_the_working_folder_is_run_or_included(entry, source, tmp_path, monkeypatch) -> None:
    here = tmp_path / "work"
    for folder in (here, here / "bin"):
        folder.mkdir()
        for name in ("gcc", "as", "ld", "cc1", "collect2"):
            (folder / name).write_text(f"#!/bin/sh\ntouch {here / 'ran'}\n")
            (folder / name).chmod(0o755)
    (here / "math.h").write_text("#error of the working folder\n")
    source.write_text("#include <math.h>\n" + source.read_text())
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", f"{entry}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COMPILER_PATH", f"{entry}{os.pathsep}")
    monkeypatch.setenv("CPATH", f"{entry}{os.pathsep}")
    assert made_of(source) is not None
    assert not (here / "ran").exists()


FUNCTIONS = ("norm", "norm_backward", "fusion", "fusion_sums", "fusion_backward", "pool", "pool_backward")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_self_test_sees_an_error_of_one_percent_in_any_function(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = library()
    assert made is not None
    # what is not written yet is not, by chance, what an earlier call left in the same memory
    monkeypatch.setattr(torch, "empty_like", lambda one: torch.full_like(one, 99))

    def wrong(called: str, *arguments: object) -> bool:
        maps = [one for one in arguments if isinstance(one, Tensor) and one.is_floating_point()]
        before = [one.clone() for one in maps]
        done = _called(made.library, called, *arguments)
        if called == f"carnet_{name}":
            for one, old in zip(maps, before, strict=True):
                if not torch.equal(one.nan_to_num(), old.nan_to_num()):
                    one.add_(0.01)
        return done

    assert computes_as_torch(lambda *arguments: _called(made.library, *arguments))
    assert not computes_as_torch(wrong)


def test_the_self_test_needs_memory_to_say_yes() -> None:
    assert not computes_as_torch(lambda *_: False)
