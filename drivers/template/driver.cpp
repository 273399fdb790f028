#include <fmt/format.h>

#include "template/device.hpp"

// The family: lists its devices and opens one. Each function that says "not implemented" is one to fill in; drivers/template/README.md says in which
// order.

namespace polymetis {

namespace template_family {

namespace {

class TemplateDriver final : public Driver {
 public:
  explicit TemplateDriver(std::shared_ptr<Host> host) : host_(std::move(host)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "template"; }

  /// Cheap: ask the bus, wake no device.
  Expected<std::vector<DeviceDescription>> list() override { return not_implemented("listing its devices"); }

  /// Slow: `invalid_argument` where `list` names no such device.
  Expected<std::unique_ptr<DriverDevice>> open(const DeviceDescription& device) override {
    return not_implemented(fmt::format("opening device {}", device.name));
  }

 private:
  const std::shared_ptr<Host> host_;  // time and execution: no thread, no sleep
};

Expected<std::unique_ptr<Driver>> create(const DriverOptions& options) { return std::make_unique<TemplateDriver>(options.host); }

}  // namespace

}  // namespace template_family

extern const DriverFactory template_driver;
const DriverFactory template_driver{"template", Reality::real, &template_family::create};

}  // namespace polymetis
