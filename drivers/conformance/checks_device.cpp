#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "conformance/probe.hpp"

namespace polymetis::conformance {

namespace {

std::string with_dashes(std::string name) {
  std::replace(name.begin(), name.end(), ':', '-');
  return name;
}

void lists_what_there_is(Probe& probe) {
  const auto devices = probe.need(probe.driver().list(), "listing the devices");
  std::set<std::string> names;
  for (const auto& device : devices) {
    probe.expect(!device.name.empty() && device.name.size() < 256, "a device has no name, or one of more than 255 bytes");
    probe.expect(names.insert(with_dashes(device.name)).second, fmt::format("two devices are named {} (':' and '-' are equal)", device.name));
    probe.expect(device.core_count > 0 || !device.not_usable_because.empty(), fmt::format("device {} has no cores and says not why", device.name));
    probe.expect(!device.board.empty(), fmt::format("device {} is on no board", device.name));
  }
}

void list_is_stable(Probe& probe) {
  const auto first = probe.need(probe.driver().list(), "listing the devices");
  const auto device = probe.open();
  const auto second = probe.need(probe.driver().list(), "listing the devices again");
  const auto same = [](const auto& a, const auto& b) { return a.name == b.name && a.core_count == b.core_count && a.origin == b.origin; };
  probe.expect(std::equal(first.begin(), first.end(), second.begin(), second.end(), same), "the list changed when a device was opened");
}

void list_is_cheap(Probe& probe) {
  constexpr int calls = 50;
  auto& driver = probe.driver();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) static_cast<void>(probe.need(driver.list(), "listing the devices"));
  const auto each = (std::chrono::steady_clock::now() - start) / calls;
  probe.expect(each < std::chrono::milliseconds(10),
               fmt::format("a list takes {} us", std::chrono::duration_cast<std::chrono::microseconds>(each).count()));
}

void opens_each_device(Probe& probe) {
  for (const auto& device : probe.need(probe.driver().list(), "listing the devices")) {
    if (device.not_usable_because.empty()) static_cast<void>(probe.need(probe.driver().open(device), "opening " + device.name));
  }
}

void names_take_dashes(Probe& probe) {
  auto device = probe.first_device();
  device.name = with_dashes(device.name);
  static_cast<void>(probe.need(probe.driver().open(device), "opening " + device.name));
}

void refuses_an_unknown_device(Probe& probe) {
  DeviceDescription device = probe.first_device();
  device.name = "no-such-device";
  const auto opened = probe.driver().open(device);
  probe.expect(!opened && opened.error().code() == Code::invalid_argument, "opening an unknown device is not answered with \"invalid argument\"");
}

void opens_twice(Probe& probe) {
  const auto one = probe.open();
  const auto other = probe.open();
  probe.expect(probe.load(*one) != nullptr && probe.load(*other) != nullptr, "a second open device does not load");
}

void configures(Probe& probe) {
  const auto description = probe.first_device();
  const auto device = probe.open();
  Configuration wanted;
  wanted.clock_mhz.assign(description.core_count, description.clocks_mhz.empty() ? 400 : description.clocks_mhz.front());
  wanted.mvm_utilisation.assign(description.core_count, 57);
  auto readiness = probe.need(device->configure(wanted), "configuring");
  for (int i = 0; i < 1000 && readiness == Readiness::pending; ++i) {
    probe.settle(std::chrono::milliseconds(10));
    readiness = probe.need(device->ready(), "asking whether it is ready");
  }
  probe.expect(readiness == Readiness::ready, "a configuration was not applied within 10 seconds");
  const auto telemetry = probe.need(device->telemetry(), "reading telemetry");
  probe.expect(telemetry.configuration == wanted, "the configuration that is read is not the one that was set");
}

void tells_of_itself(Probe& probe) {
  const auto description = probe.first_device();
  const auto device = probe.open();
  const auto telemetry = probe.need(device->telemetry(), "reading telemetry");
  probe.expect(telemetry.configuration.clock_mhz.size() == description.core_count, "telemetry has not one clock a core");
  probe.expect(telemetry.configuration.mvm_utilisation.size() == description.core_count, "telemetry has not one utilisation a core");
  if (telemetry.temperature_celsius)
    probe.expect(*telemetry.temperature_celsius > -60 && *telemetry.temperature_celsius < 200, "no such temperature");
}

void takes_listeners(Probe& probe) {
  probe.driver().watch([](const DeviceChange&) {});
  probe.driver().watch(nullptr);
  static_cast<void>(probe.first_device());
}

void loads_and_unloads(Probe& probe) {
  const auto device = probe.open();
  for (int i = 0; i < 3; ++i) {
    const auto instance = probe.load(*device);
    const auto traits = instance->traits();
    probe.expect(traits.depth >= 1 && traits.depth <= 63, fmt::format("a depth of {}; 1 to 63 is allowed", traits.depth));
    probe.expect(traits.hang_floor > Duration::zero(), "no floor for hang detection");
  }
}

void refuses_a_wrong_model(Probe& probe) {
  const auto device = probe.open();
  static_cast<void>(probe.load(*device));
  if (!probe.subject().wrong_model) return;
  const auto loaded = device->load(probe.subject().wrong_model(), {{0, 1}});
  probe.expect(!loaded && loaded.error().code() == Code::value_error,
               "a graph that does not match its description is not refused with \"value error\"");
}

}  // namespace

std::vector<Check> device_checks() {
  return {{"lists_what_there_is", lists_what_there_is},
          {"list_is_stable", list_is_stable},
          {"list_is_cheap", list_is_cheap},
          {"opens_each_device", opens_each_device},
          {"names_take_dashes", names_take_dashes},
          {"refuses_an_unknown_device", refuses_an_unknown_device},
          {"opens_twice", opens_twice},
          {"configures", configures},
          {"tells_of_itself", tells_of_itself},
          {"takes_listeners", takes_listeners},
          {"loads_and_unloads", loads_and_unloads},
          {"refuses_a_wrong_model", refuses_a_wrong_model}};
}

}  // namespace polymetis::conformance
