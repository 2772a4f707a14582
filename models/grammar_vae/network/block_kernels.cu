// What surrounds the matrix products of the convolutional encoder.
//
// Compiled with CHANNELS; the block kernels also with NORMALISE (0 or 1), the window kernels with
// KERNEL (width of the convolution) and VECTOR (values a thread moves: 8, or 1).

#define EACH ((CHANNELS + 31) / 32)  // channels of a lane: lane, lane + 32, ...

__device__ __forceinline__ float normal_cdf(float x) {
  return 0.5f * (1.0f + erff(x * 0.70710678f));
}

#ifdef NORMALISE
// The convolution's result with its bias, normalised over channels: returns 1 / deviation.
__device__ __forceinline__ float centre(float (&v)[EACH], const u16* y, const float* bias,
                                        int lane) {
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    int c = lane + 32 * i;
    v[i] = c < CHANNELS ? wide(y[c]) + bias[c] : 0.0f;
    sum += v[i];
  }
#if NORMALISE
  float mean = sum_of_warp(sum) / CHANNELS, square = 0.0f;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    v[i] = lane + 32 * i < CHANNELS ? v[i] - mean : 0.0f;
    square += v[i] * v[i];
  }
  return rsqrtf(sum_of_warp(square) / CHANNELS + 1e-5f);
#else
  return 1.0f;
#endif
}

// out = (gelu(norm(y + bias)) + shortcut + shortcut_bias) where ids >= 0, else 0; a warp a row.
// `shortcut` and `shortcut_bias` may be null.
extern "C" __global__ void __launch_bounds__(32 * BLOCK_WARPS)
block_forward(const u16* y, const float* bias, const u16* shortcut, const float* shortcut_bias,
              const float* gamma, const float* beta, const long long* ids, u16* out, int rows) {
  const int lane = threadIdx.x & 31;
  const int row = blockIdx.x * BLOCK_WARPS + (threadIdx.x >> 5);
  if (row >= rows) return;
  const size_t place = (size_t)row * CHANNELS;
  const bool real = ids[row] >= 0;
  float v[EACH];
  const float scale = real ? centre(v, y + place, bias, lane) : 0.0f;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    int c = lane + 32 * i;
    if (c >= CHANNELS) break;
    float result = 0.0f;
    if (real) {
      float x = NORMALISE ? gamma[c] * v[i] * scale + beta[c] : v[i];
      result = x * normal_cdf(x);
      if (shortcut) result += wide(shortcut[place + c]);
      if (shortcut_bias) result += shortcut_bias[c];
    }
    out[place + c] = narrow(result);
  }
}

// Gradients: d_y and d_shortcut (or null) of every row; `partial` (blocks, 4, CHANNELS) of bias,
// shortcut_bias, gamma and beta, summed over the rows of each block in a fixed order.
extern "C" __global__ void __launch_bounds__(32 * BLOCK_WARPS)
block_backward(const u16* d_out, const u16* y, const float* bias, const float* gamma,
               const float* beta, const long long* ids, u16* d_y, u16* d_shortcut, float* partial,
               int rows) {
  __shared__ float total[4][CHANNELS];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  float sums[4][EACH] = {};
  for (int row = blockIdx.x * BLOCK_WARPS + warp; row < rows; row += gridDim.x * BLOCK_WARPS) {
    const size_t place = (size_t)row * CHANNELS;
    const bool real = ids[row] >= 0;
    float v[EACH], d[EACH], sum = 0.0f, along = 0.0f;
#pragma unroll
    for (int i = 0; i < EACH; i++)  // early, so that both reads are on their way together
      d[i] = real && lane + 32 * i < CHANNELS ? wide(d_out[place + lane + 32 * i]) : 0.0f;
    const float scale = real ? centre(v, y + place, bias, lane) : 0.0f;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int c = lane + 32 * i;
      float g = d[i];
      d[i] = 0.0f;
      if (c >= CHANNELS) break;
      if (d_shortcut) d_shortcut[place + c] = narrow(g);
      if (!real) continue;
      sums[1][i] += g;
      v[i] *= scale;
      float x = NORMALISE ? gamma[c] * v[i] + beta[c] : v[i];
      g *= normal_cdf(x) + x * 0.39894228f * __expf(-0.5f * x * x);
      d[i] = g;
      if (NORMALISE) {
        sums[2][i] += g * v[i];
        sums[3][i] += g;
        d[i] *= gamma[c];
        sum += d[i];
        along += d[i] * v[i];
      }
    }
    if (NORMALISE) {
      sum = sum_of_warp(sum) / CHANNELS;
      along = sum_of_warp(along) / CHANNELS;
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int c = lane + 32 * i;
      if (c >= CHANNELS) break;
      float g = 0.0f;
      if (real) g = NORMALISE ? scale * (d[i] - sum - v[i] * along) : d[i];
      sums[0][i] += g;
      d_y[place + c] = narrow(g);
    }
  }
  for (int turn = 0; turn < BLOCK_WARPS; turn++) {
    if (warp == turn)
#pragma unroll
      for (int kind = 0; kind < 4; kind++)
#pragma unroll
        for (int i = 0; i < EACH; i++) {
          int c = lane + 32 * i;
          if (c < CHANNELS) total[kind][c] = (turn ? total[kind][c] : 0.0f) + sums[kind][i];
        }
    __syncthreads();
  }
  for (int i = threadIdx.x; i < 4 * CHANNELS; i += blockDim.x)
    partial[(size_t)blockIdx.x * 4 * CHANNELS + i] = total[i / CHANNELS][i % CHANNELS];
}
#endif

