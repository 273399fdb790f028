#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "polymetis/model.hpp"

namespace polymetis::model {

/// The texts of a package, as found: untrusted.
struct PackageText {
  std::string directory;  ///< for messages
  std::string_view model_json;
  std::string_view manifest_json;       ///< empty where there is none
  std::vector<std::string> file_names;  ///< what lies beside; only to recognise another compiler's work
};

/// A file that `model.json` names, not yet compared with the disk.
struct PackageFile {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::string xxh3_128;
};

/// What the texts of a package say, checked in itself.
struct Package {
  Model model;  ///< `directory`, `graph` and `weights` are file names still
  std::vector<PackageFile> files;
};

/// Reads and checks the texts of a package; touches no file.
/// Errors: `value_error` as in `Model::load`.
Expected<Package> parse_package(const PackageText& text);

}  // namespace polymetis::model
