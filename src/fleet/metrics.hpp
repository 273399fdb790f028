#pragma once

#include "fleet/dispatcher.hpp"
#include "polymetis/fleet_metrics.hpp"

namespace polymetis::fleet {

FleetMetrics metrics_of(const Plan& plan, const std::vector<std::shared_ptr<StreamRecord>>& streams, const Sample& now, const Sample& before);
std::vector<DeviceHealth> health_of(const Plan& plan);
Explanation explain_of(const Plan& plan, const FleetMetrics& metrics, const Sample& now, const Sample& before, const MemoryBudget& memory);

}  // namespace polymetis::fleet
