#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/fork.hpp"
#include "base/unique_fd.hpp"
#include "polymetis/status.hpp"

namespace polymetis::device {

/// Bytes of a file that are locked; they need not exist.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t count = 1;
};

enum class LockKind { shared, exclusive };
enum class LockAnswer { taken, busy };

/// Whether a lock on these bytes is held through another descriptor than `fd`, by any process, this one included.
bool locked_elsewhere(int fd, ByteRange bytes) noexcept;

/// The bytes at `offset`, zero behind the end of the file.
void read_at(int fd, std::uint64_t offset, std::span<std::byte> to) noexcept;
template <class T>
T read_value(int fd, std::uint64_t offset) noexcept {
  T value{};
  read_at(fd, offset, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

/// Opens a file of the run directory for reading, without following a link; owns nothing where there is no such file.
/// Errors: `connection_error` it cannot be read, or is no regular file.
Expected<base::UniqueFd> open_for_reading(const std::filesystem::path& path);

/// A file of the run directory, open for writing: readable and writable for all users of the directory, its locks (open file description)
/// go with this object and with the process, also when a forked child lives on. In a forked child it is closed.
///
/// Thread-bound, but for forks of other threads.
class SharedFile {
 public:
  /// Opens or makes it and holds the lock of `gate` (exclusive) alone among those who open it this way: what the file describes can be
  /// read and changed until `unlock(gate)`. Waits up to a second.
  /// Errors: `connection_error` it cannot be made, is a link or no regular file, may not be written, or the gate stays locked.
  static Expected<std::unique_ptr<SharedFile>> open(const std::filesystem::path& path, ByteRange gate);
  ~SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;

  /// -1 in a forked child.
  [[nodiscard]] int fd() const noexcept { return fd_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Error: `connection_error` the file system has no such locks, or no more of them.
  Expected<LockAnswer> try_lock(ByteRange bytes, LockKind kind = LockKind::exclusive) const;
  /// As `try_lock`, but waits up to a second.
  Expected<LockAnswer> lock(ByteRange bytes) const;
  void unlock(ByteRange bytes) const noexcept;
  /// Makes the file at least this large, with its space, so that a write or a mapping cannot fail later.
  /// Error: `connection_error` the file system or the limit of the process is full.
  [[nodiscard]] Status allocate(std::uint64_t size_bytes) const;
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> bytes) const;
  template <class T>
  [[nodiscard]] Status write_value(std::uint64_t offset, const T& value) const {
    return write(offset, std::as_bytes(std::span(&value, 1)));
  }

 private:
  explicit SharedFile(std::filesystem::path path);
  Status open_once();
  [[nodiscard]] bool still_there() const noexcept;
  void close() noexcept;

  const std::filesystem::path path_;
  std::atomic<int> fd_{-1};  // a forked child's hook takes it too
  base::ForkHook hook_;
};

}  // namespace polymetis::device
