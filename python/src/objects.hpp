#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "polymetis/context.hpp"
#include "tensors.hpp"

/// What Python's objects hold. A child holds its parent, so that `.context` is the very object it came from; the cyclic collector sees
/// those references. Handles are let go without the interpreter's lock, as that may wait for a run to end.
namespace polymetis::python {

struct Object {};

struct PyContext : Object {
  explicit PyContext(Context context) : handle(std::move(context)) {}
  ~PyContext();

  Context handle;
};

struct PyConnection : Object {
  PyConnection(Connection connection, nanobind::object parent) : handle(std::move(connection)), context(std::move(parent)) {}
  ~PyConnection();

  Connection handle;
  nanobind::object context;
};

struct PyModel : Object {
  PyModel(std::shared_ptr<const Model> loaded, nanobind::object parent) : model(std::move(loaded)), context(std::move(parent)) {}

  /// Errors: InvalidArgument after its release or its context's, and in a forked child.
  [[nodiscard]] std::shared_ptr<const Model> get() const;

  std::shared_ptr<const Model> model;
  nanobind::object context;
};

struct PyInstance : Object {
  PyInstance(ModelInstance instance, nanobind::object connection_of, nanobind::object model_of);
  ~PyInstance();

  ModelInstance handle;
  nanobind::object connection;
  nanobind::object model;
  Borders borders;
  std::shared_ptr<Held> spare;  // of the last run, for the next one
};

void bind_context(nanobind::module_& module);
void bind_connection(nanobind::module_& module);
void bind_model(nanobind::module_& module);
void bind_instance(nanobind::module_& module);

/// Shows the members `references` of a T to the cyclic collector.
template <class T, nanobind::object T::*... references>
struct Collected {
  static int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (nanobind::inst_ready(self)) {
      const T& held = *nanobind::inst_ptr<T>(self);
      for (const nanobind::object* reference : {&(held.*references)...}) {
        Py_VISIT(reference->ptr());
      }
    }
    return 0;
  }

  static int clear(PyObject* self) {
    T& held = *nanobind::inst_ptr<T>(self);
    ((held.*references).reset(), ...);
    return 0;
  }

  static inline const PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(+traverse)}, {Py_tp_clear, reinterpret_cast<void*>(+clear)}, {0, nullptr}};
};

/// `with` on any of them: gives itself, and releases at the end.
template <class Class>
void bind_with(Class& bound) {
  namespace nb = nanobind;
  bound.def("__enter__", [](nb::object self) { return self; }, nb::sig("def __enter__(self) -> typing.Self"));
  bound.def(
      "__exit__", [](nb::handle self, const nb::args&) { self.attr("release")(); }, nb::sig("def __exit__(self, *exception: object) -> None"),
      "Releases it.");
}

}  // namespace polymetis::python
