#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/process_identity.hpp"
#include "device/reservation.hpp"
#include "device/shared_file.hpp"

/// A device's reservation file. This layout never changes: processes of all versions share it. docs/run-directory.md.
namespace polymetis::device::core_file {

struct Header {
  std::uint64_t magic = 0;  ///< `magic`, or 0 in a file that was only just made
  std::uint32_t layout = 0;
  std::uint32_t core_count = 0;
  std::uint64_t text_bytes = 0;  ///< of the description
};
static_assert(sizeof(Header) == 24);

inline constexpr std::uint64_t magic = 0x7365726f43796c50;  // "PlyCores"
inline constexpr std::uint32_t layout = 1;
inline constexpr std::string_view suffix = ".cores";
inline constexpr unsigned most_cores = 1024;

// Bytes that are locked; what they hold means nothing.
inline constexpr ByteRange gate{64, 1};           ///< held for a moment by who reads or changes the description and takes cores
inline constexpr ByteRange configuration{65, 1};  ///< held by who configures the device
inline constexpr std::uint64_t first_core = 128;  ///< held by who has core i: byte 128 + i

inline constexpr std::uint64_t text_at = 2048;
inline constexpr std::uint64_t most_text_bytes = 6144;
inline constexpr std::uint64_t configuration_slot = 8192;
constexpr std::uint64_t core_slot(unsigned core) { return configuration_slot + sizeof(ProcessIdentity) * (1 + core); }
constexpr std::uint64_t file_bytes(unsigned core_count) { return core_slot(core_count); }
constexpr ByteRange cores(CoreRange range) { return {first_core + range.first, range.count}; }
inline constexpr ByteRange all_claims{configuration.first, first_core + most_cores - configuration.first};

/// All zero in a file that was only just made. Error: `connection_error` the file is something else.
Expected<Header> read_header(int fd, const std::filesystem::path& path);
/// The description; "" in a file that was only just made. Somebody may have died writing it: it counts only while a byte is locked.
/// Error: as above.
Expected<std::string> read_text(int fd, const std::filesystem::path& path);
/// Needs the gate.
Status write_text(const SharedFile& file, std::string_view text, unsigned core_count);

/// Who holds the cores, seen through `fd`: what it holds itself is not seen.
std::vector<CoreHolder> read_holders(int fd, unsigned core_count);
CoreHolder configuration_holder(int fd);

}  // namespace polymetis::device::core_file
