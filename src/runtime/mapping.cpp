#include "runtime/mapping.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace polymetis::runtime {
namespace {

Unexpected bad(int fd, const std::string& what) { return failure(Code::invalid_argument, fmt::format("the file descriptor {} {}", fd, what)); }

/// A dma-buf tells its size by seeking only.
std::uint64_t size_of(int fd, const struct stat& status) {
  if (status.st_size > 0) return static_cast<std::uint64_t>(status.st_size);
  const off_t end = S_ISREG(status.st_mode) ? -1 : ::lseek(fd, 0, SEEK_END);
  return end > 0 ? static_cast<std::uint64_t>(end) : 0;
}

/// False: it is no dma-buf.
bool sync(int fd, std::uint64_t edge, Mapped access) {
  dma_buf_sync request{};
  request.flags = edge | (access == Mapped::write ? std::uint64_t{DMA_BUF_SYNC_RW} : std::uint64_t{DMA_BUF_SYNC_READ});
  int result = 0;
  do {
    result = ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &request);
  } while (result < 0 && (errno == EINTR || errno == EAGAIN));
  return result == 0;
}

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept { swap(other); }

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  Mapping taken(std::move(other));
  swap(taken);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_bytes_);
  if (sync_fd_ < 0) return;
  sync(sync_fd_, DMA_BUF_SYNC_END, access_);
  ::close(sync_fd_);
}

void Mapping::swap(Mapping& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(sync_fd_, other.sync_fd_);
  std::swap(access_, other.access_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
}

Expected<Mapping> Mapping::make(int fd, std::size_t size_bytes, Mapped access) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return bad(fd, fmt::format("is not open: {}", std::strerror(errno)));
  const std::uint64_t there = size_of(fd, status);
  if (there < size_bytes) return bad(fd, fmt::format("holds {} bytes, and the tensor has {}", there, size_bytes));
  const int protection = access == Mapped::write ? PROT_READ | PROT_WRITE : PROT_READ;
  void* const data = ::mmap(nullptr, size_bytes, protection, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (data == MAP_FAILED) {
    return bad(fd, fmt::format("cannot be mapped for {}: {}", access == Mapped::write ? "writing" : "reading", std::strerror(errno)));
  }
  Mapping mapping;
  mapping.data_ = static_cast<std::byte*>(data);
  mapping.size_bytes_ = size_bytes;
  mapping.access_ = access;
  mapping.device_ = status.st_dev;
  mapping.inode_ = status.st_ino;
  if (sync(fd, DMA_BUF_SYNC_START, access)) mapping.sync_fd_ = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return mapping;
}

}  // namespace polymetis::runtime
