#ifndef AXRUNTIME_AXRUNTIME_H
#define AXRUNTIME_AXRUNTIME_H

/**
 * The axruntime API in C (C99 or C++), as Polymetis provides it: source compatible with programs written for this header.
 * Which call is the same and which differs: docs/compatibility.md.
 *
 * Conventions common to all calls
 *
 * - Handles. `create`, `load`, `connect` and `read` give an object, `get` of a struct or string lends. An object belongs to its context
 *   and lives until `axr_destroy` of itself, of its parent or of the context, in any order. A handle is a number, not an address: using
 *   one after its end, twice, for another kind of object, NULL or garbage is AXR_ERROR_INVALID_ARGUMENT and never a crash.
 * - Threads. Every call may be made from every thread at any time. One model instance runs one frame at a time. After a fork, objects
 *   made before it are errors in the child.
 * - Errors. A call that gives a pointer answers NULL, a call that gives an axrResult its code; `axr_last_error` and
 *   `axr_last_error_string` then tell code and sentence. As with errno, a success leaves the last error as it is.
 * - Property strings are `key=value` items separated by ';' or newline; blanks around them and empty items are ignored. Integers are
 *   decimal, switches 0 or 1.
 * - Strings are UTF-8. A string that a call gives lives until the next axr call of the same thread, unless it says otherwise.
 * - Sizes are in bytes.
 */

#include <stddef.h>

#if defined(__GNUC__)
#define AXR_EXPORT __attribute__((visibility("default")))
#else
#define AXR_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- objects ---------------------------------------------------------------------------------------------------------------- */

/** Any object; see AXR_OBJECT. */
typedef struct axrObject axrObject;
/** The root: owns connections, models and properties. Several in one process share the reservations of cores. */
typedef struct axrContext axrContext;
/** Cores reserved on one device; owns model instances. */
typedef struct axrConnection axrConnection;
/** A compiled package in host memory; independent of any device. */
typedef struct axrModel axrModel;
/** A model loaded on cores of a connection. */
typedef struct axrModelInstance axrModelInstance;
/** Keys and values of a call or of a model. */
typedef struct axrProperties axrProperties;

/** Any handle as an axrObject pointer. */
#define AXR_OBJECT(x) ((axrObject*)(x))

/* ---- values ----------------------------------------------------------------------------------------------------------------- */

/** How a call ended. */
typedef enum axrResult {
  AXR_SUCCESS = 0,
  AXR_ERROR_RUNTIME_ERROR = 1,         /**< the run or the load failed on the device */
  AXR_ERROR_VALUE_ERROR = 2,           /**< a value, file or text that is damaged or not allowed */
  AXR_ERROR_INVALID_ARGUMENT = 3,      /**< wrong handle, index, count or size; object destroyed or in use by another thread */
  AXR_ERROR_CONNECTION_ERROR = 4,      /**< the device or its link failed or is gone */
  AXR_ERROR_DEVICE_IN_USE = 5,         /**< the cores are held by others, who are named */
  AXR_ERROR_INCOMPATIBLE_DEVICE = 6,   /**< the package is not for this device */
  AXR_ERROR_INVALID_CONFIGURATION = 7, /**< a key that this call does not know */
  AXR_ERROR_NOT_IMPLEMENTED = 8,       /**< the driver or this version cannot do it */
  AXR_ERROR_INTERNAL_ERROR = 9,        /**< a fault of the library */
  AXR_ERROR_PENDING_ERROR = 10,        /**< still being applied, or the queue is full: ask again */
  AXR_ERROR_UNKNOWN_ERROR = 11
} axrResult;

typedef enum axrLogLevel {
  AXR_LOG_TRACE = 0,
  AXR_LOG_LOG = 1,
  AXR_LOG_DEBUG = 2,
  AXR_LOG_INFO = 3,
  AXR_LOG_FIXME = 4,
  AXR_LOG_WARNING = 5,
  AXR_LOG_ERROR = 6
} axrLogLevel;

/** Kind of board. The names UNUSED are those of the documentation; what the numbers mean is in the comments. */
typedef enum axrBoardType {
  AXR_BOARD_METIS_UNUSED1 = 0, /**< alpha, PCIe */
  AXR_BOARD_METIS_UNUSED2 = 1, /**< alpha, M.2 */
  AXR_BOARD_METIS_OMEGA_PCIE = 2,
  AXR_BOARD_METIS_OMEGA_M2 = 3,
  AXR_BOARD_METIS_UNUSED3 = 4, /**< development board */
  AXR_BOARD_METIS_UNUSED4 = 5, /**< single board computer; documented under the name before it, which cannot compile */
  AXR_BOARD_METIS_MAX = 6,     /**< not known */
  AXR_BOARD_EUROPA_PCIE = 7,   /**< this number and the next are of Polymetis: the vendor's are not public */
  AXR_BOARD_EUROPA_DEVBOARD = 8
} axrBoardType;

