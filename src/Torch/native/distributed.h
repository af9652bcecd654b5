// What the distributed files share. Every c10d object that C# holds is a heap-allocated intrusive pointer.
#pragma once
#include <torch/csrc/distributed/c10d/Store.hpp>
#if TORCH_VERSION_MAJOR >= 2
#include <torch/csrc/distributed/c10d/Backend.hpp>
#else
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#endif

#include "common.h"

namespace ct {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using GroupPtr = c10::intrusive_ptr<Backend>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

inline StorePtr& store_of(void* p) { return *static_cast<StorePtr*>(p); }
inline GroupPtr& group_of(void* p) { return *static_cast<GroupPtr*>(p); }

template <class T>
void free_quietly(void* p) {
  try {
    delete static_cast<T*>(p);
  } catch (...) {  // a connection that breaks while it is closed is closed
  }
}

// Lets a group go on a thread of its own: its destructor waits for hung collectives, at most their time-out.
void abandon(GroupPtr&& group);

}  // namespace ct
