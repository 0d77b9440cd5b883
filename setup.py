"""Builds the compiled core: each ``.pyx`` under ``revocation`` and ``platform_api`` is one extension module.

Metadata lives in pyproject.toml; this file exists only because of Cython.
No ``-march=native``: one build serves every x86-64 and every aarch64 machine.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCES = sorted(
    source for folder in ("revocation", "platform_api") for source in Path(folder).rglob("*.pyx")
)

setup(
    ext_modules=cythonize(
        [
            Extension(
                str(source.with_suffix("")).replace("/", "."),
                [str(source)],
                extra_compile_args=["-O2", "-g0", "-Wall"],
            )
            for source in SOURCES
        ],
        compiler_directives={"language_level": 3, "embedsignature": True},
        build_dir="build/cython",
    ),
)
