#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace polymetis::device {

/// Names a process for as long as the computer runs: a number is used again, a number with a start time is not. As it lies in the
/// files of the run directory (docs/run-directory.md).
struct ProcessIdentity {
  std::int64_t pid = 0;             ///< in its own pid namespace; 0 = nobody
  std::uint64_t start_time = 0;     ///< field 22 of /proc/PID/stat; 0 = not known
  std::uint64_t pid_namespace = 0;  ///< inode of /proc/self/ns/pid; 0 = not known
  std::uint64_t reserved = 0;
  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};
static_assert(sizeof(ProcessIdentity) == 32);

/// Reentrant.
ProcessIdentity this_process();

/// The name (comm) of `process`, "" where it has none to show; absent when that process cannot be seen from here: ended, its number
/// used again, or in another pid namespace. Reentrant.
std::optional<std::string> name_of(const ProcessIdentity& process);

/// "pid 123 (name)".
std::string process_text(std::int64_t pid, const std::string& name);
/// Of this process.
std::string this_process_text();

}  // namespace polymetis::device
