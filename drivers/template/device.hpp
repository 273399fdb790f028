#pragma once

#include <memory>
#include <string_view>

#include "polymetis/driver.hpp"

namespace polymetis::template_family {

/// What everything answers that is not there yet.
Unexpected not_implemented(std::string_view what);

/// One open device.
class TemplateDevice final : public DriverDevice {
 public:
  explicit TemplateDevice(std::shared_ptr<Host> host) : host_(std::move(host)) {}

  Expected<std::unique_ptr<DriverInstance>> load(std::shared_ptr<const Model> model, const LoadOptions& options) override;
  Expected<Readiness> configure(const Configuration& configuration) override;
  Expected<Telemetry> telemetry() override;

 private:
  const std::shared_ptr<Host> host_;
};

}  // namespace polymetis::template_family
