#pragma once

#include <string>

#include "virtual/topology.hpp"

namespace polymetis::virtual_card {

/// What of a topology decides how a device behaves and stands nowhere else in its description: compute, timing, clocks, CPUs and the faults
/// that can strike it. One line of less than 500 bytes; lists that are long are told by number and hash. Reentrant.
std::string behaviour_of(const DeviceSpec& device, const faulty::FaultPlan& faults);

}  // namespace polymetis::virtual_card
