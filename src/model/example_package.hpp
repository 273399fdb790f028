#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "model/hash.hpp"

namespace polymetis::model {

/// A small package for tests and fuzzers: right as it is made, and easy to make wrong. Its graph is no graph.
struct ExamplePackage {
  std::map<std::string, std::string> files = {
      {"graph.xml", "<net/>"}, {"graph.bin", std::string(1000, 'w')}, {"layers.json", "{}"}, {"postamble.onnx", "p"}};
  nlohmann::json json = {
      {"format_version", "1.0"},
      {"producer", "polymetis 0.1.0"},
      {"name", "example"},
      {"task", "detection"},
      {"labels", {"background", "Person"}},
      {"batch", 2},
      {"inputs", {tensor("image", {2, 6, 8, 4}, {{0, 0}, {1, 1}, {2, 3}, {0, 1}}, 1.0 / 255, -128)}},
      {"outputs", {tensor("boxes", {2, 1, 1, 64}, {{0, 0}, {0, 0}, {0, 0}, {0, 60}}, 0.094, 0), tensor("scores", {2, 5}, {{0, 0}, {0, 0}}, 0.5, 3)}},
      {"image", {{"colour", "RGB"}, {"resize", "stretch"}}},
      {"input_tensor_layout", "NHWC"},
      {"graph", "graph.xml"},
      {"weights", "graph.bin"},
      {"layer_table", "layers.json"},
      {"preamble_graph", ""},
      {"postamble_graph", "postamble.onnx"},
      {"weight_bytes", 1000},
      {"activation_bytes", 2000},
  };

  ExamplePackage() { hash_files(); }

  static nlohmann::json tensor(const char* name, std::vector<int> shape, std::vector<std::vector<int>> padding, double scale, int zero_point) {
    return {{"name", name}, {"dtype", "int8"}, {"shape", shape}, {"padding", padding}, {"scale", scale}, {"zero_point", zero_point}};
  }

  /// Makes `json` say what `files` are.
  void hash_files() {
    json["files"] = nlohmann::json::object();
    for (const auto& [name, content] : files) json["files"][name] = {{"bytes", content.size()}, {"xxh3_128", hash_of(content)}};
    hash_list();
  }
  /// Makes `content_hash` right for the `files` in `json`.
  void hash_list() {
    std::string lines;
    for (const auto& [name, entry] : json["files"].items()) lines += name + '\0' + entry.value("xxh3_128", "") + '\n';
    json["content_hash"] = "xxh3-128:" + hash_of(lines);
  }
  static std::string hash_of(const std::string& content) {
    Xxh3 hash;
    hash.add(content.data(), content.size());
    return hash.hex();
  }

  void write(const std::filesystem::path& directory) const {
    std::filesystem::create_directories(directory);
    for (const auto& [name, content] : files) std::ofstream(directory / name, std::ios::binary) << content;
    std::ofstream(directory / "model.json") << json.dump(1);
  }
};

}  // namespace polymetis::model
