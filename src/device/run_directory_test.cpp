#include "device/run_directory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "device/testing/run_directory_fixture.hpp"

namespace polymetis::device {
namespace {

namespace fs = std::filesystem;

/// Sets an environment variable for a scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = ::getenv(name)) before_ = before;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

class ChooseRunDirectoryTest : public testing::RunDirectoryTest {};

TEST_F(ChooseRunDirectoryTest, TheOneThatIsAskedForComesFirst) {
  const Variable variable("POLYMETIS_RUN_DIR", (directory() / "variable").c_str());
  EXPECT_EQ(open_run_directory(directory() / "a" / "b"), directory() / "a" / "b");
  EXPECT_TRUE(fs::is_directory(directory() / "a" / "b"));
  EXPECT_EQ(open_run_directory({}), directory() / "variable");
  EXPECT_TRUE(fs::is_directory(directory() / "variable"));
}

TEST_F(ChooseRunDirectoryTest, LooksAtThreePlacesOtherwise) {
  const Variable none("POLYMETIS_RUN_DIR", "");
  const Variable runtime("XDG_RUNTIME_DIR", "/run/user/7");
  const Variable temporary("TMPDIR", directory().c_str());
  const auto places = run_directories({});
  ASSERT_EQ(places.size(), 3U);
  EXPECT_EQ(places[0].path, "/run/polymetis");
  EXPECT_EQ(places[0].sharing, Sharing::all_users);
  EXPECT_EQ(places[1].path, "/run/user/7/polymetis");
  EXPECT_EQ(places[2].path, directory() / ("polymetis-" + std::to_string(::geteuid())));
  EXPECT_EQ(places[2].sharing, Sharing::one_user);
  const Variable no_runtime("XDG_RUNTIME_DIR", nullptr);
  EXPECT_EQ(run_directories({}).size(), 2U);
}

TEST_F(ChooseRunDirectoryTest, IsAbsoluteThoughAskedRelative) {
  const fs::path before = fs::current_path();
  fs::current_path(directory());
  const auto found = open_run_directory("here/./there/..");
  fs::current_path(before);
  EXPECT_EQ(found.value().string(), (directory() / "here" / "").string());
}

TEST_F(ChooseRunDirectoryTest, FallsBackAndSaysWhyNoneCanBeUsed) {
  std::ofstream(directory() / "file") << "x";
  const RunDirectory below_a_file{directory() / "file" / "x", Sharing::as_asked};
  const RunDirectory a_file{directory() / "file", Sharing::one_user};
  const RunDirectory no_parent{directory() / "none" / "x", Sharing::all_users};
  EXPECT_EQ(open_first_of({below_a_file, a_file, no_parent, {directory() / "good", Sharing::one_user}}), directory() / "good");
  const auto none = open_first_of({below_a_file, a_file, no_parent});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), Code::connection_error);
  const std::string message(none.error().message());
  EXPECT_NE(message.find("file/x': Not a directory; '"), std::string::npos) << message;
  EXPECT_NE(message.find("/file': it is not a folder; '"), std::string::npos) << message;
  EXPECT_NE(message.find("none/x': No such file or directory)"), std::string::npos) << message;
  EXPECT_NE(message.find("POLYMETIS_RUN_DIR"), std::string::npos) << message;
}

TEST_F(ChooseRunDirectoryTest, TheOneOfAUserIsTheirsAlone) {
  const fs::path path = directory() / "mine";
  ASSERT_TRUE(open_first_of({{path, Sharing::one_user}}));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0700));
  fs::permissions(path, fs::perms(0777));
  EXPECT_NE(open_first_of({{path, Sharing::one_user}}).error().message().find("others can write it (mode 0777)"), std::string::npos);
  const fs::path link = directory() / "link";
  fs::create_directory_symlink(path, link);
  EXPECT_NE(open_first_of({{link, Sharing::one_user}}).error().message().find("it is a symbolic link"), std::string::npos);
  EXPECT_TRUE(open_first_of({{link, Sharing::as_asked}})) << "what somebody names is taken as it is";
  // The root folder belongs to user 0; run as root, it is handed to another user first.
  const fs::path foreign = ::geteuid() == 0 ? directory() / "foreign" : fs::path("/");
  if (::geteuid() == 0) {
    fs::create_directory(foreign);
    ASSERT_EQ(::chown(foreign.c_str(), 65534, 65534), 0);
  }
  EXPECT_NE(open_first_of({{foreign, Sharing::one_user}}).error().message().find("it belongs to user"), std::string::npos);
}

TEST_F(ChooseRunDirectoryTest, TheOneOfAllUsersIsMadeLikeTmp) {
  const fs::path path = directory() / "all";
  ASSERT_TRUE(open_first_of({{path, Sharing::all_users}}));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(01777));
}

}  // namespace
}  // namespace polymetis::device
