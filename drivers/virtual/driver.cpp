#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <mutex>

#include "faulty/faulty.hpp"
#include "virtual/cpu_budget.hpp"
#include "virtual/device.hpp"
#include "virtual/topology.hpp"

namespace polymetis {

namespace virtual_card {

namespace {

class VirtualDriver final : public Driver {
 public:
  VirtualDriver(std::shared_ptr<Host> host, std::vector<DeviceSpec> devices) : host_(std::move(host)), budget_(CpuBudget::of(host_)) {
    for (auto& device : devices) states_.push_back(std::make_shared<DeviceState>(std::move(device)));
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "virtual"; }

  Expected<std::vector<DeviceDescription>> list() override {
    std::vector<DeviceDescription> descriptions;
    for (const auto& state : states_) descriptions.push_back(state->spec().description);
    return descriptions;
  }

  Expected<std::unique_ptr<DriverDevice>> open(const DeviceDescription& device) override {
    std::vector<std::string> names;
    for (const auto& state : states_) {
      const auto& name = state->spec().description.name;
      if (comparable_name(name) == comparable_name(device.name)) return std::make_unique<VirtualDevice>(host_, budget_, state);
      names.push_back(name);
    }
    return failure(Code::invalid_argument, fmt::format("there is no virtual device {}: there are {}", device.name, fmt::join(names, ", ")));
  }

 private:
  const std::shared_ptr<Host> host_;
  const std::shared_ptr<CpuBudget> budget_;
  std::vector<std::shared_ptr<DeviceState>> states_;  // constant once made
};

Expected<std::unique_ptr<Driver>> create(const DriverOptions& options) {
  auto topology = find_topology(options.topology, usable_cpus());
  if (!topology) return Unexpected(topology.error());
  std::unique_ptr<Driver> driver = std::make_unique<VirtualDriver>(options.host, std::move(topology->devices));
  if (topology->faults.faults.empty()) return driver;
  return faulty::faulty(std::move(driver), std::move(topology->faults), options.host);
}

}  // namespace

}  // namespace virtual_card

extern const DriverFactory virtual_driver;
const DriverFactory virtual_driver{"virtual", Reality::simulated, &virtual_card::create};

}  // namespace polymetis
