// One GRU layer over all steps, forward and backward, without leaving the chip.
//
// A cluster of CLUSTER blocks holds the recurrent weight in registers, as tensor-core fragments,
// and runs ROWS rows of the batch through all steps. Block `rank` owns HP / CLUSTER units, each of
// its warps 8 of them: the three gates of a unit and its float32 state lie in the same thread.
// After a step the blocks exchange what the next one needs through distributed shared memory.
//
// Compiled with HIDDEN (units), HP (units padded to a multiple of 16 * CLUSTER) and CLUSTER.
// Gates are r, z, n as in torch.nn.GRU; q is the recurrent part of n before r scales it.
// Padded units have zero weights, so their state stays 0.

typedef unsigned int u32;
typedef unsigned short u16;

#define UNITS (HP / CLUSTER)
#define WARPS (UNITS / 8)
#define THREADS (32 * WARPS)
#define HALVES (CLUSTER == 1 ? 1 : 2)  // of the 16 rows of a fragment; few blocks: smaller tiles
#define ROWS (8 * HALVES)
#define FULL 0xffffffffu

__device__ __forceinline__ u32 pack(float low, float high) {
  u32 packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
__device__ __forceinline__ float low(u32 pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }
// Right to 2^-11, finer than the bfloat16 that gates are kept in; one special-function operation
// where exp and a division take two, and those are what small layers wait for.
__device__ __forceinline__ float hyperbolic(float x) {
  float result;
  asm("tanh.approx.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
__device__ __forceinline__ float sigmoid(float x) {
  return fmaf(0.5f, hyperbolic(0.5f * x), 0.5f);
}
__device__ __forceinline__ u32 shared_address(const void* p) {
  return (u32)__cvta_generic_to_shared(p);
}
__device__ __forceinline__ u32 rank_in_cluster() {
  u32 rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ __forceinline__ u32 address_at(u32 rank, u32 address) {
  u32 there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(rank));
  return there;
}
// Stores into a block of the cluster and counts the bytes at its barrier. A barrier of the whole
// cluster would also wait for all global stores, for microseconds.
__device__ __forceinline__ void send(u32 rank, u32 address, u32 barrier, uint4 v) {
  asm volatile(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], "
      "{%1, %2, %3, %4}, [%5];" ::"r"(address_at(rank, address)),
      "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w), "r"(address_at(rank, barrier))
      : "memory");
}
__device__ __forceinline__ void expect(u32 barrier, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
__device__ __forceinline__ void wait_for(u32 barrier, u32 parity) {
  asm volatile(
      "{\n.reg .pred done;\nretry:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra retry;\n}" ::"r"(barrier), "r"(parity)
      : "memory");
}
// Two barriers, one for each of two buffers that take turns; every use brings `bytes`.
__device__ __forceinline__ void set_up(u32 barriers, u32 bytes) {
  if (threadIdx.x == 0) {
    for (int i = 0; i < 2; i++) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barriers + 8 * i));
      expect(barriers + 8 * i, bytes);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
// Every thread fetches what it alone will read, some steps ahead, so no barrier is needed.
__device__ __forceinline__ void fetch4(void* to, const void* from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(shared_address(to)), "l"(from));
}
__device__ __forceinline__ void fetch16(void* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from));
}
#define AHEAD 4
__device__ __forceinline__ void close_fetch() { asm volatile("cp.async.commit_group;"); }
__device__ __forceinline__ void await_fetch() {
  asm volatile("cp.async.wait_group %0;" ::"n"(AHEAD - 1) : "memory");
}
// A fragment of 16 rows x 16 columns; `address` is this lane's row of it.
__device__ __forceinline__ void load_fragment(u32 (&a)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
               : "r"(address));
}
__device__ __forceinline__ void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
// Two values of the recurrent weight (3 * HIDDEN, HIDDEN), 0 in the padding.
__device__ __forceinline__ float weight_at(const float* weight, int gate, int row, int column) {
  bool real = row < HIDDEN && column < HIDDEN;
  return real ? weight[(size_t)(gate * HIDDEN + row) * HIDDEN + column] : 0.0f;
}

#define PITCH (HP + 8)  // rows of shared memory shifted by 16 bytes do not collide
#define KSTEPS (HP / 16)

