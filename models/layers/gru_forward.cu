// The forward pass of a GRU layer; gru_shared.cu comes before this file.

#define PITCH (HP + 8)  // rows of shared memory shifted by 16 bytes do not collide
#define KSTEPS (HP / 16)

// What is the same at every step, and what a step reads.
struct Inputs {
  const u16* gates;  // bf16 (time, batch, 3, HP) by strides, or null
  int time_stride, row_stride, steps;
  u32* ring;  // [AHEAD][6][THREADS]
};

__device__ __forceinline__ void load_weight(u32 (&w)[3][KSTEPS][2], const float* weight,
                                            const Place& p) {
#pragma unroll
  for (int g = 0; g < 3; g++)
#pragma unroll
    for (int k = 0; k < KSTEPS; k++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int column = k * 16 + (p.lane & 3) * 2 + half * 8;
        int neuron = p.rank * UNITS + p.warp * 8 + p.row;
        w[g][k][half] = pack(weight_at(weight, g, neuron, column),
                             weight_at(weight, g, neuron, column + 1));
      }
}

// Sets this thread's state and the constant parts of its gates.
__device__ __forceinline__ void start_units(float (&h)[4], float4* constants,
                                            const float* constant, int constant_stride,
                                            const float* bias, const float* start, int batch,
                                            const Place& p) {
  float c[4][4] = {};
#pragma unroll
  for (int i = 0; i < 2 * HALVES; i++) {
    int b = p.rows[i >> 1], u = p.unit + (i & 1);
    bool inside = b < batch && u < HIDDEN;
    h[i] = inside ? start[(size_t)b * HIDDEN + u] : 0.0f;
#pragma unroll
    for (int g = 0; g < 3; g++)
      c[g][i] = inside ? constant[(size_t)b * constant_stride + g * HIDDEN + u] : 0.0f;
    c[3][i] = u < HIDDEN ? bias[2 * HIDDEN + u] : 0.0f;
#pragma unroll
    for (int g = 0; g < 2; g++) c[g][i] += u < HIDDEN ? bias[g * HIDDEN + u] : 0.0f;
  }
#pragma unroll
  for (int g = 0; g < 4; g++)
    constants[g * THREADS + p.thread] = make_float4(c[g][0], c[g][1], c[g][2], c[g][3]);
}

// Fills the first buffer with the start of all units, and both with zeros behind the rows.
__device__ __forceinline__ void start_rows(u16* hidden, const float* start, int batch,
                                           const Place& p) {
  for (int i = p.thread; i < 2 * 16 * HP / 2; i += THREADS) {
    int r = i / (HP / 2), u = i % (HP / 2) * 2, b = p.tile * ROWS + r;
    bool inside = r < ROWS && b < batch;
    float first = inside && u < HIDDEN ? start[(size_t)b * HIDDEN + u] : 0.0f;
    float second = inside && u + 1 < HIDDEN ? start[(size_t)b * HIDDEN + u + 1] : 0.0f;
    *(u32*)(hidden + r * PITCH + u) = pack(first, second);
  }
}

__device__ __forceinline__ void fetch_inputs(const Inputs& inputs, int t, const Place& p) {
  if (inputs.gates != nullptr && t < inputs.steps)
#pragma unroll
    for (int i = 0; i < 6; i++)
      if (p.real[i & 1])
        fetch4(inputs.ring + ((t % AHEAD) * 6 + i) * THREADS + p.thread,
               inputs.gates + (size_t)t * inputs.time_stride +
                   (size_t)p.rows[i & 1] * inputs.row_stride + (i >> 1) * HP + p.unit);
  close_fetch();
}

