#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "faulty/fault_plan.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::virtual_card {

/// What a card computes with.
enum class ComputeKind {
  openvino,  ///< runs the int8 network on the CPU
  none,      ///< computes nothing: outputs are zero points
};

/// How long a frame takes.
struct Timing {
  enum class Kind {
    host,        ///< as long as this computer takes
    fixed_rate,  ///< so many frames a second and core, at 800 MHz
  };
  Kind kind = Kind::host;
  double frames_per_second = 0;
};

/// One virtual device.
struct DeviceSpec {
  DeviceDescription description;
  ComputeKind compute = ComputeKind::openvino;
  Timing timing;
  Duration configure_time{0};  ///< until a new configuration is applied
  std::vector<unsigned> cpus;  ///< places among the CPUs of the process that its board may use; empty: all
};

/// The virtual boards of a computer and what befalls them. A plain value.
struct Topology {
  std::vector<DeviceSpec> devices;
  faulty::FaultPlan faults;
};

constexpr std::size_t most_topology_bytes = std::size_t{1} << 20;
constexpr unsigned most_devices = 64;
constexpr unsigned most_cores = 64;

/// Two PCIe cards, `metis-0:1:0` and `metis-0:3:0`, each on its own board: 4 cores, 4 GiB, openvino, host.
[[nodiscard]] Topology default_topology();
/// Reads a topology file (docs/topology.md). `cpu_count` is how many CPUs this process may use.
/// Errors: `invalid_configuration` with file, line, key, what was found and what is allowed.
[[nodiscard]] Expected<Topology> read_topology(const std::filesystem::path& file, unsigned cpu_count);
/// The same from a text; `origin` names it in errors and descriptions.
[[nodiscard]] Expected<Topology> parse_topology(std::string_view text, const std::string& origin, unsigned cpu_count);
/// `asked`, else the file that `POLYMETIS_TOPOLOGY` names, else the default.
[[nodiscard]] Expected<Topology> find_topology(const std::filesystem::path& asked, unsigned cpu_count);

/// A device name as it is compared: ':' and '-' are equal.
[[nodiscard]] std::string comparable_name(std::string_view name);

}  // namespace polymetis::virtual_card
