"""Detects objects in pictures on one core of one card, one picture after the other."""

import command
from axelera.runtime import Context
from polymetis import vision


def main() -> None:
    options = command.parser(__doc__, package="ssd_mobilenetv2").parse_args()
    detector = vision.Detector(options.package)
    inputs, outputs = detector.new_inputs(), detector.new_outputs()
    with Context() as context:
        model = context.load_model(options.package / "model.json")
        connection = context.device_connect(None, detector.batch)
        instance = connection.load_model_instance(model, num_sub_devices=detector.batch, aipu_cores=detector.batch)
        for frames in vision.batches(vision.pictures(options.pictures, options.frames), detector.batch):
            pictures = [frame.pixels for frame in frames]
            detector.put(pictures, inputs)
            instance.run(inputs, outputs)
            for frame, found in zip(frames, detector.get(outputs, pictures), strict=True):
                print(command.say(frame, found))


if __name__ == "__main__":
    command.run(main)
