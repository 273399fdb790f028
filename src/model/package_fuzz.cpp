// model.json and manifest.json of a package: any bytes give a package that keeps its limits, or a sentence.

#include <array>

#include "base/fuzz_seeds.hpp"
#include "model/example_package.hpp"
#include "model/package.hpp"
#include "model/quantise.hpp"

using namespace polymetis;

namespace {

/// Between the two texts; stands in no JSON document.
constexpr std::string_view separator = "\n---\n";

void require(bool condition) {
  if (!condition) std::abort();
}

void check_tensor(const TensorInfo& info, std::size_t batch) {
  require(!info.name.empty() && !info.shape.empty() && info.shape.size() <= 8 && info.padding.size() == info.shape.size());
  require(info.shape[0] == batch && info.size_bytes() >= 1 && info.size_bytes() <= (std::size_t{1} << 30));
  require(info.scale > 0 && info.zero_point >= -128 && info.zero_point <= 127);
  if (info.size_bytes() > (1 << 16)) return;
  TensorInfo bare = info;
  bare.shape = info.unpadded_shape();
  const std::vector<std::int8_t> values(bare.size_bytes(), 1);
  std::vector<std::int8_t> padded(info.size_bytes());
  std::vector<std::int8_t> back(bare.size_bytes());
  model::pad(values, info, padded);
  model::depad(padded, info, back);
  require(back == values);
}

void check(const model::Package& package) {
  const Model& model = package.model;
  require(model.batch >= 1 && model.batch <= 64 && model.instance_bytes() <= (std::size_t{1} << 41));
  for (const auto* tensors : {&model.inputs, &model.outputs}) {
    require(!tensors->empty() && tensors->size() <= 64);
    for (const TensorInfo& tensor : *tensors) check_tensor(tensor, model.batch);
  }
  for (const model::PackageFile& file : package.files) {
    require(file.name.find('/') == std::string::npos && file.name.find('\0') == std::string::npos && file.name != ".." && file.name != ".");
    require(file.xxh3_128.size() == 32);
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const std::string own = model::ExamplePackage().json.dump();
  const std::array<std::string, 4> seeds = {
      own,
      own + std::string(separator) + R"({"quantized_model_file": "graph.xml", "quantize_params": [[0.5, 0]]})",
      R"({"memory_pools": [{"memory": "l2", "size": 1}], "inputs": [{"shape": [1, 2]}]})",
      R"({"inputs": []})" + std::string(separator) + R"({"quantized_model_file": "q.json"})",
  };
  base::write_fuzz_seeds(seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto end = bytes.find(separator);
  model::PackageText text{"/package", bytes.substr(0, end), {}, {"graph.xml"}};
  if (end != std::string_view::npos) text.manifest_json = bytes.substr(end + separator.size());
  const auto package = model::parse_package(text);
  if (package) {
    check(*package);
  } else {
    require(package.error().code() == Code::value_error && !package.error().message().empty() && package.error().message().size() < 1000);
  }
  return 0;
}