// inputs: bf16 (time, batch, 3, HP) by strides, or null; constant: float (batch, 3, HIDDEN) by
// stride, added at every step; states: bf16 (time + 1, batch, HP), the first is the start;
// saved: 8 words a thread and step, for backward, or null.
extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
gru_forward(const u16* inputs, const float* constant, const float* weight, const float* bias,
            const float* start, u16* states, uint4* saved, int steps, int batch,
            int input_time_stride, int input_row_stride, int constant_stride) {
  extern __shared__ __align__(16) char memory[];
  u16* hidden = (u16*)memory;                               // [2][16][PITCH]
  float4* constants = (float4*)(memory + 4 * 16 * PITCH);  // [4][THREADS]
  u32* ring = (u32*)(constants + 4 * THREADS);             // [AHEAD][6][THREADS]
  __shared__ __align__(8) unsigned long long barriers[2];
  const u32 barrier = shared_address(barriers);
  const int thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
  const u32 rank = CLUSTER > 1 ? rank_in_cluster() : 0;
  const int tile = blockIdx.x / CLUSTER;
  const int unit = rank * UNITS + warp * 8 + (lane & 3) * 2;
  const int row = lane >> 2;
  const int rows[2] = {tile * ROWS + row, tile * ROWS + row + 8};
  const bool real[2] = {rows[0] < batch, HALVES == 2 && rows[1] < batch};

  u32 w[3][KSTEPS][2];
#pragma unroll
  for (int g = 0; g < 3; g++)
#pragma unroll
    for (int k = 0; k < KSTEPS; k++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int column = k * 16 + (lane & 3) * 2 + half * 8;
        int neuron = rank * UNITS + warp * 8 + row;
        w[g][k][half] = pack(weight_at(weight, g, neuron, column),
                             weight_at(weight, g, neuron, column + 1));
      }

  float h[4] = {};
  {
    float c[4][4] = {};
#pragma unroll
    for (int i = 0; i < 2 * HALVES; i++) {
      int b = rows[i >> 1], u = unit + (i & 1);
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
      constants[g * THREADS + thread] = make_float4(c[g][0], c[g][1], c[g][2], c[g][3]);
  }
  for (int i = thread; i < 2 * 16 * HP / 2; i += THREADS) {
    int r = i / (HP / 2), u = i % (HP / 2) * 2, b = tile * ROWS + r;
    bool inside = r < ROWS && b < batch;
    float first = inside && u < HIDDEN ? start[(size_t)b * HIDDEN + u] : 0.0f;
    float second = inside && u + 1 < HIDDEN ? start[(size_t)b * HIDDEN + u + 1] : 0.0f;
    *(u32*)(hidden + r * PITCH + u) = pack(first, second);
  }
#pragma unroll
  for (int i = 0; i < 2; i++)
    if (real[i]) *(u32*)(states + (size_t)rows[i] * HP + unit) = pack(h[2 * i], h[2 * i + 1]);

  const u16* source = inputs + unit;
  auto fetch = [&](int t) {
    if (inputs != nullptr && t < steps)
#pragma unroll
      for (int i = 0; i < 6; i++)
        if (real[i & 1])
          fetch4(ring + ((t % AHEAD) * 6 + i) * THREADS + thread,
                 source + (size_t)t * input_time_stride + (size_t)rows[i & 1] * input_row_stride +
                     (i >> 1) * HP);
    close_fetch();
  };
#pragma unroll
  for (int i = 0; i < AHEAD * 6; i++)
    if (inputs == nullptr || !real[i & 1]) ring[i * THREADS + thread] = 0;
#pragma unroll
  for (int t = 0; t < AHEAD; t++) fetch(t);
  const u32 fragment = shared_address(hidden + (lane & 15) * PITCH + (lane >> 4) * 8);
#if CLUSTER > 1
  set_up(barrier, 16 * HP * 2);
#endif
  __syncthreads();

  for (int t = 0; t < steps; t++) {
    const u32 buffer = (t & 1) * 16 * PITCH * 2;
    float acc[3][4] = {};
#pragma unroll
    for (int k = 0; k < KSTEPS; k++) {
      u32 a[4];
      load_fragment(a, fragment + buffer + k * 32);
#pragma unroll
      for (int g = 0; g < 3; g++) multiply(acc[g], a, w[g][k][0], w[g][k][1]);
    }
    await_fetch();
    u32 in[3][2], out[2], kept[8];
#pragma unroll
    for (int i = 0; i < 6; i++)
      in[i >> 1][i & 1] = ring[((t % AHEAD) * 6 + i) * THREADS + thread];
    const float4 cr = constants[thread], cz = constants[THREADS + thread];
    const float4 cn = constants[2 * THREADS + thread], cq = constants[3 * THREADS + thread];
#pragma unroll
    for (int i = 0; i < HALVES; i++) {
      float r0 = sigmoid(acc[0][2 * i] + low(in[0][i]) + (i ? cr.z : cr.x));
      float r1 = sigmoid(acc[0][2 * i + 1] + high(in[0][i]) + (i ? cr.w : cr.y));
      float z0 = sigmoid(acc[1][2 * i] + low(in[1][i]) + (i ? cz.z : cz.x));
      float z1 = sigmoid(acc[1][2 * i + 1] + high(in[1][i]) + (i ? cz.w : cz.y));
      float q0 = acc[2][2 * i] + (i ? cq.z : cq.x), q1 = acc[2][2 * i + 1] + (i ? cq.w : cq.y);
      float n0 = hyperbolic(low(in[2][i]) + (i ? cn.z : cn.x) + r0 * q0);
      float n1 = hyperbolic(high(in[2][i]) + (i ? cn.w : cn.y) + r1 * q1);
      h[2 * i] = n0 + z0 * (h[2 * i] - n0);
      h[2 * i + 1] = n1 + z1 * (h[2 * i + 1] - n1);
      out[i] = pack(h[2 * i], h[2 * i + 1]);
      kept[4 * i] = pack(r0, r1);
      kept[4 * i + 1] = pack(z0, z1);
      kept[4 * i + 2] = pack(n0, n1);
      kept[4 * i + 3] = pack(q0, q1);
    }
    u16* next = hidden + ((t + 1) & 1) * 16 * PITCH + rank * UNITS + warp * 8;
#if CLUSTER > 1
    // A quad of lanes holds 8 units of two rows: gather them to send 16 bytes at a time.
    uint4 quad[2];
    const int first = lane & 28;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      quad[i].x = __shfl_sync(FULL, out[i], first);
      quad[i].y = __shfl_sync(FULL, out[i], first + 1);
      quad[i].z = __shfl_sync(FULL, out[i], first + 2);
      quad[i].w = __shfl_sync(FULL, out[i], first + 3);
    }
#pragma unroll
    for (int base = 0; base < CLUSTER; base += 4) {
      u32 peer = base + (lane & 3);
      if (peer < CLUSTER) {
        const u32 full = barrier + 8 * ((t + 1) & 1);
        send(peer, shared_address(next + row * PITCH), full, quad[0]);
        send(peer, shared_address(next + (row + 8) * PITCH), full, quad[1]);
      }
    }
#else
    *(u32*)(next + row * PITCH + (lane & 3) * 2) = out[0];
    if (HALVES == 2) *(u32*)(next + (row + 8) * PITCH + (lane & 3) * 2) = out[1];
#endif
    fetch(t + AHEAD);
#pragma unroll
    for (int i = 0; i < 2; i++)
      if (real[i])
        *(u32*)(states + ((size_t)(t + 1) * batch + rows[i]) * HP + unit) = out[i];
    if (saved != nullptr) {
      uint4* to = saved + ((size_t)t * gridDim.x + blockIdx.x) * HALVES * THREADS + thread;
#pragma unroll
      for (int i = 0; i < HALVES; i++)
        to[i * THREADS] =
            make_uint4(kept[4 * i], kept[4 * i + 1], kept[4 * i + 2], kept[4 * i + 3]);
    }
#if CLUSTER > 1
    const u32 full = barrier + 8 * ((t + 1) & 1);
    wait_for(full, t >> 1 & 1);
    if (thread == 0) expect(full, 16 * HP * 2);
#else
    __syncthreads();
#endif
  }
}

