#include "polymetis/fleet_metrics.hpp"
#include "polymetis/result.hpp"

namespace polymetis {

const char* outcome_name(Outcome outcome) noexcept {
  static constexpr const char* names[] = {"outputs", "dropped", "late", "failed"};
  return names[static_cast<std::size_t>(outcome)];
}

const char* device_state_name(DeviceState state) noexcept {
  static constexpr const char* names[] = {"ready", "suspect", "quarantined", "probing", "lost"};
  return names[static_cast<std::size_t>(state)];
}

}  // namespace polymetis
