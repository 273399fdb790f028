from axelera.runtime import Context
from polymetis import vision

package = "build/models/ssd_mobilenetv2"
detector = vision.Detector(package)
inputs, outputs = detector.new_inputs(), detector.new_outputs()
with Context() as context:
    model = context.load_model(f"{package}/model.json")
    connection = context.device_connect()  # one core of the first card that has one free
    instance = connection.load_model_instance(model)
    for frame in vision.pictures(["build/downloads/darknet"]):
        detector.put([frame.pixels], inputs)
        instance.run(inputs, outputs)
        found = detector.get(outputs, [frame.pixels])[0]
        print(frame.name, [f"{one.label} {one.score:.2f}" for one in found])