#define OWN (3 * UNITS)       // gradients of gates a block computes for a row
#define OWN_PITCH (OWN + 8)
#define OWN_KSTEPS (OWN / 16)
#define CHAINS (CLUSTER == 1 ? 3 : 1)  // independent sums, where one tile would wait for itself

// d_states: bf16 (time, batch, HP); d_gates: bf16 (time, batch, 4, HP) for r, z, n, q;
// sums: float (batch, 4, HP), the same summed over time; d_start: float (batch, HIDDEN).
extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
gru_backward(const uint4* saved, const u16* states, const u16* d_states, const float* weight,
             u16* d_gates, float* sums, float* d_start, int steps, int batch) {
  extern __shared__ __align__(16) char memory[];
  float4* partial = (float4*)memory;                                    // [2][CLUSTER][THREADS]
  float4* totals = partial + 2 * CLUSTER * THREADS;                     // [4][THREADS]
  uint4* kept_ring = (uint4*)(totals + 4 * THREADS);                    // [AHEAD][2][THREADS]
  u32* ring = (u32*)(kept_ring + AHEAD * 2 * THREADS);                  // [AHEAD][4][THREADS]
  u16* gradients = (u16*)(ring + AHEAD * 4 * THREADS);                  // [16][OWN_PITCH]
  __shared__ __align__(8) unsigned long long barriers[2];
  const u32 barrier = shared_address(barriers);
  const int thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
  const u32 rank = CLUSTER > 1 ? rank_in_cluster() : 0;
  const int tile = blockIdx.x / CLUSTER;
  const int local = warp * 8 + (lane & 3) * 2, unit = rank * UNITS + local;
  const int row = lane >> 2;
  const int rows[2] = {tile * ROWS + row, tile * ROWS + row + 8};
  const bool real[2] = {rows[0] < batch, HALVES == 2 && rows[1] < batch};

  // The weight's rows are this block's units, its columns those of every block in turn.
  u32 w[CLUSTER][OWN_KSTEPS][2];
#pragma unroll
  for (int peer = 0; peer < CLUSTER; peer++)
#pragma unroll
    for (int k = 0; k < OWN_KSTEPS; k++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int place = k * 16 + (lane & 3) * 2 + half * 8, gate = place / UNITS;
        int from = rank * UNITS + place % UNITS, to = peer * UNITS + warp * 8 + row;
        w[peer][k][half] =
            pack(weight_at(weight, gate, from, to), weight_at(weight, gate, from + 1, to));
      }
#pragma unroll
  for (int g = 0; g < 4; g++) totals[g * THREADS + thread] = make_float4(0, 0, 0, 0);

  auto fetch = [&](int t) {
    if (t >= 0) {
      const uint4* from = saved + ((size_t)t * gridDim.x + blockIdx.x) * HALVES * THREADS + thread;
      const int slot = t % AHEAD;
#pragma unroll
      for (int i = 0; i < HALVES; i++) {
        fetch16(kept_ring + (slot * 2 + i) * THREADS + thread, from + i * THREADS);
        if (real[i]) {
          size_t place = ((size_t)t * batch + rows[i]) * HP + unit;
          fetch4(ring + (slot * 4 + i) * THREADS + thread, states + place);
          fetch4(ring + (slot * 4 + 2 + i) * THREADS + thread, d_states + place);
        }
      }
    }
    close_fetch();
  };
#pragma unroll
  for (int i = 0; i < AHEAD * 4; i++)
    if (!real[i & 1]) ring[i * THREADS + thread] = 0;
  for (int i = ROWS * OWN_PITCH + thread; i < 16 * OWN_PITCH; i += THREADS) gradients[i] = 0;
#pragma unroll
  for (int i = 0; i < AHEAD; i++) fetch(steps - 1 - i);
  const u32 fragment = shared_address(gradients + (lane & 15) * OWN_PITCH + (lane >> 4) * 8);
  float carry[4] = {};
#if CLUSTER > 1
  u32 parity = 0;  // a buffer's barrier changes phase at every second step
  set_up(barrier, 16 * CLUSTER * THREADS);
#endif

  for (int t = steps - 1; t >= 0; t--) {
    await_fetch();
    u32 gate[4][2];
    uint4 kept[2];
    u32 before[2], incoming[2];
#pragma unroll
    for (int i = 0; i < HALVES; i++) {
      kept[i] = kept_ring[((t % AHEAD) * 2 + i) * THREADS + thread];
      before[i] = ring[((t % AHEAD) * 4 + i) * THREADS + thread];
      incoming[i] = ring[((t % AHEAD) * 4 + 2 + i) * THREADS + thread];
    }
#pragma unroll
    for (int i = 0; i < HALVES; i++) {
      float d[4][2];
#pragma unroll
      for (int j = 0; j < 2; j++) {
        float dh = carry[2 * i + j] + (j ? high(incoming[i]) : low(incoming[i]));
        float r = j ? high(kept[i].x) : low(kept[i].x), z = j ? high(kept[i].y) : low(kept[i].y);
        float n = j ? high(kept[i].z) : low(kept[i].z), q = j ? high(kept[i].w) : low(kept[i].w);
        float h = j ? high(before[i]) : low(before[i]);
        d[2][j] = dh * (1.0f - z) * (1.0f - n * n);
        d[1][j] = dh * (h - n) * z * (1.0f - z);
        d[0][j] = d[2][j] * q * r * (1.0f - r);
        d[3][j] = d[2][j] * r;
        carry[2 * i + j] = dh * z;
      }
#pragma unroll
      for (int g = 0; g < 4; g++) gate[g][i] = pack(d[g][0], d[g][1]);
#pragma unroll
      for (int g = 0; g < 3; g++)  // the state meets r, z and q
        *(u32*)(gradients + (row + 8 * i) * OWN_PITCH + g * UNITS + local) = gate[g + g / 2][i];
      if (real[i])
#pragma unroll
        for (int g = 0; g < 4; g++) {
          float2* total = (float2*)(totals + g * THREADS + thread) + i;
          float2 sum = *total;
          *total = make_float2(sum.x + d[g][0], sum.y + d[g][1]);
        }
    }
    __syncthreads();
    fetch(t - AHEAD);
    float acc[CLUSTER][CHAINS][4] = {};
#pragma unroll
    for (int k = 0; k < OWN_KSTEPS; k++) {
      u32 a[4];
      load_fragment(a, fragment + k * 32);
#pragma unroll
      for (int peer = 0; peer < CLUSTER; peer++)
        multiply(acc[peer][k % CHAINS], a, w[peer][k][0], w[peer][k][1]);
    }
#if CLUSTER > 1
    float4* mine = partial + ((t & 1) * CLUSTER + rank) * THREADS + thread;
#pragma unroll
    for (int peer = 0; peer < CLUSTER; peer++)
      send(peer, shared_address(mine), barrier + 8 * (t & 1),
           make_uint4(__float_as_uint(acc[peer][0][0]), __float_as_uint(acc[peer][0][1]),
                          __float_as_uint(acc[peer][0][2]), __float_as_uint(acc[peer][0][3])));
#endif
#pragma unroll
    for (int i = 0; i < 2; i++)
      if (real[i])
#pragma unroll
        for (int g = 0; g < 4; g++)
          *(u32*)(d_gates + (((size_t)t * batch + rows[i]) * 4 + g) * HP + unit) = gate[g][i];
#if CLUSTER > 1
    wait_for(barrier + 8 * (t & 1), parity);
    if (thread == 0) expect(barrier + 8 * (t & 1), 16 * CLUSTER * THREADS);
    if (steps - 1 - t & 1) parity ^= 1;
#pragma unroll
    for (int peer = 0; peer < CLUSTER; peer++) {
      float4 part = partial[((t & 1) * CLUSTER + peer) * THREADS + thread];
      carry[0] += part.x;
      carry[1] += part.y;
      carry[2] += part.z;
      carry[3] += part.w;
    }
#else
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2 * HALVES; i++) carry[i] += acc[0][0][i] + acc[0][1][i] + acc[0][2][i];
#endif
  }
#pragma unroll
  for (int i = 0; i < 4; i++)
    if (real[i >> 1] && unit + (i & 1) < HIDDEN)
      d_start[(size_t)rows[i >> 1] * HIDDEN + unit + (i & 1)] = carry[i];
#pragma unroll
  for (int i = 0; i < 2; i++)
    if (real[i])
#pragma unroll
      for (int g = 0; g < 4; g++)
        *(float2*)(sums + ((size_t)rows[i] * 4 + g) * HP + unit) =
            *((float2*)(totals + g * THREADS + thread) + i);
}
