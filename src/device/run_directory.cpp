#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "device/reservation.hpp"

namespace polymetis::device {

namespace {

namespace fs = std::filesystem;

/// Who may use a folder that we make, and what we ask of one that is there.
enum class Sharing {
  as_asked,   ///< somebody named it: made as the umask says, taken as it is
  all_users,  ///< made for everybody if we may
  one_user,   ///< this user's alone; in a folder where others can write, so what is there must be ours
};

struct Candidate {
  fs::path path;
  Sharing sharing = Sharing::as_asked;
};

/// What is wrong with it; "" for nothing.
std::string make(const Candidate& candidate) {
  const char* path = candidate.path.c_str();
  if (candidate.sharing == Sharing::as_asked) {
    std::error_code error;
    fs::create_directories(candidate.path, error);
    return error && !fs::is_directory(candidate.path) ? error.message() : std::string();
  }
  if (::mkdir(path, 0700) != 0) return errno == EEXIST ? std::string() : std::strerror(errno);
  // As /tmp: everybody's, but nobody removes another's file. Only so do two users see one another's cores.
  if (candidate.sharing == Sharing::all_users && ::chmod(path, 01777) != 0) return std::strerror(errno);
  return {};
}

std::string check(const Candidate& candidate) {
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

std::vector<Candidate> candidates_of(const fs::path& asked) {
  if (!asked.empty()) return {{asked, Sharing::as_asked}};
  if (const std::string named = variable("POLYMETIS_RUN_DIR"); !named.empty()) return {{named, Sharing::as_asked}};
  std::vector<Candidate> candidates{{"/run/polymetis", Sharing::all_users}};
  if (const std::string runtime = variable("XDG_RUNTIME_DIR"); !runtime.empty())
    candidates.push_back({fs::path(runtime) / "polymetis", Sharing::one_user});
  std::error_code error;
  fs::path temporary = fs::temp_directory_path(error);
  if (error) temporary = "/tmp";
  candidates.push_back({temporary / fmt::format("polymetis-{}", ::geteuid()), Sharing::one_user});
  return candidates;
}

}  // namespace

Expected<fs::path> open_run_directory(const fs::path& asked) {
  std::string tried;
  for (Candidate& candidate : candidates_of(asked)) {
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

}  // namespace polymetis::device
