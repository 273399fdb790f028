#include <nanobind/stl/string.h>

#include <cstring>

#include "convert.hpp"
#include "errors.hpp"
#include "fleet_objects.hpp"
#include "gate.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace polymetis::python {
namespace {

constexpr double longest_seconds = 1e9;
constexpr Duration slice = std::chrono::milliseconds(50);  // a wait is interrupted by Ctrl-C after so long at the latest
constexpr std::size_t most_at_once = 64;

/// Calls `step(until)` without the interpreter's lock in slices until it answers true; False: `timeout` passed. Raises what a signal handler raised.
template <class Step>
bool wait_in_slices(const Host& host, nb::handle timeout, Step&& step) {
  const TimePoint end = timeout.is_none() ? TimePoint::max() : host.now() + duration(timeout, "timeout");
  while (true) {
    bool done = false;
    {
      const Unlocked unlocked;
      done = step(std::min(end, host.now() + slice));
    }
    if (done) return true;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (host.now() >= end) return false;
  }
}

/// Submits; waits for room in slices if `wait`.
std::uint64_t submit_slot(PyStream& self, Slot& slot, const FrameOptions& options, bool wait, const Host& host) {
  Expected<std::uint64_t> number = self.handle.try_submit(slot, options);
  if (number || number.error().code() != Code::pending || !wait) return check(std::move(number));
  wait_in_slices(host, nb::none(), [&](TimePoint until) {
    number = self.handle.try_submit(slot, options, until);
    return number || number.error().code() != Code::pending;
  });
  return check(std::move(number));
}

Slot take_slot(PyStream& self, bool wait, const Host& host) {
  Expected<Slot> slot = self.handle.try_slot();
  if (slot || slot.error().code() != Code::pending || !wait) return check(std::move(slot));
  wait_in_slices(host, nb::none(), [&](TimePoint until) {
    slot = self.handle.try_slot(until);
    return slot || slot.error().code() != Code::pending;
  });
  return check(std::move(slot));
}

const Host& host_of(nb::handle fleet) { return nb::cast<PyFleet&>(fleet).handle.host(); }

std::uint64_t submit(PyStream& self, nb::handle inputs, nb::handle fleet, nb::handle captured_at, nb::handle deadline, nb::handle tag, bool wait) {
  const FrameOptions options = frame_options(captured_at, deadline, tag);
  const Host& host = host_of(fleet);
  if (nb::isinstance<PySlot>(inputs)) {
    auto& slot = nb::cast<PySlot&>(inputs);
    if (!slot.slot) raise("InvalidArgument", "The slot was submitted already; take another one.");
    return submit_slot(self, slot.slot, options, wait, host);
  }
  Slot slot = take_slot(self, wait, host);
  fill_slot(self.borders, inputs, slot);
  return submit_slot(self, slot, options, wait, host);
}

/// Whoever pulls the source of a stream; one at a time, as the source runs Python code, which may let other threads run or call the stream again.
class Feeding {
 public:
  /// Raises InvalidArgument where the source itself asks for results.
  explicit Feeding(PyStream& stream) : stream_(stream), mine_(stream.feeder == std::thread::id()) {
    if (mine_) stream.feeder = std::this_thread::get_id();
    if (!mine_ && stream.feeder == std::this_thread::get_id())
      raise("InvalidArgument",
            "The frames of " + std::string(stream.handle.name()) + " ask the stream itself for results; take them outside of the iterator.");
  }
  ~Feeding() {
    if (mine_) stream_.feeder = {};
  }
  Feeding(const Feeding&) = delete;
  Feeding& operator=(const Feeding&) = delete;
  explicit operator bool() const noexcept { return mine_; }

