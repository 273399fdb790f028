"""Several processes, forks, signals, and the end of the interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from polymetis import axruntime as ax
from programs import quiet, run, start

HOLD = """
context = ax.Context(topology=sys.argv[1])
held = context.device_connect(0, 3)
say(os.getpid())
sys.stdin.readline()
"""
SLOW = '[[board]]\nname = "slow"\ncompute = "none"\ntiming = { fps = 0.1 }\n'


def test_cores_of_another_process_are_seen_and_its_pid_is_named(context, tmp_path):
    other = start(HOLD, tmp_path / "cards.toml")
    pid = other.stdout.readline().strip()
    device = context.list_devices()[0]
    assert device.in_use
    assert f"pid {pid}" in device.in_use_by
    assert [core.pid for core in device.cores] == [int(pid)] * 3 + [0]
    assert "python" in device.cores[0].process
    with pytest.raises(ax.DeviceInUse, match=pid):
        context.device_connect(0, 2)
    assert context.device_connect(None, 2).device.name == "metis-0:3:0"
    assert context.device_connect(0, 1).cores == (3,)
    other.communicate("\n", timeout=20)
    assert not context.list_devices()[0].in_use


def test_cores_of_a_killed_process_are_free_at_once(context, tmp_path):
    other = start(HOLD, tmp_path / "cards.toml")
    other.stdout.readline()
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert not context.list_devices()[0].in_use
    context.device_connect(0, 4)


def test_cores_of_a_killed_process_are_free_though_its_forked_child_lives(context, tmp_path):
    body = HOLD.replace(
        "say(os.getpid())",
        "child = os.fork()\nif child == 0:\n    time.sleep(60); os._exit(0)\nsay(child)",
    )
    other = start(body, tmp_path / "cards.toml")
    child = int(other.stdout.readline())
    try:
        other.kill()
        other.wait()
        os.kill(child, 0)
        deadline = time.monotonic() + 5
        while context.list_devices()[0].in_use:
            assert time.monotonic() < deadline
        context.device_connect(0, 4)
    finally:
        os.kill(child, signal.SIGKILL)
        other.communicate()


FORK = """
context = ax.Context(topology=sys.argv[1])
model = context.load_model(sys.argv[2])
connection = context.device_connect(0, 4)
instance = connection.load_model_instance(model)
instance.run(*memory())
child = os.fork()
if child == 0:
    calls = (context.list_devices, context.device_connect, lambda: context.load_model(sys.argv[2]), lambda: connection.load_model_instance(model),
             lambda: instance.run(*memory()), lambda: instance.run_async(*memory()), instance.inputs,
             context.drivers, lambda: context.run_directory, lambda: connection.cores, model.inputs, lambda: model.name)
    for call in calls:
        try:
            call()
            say("no error")
        except ax.InvalidArgument as error:
            say("fork" in str(error))
    instance.release(); connection.release(); context.release()
    del instance, connection, model, context
    with ax.Context(topology=sys.argv[1]) as fresh:
        try:
            fresh.device_connect(0, 4)
            say("stolen")
        except ax.DeviceInUse as error:
            say(str(os.getppid()) in str(error))
        fresh.device_connect(1, 1).load_model_instance(fresh.load_model(sys.argv[2])).run(*memory())
    sys.exit(7)
say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
instance.run(*memory())
say(context.list_devices()[0].in_use)
"""


def test_after_a_fork_each_call_in_the_child_says_so_and_the_parent_goes_on(context, package, tmp_path):
    status, out, err = run(FORK, tmp_path / "cards.toml", package)
    assert out.splitlines() == ["True"] * 13 + ["7", "True"], err
    assert status == 0


def test_ctrl_c_ends_a_run_and_the_arrays_are_kept(topology, package):
    body = """
context = ax.Context(topology=sys.argv[1])
instance = context.device_connect().load_model_instance(context.load_model(sys.argv[2]))
output = bytearray(16)
say("running")
try:
    instance.run(memory()[0], [output])
except KeyboardInterrupt:
    say("interrupted")
try:
    output.append(1)
    say("let go")
except BufferError:
    say("kept")
"""
    program = start(body, topology(SLOW), package)
    program.stdout.readline()
    time.sleep(0.2)
    interrupted = time.monotonic()
    program.send_signal(signal.SIGINT)
    assert program.stdout.readline() == "interrupted\n"
    assert time.monotonic() - interrupted < 1
    assert program.stdout.read() == "kept\n"
    assert quiet(program.stderr.read()) == ""
    assert program.wait(timeout=20) == 0
    assert time.monotonic() - interrupted < 5


def test_ctrl_c_without_a_handler_ends_the_program(topology, package):
    body = """
context = ax.Context(topology=sys.argv[1])
instance = context.device_connect().load_model_instance(context.load_model(sys.argv[2]))
say("running")
instance.run(*memory())
"""
    program = start(body, topology(SLOW), package)
    program.stdout.readline()
    time.sleep(0.2)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=10)
    assert "KeyboardInterrupt" in err
    assert program.returncode == -signal.SIGINT


def test_a_signal_handler_that_returns_does_not_end_the_run(topology, package):
    body = """
