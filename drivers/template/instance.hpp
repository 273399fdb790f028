#pragma once

#include <memory>

#include "polymetis/driver.hpp"

namespace polymetis::template_family {

/// A model loaded on cores of a device.
class TemplateInstance final : public DriverInstance {
 public:
  explicit TemplateInstance(std::shared_ptr<Host> host) : host_(std::move(host)) {}

  [[nodiscard]] InstanceTraits traits() const noexcept override;
  void submit(Job& job) noexcept override;

 private:
  const std::shared_ptr<Host> host_;
};

}  // namespace polymetis::template_family
