#include "template/instance.hpp"

namespace polymetis::template_family {

InstanceTraits TemplateInstance::traits() const noexcept { return {.depth = 1, .blocking = Blocking::never, .recall = Recall::none}; }

void TemplateInstance::submit(Job& job) noexcept {
  // keep the ticket, start the device; end the ticket where its answer arrives, with a stamp of each step that the device can tell
  const auto ticket = job.ticket();
  const auto now = host_->now();
  ticket.end({Code::not_implemented, "the driver template does not run jobs yet"}, {job.queued, now, now, now, now});
}

}  // namespace polymetis::template_family
