#include "runtime/devices.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/per_process.hpp"
#include "base/try.hpp"
#include "device/registry.hpp"
#include "runtime/life.hpp"

namespace polymetis::runtime {
namespace {

/// Names with ':' and '-' are equal.
bool same_name(std::string_view a, std::string_view b) {
  const auto plain = [](char c) { return c == ':' ? '-' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return plain(x) == plain(y); });
}

std::string what_there_is(const std::vector<ListedDevice>& devices) {
  if (devices.empty()) return "there is no device (`polymetis doctor` says why)";
  std::string names;
  for (const ListedDevice& device : devices) names += (names.empty() ? "" : ", ") + device.description.name;
  return fmt::format("there are {}: {}", devices.size(), names);
}

/// A virtual card of another process may have been configured: its configuration is shared through the telemetry page.
void take_over_configuration(OpenDevice& device) {
  if (device.description().reality != Reality::simulated) return;
  const auto card = device.page().read_card();
  if (!card || card->configuration.clock_mhz.size() != device.description().core_count) return;
  static_cast<void>(device.configure(card->configuration));
}

}  // namespace

base::Mutex& one_at_a_time() {
  static constinit base::PerProcess<base::Mutex> mutex;
  return mutex.get();
}

Expected<std::shared_ptr<Devices>> Devices::create(const ContextOptions& options, std::shared_ptr<Host> host, std::shared_ptr<const base::Log> log) {
  const VirtualCards policy = TRY(virtual_cards_policy(options.virtual_cards));
  auto run_directory = TRY(device::open_run_directory(options.run_directory));
  auto drivers = TRY(choose_drivers(device::built_in_drivers(), policy, {.host = host, .topology = options.topology}));
  return std::make_shared<Devices>(std::move(drivers), std::move(run_directory), std::move(host), std::move(log));
}

Devices::Devices(std::vector<ChosenDriver> drivers, std::filesystem::path run_directory, std::shared_ptr<Host> host,
                 std::shared_ptr<const base::Log> log)
    : drivers_(std::move(drivers)), run_directory_(std::move(run_directory)), host_(std::move(host)), log_(std::move(log)) {
  for (const ChosenDriver& chosen : drivers_) {
    if (chosen.driver) chosen.driver->watch([hub = hub_](const DeviceChange& change) { hub->changed(change); });
  }
}

Devices::~Devices() {
  leak_after_fork(generation_, drivers_);
  leak_after_fork(generation_, host_);
}

std::vector<DriverInfo> Devices::drivers() const {
  std::vector<DriverInfo> result;
  for (const ChosenDriver& chosen : drivers_) {
    DriverInfo& info = result.emplace_back(chosen.info);
    if (!chosen.driver) continue;
    const auto listed = chosen.driver->list();
    info.state = listed ? fmt::format("{} devices", listed->size()) : listed.error().to_string();
  }
  return result;
}

Expected<std::vector<ListedDevice>> Devices::list() const {
  std::vector<ListedDevice> devices;
  for (const ChosenDriver& chosen : drivers_) {
    if (!chosen.driver) continue;
    auto listed = chosen.driver->list();
    if (!listed && chosen.info.reality == Reality::simulated) return Unexpected(listed.error());
    if (!listed) {
      log_->format(LogLevel::warning, "the driver '{}' cannot list its devices: {}", chosen.info.name, listed.error().to_string());
      continue;
    }
    for (DeviceDescription& description : *listed) devices.push_back({std::move(description), chosen.info.name, chosen.driver});
  }
  return devices;
}

Expected<ListedDevice> Devices::find(const DeviceSelector& selector) const {
  auto devices = TRY(list());
  if (const auto* const index = std::get_if<std::size_t>(&selector)) {
    if (*index < devices.size()) return devices[*index];
    return failure(Code::invalid_argument, fmt::format("there is no device with index {}: {}", *index, what_there_is(devices)));
  }
  if (const auto* const name = std::get_if<std::string>(&selector)) {
    const auto found = std::find_if(devices.begin(), devices.end(), [&](const auto& device) { return same_name(device.description.name, *name); });
    if (found != devices.end()) return *found;
    return failure(Code::invalid_argument, fmt::format("there is no device '{}': {}", *name, what_there_is(devices)));
  }
  const auto usable = std::find_if(devices.begin(), devices.end(), [](const auto& device) { return device.description.not_usable_because.empty(); });
  if (usable != devices.end()) return *usable;
  return failure(Code::invalid_argument, fmt::format("no device can be used: {}", what_there_is(devices)));
}

Expected<std::shared_ptr<device::Reservations>> Devices::reservations(const ListedDevice& device) const {
  return device::reservations_of(run_directory_, device.description);
}

DeviceInfo Devices::info(const ListedDevice& device) const {
  DeviceInfo info{.description = device.description, .driver = device.driver_name};
  const auto reservations = this->reservations(device);
  const auto holders = reservations ? (*reservations)->holders() : std::vector<device::CoreHolder>(device.description.core_count);
  const auto counters = device::peek_telemetry(run_directory_, device.description);
  info.in_use_by = device::in_use_by(holders);
  for (std::size_t i = 0; i < holders.size(); ++i) {
    const bool held = holders[i].state == device::CoreHolder::State::held;
    CoreUse& core = info.cores.emplace_back();
    core.pid = held ? holders[i].pid : 0;
    core.process_name = holders[i].process_name;
    info.in_use = info.in_use || held;
    info.core_holders.push_back(core.pid);
    if (!counters || i >= counters->cores.size()) continue;
    const device::CoreCounters& counted = counters->cores[i];
    core.frames = counted.frames;
    core.failures = counted.failures;
    core.busy = Duration(counted.busy_ns);
    core.memory_bytes = counted.memory_bytes;
    info.memory_used_bytes += counted.memory_bytes;
  }
  return info;
}

Expected<std::shared_ptr<OpenDevice>> Devices::open(const ListedDevice& device) {
  const base::MutexLock lock(mutex_);
  std::shared_ptr<OpenDevice>& place = open_[device.description.name];
  if (!place || hub_->take_lost(device.description.name)) place = TRY(open_now(device));
  return place;
}

Expected<std::shared_ptr<OpenDevice>> Devices::open_now(const ListedDevice& device) const {
  const DeviceDescription& description = device.description;
  if (!description.not_usable_because.empty()) {
    return failure(Code::connection_error, fmt::format("{} cannot be used: {}", description.name, description.not_usable_because));
  }
  OpenDevice::Parts parts{host_, device.driver, description, TRY(reservations(device)), TRY(device::telemetry_of(run_directory_, description))};
  auto opened = std::make_shared<OpenDevice>(std::move(parts), TRY(device.driver->open(description)));
  take_over_configuration(*opened);
  return opened;
}

void Devices::forget(const std::string& name) {
  const base::MutexLock lock(mutex_);
  open_.erase(name);
}

void Devices::close() {
  const base::MutexLock lock(mutex_);
  open_.clear();
}

}  // namespace polymetis::runtime
