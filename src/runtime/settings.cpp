#include "runtime/settings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/try.hpp"
#include "runtime/property_reader.hpp"

namespace polymetis::runtime {
namespace {

constexpr std::size_t most_cores = 1024;
constexpr std::size_t most_queued = 4096;
constexpr unsigned most_clock_mhz = 10000;

bool is_clock(const DeviceDescription& device, std::size_t mhz) {
  if (device.clocks_mhz.empty()) return mhz >= 1 && mhz <= most_clock_mhz;
  return std::find(device.clocks_mhz.begin(), device.clocks_mhz.end(), mhz) != device.clocks_mhz.end();
}

std::string allowed_clocks(const DeviceDescription& device) {
  if (device.clocks_mhz.empty()) return fmt::format("a number of MHz from 1 to {}", most_clock_mhz);
  return fmt::format("one of {} (MHz)", fmt::join(device.clocks_mhz, ", "));
}

/// A key whose value is a clock, for the cores from `first` to before `last`.
void clock_key(PropertyReader& reader, const std::string& key, const DeviceDescription& device, std::vector<unsigned>& cores, std::size_t first,
               std::size_t last) {
  reader.value(key, allowed_clocks(device), [&device, &cores, first, last](const std::string& text) {
    std::size_t mhz = 0;
    if (!parse_number(text, mhz) || !is_clock(device, mhz)) return false;
    std::fill(cores.begin() + static_cast<std::ptrdiff_t>(first), cores.begin() + static_cast<std::ptrdiff_t>(last), static_cast<unsigned>(mhz));
    return true;
  });
}

void utilisation_key(PropertyReader& reader, std::size_t core, unsigned& percent) {
  reader.value(fmt::format("mvm_utilisation_core_{}", core), "a number of percent from 1 to 100", [&percent](const std::string& text) {
    std::size_t number = 0;
    if (!parse_number(text, number) || number < 1 || number > 100) return false;
    percent = static_cast<unsigned>(number);
    return true;
  });
}

/// Gone from the newer documentation, and without effect: how much memory a virtual card has is in its topology.
void ddr_size_key(PropertyReader& reader) {
  reader.value("ddr_size", "a number of bytes, decimal or as 0x40000000", [](const std::string& text) {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    std::size_t bytes = 0;
    return hexadecimal ? parse_number(text.substr(2), bytes, 16) : parse_number(text, bytes);
  });
}

}  // namespace

Expected<LoadSettings> load_settings(const Properties& properties) {
  LoadSettings settings;
  PropertyReader reader("load_model_instance");
  reader.number("num_sub_devices", 0, most_cores, settings.num_sub_devices);
  reader.number("aipu_cores", 0, most_cores, settings.aipu_cores);
  reader.flag("input_dmabuf", settings.input_dmabuf);
  reader.flag("output_dmabuf", settings.output_dmabuf);
  reader.flag("double_buffer", settings.double_buffer);
  reader.flag("device_profiling", settings.device_profiling);
  reader.flag("host_profiling", settings.host_profiling);
  reader.flag("elf_in_ddr", settings.elf_in_ddr);
  reader.flag("async_mode", settings.async_mode);
  reader.number("max_inflight", 1, most_queued, settings.max_inflight);
  reader.number("max_pending", 0, most_queued, settings.max_pending);
  TRY(reader.read(properties));
  return settings;
}

Status check_connect_properties(const Properties& properties) {
  bool firmware_check = true;
  PropertyReader reader("device_connect");
  reader.value("device_name", "any text", [](const std::string&) { return true; });
  reader.flag("device_firmware_check", firmware_check);
  return reader.read(properties);
}

Expected<Configuration> configuration_with(const Configuration& current, const Properties& properties, const DeviceDescription& device) {
  Configuration result = current;
  bool firmware = false;
  PropertyReader reader("configure_device");
  // Keys are read in their order, so that of one core comes after that of all.
  clock_key(reader, "clock_profile", device, result.clock_mhz, 0, device.core_count);
  for (std::size_t core = 0; core < device.core_count; ++core) {
    clock_key(reader, fmt::format("clock_profile_core_{}", core), device, result.clock_mhz, core, core + 1);
    utilisation_key(reader, core, result.mvm_utilisation[core]);
  }
  reader.flag("device_firmware", firmware);
  ddr_size_key(reader);
  TRY(reader.read(properties));
  return result;
}

Properties properties_of(const Configuration& configuration) {
  Properties properties;
  const auto& clocks = configuration.clock_mhz;
  const bool one_clock = !clocks.empty() && std::all_of(clocks.begin(), clocks.end(), [&](unsigned clock) { return clock == clocks.front(); });
  if (one_clock) properties.set("clock_profile", std::to_string(clocks.front()));
  for (std::size_t core = 0; core < clocks.size(); ++core) properties.set(fmt::format("clock_profile_core_{}", core), std::to_string(clocks[core]));
  for (std::size_t core = 0; core < configuration.mvm_utilisation.size(); ++core) {
    properties.set(fmt::format("mvm_utilisation_core_{}", core), std::to_string(configuration.mvm_utilisation[core]));
  }
  return properties;
}

Configuration default_configuration(const DeviceDescription& device) {
  const unsigned clock = device.clocks_mhz.empty() ? 800 : *std::max_element(device.clocks_mhz.begin(), device.clocks_mhz.end());
  return {std::vector<unsigned>(device.core_count, clock), std::vector<unsigned>(device.core_count, 100)};
}

}  // namespace polymetis::runtime
