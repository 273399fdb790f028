#include "runtime/waiting.hpp"

#include <algorithm>

namespace polymetis::runtime {
namespace {

constexpr Duration longest_release_wait = std::chrono::seconds(5);
thread_local unsigned runs_on_stack = 0;

constexpr auto between_questions = std::chrono::milliseconds(50);

Status never_ends() { return {Code::runtime_error, "the run would wait for ever: in virtual time nothing is left to happen that could end its job"}; }

}  // namespace

InsideRun::InsideRun() noexcept { ++runs_on_stack; }
InsideRun::~InsideRun() { --runs_on_stack; }
bool is_inside_run() noexcept { return runs_on_stack != 0; }

Duration release_patience(Duration hang_floor) noexcept { return std::min(hang_floor, longest_release_wait); }

Status wait_for(Host& host, Latch& latch, const RunOptions& options) {
  if (options.interrupted == nullptr) return latch.is_open() || host.wait(latch, TimePoint::max()) ? Status() : never_ends();
  while (!host.wait(latch, host.now() + between_questions)) {
    if (options.interrupted(options.interrupted_argument)) {
      return {Code::runtime_error, "the run was interrupted; its buffers stay lent until the device lets go of them"};
    }
  }
  return {};
}

}  // namespace polymetis::runtime
