#include <limits>

#include "polymetis/model.hpp"

namespace polymetis {

std::size_t TensorInfo::size_bytes() const noexcept {
  std::size_t product = 1;
  for (const std::size_t extent : shape) {
    if (__builtin_mul_overflow(product, extent, &product)) return std::numeric_limits<std::size_t>::max();
  }
  return product;
}

std::vector<std::size_t> TensorInfo::unpadded_shape() const {
  std::vector<std::size_t> unpadded = shape;
  for (std::size_t i = 0; i < unpadded.size() && i < padding.size(); ++i) unpadded[i] -= padding[i].before + padding[i].after;
  return unpadded;
}

}  // namespace polymetis
