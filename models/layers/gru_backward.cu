// The backward pass of a GRU layer; gru_shared.cu comes before this file.

#define OWN (3 * UNITS)  // gradients of gates a block computes for a row
#define OWN_PITCH (OWN + 8)
#define OWN_KSTEPS (OWN / 16)
#define CHAINS (CLUSTER == 1 ? 3 : 1)  // independent sums, where one tile would wait for itself

// What a step reads, and where it waits in shared memory.
struct Reads {
  const uint4* saved;
  const u16 *states, *d_states;
  uint4* kept;  // [AHEAD][2][THREADS]
  u32* ring;    // [AHEAD][4][THREADS]
};

// The weight's rows are this block's units, its columns those of every block in turn.
__device__ __forceinline__ void load_weight(u32 (&w)[CLUSTER][OWN_KSTEPS][2], const float* weight,
                                            const Place& p) {
#pragma unroll
  for (int peer = 0; peer < CLUSTER; peer++)
#pragma unroll
    for (int k = 0; k < OWN_KSTEPS; k++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int place = k * 16 + (p.lane & 3) * 2 + half * 8, gate = place / UNITS;
        int from = p.rank * UNITS + place % UNITS, to = peer * UNITS + p.warp * 8 + p.row;
        w[peer][k][half] =
            pack(weight_at(weight, gate, from, to), weight_at(weight, gate, from + 1, to));
      }
}

__device__ __forceinline__ void fetch_step(const Reads& reads, int t, int batch, const Place& p) {
  if (t >= 0) {
    const size_t block = (size_t)t * gridDim.x + blockIdx.x;
    const int slot = t % AHEAD;
#pragma unroll
    for (int i = 0; i < HALVES; i++) {
      fetch16(reads.kept + (slot * 2 + i) * THREADS + p.thread,
              reads.saved + (block * HALVES + i) * THREADS + p.thread);
      if (p.real[i]) {
        size_t place = ((size_t)t * batch + p.rows[i]) * HP + p.unit;
        fetch4(reads.ring + (slot * 4 + i) * THREADS + p.thread, reads.states + place);
        fetch4(reads.ring + (slot * 4 + 2 + i) * THREADS + p.thread, reads.d_states + place);
      }
    }
  }
  close_fetch();
}

// Gradients of the gates r, z, n, q of one row's two units; `carry` becomes what reaches the
// state before by way of z. kept: r, z, n, q; before: that state; incoming: gradient from above.
__device__ __forceinline__ void differentiate(float (&d)[4][2], float* carry, uint4 kept,
                                              u32 before, u32 incoming) {
#pragma unroll
  for (int j = 0; j < 2; j++) {
    float dh = carry[j] + (j ? high(incoming) : low(incoming));
    float r = j ? high(kept.x) : low(kept.x), z = j ? high(kept.y) : low(kept.y);
    float n = j ? high(kept.z) : low(kept.z), q = j ? high(kept.w) : low(kept.w);
    float h = j ? high(before) : low(before);
    d[2][j] = dh * (1.0f - z) * (1.0f - n * n);
    d[1][j] = dh * (h - n) * z * (1.0f - z);
    d[0][j] = d[2][j] * q * r * (1.0f - r);
    d[3][j] = d[2][j] * r;
    carry[j] = dh * z;
  }
}

// Differentiates this thread's part of a step, for the product over the block and for the sums.
__device__ __forceinline__ void differentiate_step(u32 (&gate)[4][2], float (&carry)[4],
                                                   const Reads& reads, int t, u16* gradients,
                                                   float4* totals, const Place& p) {
#pragma unroll
  for (int i = 0; i < HALVES; i++) {
    float d[4][2];
    const int slot = (t % AHEAD) * 4 + i;
    differentiate(d, carry + 2 * i, reads.kept[((t % AHEAD) * 2 + i) * THREADS + p.thread],
                  reads.ring[slot * THREADS + p.thread],
                  reads.ring[(slot + 2) * THREADS + p.thread]);
#pragma unroll
    for (int g = 0; g < 4; g++) gate[g][i] = pack(d[g][0], d[g][1]);
#pragma unroll
    for (int g = 0; g < 3; g++)  // the state meets r, z and q
      *(u32*)(gradients + (p.row + 8 * i) * OWN_PITCH + g * UNITS + p.local) = gate[g + g / 2][i];
    if (p.real[i])
#pragma unroll
      for (int g = 0; g < 4; g++) {
        float2* total = (float2*)(totals + g * THREADS + p.thread) + i;
        float2 sum = *total;
        *total = make_float2(sum.x + d[g][0], sum.y + d[g][1]);
      }
  }
}

__device__ __forceinline__ void write_results(const float4* totals, const float (&carry)[4],
                                              float* sums, float* d_start, const Place& p) {
#pragma unroll
  for (int i = 0; i < 2 * HALVES; i++)
    if (p.real[i >> 1] && p.unit + (i & 1) < HIDDEN)
      d_start[(size_t)p.rows[i >> 1] * HIDDEN + p.unit + (i & 1)] = carry[i];
#pragma unroll
  for (int i = 0; i < HALVES; i++)
    if (p.real[i])
#pragma unroll
      for (int g = 0; g < 4; g++)
        *(float2*)(sums + ((size_t)p.rows[i] * 4 + g) * HP + p.unit) =
            *((float2*)(totals + g * THREADS + p.thread) + i);
}

