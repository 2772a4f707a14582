// The masked cross-entropy of whole rows: one read of the logits forward, one backward.
//
// Compiled with PRODUCTIONS. At each step the productions that share the right one's left side
// compete; `competitors` (PRODUCTIONS, PRODUCTIONS) says which those are.

#define EACH ((PRODUCTIONS + 31) / 32)  // productions of a lane: lane, lane + 32, ...
#define NEGATIVE_INFINITY __int_as_float(0xff800000)

struct Step {
  float value[EACH];  // -inf where not allowed
  float largest, sum;
  int best;
};

// Softmax over the competing productions of one step; `best` is the first of equals.
__device__ __forceinline__ Step read_step(const u16* logits, const char* allowed, int lane) {
  Step step;
  step.largest = NEGATIVE_INFINITY;
  step.best = PRODUCTIONS;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    int p = lane + 32 * i;
    step.value[i] = p < PRODUCTIONS && allowed[p] ? wide(logits[p]) : NEGATIVE_INFINITY;
    if (step.value[i] > step.largest) {
      step.largest = step.value[i];
      step.best = p;
    }
  }
#pragma unroll
  for (int distance = 16; distance; distance /= 2) {
    float value = __shfl_xor_sync(FULL, step.largest, distance);
    int place = __shfl_xor_sync(FULL, step.best, distance);
    if (value > step.largest || (value == step.largest && place < step.best)) {
      step.largest = value;
      step.best = place;
    }
  }
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < EACH; i++) sum += __expf(step.value[i] - step.largest);
  step.sum = sum_of_warp(sum);
  return step;
}

// terms: float (3, batch): cross-entropy, right steps and real steps of each row; a block a row.
extern "C" __global__ void __launch_bounds__(32 * BLOCK_WARPS)
loss_forward(const u16* logits, const long long* ids, const char* competitors, float* terms,
             int batch, int time, int row_stride, int time_stride) {
  __shared__ float parts[3][BLOCK_WARPS];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, row = blockIdx.x;
  float nats = 0.0f, right = 0.0f, steps = 0.0f;
  for (int t = warp; t < time; t += BLOCK_WARPS) {
    const int id = (int)ids[(size_t)row * time + t];
    if (id < 0) continue;
    const u16* here = logits + (size_t)row * row_stride + (size_t)t * time_stride;
    Step step = read_step(here, competitors + (size_t)id * PRODUCTIONS, lane);
    nats += __logf(step.sum) + step.largest - wide(here[id]);
    right += step.best == id;
    steps += 1.0f;
  }
  if (lane == 0) {
    parts[0][warp] = nats;
    parts[1][warp] = right;
    parts[2][warp] = steps;
  }
  __syncthreads();
  if (threadIdx.x < 3) {
    float sum = 0.0f;
    for (int w = 0; w < BLOCK_WARPS; w++) sum += parts[threadIdx.x][w];
    terms[threadIdx.x * batch + row] = sum;
  }
}

// d_logits has the strides of the logits; d_nats: float (batch,).
extern "C" __global__ void __launch_bounds__(32 * BLOCK_WARPS)
loss_backward(const u16* logits, const long long* ids, const char* competitors,
              const float* d_nats, u16* d_logits, int batch, int time, int row_stride,
              int time_stride) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, row = blockIdx.x;
  const float scale = d_nats[row];
  for (int t = warp; t < time; t += BLOCK_WARPS) {
    const int id = (int)ids[(size_t)row * time + t];
    const size_t place = (size_t)row * row_stride + (size_t)t * time_stride;
    Step step;
    if (id >= 0) step = read_step(logits + place, competitors + (size_t)id * PRODUCTIONS, lane);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int p = lane + 32 * i;
      if (p >= PRODUCTIONS) break;
      float g = 0.0f;
      if (id >= 0) g = scale * (__expf(step.value[i] - step.largest) / step.sum - (p == id));
      d_logits[place + p] = narrow(g);
    }
  }
}
