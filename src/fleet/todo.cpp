#include "fleet/todo.hpp"

#include "fleet/dispatcher.hpp"

namespace polymetis::fleet {

namespace {

/// Calls `act` with each entry, also those that are added meanwhile; what `act` does within may go on with the rest.
template <class T, class Act>
bool each(Todo::List<T>& list, Act&& act) {
  const bool any = list.next < list.entries.size();
  while (list.next < list.entries.size()) {
    T entry = std::move(list.entries[list.next++]);  // the list may move while it is acted on
    if (list.next == list.entries.size()) list.clear();
    act(entry);
  }
  return any;
}

}  // namespace

Todo& Todo::of_this_thread() {
  thread_local Todo todo;
  return todo;
}

void Todo::keep(Dispatcher& dispatcher) {
  if (kept_.empty() || kept_.back().get() != &dispatcher) kept_.push_back(dispatcher.shared_from_this());
}

bool Todo::do_once() {
  bool any = each(latches, [](Latch* latch) { latch->open(); });
  any |= each(starts, [](Start& s) { s.dispatcher->start(*static_cast<Dispatcher::JobRecord*>(s.record), s.serial, s.submitter); });
  any |= each(abandons, [](Abandon& a) { a.instance->abandon(a.job); });
  any |= each(reloads, [](Reload& r) { r.dispatcher->reload(r.executor); });
  any |= each(tells, [](Tell& t) { t.dispatcher->tell(std::move(t.event)); });
  any |= each(fulfils, [](Fulfil& f) { f.promise->set_value(std::move(f.result)); });
  any |= each(drains, [](Drain& d) { d.dispatcher->drain(*d.stream, std::move(d.first)); });
  any |= each(ends, [](std::shared_ptr<void>&) {});
  return any;
}

void Todo::run() {
  if (running_) return;
  running_ = true;
  do_all();
  running_ = false;
  kept_.clear();
}

bool Todo::wait(Host& host, Latch& latch, TimePoint until) {
  do_all();
  const bool was_running = std::exchange(running_, false);
  std::vector<std::shared_ptr<Dispatcher>> kept = std::move(kept_);
  kept_.clear();
  const bool opened = host.wait(latch, until);
  running_ = was_running;
  kept_ = std::move(kept);
  return opened;
}

}  // namespace polymetis::fleet
