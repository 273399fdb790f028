"""Worker threads over model instances, as programs on this API write them by hand: an instance runs one frame at a time and blocks, so each
one has a thread. What is easily got wrong, and what keeps it right here:

- A worker's buffers are its own, and it reads an answer out of its outputs before it takes the next job: no frame is overwritten in flight.
- Every submit has a future of its own: fewer frames than workers, a consumer that stops early, or an error in between leave nobody waiting
  for an answer that never comes, and no answer is taken for another frame's.
- What a worker raises reaches the one who asked; the worker lives on, and all threads end with the pool.
- At most two jobs are with a worker, one running and one waiting: memory stays bounded, and a slow card holds back whoever feeds it.
- A model of batch N gets N different pictures, not one picture N times; of a last batch that is not full only its pictures are answered.
"""

import queue
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import cycle

from polymetis.vision import batches

JOBS_A_WORKER = 2


@dataclass
class Loaded:
    """An instance, and what must live as long as it: without the connection the card's cores would be given back."""

    device: object
    connection: object
    instance: object


def load_on(context, model, devices, batch):
    """On each device as many instances as it has cores for; neighbours in the list are on different devices, so that a few frames spread out."""
    columns = []
    for device in devices:
        connection = context.device_connect(device, device.subdevice_count)
        instances = device.subdevice_count // batch
        column = [connection.load_model_instance(model, num_sub_devices=batch, aipu_cores=batch) for _ in range(instances)]
        columns.append([Loaded(device, connection, instance) for instance in column])
    longest = max(map(len, columns), default=0)
    return [column[i] for i in range(longest) for column in columns if i < len(column)]


class Worker:
    """One instance, its buffers and its thread."""

    def __init__(self, loaded, network):
        self.device = loaded.device
        self.frames = 0
        self._loaded, self._network = loaded, network
        self._inputs, self._outputs = network.new_inputs(), network.new_outputs()
        self._jobs = queue.Queue(maxsize=JOBS_A_WORKER - 1)
        self._thread = threading.Thread(target=self._work, name=f"worker on {loaded.device.name}", daemon=True)
        self._thread.start()

    def submit(self, pictures):
        """A future of what was found in each of the pictures, at most a batch. Blocks while the worker has its two jobs."""
        future = Future()
        self._jobs.put((pictures, future))
        return future

    def close(self):
        self._jobs.put(None)
        self._thread.join()

    def _work(self):
        while (job := self._jobs.get()) is not None:
            pictures, future = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._run(pictures))
            except BaseException as error:  # reaches the one who asked; the thread goes on
                future.set_exception(error)

    def _run(self, pictures):
        self._network.put(pictures, self._inputs)
        self._loaded.instance.run(self._inputs, self._outputs)
        self.frames += len(pictures)
        return self._network.get(self._outputs, pictures)


class WorkerPool:
    """Workers that take turns. `with` it: leaving ends all threads, whatever happened inside."""

    def __init__(self, loaded, network):
        if not loaded:
            raise RuntimeError(f"{network.package.name}: no card has the {network.batch} cores that it needs; compile it with a smaller batch.")
        self.batch = network.batch
        self.workers = [Worker(one, network) for one in loaded]
        self._turn = cycle(self.workers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for worker in self.workers:
            worker.close()

    def submit_all(self, pictures):
        """Futures of lists: as many as batches are needed."""
        return [next(self._turn).submit(group) for group in batches(pictures, self.batch)]

    def map(self, frames):
        """(frame, what was found in it) for each frame, in their order; what a worker or `frames` raises comes out here."""
        waiting = deque()
        try:
            for group in batches(frames, self.batch):
                waiting.append((group, next(self._turn).submit([frame.pixels for frame in group])))
                if len(waiting) == JOBS_A_WORKER * len(self.workers):
                    yield from answers(*waiting.popleft())
            while waiting:
                yield from answers(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()


def answers(group, future):
    return zip(group, future.result(), strict=True)
