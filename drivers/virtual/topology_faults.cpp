#include "virtual/topology_faults.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <initializer_list>

#include "faulty/faulty.hpp"

namespace polymetis::virtual_card {

namespace {

using faulty::Fault;
using faulty::FaultKind;

constexpr double most_seconds = 1e7;
constexpr std::int64_t most_jobs = std::int64_t{1} << 62;

const std::vector<std::string_view>& fault_words() {  // in the order of FaultKind
  static const std::vector<std::string_view> words = {
      "lost",         "flapping", "link_flap", "hang",    "timeout",       "transfer_failed",      "transfer_aborted",
      "memory_error", "error",    "slow",      "corrupt", "answers_twice", "answers_after_abandon"};
  return words;
}

/// A key without effect is a misunderstanding.
void only_of(TableReader& reader, std::string_view key, FaultKind kind, std::initializer_list<FaultKind> kinds) {
  if (!reader.has(key) || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) return;
  std::vector<std::string> words;
  for (const FaultKind one : kinds) words.push_back(fmt::format("\"{}\"", faulty::fault_name(one)));
  reader.reject(key, fmt::format("a key that \"{}\" does not use", faulty::fault_name(kind)), fmt::format("it with {}", fmt::join(words, ", ")));
}

std::optional<Duration> seconds(TableReader& reader, std::string_view key, double least) {
  const auto value = reader.number(key, least, most_seconds);
  if (!value) return {};
  return Duration(std::llround(*value * 1e9));
}

std::vector<std::byte> prefix(TableReader& reader, std::string_view key) {
  std::vector<std::byte> bytes;
  const auto hex = reader.text(key);
  if (!hex) return bytes;
  const bool good = !hex->empty() && hex->size() % 2 == 0 && hex->size() <= 128 &&
                    std::all_of(hex->begin(), hex->end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (!good) return reader.reject(key, "\"" + shortened(*hex, 80) + "\"", "1 to 64 bytes as pairs of hex digits, such as \"dead\""), bytes;
  for (std::size_t i = 0; i < hex->size(); i += 2) bytes.push_back(static_cast<std::byte>(std::stoul(hex->substr(i, 2), nullptr, 16)));
  return bytes;
}

}  // namespace

Fault read_fault(TableReader& reader, std::vector<std::string> devices) {
  Fault fault;
  fault.devices = std::move(devices);
  const auto kind = reader.word("kind", fault_words());
  if (kind) fault.kind = static_cast<FaultKind>(*kind);
  if (!kind && !reader.has("kind")) reader.reject("kind", "nothing", "a kind of fault, such as \"lost\"");
  fault.at = seconds(reader, "at", 0);
  if (const auto job = reader.integer("at_job", 1, most_jobs)) fault.at_job = static_cast<std::uint64_t>(*job);
  if (const auto jobs = reader.integer("jobs", 1, most_jobs)) fault.jobs = static_cast<std::uint64_t>(*jobs);
  fault.probability = reader.number("probability", 0, 1);
  fault.input_starts_with = prefix(reader, "input_starts_with");
  fault.lasts = seconds(reader, "lasts", 1e-9);
  fault.holds = seconds(reader, "holds", 0);
  if (const auto factor = reader.number("factor", 1, 1e6)) fault.factor = *factor;
  if (const auto every = seconds(reader, "every", 1e-6)) fault.every = *every;
  if (kind) {
    only_of(reader, "holds", fault.kind, {FaultKind::hang, FaultKind::timeout, FaultKind::answers_after_abandon});
    only_of(reader, "factor", fault.kind, {FaultKind::slow});
    only_of(reader, "every", fault.kind, {FaultKind::flapping});
  }
  if (fault.kind == FaultKind::flapping && fault.lasts && *fault.lasts >= fault.every) {
    reader.reject("lasts", "as long as `every` or longer", "less than `every`, which is 1 second where it is not set");
  }
  reader.finish();
  return fault;
}

}  // namespace polymetis::virtual_card
