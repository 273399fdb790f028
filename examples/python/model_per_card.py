"""Two models side by side, each with a card of its own: what is in a picture (card 0) and what kind of picture it is (card 1)."""

from itertools import tee

import command
from axelera.runtime import Context
from polymetis import vision
from workers import WorkerPool, load_on


def main() -> None:
    options = command.parser(__doc__, detector="ssd_mobilenetv2", classifier="efficientnet_lite0").parse_args()
    detector, classifier = vision.Detector(options.detector), vision.Classifier(options.classifier)
    with Context() as context:
        cards = context.list_devices()
        if len(cards) < 2:
            raise RuntimeError(f"Two models with a card each need two cards, found {len(cards)}; see fewer_cards.py for making do with less.")
        on_first = load_on(context, context.load_model(options.detector / "model.json"), cards[:1], detector.batch)
        on_second = load_on(context, context.load_model(options.classifier / "model.json"), cards[1:2], classifier.batch)
        with WorkerPool(on_first, detector) as detectors, WorkerPool(on_second, classifier) as classifiers:
            # `tee` keeps a picture until both have taken it; a pool is never further ahead than its workers have jobs.
            one, other = tee(vision.pictures(options.pictures, options.frames))
            for (frame, found), (_, classes) in zip(detectors.map(one), classifiers.map(other), strict=True):
                print(f"{command.say(frame, found)} | {classes[0].label} {classes[0].score:.2f}")


if __name__ == "__main__":
    command.run(main)
