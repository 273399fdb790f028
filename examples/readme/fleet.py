from polymetis import Fleet, vision

package = "build/models/ssd_mobilenetv2"
detector = vision.Detector(package)


def frame(picture):
    inputs = detector.new_inputs()
    detector.put([picture.pixels], inputs)
    return inputs


pictures = list(vision.pictures(["build/downloads/darknet"]))
with Fleet() as fleet:
    model = fleet.load_model(package)
    for picture, result in zip(pictures, fleet.stream(model, map(frame, pictures)), strict=True):
        found = detector.get(result.outputs, [picture.pixels])[0]
        print(picture.name, [f"{one.label} {one.score:.2f}" for one in found])
