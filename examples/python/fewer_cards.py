"""Asks for a number of cards and goes on with those that are there and free, with a warning; one card is enough."""

import sys

import command
from axelera.runtime import Context
from polymetis import vision
from workers import WorkerPool, load_on


def load_on_up_to(context: Context, model, wanted: int, batch: int):
    """Instances on `wanted` cards, or on fewer. Raises RuntimeError where not a single card can be had."""
    loaded, cards, why = [], 0, []
    for device in context.list_devices():
        if cards == wanted:
            break
        try:
            loaded += load_on(context, model, [device], batch)
            cards += 1
        except RuntimeError as error:  # in use by another process, or not usable
            why.append(f"{device.name}: {error}")
    if cards < wanted:
        reasons = "".join(f"\n  {line}" for line in why)
        if not cards:
            raise RuntimeError(f"Asked for {wanted} cards, none can be had.{reasons or ' There is none.'}")
        print(f"warning: asked for {wanted} cards, going on with {cards}.{reasons}", file=sys.stderr)
    return loaded


def main() -> None:
    parser = command.parser(__doc__, package="ssd_mobilenetv2")
    parser.add_argument("--cards", type=int, default=4, help="how many cards to ask for (default: %(default)s)")
    options = parser.parse_args()
    if options.cards < 1:
        raise ValueError(f"--cards was given as {options.cards}; ask for one or more.")
    detector = vision.Detector(options.package)
    with Context() as context:
        model = context.load_model(options.package / "model.json")
        with WorkerPool(load_on_up_to(context, model, options.cards, detector.batch), detector) as detectors:
            for frame, found in detectors.map(vision.pictures(options.pictures, options.frames)):
                print(command.say(frame, found))
            names = dict.fromkeys(worker.device.name for worker in detectors.workers)
            print(f"cards used: {', '.join(names)}")


if __name__ == "__main__":
    command.run(main)
