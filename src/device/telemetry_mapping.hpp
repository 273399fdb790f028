#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "device/telemetry_layout.hpp"
#include "device/telemetry_page.hpp"

namespace polymetis::device {

/// A telemetry page in this process's memory. Thread-safe.
class TelemetryMapping {
 public:
  enum class Access { read, write };
  /// Maps the page of `fd`, whose file is large enough for `core_count` and has its space. Error: `connection_error`.
  static Expected<TelemetryMapping> map(int fd, unsigned core_count, Access access);

  [[nodiscard]] telemetry_layout::CardBlock& card() const noexcept;
  [[nodiscard]] std::span<telemetry_layout::CoreSlot> slots() const noexcept;

  /// One entry a core; zero where `probe`, a descriptor of the same file that holds no lock, sees no meter.
  [[nodiscard]] std::vector<CoreCounters> read_cores(int probe) const;
  /// Absent: nothing is known, it is about another description of the device, or its writer died while writing.
  [[nodiscard]] std::optional<CardState> read_card(int probe, std::uint64_t description_hash) const;
  /// Replaces it, also what a dead writer left half written. Needs the card's lock.
  void write_card(const CardState& state, std::uint64_t description_hash) const noexcept;

 private:
  struct Unmap {
    std::size_t size_bytes = 0;
    void operator()(void* page) const noexcept { ::munmap(page, size_bytes); }
  };
  TelemetryMapping(void* page, unsigned core_count) : page_(page, Unmap{telemetry_layout::page_bytes(core_count)}), core_count_(core_count) {}

  std::unique_ptr<void, Unmap> page_;
  unsigned core_count_;
};

}  // namespace polymetis::device
