// out (columns,) of x (rows, columns): a block for 32 columns, its 16 warps take turns at the
// rows; the order of the additions is fixed. Of columns in four groups of `width`, `again` (or null)
// gets the first two and the last, side by side.
extern "C" __global__ void __launch_bounds__(512)
column_sums(const float* x, float* out, float* again, int rows, int columns, int width) {
  __shared__ float parts[16][32];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, column = blockIdx.x * 32 + lane;
  float sum = 0.0f;
  if (column < columns)
#pragma unroll 8
    for (int row = warp; row < rows; row += 16) sum += x[(size_t)row * columns + column];
  parts[warp][lane] = sum;
  __syncthreads();
  if (warp > 0 || column >= columns) return;
  for (int w = 1; w < 16; w++) sum += parts[w][lane];
  out[column] = sum;
  if (again && column / width != 2) again[column < 2 * width ? column : column - width] = sum;
}
