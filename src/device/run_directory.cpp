#include "device/run_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "device/reservation.hpp"

namespace polymetis::device {

namespace {

namespace fs = std::filesystem;

/// What is wrong with it; "" for nothing.
std::string make(const RunDirectory& candidate) {
  const char* path = candidate.path.c_str();
  if (candidate.sharing == Sharing::as_asked) {
    std::error_code error;
    std::error_code ignored;
    fs::create_directories(candidate.path, error);
    return error && !fs::is_directory(candidate.path, ignored) ? error.message() : std::string();
  }
  if (::mkdir(path, 0700) != 0) return errno == EEXIST ? std::string() : std::strerror(errno);
  // As /tmp: everybody's, but nobody removes another's file. Only so do two users see one another's cores.
  if (candidate.sharing == Sharing::all_users && ::chmod(path, 01777) != 0) return std::strerror(errno);
  return {};
}

std::string check(const RunDirectory& candidate) {
  struct stat info{};
  const bool ours_only = candidate.sharing == Sharing::one_user;
  if ((ours_only ? ::lstat(candidate.path.c_str(), &info) : ::stat(candidate.path.c_str(), &info)) != 0) return std::strerror(errno);
  if (S_ISLNK(info.st_mode)) return "it is a symbolic link, which is not followed there";
  if (!S_ISDIR(info.st_mode)) return "it is not a folder";
  if (ours_only && info.st_uid != ::geteuid()) return fmt::format("it belongs to user {}", info.st_uid);
  if (ours_only && (info.st_mode & 0022U) != 0) return fmt::format("others can write it (mode {:04o})", info.st_mode & 07777U);
  if (::faccessat(AT_FDCWD, candidate.path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) return std::strerror(errno);
  return {};
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::vector<RunDirectory> run_directories(const fs::path& asked) {
  if (!asked.empty()) return {{asked, Sharing::as_asked}};
  if (const std::string named = variable("POLYMETIS_RUN_DIR"); !named.empty()) return {{named, Sharing::as_asked}};
  std::vector<RunDirectory> candidates{{"/run/polymetis", Sharing::all_users}};
  if (const std::string runtime = variable("XDG_RUNTIME_DIR"); !runtime.empty())
    candidates.push_back({fs::path(runtime) / "polymetis", Sharing::one_user});
  std::error_code error;
  fs::path temporary = fs::temp_directory_path(error);
  if (error) temporary = "/tmp";
  candidates.push_back({temporary / fmt::format("polymetis-{}", ::geteuid()), Sharing::one_user});
  return candidates;
}

Expected<fs::path> open_first_of(std::vector<RunDirectory> candidates) {
  std::string tried;
  for (RunDirectory& candidate : candidates) {
    std::error_code error;
    if (const fs::path whole = fs::absolute(candidate.path, error); !error) candidate.path = whole.lexically_normal();
    std::string wrong = make(candidate);
    if (wrong.empty()) wrong = check(candidate);
    if (wrong.empty()) return candidate.path;
    tried += fmt::format("{}'{}': {}", tried.empty() ? "" : "; ", candidate.path.string(), wrong);
  }
  return failure(Code::connection_error,
                 fmt::format("No run directory can be used, where processes share reservations of cores ({}): name a folder that this user "
                             "can write in POLYMETIS_RUN_DIR",
                             tried));
}

Expected<fs::path> open_run_directory(const fs::path& asked) { return open_first_of(run_directories(asked)); }

}  // namespace polymetis::device
