"""Names, versions and files that an artifact may have, and what a signature covers."""

from __future__ import annotations

import datetime as dt
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.errors import ArtifactRefused, InvalidInput
from wayfare.domain.models.artifact import (
    FileEntry,
    Manifest,
    check_file,
    check_listing,
    entries_of,
    folder_of,
    read_manifest,
    version_of,
)
from wayfare.domain.models.signed import Pointers, canonical, may_sign, read_pointers, signature_text

VERSION = 20261121003


class Key:
    """Signs by prefixing its secret: enough to test the rules, which do not know Ed25519."""

    def __init__(self, kid: str, secret: bytes = b"s") -> None:
        self.kid, self._secret = kid, secret

    def sign(self, message: bytes) -> bytes:
        return self._secret + message

    def verify(self, message: bytes, signature: bytes) -> bool:
        return signature == self._secret + message


TRAINER, PUBLISHER = Key("trainer-1"), Key("publisher-1")
TRUSTED = {"trainer-1": TRAINER, "publisher-1": PUBLISHER}


def manifest(**changed) -> Manifest:
    fields = {
        "model": "surge-sf",
        "version": VERSION,
        "created": "2026-11-21T00:00:00Z",
        "files": entries_of({"golden.json": b"[]", "saved_model/saved_model.pb": b"g"}),
        "data_snapshot": "d",
        "code_commit": "c",
        "parameters": {},
        "metrics": {},
    }
    return Manifest(**(fields | changed))


def signed(raw: dict | bytes, key: Key = TRAINER) -> tuple[bytes, bytes]:
    data = raw if isinstance(raw, bytes) else canonical(raw)
    return data, signature_text(data, key)


def read(raw: dict | bytes, key: Key = TRAINER) -> Manifest:
    return read_manifest(*signed(raw, key), "surge-sf", VERSION, TRUSTED)


@given(st.dates(dt.date(1970, 1, 1), dt.date(9999, 12, 31)), st.integers(1, 999))
def test_a_version_names_its_day_and_number(day, number):
    version = version_of(day, number)
    assert folder_of("surge-sf", version) == f"surge-sf/{day.strftime('%Y%m%d')}/{number}"


def test_versions_of_later_days_are_larger():
    assert version_of(dt.date(2026, 11, 22), 1) > version_of(dt.date(2026, 11, 21), 999)
    for number in (0, 1000):
        with pytest.raises(InvalidInput):
            version_of(dt.date(2026, 11, 21), number)


@given(st.text(alphabet=string.printable, max_size=40))
def test_no_accepted_name_leaves_the_folder(name):
    try:
        check_file(name)
    except ArtifactRefused:
        return
    parts = name.split("/")
    assert all(part and not part.startswith(".") for part in parts)
    assert "\\" not in name
    assert "\n" not in name


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x.json",
        "a/../x.json",
        "a//b.json",
        "./a.json",
        ".a.json",
        "a.pkl",
        "a.npz.pkl",
        "a.json\n",
        "a\\b.json",
        "manifest.json",
        "manifest.sig",
        "saved_model/hook.py",
        "saved_model/../a.json",
        "saved_model/variables/x.json",
        "é.json",
        "a/" * 9 + "b.json",
    ],
)
def test_a_name_that_climbs_hides_or_could_run_is_refused(name):
    with pytest.raises(ArtifactRefused) as caught:
        check_file(name)
    assert caught.value.reason == "files"


@pytest.mark.parametrize(
    "name",
    [
        "golden.json",
        "tree.npz",
        "report.html",
        "saved_model/saved_model.pb",
        "saved_model/fingerprint.pb",
        "saved_model/variables/variables.data-00000-of-00001",
        "saved_model/assets/vocabulary.txt",
    ],
)
def test_what_an_artifact_is_made_of_is_accepted(name):
    assert check_file(name) == name


