#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "polymetis/status.hpp"

namespace polymetis {

/// One tensor at a card's border: int8, NHWC, padded. `real = (q - zero_point) * scale`; the pad value is the zero point. Reentrant.
struct POLYMETIS_API TensorInfo {
  /// Elements to leave out before and after, as in numpy.pad.
  struct Padding {
    std::size_t before = 0;
    std::size_t after = 0;
    friend bool operator==(const Padding&, const Padding&) = default;
  };

  std::string name;
  std::vector<std::size_t> shape;  ///< with padding and batch
  std::vector<Padding> padding;    ///< one a dimension
  double scale = 1.0;
  int zero_point = 0;

  /// Bytes, padding and batch included.
  [[nodiscard]] std::size_t size_bytes() const noexcept;
  /// The shape less its padding, batch included.
  [[nodiscard]] std::vector<std::size_t> unpadded_shape() const;
};

/// What `polymetis compile` wrote (docs/packages.md), read and checked; nothing of it is compiled or on a device yet.
///
/// Immutable once loaded, hence thread-safe; shared by value.
class POLYMETIS_API Model {
 public:
  /// Reads the package at `path`: its directory or its `model.json`.
  /// Errors: `value_error` for what is missing, damaged, hostile, of another version or made by another vendor's compiler.
  static Expected<std::shared_ptr<const Model>> load(const std::filesystem::path& path);

  std::string name;
  std::string task;                 ///< "detection", "pose", "classification" or "other"
  std::vector<std::string> labels;  ///< may be empty
  std::string content_hash;         ///< two models with one hash are the same model
  std::filesystem::path directory;
  std::filesystem::path graph;    ///< graph.xml, inside `directory`
  std::filesystem::path weights;  ///< graph.bin
  std::string preamble_graph;     ///< plain file name; empty where there is none
  std::string postamble_graph;
  std::string layer_table;
  std::size_t batch = 1;  ///< frames a run, and cores an instance
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::size_t weight_bytes = 0;
  std::size_t activation_bytes = 0;

  /// What one instance takes of a card's memory.
  [[nodiscard]] std::size_t instance_bytes() const noexcept { return weight_bytes + activation_bytes; }
};

}  // namespace polymetis
