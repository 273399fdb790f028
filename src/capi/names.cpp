#include <array>
#include <limits>

#include "capi/border.hpp"

using namespace polymetis;
using namespace polymetis::capi;

unsigned int axr_api_version() { return 1U << 16U | 8U; }

const char* axr_board_type_string(axrBoardType type) {
  static constexpr std::array<const char*, 9> names = {"alpha_pcie", "alpha_m2",    "pcie",           "m2", "devboard", "sbc",
                                                       "unknown",    "europa_pcie", "europa_devboard"};
  const auto index = static_cast<unsigned>(type);
  return index < names.size() ? names[index] : names[AXR_BOARD_METIS_MAX];
}

const char* axr_error_string(axrResult result) { return code_name(static_cast<Code>(result)).data(); }

size_t axr_tensor_size(const axrTensorInfo* info) {
  const auto refuse = [](const char* why) -> size_t {
    record_failure(Handle::none, Status(Code::invalid_argument, std::string("axr_tensor_size wants a tensor: ") + why));
    return 0;
  };
  if (info == nullptr) return refuse("NULL was given");
  if (info->ndims == 0 || info->ndims > AXR_MAX_TENSOR_DIMS) return refuse("ndims is not 1 to 8");
  size_t size_bits = info->bits;
  for (size_t i = 0; i < info->ndims; ++i) {
    if (__builtin_mul_overflow(size_bits, info->dims[i], &size_bits)) return refuse("its size is too large to count");
  }
  return size_bits / 8 + (size_bits % 8 != 0 ? 1 : 0);
}
