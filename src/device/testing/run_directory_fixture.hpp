#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "polymetis/driver.hpp"

namespace polymetis::device::testing {

/// A run directory of the test's own.
class RunDirectoryTest : public ::testing::Test {
 protected:
  RunDirectoryTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "polymetis-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::filesystem::filesystem_error("mkdtemp", pattern, {});
    directory_ = pattern;
  }
  ~RunDirectoryTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] bool is_empty() const { return std::filesystem::is_empty(directory_); }

  static DeviceDescription card(unsigned core_count = 4, std::string origin = "default") {
    DeviceDescription device;
    device.name = "metis-0:1:0";
    device.board = "board-0";
    device.board_type = BoardType::pcie;
    device.reality = Reality::simulated;
    device.core_count = core_count;
    device.memory_bytes = 16ULL << 30U;
    device.origin = std::move(origin);
    return device;
  }

 private:
  std::filesystem::path directory_;
};

}  // namespace polymetis::device::testing
