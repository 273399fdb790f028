#include "device/shared_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/file_size_signal.hpp"

namespace polymetis::device {

namespace {

constexpr auto lock_patience = std::chrono::seconds(1);
constexpr auto lock_pause = std::chrono::milliseconds(1);

/// What to do about an error, by its number.
std::string advice(int error, const std::filesystem::path& path) {
  struct stat info{};
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free space there, or choose another run directory (POLYMETIS_RUN_DIR)";
    case EFBIG:
      return "raise the process's limit of file sizes (ulimit -f)";
    case EROFS:
    case ENOENT:
    case ENOTDIR:
      return "choose another run directory (POLYMETIS_RUN_DIR)";
    case EMFILE:
      return "raise the process's limit of open files (ulimit -n)";
    case ELOOP:
      return "it is a symbolic link, which is not followed: remove it";
    case EACCES:
    case EPERM:
      if (::lstat(path.c_str(), &info) != 0) return "let this user write in the run directory, or choose another (POLYMETIS_RUN_DIR)";
      return fmt::format("it belongs to user {} with mode {:04o}: let this user write it, or remove it while no process uses it", info.st_uid,
                         info.st_mode & 07777U);
    default:
      return "choose another run directory (POLYMETIS_RUN_DIR)";
  }
}

Status file_failure(const char* what, const std::filesystem::path& path, int error) {
  return {Code::connection_error, fmt::format("'{}' cannot be {}: {}; {}", path.string(), what, std::strerror(error), advice(error, path))};
}

Status not_regular(const std::filesystem::path& path) {
  return {Code::connection_error,
          fmt::format("'{}' is not a regular file: remove it, or choose another run directory (POLYMETIS_RUN_DIR)", path.string())};
}

int set_lock(int fd, ByteRange bytes, short type) noexcept {
  struct flock request{};
  request.l_type = type;
  request.l_whence = SEEK_SET;
  request.l_start = static_cast<off_t>(bytes.first);
  request.l_len = static_cast<off_t>(bytes.count);
  return ::fcntl(fd, F_OFD_SETLK, &request) == 0 ? 0 : errno;
}

bool is_regular(int fd) noexcept {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

constexpr int open_flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;  // O_NONBLOCK: a FIFO in its place must not stop us

/// -1 with errno. What is there is opened without O_CREAT, which the kernel refuses for another user's file in a shared folder
/// (fs.protected_regular).
int open_or_make(const char* path) noexcept {
  for (int attempt = 0; attempt < 10; ++attempt) {
    int fd = ::open(path, O_RDWR | open_flags);
    if (fd >= 0 || errno != ENOENT) return fd;
    fd = ::open(path, O_RDWR | O_CREAT | O_EXCL | open_flags, 0666);
    if (fd >= 0) ::fchmod(fd, 0666);  // whatever the umask: who may use the directory shares the cards
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

}  // namespace

bool locked_elsewhere(int fd, ByteRange bytes) noexcept {
  struct flock request{};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  request.l_start = static_cast<off_t>(bytes.first);
  request.l_len = static_cast<off_t>(bytes.count);
  return ::fcntl(fd, F_OFD_GETLK, &request) != 0 || request.l_type != F_UNLCK;
}

void read_at(int fd, std::uint64_t offset, std::span<std::byte> to) noexcept {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t size = ::pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    done += static_cast<std::size_t>(size);
  }
  std::memset(to.data() + done, 0, to.size() - done);
}

Expected<base::UniqueFd> open_for_reading(const std::filesystem::path& path) {
  base::UniqueFd file(::open(path.c_str(), O_RDONLY | open_flags));
  if (!file && errno != ENOENT) return Unexpected(file_failure("read", path, errno));
  if (file && !is_regular(file.get())) return Unexpected(not_regular(path));
  return file;
}

SharedFile::SharedFile(std::filesystem::path path)
    : path_(std::move(path)),
      hook_({[](void* self) noexcept {
               if (const int fd = static_cast<SharedFile*>(self)->fd_.exchange(-1); fd >= 0) ::close(fd);
             },
             this}) {}

SharedFile::~SharedFile() { close(); }

void SharedFile::close() noexcept {
  const base::ForkBlock no_fork;
  const int fd = fd_.exchange(-1);
  if (fd < 0) return;
  // A child made by other means than fork() may still have the descriptor, and closing would leave the locks to it.
  set_lock(fd, {0, 0}, F_UNLCK);
  ::close(fd);
}

Status SharedFile::open_once() {
  int error = 0;
  {
    const base::ForkBlock no_fork;
    fd_.store(open_or_make(path_.c_str()));
    error = errno;
  }
  if (fd() < 0) return file_failure("opened", path_, error);
  return is_regular(fd()) ? Status() : not_regular(path_);
}

bool SharedFile::still_there() const noexcept {
  struct stat ours{};
  struct stat there{};
  return ::fstat(fd(), &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

Expected<std::unique_ptr<SharedFile>> SharedFile::open(const std::filesystem::path& path, ByteRange gate) {
  std::unique_ptr<SharedFile> file(new SharedFile(path));
  for (int attempt = 0; attempt < 10; ++attempt) {
    if (Status status = file->open_once(); !status.ok()) return Unexpected(std::move(status));
    const auto answer = file->lock(gate);
    if (!answer) return Unexpected(answer.error());
    if (*answer == LockAnswer::busy) {
      return failure(Code::connection_error,
                     fmt::format("'{}' is kept locked by a process that changes it (stopped, perhaps): look who has it open, with "
                                 "`lslocks` or `fuser`, and end it",
                                 path.string()));
    }
    if (file->still_there()) return file;
    file->close();  // somebody removed it meanwhile: a lock on it would be seen by nobody
  }
  return failure(Code::connection_error, fmt::format("'{}' is removed again and again: end what clears the run directory", path.string()));
}

Expected<LockAnswer> SharedFile::try_lock(ByteRange bytes, LockKind kind) const {
  const int error = set_lock(fd(), bytes, kind == LockKind::shared ? F_RDLCK : F_WRLCK);
  if (error == 0) return LockAnswer::taken;
  if (error == EAGAIN || error == EACCES) return LockAnswer::busy;
  return Unexpected(file_failure("locked", path_, error));
}

Expected<LockAnswer> SharedFile::lock(ByteRange bytes) const {
  const auto deadline = std::chrono::steady_clock::now() + lock_patience;
  for (;;) {
    auto answer = try_lock(bytes);
    if (!answer || *answer == LockAnswer::taken || std::chrono::steady_clock::now() > deadline) return answer;
    std::this_thread::sleep_for(lock_pause);
  }
}

void SharedFile::unlock(ByteRange bytes) const noexcept { set_lock(fd(), bytes, F_UNLCK); }

Status SharedFile::allocate(std::uint64_t size_bytes) const {
  const base::FileSizeSignalBlock block;
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(fd(), 0, static_cast<off_t>(size_bytes));
  return error == 0 ? Status() : file_failure("given its space", path_, error);
}

Status SharedFile::write(std::uint64_t offset, std::span<const std::byte> bytes) const {
  const base::FileSizeSignalBlock block;
  while (!bytes.empty()) {
    const ssize_t size = ::pwrite(fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return file_failure("written", path_, size < 0 ? errno : ENOSPC);
    offset += static_cast<std::uint64_t>(size);
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

}  // namespace polymetis::device
