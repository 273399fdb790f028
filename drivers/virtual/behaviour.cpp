#include "virtual/behaviour.hpp"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>

#include "faulty/faulty.hpp"

namespace polymetis::virtual_card {

namespace {

std::string hash_of(const std::string& text) { return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size())); }

std::string numbers(const std::vector<unsigned>& values) {
  auto text = fmt::format("{}", fmt::join(values, " "));
  return text.size() <= 100 ? text : fmt::format("{} ({})", values.size(), hash_of(text));
}

std::string number(std::optional<std::uint64_t> value) { return value ? fmt::format("{}", *value) : "-"; }
std::string seconds(std::optional<Duration> value) { return value ? fmt::format("{}", value->count()) : "-"; }

std::string text_of(const faulty::Fault& fault) {
  std::string prefix;
  for (const auto byte : fault.input_starts_with) prefix += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return fmt::format("{} [{}] {} {} {} {} [{}] {} {} {} {}", faulty::fault_name(fault.kind), fmt::join(fault.devices, " "), seconds(fault.at),
                     number(fault.at_job), number(fault.jobs), fault.probability ? fmt::format("{}", *fault.probability) : "-", prefix,
                     seconds(fault.lasts), seconds(fault.holds), fault.factor, fault.every.count());
}

/// The place of a fault in the plan counts: the dice are made from it.
std::string faults_of(const std::string& device, const faulty::FaultPlan& plan) {
  std::string text;
  std::size_t count = 0;
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    const auto& devices = plan.faults[i].devices;
    if (!devices.empty() && std::find(devices.begin(), devices.end(), device) == devices.end()) continue;
    text += fmt::format("{}: {}\n", i, text_of(plan.faults[i]));
    ++count;
  }
  return count == 0 ? "none" : fmt::format("{} ({})", count, hash_of(fmt::format("{}\n{}", plan.seed, text)));
}

}  // namespace

std::string behaviour_of(const DeviceSpec& device, const faulty::FaultPlan& faults) {
  const bool host = device.timing.kind == Timing::Kind::host;
  return fmt::format("compute {}, timing {}, clocks {}, configure_s {}, cpus {}, faults {}",
                     device.compute == ComputeKind::openvino ? "openvino" : "none",
                     host ? "host" : fmt::format("{} fps", device.timing.frames_per_second), numbers(device.description.clocks_mhz),
                     std::chrono::duration<double>(device.configure_time).count(), device.cpus.empty() ? "all" : numbers(device.cpus),
                     faults_of(device.description.name, faults));
}

}  // namespace polymetis::virtual_card
