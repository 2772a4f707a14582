// Norms of gradients and Adam's update for all parameters of a network, a kernel each.
//
// A block works on CHUNK numbers of one parameter. Copies in bfloat16, which matrix products read,
// are written where the parameters are. Sums are added up in a fixed order.

typedef unsigned int u32;
typedef unsigned short u16;

#define FULL 0xffffffffu
#define THREADS 256
#define CHUNK 4096
#define MOST 56  // parameters; their descriptions have to fit the 4 KB of a kernel's arguments

// A parameter of rows x columns numbers, of which each row's are `inner` numbers for each of
// columns / inner places. Its gradient, and its copy, have the two the other way round; the
// gradient may be of the first grad_columns alone, and is 0 behind them.
struct Parameter {
  float* value;
  const void* grad;  // float or bfloat16
  float *mean, *square, *count;  // Adam's state; count is of the updates
  u16* copy;                     // or null
  int size, columns, grad_columns, inner;
  int end;      // the last of its blocks, and one
  int flags;
};
#define ALIGNED 1  // four numbers in a row lie in all tensors where they can be read at once
#define HALF 2     // the gradient is bfloat16

struct Parameters {
  Parameter of[MOST];
  int count;
};

__device__ __forceinline__ float wide(u32 value) { return __uint_as_float(value << 16); }
__device__ __forceinline__ u32 pack(float low, float high) {
  u32 packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
__device__ __forceinline__ float4 read4(const void* from, bool half, int place) {
  if (!half) return *(const float4*)((const float*)from + place);
  const uint2 pair = *(const uint2*)((const u16*)from + place);
  return make_float4(wide(pair.x & 0xffffu), wide(pair.x >> 16), wide(pair.y & 0xffffu),
                     wide(pair.y >> 16));
}
__device__ __forceinline__ float read1(const void* from, bool half, int place) {
  return half ? wide(((const u16*)from)[place]) : ((const float*)from)[place];
}

// Which parameter a block works on; `first` becomes the first of its numbers.
__device__ __forceinline__ int find(const Parameters& all, int* first) {
  int which = 0, begin = 0;
  while ((int)blockIdx.x >= all.of[which].end) begin = all.of[which++].end;
  *first = ((int)blockIdx.x - begin) * CHUNK;
  return which;
}

// Where a number lies in copy and gradient: its row, and its column there.
struct Place {
  int row, column;
};
__device__ __forceinline__ Place place_of(const Parameter& p, int number) {
  Place place;
  place.row = number / p.columns;
  place.column = number % p.columns;
  if (p.inner > 1)
    place.column = place.column % p.inner * (p.columns / p.inner) + place.column / p.inner;
  return place;
}

__device__ __forceinline__ float gradient4(const Parameter& p, int number, float4* out) {
  const Place place = place_of(p, number);
  *out = make_float4(0, 0, 0, 0);
  if (place.column < p.grad_columns)
    *out = read4(p.grad, p.flags & HALF, place.row * p.grad_columns + place.column);
  return out->x * out->x + out->y * out->y + out->z * out->z + out->w * out->w;
}
__device__ __forceinline__ float gradient1(const Parameter& p, const Place& place) {
  if (place.column >= p.grad_columns) return 0.0f;
  return read1(p.grad, p.flags & HALF, place.row * p.grad_columns + place.column);
}

// norms (parameters,) of the gradients, by way of `partial` (blocks,); counts the update. `turns`
// is 0, and is again 0 behind it: the block that comes last adds up.
extern "C" __global__ void __launch_bounds__(THREADS)
gradient_norms(const __grid_constant__ Parameters all, float* partial, float* norms, u32* turns) {
  __shared__ float sums[THREADS / 32];
  __shared__ bool is_last;
  int first;
  const Parameter& p = all.of[find(all, &first)];
  float sum = 0.0f;
  const int end = min(first + CHUNK, p.size);
  if (p.flags & ALIGNED) {
    float4 unused;
#pragma unroll 4
    for (int i = first + 4 * threadIdx.x; i < end; i += 4 * THREADS)
      sum += gradient4(p, i, &unused);
  } else {
    for (int i = first + threadIdx.x; i < end; i += THREADS) {
      const float g = gradient1(p, place_of(p, i));
      sum += g * g;
    }
  }
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
#pragma unroll
  for (int distance = 16; distance; distance /= 2) sum += __shfl_xor_sync(FULL, sum, distance);
  if (lane == 0) sums[warp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < THREADS / 32; w++) sum += sums[w];
    partial[blockIdx.x] = sum;
    __threadfence();
    is_last = atomicAdd(turns, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  for (int which = warp; which < all.count; which += THREADS / 32) {
    float square = 0.0f;
    for (int i = (which ? all.of[which - 1].end : 0) + lane; i < all.of[which].end; i += 32)
      square += *(volatile float*)(partial + i);
#pragma unroll
    for (int distance = 16; distance; distance /= 2)
      square += __shfl_xor_sync(FULL, square, distance);
    if (lane == 0) {
      norms[which] = sqrtf(square);
      *all.of[which].count += 1.0f;
    }
  }
  if (threadIdx.x == 0) *turns = 0;
}

struct Rates {
  float step, root, keep_mean, keep_square, epsilon;
};
// As torch.optim.Adam: m and v are running means of the gradient and of its square.
__device__ __forceinline__ float updated(float value, float g, float* m, float* v,
                                         const Rates& rates) {
  *m += (1.0f - rates.keep_mean) * (g - *m);
  *v = rates.keep_square * *v + (1.0f - rates.keep_square) * g * g;
  return value - rates.step * *m / (sqrtf(*v) / rates.root + rates.epsilon);
}

// factor and lr: float (), what gradients are multiplied with, and the learning rate.
extern "C" __global__ void __launch_bounds__(THREADS)
adam(const __grid_constant__ Parameters all, const float* factor, const float* lr, float beta1,
     float beta2, float epsilon) {
  __shared__ Rates shared;
  int first;
  const Parameter& p = all.of[find(all, &first)];
  if (threadIdx.x == 0) {
    const double updates = *p.count;
    shared.step = (float)(*lr / (1.0 - pow((double)beta1, updates)));
    shared.root = (float)sqrt(1.0 - pow((double)beta2, updates));
    shared.keep_mean = beta1;
    shared.keep_square = beta2;
    shared.epsilon = epsilon;
  }
  __syncthreads();
  const Rates rates = shared;
  const float scale = *factor;
  const int end = min(first + CHUNK, p.size);
  if (p.flags & ALIGNED) {
#pragma unroll 2
    for (int i = first + 4 * threadIdx.x; i < end; i += 4 * THREADS) {
      float4 g, value = *(float4*)(p.value + i);
      float4 m = *(float4*)(p.mean + i), v = *(float4*)(p.square + i);
      gradient4(p, i, &g);
      value.x = updated(value.x, g.x * scale, &m.x, &v.x, rates);
      value.y = updated(value.y, g.y * scale, &m.y, &v.y, rates);
      value.z = updated(value.z, g.z * scale, &m.z, &v.z, rates);
      value.w = updated(value.w, g.w * scale, &m.w, &v.w, rates);
      *(float4*)(p.value + i) = value;
      *(float4*)(p.mean + i) = m;
      *(float4*)(p.square + i) = v;
      if (p.copy) *(uint2*)(p.copy + i) = make_uint2(pack(value.x, value.y), pack(value.z, value.w));
    }
    return;
  }
  for (int i = first + threadIdx.x; i < end; i += THREADS) {
    const Place place = place_of(p, i);
    float m = p.mean[i], v = p.square[i];
    const float value = updated(p.value[i], gradient1(p, place) * scale, &m, &v, rates);
    p.value[i] = value;
    p.mean[i] = m;
    p.square[i] = v;
    if (p.copy) p.copy[place.row * p.columns + place.column] = (u16)pack(value, value);
  }
}