/** What an element of a tensor is. */
typedef enum AXR_TENSOR_DATA_TYPE { AXR_UNSIGNED = 0, AXR_SIGNED = 1, AXR_FLOAT = 2 } AXR_TENSOR_DATA_TYPE;

#define AXR_MAX_TENSOR_DIMS 8

/** Memory of one tensor, lent to a run: either host memory or a shareable descriptor that can be mapped (dma-buf, memfd). */
typedef struct axrArgument {
  void* ptr;     /**< host memory, or NULL */
  int fd;        /**< used where `ptr` is NULL; 0 and -1 mean none */
  size_t offset; /**< must be 0 */
  size_t size;   /**< 0: not checked; else it must be the tensor's size */
} axrArgument;

/** One tensor at a device's border: NHWC, `real = (q - zero_point) * scale`; the pad value is the zero point. */
typedef struct axrTensorInfo {
  size_t dims[AXR_MAX_TENSOR_DIMS]; /**< padding and batch included */
  size_t ndims;                     /**< 0: no such tensor */
  size_t bits;                      /**< of an element: 8 */
  size_t type;                      /**< AXR_TENSOR_DATA_TYPE: AXR_SIGNED */
  char name[256];
  size_t padding[AXR_MAX_TENSOR_DIMS][2]; /**< elements {before, after} in each dimension, as in numpy.pad */
  double scale;
  int zero_point;
} axrTensorInfo;

/** A device and what is known of its use. Texts are cut to 255 bytes; what is not known is empty or 0. */
typedef struct axrDeviceInfo {
  char name[256];         /**< such as "metis-0:1:0"; names the device in every call, the other fields are not looked at */
  size_t subdevice_count; /**< cores */
  size_t max_memory;      /**< bytes of the device */
  int in_use;             /**< 1: a core of it is reserved, here or in another process */
  char in_use_by[256];    /**< who holds which cores, such as "pid 123 (name): cores 0, 1" */
  axrBoardType board_type;
  char firmware_version[256];
  int board_revision;
  char flashed_firmware_version[256];
  char board_controller_firmware_version[256];
  char board_controller_board_type[256];
} axrDeviceInfo;

/**
 * Receives a message of the library, on the thread that logs it. It may call every axr function but must not throw.
 * `msg` lives until the function returns.
 */
typedef void (*axr_logger_fn)(void* arg, axrLogLevel level, const char* msg);

/**
 * Receives the end of an asynchronous run, on a thread of the library. The place in the queue is free by then, so it may submit again,
 * or run and block: what was queued before that is run first, but its callbacks come only when this one has returned. The buffers of the
 * run are the caller's again. It must not throw.
 */
typedef void (*axr_run_callback_fn)(void* arg, axrResult result);

/* ---- version and names ------------------------------------------------------------------------------------------------------ */

/** The version of this API: major * 65536 + minor. A new minor adds, a new major breaks. This header: 1.8. */
AXR_EXPORT unsigned int axr_api_version(void);

/** The name of a board type, such as "pcie" or "m2"; "unknown" for every other number. Static storage, never NULL. */
AXR_EXPORT const char* axr_board_type_string(axrBoardType type);

/** The name of a result, such as "device in use". Static storage, never NULL. */
AXR_EXPORT const char* axr_error_string(axrResult result);

/* ---- objects and errors ----------------------------------------------------------------------------------------------------- */

/**
 * Makes a context. No device is touched.
 * The caller owns it: `axr_destroy` ends it and all that was made from it.
 * Never NULL. One that could not start says so through `axr_last_error`, and so does every call with it:
 * AXR_ERROR_VALUE_ERROR a bad environment variable or topology file; AXR_ERROR_CONNECTION_ERROR no folder to share reservations in.
 */
AXR_EXPORT axrContext* axr_create_context(void);

/**
 * Ends an object and all that it owns, from any thread. It waits for the runs that are going on, for all of them together 5 s at most (less
 * where the device is known to answer sooner), and not inside a callback of a run; the cores of a longer run are freed when that ends.
 * Required for contexts only, and for an instance before another model takes its cores. NULL is ignored.
 * Errors: AXR_ERROR_INVALID_ARGUMENT (through axr_last_error) a handle that has ended already; nothing else happens.
 */
AXR_EXPORT void axr_destroy(const axrObject* object);

/** The context that `object` belongs to, lent; a context gives itself. NULL for NULL and for an object that has ended. */
AXR_EXPORT axrContext* axr_get_context(const axrObject* object);

