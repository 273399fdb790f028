#pragma once

#include <sys/types.h>

#include <cstddef>

#include "polymetis/status.hpp"

namespace polymetis::runtime {

/// What may be done with mapped memory.
enum class Mapped { read, write };

/// The memory behind a file descriptor (dma-buf, memfd, any file that can be mapped shared), until it is destroyed. Reads and writes of a dma-buf
/// are bracketed as its exporter wants it. Thread-bound.
class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  /// The first `size_bytes` behind `fd`.
  /// Error: `invalid_argument` not open, too small, or it cannot be mapped for this.
  static Expected<Mapping> make(int fd, std::size_t size_bytes, Mapped access);

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  /// Whether both are of one file, hence the same bytes.
  [[nodiscard]] bool same_memory(const Mapping& other) const noexcept { return device_ == other.device_ && inode_ == other.inode_; }

 private:
  void swap(Mapping& other) noexcept;

  std::byte* data_ = nullptr;
  std::size_t size_bytes_ = 0;
  int sync_fd_ = -1;  // our own duplicate, for the end of a dma-buf's bracket
  Mapped access_ = Mapped::read;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace polymetis::runtime
