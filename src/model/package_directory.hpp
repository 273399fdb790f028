#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "model/package.hpp"

namespace polymetis::model {

/// The directory of a package, held open. Its files are opened by plain name; links and what is not a regular file are refused.
/// Thread-bound.
class PackageDirectory {
 public:
  /// Of a package's directory or its `model.json`.
  /// Errors: `value_error` missing, or something else than a package: an archive, a network, another file.
  static Expected<PackageDirectory> open(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::vector<std::string> file_names() const;
  /// The whole of a file. Errors: `value_error` missing, a link, not a file, larger than `max_bytes`, cannot be read.
  [[nodiscard]] Expected<std::string> read(const std::string& name, std::size_t max_bytes) const;
  [[nodiscard]] bool contains(const std::string& name) const noexcept;
  /// Whether a file is what `model.json` says. Errors: those of `read`; its size or its content differs.
  [[nodiscard]] Status verify(const PackageFile& file) const;

 private:
  struct OpenFile;
  PackageDirectory(std::filesystem::path path, base::UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  [[nodiscard]] Expected<OpenFile> open_file(const std::string& name) const;

  std::filesystem::path path_;
  base::UniqueFd fd_;
};

}  // namespace polymetis::model
