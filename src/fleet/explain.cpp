#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "fleet/metrics.hpp"

namespace polymetis::fleet {

namespace {

constexpr double binding = 0.9;  // used up by so much, it is what binds

struct Growth {
  std::uint64_t window = 0;
  std::uint64_t consumer = 0;
};

Growth growth_of(const Sample& now, const Sample& before) {
  Growth growth;
  for (std::size_t i = 0; i < now.window_binds.size(); ++i) {
    const bool known = i < before.window_binds.size() && before.window_binds[i] <= now.window_binds[i];
    growth.window += now.window_binds[i] - (known ? before.window_binds[i] : 0);
    growth.consumer += now.consumer_binds[i] - (known && before.consumer_binds[i] <= now.consumer_binds[i] ? before.consumer_binds[i] : 0);
  }
  return growth;
}

Limit cores(const FleetMetrics& metrics, const Plan& plan) {
  double busy = 0;
  unsigned instances = 0;
  double rate = 0;
  for (std::size_t i = 0; i < metrics.devices.size(); ++i) {
    const DeviceState state = plan.devices()[DeviceId(i)].state;
    if (state != DeviceState::ready && state != DeviceState::suspect) continue;
    busy += metrics.devices[i].utilisation * metrics.devices[i].instances;
    instances += metrics.devices[i].instances;
    rate += metrics.devices[i].frames_per_s;
  }
  const double share = instances > 0 ? busy / instances : 0;
  return {"cores", share,
          fmt::format("The instances of the cards in service compute {:.0f} % of the time ({:.1f} of {} at {:.0f} frames/s).", 100 * share, busy,
                      instances, rate)};
}

/// Used up by this process, or by others, which shows in threads that wait for a CPU.
Limit host_cpu(const FleetMetrics& metrics, const Sample& now, const Sample& before) {
  const unsigned cpus = std::max(1U, std::thread::hardware_concurrency());
  double share = std::clamp(metrics.host_cpu / cpus, 0.0, 1.0);
  std::string text = fmt::format("This process uses {:.2f} of {} CPUs", metrics.host_cpu, cpus);
  const double window_s = std::chrono::duration<double>(now.time - before.time).count();
  if (now.cpu_waited_s && before.cpu_waited_s && window_s > 0) {
    const double waited = std::clamp((*now.cpu_waited_s - *before.cpu_waited_s) / window_s, 0.0, 1.0);
    text += fmt::format("; for {:.0f} % of the time some thread of this computer waited for one", 100 * waited);
    share = std::max(share, waited);
  }
  return {"host CPU", share, text + "."};
}

Limit host_memory(const MemoryBudget& memory) {
  const double share = std::min(1.0, static_cast<double>(memory.used_bytes()) / static_cast<double>(std::max<std::size_t>(memory.limit_bytes(), 1)));
  return {"host memory", share,
          fmt::format("Frames take {} of {} bytes that FleetOptions::memory_bytes allows.", memory.used_bytes(), memory.limit_bytes())};
}

Limit health(const FleetMetrics& metrics, const Plan& plan) {
  std::size_t out = 0;
  std::string names;
  for (std::size_t i = 0; i < metrics.devices.size(); ++i) {
    const Plan::Device& device = plan.devices()[DeviceId(i)];
    if (device.state == DeviceState::ready || device.state == DeviceState::suspect) continue;
    ++out;
    names += fmt::format("{}{} is {}{}{}", names.empty() ? "" : "; ", device.name, device_state_name(device.state), device.cause.empty() ? "" : ": ",
                         device.cause);
  }
  const double share = metrics.devices.empty() ? 0 : static_cast<double>(out) / static_cast<double>(metrics.devices.size());
  return {"health", share,
          out == 0 ? "All cards are in service." : fmt::format("{} of {} cards are out of service: {}.", out, metrics.devices.size(), names)};
}

Limit window(const Growth& growth, const FleetMetrics& metrics) {
  std::size_t largest = 0;
  for (const StreamMetrics& stream : metrics.streams) largest = std::max(largest, stream.window_frames);
  const std::uint64_t times = growth.window - growth.consumer;
  return {"window", times > 0 ? 1.0 : 0.0,
          times > 0 ? fmt::format("{} times a card found no frame that it might start, since the oldest unanswered frame of a stream was too far "
                                  "behind (windows up to {} frames).",
                                  times, largest)
                    : "No card had to wait for an older frame's answer."};
}

Limit consumer(const Growth& growth, const FleetMetrics& metrics) {
  std::uint64_t untaken = 0;
  for (const StreamMetrics& stream : metrics.streams) untaken += stream.ended;
  return {"consumer", growth.consumer > 0 ? 1.0 : 0.0,
          fmt::format("{} results lie untaken; {} times a card waited for room because of that.", untaken, growth.consumer)};
}

Limit source(const FleetMetrics& metrics) {
  std::uint64_t waiting = 0;
  for (const StreamMetrics& stream : metrics.streams) waiting += stream.waiting;
  const bool starved = waiting == 0;
  return {"source", starved ? 0.95 : 0.0,
          starved ? "No frame waits: the cards have taken all that was submitted." : fmt::format("{} frames wait for a card.", waiting)};
}

}  // namespace

Explanation explain_of(const Plan& plan, const FleetMetrics& metrics, const Sample& now, const Sample& before, const MemoryBudget& memory) {
  Explanation explanation;
  const Growth growth = growth_of(now, before);
  explanation.limits = {cores(metrics, plan), host_cpu(metrics, now, before), host_memory(memory), window(growth, metrics), consumer(growth, metrics),
                        source(metrics),      health(metrics, plan)};
  std::stable_sort(explanation.limits.begin(), explanation.limits.end(), [](const Limit& a, const Limit& b) { return a.share > b.share; });
  const Limit& first = explanation.limits.front();
  explanation.binds = first.share >= binding ? first.what : "nothing";
  explanation.text = first.share >= binding
                         ? first.text
                         : fmt::format("Nothing binds: {} is the tightest, with {:.0f} %. {}", first.what, 100 * first.share, first.text);
  return explanation;
}

}  // namespace polymetis::fleet
