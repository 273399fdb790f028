#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "polymetis/status.hpp"

namespace polymetis::model {

/// A value inside a JSON document that nobody has checked yet, and where it stands: each error names the document, the key, what was
/// found and what was wanted. Reentrant; borrows the document.
class JsonNode {
 public:
  /// Reads a document of at most `max_depth` levels. `source` is how messages call it.
  /// Errors: `value_error` empty, not JSON (with line and column), too deep, not an object.
  static Expected<nlohmann::json> parse(std::string_view text, const std::string& source);

  /// Borrows both.
  JsonNode(const nlohmann::json& value, const std::string& source) : value_(&value), source_(&source) {}

  /// Error: there is no such key, or this is not an object.
  [[nodiscard]] Expected<JsonNode> at(std::string_view key) const;
  /// Nothing where the key is absent or null.
  [[nodiscard]] std::optional<JsonNode> find(std::string_view key) const;
  /// UTF-8 without control characters.
  [[nodiscard]] Expected<std::string> text(std::size_t min_bytes, std::size_t max_bytes) const;
  [[nodiscard]] Expected<std::int64_t> integer(std::int64_t min, std::int64_t max) const;
  [[nodiscard]] Expected<double> number() const;
  [[nodiscard]] Expected<std::vector<JsonNode>> items(std::size_t min, std::size_t max) const;
  /// The members of an object, sorted by key.
  [[nodiscard]] Expected<std::vector<std::pair<std::string, JsonNode>>> members(std::size_t max) const;
  /// "<source>: <key> is <found>, but <wanted>; what to do".
  [[nodiscard]] Unexpected wrong(std::string_view wanted) const;

  static constexpr unsigned max_depth = 16;

 private:
  JsonNode(const nlohmann::json& value, const std::string& source, std::string key) : value_(&value), source_(&source), key_(std::move(key)) {}
  [[nodiscard]] std::string key_of(std::string_view member) const { return key_.empty() ? std::string(member) : key_ + "." + std::string(member); }

  const nlohmann::json* value_;
  const std::string* source_;
  std::string key_;
};

}  // namespace polymetis::model
