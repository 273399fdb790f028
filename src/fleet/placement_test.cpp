#include "fleet/placement.hpp"

#include <gtest/gtest.h>

namespace polymetis::fleet {
namespace {

using Instances = std::vector<std::vector<unsigned>>;

Instances place_on(std::size_t devices, unsigned cores, std::size_t models) {
  const PlacementModel everywhere{.allowed = std::vector<bool>(devices, true)};
  return place(Placement::balanced, std::vector(devices, PlacementDevice{.cores = cores}), std::vector(models, everywhere));
}

TEST(Placement, BalancedPutsEachModelOnEachDevice) {
  EXPECT_EQ(place_on(2, 2, 2), (Instances{{1, 1}, {1, 1}})) << "one lost card must not take a model with it";
  EXPECT_EQ(place_on(2, 4, 2), (Instances{{2, 2}, {2, 2}}));
  EXPECT_EQ(place_on(3, 2, 2), (Instances{{1, 1}, {1, 1}, {1, 1}}));
}

TEST(Placement, BalancedSharesWhatIsTooLittleForAll) { EXPECT_EQ(place_on(2, 1, 2), (Instances{{1, 0}, {0, 1}})); }

Instances devices_of_their_own(std::size_t devices, const std::vector<double>& weights) {
  std::vector<PlacementModel> models;
  for (const double weight : weights) models.push_back({.weight = weight, .allowed = std::vector<bool>(devices, true)});
  return place(Placement::model_a_device, std::vector(devices, PlacementDevice{.cores = 4}), models);
}

TEST(Placement, ModelADeviceGivesWholeDevicesByWeight) {
  EXPECT_EQ(devices_of_their_own(2, {1, 1}), (Instances{{4, 0}, {0, 4}}));
  EXPECT_EQ(devices_of_their_own(3, {1, 2}), (Instances{{0, 4}, {4, 0}, {0, 4}}));
}

TEST(Placement, ModelsAboveTheDevicesShareTheLastByWeight) {
  EXPECT_EQ(devices_of_their_own(2, {1, 1, 1}), (Instances{{4, 0, 0}, {0, 2, 2}}));
  EXPECT_EQ(devices_of_their_own(2, {1, 1, 2}), (Instances{{0, 0, 4}, {2, 2, 0}}));
  EXPECT_EQ(devices_of_their_own(1, {1, 3}), (Instances{{1, 3}}));
}

}  // namespace
}  // namespace polymetis::fleet