#ifdef KERNEL
#define LEFT ((KERNEL - 1) / 2)
#define PIECES (CHANNELS / VECTOR)
struct __align__(2 * VECTOR) Piece {
  u16 value[VECTOR];
};

// windows (batch, time, KERNEL, CHANNELS) of x (batch, time, CHANNELS), zero outside.
extern "C" __global__ void windows(const Piece* x, Piece* out, int batch, int time) {
  const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= (size_t)batch * time * KERNEL * PIECES) return;
  const int piece = i % PIECES, tap = i / PIECES % KERNEL;
  const size_t row = i / PIECES / KERNEL;
  const int t = (int)(row % time) + tap - LEFT;
  Piece result = {};
  if (t >= 0 && t < time) result = x[(row + tap - LEFT) * PIECES + piece];
  out[i] = result;
}

// The gradient of `windows`: every value collects from the windows that hold it, and what comes to
// it by another way, `more` (or null).
extern "C" __global__ void fold(const Piece* d_out, const Piece* more, Piece* d_x, int batch,
                                int time) {
  const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= (size_t)batch * time * PIECES) return;
  const int piece = i % PIECES;
  const size_t row = i / PIECES;
  const int here = row % time;
  float sum[VECTOR] = {};
  if (more) {
    Piece part = more[i];
#pragma unroll
    for (int v = 0; v < VECTOR; v++) sum[v] = wide(part.value[v]);
  }
#pragma unroll
  for (int tap = 0; tap < KERNEL; tap++) {
    const int t = here - tap + LEFT;
    if (t < 0 || t >= time) continue;
    Piece part = d_out[((row - tap + LEFT) * KERNEL + tap) * PIECES + piece];
#pragma unroll
    for (int v = 0; v < VECTOR; v++) sum[v] += wide(part.value[v]);
  }
  Piece result;
#pragma unroll
  for (int v = 0; v < VECTOR; v++) result.value[v] = narrow(sum[v]);
  d_x[i] = result;
}

// One-hot windows (batch, time, KERNEL, CHANNELS) of ids (batch, time), zero outside of the rows;
// ids out of 0 ... CHANNELS - 1 are zero throughout.
extern "C" __global__ void one_hot_windows(const long long* ids, Piece* out, int batch, int time) {
  const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= (size_t)batch * time * KERNEL * PIECES) return;
  const int first = i % PIECES * VECTOR, tap = i / PIECES % KERNEL;
  const size_t row = i / PIECES / KERNEL;
  const int t = (int)(row % time) + tap - LEFT;
  const long long id = t >= 0 && t < time ? ids[row + tap - LEFT] : -1;
  Piece result;
#pragma unroll
  for (int v = 0; v < VECTOR; v++) result.value[v] = first + v == id ? 0x3f80 : 0;  // 1 in bfloat16
  out[i] = result;
}
#endif
