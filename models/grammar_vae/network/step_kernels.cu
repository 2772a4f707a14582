// The small work between the big operations of a training step: sampling latents, weighing rows,
// summing metrics. Each would be a dozen operations of a microsecond, and as many gaps.

#define LIMIT 20.0f  // log-variances beyond this are cut off

// Unlike fminf and fmaxf this lets NaN through.
__device__ __forceinline__ float cut(float v) {
  return v < -LIMIT ? -LIMIT : v > LIMIT ? LIMIT : v;
}
__device__ __forceinline__ bool finite(float v) { return fabsf(v) <= 3.4e38f; }

// posterior: bf16 (batch, 2 * z_dim), means and log-variances; noise and z: float (batch, z_dim);
// kl: float (batch,), summed over dimensions; a warp a row.
extern "C" __global__ void __launch_bounds__(32 * BLOCK_WARPS)
latent_forward(const u16* posterior, const float* noise, float* z, float* kl, int batch,
               int z_dim) {
  const int lane = threadIdx.x & 31, row = blockIdx.x * BLOCK_WARPS + (threadIdx.x >> 5);
  if (row >= batch) return;
  float sum = 0.0f;
  for (int i = lane; i < z_dim; i += 32) {
    const size_t place = (size_t)row * z_dim + i;
    const float mean = wide(posterior[2 * (size_t)row * z_dim + i]);
    const float log_variance = cut(wide(posterior[(2 * (size_t)row + 1) * z_dim + i]));
    z[place] = mean + noise[place] * expf(0.5f * log_variance);
    sum += 0.5f * (mean * mean + expf(log_variance) - 1.0f - log_variance);
  }
  sum = sum_of_warp(sum);
  if (lane == 0) kl[row] = sum;
}

extern "C" __global__ void latent_backward(const u16* posterior, const float* noise,
                                           const float* d_z, const float* d_kl, u16* d_posterior,
                                           int batch, int z_dim) {
  const int place = blockIdx.x * blockDim.x + threadIdx.x;
  if (place >= batch * z_dim) return;
  const int row = place / z_dim, i = place % z_dim;
  const size_t of_mean = 2 * (size_t)row * z_dim + i, of_variance = of_mean + z_dim;
  const float mean = wide(posterior[of_mean]), raw = wide(posterior[of_variance]);
  const float deviation = expf(0.5f * cut(raw)), weight = d_kl[row], g = d_z[place];
  const float slope = 0.5f * (g * noise[place] * deviation + weight * (deviation * deviation - 1));
  d_posterior[of_mean] = narrow(g + weight * mean);
  d_posterior[of_variance] = narrow(raw >= -LIMIT && raw <= LIMIT ? slope : raw == raw ? 0 : raw);
}

// terms: float (3, batch): cross-entropy, right steps, steps; row_weight: float (batch,) or null;
// num_rows: float (), sum of the weights of the batch that these rows are a part of, or null where
// they are all of it; beta: float (); d_terms (3, batch) and d_kl (batch,): gradients of the mean loss, of which only
// the first row of d_terms is used; sums: double, the first seven grow; bad: float (2,), 1 where
// the cross-entropy or the KL is not finite. One block.
extern "C" __global__ void __launch_bounds__(32 * BLOCK_WARPS)
weigh_rows(const float* terms, const float* kl, const float* row_weight, const float* num_rows,
           const float* beta, float* d_terms, float* d_kl, double* sums, float* bad, int batch,
           float free_bits) {
  __shared__ double parts[9][BLOCK_WARPS];
  double mine[9] = {};
  for (int row = threadIdx.x; row < batch; row += blockDim.x) {
    const float weight = row_weight ? row_weight[row] : 1.0f;
    const float recon = terms[row], right = terms[batch + row], steps = terms[2 * batch + row];
    const float loss = recon + *beta * (kl[row] < free_bits ? free_bits : kl[row]);
    mine[0] += weight;
    mine[1] += weight * recon;
    mine[2] += weight * kl[row];
    mine[3] += weight * loss;
    mine[4] += weight * (right == steps);
    mine[5] += weight * right;
    mine[6] += weight * steps;
    mine[7] += !finite(recon);
    mine[8] += !finite(kl[row]);
  }
  for (int i = 0; i < 9; i++) {
    mine[i] = sum_of_warp(mine[i]);
    if ((threadIdx.x & 31) == 0) parts[i][threadIdx.x >> 5] = mine[i];
  }
  __syncthreads();
  float total = 0.0f;
  for (int w = 0; w < BLOCK_WARPS; w++) total += (float)parts[0][w];
  if (num_rows) total = *num_rows;
  if (threadIdx.x < 9) {
    double sum = 0.0;
    for (int w = 0; w < BLOCK_WARPS; w++) sum += parts[threadIdx.x][w];
    if (threadIdx.x < 7)
      sums[threadIdx.x] += sum;
    else
      bad[threadIdx.x - 7] = sum > 0.0;
  }
  for (int row = threadIdx.x; row < batch; row += blockDim.x) {
    const float share = (row_weight ? row_weight[row] : 1.0f) / total;
    d_terms[row] = share;
    d_kl[row] = kl[row] >= free_bits ? *beta * share : 0.0f;
  }
}

// norms: float (count,), of each gradient; factor: float (), what scales them down to clip_norm
// (0 never does); sums[7] and sums[8] grow by the total norm and by 1; first_bad (2 + count)
// and first_bad_step keep what was not finite in the first step where anything was not. One warp.
extern "C" __global__ void finish_step(const float* norms, const float* bad, float* factor,
                                       double* sums, bool* first_bad, long long* first_bad_step,
                                       int count, float clip_norm) {
  float square = 0.0f;
  bool any = bad[0] != 0.0f || bad[1] != 0.0f;
  for (int i = threadIdx.x; i < count; i += 32) {
    square += norms[i] * norms[i];
    any |= !finite(norms[i]);
  }
  any = __any_sync(FULL, any);
  const float total = sqrtf(sum_of_warp(square));
  const bool fresh = any && *first_bad_step == 0;
  if (fresh)
    for (int i = threadIdx.x; i < count + 2; i += 32)
      first_bad[i] = i < 2 ? bad[i] != 0.0f : !finite(norms[i - 2]);
  __syncwarp();
  if (threadIdx.x == 0) {
    const float scale = clip_norm / (total + 1e-6f);
    *factor = clip_norm > 0.0f && !(scale > 1.0f) ? scale : 1.0f;
    sums[7] += total;
    sums[8] += 1.0;
    if (fresh) *first_bad_step = (long long)sums[8];
  }
}
