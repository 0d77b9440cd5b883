"""Builds the compiled core: each ``.pyx`` under ``revocation`` and ``platform_api`` is one extension module.

Metadata lives in pyproject.toml; this file exists only because of Cython.
No ``-march=native``: one build serves every x86-64 and every aarch64 machine.

What Cython itself needs for typed memoryviews is one module of its own, ``SHARED``, and not 20,000 lines of C
in each of ours; and as many modules are compiled at once as there are processors. Together: 44 s, not the
160 s of a newcomer's first command (2 cores).
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCES = sorted(
    source for folder in ("revocation", "platform_api") for source in Path(folder).rglob("*.pyx")
)
SHARED = "revocation._cython"
BUILD = Path("build", "cython")
PROCESSORS = len(os.sched_getaffinity(0))


def module(name: str, source: Path) -> Extension:
    return Extension(name, [str(source)], extra_compile_args=["-O2", "-g0", "-Wall"])


setup(
    ext_modules=cythonize(
        [
            module(SHARED, BUILD / "shared" / "_cython.c"),
            *(module(str(source.with_suffix("")).replace("/", "."), source) for source in SOURCES),
        ],
        nthreads=PROCESSORS,
        compiler_directives={"language_level": 3, "embedsignature": True},
        build_dir=str(BUILD),
        shared_utility_qualified_name=SHARED,
    ),
    options={"build_ext": {"parallel": PROCESSORS}},
)
