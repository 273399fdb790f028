#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "virtual/behaviour.hpp"
#include "virtual/toml_limits.hpp"
#include "virtual/topology.hpp"
#include "virtual/topology_faults.hpp"

namespace polymetis::virtual_card {

namespace {

constexpr std::uint64_t least_memory = std::uint64_t{1} << 20;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 40;

/// What a device takes from the defaults and from its board where it does not say it itself.
struct Settings {
  BoardType type = BoardType::pcie;
  unsigned cores = 4;
  std::uint64_t memory_bytes = std::uint64_t{4} << 30;
  std::vector<unsigned> clocks_mhz = {100, 200, 400, 600, 700, 800};
  ComputeKind compute = ComputeKind::openvino;
  Timing timing;
  Duration configure_time{0};
};

std::optional<std::uint64_t> parse_bytes(const std::string& text) {
  static const std::vector<std::pair<std::string_view, double>> units = {{"B", 1},    {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
                                                                         {"kB", 1e3}, {"MB", 1e6},      {"GB", 1e9}};
  const auto digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || digits == std::string::npos || digits > 15 || std::count(text.begin(), text.end(), '.') > 1) return {};
  const auto unit = text.find_first_not_of(' ', digits);
  for (const auto& [name, factor] : units) {
    if (unit == std::string::npos || text.substr(unit) != name) continue;
    const double bytes = std::strtod(text.substr(0, digits).c_str(), nullptr) * factor;
    if (bytes < 1e18) return static_cast<std::uint64_t>(bytes);
  }
  return {};
}

void read_memory(TableReader& reader, Settings& settings) {
  const auto* node = reader.node("memory");
  if (node == nullptr) return;
  std::optional<std::uint64_t> bytes;
  if (const auto* integer = node->as_integer(); integer != nullptr && integer->get() >= 0) bytes = static_cast<std::uint64_t>(integer->get());
  if (const auto* text = node->as_string()) bytes = parse_bytes(text->get());
  if (bytes && *bytes >= least_memory && *bytes <= most_memory) {
    settings.memory_bytes = *bytes;
  } else {
    reader.reject("memory", shown(*node), "a size from 1 MiB to 1024 GiB, such as \"4 GiB\" or a number of bytes");
  }
}

void read_timing(TableReader& reader, Settings& settings) {
  const auto* node = reader.node("timing");
  if (node == nullptr) return;
  const auto* text = node->as_string();
  if (text != nullptr && text->get() == "host") return void(settings.timing = {});
  const auto* table = node->as_table();
  if (table == nullptr) return reader.reject("timing", shown(*node), "\"host\" or a rate such as { fps = 486 }");
  TableReader rate(*table, reader.full("timing"), reader.complaints());
  const auto fps = rate.number("fps", 1e-3, 1e6);
  if (fps) settings.timing = {Timing::Kind::fixed_rate, *fps};
  if (!rate.has("fps")) rate.reject("fps", "nothing", "frames a second and core, a number from 0.001 to 1000000");
  rate.finish();
}

/// The keys that may stand in [defaults], in a board and in a device.
void read_settings(TableReader& reader, Settings& settings) {
  if (const auto cores = reader.integer("cores", 1, most_cores)) settings.cores = static_cast<unsigned>(*cores);
  if (auto clocks = reader.integers("clocks", 1, 10'000); !clocks.empty()) {
    std::sort(clocks.begin(), clocks.end());
    settings.clocks_mhz = std::move(clocks);
  }
  if (const auto compute = reader.word("compute", {"openvino", "none"})) settings.compute = static_cast<ComputeKind>(*compute);
  if (const auto seconds = reader.number("configure_s", 0, 3600)) {
    settings.configure_time = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*seconds));
  }
  read_memory(reader, settings);
  read_timing(reader, settings);
}

void read_type(TableReader& reader, Settings& settings) {
  if (const auto type = reader.word("type", {"alpha_pcie", "alpha_m2", "pcie", "m2", "devboard", "sbc"}))
    settings.type = static_cast<BoardType>(*type);
}

class Parser {
 public:
  Parser(const std::string& origin, unsigned cpu_count) : origin_(origin), cpu_count_(cpu_count), complaints_(origin) {}

  Expected<Topology> parse(const toml::table& root) {
    TableReader reader(root, "", complaints_);
    Settings defaults;
    if (const auto* table = reader.table("defaults")) {
      TableReader inner(*table, "defaults", complaints_);
      read_type(inner, defaults);
      read_settings(inner, defaults);
      inner.finish();
    }
    if (const auto seed = reader.integer("seed", 0, std::numeric_limits<std::int64_t>::max()))
      topology_.faults.seed = static_cast<std::uint64_t>(*seed);
    const auto boards = reader.tables("board");
    if (boards.empty()) reader.reject("board", reader.has("board") ? "an empty list" : "nothing", "at least one table [[board]]");
    for (std::size_t i = 0; i < boards.size(); ++i) read_boards(*boards[i], fmt::format("board[{}]", i), defaults);
    read_faults(reader, {});
    reader.finish();
    if (!complaints_.first().ok()) return Unexpected(complaints_.first());
    for (auto& device : topology_.devices) device.description.behaviour = behaviour_of(device, topology_.faults);
    return std::move(topology_);
  }

