#pragma once

#include <nanobind/nanobind.h>

/// The interpreter's lock, and its end. A thread that asks for the lock while the interpreter ends is killed in the middle of C++ frames,
/// so an exit handler closes the gate first, waits for those inside, and later comers are turned away.
/// A callback that runs Python code on a thread of the host is inside until it returns, whatever it calls.
namespace polymetis::python {

class Gate {
 public:
  /// False: the interpreter is ending and another thread ends it; stay out. True: `leave` must follow.
  [[nodiscard]] static bool enter() noexcept;
  static void leave() noexcept;
  /// Called at exit with the lock held; waits for who is inside, two seconds at most.
  static void close() noexcept;
  /// Threads that were inside when the process forked are not in the child.
  static void forked() noexcept;
};

/// Releases the interpreter's lock while it lives. On a thread that comes back when the interpreter is ending, never comes back.
class Unlocked {
 public:
  Unlocked() noexcept : state_(PyEval_SaveThread()) {}
  ~Unlocked();
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

  /// Runs the signal handlers that wait; true if one raised, and the exception stays set for when the lock is back.
  [[nodiscard]] bool interrupted() noexcept;

 private:
  PyThreadState* state_;
};

/// Holds the interpreter's lock on any thread, also one that holds it already; false where the interpreter is ending, and then nothing of
/// Python may be touched.
class Locked {
 public:
  Locked() noexcept;
  ~Locked();
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  explicit operator bool() const noexcept { return entered_; }

 private:
  bool entered_;
  PyGILState_STATE state_{};
};

void bind_gate(nanobind::module_& module);

}  // namespace polymetis::python
