#include "model/quantise.hpp"

#include <algorithm>
#include <cstring>

// Compiled with -O3 (src/CMakeLists.txt): these are plain loops for the compiler to vectorise.

namespace polymetis::model {

namespace {

constexpr std::size_t max_rank = 8;

/// Rounds half to even for |value| < 2^22, in the default rounding mode: the sum has no bits left for a fraction. SSE2 has no instruction for it.
inline float rounded(float value) noexcept {
  constexpr float shift = 12582912.0F;  // 1.5 * 2^23
  return (value + shift) - shift;
}

/// Calls `copy(padded_offset, unpadded_offset, count)` for each longest run of elements that stand side by side in both layouts.
template <class Copy>
void for_each_run(const TensorInfo& info, Copy copy) noexcept {
  const std::size_t rank = std::min({info.shape.size(), info.padding.size(), max_rank});
  std::array<std::size_t, max_rank> extent{};  // without padding
  std::array<std::size_t, max_rank> stride{};  // with padding
  std::size_t product = 1;
  std::size_t start = 0;
  for (std::size_t i = rank; i-- > 0;) {
    extent[i] = info.shape[i] - info.padding[i].before - info.padding[i].after;
    stride[i] = product;
    start += info.padding[i].before * product;
    product *= info.shape[i];
  }
  std::size_t outer = rank;  // dimensions from here on make one run
  std::size_t run = 1;
  while (outer > 0 && run == stride[outer - 1]) run *= extent[--outer];
  std::array<std::size_t, max_rank> index{};
  for (std::size_t unpadded = 0;; unpadded += run) {
    std::size_t padded = start;
    for (std::size_t i = 0; i < outer; ++i) padded += index[i] * stride[i];
    copy(padded, unpadded, run);
    std::size_t i = outer;
    while (i > 0 && ++index[i - 1] == extent[i - 1]) index[--i] = 0;
    if (i == 0) return;
  }
}

/// (rows x columns) to (columns x rows), in blocks that stay in the first cache.
template <class T>
void transpose(const T* from, std::size_t rows, std::size_t columns, T* to) noexcept {
  constexpr std::size_t block = 32;
  for (std::size_t row = 0; row < rows; row += block) {
    const std::size_t row_end = std::min(row + block, rows);
    for (std::size_t column = 0; column < columns; ++column) {
      for (std::size_t r = row; r < row_end; ++r) to[column * rows + r] = from[r * columns + column];
    }
  }
}

}  // namespace

void quantise(std::span<const float> real, double scale, int zero_point, std::span<std::int8_t> q) noexcept {
  const auto divisor = static_cast<float>(scale);
  const auto shift = static_cast<float>(zero_point);
  const float* const from = real.data();
  std::int8_t* const to = q.data();
  for (std::size_t i = 0; i < q.size(); ++i) {
    const float value = from[i] / divisor + shift;
    // clipped first, which is the same as the bounds are integers; written so that NaN becomes -128
    const float above = value > -128.0F ? value : -128.0F;
    const float inside = above < 127.0F ? above : 127.0F;
    to[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(rounded(inside)));
  }
}

void dequantise(std::span<const std::int8_t> q, double scale, int zero_point, std::span<float> real) noexcept {
  const auto factor = static_cast<float>(scale);
  const std::int8_t* const from = q.data();
  float* const to = real.data();
  for (std::size_t i = 0; i < real.size(); ++i) to[i] = static_cast<float>(from[i] - zero_point) * factor;
}

void pad(std::span<const std::int8_t> unpadded, const TensorInfo& info, std::span<std::int8_t> padded) noexcept {
  if (padded.size() != unpadded.size()) std::memset(padded.data(), info.zero_point, padded.size());
  for_each_run(info, [&](std::size_t to, std::size_t from, std::size_t count) { std::memcpy(padded.data() + to, unpadded.data() + from, count); });
}

void depad(std::span<const std::int8_t> padded, const TensorInfo& info, std::span<std::int8_t> unpadded) noexcept {
  for_each_run(info, [&](std::size_t from, std::size_t to, std::size_t count) { std::memcpy(unpadded.data() + to, padded.data() + from, count); });
}

template <class T>
void nhwc_to_nchw(std::span<const T> nhwc, const ImageShape& shape, std::span<T> nchw) noexcept {
  const std::size_t image = shape.h * shape.w * shape.c;
  for (std::size_t n = 0; n < shape.n; ++n) transpose(nhwc.data() + n * image, shape.h * shape.w, shape.c, nchw.data() + n * image);
}

template <class T>
void nchw_to_nhwc(std::span<const T> nchw, const ImageShape& shape, std::span<T> nhwc) noexcept {
  const std::size_t image = shape.h * shape.w * shape.c;
  for (std::size_t n = 0; n < shape.n; ++n) transpose(nchw.data() + n * image, shape.c, shape.h * shape.w, nhwc.data() + n * image);
}

template void nhwc_to_nchw(std::span<const float>, const ImageShape&, std::span<float>) noexcept;
template void nhwc_to_nchw(std::span<const std::int8_t>, const ImageShape&, std::span<std::int8_t>) noexcept;
template void nchw_to_nhwc(std::span<const float>, const ImageShape&, std::span<float>) noexcept;
template void nchw_to_nhwc(std::span<const std::int8_t>, const ImageShape&, std::span<std::int8_t>) noexcept;

}  // namespace polymetis::model
