"""`polymetis devices`: what cards there are, and who uses them."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from .arguments import add_context, add_json, make_context

if TYPE_CHECKING:
    from ..axruntime import Context, DeviceInfo

EPILOG = """Exit status: 0 there is a device, 1 there is none, or it cannot be asked.
Memory and frames are what Polymetis knows of: of models that were loaded through it, by any process that shares the run directory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `run` reads."""
    parser.description = "Lists the cards: cores, memory, driver, virtual or not, and which process holds which core."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("devices", nargs="*", metavar="DEVICE", help="only these: place in the list, or name (default: all)")
    add_json(parser)
    add_context(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the list; answers the exit status."""
    with make_context(arguments) as context:
        every = context.list_devices()
        chosen = [context.find_device(int(word) if word.isdecimal() else word).name for word in arguments.devices]
        listed = [(place, device) for place, device in enumerate(every) if not chosen or device.name in chosen]
        if arguments.json:
            print(json.dumps([described(context, place, device) for place, device in listed], indent=1))
        else:
            show(context, listed)
    return 0 if listed else 1


def described(context: Context, place: int, device: DeviceInfo) -> dict[str, Any]:
    """A device as JSON has it."""
    return {
        "index": place,
        "name": device.name,
        "virtual": device.virtual,
        "driver": device.driver,
        "board": device.board,
        "board_type": device.board_type.name,
        "hw_generation": device.hw_generation.name,
        "board_revision": device.board_revision,
        "firmware_version": device.firmware_version,
        "subdevice_count": device.subdevice_count,
        "max_memory_bytes": device.max_memory,
        "memory_used_bytes": device.memory_used,
        "in_use": device.in_use,
        "in_use_by": device.in_use_by,
        "usable": not device.not_usable_because,
        "not_usable_because": device.not_usable_because,
        "origin": device.origin,
        "configuration": configuration(context, device),
        "cores": [{"core": number, **core._asdict()} for number, core in enumerate(device.cores)],
    }


def show(context: Context, listed: list[tuple[int, DeviceInfo]]) -> None:
    """Prints tables."""
    from .tables import amount, console, table

    out = console()
    if not listed:
        out.print("There is no device. `polymetis doctor` says why.")
        return
    devices = table(">#", "device", "kind", "board", "driver", ">cores", ">free", ">memory", ">used", "clock")
    cores = table("device", ">core", ">pid", "process", ">frames", ">failed", ">busy", ">memory", title="Cores that are held")
    for place, device in listed:
        free = sum(core.pid == 0 for core in device.cores)
        memory = amount(device.max_memory) if device.max_memory else "?"
        devices.add_row(
            str(place),
            device.name,
            "[yellow]virtual[/]" if device.virtual else "[green]real[/]",
            device.board_type.name,
            device.driver,
            str(device.subdevice_count),
            str(free),
            memory,
            amount(device.memory_used),
            clock(context, device),
        )
        for number, core in enumerate(device.cores):
            if core.pid:
                pid = "?" if core.pid < 0 else str(core.pid)
                used = (str(core.frames), str(core.failures), f"{core.busy_seconds:.1f} s", amount(core.memory_used))
                cores.add_row(device.name, str(number), pid, core.process, *used)
    out.print(devices)
    if cores.row_count:
        out.print(cores)
    for _, device in listed:
        if device.not_usable_because:
            out.print(f"{device.name} cannot be used: {device.not_usable_because}", markup=False)
    if any(device.virtual for _, device in listed):
        out.print("[yellow]virtual[/]: a card that this computer only imitates.")


def configuration(context: Context, device: DeviceInfo) -> dict[str, str]:
    """Its settings; empty where they cannot be read, which is no reason to list nothing."""
    from ..axruntime import Error

    if device.not_usable_because:
        return {}
    try:
        return context.read_device_configuration(device)
    except Error:
        return {}


def clock(context: Context, device: DeviceInfo) -> str:
    """The clocks of the cores, shortly."""
    settings = configuration(context, device)
    if not settings:
        return "" if device.not_usable_because else "?"
    clocks = [settings.get(f"clock_profile_core_{core}", settings.get("clock_profile", "?")) for core in range(device.subdevice_count)]
    return f"{clocks[0]} MHz" if len(set(clocks)) == 1 else "/".join(clocks) + " MHz"
