"""Compiles what is fuzzed, and what drives it, below ``build/fuzz``: never into the source tree.

Each build has a folder of its own. ``asan`` is AddressSanitizer and part of UndefinedBehaviorSanitizer;
``gcov`` counts branches. The product's modules are compiled from its sources as they are.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
NATIVE: Final = Path(__file__).resolve().parent / "native"
BUILD: Final = ROOT / "build" / "fuzz"
_SUFFIX: Final = EXTENSION_SUFFIXES[0]

#: The parts of UBSan that say something here; its pointer checks would double what the compiler needs for
#: Cython's own code, and AddressSanitizer sees the same.
_UNDEFINED: Final = "signed-integer-overflow,shift,bounds,integer-divide-by-zero"
_ASAN: Final = (
    "-g1",
    "-fno-omit-frame-pointer",
    f"-fsanitize=address,{_UNDEFINED}",
    "-fno-sanitize-recover=all",
)
#: For what drives: a loop that copies octets stays one, and does not become a call that the sanitizer checks.
_PLAIN: Final = (
    "-O2",
    "-g1",
    "-ftree-vectorize",
    "-fno-tree-loop-distribute-patterns",
    "-fno-omit-frame-pointer",
    "-Wall",
    "-Wno-unused-function",
)


@dataclass(frozen=True, slots=True)
class Module:
    """One extension module: its name, its source, and how it is compiled."""

    name: str
    source: Path
    flags: tuple[str, ...]

    def target(self, folder: Path) -> Path:
        return folder.joinpath(*self.name.split(".")).with_suffix(_SUFFIX)


@dataclass(frozen=True, slots=True)
class Build:
    """A folder with modules, and the libraries to preload into the child that uses them."""

    folder: Path
    preload: tuple[Path, ...]
    sanitized: bool

    def environment(self, redzone: int, more: str = "") -> dict[str, str]:
        """For the child. CPython leaves memory to the end of the process, so leaks say nothing.

        ``redzone``: each block lies among so many poisoned octets, so far beyond its end is seen as well.
        ``more``: further options of AddressSanitizer, each with a colon before it.
        """
        options = f"detect_leaks=0:allocator_may_return_null=1:redzone={redzone}:exitcode=77{more}"
        return {
            **os.environ,
            "LD_PRELOAD": " ".join(map(str, self.preload)),
            "ASAN_OPTIONS": options,
            "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=77",
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": str(ROOT),
        }


def _run(command: Iterable[str | Path]) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-2000:] + done.stderr[-6000:])
        raise SystemExit("the build for fuzzing failed, see above")
    return done.stdout


def library(name: str) -> Path | None:
    """A library of gcc's own, such as libasan.so; None where this gcc has none."""
    found = Path(_run(["gcc", f"-print-file-name={name}"]).strip())
    return found.resolve() if found.is_absolute() else None


def _sources(source: Path) -> list[Path]:
    """All that a module is made from, generously: every declaration of the product and header of ours."""
    return [
        source,
        *sorted((ROOT / "revocation").rglob("*.pxd")),
        *sorted((ROOT / "platform_api").rglob("*.pxd")),
        *sorted((ROOT / "revocation").rglob("*.h")),
    ]


def _stale(target: Path, sources: Iterable[Path], command: str) -> str | None:
    """None where the target was made by this command from these octets; else the mark to leave beside it."""
    digest = sha256(command.encode())
    for source in sources:
        digest.update(source.read_bytes())
    mark = target.with_suffix(".made")
    same = target.is_file() and mark.is_file() and mark.read_text() == digest.hexdigest()
    return None if same else digest.hexdigest()


def _finish(target: Path, mark: str, temporary: Path) -> None:
    temporary.replace(target)
    target.with_suffix(".made").write_text(mark)


