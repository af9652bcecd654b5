// Everything that differs between the libtorch versions that this binding compiles against:
// 1.13 (Debian: CPU, Gloo) and 2.x (CPU or CUDA, Gloo and NCCL).
#pragma once
#include <ATen/core/ivalue.h>
#include <torch/version.h>

#include <utility>

namespace c10d {
class Backend;
class ProcessGroup;
}  // namespace c10d

namespace ct {

// c10::optional became std::optional during 2.x; this is whichever an IValue speaks.
using OptionalTensor = decltype(std::declval<const c10::IValue&>().toOptional<at::Tensor>());

// What Gloo and NCCL groups derive from: 2.0 moved it from ProcessGroup to Backend.
#if TORCH_VERSION_MAJOR >= 2
using Backend = c10d::Backend;
#else
using Backend = c10d::ProcessGroup;
#endif

// Tells a backend to give up its collectives. Only later 2.x can; before, NCCL's destructor does so, and Gloo's waits.
template <class B>
auto abort_collectives(B& backend, int) -> decltype(backend.abort()) {
  return backend.abort();
}
template <class B>
void abort_collectives(B&, long) {}

}  // namespace ct