__device__ __forceinline__ uint4 bits(const float (&v)[4]) {
  return make_uint4(__float_as_uint(v[0]), __float_as_uint(v[1]), __float_as_uint(v[2]),
                    __float_as_uint(v[3]));
}

// Adds up what the blocks of the cluster sent for this thread's units.
__device__ __forceinline__ void collect(float (&carry)[4], const float4* partial) {
#pragma unroll
  for (int peer = 0; peer < CLUSTER; peer++) {
    float4 part = partial[peer * THREADS];
    carry[0] += part.x;
    carry[1] += part.y;
    carry[2] += part.z;
    carry[3] += part.w;
  }
}

// d_states: bf16 (time, batch, HP); d_gates: bf16 (time, batch, 4, HP) for r, z, n, q;
// sums: float (batch, 4, HP), the same summed over time; d_start: float (batch, HIDDEN).
extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
gru_backward(const uint4* saved, const u16* states, const u16* d_states, const float* weight,
             u16* d_gates, float* sums, float* d_start, int steps, int batch) {
  extern __shared__ __align__(16) char memory[];
  float4* partial = (float4*)memory;                 // [2][CLUSTER][THREADS]
  float4* totals = partial + 2 * CLUSTER * THREADS;  // [4][THREADS]
  uint4* kept = (uint4*)(totals + 4 * THREADS);
  u32* ring = (u32*)(kept + AHEAD * 2 * THREADS);
  u16* gradients = (u16*)(ring + AHEAD * 4 * THREADS);  // [16][OWN_PITCH]
  __shared__ __align__(8) unsigned long long barriers[2];
  const u32 barrier = shared_address(barriers);
  const Place p = find_place(batch);
  const Reads reads = {saved, states, d_states, kept, ring};

  u32 w[CLUSTER][OWN_KSTEPS][2];
  load_weight(w, weight, p);
#pragma unroll
  for (int g = 0; g < 4; g++) totals[g * THREADS + p.thread] = make_float4(0, 0, 0, 0);
#pragma unroll
  for (int i = 0; i < AHEAD * 4; i++)
    if (!p.real[i & 1]) ring[i * THREADS + p.thread] = 0;
  for (int i = ROWS * OWN_PITCH + p.thread; i < 16 * OWN_PITCH; i += THREADS) gradients[i] = 0;
#pragma unroll
  for (int i = 0; i < AHEAD; i++) fetch_step(reads, steps - 1 - i, batch, p);
  const u32 fragment = shared_address(gradients + fragment_place(p.lane, OWN_PITCH));
  float carry[4] = {};
#if CLUSTER > 1
  u32 parity = 0;  // a buffer's barrier changes phase at every second step
  set_up(barrier, 16 * CLUSTER * THREADS);
#endif

  for (int t = steps - 1; t >= 0; t--) {
    await_fetch();
    u32 gate[4][2];
    differentiate_step(gate, carry, reads, t, gradients, totals, p);
    __syncthreads();
    fetch_step(reads, t - AHEAD, batch, p);
    float acc[CLUSTER][CHAINS][4] = {};
    u32 a[4], two[4];
#pragma unroll
    for (int k = 0; k < OWN_KSTEPS; k++) {
      load_fragment(a, two, fragment, k);
#pragma unroll
      for (int peer = 0; peer < CLUSTER; peer++)
        multiply(acc[peer][k % CHAINS], a, w[peer][k][0], w[peer][k][1]);
    }
#if CLUSTER > 1
    // What this block's units owe to those of each block goes there and is added up there.
    float4* mine = partial + ((t & 1) * CLUSTER + p.rank) * THREADS + p.thread;
#pragma unroll
    for (int peer = 0; peer < CLUSTER; peer++)
      send(peer, shared_address(mine), barrier + 8 * (t & 1), bits(acc[peer][0]));
#endif
#pragma unroll
    for (int i = 0; i < HALVES; i++)
      if (p.real[i])
#pragma unroll
        for (int g = 0; g < 4; g++)
          *(u32*)(d_gates + (((size_t)t * batch + p.rows[i]) * 4 + g) * HP + p.unit) = gate[g][i];
#if CLUSTER > 1
    wait_for(barrier + 8 * (t & 1), parity);
    if (p.thread == 0) expect(barrier + 8 * (t & 1), 16 * CLUSTER * THREADS);
    if (steps - 1 - t & 1) parity ^= 1;
    collect(carry, partial + (t & 1) * CLUSTER * THREADS + p.thread);
#else
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2 * HALVES; i++) carry[i] += acc[0][0][i] + acc[0][1][i] + acc[0][2][i];
#endif
  }
  write_results(totals, carry, sums, d_start, p);
}
