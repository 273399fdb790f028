#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>
#include <system_error>

namespace polymetis::device::testing {

/// A forked process that the test talks with, a line at a time. Killed when it is still there at the end.
class Child {
 public:
  /// The child's end of the talk.
  struct Line {
    int in;
    int out;
    void say(const std::string& text) const {
      const std::string line = text + "\n";
      if (::write(out, line.data(), line.size()) < 0) ::_exit(99);
    }
    /// Blocks; "" when the other end is gone.
    std::string hear() const {
      std::string text;
      for (char c = 0; ::read(in, &c, 1) == 1 && c != '\n';) text += c;
      return text;
    }
  };

  explicit Child(const std::function<void(const Line&)>& body) {
    int to_child[2];
    int from_child[2];
    if (::pipe(to_child) != 0 || ::pipe(from_child) != 0) throw std::system_error(errno, std::generic_category());
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(to_child[1]);
      ::close(from_child[0]);
      body({to_child[0], from_child[1]});
      ::_exit(0);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    line_ = {from_child[0], to_child[1]};
  }
  ~Child() {
    end(SIGKILL);
    ::close(line_.in);
    ::close(line_.out);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void say(const std::string& text) const { line_.say(text); }
  std::string hear() const { return line_.hear(); }
  /// Sends `signal` (0: none) and waits for the end; the status of waitpid, -1 if it had ended.
  int end(int signal = 0) {
    if (pid_ <= 0) return -1;
    int status = 0;
    if (signal != 0) ::kill(pid_, signal);
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  Line line_{-1, -1};
};

}  // namespace polymetis::device::testing
