#pragma once

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_MAX_NESTED_VALUES 16  // a topology needs seven; each takes some kilobytes of stack
#include <toml++/toml.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "polymetis/status.hpp"

namespace polymetis::virtual_card {

/// Keeps the first thing that is wrong with a file. Thread-bound.
class Complaints {
 public:
  explicit Complaints(std::string origin) : origin_(std::move(origin)) {}

  /// `node` was found where `allowed` is; later complaints are dropped.
  void add(const toml::source_region& where, std::string_view key, std::string_view found, std::string_view allowed);
  [[nodiscard]] const Status& first() const noexcept { return first_; }

 private:
  std::string origin_;
  Status first_;
};

/// Reads one table key by key and complains of what is not allowed: a wrong type, a value out of bounds, a key that nobody asked for.
/// A getter gives nothing where the key is absent or wrong. Thread-bound; borrows the table and the complaints.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string path, Complaints& complaints) : table_(table), path_(std::move(path)), complaints_(complaints) {}

  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most);
  std::optional<double> number(std::string_view key, double least, double most);
  std::optional<std::string> text(std::string_view key);
  /// One of `words`, by its place.
  std::optional<std::size_t> word(std::string_view key, const std::vector<std::string_view>& words);
  /// Integers of one kind, at least one, none twice.
  std::vector<unsigned> integers(std::string_view key, std::int64_t least, std::int64_t most);
  /// The table under `key`, or null.
  const toml::table* table(std::string_view key);
  /// The tables of an array of tables.
  std::vector<const toml::table*> tables(std::string_view key);
  const toml::node* node(std::string_view key);
  /// Complains of the key's value.
  void reject(std::string_view key, std::string_view found, std::string_view allowed);
  /// Complains of the keys that were not asked for.
  void finish();
  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  [[nodiscard]] std::string full(std::string_view key) const;
  [[nodiscard]] const toml::table& inner() const noexcept { return table_; }
  [[nodiscard]] Complaints& complaints() const noexcept { return complaints_; }

 private:
  const toml::table& table_;
  std::string path_;
  Complaints& complaints_;
  std::set<std::string, std::less<>> known_;
};

/// The first `most` bytes of what an error names, so that a long word makes no long sentence.
std::string shortened(std::string_view text, std::size_t most = 200);

/// A value as an error names it, such as `"four" (a text)`.
std::string shown(const toml::node& node);

}  // namespace polymetis::virtual_card