 private:
  PyStream& stream_;
  const bool mine_;
};

/// No more frames; `error` (or nothing) is raised once what came before is answered.
void end_source(PyStream& self, nb::object error) {
  self.pending = Slot();
  self.source_error = std::move(error);
  const nb::object gone = std::move(self.source);
  self.handle.finish();
}

/// Puts the source's next frame into `pending`; false: there is none now, or none any more.
bool fetch(PyStream& self) {
  Expected<Slot> free = self.handle.try_slot();
  if (!free && free.error().code() == Code::pending) return false;
  Slot slot = check(std::move(free));
  const nb::object source = self.source;  // the frames may close the stream
  const nb::object frame = nb::steal(PyIter_Next(source.ptr()));
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  if (frame.is_valid()) fill_slot(self.borders, frame, slot);
  if (!self.source.is_valid()) return false;
  if (!frame.is_valid()) {
    end_source(self, {});
    return false;
  }
  self.pending = std::move(slot);
  return true;
}

/// Pulls frames from the source until the stream takes no more now.
void pull(PyStream& self, std::size_t most) {
  const Feeding feeding(self);
  if (!feeding) return;
  try {
    for (std::size_t i = 0; i < most; ++i) {
      if (!self.pending && !fetch(self)) return;
      Expected<std::uint64_t> number = self.handle.try_submit(self.pending, {});
      if (!number && number.error().code() == Code::pending) return;
      check(std::move(number));
      if (self.ready.empty() && self.handle.take(self.spare, most_at_once) > 0) return;
    }
  } catch (nb::python_error& error) {
    if (self.source.is_valid()) end_source(self, nb::borrow(error.value()));
  }
}

/// Where kept results hold all of the fleet's memory, the source can never go on, and that is its error.
void end_if_starved(PyStream& self, const Host& host) {
  const Feeding feeding(self);
  if (!feeding || self.pending || !self.source.is_valid()) return;
  const auto free = [&] {
    const Unlocked unlocked;
    return self.handle.try_slot(host.now() + std::chrono::milliseconds(1));
  }();
  if (!free && free.error().code() != Code::pending && self.source.is_valid()) end_source(self, exception(free.error()));
}

nb::object hand_out(PyStream& self) {
  Result result = std::move(self.ready.back());
  self.ready.pop_back();
  return nb::cast(new PyResult(std::move(result), self.model, self.names), nb::rv_policy::take_ownership);
}

bool refill(PyStream& self) {
  if (self.spare.empty()) self.handle.take(self.spare, most_at_once);
  if (self.spare.empty()) return false;
  self.ready.assign(std::make_move_iterator(self.spare.rbegin()), std::make_move_iterator(self.spare.rend()));
  self.spare.clear();
  return true;
}

[[noreturn]] void end_iteration(PyStream& self) {
  if (self.source_error.is_valid()) {
    const nb::object error = std::move(self.source_error);
    PyErr_SetObject(error.type().ptr(), error.ptr());
    throw nb::python_error();
  }
  throw nb::stop_iteration();
}

/// The next result in order. The consumer's thread pulls the source.
nb::object next(PyStream& self, nb::handle fleet) {
  const Host& host = host_of(fleet);
  while (true) {
    if (self.source.is_valid()) pull(self, self.ready.empty() ? most_at_once : 1);
    if (!self.ready.empty() || refill(self)) return hand_out(self);
    if (self.handle.exhausted()) end_iteration(self);
    std::optional<Result> result;
    {
      const Unlocked unlocked;
      result = self.handle.next(host.now() + slice);
    }
    if (result) self.spare.push_back(std::move(*result));
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (!result && self.source.is_valid()) end_if_starved(self, host);
  }
}

/// None: nothing came within `timeout`, or nothing more will.
nb::object next_within(PyStream& self, nb::handle fleet, nb::handle timeout) {
  if (self.source.is_valid()) pull(self, most_at_once);
  if (!self.ready.empty() || refill(self)) return hand_out(self);
  std::optional<Result> result;
  wait_in_slices(host_of(fleet), timeout, [&](TimePoint until) {
    result = self.handle.next(until);
    return result.has_value() || self.handle.exhausted();
  });
  if (!result) return nb::none();
  return nb::cast(new PyResult(std::move(*result), self.model, self.names), nb::rv_policy::take_ownership);
}

}  // namespace

