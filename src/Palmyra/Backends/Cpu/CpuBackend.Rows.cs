using System.Numerics.Tensors;
using Palmyra.Backends.Cpu.Kernels;

namespace Palmyra.Backends.Cpu;

// Operations that look at one row at a time.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Embed(Tensor y, Matrix tokens, Matrix? positions, PreparedBatch batch)
    {
        if (positions is not null)
        {
            _scores = NativeBuffer.Grow(_scores, (long)y.Cols * sizeof(float), "embedding");
        }

        CpuTensor output = Of(y);
        for (int row = 0; row < y.Rows; row++)
        {
            Of(tokens).CopyRow(batch.Source.Tokens[row], output.Row(row));
            if (positions is not null)
            {
                Of(positions).CopyRow(batch.Source.Positions[row], _scores!.Floats);
                TensorPrimitives.Add(output.RowSpan(row), new ReadOnlySpan<float>(_scores.Floats, y.Cols), output.RowSpan(row));
            }
        }
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor y, Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor? stats)
    {
        var job = new LayerNormJob
        {
            Y = Of(y).Data,
            YStride = Of(y).Stride,
            X = Of(x).Data,
            XStride = Of(x).Stride,
            Gain = Of(gain).Data,
            Bias = Of(bias).Data,
            Stats = stats is null ? null : Of(stats).Data,
            StatsStride = stats is null ? 0 : Of(stats).Stride,
            Cols = x.Cols,
            Epsilon = epsilon,
        };
        _pool.Run(x.Rows, Chunk(x.Rows, (long)x.Rows * x.Cols), _kernels.LayerNorm, &job);
    }

    /// <inheritdoc/>
    public void Activate(Tensor y, Tensor x, Activation activation)
    {
        var job = new ActivateJob
        {
            Y = Of(y).Data,
            YStride = Of(y).Stride,
            X = Of(x).Data,
            XStride = Of(x).Stride,
            PaddedCols = (int)Of(x).Stride,
            Activation = activation,
        };
        _pool.Run(x.Rows, Chunk(x.Rows, 4L * x.Rows * x.Cols), _kernels.Activate, &job);
    }

    /// <inheritdoc/>
    public void GatherRows(Tensor y, Tensor x, ReadOnlySpan<int> rows)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            Of(x).RowSpan(rows[i]).CopyTo(Of(y).RowSpan(i));
        }
    }

    /// <inheritdoc/>
    public void Top(Tensor top, Tensor logits)
    {
        for (int row = 0; row < logits.Rows; row++)
        {
            _ranking.Row(Of(top).RowSpan(row), Of(logits).RowSpan(row));
        }
    }
}
