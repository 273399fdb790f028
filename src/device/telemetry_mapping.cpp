#include "device/telemetry_mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace polymetis::device {

namespace {

using namespace telemetry_layout;

constexpr std::uint64_t is_written = 1;
constexpr std::uint64_t has_temperature = 2;
constexpr std::uint64_t has_power = 4;

CoreCounters counters_of(const CoreSlot& slot) noexcept {
  CoreCounters counters;
  counters.frames = slot.frames.load(std::memory_order_acquire);  // first: the rest is of these frames or later
  counters.failures = slot.failures.load(std::memory_order_relaxed);
  counters.busy_ns = slot.busy_ns.load(std::memory_order_relaxed);
  counters.last_end_ns = slot.last_end_ns.load(std::memory_order_relaxed);
  counters.model_hash = slot.model_hash.load(std::memory_order_relaxed);
  counters.memory_bytes = slot.memory_bytes.load(std::memory_order_relaxed);
  return counters;
}

std::uint64_t entry(const std::vector<unsigned>& values, std::size_t core) noexcept { return core < values.size() ? values[core] : 0; }

// Each word of the block is stored with release and loaded with acquire: who loads a new word sees the odd sequence before it.
void set(Word& word, std::uint64_t value) noexcept { word.store(value, std::memory_order_release); }
std::uint64_t get(const Word& word) noexcept { return word.load(std::memory_order_acquire); }

std::optional<CardState> card_state(const CardBlock& block, std::span<CoreSlot> slots, std::uint64_t description_hash) {
  const std::uint64_t known = get(block.known);
  if ((known & is_written) == 0 || get(block.description_hash) != description_hash) return std::nullopt;
  CardState state;
  if ((known & has_temperature) != 0) state.temperature_celsius = std::bit_cast<double>(get(block.temperature));
  if ((known & has_power) != 0) state.power_watts = std::bit_cast<double>(get(block.power));
  const auto clocks = std::min<std::uint64_t>(get(block.clock_count), slots.size());
  const auto utilisations = std::min<std::uint64_t>(get(block.utilisation_count), slots.size());
  for (const CoreSlot& slot : slots.first(std::max(clocks, utilisations))) {
    const std::uint64_t pair = get(slot.configuration);
    if (state.configuration.clock_mhz.size() < clocks) state.configuration.clock_mhz.push_back(static_cast<unsigned>(pair & 0xffffffffU));
    if (state.configuration.mvm_utilisation.size() < utilisations) state.configuration.mvm_utilisation.push_back(static_cast<unsigned>(pair >> 32));
  }
  return state;
}

}  // namespace

Expected<TelemetryMapping> TelemetryMapping::map(int fd, unsigned core_count, Access access) {
  const int protection = access == Access::write ? PROT_READ | PROT_WRITE : PROT_READ;
  void* page = ::mmap(nullptr, page_bytes(core_count), protection, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) {
    return failure(Code::connection_error,
                   fmt::format("A telemetry page of {} bytes cannot be mapped: {}; raise the process's limit of memory (ulimit -v)",
                               page_bytes(core_count), std::strerror(errno)));
  }
  return TelemetryMapping(page, core_count);
}

CardBlock& TelemetryMapping::card() const noexcept { return *reinterpret_cast<CardBlock*>(static_cast<std::byte*>(page_.get()) + card_at); }

std::span<CoreSlot> TelemetryMapping::slots() const noexcept {
  return {reinterpret_cast<CoreSlot*>(static_cast<std::byte*>(page_.get()) + slots_at), core_count_};
}

std::vector<CoreCounters> TelemetryMapping::read_cores(int probe) const {
  std::vector<CoreCounters> counters(core_count_);
  if (core_count_ == 0 || !locked_elsewhere(probe, {first_core, core_count_})) return counters;
  for (unsigned core = 0; core < core_count_; ++core) {
    if (locked_elsewhere(probe, {first_core + core, 1})) counters[core] = counters_of(slots()[core]);
  }
  return counters;
}

std::optional<CardState> TelemetryMapping::read_card(int probe, std::uint64_t description_hash) const {
  for (int attempt = 0; attempt < 50; ++attempt) {
    const std::uint64_t before = get(card().sequence);
    if (before % 2 == 0) {
      auto state = card_state(card(), slots(), description_hash);
      if (card().sequence.load(std::memory_order_relaxed) == before) return state;
    } else if (!locked_elsewhere(probe, telemetry_layout::card)) {
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return std::nullopt;
}

void TelemetryMapping::write_card(const CardState& state, std::uint64_t description_hash) const noexcept {
  CardBlock& block = card();
  const std::uint64_t odd = get(block.sequence) | 1U;
  set(block.sequence, odd);
  set(block.known, is_written | (state.temperature_celsius ? has_temperature : 0) | (state.power_watts ? has_power : 0));
  set(block.description_hash, description_hash);
  set(block.temperature, std::bit_cast<std::uint64_t>(state.temperature_celsius.value_or(0)));
  set(block.power, std::bit_cast<std::uint64_t>(state.power_watts.value_or(0)));
  set(block.clock_count, state.configuration.clock_mhz.size());
  set(block.utilisation_count, state.configuration.mvm_utilisation.size());
  for (std::size_t core = 0; core < core_count_; ++core) {
    set(slots()[core].configuration, entry(state.configuration.clock_mhz, core) | entry(state.configuration.mvm_utilisation, core) << 32U);
  }
  set(block.sequence, odd + 1);
}

}  // namespace polymetis::device
