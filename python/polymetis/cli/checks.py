"""What `polymetis doctor` looks at. Each check gives findings and lets no exception out."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__

if TYPE_CHECKING:
    from ..axruntime import Context, DeviceInfo

ENGINE = "2026.4.1"
VARIABLES = ("POLYMETIS_VIRTUAL", "POLYMETIS_TOPOLOGY", "POLYMETIS_RUN_DIR", "XDG_RUNTIME_DIR", "AXELERA_RUNTIME_DIR", "AXELERA_DEVICE_DIR")
VENDOR = "0x1f9d"
INT8_FEATURES = ("amx_int8", "avx512_vnni", "avx_vnni", "avx2", "i8mm", "asimddp", "asimd")
FAST_FEATURES = ("amx_int8", "avx512_vnni", "avx_vnni", "i8mm", "asimddp")
FILES_FOR_MANY_CARDS = 1024
RUN_BYTES_A_DEVICE = 16 << 10


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    name: str
    found: str
    state: str = "ok"
    """ok, note or problem."""
    remedy: str = ""
    """What to do; empty where nothing is to be done."""


def examine(topology: Path | None, virtual: str | None) -> list[Finding]:
    """All findings, in order."""
    return [*versions(), *processor(), *environment(), *cards(topology, virtual)]


def versions() -> Iterator[Finding]:
    """What is installed."""
    yield Finding("versions", "polymetis", __version__)
    engine = _installed("openvino")
    state = "ok" if engine == ENGINE else "problem"
    remedy = "" if engine == ENGINE else f"This polymetis is built for openvino {ENGINE}; run: pip install openvino=={ENGINE}"
    yield Finding("versions", "openvino", engine or "not installed", state, remedy)
    yield Finding("versions", "numpy", _installed("numpy") or "not installed")
    yield Finding("versions", "python", platform.python_version())
    yield Finding("versions", "kernel", f"{platform.system()} {platform.release()} {platform.machine()}")
    provider = _installed("polymetis-axelera")
    vendor = _installed("axelera-runtime")
    if provider and vendor:
        yield Finding(
            "versions",
            "axelera.runtime",
            f"from polymetis-axelera {provider} and from axelera-runtime {vendor}, one over the other",
            "problem",
            "Both hold the same files; uninstall one of them and install the other again.",
        )
    else:
        yield Finding(
            "versions", "axelera.runtime", f"polymetis-axelera {provider}" if provider else f"axelera-runtime {vendor}" if vendor else "not installed"
        )


def processor() -> Iterator[Finding]:
    """What computes for virtual cards."""
    usable = len(os.sched_getaffinity(0))
    yield Finding("processor", "CPUs", f"{usable} usable of {os.cpu_count()}")
    present = [feature for feature in INT8_FEATURES if feature in _processor_flags()]
    fast = any(feature in FAST_FEATURES for feature in present)
    remedy = (
        "" if fast else "Virtual cards compute int8 without instructions made for it: right, but several times slower than a CPU with VNNI would."
    )
    yield Finding("processor", "int8", ", ".join(present) or "nothing for int8", "ok" if fast else "note", remedy)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    low = 0 <= files < FILES_FOR_MANY_CARDS
    yield Finding(
        "processor",
        "open files",
        str(files),
        "note" if low else "ok",
        f"For many cards allow more: ulimit -n {FILES_FOR_MANY_CARDS * 10}" if low else "",
    )


def environment() -> Iterator[Finding]:
    """Variables that change what happens."""
    given = [name for name in VARIABLES if name in os.environ]
    for name in given:
        yield Finding("environment", name, os.environ[name])
    if not given:
        yield Finding("environment", "variables", "none of " + ", ".join(VARIABLES))


def cards(topology: Path | None, virtual: str | None) -> Iterator[Finding]:
    """Run directory, drivers, devices."""
    from ..axruntime import ConnectionError, Context, Error, LibraryMissing  # noqa: A004 - the API's name

    yield from hardware()
    try:
        context = Context(topology=topology, virtual=virtual)  # type: ignore[arg-type]
    except LibraryMissing as error:
        yield Finding(
            "cards", "library", str(error), "problem", f"Install what is missing: pip install --force-reinstall polymetis openvino=={ENGINE}"
        )
        return
    except ConnectionError as error:
        yield Finding("cards", "run directory", str(error), "problem", "Make one of the folders writable, or name one with POLYMETIS_RUN_DIR.")
        return
    except Error as error:
        yield Finding("cards", "context", str(error), "problem", "Mend what the text names.")
        return
    with context:
        try:
            devices = context.list_devices()
        except Error as error:
            yield from _run_directory(context.run_directory, 0)
            yield from _drivers(context)
            yield Finding("cards", "devices", str(error), "problem", "See the driver's own diagnosis.")
            return
        yield from _run_directory(context.run_directory, len(devices))
        yield from _drivers(context)
        yield from _devices(devices)


def hardware(root: Path = Path("/")) -> Iterator[Finding]:
    """Real cards, seen without a driver of ours: on the bus, as device nodes, and their vendor's software."""
    cards = sorted(device.parent.name for device in root.glob("sys/bus/pci/devices/*/vendor") if _word(device) == VENDOR)
    nodes = sorted(node.name for node in root.glob("dev/metis-*"))
    software = sorted(str(folder) for folder in root.glob("opt/axelera/runtime*"))
    found = (
        f"on the PCI bus: {', '.join(cards) or 'none'}; device nodes: {', '.join(nodes) or 'none'}; vendor's runtime: {', '.join(software) or 'none'}"
    )
    if cards and not nodes:
        yield Finding("cards", "real cards", found, "note", "A card is there without a device node: its kernel driver is not loaded.")
    else:
        yield Finding("cards", "real cards", found)
    if nodes and not software:
        yield Finding(
            "cards", "vendor's runtime", "not found in /opt/axelera", "note", "Real cards are reached through the vendor's library: install it."
        )


