"""The fleet through Python, given what makes no sense: a sentence with what was asked, found and what to do, and it goes on."""

from __future__ import annotations

import math
import queue

import numpy as np
import pytest
from conftest import INSTANT
from polymetis import Fleet
from polymetis import fleet as fleet_module
from polymetis.axruntime import Context, InvalidArgument, InvalidType

FRAME = np.zeros((1, 2, 2, 4), np.int8)


@pytest.fixture
def cards(topology):
    return topology(INSTANT)


@pytest.fixture
def fleet(cards):
    with Fleet(topology=cards, virtual=True) as made:
        yield made


def goes_on(fleet, package):
    return [result.ok for result in fleet.stream(fleet.load_model(package), [FRAME])] == [True]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"require": -1}, "require is 0 or more; got -1"),
        ({"require": "x"}, "require is an int; got str"),
        ({"devices": "metis-0:1:0"}, "a list of devices.*got 'metis-0:1:0'"),
        ({"devices": 0}, "a list of devices.*got 0"),
        ({"devices": ["nope"]}, "no device 'nope'.*metis-0:1:0, metis-0:3:0"),
        ({"no_card_wait": -1}, "no_card_wait .*from 0 to 1e9; got -1"),
        ({"no_card_wait": math.inf}, "no_card_wait .*got inf"),
        ({"hang_floor": math.nan}, "hang_floor .*got nan"),
        ({"hang_factor": 0.5}, "hang_factor is from 1 to 1e6; 0.5 was given"),
        ({"hang_factor": math.nan}, "hang_factor .*nan was given"),
        ({"first_backoff": "soon"}, "first_backoff is a number of seconds; got str"),
        ({"longest_backoff": -0.1}, "longest_backoff .*got -0.1"),
        ({"probe_interval": -1}, "probe_interval .*got -1"),
        ({"memory_bytes": 0}, "memory_bytes is above 0"),
        ({"attempts_after_error": 0}, "needs at least one attempt"),
        ({"model_breaker": 0}, "model_breaker is at least 1"),
        ({"memory_bytes": -1}, "memory_bytes is 0 or more; got -1"),
        ({"trace_frames": 2**62}, "trace_frames is at most 100000000"),
        ({"trace_frames": 2**70}, "trace_frames is at most 100000000"),
        ({"context": "cards.toml"}, "context is a .*Context.*got str"),
        ({"record": "/nonexistent/x"}, "/nonexistent/x cannot be made"),
    ],
)
def test_a_bad_option_of_a_fleet_leaves_nothing_behind(cards, package, options, says):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=says):
        Fleet(topology=cards, virtual=True, **options)
    with Fleet(topology=cards, virtual=True, require=2) as fleet:
        assert goes_on(fleet, package)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": 3}, "name is text; got 3"),
        ({"deadline": -1}, "deadline .*got -1"),
        ({"deadline": math.nan}, "deadline .*got nan"),
        ({"priority": -1}, "priority is 0 or more; got -1"),
        ({"priority": 1.5}, "priority is an int; got float"),
        ({"weight": 0}, "A stream's weight is from 1e-6 to 1e6; 0 was given"),
        ({"weight": math.inf}, "inf was given"),
        ({"weight": "heavy"}, "weight is a number; got str"),
        ({"queue": -1}, "queue is 0 or more; got -1"),
        ({"window": -1}, "window is 0 or more; got -1"),
        ({"overload": "panic"}, "overload is one of block, drop_oldest, drop_newest; got 'panic'"),
        ({"prefer": "nope"}, "no device 'nope'"),
    ],
)
def test_a_bad_option_of_a_stream(fleet, package, options, says):
    with pytest.raises((ValueError, TypeError), match=says):
        fleet.stream(fleet.load_model(package), **options)
    assert goes_on(fleet, package)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weight": 0}, "A model's weight is from"),
        ({"weight": math.nan}, "nan was given"),
        ({"minimum_cores": -1}, "minimum_cores is 0 or more; got -1"),
        ({"devices": "metis-0:1:0"}, "a list of devices"),
        ({"devices": ["nope"]}, "no device 'nope'"),
        ({"batch_wait": -1}, "batch_wait .*got -1"),
    ],
)
def test_a_bad_option_of_a_model(fleet, package, options, says):
    with pytest.raises((ValueError, TypeError), match=says):
        fleet.add_model(fleet.load_model(package), **options)
    assert goes_on(fleet, package)


@pytest.mark.parametrize("virtual", [False, "never"])
def test_forbidden_virtual_cards_are_none_and_the_reason_is_told(cards, virtual):
    with pytest.raises(ConnectionError, match="needs 1 device, 0 can be used; .*virtual cards are forbidden"):
        Fleet(topology=cards, virtual=virtual)


def test_too_few_cards_are_named(cards):
    with pytest.raises(ConnectionError, match="needs 5 devices, 2 can be used: metis-0:1:0, metis-0:3:0"):
        Fleet(topology=cards, virtual=True, require=5)


@pytest.mark.parametrize("options", [{"virtual": False}, {"topology": "cards.toml"}])
def test_what_is_the_contexts_is_refused_beside_a_context(cards, options):
    with Context(topology=cards, virtual="always") as context, pytest.raises(InvalidArgument, match="are the context's"):
        Fleet(context, **options)


def test_results_of_an_asynchronous_source_in_plain_code(fleet, package):
    async def frames():
        yield FRAME

    with pytest.raises(InvalidType, match="take its results with `async for`"):
        list(fleet.stream(fleet.load_model(package), frames()))
    assert goes_on(fleet, package)


@pytest.mark.parametrize("model", ["build/models/x", None, 3])
def test_what_is_no_model(fleet, package, model):
    for call in (fleet.stream, fleet.add_model, lambda it: fleet.submit(it, FRAME)):
        with pytest.raises(InvalidType, match="A fleet runs a Model, as load_model"):
            call(model)
    assert goes_on(fleet, package)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tag": -1}, "tag is an int from 0 to .*got -1"),
        ({"tag": 2**64}, "tag is an int"),
        ({"tag": "x"}, "tag is an int.*got 'x'"),
        ({"captured_at": 1.8e9}, r"captured_at \(of time.monotonic\(\)\)"),
        ({"deadline": math.inf}, "deadline .*got inf"),
    ],
)
def test_a_bad_option_of_a_frame(fleet, package, options, says):
    with fleet.stream(fleet.load_model(package)) as stream:
        with pytest.raises(InvalidArgument, match=says):
            stream.submit(FRAME, **options)
        assert stream.submit(FRAME) == 0
        assert stream.next(10).ok


def test_what_is_no_function_no_result_no_time(fleet):
    with pytest.raises(InvalidType, match="on_event takes a function"):
        fleet.on_event(3)
    with pytest.raises(InvalidType, match="A view is of a Result; got int"), fleet_module.view(3):
        pass
    for patience in (-1, math.nan, "long"):
        with pytest.raises(InvalidArgument, match="patience is a number of seconds"):
            fleet.close(patience)
    assert not fleet.closed


def test_a_recording_that_cannot_be_written_is_told(cards, package):
    told = queue.Queue()
    with Fleet(topology=cards, virtual=True, record="/dev/full") as fleet:
        fleet.on_event(lambda event: told.put(event) if event.subject == "recording" else None)
        assert goes_on(fleet, package)
    assert "The recording is not whole: No space left on device" in told.get(timeout=10).cause
