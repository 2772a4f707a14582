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
// Four matrices of 8 rows x 8 columns; `address` is this lane's row of one of them.
__device__ __forceinline__ void load_matrices(u32 (&a)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
               : "r"(address));
}
// This lane's place for `load_fragment` in rows of `pitch` values.
__device__ __forceinline__ int fragment_place(int lane, int pitch) {
#if HALVES == 2
  return (lane & 15) * pitch + (lane >> 4) * 8;
#else
  return (lane & 7) * pitch + (lane >> 3) * 8;
#endif
}
// The fragment of step k, 16 rows x 16 columns. Where 8 rows are all there is, nothing is read for
// the others, and `two` holds steps k and k + 1 of an even k: shared memory is what a step waits for.
__device__ __forceinline__ void load_fragment(u32 (&a)[4], u32 (&two)[4], u32 address, int k) {
#if HALVES == 2
  load_matrices(a, address + k * 32);
#else
  if (k % 2 == 0) load_matrices(two, address + k * 32);
  a[0] = two[k % 2 * 2];
  a[1] = a[3] = 0;
  a[2] = two[k % 2 * 2 + 1];
#endif
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

// Where a thread works: its lane holds two units of `row` and of `row + 8` in its block's tile.
struct Place {
  int thread, lane, warp, rank, tile, row, local, unit, rows[2];
  bool real[2];  // whether those rows are in the batch
};
__device__ __forceinline__ Place find_place(int batch) {
  Place p;
  p.thread = threadIdx.x;
  p.lane = p.thread & 31;
  p.warp = p.thread >> 5;
  p.rank = CLUSTER > 1 ? (int)rank_in_cluster() : 0;
  p.tile = blockIdx.x / CLUSTER;
  p.row = p.lane >> 2;
  p.local = p.warp * 8 + (p.lane & 3) * 2;
  p.unit = p.rank * UNITS + p.local;
  p.rows[0] = p.tile * ROWS + p.row;
  p.rows[1] = p.rows[0] + 8;
  p.real[0] = p.rows[0] < batch;
  p.real[1] = HALVES == 2 && p.rows[1] < batch;
  return p;
}
