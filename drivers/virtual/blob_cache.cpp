#include "virtual/blob_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

namespace polymetis::virtual_card {

namespace {

constexpr std::size_t most_files = 32;  // some 10 MB each

/// What stands at the end of a file: that it is whole.
struct Trailer {
  std::array<char, 8> magic;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Trailer&) const = default;
};

Trailer trailer_of(std::span<const std::byte> bytes) {
  const auto hash = XXH3_128bits(bytes.data(), bytes.size());
  return {{'P', 'M', 'B', 'L', 'O', 'B', '0', '1'}, hash.low64, hash.high64};
}

class MemoryBlob final : public Blob {
 public:
  explicit MemoryBlob(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept override { return std::as_bytes(std::span(text_)); }

 private:
  const std::string text_;
};

class MappedBlob final : public Blob {
 public:
  MappedBlob(void* data, std::size_t size) : data_(data), size_(size) {}
  ~MappedBlob() override { ::munmap(data_, size_); }
  MappedBlob(const MappedBlob&) = delete;
  MappedBlob& operator=(const MappedBlob&) = delete;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept override { return {static_cast<const std::byte*>(data_), size_ - sizeof(Trailer)}; }
  [[nodiscard]] bool whole() const noexcept {
    Trailer found{};
    std::memcpy(&found, static_cast<const std::byte*>(data_) + size_ - sizeof found, sizeof found);
    return found == trailer_of(bytes());
  }

 private:
  void* const data_;
  const std::size_t size_;
};

std::optional<std::filesystem::path> folder() {
  if (const char* asked = std::getenv("POLYMETIS_CACHE_DIR")) {
    return *asked == '\0' ? std::nullopt : std::optional<std::filesystem::path>(asked);
  }
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') return std::filesystem::path(cache) / "polymetis";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') return std::filesystem::path(home) / ".cache" / "polymetis";
  return {};
}

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(file, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

/// Whether the process may make a file of that size: to write more would end it by SIGXFSZ.
bool within_limit(std::size_t bytes) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes <= limit.rlim_cur;
}

bool write_whole(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  if (!within_limit(bytes.size() + sizeof(Trailer))) return false;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const Trailer trailer = trailer_of(bytes);
  const bool good = write_all(file, bytes) && write_all(file, std::as_bytes(std::span(&trailer, 1)));
  return (::close(file) == 0) && good;
}

/// Removes the oldest above `most_files`, and what was never finished.
void tidy(const std::filesystem::path& where) {
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> blobs;
  const auto an_hour_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  for (const auto& file : std::filesystem::directory_iterator(where)) {
    if (file.path().extension() == ".blob") blobs.emplace_back(file.last_write_time(), file.path());
    if (file.path().extension() == ".part" && file.last_write_time() < an_hour_ago) std::filesystem::remove(file.path());
  }
  std::sort(blobs.begin(), blobs.end());
  for (std::size_t i = 0; i + most_files < blobs.size(); ++i) std::filesystem::remove(blobs[i].second);
}

}  // namespace

std::shared_ptr<const Blob> blob_in_memory(std::string text) { return std::make_shared<MemoryBlob>(std::move(text)); }

std::shared_ptr<const Blob> find_blob(const std::string& name) noexcept try {
  const auto where = folder();
  if (!where) return nullptr;
  const int file = ::open((*where / name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return nullptr;
  struct stat status{};
  const bool good = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > static_cast<off_t>(sizeof(Trailer));
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = good ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
  ::close(file);
  if (data == MAP_FAILED) return nullptr;
  auto blob = std::make_shared<MappedBlob>(data, size);
  return blob->whole() ? blob : nullptr;
} catch (const std::exception&) {
  return nullptr;
}

bool keep_blob(const std::string& name, std::span<const std::byte> bytes) noexcept try {
  static std::atomic<unsigned> counter{0};
  const auto where = folder();
  if (!where) return false;
  std::filesystem::create_directories(*where);
  const auto path = *where / name;
  const auto unfinished = *where / fmt::format("{}.{}.{}.part", name, ::getpid(), counter++);
  const bool good = write_whole(unfinished, bytes) && ::rename(unfinished.c_str(), path.c_str()) == 0;
  if (!good) return ::unlink(unfinished.c_str()), false;
  tidy(*where);
  return true;
} catch (const std::exception&) {
  return false;
}

}  // namespace polymetis::virtual_card
