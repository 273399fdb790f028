#include "polymetis/properties.hpp"

#include <fmt/format.h>

namespace polymetis {

namespace {

constexpr std::size_t max_text_bytes = 1 << 20;
constexpr std::string_view blanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// For a message: short, and what cannot be shown as '?'.
std::string shown(std::string_view item) {
  std::string text(item.substr(0, 60));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return item.size() > 60 ? text + "..." : text;
}

Unexpected bad_item(std::string_view item, std::string_view found) {
  return failure(Code::value_error, fmt::format("property '{}' {}; write key=value, items separated by ';' or newline", shown(item), found));
}

}  // namespace

Expected<Properties> Properties::parse(std::string_view text) {
  if (text.size() > max_text_bytes) {
    return failure(Code::value_error, fmt::format("the properties have {} bytes, but at most {} are taken; pass fewer", text.size(), max_text_bytes));
  }
  Properties properties;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(";\n"), text.size());
    const std::string_view item = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (item.empty()) continue;
    if (item.find('\0') != std::string_view::npos) return bad_item(item, "has a NUL byte");
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) return bad_item(item, "has no '='");
    const std::string_view key = trimmed(item.substr(0, equals));
    if (key.empty()) return bad_item(item, "has no key before '='");
    properties.set(std::string(key), std::string(trimmed(item.substr(equals + 1))));
  }
  return properties;
}

const std::string* Properties::get(std::string_view key) const {
  const auto found = items_.find(key);
  return found == items_.end() ? nullptr : &found->second;
}

void Properties::remove(std::string_view key) {
  if (const auto found = items_.find(key); found != items_.end()) items_.erase(found);
}

std::string Properties::keys() const {
  std::string joined;
  for (const auto& [key, value] : items_) joined.append(joined.empty() ? "" : ";").append(key);
  return joined;
}

}  // namespace polymetis
