#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "polymetis/model.hpp"

/// Between numbers and a card's tensors, as docs/packages.md says. All are reentrant, allocate nothing on the heap, and compute in float32 as
/// NumPy does for float32 arrays. Sizes must fit each other: they are the caller's to check. Nothing may overlap.

namespace polymetis::model {

/// `q = clip(round_half_even(real / scale + zero_point), -128, 127)`; NaN gives -128. As many elements in as out.
void quantise(std::span<const float> real, double scale, int zero_point, std::span<std::int8_t> q) noexcept;

/// `real = (q - zero_point) * scale`. As many elements in as out.
void dequantise(std::span<const std::int8_t> q, double scale, int zero_point, std::span<float> real) noexcept;

/// Copies a tensor of `info.unpadded_shape()` into one of `info.shape`; the padding becomes the zero point.
void pad(std::span<const std::int8_t> unpadded, const TensorInfo& info, std::span<std::int8_t> padded) noexcept;

/// Copies a tensor of `info.shape` without its padding.
void depad(std::span<const std::int8_t> padded, const TensorInfo& info, std::span<std::int8_t> unpadded) noexcept;

/// Images, or what has their rank: `n` of them, `h` x `w`, of `c` channels.
struct ImageShape {
  std::size_t n = 1;
  std::size_t h = 1;
  std::size_t w = 1;
  std::size_t c = 1;

  [[nodiscard]] std::size_t elements() const noexcept { return n * h * w * c; }
};

/// From channels last to channels first, and back. `T` is float or std::int8_t.
template <class T>
void nhwc_to_nchw(std::span<const T> nhwc, const ImageShape& shape, std::span<T> nchw) noexcept;
template <class T>
void nchw_to_nhwc(std::span<const T> nchw, const ImageShape& shape, std::span<T> nhwc) noexcept;

}  // namespace polymetis::model
