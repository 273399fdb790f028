// AXR_OBJECT is for handles, not for what owns them.
// wrong: invalid cast|cannot cast|no matching|cannot convert
#include "axruntime/axruntime.hpp"

axrResult last(const axr::ptr<axrContext>& context) {
#ifdef WRONG
  return axr_last_error(AXR_OBJECT(context));
#else
  return axr_last_error(AXR_OBJECT(context.get()));
#endif
}
