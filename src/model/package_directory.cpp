#include "model/package_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "base/try.hpp"
#include "model/hash.hpp"

namespace polymetis::model {

namespace {

constexpr std::size_t piece_bytes = 256 << 10;

std::string reason(int error) { return std::generic_category().message(error); }

Unexpected bad(std::string sentence) { return failure(Code::value_error, std::move(sentence)); }

/// Calls `take(data, bytes)` for piece after piece until the end or until it returns false; 0 or an errno.
template <class Take>
int for_each_piece(int fd, Take take) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(piece_bytes);
  for (;;) {
    const ssize_t count = ::read(fd, buffer.get(), piece_bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0 || !take(buffer.get(), static_cast<std::size_t>(count))) return 0;
  }
}

bool begins_as_zip(const std::filesystem::path& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char magic[4] = {};
  return fd && ::read(fd.get(), magic, sizeof(magic)) == sizeof(magic) && std::string_view(magic, 2) == "PK";
}

Unexpected not_a_package(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".axm" || extension == ".axe" || begins_as_zip(path)) {
    return bad(
        fmt::format("'{}' is an archive of the vendor's SDK, not a package directory; compile the network's ONNX or TFLite file with "
                    "`polymetis compile` and load the directory that it writes",
                    path.string()));
  }
  if (extension == ".onnx" || extension == ".tflite") {
    return bad(
        fmt::format("'{0}' is a network that is not compiled; run `polymetis compile {0} -o DIRECTORY --imageset IMAGES` and load that directory",
                    path.string()));
  }
  return bad(fmt::format("'{}' is a file, but a package directory or its model.json is wanted; make one with `polymetis compile`", path.string()));
}

}  // namespace

struct PackageDirectory::OpenFile {
  base::UniqueFd fd;
  std::uint64_t size_bytes;
};

Expected<PackageDirectory> PackageDirectory::open(const std::filesystem::path& path) {
  struct stat found{};
  if (path.empty()) return bad("an empty path was given, but a package directory or its model.json is wanted");
  if (path.native().find('\0') != std::string::npos) return bad("the path of a package has a NUL byte; pass a path without one");
  if (::stat(path.c_str(), &found) != 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      return bad(fmt::format("there is no package at '{}'; check the path, or make the package with `polymetis compile`", path.string()));
    }
    return bad(fmt::format("the package '{}' cannot be opened: {}; check the path and its permissions", path.string(), reason(error)));
  }
  const bool is_directory = S_ISDIR(found.st_mode);
  if (!is_directory && path.filename() != "model.json") return not_a_package(path);
  std::filesystem::path directory = is_directory ? path : path.parent_path();
  if (directory.empty()) directory = ".";
  base::UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    return bad(fmt::format("the package '{}' cannot be opened: {}; check its permissions", directory.string(), reason(error)));
  }
  return PackageDirectory(std::move(directory), std::move(fd));
}

std::vector<std::string> PackageDirectory::file_names() const {
  std::vector<std::string> names;
  base::UniqueFd copy(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* stream = copy ? ::fdopendir(copy.get()) : nullptr;
  if (stream == nullptr) return names;
  static_cast<void>(copy.release());
  while (const dirent* entry = ::readdir(stream)) names.emplace_back(entry->d_name);
  ::closedir(stream);
  return names;
}

bool PackageDirectory::contains(const std::string& name) const noexcept {
  struct stat found{};
  return ::fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
}

Expected<PackageDirectory::OpenFile> PackageDirectory::open_file(const std::string& name) const {
  const auto refuse = [&](std::string_view why) {
    return bad(
        fmt::format("{} of the package '{}' {}; copy the package again, or make it again with `polymetis compile`", name, path_.string(), why));
  };
  // not blocking: a pipe of that name must not hold us
  base::UniqueFd fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    const int error = errno;
    if (error == ENOENT) return refuse("is missing");
    if (error == ELOOP) return refuse("is a link, but only plain files are read");
    return refuse("cannot be opened: " + reason(error));
  }
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0 || !S_ISREG(found.st_mode)) return refuse("is not a regular file");
  return OpenFile{std::move(fd), static_cast<std::uint64_t>(found.st_size)};
}

Expected<std::string> PackageDirectory::read(const std::string& name, std::size_t max_bytes) const {
  const OpenFile file = TRY(open_file(name));
  std::string text;
  const int error = for_each_piece(file.fd.get(), [&](const char* data, std::size_t bytes) {
    text.append(data, bytes);
    return text.size() <= max_bytes;
  });
  if (error != 0) return bad(fmt::format("{} of the package '{}' cannot be read: {}; copy the package again", name, path_.string(), reason(error)));
  if (text.size() > max_bytes) {
    return bad(fmt::format("{} of the package '{}' has {} bytes, but at most {} are taken; make the package again with `polymetis compile`", name,
                           path_.string(), std::max<std::uint64_t>(file.size_bytes, text.size()), max_bytes));
  }
  return text;
}

Status PackageDirectory::verify(const PackageFile& file) const {
  const OpenFile found = TRY(open_file(file.name));
  const auto damaged = [&](const std::string& what) {
    return Status(Code::value_error, fmt::format("{} of the package '{}' is damaged: {}; copy the package again, or make it again with "
                                                 "`polymetis compile`",
                                                 file.name, path_.string(), what));
  };
  if (found.size_bytes != file.size_bytes) {
    return damaged(fmt::format("it has {} bytes, but model.json says {}", found.size_bytes, file.size_bytes));
  }
  Xxh3 hash;
  const int error = for_each_piece(found.fd.get(), [&](const char* data, std::size_t bytes) {
    hash.add(data, bytes);
    return true;
  });
  if (error != 0) return damaged("it cannot be read: " + reason(error));
  const std::string content = hash.hex();
  if (content != file.xxh3_128) return damaged(fmt::format("its XXH3-128 is {}, but model.json says {}", content, file.xxh3_128));
  return {};
}

}  // namespace polymetis::model
