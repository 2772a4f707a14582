// Takes the next batch of an epoch's plan and counts on; one block.
//
// rows: int64 (batches, size); weights: float (batches, size); lrs: float (batches,).
extern "C" __global__ void __launch_bounds__(256)
next_batch(const long long* rows, const float* weights, const float* lrs, long long* next,
           long long* row, float* weight, float* lr, int size) {
  const long long batch = *next;
  for (int i = threadIdx.x; i < size; i += 256) {
    row[i] = rows[batch * size + i];
    weight[i] = weights[batch * size + i];
  }
  __syncthreads();  // all have read where we are
  if (threadIdx.x > 0) return;
  *lr = lrs[batch];
  *next = batch + 1;
}
