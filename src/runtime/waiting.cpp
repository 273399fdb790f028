#include "runtime/waiting.hpp"

namespace polymetis::runtime {
namespace {

constexpr auto between_questions = std::chrono::milliseconds(50);

Status never_ends() { return {Code::runtime_error, "the run would wait for ever: in virtual time nothing is left to happen that could end its job"}; }

}  // namespace

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
