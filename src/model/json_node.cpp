#include "model/json_node.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/try.hpp"

namespace polymetis::model {

using nlohmann::json;

namespace {

constexpr std::string_view again = "compile the network again with `polymetis compile`";

/// How deep brackets nest outside of strings. Before parsing, so that nothing recursive ever sees a deep document.
unsigned depth_of(std::string_view text) {
  unsigned depth = 0;
  unsigned deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

/// Line and column, from 1, of a position in a text.
std::string place_of(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, position);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n');
  return fmt::format("line {}, column {}", line, before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1);
}

/// The first `most` bytes, whole UTF-8 characters, so that no sentence is as long as what somebody put into a file.
std::string shortened(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80U) --most;
  return text.substr(0, most) + "...";
}

std::string shown(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return fmt::format("a list of {}", value.size());
  return shortened(value.dump(-1, ' ', true, json::error_handler_t::replace), 60);
}

}  // namespace

Expected<json> JsonNode::parse(std::string_view text, const std::string& source) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return failure(Code::value_error, fmt::format("{} is empty; {}", source, again));
  if (const unsigned depth = depth_of(text); depth > max_depth) {
    return failure(Code::value_error, fmt::format("{} nests {} deep, but {} is the limit; {}", source, depth, max_depth, again));
  }
  json document;
  try {
    document = json::parse(text);
  } catch (const json::parse_error& error) {
    const std::size_t position = error.byte > 0 ? error.byte - 1 : 0;
    const std::string_view how = position >= text.size() ? "ends too early" : "is not JSON";
    return failure(Code::value_error, fmt::format("{} {} at {}; {}", source, how, place_of(text, std::min(position, text.size())), again));
  } catch (const json::exception& error) {  // a number that no type can hold
    return failure(Code::value_error, fmt::format("{} cannot be read ({}); {}", source, shortened(error.what(), 120), again));
  }
  if (!document.is_object()) return failure(Code::value_error, fmt::format("{} is {}, but an object is wanted; {}", source, shown(document), again));
  return document;
}

Unexpected JsonNode::wrong(std::string_view wanted) const {
  return failure(Code::value_error, fmt::format("{}: {} is {}, but {} is wanted; {}", *source_, key_, shown(*value_), wanted, again));
}

Expected<JsonNode> JsonNode::at(std::string_view key) const {
  if (!value_->is_object()) return wrong("an object");
  const auto found = value_->find(key);
  if (found == value_->end()) return failure(Code::value_error, fmt::format("{}: {} is missing; {}", *source_, key_of(key), again));
  return JsonNode(*found, *source_, key_of(key));
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  if (!value_->is_object()) return std::nullopt;
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return JsonNode(*found, *source_, key_of(key));
}

Expected<std::string> JsonNode::text(std::size_t min_bytes, std::size_t max_bytes) const {
  const auto* text = value_->get_ptr<const std::string*>();
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text == nullptr || text->size() < min_bytes || text->size() > max_bytes || std::any_of(text->begin(), text->end(), is_control)) {
    return wrong(fmt::format("a text of {} to {} bytes without control characters", min_bytes, max_bytes));
  }
  return *text;
}

Expected<std::int64_t> JsonNode::integer(std::int64_t min, std::int64_t max) const {
  const bool fits = value_->is_number_integer() && (!value_->is_number_unsigned() || value_->get<std::uint64_t>() <= INT64_MAX);
  const std::int64_t number = fits ? value_->get<std::int64_t>() : 0;
  if (!fits || number < min || number > max) return wrong(fmt::format("an integer from {} to {}", min, max));
  return number;
}

Expected<double> JsonNode::number() const {
  if (!value_->is_number()) return wrong("a number");
  return value_->get<double>();
}

Expected<std::vector<JsonNode>> JsonNode::items(std::size_t min, std::size_t max) const {
  if (!value_->is_array() || value_->size() < min || value_->size() > max) {
    return wrong(min == max ? fmt::format("a list of {}", min) : fmt::format("a list of {} to {}", min, max));
  }
  std::vector<JsonNode> items;
  for (const json& item : *value_) items.push_back(JsonNode(item, *source_, fmt::format("{}[{}]", key_, items.size())));
  return items;
}

Expected<std::vector<std::pair<std::string, JsonNode>>> JsonNode::members(std::size_t max) const {
  if (!value_->is_object() || value_->size() > max) return wrong(fmt::format("an object of at most {} keys", max));
  std::vector<std::pair<std::string, JsonNode>> members;
  for (const auto& [key, value] : value_->items()) members.emplace_back(key, JsonNode(value, *source_, key_of("'" + shortened(key, 60) + "'")));
  return members;
}

}  // namespace polymetis::model
