#include "errors.hpp"

namespace nb = nanobind;

namespace polymetis::python {
namespace {

[[noreturn]] void raise_object(nb::handle type, nb::handle value) {
  PyErr_SetObject(type.ptr(), value.ptr());
  throw nb::python_error();
}

}  // namespace

nb::handle Imported::get() {
  if (found_ == nullptr) {
    nb::object found = nb::module_::import_(module_).attr(name_);
    found_ = found.release().ptr();
  }
  return found_;
}

nb::str text(std::string_view bytes) {
  return nb::steal<nb::str>(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace"));
}

nb::object exception(const Status& status) {
  static Imported of_code("polymetis._errors", "exception_of_code");
  return of_code.get()(static_cast<int>(status.code()), text(status.to_string()));
}

void raise(const Status& status) {
  const nb::object value = exception(status);
  raise_object(value.type(), value);
}

void raise(const char* name, const std::string& message, nb::handle cause) {
  const nb::object value = nb::module_::import_("polymetis._errors").attr(name)(text(message));
  if (cause.is_valid()) value.attr("__cause__") = cause;
  raise_object(value.type(), value);
}

}  // namespace polymetis::python