def _word(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _run_directory(where: Path, devices: int) -> Iterator[Finding]:
    found = f"{where}, shared by processes that use the same; "
    wanted = RUN_BYTES_A_DEVICE * max(devices, 1)
    remedy = f"Free space in that file system ({wanted >> 10} KiB are enough), or name another folder with POLYMETIS_RUN_DIR."
    try:
        room = os.statvfs(where)
    except OSError as error:
        yield Finding("cards", "run directory", found + str(error), "problem", "Name another folder with POLYMETIS_RUN_DIR.")
        return
    free = room.f_bavail * room.f_frsize
    no_files = room.f_files > 0 and room.f_favail == 0
    found += "no more files can be made in its file system" if no_files else f"{free >> 20} MiB free" if free >> 20 else f"{free >> 10} KiB free"
    full = no_files or free < wanted
    yield Finding("cards", "run directory", found, "problem" if full else "ok", remedy if full else "")


def _drivers(context: Context) -> Iterator[Finding]:
    for driver in context.drivers():
        yield Finding("cards", f"driver {driver['name']}", driver["state"], "ok" if driver["used"] else "note")


def _devices(devices: list[DeviceInfo]) -> Iterator[Finding]:
    for device in devices:
        yield _device(device)
    if not devices:
        remedy = "Plug in a card and load its driver, or allow virtual ones: POLYMETIS_VIRTUAL=always."
        yield Finding("cards", "devices", "none", "problem", remedy)


def _device(device: DeviceInfo) -> Finding:
    if device.not_usable_because:
        return Finding("cards", device.name, device.not_usable_because, "problem", "Do what the text says, then ask again.")
    kind = "virtual, only imitated" if device.virtual else "real"
    use = f"in use by {device.in_use_by}" if device.in_use else "free"
    return Finding("cards", device.name, f"{kind}; {device.subdevice_count} cores; {use}; from {device.origin}")


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.partition(":")[2].split()}
