#pragma once

#include "capi/objects.hpp"

namespace polymetis::capi {

/// Remembers how a call of this thread with `handle` failed: for the thread and for the context. Never throws; where memory is short the
/// sentence is lost.
void record_failure(Handle handle, const Status& status) noexcept;
/// From here on this thread has no error with the context of `handle`. For calls whose answer does not tell success.
void record_success(Handle handle) noexcept;
/// The thread's last error with the context of `handle`, else the context's; where the context cannot be told, the thread's last.
Error last_error_of(Handle handle);
/// A copy of `text` that lives for some more calls of this thread, so that two of them may stand in one expression.
const char* lend_text(std::string text);

}  // namespace polymetis::capi
