// What the other files begin with: bfloat16 as two bytes, and sums over a warp.

typedef unsigned int u32;
typedef unsigned short u16;

#define FULL 0xffffffffu
#define BLOCK_WARPS 8

__device__ __forceinline__ float wide(u16 value) { return __uint_as_float((u32)value << 16); }
__device__ __forceinline__ u16 narrow(float value) {
  u16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result) : "f"(value));
  return result;
}
template <typename T>
__device__ __forceinline__ T sum_of_warp(T value) {
#pragma unroll
  for (int distance = 16; distance; distance /= 2)
    value += __shfl_xor_sync(FULL, value, distance);
  return value;
}