Duration duration(nb::handle seconds, const char* what) {
  double value = 0;
  if (!nb::try_cast(seconds, value))
    raise("InvalidType", std::string(what) + " is a number of seconds; got " + nb::type_name(seconds.type()).c_str() + ".");
  if (!(value >= 0 && value <= longest_seconds))
    raise("InvalidArgument", std::string(what) + " is a number of seconds from 0 to 1e9; got " + nb::repr(seconds).c_str() + ".");
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

FrameOptions frame_options(nb::handle captured_at, nb::handle deadline, nb::handle tag) {
  FrameOptions options;
  const bool fits = PyLong_Check(tag.ptr()) && nb::try_cast(tag, options.tag);
  if (!fits)
    raise(PyLong_Check(tag.ptr()) ? "InvalidArgument" : "InvalidType",
          std::string("tag is an int from 0 to 2**64 - 1; got ") + nb::repr(tag).c_str() + ".");
  if (!captured_at.is_none()) options.captured_at = TimePoint(duration(captured_at, "captured_at (of time.monotonic())"));
  if (!deadline.is_none()) options.deadline = duration(deadline, "deadline");
  return options;
}

void fill_slot(const Borders& borders, nb::handle inputs, Slot& slot) {
  const std::shared_ptr<Held> held = Held::make();
  const bool single = borders.inputs.size() == 1 && !PyList_Check(inputs.ptr()) && !PyTuple_Check(inputs.ptr());
  held->fill(borders, single ? nb::object(nb::make_tuple(inputs)) : nb::borrow(inputs), nb::make_tuple());
  for (std::size_t i = 0; i < held->inputs.size(); ++i) {
    if (held->inputs[i].data == nullptr) raise("InvalidArgument", "A fleet takes arrays, not file descriptors.");
    std::memcpy(slot.inputs()[i].data(), held->inputs[i].data, slot.inputs()[i].size());
  }
}

PyStream::PyStream(Stream stream, std::shared_ptr<const FleetNames> fleet)
    : handle(std::move(stream)), model(handle.model()), names(std::move(fleet)) {
  for (TensorInfo tensor : model->inputs) {
    tensor.shape[0] /= model->batch;
    borders.inputs.emplace_back(tensor);
  }
}

PyStream::~PyStream() {
  const Unlocked unlocked;
  pending = Slot();
  ready.clear();
  spare.clear();
  handle = Stream();
}

void bind_stream(nb::module_& module) {
  nb::class_<PySlot> slot(module, "Slot", "Memory for one frame's inputs, owned by the fleet. Fill `inputs`, then submit it. Thread-bound.");
  slot.def_prop_ro(
      "inputs",
      [](PySlot& self) {
        if (!self.slot) raise("InvalidArgument", "The slot was submitted already; take another one.");
        auto* keep = new std::shared_ptr<void>(self.slot.keep());
        const nb::capsule owner(keep, [](void* kept) noexcept { delete static_cast<std::shared_ptr<void>*>(kept); });
        return arrays_over(self.model->inputs, self.model->batch, self.slot.inputs(), owner);
      },
      nb::sig("def inputs(self) -> list[numpy.typing.NDArray[numpy.int8]]"),
      "One int8 array a model input, to be written in place; do not touch them after the slot was submitted.");

  nb::class_<PyStream> bound(module, "StreamCore", "What polymetis.fleet.Stream is made of.");
  bound.def(
      "submit", &submit, "inputs"_a.none(), "fleet"_a, "captured_at"_a.none(), "deadline"_a.none(), "tag"_a.none(), "wait"_a,
      nb::sig("def submit(self, inputs: object, fleet: FleetCore, captured_at: float | None, deadline: float | None, tag: int, wait: bool) -> int"));
  bound.def(
      "submit_future",
      [](PyStream& self, nb::handle inputs, nb::handle fleet, nb::handle deadline, nb::object future) {
        const Host& host = host_of(fleet);
        FrameOptions options = frame_options(nb::none(), deadline, nb::int_(0));
        options.tag = reinterpret_cast<std::uintptr_t>(future.ptr());
        Slot slot = take_slot(self, true, host);
        fill_slot(self.borders, inputs, slot);
        nb::object held = future;  // the frame's reference, which its end takes over
        submit_slot(self, slot, options, true, host);
        held.release();
      },
      "inputs"_a.none(), "fleet"_a, "deadline"_a.none(), "future"_a,
      nb::sig("def submit_future(self, inputs: object, fleet: FleetCore, deadline: float | None, future: object) -> None"));
  bound.def(
      "slot", [](PyStream& self, nb::handle fleet, bool wait) { return new PySlot{take_slot(self, wait, host_of(fleet)), self.model}; },
      nb::rv_policy::take_ownership, "fleet"_a, "wait"_a, nb::sig("def slot(self, fleet: FleetCore, wait: bool) -> Slot"));
  bound.def(
      "set_source",
      [](PyStream& self, nb::object source) {
        self.source = nb::steal(PyObject_GetIter(source.ptr()));
        if (!self.source.is_valid()) throw nb::python_error();
      },
      "source"_a);
  bound.def("next", &next, "fleet"_a, nb::sig("def next(self, fleet: FleetCore) -> Result"));
  bound.def("next_within", &next_within, "fleet"_a, "timeout"_a.none(),
            nb::sig("def next_within(self, fleet: FleetCore, timeout: float | None) -> Result | None"));
  bound.def("exhausted",
            [](PyStream& self) { return !self.source.is_valid() && self.ready.empty() && self.spare.empty() && self.handle.exhausted(); });
  bound.def("finish", [](PyStream& self) {
    const Unlocked unlocked;
    self.handle.finish();
  });
  bound.def("cancel", [](PyStream& self) {
    self.source.reset();
    self.pending = Slot();
    const Unlocked unlocked;
    self.handle.cancel();
  });
  bound.def("close", [](PyStream& self) {
    self.source.reset();
    self.pending = Slot();
    self.ready.clear();
    self.spare.clear();
    const Unlocked unlocked;
    self.handle.close();
  });
  bound.def_prop_ro("name", [](PyStream& self) { return text(self.handle.name()); });
}

}  // namespace polymetis::python
