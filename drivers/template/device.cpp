#include "template/device.hpp"

#include <fmt/format.h>

#include "template/instance.hpp"

namespace polymetis::template_family {

Unexpected not_implemented(std::string_view what) {
  return failure(Code::not_implemented, fmt::format("the driver template does not know {} yet", what));
}

Expected<std::unique_ptr<DriverInstance>> TemplateDevice::load(std::shared_ptr<const Model> model, const LoadOptions&) {
  if (model == nullptr) return failure(Code::invalid_argument, "no model was given to load");
  return std::make_unique<TemplateInstance>(host_);
}

Expected<Readiness> TemplateDevice::configure(const Configuration&) { return not_implemented("setting clocks"); }

Expected<Telemetry> TemplateDevice::telemetry() { return not_implemented("reading telemetry"); }

}  // namespace polymetis::template_family