def test_a_manifest_is_read_back_from_its_bytes():
    assert read(manifest().to_bytes()) == manifest()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 2}, "manifest"),
        ({"model": "surge-sim"}, "path"),
        ({"version": VERSION + 1}, "path"),
        ({"version": str(VERSION)}, "path"),
        ({"files": {"../x.json": {"sha256": "0" * 64, "size": 1}}}, "files"),
        ({"files": {"x.json": {"sha256": "0" * 63, "size": 1}}}, "manifest"),
        ({"files": {"x.json": {"sha256": "0" * 64, "size": -1}}}, "manifest"),
        ({"files": {"x.json": {"size": 1}}}, "manifest"),
        ({"files": ["x.json"]}, "manifest"),
        ({"parameters": 3}, "manifest"),
    ],
)
def test_a_signed_manifest_that_is_not_usable_is_refused_with_the_reason(change, reason):
    with pytest.raises(ArtifactRefused) as caught:
        read(json.loads(manifest().to_bytes()) | change)
    assert caught.value.reason == reason


@pytest.mark.parametrize("raw", [b"", b"[]", b"nul", b'{"a":1,"a":2}', b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_manifest_are_refused(raw):
    with pytest.raises(ArtifactRefused):
        read(raw)


@pytest.mark.parametrize(
    "signature",
    [b"", b"{}", b'{"kid":"trainer-1"}', b'{"kid":"trainer-1","signature":"?"}', b'{"kid":3,"signature":"AA=="}'],
)
def test_a_signature_file_of_another_form_is_refused(signature):
    with pytest.raises(ArtifactRefused) as caught:
        read_manifest(manifest().to_bytes(), signature, "surge-sf", VERSION, TRUSTED)
    assert caught.value.reason == "signature"


def test_a_listing_must_be_the_manifests():
    sizes = {"golden.json": 2, "saved_model/saved_model.pb": 1, "manifest.json": 9, "manifest.sig": 9}
    check_listing(manifest(), sizes)
    for wrong, reason in (
        (sizes | {"more.json": 1}, "files"),
        ({name: size for name, size in sizes.items() if name != "golden.json"}, "files"),
        (sizes | {"golden.json": 3}, "hash"),
    ):
        with pytest.raises(ArtifactRefused) as caught:
            check_listing(manifest(), wrong)
        assert caught.value.reason == reason


def test_contents_are_checked_by_size_and_hash():
    entry = FileEntry(entries_of({"a.json": b"abc"})["a.json"].sha256, 3)
    assert entry.check("a.json", b"abc") == b"abc"
    for data in (b"abd", b"abcd", b""):
        with pytest.raises(ArtifactRefused):
            entry.check("a.json", data)


def test_roles_do_not_overlap():
    kinds = ("manifest", "releases", "labels", "refusals")
    assert [may_sign("trainer-1", kind) for kind in kinds] == [True, True, False, False]
    assert [may_sign("publisher-1", kind) for kind in kinds] == [False, False, True, True]


def test_one_kind_of_signed_file_cannot_stand_for_another():
    refusals = Pointers("refusals", "surge-sf", {"stable": VERSION}, 5, "t").to_bytes(PUBLISHER)
    with pytest.raises(ArtifactRefused) as caught:
        read_pointers(refusals, "labels", "surge-sf", TRUSTED)
    assert caught.value.reason == "path"


@pytest.mark.parametrize(
    "change",
    [{"schema": 9}, {"serial": "1"}, {"versions": [1]}, {"versions": {"stable": "x"}}, {"versions": {"a b": 1}},
     {"versions": {"stable": True}}, {"versions": {"stable": -1}}, {"reasons": 3}],
)  # fmt: skip
def test_signed_pointers_of_another_form_are_refused(change):
    payload = json.loads(Pointers("labels", "surge-sf", {"stable": VERSION}, 5, "t").to_bytes(PUBLISHER))["payload"]
    payload |= change
    document = {"payload": payload} | json.loads(signature_text(canonical(payload), PUBLISHER))
    with pytest.raises(ArtifactRefused) as caught:
        read_pointers(canonical(document), "labels", "surge-sf", TRUSTED)
    assert caught.value.reason == "manifest"


def test_the_canonical_form_refuses_what_json_does_not_know():
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"metric": float("nan")})
