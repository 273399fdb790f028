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

}  // namespace

std::optional<std::size_t> line_of_a_long_key(std::string_view text) noexcept {
  unsigned parts = 1;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      i = end_of_string(text, i);
      continue;
    }
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '.' && ++parts > most_key_parts)
      return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i), '\n'));
    if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos) parts = 1;
    ++i;
  }
  return {};
}

}  // namespace polymetis::virtual_card
