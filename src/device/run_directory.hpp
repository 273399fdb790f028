#pragma once

#include <filesystem>
#include <vector>

#include "device/reservation.hpp"

/// How `open_run_directory` chooses; its parts, for the tests.
namespace polymetis::device {

/// Who may use a folder that we make, and what we ask of one that is there.
enum class Sharing {
  as_asked,   ///< somebody named it: made as the umask says, taken as it is
  all_users,  ///< made for everybody if we may
  one_user,   ///< this user's alone; others may write around it, so what is there must be ours
};

struct RunDirectory {
  std::filesystem::path path;
  Sharing sharing = Sharing::as_asked;
};

/// Where to look, in order. Reads the environment.
std::vector<RunDirectory> run_directories(const std::filesystem::path& asked);

/// The first that can be used, made where it is missing. Error: `connection_error` with each and why not.
Expected<std::filesystem::path> open_first_of(std::vector<RunDirectory> candidates);

}  // namespace polymetis::device
