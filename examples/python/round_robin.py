"""Detects objects in pictures on all cores of all cards, which take turns; the results come in the order of the pictures."""

from collections import Counter

import command
from axelera.runtime import Context
from polymetis import vision
from workers import WorkerPool, load_on


def main() -> None:
    options = command.parser(__doc__, package="ssd_mobilenetv2").parse_args()
    detector = vision.Detector(options.package)
    with Context() as context:
        model = context.load_model(options.package / "model.json")
        loaded = load_on(context, model, context.list_devices(), detector.batch)
        with WorkerPool(loaded, detector) as detectors:
            for frame, found in detectors.map(vision.pictures(options.pictures, options.frames)):
                print(command.say(frame, found))
            report(detectors)


def report(pool: WorkerPool) -> None:
    cards: Counter[str] = Counter()
    for worker in pool.workers:
        cards[worker.device.name] += worker.frames
    print(f"{cards.total()} pictures: " + ", ".join(f"{frames} on {name}" for name, frames in cards.items()))


if __name__ == "__main__":
    command.run(main)
