#include "virtual/toml_limits.hpp"

#include <algorithm>

namespace polymetis::virtual_card {

namespace {

/// The end of the string that begins at `start`, behind its closing quotes.
std::size_t end_of_string(std::string_view text, std::size_t start) noexcept {
  const char quote = text[start];
  const std::string_view three = quote == '"' ? "\"\"\"" : "'''";
  const bool long_string = text.substr(start, 3) == three;
  for (std::size_t i = start + (long_string ? 3 : 1); i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (long_string && text.substr(i, 3) == three) {
      i += 3;
      for (int more = 0; more < 2 && i < text.size() && text[i] == quote; ++more) ++i;  // up to two quotes may stand before the closing three
      return i;
    } else if (!long_string && (text[i] == quote || text[i] == '\n')) {
      return i + (text[i] == quote ? 1 : 0);
    }
  }
  return text.size();
}

bool is_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

TomlRefusal refusal(std::string_view text, std::size_t position, std::string_view why) noexcept {
  const auto before = text.substr(0, position);
  return {1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')), why};
}

}  // namespace

std::optional<TomlRefusal> refused_before_parsing(std::string_view text) noexcept {
  static_assert(most_key_parts == 16);
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  unsigned parts = 1;
  for (std::size_t i = text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0; i < text.size();) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    const std::size_t end = c == '"' || c == '\'' ? end_of_string(text, i) : i + 1;
    if (!is_ascii(text.substr(i, end - i))) return refusal(text, i, "a character that is not ASCII stands outside of a comment");
    if (c == '.' && ++parts > most_key_parts) return refusal(text, i, "a key has more than 16 parts (a.b.c has three)");
    if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos) parts = 1;
    i = end;
  }
  return {};
}

}  // namespace polymetis::virtual_card
