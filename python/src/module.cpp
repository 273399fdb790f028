#include <nanobind/nanobind.h>

#include "fleet_objects.hpp"
#include "gate.hpp"
#include "objects.hpp"

namespace nb = nanobind;

NB_MODULE(_native, module) {
  using namespace polymetis::python;
  nb::set_leak_warnings(false);  // objects that live to the end of the process are no fault of theirs
  module.doc() = "What polymetis.axruntime is made of; use that.";
  nb::class_<Object>(module, "Object", "What a context makes, and the context itself: has .context and .release().");
  bind_gate(module);
  bind_context(module);
  bind_model(module);
  bind_connection(module);
  bind_instance(module);
  bind_result(module);
  bind_stream(module);
  bind_fleet(module);
}
