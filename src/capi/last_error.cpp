#include "capi/last_error.hpp"

#include <algorithm>
#include <array>

namespace polymetis::capi {
namespace {

constexpr std::size_t most_contexts = 16;
constexpr std::size_t most_texts = 16;

struct ThreadRecord {
  Handle context;
  Error error;
};

/// What this thread remembers. Bounded; the newest record is the last.
struct ThreadMemory {
  std::vector<ThreadRecord> records;
  std::array<std::string, most_texts> texts;
  std::size_t next_text = 0;

  ThreadMemory() = default;
  ~ThreadMemory() { ended = true; }
  static thread_local bool ended;
};
thread_local bool ThreadMemory::ended = false;

/// Null once the thread's own objects are destroyed: globals of the program may call after that.
ThreadMemory* memory() {
  if (ThreadMemory::ended) return nullptr;
  static thread_local ThreadMemory mine;
  return &mine;
}

std::shared_ptr<ContextObject> live_context(Handle context) {
  auto found = HandleTable::current().find(context);
  return found ? std::dynamic_pointer_cast<ContextObject>(*found) : nullptr;
}

void remember(Handle context, Error error) {
  ThreadMemory* mine = memory();
  if (mine == nullptr) return;
  auto& records = mine->records;
  std::erase_if(records, [&](const ThreadRecord& record) { return record.context == context; });
  if (records.size() == most_contexts) records.erase(records.begin());
  records.push_back({context, std::move(error)});
}

}  // namespace

void record_failure(Handle handle, const Status& status) noexcept {
  try {
    const Handle root = HandleTable::current().root_of(handle);
    Error error{status.code(), status.to_string()};
    if (auto context = live_context(root)) context->record(error);
    remember(root, std::move(error));
  } catch (...) {
  }
}

void record_success(Handle handle) noexcept {
  try {
    remember(HandleTable::current().root_of(handle), {});
  } catch (...) {
  }
}

Error last_error_of(Handle handle) {
  const Handle root = HandleTable::current().root_of(handle);
  ThreadMemory* mine = memory();
  if (mine != nullptr && !mine->records.empty()) {
    if (root == Handle::none) return mine->records.back().error;
    const auto& records = mine->records;
    const auto found = std::find_if(records.begin(), records.end(), [&](const ThreadRecord& record) { return record.context == root; });
    if (found != records.end()) return found->error;
  }
  if (handle == Handle::none) return {};
  if (auto context = live_context(root)) return context->last_error();
  auto gone = HandleTable::current().find(handle);
  return gone ? Error{} : Error{gone.error().code(), "axr_last_error wants an object: " + gone.error().to_string()};
}

const char* lend_text(std::string text) {
  ThreadMemory* mine = memory();
  if (mine == nullptr) return "";
  std::string& kept = mine->texts[mine->next_text++ % most_texts];
  kept = std::move(text);
  return kept.c_str();
}

}  // namespace polymetis::capi
