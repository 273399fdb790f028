#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "polymetis/driver.hpp"

namespace polymetis::device {

/// The file of a device in the run directory: `suffix` behind its name, ':' as '-', and each character that a file name should not have
/// as %XX. Reentrant.
std::filesystem::path device_file(const std::filesystem::path& run_directory, std::string_view device_name, std::string_view suffix);

/// What two processes that use one device must agree on, one "key: value" a line; before it the origin, which is there to be named only. What
/// a driver may learn later (firmware) or tell differently (clocks) is not part of it. Reentrant.
std::string description_text(const DeviceDescription& device);

/// Such a text without its origin: equal means that they describe the device alike, wherever that is written. Borrows it; reentrant.
std::string_view without_origin(std::string_view description) noexcept;

/// How two such texts differ: "origin is 'a' there and 'b' here; cores is '4' there and '2' here". The origin is named also where it is
/// the same. Reentrant.
std::string difference_of(std::string_view there, std::string_view here);

/// FNV-1a, 64 bits, of the description without its origin. Reentrant.
std::uint64_t description_hash(const DeviceDescription& device);

}  // namespace polymetis::device
