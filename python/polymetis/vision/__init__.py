"""Pictures to a card's tensors and back: what programs around the runtime need on the host's side of a model package (docs/packages.md).

    detector = vision.Detector("build/models/ssd_mobilenetv2")
    inputs, outputs = detector.new_inputs(), detector.new_outputs()
    detector.put([picture], inputs)
    instance.run(inputs, outputs)
    for found in detector.get(outputs, [picture])[0]:
        print(found.label, found.score, found.box)

Pictures are uint8 arrays [height, width, 3] in the order blue, green, red, as OpenCV reads them. Needs the extra `polymetis[vision]`
(OpenCV). A file that is missing is a FileNotFoundError, one that cannot be understood a ValueError; both say what to do.
"""

from .draw import draw_boxes, draw_poses
from .geometry import Box, Square, around, cut
from .network import Classifier, Detector, Network, PoseEstimator
from .package import ImageSpec, Package, Tensor, read_package
from .postamble import Postamble
from .results import BODY_POINTS, BONES, Class, Detection, Pose
from .sources import Picture, batches, pictures, read_picture
from .tensors import depad, dequantise, pad, picture_to_tensor, quantise

__all__ = [
    "BODY_POINTS",
    "BONES",
    "Box",
    "Class",
    "Classifier",
    "Detection",
    "Detector",
    "ImageSpec",
    "Network",
    "Package",
    "Picture",
    "Pose",
    "PoseEstimator",
    "Postamble",
    "Square",
    "Tensor",
    "around",
    "batches",
    "cut",
    "depad",
    "dequantise",
    "draw_boxes",
    "draw_poses",
    "pad",
    "picture_to_tensor",
    "pictures",
    "quantise",
    "read_package",
    "read_picture",
]
