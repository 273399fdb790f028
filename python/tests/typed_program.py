"""A program as users write it; checked with `mypy --strict`, and run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from polymetis import axruntime as ax


def memory(tensors: list[ax.TensorInfo]) -> list[NDArray[np.int8]]:
    return [np.zeros(tensor.shape, np.int8) for tensor in tensors]


async def wait(instance: ax.ModelInstance, inputs: list[NDArray[np.int8]], outputs: list[NDArray[np.int8]]) -> None:
    future: ax.RunFuture = instance.run_async(inputs, outputs)
    await future


def main(package: Path) -> int:
    with ax.Context(virtual="always") as context:
        devices: list[ax.DeviceInfo] = context.list_devices()
        model: ax.Model = context.load_model(package)
        done: bool = context.configure_device(devices[0], clock_profile=800, mvm_utilisation_core_0="100")
        with context.device_connect(devices[0], 1, device_firmware_check=False) as connection:
            instance = connection.load_model_instance(model, num_sub_devices=1, double_buffer=False)
            inputs, outputs = memory(instance.inputs()), memory(instance.outputs())
            instance.run(inputs, outputs)
            instance.run([bytes(16)], [bytearray(16)])
            asyncio.run(wait(instance, inputs, outputs))
        owner: ax.Object = connection
        same: bool = owner.context is context
    try:
        context.list_devices()
    except ax.InvalidArgument as error:
        text: str = str(error)
        return 0 if done and same and text else 1
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
