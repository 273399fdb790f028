#pragma once

#include <cstddef>
#include <vector>

#include "polymetis/fleet.hpp"

namespace polymetis::fleet {

/// What placement knows of a device and of a model.
struct PlacementDevice {
  unsigned cores = 0;
};
struct PlacementModel {
  unsigned batch = 1;  ///< cores an instance
  double weight = 1.0;
  unsigned minimum_cores = 1;
  std::vector<bool> allowed;  ///< one a device
};

/// Instances of each model on each device, `[device][model]`. Pure: first every model gets its minimum, where most cores are free; then the
/// model that is furthest below its share of the cores takes the next, device by device, so all are on all where there is room.
std::vector<std::vector<unsigned>> place(Placement policy, const std::vector<PlacementDevice>& devices, const std::vector<PlacementModel>& models);

}  // namespace polymetis::fleet