__device__ __forceinline__ float part(float4 v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// Advances the state by a step; `kept` is what backward needs: r, z, n and q of each row.
__device__ __forceinline__ void advance(float (&h)[4], u32 (&out)[2], uint4 (&kept)[2],
                                        const float (&acc)[3][4], const u32* in,
                                        const float4* constants) {
  const float4 cr = constants[0], cz = constants[THREADS];
  const float4 cn = constants[2 * THREADS], cq = constants[3 * THREADS];
#pragma unroll
  for (int i = 0; i < HALVES; i++) {
    const u32 xr = in[i * THREADS], xz = in[(2 + i) * THREADS], xn = in[(4 + i) * THREADS];
    float r[2], z[2], n[2], q[2];
#pragma unroll
    for (int j = 0; j < 2; j++) {
      const int e = 2 * i + j;
      r[j] = sigmoid(acc[0][e] + (j ? high(xr) : low(xr)) + part(cr, e));
      z[j] = sigmoid(acc[1][e] + (j ? high(xz) : low(xz)) + part(cz, e));
      q[j] = acc[2][e] + part(cq, e);
      n[j] = hyperbolic((j ? high(xn) : low(xn)) + part(cn, e) + r[j] * q[j]);
      h[e] = n[j] + z[j] * (h[e] - n[j]);
    }
    out[i] = pack(h[2 * i], h[2 * i + 1]);
    kept[i] = make_uint4(pack(r[0], r[1]), pack(z[0], z[1]), pack(n[0], n[1]), pack(q[0], q[1]));
  }
}

// Hands the new states to all blocks of the cluster, in the buffer of the next step.
__device__ __forceinline__ void hand_out(u16* next, u32 full, const u32 (&out)[2],
                                         const Place& p) {
  next += p.rank * UNITS + p.warp * 8;
#if CLUSTER > 1
  // A quad of lanes holds 8 units of two rows: gather them to send 16 bytes at a time.
  uint4 quad[2];
  const int first = p.lane & 28;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    quad[i].x = __shfl_sync(FULL, out[i], first);
    quad[i].y = __shfl_sync(FULL, out[i], first + 1);
    quad[i].z = __shfl_sync(FULL, out[i], first + 2);
    quad[i].w = __shfl_sync(FULL, out[i], first + 3);
  }
#pragma unroll
  for (int base = 0; base < CLUSTER; base += 4) {
    u32 peer = base + (p.lane & 3);
    if (peer < CLUSTER) {
      send(peer, shared_address(next + p.row * PITCH), full, quad[0]);
      send(peer, shared_address(next + (p.row + 8) * PITCH), full, quad[1]);
    }
  }
#else
  *(u32*)(next + p.row * PITCH + (p.lane & 3) * 2) = out[0];
  if (HALVES == 2) *(u32*)(next + (p.row + 8) * PITCH + (p.lane & 3) * 2) = out[1];
#endif
}

// constant: float (batch, 3, HIDDEN) by stride, added at every step; states: bf16 (time + 1,
// batch, HP), the first is the start; saved: 16 bytes a thread, step and half, for backward, or
// null.
extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
gru_forward(const u16* gates, const float* constant, const float* weight, const float* bias,
            const float* start, u16* states, uint4* saved, int steps, int batch, int time_stride,
            int row_stride, int constant_stride) {
  extern __shared__ __align__(16) char memory[];
  u16* hidden = (u16*)memory;                              // [2][16][PITCH]
  float4* constants = (float4*)(memory + 4 * 16 * PITCH);  // [4][THREADS]
  u32* ring = (u32*)(constants + 4 * THREADS);
  __shared__ __align__(8) unsigned long long barriers[2];
  const u32 barrier = shared_address(barriers);
  const Place p = find_place(batch);
  const Inputs inputs = {gates, time_stride, row_stride, steps, ring};

  u32 w[3][KSTEPS][2];
  load_weight(w, weight, p);
  float h[4] = {};
  start_units(h, constants, constant, constant_stride, bias, start, batch, p);
  start_rows(hidden, start, batch, p);
#pragma unroll
  for (int i = 0; i < 2; i++)
    if (p.real[i]) *(u32*)(states + (size_t)p.rows[i] * HP + p.unit) = pack(h[2 * i], h[2 * i + 1]);
#pragma unroll
  for (int i = 0; i < AHEAD * 6; i++)
    if (gates == nullptr || !p.real[i & 1]) ring[i * THREADS + p.thread] = 0;
#pragma unroll
  for (int t = 0; t < AHEAD; t++) fetch_inputs(inputs, t, p);
  const u32 fragment = shared_address(hidden + fragment_place(p.lane, PITCH));
#if CLUSTER > 1
  set_up(barrier, 16 * HP * 2);
#endif
  __syncthreads();

  for (int t = 0; t < steps; t++) {
    float acc[3][4] = {};
    u32 a[4], two[4];
#pragma unroll
    for (int k = 0; k < KSTEPS; k++) {
      load_fragment(a, two, fragment + (t & 1) * 16 * PITCH * 2, k);
#pragma unroll
      for (int g = 0; g < 3; g++) multiply(acc[g], a, w[g][k][0], w[g][k][1]);
    }
    await_fetch();
    u32 out[2] = {};
    uint4 kept[2];
    advance(h, out, kept, acc, ring + (t % AHEAD) * 6 * THREADS + p.thread, constants + p.thread);
    const int next = (t + 1) & 1;
    hand_out(hidden + next * 16 * PITCH, barrier + 8 * next, out, p);
    fetch_inputs(inputs, t + AHEAD, p);
#pragma unroll
    for (int i = 0; i < HALVES; i++) {
      if (p.real[i])
        *(u32*)(states + ((size_t)(t + 1) * batch + p.rows[i]) * HP + p.unit) = out[i];
      if (saved != nullptr)
        saved[(((size_t)t * gridDim.x + blockIdx.x) * HALVES + i) * THREADS + p.thread] = kept[i];
    }
#if CLUSTER > 1
    wait_for(barrier + 8 * next, t >> 1 & 1);
    if (p.thread == 0) expect(barrier + 8 * next, 16 * HP * 2);
#else
    __syncthreads();
#endif
  }
}
