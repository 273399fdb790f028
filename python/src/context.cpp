#include <nanobind/stl/string.h>

#include <limits>
#include <optional>

#include "convert.hpp"
#include "errors.hpp"
#include "gate.hpp"
#include "logs.hpp"
#include "objects.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace polymetis::python {
namespace {

constexpr const char* context_doc =
    R"(Everything starts here: lists devices, loads models, connects. One a process is enough; several share the reservations.

topology: file that describes the virtual cards (default: POLYMETIS_TOPOLOGY, else two PCIe cards).
virtual: "auto" (virtual cards only where there is neither a real card nor the vendor's library), "always" or "never"
    (default: POLYMETIS_VIRTUAL, else "auto").
run_directory: where processes share reservations and telemetry (default: POLYMETIS_RUN_DIR, else the first that can be written of
    /run/polymetis, $XDG_RUNTIME_DIR/polymetis and a folder of the user among the temporary files).

No device is touched. Raises ValueError for a bad topology file or environment variable (line and key named), ConnectionError where no
run directory can be used. Thread-safe. Messages go to the logger "axelera.runtime" of Python's logging, below "polymetis".)";

std::optional<VirtualCards> virtual_cards(nb::handle asked) {
  if (asked.is_none()) {
    return std::nullopt;
  }
  const std::string word = nb::cast<std::string>(nb::str(asked));
  if (word == "auto") {
    return VirtualCards::automatic;
  }
  if (word == "always" || word == "never") {
    return word == "always" ? VirtualCards::always : VirtualCards::never;
  }
  raise("InvalidValue", "virtual is one of auto, always, never; got '" + word + "'.");
}

void create(PyContext* self, nb::handle topology, nb::handle asked, nb::handle run_directory) {
  ContextOptions options;
  options.topology = topology.is_none() ? std::filesystem::path() : path(topology);
  options.run_directory = run_directory.is_none() ? std::filesystem::path() : path(run_directory);
  options.virtual_cards = virtual_cards(asked);
  Expected<Context> context = [&] {
    const Unlocked unlocked;
    return Context::create(options);
  }();
  const Context made = check(std::move(context));
  forward_log(made);
  new (self) PyContext(made);
}

/// Calls `function` without the interpreter's lock; a failure is raised.
template <class Function>
auto unlocked(Function&& function) {
  auto result = [&] {
    const Unlocked released;
    return function();
  }();
  return check(std::move(result));
}

bool configure(const PyContext& self, nb::handle device, const nb::kwargs& keywords) {
  const DeviceSelector chosen = selector(device);
  const Properties asked = properties(keywords);
  return unlocked([&] { return self.handle.configure_device(chosen, asked); }) == Readiness::ready;
}

bool ready(const PyContext& self, nb::handle device) {
  const DeviceSelector chosen = selector(device);
  return unlocked([&] { return self.handle.device_ready(chosen); }) == Readiness::ready;
}

nb::dict configuration(const PyContext& self, nb::handle device) {
  const DeviceSelector chosen = selector(device);
  return as_dict(unlocked([&] { return self.handle.read_device_configuration(chosen); }));
}

nb::list devices(const PyContext& self) {
  nb::list result;
  for (const DeviceInfo& device : unlocked([&] { return self.handle.list_devices(); })) {
    result.append(device_info(device));
  }
  return result;
}

nb::list drivers(const PyContext& self) {
  const std::vector<DriverInfo> found = unlocked([&] { return self.handle.drivers(); });
  nb::list result;
  for (const DriverInfo& driver : found) {
    nb::dict fields;
    fields["name"] = text(driver.name);
    fields["virtual"] = driver.reality == Reality::simulated;
    fields["used"] = driver.used;
    fields["state"] = text(driver.state);
    result.append(fields);
  }
  return result;
}

nb::object run_directory(const PyContext& self) {
  return nb::module_::import_("pathlib").attr("Path")(text(check(self.handle.run_directory()).string()));
}

nb::object find(const PyContext& self, nb::handle device) {
  const DeviceSelector chosen = selector(device);
  return device_info(unlocked([&] { return self.handle.find_device(chosen); }));
}

std::size_t cores(nb::handle asked) {
  const std::size_t number = count(asked, "num_sub_devices", 1);
  if (number > std::numeric_limits<std::uint32_t>::max()) {
    raise("InvalidArgument",
          std::string("num_sub_devices > available: no device has ") + nb::str(asked).c_str() + " cores; list_devices() says how many.");
  }
  return number;
}

nb::object connect(nb::handle self, nb::handle device, nb::handle num_sub_devices, const nb::kwargs& keywords) {
  const auto& context = nb::cast<const PyContext&>(self);
  const DeviceSelector chosen = selector(device);
  const std::size_t number = cores(num_sub_devices);
  const Properties asked = properties(keywords);
  Connection connection = unlocked([&] { return context.handle.device_connect(chosen, number, asked); });
  return nb::cast(new PyConnection(std::move(connection), nb::borrow(self)), nb::rv_policy::take_ownership);
}

nb::object load(nb::handle self, nb::handle given) {
  const auto& context = nb::cast<const PyContext&>(self);
  const std::filesystem::path where = path(given);
  auto model = [&] {
    const Unlocked released;
    return context.handle.load_model(where);
  }();
  std::error_code ignored;
  if (!model && model.error().code() == Code::value_error && !std::filesystem::exists(where, ignored)) {
    raise("PackageNotFound", model.error().to_string());
  }
  return nb::cast(new PyModel(check(std::move(model)), nb::borrow(self)), nb::rv_policy::take_ownership);
}

void release(PyContext& self) {
  const Unlocked unlocked;
  self.handle.release();
}

}  // namespace

PyContext::~PyContext() {
  const Unlocked unlocked;
  handle = Context();
}

void bind_context(nb::module_& module) {
  nb::class_<PyContext, Object> bound(module, "Context", nb::is_weak_referenceable(), context_doc);
  bound.def("__init__", &create, nb::kw_only(), "topology"_a.none() = nb::none(), "virtual"_a.none() = nb::none(),
            "run_directory"_a.none() = nb::none(),
            nb::sig("def __init__(self, *, topology: str | os.PathLike[str] | None = None, virtual: typing.Literal['auto', 'always', 'never'] "
                    "| None = None, run_directory: str | os.PathLike[str] | None = None) -> None"));
  bind_with(bound);
  bound.def_prop_ro("context", [](nb::object self) { return self; }, nb::sig("def context(self) -> Context"), "Itself.");
  bound.def("release", &release,
            "Releases it with all its connections, instances and models. Waits for runs that are going on, 5 s at most for all. Again: likewise.");
  bound.def("list_devices", &devices, nb::sig("def list_devices(self) -> list[polymetis._device.DeviceInfo]"),
            "What devices there are now, in a fixed order, with who uses them; wakes none of them.\n\nRaises ConnectionError where a driver "
            "cannot be asked.");
  bound.def("drivers", &drivers, nb::sig("def drivers(self) -> list[polymetis._types.Driver]"),
            "The drivers in the order of their devices, used or not, and why: for diagnosis.");
  bound.def_prop_ro("run_directory", &run_directory, nb::sig("def run_directory(self) -> pathlib.Path"),
                    "Where reservations and telemetry are shared with other processes.");
  bound.def("find_device", &find, "device"_a.none(),
            nb::sig("def find_device(self, device: polymetis._types.Device) -> polymetis._device.DeviceInfo"),
            "The device that `device` names, as device_connect takes it. Raises InvalidArgument with what there is.");
  bound.def("configure_device", &configure, "device"_a.none(), "keywords"_a,
            nb::sig("def configure_device(self, device: polymetis._types.Device, **kwargs: polymetis._types.Property) -> bool"),
            "Sets a device's clocks and MVM limits: clock_profile and clock_profile_core_N in MHz, mvm_utilisation_core_N in percent.\n\n"
            "True: applied. False: being applied, ask device_ready. All or nothing is applied. Raises InvalidConfiguration for an unknown key, "
            "ValueError for a bad value, DeviceInUse where another process configures it.");
  bound.def("device_ready", &ready, "device"_a.none(), nb::sig("def device_ready(self, device: polymetis._types.Device) -> bool"),
            "Whether the last configure_device has been applied.");
  bound.def("read_device_configuration", &configuration, "device"_a.none(),
            nb::sig("def read_device_configuration(self, device: polymetis._types.Device) -> dict[str, str]"),
            "The settings that configure_device sets, by the same keys, as text.");
  bound.def("device_connect", &connect, "device"_a.none() = nb::none(), "num_sub_devices"_a.none() = 1, "keywords"_a,
            nb::sig("def device_connect(self, device: polymetis._types.Device = None, num_sub_devices: int = 1, "
                    "**kwargs: polymetis._types.Property) -> Connection"),
            "Reserves num_sub_devices consecutive cores of a device for this process until the connection is released.\n\n"
            "device: None for the first, in the order of list_devices, that has them free; else a place in that list, a name, or a DeviceInfo.\n"
            "kwargs: device_firmware_check, device_name.\n"
            "Raises DeviceInUse with who holds the cores, InvalidArgument for an unknown device or more cores than it has, "
            "InvalidConfiguration for an unknown keyword, ConnectionError.");
  bound.def("load_model", &load, "path"_a.none(), nb::sig("def load_model(self, path: str | os.PathLike[str]) -> Model"),
            "Reads a compiled package: its folder or its model.json. Nothing is on a device yet.\n\nRaises FileNotFoundError where it is missing; "
            "ValueError where it is damaged, of another version or of another vendor's compiler.");
}

}  // namespace polymetis::python
