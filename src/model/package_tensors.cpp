#include "model/package_tensors.hpp"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "base/try.hpp"

namespace polymetis::model {

namespace {

constexpr std::size_t max_tensors = 64;
constexpr std::size_t max_rank = 8;
constexpr std::size_t max_name_bytes = 255;
constexpr std::int64_t max_tensor_bytes = 1 << 30;

Expected<std::vector<std::size_t>> read_shape(const JsonNode& node, std::size_t batch) {
  std::vector<std::size_t> shape;
  std::size_t product = 1;
  for (const JsonNode& extent : TRY(node.items(1, max_rank))) {
    shape.push_back(static_cast<std::size_t>(TRY(extent.integer(1, max_tensor_bytes))));
    if (__builtin_mul_overflow(product, shape.back(), &product) || product > static_cast<std::size_t>(max_tensor_bytes)) {
      return node.wrong("a tensor of at most 1 GiB");
    }
    if (shape.size() == 1 && shape[0] != batch) return extent.wrong(fmt::format("the batch, {},", batch));
  }
  return shape;
}

Expected<TensorInfo::Padding> read_pair(const JsonNode& node, std::size_t extent) {
  const auto pair = TRY(node.items(2, 2));
  const std::int64_t before = TRY(pair[0].integer(0, static_cast<std::int64_t>(extent)));
  const std::int64_t after = TRY(pair[1].integer(0, static_cast<std::int64_t>(extent)));
  if (before + after >= static_cast<std::int64_t>(extent)) return node.wrong(fmt::format("[before, after] with a sum below {}", extent));
  return TensorInfo::Padding{static_cast<std::size_t>(before), static_cast<std::size_t>(after)};
}

Expected<std::vector<TensorInfo::Padding>> read_padding(const JsonNode& node, const std::vector<std::size_t>& shape) {
  std::vector<TensorInfo::Padding> padding;
  for (const JsonNode& pair : TRY(node.items(shape.size(), shape.size()))) {
    padding.push_back(TRY(read_pair(pair, shape[padding.size()])));
    if (padding.size() == 1 && !(padding[0] == TensorInfo::Padding{})) return pair.wrong("[0, 0], as a batch is never padded,");
  }
  return padding;
}

Expected<double> read_scale(const JsonNode& node) {
  const double scale = TRY(node.number());
  const auto single = static_cast<float>(scale);  // as dequantisation computes
  if (!std::isfinite(single) || single < std::numeric_limits<float>::min()) return node.wrong("a number above 0 that a float can hold");
  return scale;
}

Expected<TensorInfo> read_tensor(const JsonNode& node, std::size_t batch) {
  TensorInfo tensor;
  tensor.name = TRY(TRY(node.at("name")).text(1, max_name_bytes));
  const JsonNode type = TRY(node.at("dtype"));
  if (TRY(type.text(0, max_name_bytes)) != "int8") return type.wrong("\"int8\"");
  tensor.shape = TRY(read_shape(TRY(node.at("shape")), batch));
  tensor.padding = TRY(read_padding(TRY(node.at("padding")), tensor.shape));
  tensor.scale = TRY(read_scale(TRY(node.at("scale"))));
  tensor.zero_point = static_cast<int>(TRY(TRY(node.at("zero_point")).integer(-128, 127)));
  return tensor;
}

}  // namespace

Expected<std::vector<TensorInfo>> read_tensors(const JsonNode& root, std::string_view key, std::size_t batch) {
  std::vector<TensorInfo> tensors;
  std::set<std::string> names;
  for (const JsonNode& node : TRY(TRY(root.at(key)).items(1, max_tensors))) {
    tensors.push_back(TRY(read_tensor(node, batch)));
    if (!names.insert(tensors.back().name).second) return TRY(node.at("name")).wrong("a name that no other tensor of the list has");
  }
  return tensors;
}

}  // namespace polymetis::model
