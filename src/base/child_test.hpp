#pragma once

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace polymetis::base {

/// The exit code of a forked child that ran `body` (an int) and then `std::exit`, so also what runs at exit; -1 if it hung or crashed.
template <class Body>
int exit_code_of_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) std::exit(body());
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  pollfd ended{handle, POLLIN, 0};
  if (::poll(&ended, 1, 30000) != 1) ::kill(child, SIGKILL);
  ::close(handle);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace polymetis::base
