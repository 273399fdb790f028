#pragma once

#include "fleet/dispatcher.hpp"
#include "polymetis/fleet_metrics.hpp"

namespace polymetis::fleet {

/// Of this computer, whoever uses it.
struct CpuUse {
  unsigned cpus = 1;                ///< that this process may use
  std::optional<double> contended;  ///< share of the last ten seconds in which some thread waited for a CPU; absent: the kernel does not tell
};
/// Reads /proc/pressure/cpu. Reentrant.
CpuUse cpu_use();

FleetMetrics metrics_of(const Plan& plan, const std::vector<std::shared_ptr<StreamRecord>>& streams, const Sample& now, const Sample& before);
std::vector<DeviceHealth> health_of(const Plan& plan);
Explanation explain_of(const Plan& plan, const FleetMetrics& metrics, const Sample& now, const Sample& before, const MemoryBudget& memory,
                       const CpuUse& cpu);

}  // namespace polymetis::fleet
