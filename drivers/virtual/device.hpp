#pragma once

#include <memory>

#include "virtual/cpu_budget.hpp"
#include "virtual/device_state.hpp"

namespace polymetis::virtual_card {

/// One open virtual device.
class VirtualDevice final : public DriverDevice {
 public:
  VirtualDevice(std::shared_ptr<Host> host, std::shared_ptr<CpuBudget> budget, std::shared_ptr<DeviceState> state)
      : host_(std::move(host)), budget_(std::move(budget)), state_(std::move(state)) {}

  Expected<std::unique_ptr<DriverInstance>> load(std::shared_ptr<const Model> model, const LoadOptions& options) override;
  Expected<Readiness> configure(const Configuration& configuration) override;
  Expected<Readiness> ready() override;
  Expected<Telemetry> telemetry() override;

 private:
  const std::shared_ptr<Host> host_;
  const std::shared_ptr<CpuBudget> budget_;
  const std::shared_ptr<DeviceState> state_;
};

}  // namespace polymetis::virtual_card
