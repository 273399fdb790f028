#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "polymetis/status.hpp"

namespace polymetis {

/// Keys and values of a call, such as "num_sub_devices=4;double_buffer=1". Keys are sorted. Reentrant.
class POLYMETIS_API Properties {
 public:
  Properties() = default;
  Properties(std::initializer_list<std::pair<const std::string, std::string>> items) : items_(items) {}

  /// Reads `key=value` items separated by ';' or newline; blanks around keys, values and items are ignored, as are empty items.
  /// Errors: `value_error` for an item without '=' or key, an item with a NUL byte, or a text over 1 MiB.
  static Expected<Properties> parse(std::string_view text);

  /// Null where `key` is not set. Valid until the next change.
  [[nodiscard]] const std::string* get(std::string_view key) const;
  void set(std::string key, std::string value) { items_[std::move(key)] = std::move(value); }
  void remove(std::string_view key);
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& items() const noexcept { return items_; }
  /// Its keys, joined by ';'.
  [[nodiscard]] std::string keys() const;

 private:
  std::map<std::string, std::string, std::less<>> items_;
};

}  // namespace polymetis
