#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "device/shared_file.hpp"

/// A device's telemetry page, version 1; docs/run-directory.md. Each word is written whole, so a reader never sees half of a number.
namespace polymetis::device::telemetry_layout {

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == 8);

inline constexpr std::string_view suffix = ".telemetry";
inline constexpr std::uint64_t magic = 0x6d656c6554796c50;  // "PlyTelem"
inline constexpr std::uint32_t version = 1;

/// The first bytes of the page in all versions, as are `gate` and `users`.
struct Header {
  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::uint32_t slot_bytes = 0;
};

// Bytes that are locked.
inline constexpr ByteRange gate{64, 1};           ///< held for a moment by who opens or rebuilds the page
inline constexpr ByteRange users{65, 1};          ///< shared by all who write the page; alone by who rebuilds it
inline constexpr ByteRange card{66, 1};           ///< held by who writes the card's block
inline constexpr std::uint64_t first_core = 128;  ///< held by the meter of core i: byte 128 + i

/// What belongs to the card. `sequence` is odd while somebody writes.
struct alignas(64) CardBlock {
  Word sequence;
  Word known;             ///< bits: 1 written at all, 2 temperature, 4 power
  Word description_hash;  ///< of the device as its writer knew it: a block about another one is not believed
  Word temperature;       ///< bits of a double
  Word power;             ///< bits of a double
  Word clock_count;       ///< cores with a clock
  Word utilisation_count;
};
static_assert(sizeof(CardBlock) == 64);

struct CoreSlot {
  // Written by the core's holder.
  alignas(64) Word frames;
  Word failures;
  Word busy_ns;
  Word last_end_ns;
  Word model_hash;
  Word memory_bytes;
  // Part of the card's block: clock in MHz, MVM utilisation in percent above bit 32. On a line of its own.
  alignas(64) Word configuration;
};
static_assert(sizeof(CoreSlot) == 128);

inline constexpr std::uint64_t card_at = 2048;
inline constexpr std::uint64_t slots_at = 4096;
constexpr std::uint64_t page_bytes(unsigned core_count) { return slots_at + sizeof(CoreSlot) * core_count; }

}  // namespace polymetis::device::telemetry_layout
