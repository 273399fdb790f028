#include "runtime/property_reader.hpp"

#include <fmt/format.h>

#include <charconv>

namespace polymetis::runtime {

bool parse_number(const std::string& text, std::size_t& to, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to, base);
  return error == std::errc() && end == text.data() + text.size();
}

void PropertyReader::flag(const std::string& key, bool& to) {
  value(key, "0 or 1", [&to](const std::string& text) {
    const bool yes = text == "1" || text == "true" || text == "True";
    if (!yes && text != "0" && text != "false" && text != "False") return false;
    to = yes;
    return true;
  });
}

void PropertyReader::number(const std::string& key, std::size_t least, std::size_t most, std::size_t& to) {
  value(key, fmt::format("a number from {} to {}", least, most), [&to, least, most](const std::string& text) {
    std::size_t number = 0;
    if (!parse_number(text, number) || number < least || number > most) return false;
    to = number;
    return true;
  });
}

void PropertyReader::value(const std::string& key, std::string allowed, std::function<bool(const std::string&)> read) {
  keys_[key] = {std::move(allowed), std::move(read)};
}

Status PropertyReader::read(const Properties& properties) const {
  for (const auto& [key, value] : properties.items()) {
    const auto known = keys_.find(key);
    if (known == keys_.end()) {
      std::string all;
      for (const auto& [name, unused] : keys_) all += (all.empty() ? "" : ", ") + name;
      return {Code::invalid_configuration, fmt::format("{} knows no property '{}'; it knows {}", call_, key, all)};
    }
    if (!known->second.read(value)) {
      return {Code::value_error, fmt::format("{}: the property {} is '{}'; allowed is {}", call_, key, value, known->second.allowed)};
    }
  }
  return {};
}

}  // namespace polymetis::runtime
