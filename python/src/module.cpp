#include <nanobind/nanobind.h>

#include "fleet_objects.hpp"
#include "gate.hpp"
#include "objects.hpp"

namespace nb = nanobind;

namespace polymetis::python {
namespace {

/// Abstract: each kind has its own of both.
void bind_object(nb::module_& module) {
  nb::class_<Object> bound(module, "Object", "A context, and all that it makes: what can be released.");
  bound.def_prop_ro("context", [](const Object&) { return nb::none(); }, nb::sig("def context(self) -> Context"), "The context it belongs to.");
  bound.def("release", [](const Object&) {}, "Releases it and what it made. Again does nothing.");
}

}  // namespace
}  // namespace polymetis::python

NB_MODULE(_native, module) {
  using namespace polymetis::python;
  nb::set_leak_warnings(false);  // objects that live to the end of the process are no fault of theirs
  module.doc() = "What polymetis.axruntime is made of; use that.";
  bind_object(module);
  bind_gate(module);
  bind_context(module);
  bind_model(module);
  bind_connection(module);
  bind_instance(module);
  bind_result(module);
  bind_stream(module);
  bind_fleet(module);
}
