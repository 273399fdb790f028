#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>
#include <utility>

#include "polymetis/status.hpp"

/// From a failed Status to an exception of polymetis._errors.
namespace polymetis::python {

/// A class or function of our own package, imported when it is first used and never let go.
class Imported {
 public:
  constexpr Imported(const char* module, const char* name) noexcept : module_(module), name_(name) {}
  nanobind::handle get();

 private:
  const char* module_;
  const char* name_;
  PyObject* found_ = nullptr;  // guarded by the interpreter's lock; two threads may both find it
};

/// Text of the library, which may hold any bytes, as a str.
nanobind::str text(std::string_view bytes);

/// The exception that `status` is.
nanobind::object exception(const Status& status);
/// Raises it.
[[noreturn]] void raise(const Status& status);
/// Raises the exception class `name` of polymetis._errors, from the exception `cause` if there is one.
[[noreturn]] void raise(const char* name, const std::string& message, nanobind::handle cause = {});

inline void check(const Status& status) {
  if (!status.ok()) {
    raise(status);
  }
}

template <class T>
T check(Expected<T>&& value) {
  if (!value) {
    raise(value.error());
  }
  return std::move(*value);
}

}  // namespace polymetis::python
