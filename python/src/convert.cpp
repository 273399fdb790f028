#include "convert.hpp"

#include <fmt/format.h>

#include "errors.hpp"

namespace nb = nanobind;

namespace polymetis::python {
namespace {

[[noreturn]] void wrong_type(const std::string& message) {
  PyErr_SetString(PyExc_TypeError, message.c_str());
  throw nb::python_error();
}

const char* type_of(nb::handle value) { return Py_TYPE(value.ptr())->tp_name; }

std::string utf8(nb::handle value) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (data == nullptr) {
    throw nb::python_error();
  }
  return {data, static_cast<std::size_t>(size)};
}

std::string name_of(nb::handle device) {
  const nb::object name = nb::getattr(device, "name", nb::none());
  if (PyUnicode_Check(name.ptr())) {
    return utf8(name);
  }
  if (PyBytes_Check(name.ptr())) {
    return PyBytes_AS_STRING(name.ptr());
  }
  wrong_type(fmt::format("A device is None (any), a place in list_devices() as int, a name as str, or a DeviceInfo; got {}.", type_of(device)));
}

bool is_integer(nb::handle value) { return PyIndex_Check(value.ptr()) && !PyBool_Check(value.ptr()); }

std::string decimal(nb::handle integer) {
  const nb::object number = nb::steal(PyNumber_Index(integer.ptr()));
  if (!number.is_valid()) {
    throw nb::python_error();
  }
  return utf8(nb::str(number));
}

std::string property(nb::handle key, nb::handle value) {
  if (PyBool_Check(value.ptr())) {
    return value.is(Py_True) ? "1" : "0";
  }
  if (PyUnicode_Check(value.ptr())) {
    return utf8(value);
  }
  if (!PyIndex_Check(value.ptr())) {
    wrong_type(fmt::format("The property {} is given as bool, int or str; got {}.", utf8(key), type_of(value)));
  }
  return decimal(value);
}

nb::tuple as_tuple(const std::vector<std::size_t>& values) {
  nb::list list;
  for (const std::size_t value : values) {
    list.append(value);
  }
  return nb::tuple(list);
}

/// What polymetis._device.CoreUse takes, in its order.
nb::list core_uses(const std::vector<CoreUse>& cores) {
  nb::list list;
  for (const CoreUse& core : cores) {
    const double busy_seconds = std::chrono::duration<double>(core.busy).count();
    list.append(nb::make_tuple(core.pid, text(core.process_name), core.frames, core.failures, busy_seconds, core.memory_bytes));
  }
  return list;
}

nb::list as_pairs(const std::vector<TensorInfo::Padding>& padding) {
  nb::list list;
  for (const auto& side : padding) {
    list.append(nb::make_tuple(side.before, side.after));
  }
  return list;
}

}  // namespace

DeviceSelector selector(nb::handle device) {
  if (device.is_none()) {
    return std::monostate();
  }
  if (is_integer(device)) {
    constexpr std::size_t surely_fit = 18;
    std::string digits = decimal(device);
    if (digits.size() > surely_fit && digits.front() != '-') {
      return digits;  // no device has that place or name, and the error says it as it was given
    }
    return count(device, "The place of a device in list_devices()");
  }
  return PyUnicode_Check(device.ptr()) ? utf8(device) : name_of(device);
}

Properties properties(const nb::kwargs& keywords) {
  Properties result;
  for (const auto& [key, value] : keywords) {
    result.set(utf8(key), property(key, value));
  }
  return result;
}

std::size_t count(nb::handle value, const char* what, Py_ssize_t least) {
  if (!is_integer(value)) {
    wrong_type(fmt::format("{} is an int; got {}.", what, type_of(value)));
  }
  const Py_ssize_t number = PyNumber_AsSsize_t(value.ptr(), nullptr);  // clipped, not wrapped
  if (number == -1 && PyErr_Occurred() != nullptr) {
    throw nb::python_error();
  }
  if (number < least) {
    raise("InvalidArgument", fmt::format("{} is {} or more; got {}.", what, least, decimal(value)));
  }
  return static_cast<std::size_t>(number);
}

std::filesystem::path path(nb::handle value) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(value.ptr(), &bytes) == 0) {
    const nb::python_error error;
    if (error.matches(PyExc_TypeError) && !nb::hasattr(value, "__fspath__")) {
      wrong_type(fmt::format("A path is str, bytes or os.PathLike; got {}.", type_of(value)));
    }
    throw error;
  }
  const nb::object owner = nb::steal(bytes);
  return {std::string(PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes)))};
}

nb::dict as_dict(const Properties& properties) {
  nb::dict result;
  for (const auto& [key, value] : properties.items()) {
    result[text(key)] = text(value);
  }
  return result;
}

nb::object device_info(const DeviceInfo& device) {
  static Imported make("polymetis._device", "device_info");
  const DeviceDescription& description = device.description;
  nb::dict fields;
  fields["name"] = text(description.name);
  fields["subdevice_count"] = description.core_count;
  fields["max_memory"] = description.memory_bytes;
  fields["in_use"] = device.in_use;
  fields["in_use_by"] = text(device.in_use_by);
  fields["board_type"] = static_cast<int>(description.board_type);
  fields["firmware_version"] = text(description.firmware_version);
  fields["board_revision"] = description.board_revision;
  fields["flashed_firmware_version"] = text(description.flashed_firmware_version);
  fields["board_controller_firmware_version"] = text(description.board_controller_firmware_version);
  fields["board_controller_board_type"] = text(description.board_controller_board_type);
  fields["board"] = text(description.board);
  fields["driver"] = text(device.driver);
  fields["virtual"] = description.reality == Reality::simulated;
  fields["memory_used"] = device.memory_used_bytes;
  fields["cores"] = core_uses(device.cores);
  fields["origin"] = text(description.origin);
  fields["not_usable_because"] = text(description.not_usable_because);
  return make.get()(**fields);
}

nb::list tensor_infos(const std::vector<TensorInfo>& tensors) {
  static Imported make("polymetis._tensor", "TensorInfo");
  nb::list result;
  for (const TensorInfo& tensor : tensors) {
    result.append(make.get()(as_tuple(tensor.shape), nb::arg("name") = text(tensor.name), nb::arg("padding") = as_pairs(tensor.padding),
                             nb::arg("scale") = tensor.scale, nb::arg("zero_point") = tensor.zero_point));
  }
  return result;
}

}  // namespace polymetis::python
