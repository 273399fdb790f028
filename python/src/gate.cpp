#include "gate.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace nb = nanobind;

namespace polymetis::python {
namespace {

constexpr auto longest_wait_at_exit = std::chrono::seconds(2);

std::atomic<int> inside{0};
std::atomic<bool> closed{false};
std::thread::id closer;            // written before `closed`
thread_local int locked_here = 0;  // a thread that is inside may come back to where it is

}  // namespace

bool Gate::enter() noexcept {
  inside.fetch_add(1);
  if (!closed.load() || closer == std::this_thread::get_id() || locked_here > 0) {
    return true;
  }
  inside.fetch_sub(1);
  return false;
}

void Gate::leave() noexcept { inside.fetch_sub(1); }

void Gate::close() noexcept {
  closer = std::this_thread::get_id();
  closed.store(true);
  PyThreadState* state = PyEval_SaveThread();
  const auto deadline = std::chrono::steady_clock::now() + longest_wait_at_exit;
  while (inside.load() != 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  PyEval_RestoreThread(state);
}

void Gate::forked() noexcept { inside.store(0); }

Unlocked::~Unlocked() {
  if (!Gate::enter()) {
    for (;;) {
      ::pause();  // the process is about to end
    }
  }
  PyEval_RestoreThread(state_);
  Gate::leave();
}

bool Unlocked::interrupted() noexcept {
  if (!Gate::enter()) {
    return false;
  }
  PyEval_RestoreThread(state_);
  const bool raised = PyErr_CheckSignals() != 0;
  state_ = PyEval_SaveThread();
  Gate::leave();
  return raised;
}

Locked::Locked() noexcept : entered_(Gate::enter()) {
  if (entered_ && Py_IsInitialized() == 0) {  // the end of the process, on its main thread
    entered_ = false;
    Gate::leave();
  }
  if (entered_) {
    ++locked_here;
    state_ = PyGILState_Ensure();
  }
}

Locked::~Locked() {
  if (entered_) {
    PyGILState_Release(state_);
    --locked_here;
    Gate::leave();
  }
}

void bind_gate(nb::module_& module) {
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([] { Gate::close(); }));
  nb::module_::import_("os").attr("register_at_fork")(nb::arg("after_in_child") = nb::cpp_function([] { Gate::forked(); }));
  static_cast<void>(module);
}

}  // namespace polymetis::python
