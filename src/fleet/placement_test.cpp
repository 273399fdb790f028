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

}  // namespace
}  // namespace polymetis::fleet
