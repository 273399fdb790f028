// Ownership is taken by name, never by passing a pointer along.
// wrong: could not convert|cannot convert|no viable conversion
#include "axruntime/axruntime.hpp"

axr::ptr<axrContext> make() {
#ifdef WRONG
  return axr_create_context();
#else
  return axr::to_ptr(axr_create_context());
#endif
}