 private:
  /// A board, or `count` of them whose names have their number in the place of "{}".
  void read_boards(const toml::table& table, const std::string& path, const Settings& defaults) {
    TableReader counter(table, path, complaints_);
    const auto count = counter.integer("count", 1, most_devices);
    for (std::int64_t number = 1; number <= count.value_or(1) && complaints_.first().ok(); ++number) {
      TableReader reader(table, path, complaints_);
      static_cast<void>(reader.node("count"));
      read_board(reader, defaults, count ? fmt::format("{:x}", number) : std::string());
    }
  }

  void read_board(TableReader& reader, Settings settings, const std::string& number) {
    read_type(reader, settings);
    read_settings(reader, settings);
    const auto name = read_name(reader, number, boards_);
    const auto cpus = reader.integers("cpus", 0, cpu_count_ - 1);
    const auto chips = reader.tables("device");
    std::vector<std::string> names;
    if (chips.empty()) names.push_back(name), add_device(reader, "name", name, name, settings, cpus);
    for (std::size_t i = 0; i < chips.size(); ++i) {
      TableReader chip(*chips[i], fmt::format("{}[{}]", reader.full("device"), i), complaints_);
      names.push_back(read_device(chip, name, number, settings, cpus));
    }
    read_faults(reader, names);
    reader.finish();
  }

  std::string read_device(TableReader& reader, const std::string& board, const std::string& number, Settings settings,
                          const std::vector<unsigned>& cpus) {
    read_settings(reader, settings);
    std::vector<std::string> taken;
    const auto name = read_name(reader, number, taken);
    add_device(reader, "name", name, board, settings, cpus);
    read_faults(reader, {name});
    reader.finish();
    return name;
  }

  /// The name of a board or device; complains where it is among `taken`.
  std::string read_name(TableReader& reader, const std::string& number, std::vector<std::string>& taken) {
    auto name = reader.text("name");
    if (!name) {
      if (!reader.has("name")) reader.reject("name", "nothing", "a name such as \"metis-0:1:0\"");
      return {};
    }
    const auto place = name->find("{}");
    if (!number.empty() && place == std::string::npos) reader.reject("name", "\"" + *name + "\"", "a name with {} for the number, as `count` is set");
    if (!number.empty() && place != std::string::npos) name->replace(place, 2, number);
    const bool good = !name->empty() && name->size() <= 200 &&
                      name->find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-") == std::string::npos &&
                      name->front() != '.';
    if (!good) reader.reject("name", "\"" + shortened(*name, 80) + "\"", "1 to 200 of letters, digits and ._:- and no dot in front");
    complain_of_twice(reader, *name, taken);
    return *name;
  }

  void complain_of_twice(TableReader& reader, const std::string& name, std::vector<std::string>& taken) {
    const auto comparable = comparable_name(name);
    if (std::find(taken.begin(), taken.end(), comparable) != taken.end()) {
      reader.reject("name", fmt::format("\"{}\" a second time", name), "a name that no other has (':' and '-' are equal)");
    }
    taken.push_back(comparable);
  }

  void add_device(TableReader& reader, std::string_view key, const std::string& name, const std::string& board, const Settings& settings,
                  const std::vector<unsigned>& cpus) {
    complain_of_twice(reader, name, names_);
    if (topology_.devices.size() == most_devices) reader.reject(key, "one more device", fmt::format("at most {} devices", most_devices));
    DeviceSpec device;
    auto& description = device.description;
    description.name = name;
    description.board = board;
    description.board_type = settings.type;
    description.reality = Reality::simulated;
    description.core_count = settings.cores;
    description.memory_bytes = settings.memory_bytes;
    description.firmware_version = "virtual";
    description.clocks_mhz = settings.clocks_mhz;
    description.origin = "topology " + origin_;
    device.compute = settings.compute;
    device.timing = settings.timing;
    device.configure_time = settings.configure_time;
    device.cpus = cpus;
    topology_.devices.push_back(std::move(device));
  }

  void read_faults(TableReader& reader, const std::vector<std::string>& devices) {
    const auto faults = reader.tables("fault");
    for (std::size_t i = 0; i < faults.size(); ++i) {
      TableReader fault(*faults[i], fmt::format("{}[{}]", reader.full("fault"), i), complaints_);
      topology_.faults.faults.push_back(read_fault(fault, devices));
    }
  }

  const std::string& origin_;
  unsigned cpu_count_;
  Complaints complaints_;
  Topology topology_;
  std::vector<std::string> boards_;
  std::vector<std::string> names_;
};

}  // namespace

Expected<Topology> parse_topology(std::string_view text, const std::string& origin, unsigned cpu_count) {
  if (text.size() > most_topology_bytes) {
    return failure(Code::invalid_configuration, fmt::format("topology {}: {} bytes were found, at most {} are read: take out what is not needed",
                                                            origin, text.size(), most_topology_bytes));
  }
  if (const auto refused = refused_before_parsing(text)) {
    return failure(Code::invalid_configuration,
                   fmt::format("topology {}, line {}: {}: see docs/topology.md for what may stand there", origin, refused->line, refused->why));
  }
  const auto parsed = toml::parse(text, origin);
  if (parsed.failed()) {
    const auto& error = parsed.error();
    return failure(Code::invalid_configuration,
                   fmt::format("topology {}, line {}: not TOML: {}", origin, error.source().begin.line, shortened(error.description())));
  }
  return Parser(origin, cpu_count).parse(parsed.table());
}

}  // namespace polymetis::virtual_card
