#include <nanobind/stl/string.h>

#include <algorithm>
#include <limits>

#include "convert.hpp"
#include "errors.hpp"
#include "fleet_objects.hpp"
#include "gate.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace polymetis::python {
namespace {

Duration seconds(nb::handle options, const char* key) { return duration(options[key], key); }

std::size_t number(nb::handle options, const char* key) { return count(options[key], key); }

/// Of 32 bits; more is as good as the most.
unsigned small_number(nb::handle options, const char* key) {
  return static_cast<unsigned>(std::min<std::size_t>(number(options, key), std::numeric_limits<unsigned>::max()));
}

double real(nb::handle options, const char* key) {
  double value = 0;
  if (!nb::try_cast(nb::handle(nb::object(options[key])), value))
    raise("InvalidType", std::string(key) + " is a number; got " + nb::type_name(nb::object(options[key]).type()).c_str() + ".");
  return value;
}

const PyModel& model_of(nb::handle model) {
  if (!nb::isinstance<PyModel>(model))
    raise("InvalidType", std::string("A fleet runs a Model, as load_model(path) gives it; got ") + nb::type_name(model.type()).c_str() + ".");
  return nb::cast<const PyModel&>(model);
}

std::vector<DeviceSelector> selectors(nb::handle devices) {
  std::vector<DeviceSelector> all;
  if (devices.is_none()) return all;
  if (PyUnicode_Check(devices.ptr()) || PySequence_Check(devices.ptr()) == 0)
    raise("InvalidType", std::string("devices is a list of devices, such as [0, 'metis-0:3:0']; got ") + nb::repr(devices).c_str() + ".");
  for (const nb::handle device : devices) all.push_back(selector(device));
  return all;
}

/// `options` are complete and of the right types: polymetis.fleet made them.
PyFleet* make_fleet(PyContext& context, nb::dict options) {
  FleetOptions wished;
  wished.devices = selectors(options["devices"]);
  wished.require = number(options, "require");
  wished.placement = static_cast<Placement>(nb::cast<int>(options["placement"]));
  wished.no_card_wait = seconds(options, "no_card_wait");
  wished.memory_bytes = number(options, "memory_bytes");
  wished.trace_frames = number(options, "trace_frames");
  if (!options["record"].is_none()) wished.record = path(options["record"]);
  wished.health.hang_floor = seconds(options, "hang_floor");
  wished.health.hang_factor = real(options, "hang_factor");
  wished.health.first_backoff = seconds(options, "first_backoff");
  wished.health.longest_backoff = seconds(options, "longest_backoff");
  wished.health.probe_interval = seconds(options, "probe_interval");
  wished.health.attempts_after_error = small_number(options, "attempts_after_error");
  wished.health.attempts_after_hang = small_number(options, "attempts_after_hang");
  wished.health.model_breaker = small_number(options, "model_breaker");
  auto made = [&] {
    const Unlocked unlocked;
    return Fleet::create(context.handle, wished);
  }();
  return new PyFleet(check(std::move(made)));
}

nb::tuple add_model(PyFleet& self, nb::handle model, nb::dict options) {
  ModelOptions wished;
  wished.weight = real(options, "weight");
  wished.minimum_cores = small_number(options, "minimum_cores");
  wished.devices = selectors(options["devices"]);
  wished.batch_wait = seconds(options, "batch_wait");
  const auto loaded = model_of(model).get();
  auto report = [&] {
    const Unlocked unlocked;
    return self.handle.add_model(loaded, wished);
  }();
  const PlacementReport placed = check(std::move(report));
  return nb::make_tuple(placed.adjusted, text(placed.text));
}

StreamOptions stream_options(nb::dict options) {
  StreamOptions wished;
  if (!nb::try_cast(nb::handle(nb::object(options["name"])), wished.name))
    raise("InvalidType", std::string("A stream's name is text; got ") + nb::repr(nb::object(options["name"])).c_str() + ".");
  wished.overload = static_cast<Overload>(nb::cast<int>(options["overload"]));
  wished.deadline = seconds(options, "deadline");
  wished.priority = small_number(options, "priority");
  wished.weight = real(options, "weight");
  wished.queue_frames = number(options, "queue");
  wished.queue_bytes = number(options, "queue_bytes");
  wished.window_frames = number(options, "window");
  if (!options["prefer"].is_none()) wished.prefer = selector(options["prefer"]);
  return wished;
}

PyStream* open_stream(PyFleet& self, nb::handle model, nb::dict options) {
  const StreamOptions wished = stream_options(options);
  const auto loaded = model_of(model).get();
  auto stream = [&] {
    const Unlocked unlocked;
    return self.handle.open_stream(loaded, wished);
  }();
  return new PyStream(check(std::move(stream)), self.names);
}

/// Ends the future whose address is the frame's tag; on the thread that ended the frame.
void finish_future(Result&& result, const std::shared_ptr<const Model>& model, const std::shared_ptr<const FleetNames>& names) {
  const Locked locked;
  if (!locked) return;
  const nb::object future = nb::steal(reinterpret_cast<PyObject*>(result.tag));
  result.tag = 0;
  try {
    future.attr("_answered")(nb::cast(new PyResult(std::move(result), model, names), nb::rv_policy::take_ownership));
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("polymetis: the end of a frame");
  }
}

/// A stream whose results end futures; `submit_future` puts frames into it.
PyStream* open_future_stream(PyFleet& self, nb::handle model, nb::dict options) {
  const StreamOptions wished = stream_options(options);
  const auto loaded = model_of(model).get();
  auto stream = [&] {
    const Unlocked unlocked;
    return self.handle.open_stream(loaded, wished,
                                   [loaded, names = self.names](Result&& result) { finish_future(std::move(result), loaded, names); });
  }();
  return new PyStream(check(std::move(stream)), self.names);
}

void on_event(PyFleet& self, nb::object callback) {
  if (callback.is_none()) return self.handle.on_event({});
  if (PyCallable_Check(callback.ptr()) == 0)
    raise("InvalidType", std::string("on_event takes a function of one Event, or None; got ") + nb::repr(callback).c_str() + ".");
  // Let go of under the interpreter's lock, on whatever thread that is.
  const std::shared_ptr<nb::object> held(new nb::object(std::move(callback)), [](nb::object* function) {
    if (const Locked locked; locked) delete function;
  });
  self.handle.on_event([held](const Event& event) {
    const Locked locked;
    if (!locked) return;
    static Imported make("polymetis._results", "Event");
    static constexpr const char* kinds[] = {"device", "model", "stream", "placement"};
    try {
      (*held)(make.get()(std::chrono::duration<double>(event.time.time_since_epoch()).count(), kinds[static_cast<std::size_t>(event.kind)],
                         text(event.subject), text(event.state), text(event.was), text(event.cause)));
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("polymetis: a fleet's event callback");
    }
  });
}

template <class Get>
auto unlocked(Get&& get) {
  const Unlocked released;
  return get();
}

}  // namespace

