#include "conformance/test_package.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <openvino/openvino.hpp>
#include <openvino/opsets/opset8.hpp>
#include <stdexcept>

namespace polymetis::testing {

namespace {

namespace ops = ov::opset8;
using nlohmann::json;

constexpr std::size_t side = 256;  // of the matrix

/// Something that takes time and leads to zero, so that the result stays known.
ov::Output<ov::Node> busy(const ov::Output<ov::Node>& value, std::size_t products) {
  const std::vector<float> weights(side * side, 1.0F / side);
  ov::Output<ov::Node> mean = std::make_shared<ops::ReduceMean>(value, ops::Constant::create(ov::element::i64, {4}, {0, 1, 2, 3}), true);
  mean = std::make_shared<ops::Broadcast>(std::make_shared<ops::Reshape>(mean, ops::Constant::create(ov::element::i64, {2}, {1, 1}), false),
                                          ops::Constant::create(ov::element::i64, {2}, {side, side}));
  for (std::size_t i = 0; i < products; ++i) {
    auto matrix = ops::Constant::create(ov::element::f32, {side, side}, weights);
    mean = std::make_shared<ops::Tanh>(std::make_shared<ops::MatMul>(mean, matrix));
  }
  const auto all = std::make_shared<ops::ReduceMax>(mean, ops::Constant::create(ov::element::i64, {2}, {0, 1}), false);
  // tanh is below 1, so the floor of a hundredth of its square is 0
  const auto square = std::make_shared<ops::Multiply>(all, all);
  return std::make_shared<ops::Floor>(std::make_shared<ops::Multiply>(square, ops::Constant::create(ov::element::f32, {}, {0.01F})));
}

std::shared_ptr<ov::Model> build(const TestNetwork& network) {
  ov::ParameterVector parameters;
  ov::OutputVector reals, results;
  for (std::size_t i = 0; i < network.inputs; ++i) {
    parameters.push_back(std::make_shared<ops::Parameter>(ov::element::i8, ov::Shape(network.shape)));
    parameters.back()->set_friendly_name(fmt::format("input_{}", i));
    parameters.back()->get_output_tensor(0).set_names({fmt::format("input_{}", i)});
    reals.push_back(std::make_shared<ops::Convert>(parameters.back(), ov::element::f32));
  }
  for (std::size_t i = 0; i < network.outputs; ++i) {
    ov::Output<ov::Node> sum = std::make_shared<ops::Add>(
        reals[i % network.inputs], ops::Constant::create(ov::element::f32, {}, {static_cast<float>(network.add) + static_cast<float>(i)}));
    if (network.work > 0) sum = std::make_shared<ops::Add>(sum, busy(reals[i % network.inputs], network.work));
    const auto clipped = std::make_shared<ops::Clamp>(sum, -128.0, 127.0);
    const auto quantised = std::make_shared<ops::Convert>(clipped, ov::element::i8);
    quantised->get_output_tensor(0).set_names({fmt::format("output_{}", i)});
    results.push_back(quantised);
  }
  auto model = std::make_shared<ov::Model>(results, parameters, network.name);
  // names of the engine's own count through the process: the same network would not be the same bytes
  std::size_t number = 0;
  for (const auto& node : model->get_ordered_ops()) {
    if (!ov::is_type<ops::Parameter>(node)) node->set_friendly_name(fmt::format("node_{}", number++));
  }
  return model;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream stream(path, std::ios::binary);
  stream << text;
  if (!stream.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string hash(const std::string& text) {
  const auto value = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", value.high64, value.low64);
}

json tensors(const TestNetwork& network, std::string_view name, std::size_t count) {
  json list = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    json padding = json::array();
    for (std::size_t d = 0; d < network.shape.size(); ++d) padding.push_back({0, 0});
    list.push_back({{"name", fmt::format("{}_{}", name, i)},
                    {"dtype", "int8"},
                    {"shape", network.shape},
                    {"padding", padding},
                    {"scale", network.scale},
                    {"zero_point", network.zero_point}});
  }
  return list;
}

void add_hashes(json& model, const std::filesystem::path& directory) {
  std::string lines;
  for (const auto* name : {"graph.bin", "graph.xml"}) {  // sorted
    const auto text = read_file(directory / name);
    model["files"][name] = {{"bytes", text.size()}, {"xxh3_128", hash(text)}};
    lines += std::string(name) + '\0' + hash(text) + '\n';
  }
  model["content_hash"] = "xxh3-128:" + hash(lines);
}

}  // namespace

std::filesystem::path write_test_package(const std::filesystem::path& directory, const TestNetwork& network) {
  std::filesystem::create_directories(directory);
  ov::save_model(build(network), (directory / "graph.xml").string(), false);
  std::size_t elements = 1;
  for (const auto extent : network.shape) elements *= extent;
  json model = {{"format_version", "1.0"},
                {"producer", "polymetis test"},
                {"name", network.name},
                {"task", "other"},
                {"batch", network.shape.at(0)},
                {"inputs", tensors(network, "input", network.inputs)},
                {"outputs", tensors(network, "output", network.outputs)},
                {"input_tensor_layout", "NHWC"},
                {"graph", "graph.xml"},
                {"weights", "graph.bin"},
                {"layer_table", ""},
                {"preamble_graph", ""},
                {"postamble_graph", ""},
                {"weight_bytes", std::filesystem::file_size(directory / "graph.bin")},
                {"activation_bytes", elements * (network.inputs + network.outputs)}};
  add_hashes(model, directory);
  write_file(directory / "model.json", model.dump(1) + "\n");
  return directory;
}

void refresh_hashes(const std::filesystem::path& directory) {
  auto model = json::parse(read_file(directory / "model.json"));
  add_hashes(model, directory);
  write_file(directory / "model.json", model.dump(1) + "\n");
}

TemporaryFolder::TemporaryFolder() {
  auto pattern = (std::filesystem::temp_directory_path() / "polymetis-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

}  // namespace polymetis::testing
