#include "model/package.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/try.hpp"
#include "model/hash.hpp"
#include "model/json_node.hpp"
#include "model/package_tensors.hpp"

namespace polymetis::model {

namespace {

constexpr unsigned supported_major = 1;
constexpr std::size_t max_files = 64;
constexpr std::size_t max_name_bytes = 255;
constexpr std::size_t max_labels = 65536;
constexpr std::int64_t max_memory_bytes = std::int64_t{1} << 40;
constexpr std::string_view hash_prefix = "xxh3-128:";

bool is_kernel(std::string_view name) { return name.starts_with("kernel_function"); }

bool has_vendor_manifest(std::string_view text) {
  const auto manifest = JsonNode::parse(text, "manifest.json");
  return manifest && manifest->contains("quantized_model_file");
}

bool is_vendors(const nlohmann::json& document, const PackageText& text) {
  if (document.contains("format_version")) return false;
  const auto kernel_key = [](const auto& item) { return is_kernel(item.key()); };
  const auto items = document.items();
  return document.contains("memory_pools") || std::any_of(items.begin(), items.end(), kernel_key) ||
         std::any_of(text.file_names.begin(), text.file_names.end(), is_kernel) || has_vendor_manifest(text.manifest_json);
}

Status check_version(const JsonNode& root) {
  const JsonNode node = TRY(root.at("format_version"));
  const std::string version = TRY(node.text(1, 32));
  unsigned major = 0;
  unsigned minor = 0;
  const char* end = version.data() + version.size();
  const auto [dot, error] = std::from_chars(version.data(), end, major);
  const bool has_dot = error == std::errc() && dot != end && *dot == '.';
  const auto rest = has_dot ? std::from_chars(dot + 1, end, minor) : std::from_chars_result{dot, std::errc::invalid_argument};
  if (rest.ec != std::errc() || rest.ptr != end) return node.wrong("\"major.minor\"").value();
  if (major != supported_major) return node.wrong(fmt::format("{}.x, which this version of Polymetis reads,", supported_major)).value();
  return {};
}

bool is_plain_name(std::string_view name) { return name != "." && name != ".." && name.find_first_of("/\\") == std::string_view::npos; }

bool is_hex128(std::string_view text) { return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

Expected<PackageFile> read_file_entry(const std::string& name, const JsonNode& node) {
  const bool has_control = std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (name.empty() || name.size() > max_name_bytes || has_control || !is_plain_name(name)) return node.wrong("a plain file name as its key");
  PackageFile file{name, 0, {}};
  file.size_bytes = static_cast<std::uint64_t>(TRY(TRY(node.at("bytes")).integer(1, max_memory_bytes)));
  const JsonNode hash = TRY(node.at("xxh3_128"));
  file.xxh3_128 = TRY(hash.text(0, max_name_bytes));
  if (!is_hex128(file.xxh3_128)) return hash.wrong("a text of 32 lower-case hex digits");
  return file;
}

Expected<std::vector<PackageFile>> read_files(const JsonNode& root) {
  std::vector<PackageFile> files;
  for (const auto& [name, node] : TRY(TRY(root.at("files")).members(max_files))) files.push_back(TRY(read_file_entry(name, node)));
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

Expected<std::string> read_content_hash(const JsonNode& root, const std::vector<PackageFile>& files) {
  Xxh3 hash;
  for (const PackageFile& file : files) {
    const std::string line = file.name + '\0' + file.xxh3_128 + '\n';
    hash.add(line.data(), line.size());
  }
  const std::string wanted = std::string(hash_prefix) + hash.hex();
  const JsonNode node = TRY(root.at("content_hash"));
  if (TRY(node.text(0, max_name_bytes)) != wanted) return node.wrong(fmt::format("\"{}\", the hash of `files`,", wanted));
  return wanted;
}

enum class Presence { required, optional };

/// The name of a file under `key`, which is one of `files`; empty where there may be none and is none.
Expected<std::string> read_file_name(const JsonNode& root, std::string_view key, const std::vector<PackageFile>& files, Presence presence) {
  if (presence == Presence::optional && !root.find(key)) return std::string();
  const JsonNode node = TRY(root.at(key));
  std::string name = TRY(node.text(0, max_name_bytes));
  if (name.empty() && presence == Presence::optional) return name;
  const bool known = std::any_of(files.begin(), files.end(), [&](const PackageFile& file) { return file.name == name; });
  if (!known) return node.wrong("a name that stands in `files`");
  return name;
}

Expected<std::string> read_task(const JsonNode& root) {
  static constexpr std::array<std::string_view, 4> tasks = {"detection", "pose", "classification", "other"};
  const JsonNode node = TRY(root.at("task"));
  std::string task = TRY(node.text(0, max_name_bytes));
  if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) return node.wrong("\"detection\", \"pose\", \"classification\" or \"other\"");
  return task;
}

Expected<std::vector<std::string>> read_labels(const JsonNode& root) {
  std::vector<std::string> labels;
  const auto node = root.find("labels");
  if (!node) return labels;
  for (const JsonNode& label : TRY(node->items(0, max_labels))) labels.push_back(TRY(label.text(0, max_name_bytes)));
  return labels;
}

Status check_layout(const JsonNode& root) {
  const auto node = root.find("input_tensor_layout");
  if (node && TRY(node->text(0, max_name_bytes)) != "NHWC") return node->wrong("\"NHWC\"").value();
  return {};
}

Status read_file_names(const JsonNode& root, Package& package) {
  Model& model = package.model;
  model.graph = TRY(read_file_name(root, "graph", package.files, Presence::required));
  model.weights = TRY(read_file_name(root, "weights", package.files, Presence::required));
  model.preamble_graph = TRY(read_file_name(root, "preamble_graph", package.files, Presence::optional));
  model.postamble_graph = TRY(read_file_name(root, "postamble_graph", package.files, Presence::optional));
  model.layer_table = TRY(read_file_name(root, "layer_table", package.files, Presence::optional));
  return {};
}

}  // namespace

Expected<Package> parse_package(const PackageText& text) {
  const std::string source = fmt::format("model.json of the package '{}'", text.directory);
  const nlohmann::json document = TRY(JsonNode::parse(text.model_json, source));
  if (is_vendors(document, text)) {
    return failure(Code::value_error,
                   fmt::format("the package '{}' was made by the vendor's compiler for the vendor's own runtime; compile the network's "
                               "ONNX or TFLite file for Polymetis with `polymetis compile`.",
                               text.directory));
  }
  const JsonNode root(document, source);
  TRY(check_version(root));
  Package package;
  Model& model = package.model;
  model.name = TRY(TRY(root.at("name")).text(1, max_name_bytes));
  model.task = TRY(read_task(root));
  model.labels = TRY(read_labels(root));
  package.files = TRY(read_files(root));
  model.content_hash = TRY(read_content_hash(root, package.files));
  TRY(read_file_names(root, package));
  TRY(check_layout(root));
  model.batch = static_cast<std::size_t>(TRY(TRY(root.at("batch")).integer(1, 64)));
  model.inputs = TRY(read_tensors(root, "inputs", model.batch));
  model.outputs = TRY(read_tensors(root, "outputs", model.batch));
  model.weight_bytes = static_cast<std::size_t>(TRY(TRY(root.at("weight_bytes")).integer(0, max_memory_bytes)));
  model.activation_bytes = static_cast<std::size_t>(TRY(TRY(root.at("activation_bytes")).integer(0, max_memory_bytes)));
  return package;
}

}  // namespace polymetis::model
