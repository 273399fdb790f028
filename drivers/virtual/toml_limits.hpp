#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace polymetis::virtual_card {

/// A key `a.b.c` has three parts. A topology needs four; each part is a table in a table, and tables are freed by recursion.
constexpr unsigned most_key_parts = 16;

/// Why a text is not given to the parser.
struct TomlRefusal {
  std::size_t line;  ///< from 1
  std::string_view why;
};

/// What the parser would not survive, exact up to the text's first error, where the parser stops: a key of more than `most_key_parts` parts (the
/// stack), and what is not ASCII outside of comments (toml++ 3.3 runs into what it declares unreachable). Reentrant.
std::optional<TomlRefusal> refused_before_parsing(std::string_view text) noexcept;

}  // namespace polymetis::virtual_card
