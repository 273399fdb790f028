#include "virtual/topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "virtual/behaviour.hpp"

namespace polymetis::virtual_card {

namespace {

Expected<std::string> read_text(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return failure(Code::invalid_configuration, fmt::format("the topology file {} {}: name a TOML file, see docs/topology.md", file.string(),
                                                            std::filesystem::exists(file, error) ? "is not a file" : "does not exist"));
  }
  const auto bytes = std::filesystem::file_size(file, error);
  if (!error && bytes > most_topology_bytes) {
    return failure(Code::invalid_configuration,
                   fmt::format("the topology file {} has {} bytes, at most {} are read", file.string(), bytes, most_topology_bytes));
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text(static_cast<std::size_t>(error ? 0 : bytes), '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (error || !stream) return failure(Code::invalid_configuration, fmt::format("the topology file {} cannot be read", file.string()));
  return text;
}

DeviceSpec default_card(std::string name) {
  DeviceSpec card;
  card.description.board = name;
  card.description.name = std::move(name);
  card.description.board_type = BoardType::pcie;
  card.description.reality = Reality::simulated;
  card.description.core_count = 4;
  card.description.memory_bytes = std::uint64_t{4} << 30;
  card.description.firmware_version = "virtual";
  card.description.clocks_mhz = {100, 200, 400, 600, 700, 800};
  card.description.origin = "the default topology";
  card.description.behaviour = behaviour_of(card, {});
  return card;
}

}  // namespace

Topology default_topology() { return {{default_card("metis-0:1:0"), default_card("metis-0:3:0")}, {}}; }

Expected<Topology> read_topology(const std::filesystem::path& file, unsigned cpu_count) {
  auto text = read_text(file);
  if (!text) return Unexpected(text.error());
  std::error_code error;
  const auto absolute = std::filesystem::absolute(file, error);
  return parse_topology(*text, (error ? file : absolute).string(), cpu_count);
}

Expected<Topology> find_topology(const std::filesystem::path& asked, unsigned cpu_count) {
  if (!asked.empty()) return read_topology(asked, cpu_count);
  const char* named = std::getenv("POLYMETIS_TOPOLOGY");
  if (named != nullptr && *named != '\0') return read_topology(named, cpu_count);
  return default_topology();
}

std::string comparable_name(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), ':', '-');
  return result;
}

}  // namespace polymetis::virtual_card
