"""Double buffering: the card computes one frame while it takes in the next one and gives out the one before; each run answers the frame
of two runs ago. Detects objects in pictures on one core."""

from collections import deque
from itertools import chain, repeat

import command
from axelera.runtime import Context
from polymetis import vision

DELAY = 2  # runs between a frame and its answer


def double_buffered(instance, network, frames):
    """(frame, what was found in it) in order, from an instance loaded with double_buffer. Nothing is asked of the card for no frames."""
    inputs, outputs = network.new_inputs(), network.new_outputs()
    inside = deque()  # batches that the card has not answered yet: never more than DELAY + 1
    for number, batch in enumerate(chain(vision.batches(frames, network.batch), repeat(None, DELAY))):
        if batch is None and not inside:
            return
        if batch is not None:
            inside.append(batch)
            network.put([frame.pixels for frame in batch], inputs)
        instance.run(inputs, outputs)  # without a batch: only to push out what is inside
        if number >= DELAY:  # the first two answers belong to no frame
            answered = inside.popleft()
            yield from zip(answered, network.get(outputs, [frame.pixels for frame in answered]), strict=True)


def main() -> None:
    options = command.parser(__doc__, package="ssd_mobilenetv2").parse_args()
    detector = vision.Detector(options.package)
    with Context() as context:
        model = context.load_model(options.package / "model.json")
        connection = context.device_connect(None, detector.batch)
        instance = connection.load_model_instance(model, num_sub_devices=detector.batch, aipu_cores=detector.batch, double_buffer=True)
        for frame, found in double_buffered(instance, detector, vision.pictures(options.pictures, options.frames)):
            print(command.say(frame, found))


if __name__ == "__main__":
    command.run(main)
