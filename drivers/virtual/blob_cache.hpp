#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace polymetis::virtual_card {

/// Bytes that stay where they are: in memory, or mapped from a file and shared with other processes. Immutable, hence thread-safe.
class Blob {
 public:
  virtual ~Blob() = default;
  [[nodiscard]] virtual std::span<const std::byte> bytes() const noexcept = 0;
};

/// The bytes of `text`.
std::shared_ptr<const Blob> blob_in_memory(std::string text);

/// Compiled networks in the user's cache folder: `POLYMETIS_CACHE_DIR` (empty: no cache), else $XDG_CACHE_HOME/polymetis, else ~/.cache/polymetis.
/// Safe with several processes: a file appears whole or not at all, and one that is damaged is not used. What fails is only slower.
/// Reentrant.
///
/// `name` is a plain file name.
std::shared_ptr<const Blob> find_blob(const std::string& name) noexcept;
/// Keeps `bytes` for `find_blob`, and 31 older ones; false where it could not.
bool keep_blob(const std::string& name, std::span<const std::byte> bytes) noexcept;

}  // namespace polymetis::virtual_card
