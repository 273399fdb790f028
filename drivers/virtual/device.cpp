#include "virtual/device.hpp"

#include <fmt/format.h>

#include "virtual/engine.hpp"
#include "virtual/instance.hpp"

namespace polymetis::virtual_card {

Expected<std::unique_ptr<DriverInstance>> VirtualDevice::load(std::shared_ptr<const Model> model, const LoadOptions& options) {
  const auto& spec = state_->spec();
  const auto cores = spec.description.core_count;
  if (options.cores.count == 0 || options.cores.first >= cores || options.cores.count > cores - options.cores.first) {
    return failure(Code::invalid_argument, fmt::format("{} cores from {} were asked for, device {} has {}", options.cores.count, options.cores.first,
                                                       spec.description.name, cores));
  }
  InstanceParts parts{host_, budget_, state_, model, nullptr, options.cores};
  if (spec.compute == ComputeKind::openvino) {
    auto network = load_network(model, budget_->cpu_count());
    if (!network) return Unexpected(network.error());
    parts.compute = std::move(*network);
  } else {
    parts.compute = zero_points(*model);
  }
  if (spec.timing.kind == Timing::Kind::fixed_rate) return timed_instance(std::move(parts));
  return spec.compute == ComputeKind::openvino ? host_instance(std::move(parts)) : instant_instance(std::move(parts));
}

Expected<Readiness> VirtualDevice::configure(const Configuration& configuration) {
  const auto cores = state_->spec().description.core_count;
  if (configuration.clock_mhz.size() != cores || configuration.mvm_utilisation.size() != cores) {
    return failure(Code::value_error, fmt::format("settings for {} and {} cores were given, device {} has {}", configuration.clock_mhz.size(),
                                                  configuration.mvm_utilisation.size(), state_->spec().description.name, cores));
  }
  return state_->configure(configuration, host_->now());
}

Expected<Readiness> VirtualDevice::ready() { return state_->ready(host_->now()); }

Expected<Telemetry> VirtualDevice::telemetry() {
  Telemetry telemetry;
  telemetry.configuration = state_->configuration();
  telemetry.late_frames = state_->late_frames();
  return telemetry;
}

}  // namespace polymetis::virtual_card
