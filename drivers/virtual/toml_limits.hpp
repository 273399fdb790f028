#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace polymetis::virtual_card {

/// A key `a.b.c` has three parts. A topology needs four; each part is a table in a table, and tables are freed by recursion.
constexpr unsigned most_key_parts = 16;

/// The line, from 1, of the first key of a TOML text that has more than `most_key_parts` parts; before parsing, as the parser has no such limit.
/// Exact up to the text's first error, where the parser stops. Reentrant.
std::optional<std::size_t> line_of_a_long_key(std::string_view text) noexcept;

}  // namespace polymetis::virtual_card
