// Handles have types.
// wrong: cannot convert|no matching function
#include "axruntime/axruntime.h"

axrModelInstance* load(axrConnection* connection, axrModel* model) {
#ifdef WRONG
  return axr_load_model_instance(model, connection, nullptr);
#else
  return axr_load_model_instance(connection, model, nullptr);
#endif
}
