// Constrained decoding of whole rows, a warp each: the loop of `constrained_decode` in one kernel.
//
// Compiled with PRODUCTIONS, PUSHED (most nonterminals of a right-hand side) and PLACES (of a stack).

typedef unsigned short u16;

#define FULL 0xffffffffu
#define WARPS 4
#define EACH ((PRODUCTIONS + 31) / 32)  // productions of a lane: lane, lane + 32, ...
#define LARGEST 3.402823466e+38f
#define NOT_ALLOWED __int_as_float(0xff800000)

// As torch.nan_to_num does: what is not finite counts as the largest number or as its negative.
__device__ __forceinline__ float tamed(float v) {
  return v != v ? -LARGEST : v > LARGEST ? LARGEST : v < -LARGEST ? -LARGEST : v;
}

__device__ __forceinline__ void read_step(float (&value)[EACH], const float* scores, int lane) {
#pragma unroll
  for (int i = 0; i < EACH; i++)
    value[i] = lane + 32 * i < PRODUCTIONS ? tamed(scores[lane + 32 * i]) : NOT_ALLOWED;
}

// The allowed production with the highest score, the first of equals, and 0 where none is allowed.
__device__ __forceinline__ int best_of(const float (&value)[EACH], const int* net_steps, int budget,
                                       int lane) {
  float largest = NOT_ALLOWED;
  int best = PRODUCTIONS;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    const int p = lane + 32 * i;
    if (p < PRODUCTIONS && net_steps[p] <= budget && value[i] > largest) {
      largest = value[i];
      best = p;
    }
  }
#pragma unroll
  for (int distance = 16; distance; distance /= 2) {
    const float other = __shfl_xor_sync(FULL, largest, distance);
    const int place = __shfl_xor_sync(FULL, best, distance);
    if (other > largest || (other == largest && place < best)) {
      largest = other;
      best = place;
    }
  }
  return best < PRODUCTIONS ? best : 0;
}

// scores: float (rows, steps, PRODUCTIONS) by strides; net_steps: int (nonterminals, PRODUCTIONS);
// pushed: int64 (PRODUCTIONS, PUSHED); num_pushed: int64 (PRODUCTIONS,); ids: int64 (rows, steps),
// -1 behind the end of a derivation.
extern "C" __global__ void __launch_bounds__(32 * WARPS)
decode_rows(const float* scores, const int* net_steps, const long long* pushed,
            const long long* num_pushed, long long* ids, int rows, int steps, int row_stride,
            int time_stride, int start, int min_length) {
  __shared__ u16 stacks[WARPS][PLACES];
  const int lane = threadIdx.x & 31, row = blockIdx.x * WARPS + (threadIdx.x >> 5);
  if (row >= rows) return;
  u16* stack = stacks[threadIdx.x >> 5];
  const float* own = scores + (size_t)row * row_stride;
  float value[EACH], next[EACH];
  read_step(next, own, lane);
  int depth = 1, needed = min_length, top = start;
  for (int t = 0; t < steps; t++) {
#pragma unroll
    for (int i = 0; i < EACH; i++) value[i] = next[i];
    if (t + 1 < steps) read_step(next, own + (size_t)(t + 1) * time_stride, lane);
    int choice = -1;
    if (depth > 0) {
      const int* changes = net_steps + (size_t)top * PRODUCTIONS;
      choice = best_of(value, changes, steps - t - 1 - needed, lane);
      needed += changes[choice];
      const int count = (int)num_pushed[choice];
      depth--;
      for (int i = lane; i < count; i += 32)
        stack[depth + i] = (u16)pushed[(size_t)choice * PUSHED + i];
      depth += count;
      __syncwarp();
      top = depth > 0 ? stack[depth - 1] : 0;
      __syncwarp();
    }
    if (lane == 0) ids[(size_t)row * steps + t] = choice;
  }
}
