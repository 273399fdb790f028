#include "model/quantise.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace polymetis::model {
namespace {

using Bytes = std::vector<std::int8_t>;
using Floats = std::vector<float>;

Bytes quantised(const Floats& real, double scale, int zero_point) {
  Bytes q(real.size());
  quantise(real, scale, zero_point, q);
  return q;
}

/// The formula of the fact sheet, word for word; std::nearbyint rounds half to even.
std::int8_t formula(float real, double scale, int zero_point) {
  const float value = std::nearbyint(real / static_cast<float>(scale) + static_cast<float>(zero_point));
  return static_cast<std::int8_t>(std::clamp(value, -128.0F, 127.0F));
}

TEST(Quantise, RoundsHalfToEvenAndClips) {
  EXPECT_EQ(quantised({0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 0.49F, 126.5F, 127.5F, 1e30F, -1e30F, -128.5F}, 1, 0),
            (Bytes{0, 2, 2, 0, -2, 0, 126, 127, 127, -128, -128}));
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(quantised({infinity, -infinity, std::nanf("")}, 0.5, 3), (Bytes{127, -128, -128}));
}

TEST(Quantise, IsTheFormula) {
  std::mt19937 random(5);
  for (const auto& [scale, zero_point] : {std::pair{1.0 / 255, -128}, {0.094, 0}, {1.2549019607843137, -102}, {3e-5, 127}}) {
    std::uniform_real_distribution<float> values(static_cast<float>(-200 * scale), static_cast<float>(200 * scale));
    Floats real(10007);
    for (float& value : real) value = values(random);
    const Bytes q = quantised(real, scale, zero_point);
    for (std::size_t i = 0; i < real.size(); ++i) ASSERT_EQ(q[i], formula(real[i], scale, zero_point)) << real[i];
  }
}

TEST(Quantise, APixelIsItselfLess128) {
  Floats real(256);
  for (int pixel = 0; pixel < 256; ++pixel) real[static_cast<std::size_t>(pixel)] = static_cast<float>(pixel) / 255.0F;
  const Bytes q = quantised(real, 0.00392156862745098, -128);
  for (int pixel = 0; pixel < 256; ++pixel) EXPECT_EQ(q[static_cast<std::size_t>(pixel)], pixel - 128);
}

TEST(Dequantise, IsTheFormulaAndTheInverse) {
  Bytes q(256);
  std::iota(q.begin(), q.end(), std::int8_t{-128});
  Floats real(256);
  dequantise(q, 0.094, 40, real);
  for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(real[i], static_cast<float>(q[i] - 40) * 0.094F);
  EXPECT_EQ(quantised(real, 0.094, 40), q);
}

TEST(Pad, PutsTheZeroPointAround) {
  TensorInfo info;
  info.shape = {1, 2, 4, 2};
  info.padding = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
  info.zero_point = -7;
  const Bytes image = {1, 2};  // 1 x 1 x 2 x 1
  Bytes padded(16, 99);
  pad(image, info, padded);
  EXPECT_EQ(padded, (Bytes{-7, -7, -7, -7, -7, -7, -7, -7, -7, -7, 1, -7, 2, -7, -7, -7}));
  Bytes back(2);
  depad(padded, info, back);
  EXPECT_EQ(back, image);
}

TEST(Pad, WithoutPaddingIsACopy) {
  TensorInfo info;
  info.shape = {2, 3, 2};
  info.padding.resize(3);
  Bytes values(12);
  std::iota(values.begin(), values.end(), std::int8_t{0});
  Bytes padded(12);
  pad(values, info, padded);
  EXPECT_EQ(padded, values);
}

/// Element by element through coordinates, on random shapes of every rank.
TEST(Pad, AgreesWithCoordinates) {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    TensorInfo info;
    info.zero_point = -100;
    const std::size_t rank = 1 + random() % 8;
    for (std::size_t i = 0; i < rank; ++i) {
      const bool plain = random() % 2 == 0;
      info.padding.push_back({plain ? 0 : random() % 3, plain ? 0 : random() % 3});
      info.shape.push_back(1 + random() % 3 + info.padding[i].before + info.padding[i].after);
    }
    const std::vector<std::size_t> bare = info.unpadded_shape();
    Bytes values(std::accumulate(bare.begin(), bare.end(), std::size_t{1}, std::multiplies<>()));
    for (auto& value : values) value = static_cast<std::int8_t>(random() % 100);
    Bytes padded(info.size_bytes());
    pad(values, info, padded);
    std::size_t next = 0;
    for (std::size_t position = 0; position < padded.size(); ++position) {
      bool inside = true;
      std::size_t rest = position;
      for (std::size_t i = rank; i-- > 0; rest /= info.shape[i]) {
        const std::size_t coordinate = rest % info.shape[i];
        inside &= coordinate >= info.padding[i].before && coordinate < info.shape[i] - info.padding[i].after;
      }
      ASSERT_EQ(padded[position], inside ? values[next++] : -100);
    }
    Bytes back(values.size());
    depad(padded, info, back);
    ASSERT_EQ(back, values);
  }
}

TEST(Transpose, MovesChannelsFirstAndBack) {
  const ImageShape shape{2, 5, 37, 3};
  Floats nhwc(shape.elements());
  std::iota(nhwc.begin(), nhwc.end(), 0.0F);
  Floats nchw(nhwc.size());
  nhwc_to_nchw<float>(nhwc, shape, nchw);
  for (std::size_t n = 0; n < shape.n; ++n) {
    for (std::size_t h = 0; h < shape.h; ++h) {
      for (std::size_t w = 0; w < shape.w; ++w) {
        for (std::size_t c = 0; c < shape.c; ++c) {
          ASSERT_EQ(nchw[((n * shape.c + c) * shape.h + h) * shape.w + w], nhwc[((n * shape.h + h) * shape.w + w) * shape.c + c]);
        }
      }
    }
  }
  Floats back(nhwc.size());
  nchw_to_nhwc<float>(nchw, shape, back);
  EXPECT_EQ(back, nhwc);
  Bytes small = {1, 2, 3, 4, 5, 6};
  Bytes planes(6);
  nhwc_to_nchw<std::int8_t>(small, {1, 1, 2, 3}, planes);
  EXPECT_EQ(planes, (Bytes{1, 4, 2, 5, 3, 6}));
}

}  // namespace
}  // namespace polymetis::model
