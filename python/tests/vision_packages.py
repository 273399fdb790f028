"""Small packages made by hand, for the tests of polymetis.vision."""

import json

import numpy as np
import onnx
import xxhash
from onnx import TensorProto, helper

IMAGE = {"colour": "RGB", "resize": "stretch", "crop": 1.0, "interpolation": "linear"}


def border(name, shape, padding=None, scale=1.0, zero_point=0):
    padding = padding or [[0, 0] for _ in shape]
    return {"name": name, "dtype": "int8", "shape": list(shape), "padding": padding, "scale": scale, "zero_point": zero_point}


def text(batch=1, task="other", outputs=None, **changes):
    return {
        "format_version": "1.0",
        "name": "tiny",
        "task": task,
        "batch": batch,
        "labels": ["background", "Person", "Dog"],
        "inputs": [border("image", [batch, 8, 16, 4], [[0, 0], [0, 0], [0, 8], [0, 1]], 1 / 255, -128)],
        "outputs": outputs or [border("out", [batch, 1, 1, 64], [[0, 0], [0, 0], [0, 0], [0, 60]], 0.5, 10)],
        "image": IMAGE,
        "postamble_graph": "",
        **changes,
    }


def write(folder, description, postamble=None):
    folder.mkdir(parents=True, exist_ok=True)
    if postamble is not None:
        content = postamble if isinstance(postamble, bytes) else postamble.SerializeToString()
        (folder / "postamble.onnx").write_bytes(content)
        entry = {"bytes": len(content), "xxh3_128": xxhash.xxh3_128_hexdigest(content)}
        description = {**description, "postamble_graph": "postamble.onnx", "files": {"postamble.onnx": entry}}
    (folder / "model.json").write_text(json.dumps(description))
    return folder


def graph(inputs, nodes, outputs, constants=()):
    """`inputs`: name -> shape; `outputs`: name -> (type, shape)."""
    return helper.make_model(
        helper.make_graph(
            nodes,
            "postamble",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
            [helper.make_tensor_value_info(n, t, s) for n, (t, s) in outputs.items()],
            [onnx.numpy_helper.from_array(v, n) for n, v in constants],
        ),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )


def flatten(channels, name="probabilities", batch=1):
    """[n, c, 1, 1] -> [n, c]: what a classifier's postamble is, without the softmax."""
    shape = ("shape", np.array([batch, channels], np.int64))
    node = helper.make_node("Reshape", ["out", "shape"], [name])
    return graph({"out": [batch, channels, 1, 1]}, [node], {name: (TensorProto.FLOAT, [batch, channels])}, [shape])
