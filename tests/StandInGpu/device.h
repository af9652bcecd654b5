// The GPUs: how many there are, and their memory.
#pragma once
#include "abi.h"

namespace standin {
int gpus();

// The machine's number of the GPU that this process knows by a number. The variable CUDA_VISIBLE_DEVICES selects some.
int number_on_machine(int gpu);
c10::Allocator* allocator();

// The GPU of this thread's next allocations.
void allocate_on(int8_t gpu);

// Tell libtorch of the GPUs, and of what they compute.
void register_device();
void register_operators();
}