PyFleet::PyFleet(Fleet fleet) : handle(std::move(fleet)), names(std::make_shared<FleetNames>()) {
  for (const DeviceHealth& device : handle.health()) names->devices.push_back(device.name);
}

PyFleet::~PyFleet() {
  const Unlocked unlocked;
  handle = Fleet();
}

void bind_fleet(nb::module_& module) {
  nb::class_<PyFleet> bound(module, "FleetCore", "What polymetis.fleet.Fleet is made of.");
  module.def("make_fleet", &make_fleet, nb::rv_policy::take_ownership, "context"_a, "options"_a,
             nb::sig("def make_fleet(context: Context, options: dict[str, typing.Any]) -> FleetCore"));
  bound.def("add_model", &add_model, "model"_a.none(), "options"_a,
            nb::sig("def add_model(self, model: Model, options: dict[str, typing.Any]) -> tuple[bool, str]"));
  bound.def("open_stream", &open_stream, nb::rv_policy::take_ownership, "model"_a.none(), "options"_a,
            nb::sig("def open_stream(self, model: Model, options: dict[str, typing.Any]) -> StreamCore"));
  bound.def("open_future_stream", &open_future_stream, nb::rv_policy::take_ownership, "model"_a.none(), "options"_a,
            nb::sig("def open_future_stream(self, model: Model, options: dict[str, typing.Any]) -> StreamCore"));
  bound.def(
      "health", [](PyFleet& self) { return health_of(unlocked([&] { return self.handle.health(); })); },
      nb::sig("def health(self) -> list[polymetis._results.DeviceHealth]"));
  bound.def(
      "metrics", [](PyFleet& self) { return metrics_of(unlocked([&] { return self.handle.metrics(); })); },
      nb::sig("def metrics(self) -> polymetis._results.FleetMetrics"));
  bound.def(
      "explain", [](PyFleet& self) { return explanation_of(unlocked([&] { return self.handle.explain(); })); },
      nb::sig("def explain(self) -> polymetis._results.Explanation"));
  bound.def("on_event", &on_event, "callback"_a.none());
  bound.def(
      "write_trace",
      [](PyFleet& self, nb::handle file) {
        const auto name = path(file);
        check(unlocked([&] { return self.handle.write_trace(name); }));
      },
      "path"_a);
  bound.def("readmit", [](PyFleet& self, const std::string& name) { check(unlocked([&] { return self.handle.readmit(name); })); }, "name"_a);
  bound.def(
      "close",
      [](PyFleet& self, nb::handle patience) {
        const Duration longest = duration(patience, "patience");
        unlocked([&] { self.handle.close(longest); });
      },
      "patience"_a.none(), nb::sig("def close(self, patience: float) -> None"));
  bound.def("closed", [](PyFleet& self) { return self.handle.closed(); });
  module.def(
      "replay_json",
      [](nb::handle file) {
        const auto name = path(file);
        return text(check(unlocked([&] { return replay_recording(name); })));
      },
      "path"_a);
}

}  // namespace polymetis::python
