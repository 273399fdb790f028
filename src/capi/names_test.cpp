#include <cstring>
#include <limits>
#include <set>

#include "capi/capi_test_support.hpp"

namespace {

using namespace capi_test;

TEST(CapiNames, VersionIsMajorAndMinor) {
  EXPECT_EQ(axr_api_version() >> 16U, 1U);
  EXPECT_EQ(axr_api_version() & 0xffffU, 8U);
}

TEST(CapiNames, EachBoardTypeHasAName) {
  std::set<std::string> names;
  for (int type = 0; type <= AXR_BOARD_EUROPA_DEVBOARD; ++type) names.insert(axr_board_type_string(static_cast<axrBoardType>(type)));
  EXPECT_EQ(names.size(), 9U);
  EXPECT_STREQ(axr_board_type_string(AXR_BOARD_METIS_OMEGA_PCIE), "pcie");
  EXPECT_STREQ(axr_board_type_string(AXR_BOARD_METIS_MAX), "unknown");
  EXPECT_STREQ(axr_board_type_string(static_cast<axrBoardType>(99)), "unknown");
  EXPECT_STREQ(axr_board_type_string(static_cast<axrBoardType>(-1)), "unknown");
}

TEST(CapiNames, EachResultHasAName) {
  std::set<std::string> names;
  for (int result = 0; result <= AXR_ERROR_UNKNOWN_ERROR; ++result) names.insert(axr_error_string(static_cast<axrResult>(result)));
  EXPECT_EQ(names.size(), 12U);
  EXPECT_STREQ(axr_error_string(AXR_ERROR_DEVICE_IN_USE), "device in use");
  EXPECT_STREQ(axr_error_string(static_cast<axrResult>(-1)), axr_error_string(AXR_ERROR_UNKNOWN_ERROR));
  EXPECT_STREQ(axr_error_string(static_cast<axrResult>(12)), axr_error_string(AXR_ERROR_UNKNOWN_ERROR));
}

axrTensorInfo tensor(std::initializer_list<size_t> dims, size_t bits = 8) {
  axrTensorInfo info{};
  for (size_t dim : dims) info.dims[info.ndims++] = dim;
  info.bits = bits;
  return info;
}

TEST(CapiNames, TensorSizeIsComputedFromTheStruct) {
  axrTensorInfo info = tensor({4, 224, 224, 4});
  EXPECT_EQ(axr_tensor_size(&info), 4U * 224 * 224 * 4);
  info.dims[0] = 1;
  EXPECT_EQ(axr_tensor_size(&info), 224U * 224 * 4);
  info.bits = 32;
  EXPECT_EQ(axr_tensor_size(&info), 4U * 224 * 224 * 4);
  const axrTensorInfo three_nibbles = tensor({3}, 4);
  EXPECT_EQ(axr_tensor_size(&three_nibbles), 2U);
}

TEST(CapiNames, TensorSizeOfWhatIsNoTensorIsZero) {
  const auto refused = [](const axrTensorInfo* info, const char* why) {
    EXPECT_EQ(axr_tensor_size(info), 0U) << why;
    EXPECT_EQ(axr_last_error(nullptr), AXR_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(sentence(nullptr).find(why), std::string::npos) << sentence(nullptr);
  };
  refused(nullptr, "NULL");
  axrTensorInfo info = tensor({1});
  info.ndims = 9;
  refused(&info, "ndims");
  info.ndims = std::numeric_limits<size_t>::max();
  refused(&info, "ndims");
  info = tensor({1ULL << 40U, 1ULL << 40U});
  refused(&info, "too large");
}

}  // namespace