/**
 * The last error of this thread with the context of `object`; if this thread had none, the last of that context in any thread.
 * For NULL or a handle whose context cannot be told: the last of this thread. Right after a success of `axr_list_devices`: AXR_SUCCESS.
 */
AXR_EXPORT axrResult axr_last_error(const axrObject* object);

/** The sentence of `axr_last_error`: what was asked, what was found, what to do. Never NULL; empty where there was no error. */
AXR_EXPORT const char* axr_last_error_string(const axrObject* object);

/**
 * Forwards messages of `level` and above to `fn` with `arg`, instead of to the function set before. A NULL `fn` forwards none.
 * `arg` stays the caller's and must live until the logger is replaced or the context has ended: when that call has returned no thread is
 * inside `fn` any more, nor will be. It waits for those that are, unless it is made inside a logger; so hold nothing that `fn` waits for.
 * Errors (through axr_last_error): AXR_ERROR_INVALID_ARGUMENT not a context; AXR_ERROR_VALUE_ERROR no such level.
 */
AXR_EXPORT void axr_set_logger(axrContext* context, axrLogLevel level, axr_logger_fn fn, void* arg);

/* ---- properties ------------------------------------------------------------------------------------------------------------- */

/**
 * Makes properties from a property string; NULL and "" give none. Calls copy what they need, so it may be destroyed right after one.
 * The context owns it. Never NULL unless `context` is not a context.
 * A text that cannot be read (AXR_ERROR_VALUE_ERROR) still gives an object, but every call that takes it fails with that error.
 */
AXR_EXPORT axrProperties* axr_create_properties(axrContext* context, const char* initial);

/**
 * The value of `key`; NULL where it is not set.
 * It lives until the next change of these properties or the next axr call of this thread.
 */
AXR_EXPORT const char* axr_get_property(const axrProperties* properties, const char* key);

/**
 * Sets `key` to `value`; both are copied.
 * Errors (through axr_last_error): AXR_ERROR_VALUE_ERROR a key that is empty or has one of '=', ';', newline in it;
 * AXR_ERROR_INVALID_ARGUMENT NULL.
 */
AXR_EXPORT void axr_set_property(axrProperties* properties, const char* key, const char* value);

/** Removes `key`; nothing happens where it is not set. */
AXR_EXPORT void axr_del_property(axrProperties* properties, const char* key);

/** The keys, sorted and joined by ';'; empty where there are none. Lives as `axr_get_property`'s. NULL: not properties. */
AXR_EXPORT const char* axr_list_properties(const axrProperties* properties);

/* ---- devices ---------------------------------------------------------------------------------------------------------------- */

/**
 * What devices there are now, with who uses them; wakes none. The order stays the same from call to call.
 * `*devices` becomes an array of as many structs, or NULL where there are none; a NULL `devices` only counts.
 * The context owns the array; it lives until the next call with this context that takes an array.
 * 0 means none (axr_last_error: AXR_SUCCESS) or an error: AXR_ERROR_CONNECTION_ERROR a driver cannot be asked.
 */
AXR_EXPORT size_t axr_list_devices(axrContext* context, axrDeviceInfo** devices);

/**
 * Sets clocks and MVM utilisation of the device of that name; all of `properties` or nothing.
 * Keys: clock_profile, clock_profile_core_N (MHz, 800), mvm_utilisation_core_N (percent, 100), device_firmware and
 * ddr_size (both accepted, without effect).
 * Errors: AXR_ERROR_INVALID_CONFIGURATION unknown key; AXR_ERROR_VALUE_ERROR bad value; AXR_ERROR_PENDING_ERROR not an error: still
 * being applied, see `axr_device_ready`; AXR_ERROR_DEVICE_IN_USE configured by another process; AXR_ERROR_INVALID_ARGUMENT no such device.
 */
AXR_EXPORT axrResult axr_configure_device(axrContext* context, const axrDeviceInfo* device, const axrProperties* properties);

/** Whether the last configuration has been applied: AXR_SUCCESS, or AXR_ERROR_PENDING_ERROR not yet. Errors: as above. */
AXR_EXPORT axrResult axr_device_ready(axrContext* context, const axrDeviceInfo* device);

/**
 * The configuration of a device, as properties with the keys of `axr_configure_device`.
 * The context owns them; new ones each time. NULL: no such device.
 */
AXR_EXPORT axrProperties* axr_read_device_configuration(axrContext* context, const axrDeviceInfo* device);

