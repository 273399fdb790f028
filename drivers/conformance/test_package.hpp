#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace polymetis::testing {

/// A small network: output i is input (i % inputs) + add + i, element by element, clipped to int8.
struct TestNetwork {
  std::string name = "increment";
  std::vector<std::size_t> shape = {1, 1, 1, 16};  ///< NHWC, of every tensor; shape[0] is the batch
  std::size_t inputs = 1;
  std::size_t outputs = 1;
  int add = 1;
  int zero_point = 0;
  double scale = 1.0;
  std::size_t work = 0;  ///< products with a 256 x 256 matrix that are computed as well, so that a run takes time
};

/// Writes a whole valid package (docs/packages.md) into `directory`, which is made; gives the directory. Throws where it cannot.
std::filesystem::path write_test_package(const std::filesystem::path& directory, const TestNetwork& network = {});

/// Makes model.json agree with the files of a package again, after a test changed one. Throws where it cannot.
void refresh_hashes(const std::filesystem::path& directory);

/// A fresh folder that is removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace polymetis::testing
