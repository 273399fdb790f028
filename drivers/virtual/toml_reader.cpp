#include "virtual/toml_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace polymetis::virtual_card {

std::string shortened(std::string_view text, std::size_t most) {
  return text.size() <= most ? std::string(text) : fmt::format("{}...", text.substr(0, most));
}

std::string shown(const toml::node& node) {
  if (const auto* text = node.as_string()) return fmt::format("\"{}\"", shortened(text->get(), 80));
  if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  if (node.is_table()) return "a table";
  if (node.is_array()) return fmt::format("a list of {}", node.as_array()->size());
  return "a date or time";
}

void Complaints::add(const toml::source_region& where, std::string_view key, std::string_view found, std::string_view allowed) {
  if (!first_.ok()) return;
  const auto line = where.begin ? fmt::format(", line {}", where.begin.line) : std::string();
  first_ = Status(Code::invalid_configuration,
                  fmt::format("topology {}{}, key \"{}\": {} was found, allowed is {}", origin_, line, shortened(key), found, allowed));
}

std::string TableReader::full(std::string_view key) const { return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key); }

const toml::node* TableReader::node(std::string_view key) {
  known_.emplace(key);
  return table_.get(key);
}

void TableReader::reject(std::string_view key, std::string_view found, std::string_view allowed) {
  const auto* found_node = table_.get(key);
  complaints_.add(found_node != nullptr ? found_node->source() : table_.source(), full(key), found, allowed);
}

std::optional<std::int64_t> TableReader::integer(std::string_view key, std::int64_t least, std::int64_t most) {
  const auto* found = node(key);
  if (found == nullptr) return {};
  const auto* value = found->as_integer();
  if (value != nullptr && value->get() >= least && value->get() <= most) return value->get();
  reject(key, shown(*found), fmt::format("an integer from {} to {}", least, most));
  return {};
}

std::optional<double> TableReader::number(std::string_view key, double least, double most) {
  const auto* found = node(key);
  if (found == nullptr) return {};
  const auto value = found->is_number() ? found->value<double>() : std::optional<double>();
  if (value && *value >= least && *value <= most) return value;
  reject(key, shown(*found), fmt::format("a number from {} to {}", least, most));
  return {};
}

std::optional<std::string> TableReader::text(std::string_view key) {
  const auto* found = node(key);
  if (found == nullptr) return {};
  if (const auto* value = found->as_string()) return value->get();
  reject(key, shown(*found), "a text");
  return {};
}

std::optional<std::size_t> TableReader::word(std::string_view key, const std::vector<std::string_view>& words) {
  const auto* found = node(key);
  if (found == nullptr) return {};
  const auto* value = found->as_string();
  const auto place = value == nullptr ? words.end() : std::find(words.begin(), words.end(), value->get());
  if (place != words.end()) return static_cast<std::size_t>(place - words.begin());
  reject(key, shown(*found), fmt::format("one of \"{}\"", fmt::join(words, "\", \"")));
  return {};
}

std::vector<unsigned> TableReader::integers(std::string_view key, std::int64_t least, std::int64_t most) {
  const auto* found = node(key);
  if (found == nullptr) return {};
  const auto allowed = fmt::format("a list of different integers from {} to {}, at least one", least, most);
  std::vector<unsigned> values;
  const auto* list = found->as_array();
  if (list == nullptr || list->empty()) return reject(key, shown(*found), allowed), values;
  for (const auto& item : *list) {
    const auto* value = item.as_integer();
    const bool good = value != nullptr && value->get() >= least && value->get() <= most;
    if (!good) return reject(key, shown(item), allowed), std::vector<unsigned>();
    const auto number = static_cast<unsigned>(value->get());
    if (std::find(values.begin(), values.end(), number) != values.end()) {
      return reject(key, fmt::format("{} twice", number), allowed), std::vector<unsigned>();
    }
    values.push_back(number);
  }
  return values;
}

const toml::table* TableReader::table(std::string_view key) {
  const auto* found = node(key);
  if (found == nullptr) return nullptr;
  if (!found->is_table()) reject(key, shown(*found), fmt::format("a table [{}]", full(key)));
  return found->as_table();
}

std::vector<const toml::table*> TableReader::tables(std::string_view key) {
  std::vector<const toml::table*> result;
  const auto* found = node(key);
  if (found == nullptr) return result;
  const auto* list = found->as_array();
  const auto allowed = fmt::format("tables [[{}]]", full(key));
  if (list == nullptr) return reject(key, shown(*found), allowed), result;
  for (const auto& item : *list) {
    if (!item.is_table()) return reject(key, shown(item), allowed), std::vector<const toml::table*>();
    result.push_back(item.as_table());
  }
  return result;
}

void TableReader::finish() {
  for (const auto& [key, value] : table_) {
    if (known_.contains(key.str())) continue;
    complaints_.add(key.source().begin ? key.source() : value.source(), full(key.str()), "an unknown key",
                    fmt::format("one of {}", fmt::join(known_, ", ")));
    return;
  }
}

}  // namespace polymetis::virtual_card
