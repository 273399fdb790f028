/* A user's program in C99: lists devices, runs a package on the first one, and meets some errors. Usage: in_c PACKAGE */
#include <axruntime/axruntime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const axrContext* context, const char* what) {
  fprintf(stderr, "%s: %s: %s\n", what, axr_error_string(axr_last_error(AXR_OBJECT(context))), axr_last_error_string(AXR_OBJECT(context)));
  return 1;
}

static void log_line(void* arg, axrLogLevel level, const char* msg) {
  (void)level;
  (void)msg;
  ++*(int*)arg;
}

static size_t make_arguments(axrModel* model, size_t count, axrTensorInfo (*get)(const axrModel*, size_t), axrArgument* arguments) {
  size_t n;
  for (n = 0; n < count; ++n) {
    axrTensorInfo info = get(model, n);
    memset(&arguments[n], 0, sizeof(arguments[n]));
    arguments[n].ptr = calloc(1, axr_tensor_size(&info));
  }
  return count;
}

static int run(axrContext* context, axrConnection* connection, axrModel* model) {
  axrProperties* properties = axr_create_properties(context, "aipu_cores=1;num_sub_devices=1\n");
  axrModelInstance* instance = axr_load_model_instance(connection, model, properties);
  axrArgument inputs[8], outputs[8];
  size_t num_inputs, num_outputs, n;
  axrResult result;
  if (!instance) return failed(context, "load_model_instance");
  axr_destroy(AXR_OBJECT(properties));
  num_inputs = make_arguments(model, axr_num_model_inputs(model), axr_get_model_input, inputs);
  num_outputs = make_arguments(model, axr_num_model_outputs(model), axr_get_model_output, outputs);
  memset(inputs[0].ptr, 5, 16);
  result = axr_run_model_instance(instance, inputs, num_inputs, outputs, num_outputs);
  if (result == AXR_SUCCESS) printf("run: %d\n", ((signed char*)outputs[0].ptr)[0]);
  if (axr_run_model_instance(instance, inputs, num_inputs + 1, outputs, num_outputs) != AXR_ERROR_INVALID_ARGUMENT) return failed(context, "count");
  for (n = 0; n < num_inputs; ++n) free(inputs[n].ptr);
  for (n = 0; n < num_outputs; ++n) free(outputs[n].ptr);
  return result == AXR_SUCCESS ? 0 : failed(context, "run");
}

int main(int argc, char** argv) {
  axrContext* context = axr_create_context();
  axrDeviceInfo* devices = NULL;
  axrConnection* connection;
  axrModel* model;
  int lines = 0;
  size_t count, n;
  if (argc != 2) return 2;
  if (axr_last_error(AXR_OBJECT(context)) != AXR_SUCCESS) return failed(context, "create_context");
  axr_set_logger(context, AXR_LOG_INFO, log_line, &lines);

  count = axr_list_devices(context, &devices);
  if (count == 0) return failed(context, "list_devices");
  for (n = 0; n < count; ++n)
    printf("device: %s, %s, %d cores\n", devices[n].name, axr_board_type_string(devices[n].board_type), (int)devices[n].subdevice_count);

  if (axr_load_model(context, "/no/such/model.json") != NULL) return 1;
  if (axr_last_error(AXR_OBJECT(context)) != AXR_ERROR_VALUE_ERROR) return failed(context, "missing model");

  model = axr_load_model(context, argv[1]);
  if (!model) return failed(context, "load_model");
  connection = axr_device_connect(context, &devices[0], 1, NULL);
  if (!connection) return failed(context, "device_connect");
  if (run(context, connection, model) != 0) return 1;
  axr_destroy(AXR_OBJECT(context));
  if (axr_num_model_inputs(model) != 0) return 1;
  puts("done");
  return 0;
}
