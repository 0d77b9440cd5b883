"""What a cycle keeps of refused lists: the error itself, and one file of each code to look at."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from revocation.ingest_report import Refusal
from tests import pki
from tests.pki import T0, entry
from tests.revocation.nights import DAY, Night, thread


@pytest.fixture
async def night(tmp_path: Path) -> Night:
    """A first complete day."""
    made: Night = await thread(Night, tmp_path, pki.make_ca(kind="p256"))
    await thread(made.serve, 0)
    await made.run()
    return made


def kept(night: Night) -> dict[str, bytes]:
    folder = night.archive.folder / "refused"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


async def test_the_error_itself_is_in_the_report(night: Night) -> None:
    """By CA, list and key, with what was expected, what was got and the remedy."""
    scope = night.scopes[0]
    await thread(night.serve, 1)
    await thread(night.file(scope).write_bytes, night.der(scope, 0, [entry(9)]))
    (one,) = (await night.run()).refused
    assert isinstance(one, Refusal)
    assert (one.ca_id, one.scope, one.name) == ("card-sign", scope, str(scope))
    assert one.key == scope.signing_key[:16]
    assert one.error.code == "CRL_NUMBER_REUSED"
    assert one.error.expected == "under cRLNumber 1 the same bytes as accepted before"
    assert (one.error.got, one.error.remedy.split(":")[0]) == ("other bytes", "tell the CA at once")
    ca = Refusal("card-sign", None, one.error)
    assert (ca.name, ca.key) == ("card-sign", None)


async def test_one_refused_file_of_each_code_is_kept(night: Night) -> None:
    """Of two lists refused alike one file is kept under the code, without its partition; the next night
    replaces it; other codes stay; a night without refusals keeps nothing.
    """
    one, two, three = night.scopes[:3]
    assert (await night.run()).kept == {}
    assert await thread(kept, night) == {}
    await thread(night.serve, 1)
    old = [night.der(scope, 0, [entry(9)]) for scope in (one, two)]
    await thread(night.file(one).write_bytes, old[0])
    await thread(night.file(two).write_bytes, old[1])
    await thread(night.file(three).write_bytes, b"<html>")
    report = await night.run()
    folder = night.archive.folder / "refused"
    assert report.kept == {
        "CRL_NUMBER_REUSED": folder / "CRL_NUMBER_REUSED.crl",
        "LIST_IS_HTML": folder / "LIST_IS_HTML.crl",
    }
    assert (await thread(kept, night))["CRL_NUMBER_REUSED.crl"] in old
    again = night.der(two, 0, [entry(10)])
    await thread(night.file(one).write_bytes, night.der(one, 1))
    await thread(night.file(two).write_bytes, again)
    await thread(night.file(three).write_bytes, night.der(three, 1))
    report = await night.run()
    assert list(report.kept) == ["CRL_NUMBER_REUSED"]
    assert await thread(kept, night) == {"CRL_NUMBER_REUSED.crl": again, "LIST_IS_HTML.crl": b"<html>"}


async def test_what_was_accepted_once_is_copied_and_stays(night: Night) -> None:
    """The server says "not modified" of a list that is past its nextUpdate: the archive keeps its file."""
    stored = await thread(night.archive.stored)
    night.clock.set(T0 + 3 * DAY)
    report = await night.run()
    assert list(report.kept) == ["NEXT_UPDATE_PASSED"]
    first = stored[min(stored)]
    files = await thread(kept, night)
    assert files == {"NEXT_UPDATE_PASSED.crl": await thread(first.path.read_bytes)}
    assert await thread(night.archive.stored) == stored


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "copied"])
async def test_a_folder_that_cannot_keep_them_fails_no_night(night: Night, *, moved: bool) -> None:
    """A file stands where the folder should, or a folder where the file should: reported all the same."""
    folder = night.archive.folder / "refused"
    if moved:
        await thread(folder.write_bytes, b"")
        await thread(night.serve, 1)
        await thread(night.file(night.scopes[0]).write_bytes, b"<html>")
    else:
        await thread(os.makedirs, folder / "NEXT_UPDATE_PASSED.crl" / "inside")
        night.clock.set(T0 + 2 * DAY + timedelta(hours=1))
    report = await night.run()
    assert report.refused
    assert report.kept == {}
    assert not (folder / "NEXT_UPDATE_PASSED.new").exists()
