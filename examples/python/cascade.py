"""A cascade over two cards: the detector on card 0 finds people, the pose network on card 1 looks at each of them."""

from collections import deque
from dataclasses import dataclass

import command
from axelera.runtime import Context
from polymetis import vision
from workers import WorkerPool, load_on

FRAMES_AHEAD = 2


@dataclass
class Scene:
    frame: vision.Picture
    found: list[vision.Detection]
    poses: list[vision.Pose]
    """One for each person of `found`, in their order, in pixels of the picture."""


def cascade(frames, detectors, poses):
    """A Scene for each frame, in order. While people of one frame are looked at, the frames behind it are in the detector already."""
    waiting = deque()
    for frame, found in detectors.map(frames):
        squares = [vision.around(one.box) for one in found if one.label == "Person"]
        crops = [vision.cut(frame.pixels, square) for square in squares]
        waiting.append((frame, found, squares, poses.submit_all(crops)))
        if len(waiting) > FRAMES_AHEAD:
            yield joined(*waiting.popleft())
    while waiting:
        yield joined(*waiting.popleft())


def joined(frame, found, squares, futures):
    poses = [pose for future in futures for pose in future.result()]
    return Scene(frame, found, [pose.moved(square.x, square.y) for pose, square in zip(poses, squares, strict=True)])


def main() -> None:
    options = command.parser(__doc__, detector="ssd_mobilenetv2", pose="pose_lite").parse_args()
    detector, estimator = vision.Detector(options.detector), vision.PoseEstimator(options.pose)
    with Context() as context:
        cards = context.list_devices()
        if len(cards) < 2:
            raise RuntimeError(f"A cascade over two cards needs two, found {len(cards)}; see fewer_cards.py for making do with less.")
        stage_1 = load_on(context, context.load_model(options.detector / "model.json"), cards[:1], detector.batch)
        stage_2 = load_on(context, context.load_model(options.pose / "model.json"), cards[1:2], estimator.batch)
        with WorkerPool(stage_1, detector) as detectors, WorkerPool(stage_2, estimator) as poses:
            for scene in cascade(vision.pictures(options.pictures, options.frames), detectors, poses):
                sure = sum(pose.presence >= 0.5 for pose in scene.poses)
                print(f"{command.say(scene.frame, scene.found)} | poses {sure} of {len(scene.poses)}")


if __name__ == "__main__":
    command.run(main)
