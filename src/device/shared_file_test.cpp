#include "device/shared_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "device/reservation.hpp"
#include "device/telemetry_page.hpp"
#include "device/testing/child_process.hpp"
#include "device/testing/run_directory_fixture.hpp"

namespace polymetis::device {
namespace {

using testing::Child;
namespace fs = std::filesystem;

/// Bad run directories and files, as `reserve` and `telemetry_of` meet them: an error that says what to do, whatever lies there.
class BadFileTest : public testing::RunDirectoryTest {
 protected:
  static Status reserve(const fs::path& directory) {
    auto lease = reservations_of(directory, card()).value()->reserve(1);
    return lease ? Status() : lease.error();
  }
  static Status meter(const fs::path& directory) {
    auto page = telemetry_of(directory, card());
    return page ? Status() : page.error();
  }
  static void expect(const Status& status, std::string_view words) {
    EXPECT_EQ(status.code(), Code::connection_error);
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
  }
  static void expect_both(const fs::path& directory, std::string_view words) {
    expect(reserve(directory), words);
    expect(meter(directory), words);
  }
  [[nodiscard]] fs::path cores() const { return directory() / "metis-0-1-0.cores"; }
  [[nodiscard]] fs::path telemetry() const { return directory() / "metis-0-1-0.telemetry"; }
};

TEST_F(BadFileTest, NoFolder) {
  expect_both(directory() / "none", "No such file or directory; choose another run directory (POLYMETIS_RUN_DIR)");
  std::ofstream(directory() / "file") << "x";
  expect_both(directory() / "file", "Not a directory");
  expect_both("/proc/self", "cannot be opened");
}

TEST_F(BadFileTest, ALinkIsNotFollowed) {
  std::ofstream(directory() / "victim") << "";
  fs::create_symlink("victim", cores());
  fs::create_symlink("victim", telemetry());
  expect_both(directory(), "it is a symbolic link, which is not followed: remove it");
  EXPECT_EQ(fs::file_size(directory() / "victim"), 0U);
  EXPECT_FALSE(peek_telemetry(directory(), card()));
  for (const CoreHolder& holder : reservations_of(directory(), card()).value()->holders()) EXPECT_EQ(holder.pid, -1);
}

TEST_F(BadFileTest, AFolderOrAPipeInItsPlace) {
  fs::create_directory(cores());
  ASSERT_EQ(::mkfifo(telemetry().c_str(), 0666), 0);
  expect(reserve(directory()), "Is a directory");
  expect(meter(directory()), "is not a regular file: remove it");
  EXPECT_FALSE(peek_telemetry(directory(), card()));
}

TEST_F(BadFileTest, AFileOfSomethingElseIsLeftAsItIs) {
  std::ofstream(cores()) << "my diary";
  std::ofstream(telemetry()) << "my other diary";
  expect(reserve(directory()), "is not a reservation file of Polymetis: remove it");
  expect(meter(directory()), "is not a telemetry page of Polymetis: remove it");
  expect(peek_telemetry(directory(), card()).error(), "is not a telemetry page of Polymetis: remove it");
  EXPECT_EQ(fs::file_size(cores()), 8U);
  EXPECT_EQ(fs::file_size(telemetry()), 14U);
}

TEST_F(BadFileTest, AnEmptyFileIsOneThatWasOnlyJustMade) {
  std::ofstream(cores()) << "";
  std::ofstream(telemetry()) << "";
  EXPECT_TRUE(reserve(directory()).ok());
  EXPECT_EQ(peek_telemetry(directory(), card()).value().cores.size(), 4U);
  EXPECT_TRUE(meter(directory()).ok());
}

TEST_F(BadFileTest, ALimitOfFileSizesIsAnErrorAndNotTheEnd) {
  Child child([&](const Child::Line& line) {
    const rlimit tiny{1024, 1024};
    ::setrlimit(RLIMIT_FSIZE, &tiny);  // SIGXFSZ has its default action: it would end the process
    line.say(reserve(directory()).to_string());
    line.say(meter(directory()).to_string());
    sigset_t pending;
    ::sigpending(&pending);
    line.say(sigismember(&pending, SIGXFSZ) == 0 ? "no signal waits" : "a signal waits");
  });
  EXPECT_NE(child.hear().find("cannot be given its space: File too large; raise the process's limit of file sizes (ulimit -f)"), std::string::npos);
  EXPECT_NE(child.hear().find("cannot be given its space: File too large"), std::string::npos);
  EXPECT_EQ(child.hear(), "no signal waits");
  EXPECT_EQ(child.end(), 0);
  EXPECT_TRUE(reserve(directory()).ok()) << "what the failure left is no obstacle";
  EXPECT_TRUE(meter(directory()).ok());
}

TEST_F(BadFileTest, NoDescriptorsLeft) {
  const fs::path path = cores();
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{3, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  const auto file = SharedFile::open(path, {0, 1});
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(file);
  expect(file.error(), "Too many open files; raise the process's limit of open files (ulimit -n)");
}

TEST_F(BadFileTest, FilesAreForAllUsersOfTheDirectoryWhateverTheUmask) {
  Child child([&](const Child::Line& line) {
    ::umask(0077);
    line.say(reserve(directory()).ok() && meter(directory()).ok() ? "made" : "failed");
  });
  ASSERT_EQ(child.hear(), "made");
  for (const fs::path& file : {cores(), telemetry()}) EXPECT_EQ(fs::status(file).permissions(), fs::perms(0666)) << file;
}

TEST_F(BadFileTest, AnotherUsersFileThatMayNotBeWritten) {
  if (::geteuid() == 0) {
    ASSERT_TRUE(reserve(directory()).ok());
    fs::permissions(directory(), fs::perms(0777));
    fs::permissions(cores(), fs::perms(0600));
    Child child([&](const Child::Line& line) {
      if (::setuid(65534) != 0) line.say("setuid failed");
      line.say(reserve(directory()).to_string());
    });
    EXPECT_NE(child.hear().find("Permission denied; it belongs to user 0 with mode 0600: let this user write it"), std::string::npos);
  } else {
    std::ofstream(cores()) << "";
    fs::permissions(cores(), fs::perms(0400));
    expect(reserve(directory()), "Permission denied; it belongs to user");
  }
}

/// Whether a process has a file open, soon.
bool comes_to_open(pid_t pid, const fs::path& path) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < deadline) {
    std::error_code gone;  // descriptors close while they are listed
    for (fs::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", gone); entry != fs::directory_iterator(); entry.increment(gone)) {
      if (fs::read_symlink(entry->path(), gone) == path) return true;
    }
    std::this_thread::yield();
  }
  return false;
}

TEST(SharedFile, ALockOnARemovedFileIsNotTaken) {
  // Whoever waits at the gate while the file is removed and made again gets the new one.
  std::string pattern = (fs::canonical(fs::temp_directory_path()) / "polymetis-test-XXXXXX").string();
  const fs::path directory = ::mkdtemp(pattern.data());
  const fs::path path = directory / "x";
  auto first = SharedFile::open(path, {0, 1}).value();
  Child waiting([&](const Child::Line& line) {
    line.say("waiting");
    const auto file = SharedFile::open(path, {0, 1});
    line.say(file && (*file)->write(0, std::as_bytes(std::span("child", 5))).ok() ? "open" : "failed");
  });
  ASSERT_EQ(waiting.hear(), "waiting");
  ASSERT_TRUE(comes_to_open(waiting.pid(), path));
  fs::remove(path);
  std::ofstream(path) << "new  file";
  first.reset();
  ASSERT_EQ(waiting.hear(), "open");
  std::string text;
  std::getline(std::ifstream(path), text);
  EXPECT_EQ(text, "childfile");
  fs::remove_all(directory);
}

}  // namespace
}  // namespace polymetis::device
