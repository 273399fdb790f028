#pragma once

#include <nanobind/nanobind.h>

#include <filesystem>
#include <vector>

#include "polymetis/context.hpp"

/// From Python's values to the library's and back.
namespace polymetis::python {

/// None, a place in list_devices, a name, or what has a name (DeviceInfo, its low-level form).
/// Errors: TypeError for anything else; InvalidArgument for a negative place.
DeviceSelector selector(nanobind::handle device);
/// Keywords as properties: bool as 0 and 1, int in decimal, str as it is. Errors: TypeError.
Properties properties(const nanobind::kwargs& keywords);
/// A count that a caller gave as int. Errors: TypeError; InvalidArgument where it is less than `least`. One beyond all is the
/// largest.
std::size_t count(nanobind::handle value, const char* what, Py_ssize_t least = 0);
/// str, bytes or os.PathLike. Errors: TypeError; ValueError for a NUL inside.
std::filesystem::path path(nanobind::handle value);

nanobind::dict as_dict(const Properties& properties);
nanobind::object device_info(const DeviceInfo& device);
nanobind::list tensor_infos(const std::vector<TensorInfo>& tensors);

}  // namespace polymetis::python
