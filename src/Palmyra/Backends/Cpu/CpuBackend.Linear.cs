using Palmyra.Backends.Cpu.Kernels;

namespace Palmyra.Backends.Cpu;

// Products with weight matrices: Linear and Score. Several rows are packed first (one region), then panels are handed out (a second).
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
        var job = new LinearJob
        {
            Y = output.Data,
            YStride = output.Stride,
            Residual = added is null ? null : added.Data,
            ResidualStride = added is null ? 0 : added.Stride,
            Bias = bias is null ? null : Of(bias).Data,
            Packed = Pack(Of(x), out nint tileStride),
            TileStride = tileStride,
            Panels = weights.Panels,
            PanelBytes = weights.PanelBytes,
            Rows = x.Rows,
            Depth = weights.Cols,
            Outputs = weights.Rows,
            RowBlocks = rowBlocks,
            Activation = activation,
            Scratch = Scratch(_kernels.LinearScratch, out nint stride),
            ScratchStride = stride,
        };
        int items = weights.PanelCount * rowBlocks;
        long work = (long)weights.Rows * weights.Cols * Math.Max(1, x.Rows / 8);
        _pool.Run(items, Chunk(items, work), _kernels.Linear(weights), &job);
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
                Packed = Pack(Of(x), out nint tileStride),
                TileStride = tileStride,
                Panels = weights.Panels,
                PanelBytes = weights.PanelBytes,
                Rows = rows,
                Depth = weights.Cols,
                Vocabulary = weights.Rows,
                RowBlocks = rowBlocks,
                Targets = target,
                TargetLogits = targetLogits,
                Partials = partials,
                Scratch = Scratch(_kernels.ScoreScratch, out nint stride),
                ScratchStride = stride,
            };
            int items = blocks * rowBlocks;
            _pool.Run(items, Chunk(items, (long)weights.Rows * weights.Cols), _kernels.Score(weights), &job);
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

    /// <summary>The rows as PanelProduct wants them; a lone row already is.</summary>
    private float* Pack(CpuTensor x, out nint tileStride)
    {
        tileStride = Packing.TileStride(x.Cols, _kernels.TileRows);
        if (x.Rows == 1)
        {
            return x.Data;
        }

        int tiles = (x.Rows + _kernels.TileRows - 1) / _kernels.TileRows;
        _packed = NativeBuffer.Grow(_packed, tiles * (long)tileStride * sizeof(float), "packed rows");
        var job = new PackJob
        {
            Packed = _packed.Floats,
            TileStride = tileStride,
            X = x.Data,
            XStride = x.Stride,
            Rows = x.Rows,
            Cols = x.Cols,
            TileRows = _kernels.TileRows,
        };
        _pool.Run(tiles, Chunk(tiles, (long)x.Rows * x.Cols), &PackJob.Run, &job);
        return job.Packed;
    }
}
