#include "device/admission.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/try.hpp"

namespace polymetis::device {
namespace {

constexpr auto longest_wait = std::chrono::seconds(1);
constexpr auto between_attempts = std::chrono::milliseconds(1);

/// "pid 12 (python): 400 bytes, pid 13: 200 bytes".
std::string takers(const std::vector<CoreCounters>& counters, const std::vector<CoreHolder>& holders) {
  std::map<std::pair<std::int64_t, std::string>, std::uint64_t> taken;
  for (std::size_t core = 0; core < counters.size() && core < holders.size(); ++core) {
    if (counters[core].memory_bytes != 0) taken[{holders[core].pid, holders[core].process_name}] += counters[core].memory_bytes;
  }
  std::string text;
  for (const auto& [who, bytes] : taken) {
    text += fmt::format("{}pid {}{}: {} bytes", text.empty() ? "" : ", ", who.first, who.second.empty() ? "" : " (" + who.second + ")", bytes);
  }
  return text.empty() ? "by nobody" : "by " + text;
}

/// However empty the card is.
Status never_fits(const DeviceDescription& device, const Demand& demand) {
  return {Code::runtime_error,
          fmt::format("the model '{}' wants {} bytes of the memory of {}, which has {} bytes in all: use a device with more memory (of virtual cards "
                      "the topology's `memory`), or a smaller model",
                      demand.model, demand.memory_bytes, device.name, device.memory_bytes)};
}

Status does_not_fit(const DeviceDescription& device, std::uint64_t taken, const std::string& by, const Demand& demand) {
  return {Code::runtime_error,
          fmt::format("the model '{}' wants {} bytes of the memory of {}, which has {} bytes of which {} are taken ({}): release a model instance "
                      "there, or use another device",
                      demand.model, demand.memory_bytes, device.name, device.memory_bytes, taken, by)};
}

}  // namespace

Expected<std::unique_ptr<CoreLease>> lock_patiently(Reservations& reservations) {
  const auto end = std::chrono::steady_clock::now() + longest_wait;
  for (;;) {
    auto lock = reservations.lock_configuration();
    if (lock || lock.error().code() != Code::device_in_use || std::chrono::steady_clock::now() >= end) return lock;
    Latch never;
    never.wait_until(std::chrono::steady_clock::now() + between_attempts);
  }
}

Expected<std::shared_ptr<CoreMeter>> admit(const DeviceDescription& device, Reservations& reservations, TelemetryPage& page, const Demand& demand) {
  const auto lock = TRY(lock_patiently(reservations));
  if (device.memory_bytes != 0) {
    if (demand.memory_bytes > device.memory_bytes) return Unexpected(never_fits(device, demand));
    const auto counters = page.read();
    std::uint64_t taken = 0;
    for (const CoreCounters& core : counters) taken += core.memory_bytes;
    if (taken > device.memory_bytes || demand.memory_bytes > device.memory_bytes - taken) {
      return Unexpected(does_not_fit(device, taken, takers(counters, reservations.holders()), demand));
    }
  }
  auto meter = page.meter(demand.cores, demand.model_hash, demand.memory_bytes);
  if (!meter) {
    return failure(Code::internal_error,
                   fmt::format("{} has no cores {} to {} to meter", device.name, demand.cores.first, demand.cores.first + demand.cores.count - 1));
  }
  return meter;
}

}  // namespace polymetis::device
