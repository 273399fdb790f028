#include "device/device_identity.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace polymetis::device {

namespace {

std::string file_stem(std::string_view name) {
  std::string stem;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (c == ':') {
      stem += '-';
    } else if (plain && !(c == '.' && stem.empty())) {
      stem += c;
    } else {
      stem += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return stem;
}

/// One line stays one line.
std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

/// Takes the next line off `text`.
std::string_view next_line(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

std::filesystem::path device_file(const std::filesystem::path& run_directory, std::string_view device_name, std::string_view suffix) {
  return run_directory / file_stem(device_name).append(suffix);
}

std::string description_text(const DeviceDescription& device) {
  std::string name = device.name;
  std::replace(name.begin(), name.end(), ':', '-');
  return fmt::format("origin: {}\nname: {}\ncores: {}\nmemory_bytes: {}\nboard: {}\nboard_type: {}\nreality: {}\nbehaviour: {}\n",
                     one_line(device.origin), one_line(name), device.core_count, device.memory_bytes, one_line(device.board),
                     static_cast<int>(device.board_type), device.reality == Reality::real ? "real" : "simulated", one_line(device.behaviour));
}

std::string_view without_origin(std::string_view description) noexcept {
  if (description.starts_with("origin: ")) next_line(description);
  return description;
}

std::string difference_of(std::string_view there, std::string_view here) {
  std::string text;
  while (!there.empty() || !here.empty()) {
    const std::string_view left = next_line(there);
    const std::string_view right = next_line(here);
    const std::size_t key_end = std::min(left.find(": "), right.find(": "));
    const std::string_view key = right.substr(0, std::min(key_end, right.size()));
    if (left == right && key != "origin") continue;
    const auto value = [&](std::string_view line) { return line.size() > key.size() + 2 ? line.substr(key.size() + 2) : std::string_view(); };
    if (!text.empty()) text += "; ";
    text += left == right ? fmt::format("{} is '{}' for both", key, value(right))
                          : fmt::format("{} is '{}' there and '{}' here", key, value(left), value(right));
  }
  return text;
}

std::uint64_t description_hash(const DeviceDescription& device) {
  const std::string text = description_text(device);
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : without_origin(text)) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

}  // namespace polymetis::device
