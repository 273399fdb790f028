"""Part 2: eight streams over four virtual cards, one of which is lost and comes back; no stream notices."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from part import Part, Table
from polymetis import Fleet
from rich import box
from rich.live import Live
from rich.table import Table as Drawn

STREAMS, CARDS, SECONDS = 8, 4, 6.0
LOST_AT, LOST_FOR = 2.0, 2.0
TOPOLOGY = f"""
[[board]]
count = {CARDS - 1}
name = "metis-0:{{}}:0"
compute = "none"
timing = {{ fps = 100 }}

[[board]]
name = "metis-0:{CARDS}:0"
compute = "none"
timing = {{ fps = 100 }}
[[board.fault]]
kind = "lost"
at = {LOST_AT + 0.5}
lasts = {LOST_FOR}
"""


def measure(package: Path, output: Path) -> Part:
    """Runs the streams with a table in the terminal; writes a trace and a recording into `output` and replays it."""
    trace, recording = output / "fleet-trace.json", output / "fleet.recording"
    events: list[tuple[float, str]] = []
    ledger: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        topology = Path(folder) / "cards.toml"
        topology.write_text(TOPOLOGY)
        begin = time.monotonic()
        with Fleet(topology=topology, virtual=True, record=recording, trace_frames=50_000) as fleet:
            fleet.on_event(lambda event: events.append((event.time - begin, f"{event.subject}: {event.state}")))
            model = fleet.load_model(package)
            fleet.add_model(model)
            stop = threading.Event()
            threads = [threading.Thread(target=consume, args=(fleet, model, number, stop, ledger)) for number in range(STREAMS)]
            for thread in threads:
                thread.start()
            try:
                with Live(state(fleet), refresh_per_second=4) as live:
                    while time.monotonic() - begin < SECONDS:
                        time.sleep(0.25)
                        live.update(state(fleet))
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
            metrics, why = fleet.metrics(), fleet.explain()
            fleet.write_trace(trace)
    return part(metrics, why.text, ledger, events, trace, replayed(recording), recording)


def consume(fleet: Fleet, model, number: int, stop: threading.Event, ledger: Counter[str]) -> None:
    """One camera: its frames in, its results out in order."""
    frame = np.zeros((1, *model.inputs()[0].shape[1:]), np.int8)

    def camera() -> Iterator[np.ndarray]:
        while not stop.is_set():
            ledger["frames in"] += 1
            yield frame

    for expected, result in enumerate(fleet.stream(model, camera(), name=f"camera {number}")):
        if result.number != expected:
            raise RuntimeError(f"camera {number}: frame {result.number} came when {expected} was due")
        ledger[result.outcome] += 1


def state(fleet: Fleet) -> Drawn:
    """The table in the terminal."""
    table = Drawn(title="Eight streams on four virtual cards", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("card", "state", "frames/s", "busy", "cause"):
        table.add_column(name, justify="right" if name in ("frames/s", "busy") else "left", min_width=8)
    for health, metrics in zip(fleet.health(), fleet.metrics().devices, strict=True):
        colour = "green" if health.state == "ready" else "red"
        table.add_row(
            health.name, f"[{colour}]{health.state}[/]", f"{metrics.frames_per_s:.0f}", f"{100 * metrics.utilisation:.0f} %", health.cause[:60]
        )
    return table


def replayed(recording: Path) -> dict:
    from polymetis import _native

    found: dict = json.loads(_native.replay_json(os.fspath(recording)))
    return found


def part(metrics, why: str, ledger: Counter[str], events: list[tuple[float, str]], trace: Path, replay: dict, recording: Path) -> Part:
    out = sum(ledger[kind] for kind in ("outputs", "dropped", "late", "failed"))
    same = "the same decisions" if replay["same_decisions"] else "OTHER DECISIONS"
    return Part(
        title="A card dies, the streams do not notice",
        lead=f"Eight streams share four virtual cards. After {LOST_AT:.0f} seconds one card is lost; "
        f"{LOST_FOR:.0f} seconds later it is back, is probed and takes frames again.",
        figures=[
            (str(ledger["frames in"]), "frames in"),
            (str(out), "results out"),
            (str(ledger["failed"]), "failed"),
            (same, f"replaying {replay['events']} events"),
        ],
        tables=[
            Table(
                "Ledger",
                ("frames in", "outputs", "dropped", "late", "failed"),
                [tuple(str(ledger[k]) for k in ("frames in", "outputs", "dropped", "late", "failed"))],
            ),
            Table(
                "Cards of the fleet", ("card", "frames", "instances"), [(d.name, str(d.frames), str(d.instances)) for d in metrics.devices], note=why
            ),
            Table("What happened", ("second", "event"), [(f"{second:.2f}", text) for second, text in events]),
            Table(
                "The recording, replayed in virtual time",
                ("events", "seconds", "decisions"),
                [(str(replay["events"]), f"{replay['seconds']:.1f}", same)],
            ),
            Table(
                "To open",
                ("what", "where"),
                [("trace, for ui.perfetto.dev", os.path.relpath(trace)), ("recording, for polymetis replay", os.path.relpath(recording))],
            ),
        ],
    )
