#include "device/process_identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"

namespace polymetis::device {

namespace {

/// The beginning of a file of /proc; "" where it cannot be read.
std::string read_start(const std::string& path) {
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  char text[1024];
  const ssize_t size = ::read(file.get(), text, sizeof text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

/// 0 where it cannot be told.
std::uint64_t start_time_of(std::int64_t pid) {
  const std::string stat = read_start(fmt::format("/proc/{}/stat", pid));
  // The name stands second, in parentheses, and may hold any character: fields are counted from the last ')'.
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return 0;
  std::uint64_t start_time = 0;
  std::from_chars(stat.data() + at + 1, stat.data() + stat.size(), start_time);
  return start_time;
}

std::uint64_t own_pid_namespace() {
  struct stat info{};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

std::string comm_of(std::int64_t pid) {
  std::string name = read_start(fmt::format("/proc/{}/comm", pid));
  if (!name.empty() && name.back() == '\n') name.pop_back();
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';  // it ends in messages and on terminals
  }
  return name;
}

std::optional<std::string> look_up(const ProcessIdentity& process) {
  if (process.pid <= 0 || process.start_time == 0 || process.pid_namespace != own_pid_namespace()) return std::nullopt;
  std::string name = comm_of(process.pid);
  if (start_time_of(process.pid) != process.start_time) return std::nullopt;  // asked last: then the name was this process's too
  return name;
}

/// Names of the last moment: a list of many devices asks for the same few again and again, and /proc is slow.
class RecentNames {
 public:
  const std::optional<std::string>& of(const ProcessIdentity& process) {
    const auto now = std::chrono::steady_clock::now();
    if (now - since_ > std::chrono::milliseconds(50) || entries_.size() >= 64) {
      entries_.clear();
      since_ = now;
    }
    for (const Entry& entry : entries_) {
      if (entry.process == process) return entry.name;
    }
    return entries_.emplace_back(Entry{process, look_up(process)}).name;
  }

 private:
  struct Entry {
    ProcessIdentity process;
    std::optional<std::string> name;
  };
  std::chrono::steady_clock::time_point since_{};
  std::vector<Entry> entries_;
};

}  // namespace

std::optional<std::string> name_of(const ProcessIdentity& process) {
  thread_local RecentNames recent;
  return recent.of(process);
}

ProcessIdentity this_process() {
  const std::int64_t pid = ::getpid();
  return {pid, start_time_of(pid), own_pid_namespace(), 0};
}

std::string process_text(std::int64_t pid, const std::string& name) {
  if (pid < 0) return "a process that cannot be told";
  return name.empty() ? fmt::format("pid {}", pid) : fmt::format("pid {} ({})", pid, name);
}

std::string this_process_text() {
  const std::int64_t pid = ::getpid();
  return process_text(pid, comm_of(pid));
}

}  // namespace polymetis::device
