// A handle becomes an object by AXR_OBJECT only.
// wrong: cannot convert|no matching function
#include "axruntime/axruntime.h"

void end(axrModel* model) {
#ifdef WRONG
  axr_destroy(model);
#else
  axr_destroy(AXR_OBJECT(model));
#endif
}
