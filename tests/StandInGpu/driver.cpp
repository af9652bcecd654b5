// What ClipTrain calls of CUDA's driver. Operators finish before they return, so there is nothing to wait for on a computing stream.
#include "device.h"
#include "stream.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace {
constexpr int InvalidDevice = 101, NotReady = 600;
constexpr int IllegalAddress = 700;

// True once this process' GPU has failed: it is the one that found, and removed, the file that CLIPTRAIN_STANDIN_BREAKS names.
bool is_broken() {
  static std::atomic<bool> s_broken{false};
  static const char* const s_file = std::getenv("CLIPTRAIN_STANDIN_BREAKS");
  if (!s_broken && s_file && unlink(s_file) == 0) s_broken = true;
  return s_broken;
}

standin::Stream& stream_of(void* handle) { return *static_cast<standin::Stream*>(handle); }
}

extern "C" {
int aoti_torch_get_current_cuda_stream(int32_t, void** stream) {
  *stream = nullptr;
  return 0;
}

int cuInit(unsigned) { return 0; }

int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal < standin::gpus() ? 0 : InvalidDevice;
}

int cuDeviceGetUuid_v2(uint8_t* uuid, int device) {
  std::memset(uuid, 0, 16);
  uuid[15] = static_cast<uint8_t>(standin::number_on_machine(device));
  return 0;
}

int cuDevicePrimaryCtxRetain(void** context, int device) {
  *context = nullptr;
  return device < standin::gpus() ? 0 : InvalidDevice;
}

int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
int cuCtxSetCurrent(void*) { return 0; }

int cuStreamCreate(void** stream, unsigned) {
  if (is_broken()) return IllegalAddress;
  *stream = new standin::Stream;
  return 0;
}

int cuStreamDestroy_v2(void* stream) {
  delete &stream_of(stream);
  return 0;
}

int cuStreamQuery(void* stream) { return is_broken() ? IllegalAddress : stream_of(stream).is_done() ? 0 : NotReady; }
int cuStreamWaitEvent(void*, void*, unsigned) { return 0; }

int cuEventCreate(void** mark, unsigned) {
  *mark = new char;
  return 0;
}

int cuEventDestroy_v2(void* mark) {
  delete static_cast<char*>(mark);
  return 0;
}

int cuEventRecord(void*, void*) { return 0; }
}