/**
 * Reserves `num_sub_devices` consecutive cores. A NULL `device` is the first in the order of the list that has them free.
 * Keys: device_firmware_check, device_name (both accepted). NULL properties: none.
 * The context owns the connection; ending it frees the cores. Slow on real devices; one at a time in a process.
 * NULL: AXR_ERROR_DEVICE_IN_USE not free; AXR_ERROR_INVALID_ARGUMENT no such device, no or too many cores;
 * AXR_ERROR_INVALID_CONFIGURATION unknown key; AXR_ERROR_CONNECTION_ERROR the device does not answer.
 */
AXR_EXPORT axrConnection* axr_device_connect(axrContext* context, const axrDeviceInfo* device, size_t num_sub_devices,
                                             const axrProperties* properties);

/* ---- models ----------------------------------------------------------------------------------------------------------------- */

/**
 * Reads a package: the path of its directory or of its model.json. The context owns the model.
 * NULL: AXR_ERROR_VALUE_ERROR missing, damaged, of another version, or compiled by the vendor's compiler.
 */
AXR_EXPORT axrModel* axr_load_model(axrContext* context, const char* path);

/** Number of tensors; 0: not a model. */
AXR_EXPORT size_t axr_num_model_inputs(const axrModel* model);
AXR_EXPORT size_t axr_num_model_outputs(const axrModel* model);

/** Tensor `n`, counted from 0. Out of range or not a model: AXR_ERROR_INVALID_ARGUMENT (through axr_last_error) and `ndims` 0. */
AXR_EXPORT axrTensorInfo axr_get_model_input(const axrModel* model, size_t n);
AXR_EXPORT axrTensorInfo axr_get_model_output(const axrModel* model, size_t n);

/**
 * What is to be known beside the tensors: preamble_graph and postamble_graph (files relative to the package's directory, empty where
 * there is none), input_tensor_layout (NHWC). The model owns them; new ones each time, changing them changes nothing else.
 */
AXR_EXPORT axrProperties* axr_get_model_properties(const axrModel* model);

/** Bytes of a tensor as `info` describes it, padding and batch included; 0: NULL, more than 8 dimensions, or too large to count. */
AXR_EXPORT size_t axr_tensor_size(const axrTensorInfo* info);

/**
 * Loads `model` on free cores of `connection`. Connection and model may be of different contexts.
 * Keys: num_sub_devices and aipu_cores (0: the model's batch), input_dmabuf, output_dmabuf, double_buffer, device_profiling,
 * host_profiling, async_mode (0), elf_in_ddr (1), max_inflight, max_pending. NULL properties: the defaults.
 * The connection owns the instance. The model may end before it. Slow; one at a time in a process.
 * NULL: AXR_ERROR_INVALID_CONFIGURATION unknown key; AXR_ERROR_VALUE_ERROR bad value or graph; AXR_ERROR_INVALID_ARGUMENT more cores
 * than are free; AXR_ERROR_RUNTIME_ERROR does not fit the device's memory; AXR_ERROR_INCOMPATIBLE_DEVICE; AXR_ERROR_CONNECTION_ERROR.
 */
AXR_EXPORT axrModelInstance* axr_load_model_instance(axrConnection* connection, axrModel* model, const axrProperties* properties);

/**
 * Runs one frame (or one batch) and blocks until the outputs are written.
 * One argument a tensor, in the order of the model, `axr_tensor_size` bytes each; where the instance has more cores than the model's
 * batch, the leading dimension grows with them. With `double_buffer` the outputs are those of the run before the last; the first two
 * are zero points; `axr_run_async_model_instance` has no such delay. All memory stays the caller's, who leaves it alone until the call returns.
 * Errors: AXR_ERROR_INVALID_ARGUMENT wrong count or size, an offset, overlapping outputs, or running in another thread;
 * AXR_ERROR_CONNECTION_ERROR the device failed; AXR_ERROR_RUNTIME_ERROR the run failed.
 */
AXR_EXPORT axrResult axr_run_model_instance(axrModelInstance* instance, const axrArgument* inputs, size_t num_inputs, const axrArgument* outputs,
                                            size_t num_outputs);

/**
 * Queues one frame and returns at once; `callback` is called with `arg` exactly once, unless this call fails.
 * Arguments as above; the arrays may go when the call returns, the memory they name is lent until the callback.
 * With `double_buffer` too, each gets its own frame's outputs, and is no run by which those of axr_run_model_instance are delayed.
 * Errors: as `axr_run_model_instance`; AXR_ERROR_PENDING_ERROR the queue is full (max_inflight + max_pending).
 */
AXR_EXPORT axrResult axr_run_async_model_instance(axrModelInstance* instance, const axrArgument* inputs, size_t num_inputs,
                                                  const axrArgument* outputs, size_t num_outputs, axr_run_callback_fn callback, void* arg);

#ifdef __cplusplus
}
#endif

#endif
