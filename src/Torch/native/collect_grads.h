// The move of gradients into a flat buffer, for C# and for the reducer.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ct {

// Writes each parameter's gradient (zeros when it has none) to flat[offset .. offset + numel), or with `accumulate` adds it,
// and clears it. Throws before anything is changed when a gradient or an offset does not suit.
void collect_grads(const std::vector<at::Tensor>& parameters, const int64_t* offsets, const at::Tensor& flat, bool accumulate);

}  // namespace ct