context = ax.Context(topology=sys.argv[1])
instance = context.device_connect().load_model_instance(context.load_model(sys.argv[2]))
signal.signal(signal.SIGUSR1, lambda *_: say("handled"))
say("running")
inputs, outputs = memory()
instance.run(inputs, outputs)
say(int(outputs[0][0, 0, 0, 0]))
"""
    program = start(body, topology(SLOW.replace("0.1", "2")), package)
    program.stdout.readline()
    time.sleep(0.1)
    program.send_signal(signal.SIGUSR1)
    assert program.stdout.readline() == "handled\n"
    assert (program.stdout.read(), quiet(program.stderr.read()), program.wait(timeout=10)) == ("0\n", "", 0)


ALIVE = {
    "idle": "",
    "a run in a daemon thread": "threading.Thread(target=lambda: instance.run(*memory()), daemon=True).start(); time.sleep(0.05)",
    "runs that never stop in daemon threads": """
def forever(instance):
    while True:
        instance.run(*memory())
for _ in range(3):
    threading.Thread(target=forever, args=(connection.load_model_instance(model),), daemon=True).start()
time.sleep(0.1)""",
    "asynchronous runs": "futures = [instance.run_async(*memory()) for _ in range(2)]",
    "a callback that uses the interpreter": """
def again(_):
    try:
        instance.run_async(*memory()).add_done_callback(again)
    except ax.Error:
        pass
again(None); time.sleep(0.05)""",
    "a cycle": "x = [context, instance]; x.append(x); del context, instance",
    "an exit handler of the program": "import atexit; atexit.register(lambda: instance.run(*memory()))",
    "sys.exit in the middle": "sys.exit(0)",
    "an object that outlives the modules": "sys.modules['keep'] = instance; import builtins; builtins.keep = [context, instance]",
}


@pytest.mark.parametrize("timing", ["", "timing = { fps = 50 }"], ids=["instant", "paced"])
@pytest.mark.parametrize("body", ALIVE.values(), ids=ALIVE.keys())
def test_the_interpreter_ends_cleanly_with_everything_alive(topology, package, body, timing):
    text = f'[[board]]\nname = "a"\ncompute = "none"\n{timing}\n'
    program = f"""
context = ax.Context(topology=sys.argv[1])
connection = context.device_connect(0, 4)
model = context.load_model(sys.argv[2])
instance = connection.load_model_instance(model)
{body}
"""
    assert run(program, topology(text), package, timeout=20) == (0, "", "")


def test_the_interpreter_ends_cleanly_with_the_engine_alive(topology, package):
    program = """
context = ax.Context(topology=sys.argv[1])
instances = [context.device_connect().load_model_instance(context.load_model(sys.argv[2])) for _ in range(2)]
def forever(instance):
    while True:
        instance.run(*memory())
threads = [threading.Thread(target=forever, args=(instance,), daemon=True) for instance in instances]
[thread.start() for thread in threads]
time.sleep(0.1)
"""
    assert run(program, topology('[[board]]\nname = "a"\n'), package) == (0, "", "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(context, package, tmp_path, method):
    script = tmp_path / "script.py"
    script.write_text("""
import multiprocessing, sys
import numpy as np
from polymetis import axruntime as ax
def work(file, package, device):
    with ax.Context(topology=file) as context:
        instance = context.device_connect(device).load_model_instance(context.load_model(package))
        instance.run([np.zeros((1, 2, 2, 4), np.int8)], [np.zeros((1, 2, 2, 4), np.int8)])
if __name__ == "__main__":
    context = ax.Context(topology=sys.argv[1])
    context.device_connect(0, 2)
    workers = multiprocessing.get_context(sys.argv[3])
    started = [workers.Process(target=work, args=(sys.argv[1], sys.argv[2], device)) for device in (0, 1)]
    [process.start() for process in started]
    [process.join() for process in started]
    print([process.exitcode for process in started])
""")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "cards.toml"), str(package), method], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "[0, 0]", done.stderr


def test_a_full_run_directory_is_a_connection_error(context, own_run_directory, tmp_path):
    program = """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    ax.Context(topology=sys.argv[1]).device_connect()
except ConnectionError as error:
    print(error, file=sys.stderr)
    sys.exit(7)
"""
    status, _, err = run(program, tmp_path / "cards.toml")
    assert status == 7, err
    assert str(own_run_directory) in err


def test_a_run_directory_that_cannot_be_written_is_a_connection_error(context, tmp_path):
    locked = tmp_path / "read-only"
    locked.mkdir()
    locked.chmod(0o500)
    program = """
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
try:
    ax.Context(run_directory=sys.argv[1]).device_connect()
except ConnectionError as error:
    say(error)
"""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and len(folder.parts) > 2:
            folder.chmod(0o755)
    status, out, err = run(program, locked)
    assert "read-only" in out, err
    assert status == 0
