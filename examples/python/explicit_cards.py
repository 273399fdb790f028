"""Detects objects on the cards that you name, by their place in the list or by name; one core of each, named as often as you like."""

import command
from axelera.runtime import Context
from polymetis import vision
from workers import Loaded, WorkerPool


def main() -> None:
    parser = command.parser(__doc__, package="ssd_mobilenetv2")
    parser.add_argument("--devices", default="0,metis-0:3:0", help="comma between them (default: %(default)s)")
    options = parser.parse_args()
    detector = vision.Detector(options.package)
    with Context() as context:
        model = context.load_model(options.package / "model.json")
        loaded = [load(context, model, device, detector.batch) for device in options.devices.split(",")]
        with WorkerPool(loaded, detector) as detectors:
            for number, (frame, found) in enumerate(detectors.map(vision.pictures(options.pictures, options.frames))):
                worker = detectors.workers[number // detectors.batch % len(detectors.workers)]
                print(f"{worker.device.name}  {command.say(frame, found)}")


def load(context: Context, model, device: str, batch: int) -> Loaded:
    """`device_connect` takes a place in the list as int, a name as str."""
    devices = context.list_devices()
    place = int(device) if device.isdecimal() else device
    connection = context.device_connect(place, batch)
    instance = connection.load_model_instance(model, num_sub_devices=batch, aipu_cores=batch)
    known = devices[place] if isinstance(place, int) else next(d for d in devices if same(d.name, place))
    return Loaded(known, connection, instance)


def same(a: str, b: str) -> bool:
    return a.replace(":", "-") == b.replace(":", "-")


if __name__ == "__main__":
    command.run(main)
