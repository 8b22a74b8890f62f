using Palmyra.Backends.Cpu.Kernels;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu;

// Products with weight matrices: Linear and Score. Rows are made ready first (quantised for Q8 and Q4, interleaved if several: a region each),
// then stretches of outputs are handed out.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Linear(Tensor y, Tensor x, Matrix w, Tensor? bias, Activation activation, Tensor? residual)
    {
        if (x.Rows == 0)
        {
            return;
        }

        CpuTensor output = Of(y);
        CpuMatrix weights = Of(w);
        CpuTensor? added = residual is null ? null : Of(residual);
        int rowBlocks = (x.Rows + LinearJob.RowBlock - 1) / LinearJob.RowBlock;
        ref readonly ProductKernels kernels = ref _kernels.Products(weights);
        var job = new LinearJob
        {
            Y = output.Data,
            YStride = output.Stride,
            Residual = added is null ? null : added.Data,
            ResidualStride = added is null ? 0 : added.Stride,
            Bias = bias is null ? null : Of(bias).Data,
            Factors = FactorsOf(Of(x), weights),
            Rows = x.Rows,
            Outputs = weights.Rows,
            RowBlocks = rowBlocks,
            Activation = activation,
            Scratch = Scratch(kernels.LinearScratch, out nint stride),
            ScratchStride = stride,
        };
        int items = (weights.Rows + kernels.Width - 1) / kernels.Width * rowBlocks;
        long work = (long)weights.Rows * weights.Cols * Math.Max(1, x.Rows / 8);
        _pool.Run(items, Chunk(items, work), kernels.Linear, &job);
    }

    /// <inheritdoc/>
    public void Score(Tensor logProb, Tensor? best, Tensor x, Matrix head, Tensor? bias, ReadOnlySpan<int> targets)
    {
        int rows = x.Rows;
        if (rows == 0)
        {
            return;
        }

        CpuMatrix weights = Of(head);
        ref readonly ProductKernels kernels = ref _kernels.Products(weights);
        int blocks = (head.Rows + ScoreJob.BlockWidth - 1) / ScoreJob.BlockWidth;
        int rowBlocks = (rows + ScoreJob.RowBlock - 1) / ScoreJob.RowBlock;
        _scores = NativeBuffer.Grow(
            _scores, (long)rows * (sizeof(float) + ((long)blocks * sizeof(ScoreJob.Partial))), "scoring");
        float* targetLogits = _scores.Floats;
        ScoreJob.Partial* partials = (ScoreJob.Partial*)(targetLogits + rows);
        fixed (int* target = targets)
        {
            var job = new ScoreJob
            {
                Bias = bias is null ? null : Of(bias).Data,
                Factors = FactorsOf(Of(x), weights),
                Rows = rows,
                Vocabulary = weights.Rows,
                RowBlocks = rowBlocks,
                Targets = target,
                TargetLogits = targetLogits,
                Partials = partials,
                Scratch = Scratch(kernels.ScoreScratch, out nint stride),
                ScratchStride = stride,
            };
            int items = blocks * rowBlocks;
            _pool.Run(items, Chunk(items, (long)weights.Rows * weights.Cols), kernels.Score, &job);
        }

        for (int row = 0; row < rows; row++)
        {
            (double logSum, int winner) = Combine(partials + row, rows, blocks);
            *Of(logProb).Row(row) = (float)(targetLogits[row] - logSum);
            if (best is not null)
            {
                *Of(best).Row(row) = winner;
            }
        }
    }

    /// <summary>ln Σ exp over all blocks in vocabulary order, and the lowest index of the largest logit.</summary>
    private static (double LogSum, int Best) Combine(ScoreJob.Partial* partial, int rows, int blocks)
    {
        ScoreJob.Partial largest = *partial;
        for (int block = 1; block < blocks; block++)
        {
            ScoreJob.Partial* other = partial + ((nint)block * rows);
            if (other->Largest > largest.Largest)
            {
                largest = *other;
            }
        }

        double sum = 0;
        for (int block = 0; block < blocks; block++)
        {
            ScoreJob.Partial* other = partial + ((nint)block * rows);
            sum += other->Sum * Math.Exp((double)other->Largest - largest.Largest);
        }

        return (largest.Largest + Math.Log(sum), largest.Best);
    }

    /// <summary>Rows of inputs as the weights' kernels want them, beside the weights.</summary>
    private Factors FactorsOf(CpuTensor x, CpuMatrix weights)
    {
        var factors = new Factors
        {
            Panels = weights.Panels,
            PanelBytes = weights.PanelBytes,
            PanelCount = weights.PanelCount,
            Depth = weights.Cols,
        };
        if (weights.Format.IsGrouped())
        {
            Quantize(x, weights.Format, ref factors);
        }
        else
        {
            factors.Inputs = Pack(x.Data, x.Stride, x.Rows, x.Cols, out factors.TileStride);
        }

        return factors;
    }

    /// <summary>Rows as integers with their scales (<see cref="QuantizeRowsJob"/>), packed as if each 32 bits of them were a float.</summary>
    private void Quantize(CpuTensor x, MatrixFormat format, ref Factors factors)
    {
        bool eight = format == MatrixFormat.Q4;
        int groups = PanelLayout.Groups(x.Cols);
        int words = groups * PanelLayout.GroupSize / (eight ? 4 : 2);

        // Rows that complete the last tile have no integers (packing gives zeros) but, like the others, a place for scales and offsets.
        int rows = (x.Rows + _kernels.TileRows - 1) / _kernels.TileRows * _kernels.TileRows;
        long scales = eight ? (long)rows * groups : rows;
        _quantized = NativeBuffer.Grow(_quantized, (((long)words * x.Rows) + (2 * scales)) * sizeof(int), "rows as integers");
        factors.InputScales = _quantized.Floats + ((nint)words * x.Rows);
        factors.InputOffsets = (int*)(factors.InputScales + scales);
        var job = new QuantizeRowsJob
        {
            X = x.Data,
            XStride = x.Stride,
            Cols = x.Cols,
            Integers = _quantized.Start,
            Scales = factors.InputScales,
            Offsets = factors.InputOffsets,
        };
        _pool.Run(x.Rows, Chunk(x.Rows, (long)x.Rows * x.Cols), eight ? _kernels.QuantizeRows8 : _kernels.QuantizeRows16, &job);
        factors.Inputs = Pack(_quantized.Floats, words, x.Rows, words, out factors.TileStride);
    }

    /// <summary>Rows interleaved in tiles (<see cref="Packing"/>); a lone row already is.</summary>
    private float* Pack(float* x, nint stride, int rows, int cols, out nint tileStride)
    {
        tileStride = Packing.TileStride(cols, _kernels.TileRows);
        if (rows == 1)
        {
            return x;
        }

        int tiles = (rows + _kernels.TileRows - 1) / _kernels.TileRows;
        _packed = NativeBuffer.Grow(_packed, tiles * (long)tileStride * sizeof(float), "packed rows");
        var job = new PackJob
        {
            Packed = _packed.Floats,
            TileStride = tileStride,
            X = x,
            XStride = stride,
            Rows = rows,
            Cols = cols,
            TileRows = _kernels.TileRows,
        };
        _pool.Run(tiles, Chunk(tiles, (long)rows * cols), &PackJob.Run, &job);
        return job.Packed;
    }
}
