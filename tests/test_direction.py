"""One direction of flow: checked on the source, not believed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("revocation", "platform_api")
#: Only these may reach into the sandbox; everything else speaks to it over HTTP.
SANDBOX_STARTERS = ("platform_api/sandbox/", "platform_api/cli/")


def sources(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Every imported (module, name), wherever in the file the import stands."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module_of(path).split(".")
            base = package[: len(package) - node.level + (path.name == "__init__.py")] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)


def test_the_library_knows_nothing_of_the_service() -> None:
    """revocation imports no platform_api, no database, no HTTP server."""
    forbidden = ("platform_api", "asyncpg", "aiohttp.web", "structlog", "prometheus_client")
    for path in sources("revocation"):
        for module, name in imports(path):
            full = f"{module}.{name}"
            assert not any(full == bad or full.startswith(f"{bad}.") for bad in forbidden), (path, full)


def test_the_product_imports_neither_tests_nor_benchmarks() -> None:
    """Nothing imports tests, benchmarks or deploy."""
    for package in PRODUCT:
        for path in sources(package):
            for module, _ in imports(path):
                assert module.split(".")[0] not in ("tests", "benchmarks", "deploy"), (path, module)


def test_the_service_uses_public_names_of_the_library() -> None:
    """platform_api imports no name or module of revocation that begins with an underscore."""
    for path in sources("platform_api"):
        for module, name in imports(path):
            if module.split(".")[0] == "revocation":
                parts = [*module.split("."), name]
                assert not any(part.startswith("_") and part != "__future__" for part in parts), (path, parts)


def test_the_sandbox_is_reached_over_http_only() -> None:
    """No module but the sandbox's own and its command imports platform_api.sandbox; it imports little of
    ours.
    """
    for path in sources("platform_api"):
        place = path.relative_to(ROOT).as_posix()
        for module, name in imports(path):
            if f"{module}.{name}".startswith("platform_api.sandbox"):
                assert place.startswith(SANDBOX_STARTERS), place


def test_sql_stands_in_stores_and_the_database_package() -> None:
    """Handlers hold no SQL: statements live in stores and db/."""
    for path in sources("platform_api"):
        if not path.name.startswith("handlers"):
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = node.value.split()
                assert not (words and words[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")), path


def test_only_the_clock_module_reads_the_time_of_day() -> None:
    """datetime.now, datetime.utcnow, date.today and time.time appear in revocation/clock.py alone."""
    reading = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}
    for package in PRODUCT:
        for path in sources(package):
            if path.relative_to(ROOT).as_posix() == "revocation/clock.py":
                continue
            for node in ast.walk(parsed(path)):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    assert (node.value.id, node.attr) not in reading, (path, node.lineno)


def test_no_sql_asks_the_database_for_the_time() -> None:
    """Times in SQL are arguments: no now(), CURRENT_TIMESTAMP, clock_timestamp()."""
    for path in sorted((ROOT / "platform_api").rglob("*.sql")):
        lines = [line.partition("--")[0].lower() for line in path.read_text(encoding="utf-8").splitlines()]
        text = "\n".join(lines)
        for word in ("now()", "current_timestamp", "clock_timestamp", "current_date", "localtimestamp"):
            assert word not in text, (path, word)