def compile_module(module: Module, folder: Path) -> None:
    target = module.target(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    text = target.with_name(target.name.split(".")[0] + ".c")
    temporary = target.with_suffix(".tmp")
    cython = [sys.executable, "-m", "cython", "-3", "--line-directives", "--module-name", module.name]
    cython += ["-I", str(ROOT), "-o", str(text), str(module.source.relative_to(ROOT))]
    include = sysconfig.get_path("include")
    c = ["gcc", "-shared", "-fPIC", *module.flags, f"-I{include}", f"-I{NATIVE}", "-o", temporary, text]
    sources = [*_sources(module.source), *sorted(NATIVE.glob("*.h")), *sorted(NATIVE.glob("*.pxi"))]
    mark = _stale(target, sources, repr((cython, c, platform.python_version())))
    if mark is None:
        return
    _run(cython)
    # Counters of an earlier build would be added to: they belong to other branches.
    for old in text.parent.glob(f"*{text.stem}*.gc??"):
        old.unlink()
    _run(c)
    _finish(target, mark, temporary)


def compile_rig(folder: Path, flags: tuple[str, ...]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "librig.so"
    temporary = folder / "librig.tmp"
    command = ["gcc", "-shared", "-fPIC", *flags, "-o", temporary, NATIVE / "rig.c", "-ldl"]
    mark = _stale(target, [NATIVE / "rig.c", NATIVE / "rig.h"], repr(command))
    if mark is not None:
        _run(command)
        _finish(target, mark, temporary)
    return target


def _compile_all(jobs: Iterable[tuple[Module, Path]]) -> None:
    """Two at a time: a compiler is one process."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for _ in workers.map(lambda job: compile_module(*job), jobs):
            pass


def product(name: str, flags: tuple[str, ...]) -> Module:
    return Module(name, (ROOT / Path(*name.split("."))).with_suffix(".pyx"), flags)


def driver(name: str, flags: tuple[str, ...] = _PLAIN) -> Module:
    return Module(name, NATIVE / f"{name}.pyx", flags)


def asan(
    *products: str,
    drivers: tuple[str, ...] = (),
    checked_drivers: tuple[str, ...] = (),
    traced: tuple[str, ...] = (),
    traced_drivers: tuple[str, ...] = (),
    thorough: bool = True,
    plant: str = "",
) -> Build:
    """The product's modules with AddressSanitizer; ``plant`` names a fault of rig.c to be found.

    ``checked_drivers`` have inline code of the product in them, so they are built like it. ``traced`` ones
    and ``traced_drivers`` are built once more in ``traced/``, to see what an input reaches. ``thorough``:
    optimized as in production. Otherwise not, and not traced: built in a third of the time, for the smoke
    test.
    """
    libraries = [library(name) for name in ("libasan.so", "libubsan.so")]
    if None in libraries:
        raise SystemExit(
            "expected gcc with libasan and libubsan, got one without; install the libraries of this gcc"
        )
    folder = BUILD / ("asan" if thorough else "asan-quick")
    flags = (*_ASAN, "-O2" if thorough else "-O0")
    driving = _PLAIN if thorough else ("-O1", "-g1")
    jobs = [(product(one, flags), folder) for one in products]
    jobs += [(driver(one, driving), folder) for one in drivers]
    jobs += [(driver(one, flags), folder) for one in checked_drivers]
    if thorough:
        tracing = (*flags, "-fsanitize-coverage=trace-pc")
        jobs += [(product(one, tracing), folder / "traced") for one in traced]
        jobs += [(driver(one, tracing), folder / "traced") for one in traced_drivers]
    _compile_all(jobs)
    # The rig is instrumented only where a fault is planted in it: its other half runs at every basic block.
    rig = (*_ASAN, f"-DPLANT_{plant}") if plant else _PLAIN
    found = [one for one in libraries if one is not None]
    return Build(folder, (*found, compile_rig(BUILD / f"rig{plant.lower()}", rig)), sanitized=True)


def gcov(*products: str, drivers: tuple[str, ...], checked_drivers: tuple[str, ...] = ()) -> Build:
    """The product's modules with a counter at every branch, not optimized: each condition is one branch.

    ``checked_drivers`` have inline code of the product in them: its branches are counted there.
    """
    folder = BUILD / "gcov"
    counted = ("-O0", "-g1", "--coverage", "-fprofile-update=single")
    _compile_all(
        [(product(one, counted), folder) for one in products]
        + [(driver(one, counted), folder) for one in checked_drivers]
        + [(driver(one), folder) for one in drivers]
    )
    return Build(folder, (compile_rig(BUILD / "rig", _PLAIN),), sanitized=False)
