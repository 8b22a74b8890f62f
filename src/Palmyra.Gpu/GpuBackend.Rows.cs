using System.Numerics;
using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

// Operations on rows, each by itself.
internal sealed partial class GpuBackend
{
    private const int LeastPositions = 256;

    // Cosines and sines by the number of dimensions that turn, [position][pair], for as many positions as were needed so far.
    private readonly Dictionary<int, (DevicePiece Table, int Positions)> _angles = [];

    /// <inheritdoc/>
    public void Embed(Tensor y, Matrix tokens, Matrix? positions, PreparedBatch batch)
    {
        LookUp(Of(y), Of(tokens), Of(batch).Ids, add: false);
        if (positions is not null)
        {
            LookUp(Of(y), Of(positions), Of(batch).Positions, add: true);
        }
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor y, Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor? stats)
    {
        if (x.Rows == 0)
        {
            return;
        }

        KernelArguments arguments = default;
        arguments.AddFours(Of(y));
        arguments.AddFours(Of(x));
        arguments.AddFours(Of(gain));
        arguments.AddFours(Of(bias));
        GpuTensor? kept = stats is null ? null : Of(stats);
        arguments.AddFloats(kept);
        arguments.Add(x.Cols).Add(Of(x).Stride / 4).Add(kept?.Stride ?? 0).Add(epsilon);
        var launch = new KernelLaunch(Normalizing.LayerNorm, new LaunchShape(x.Rows, 1, Normalizing.Threads), arguments);
        if (kept is not null)
        {
            _runtime.Launch(launch);
            return;
        }

        _fusion.LayerNorm(new StepFusion.Norm
        {
            Launch = launch,
            Y = Of(y).Address,
            X = Of(x).Address,
            Gain = Of(gain).Address,
            Bias = Of(bias).Address,
            Rows = x.Rows,
            Cols = x.Cols,
            Pieces = Of(x).Stride / 4,
            Epsilon = epsilon,
        });
    }

    /// <inheritdoc/>
    public void Activate(Tensor y, Tensor x, Activation activation)
    {
        int pieces = checked(x.Rows * (Of(x).Stride / 4));
        if (pieces == 0)
        {
            return;
        }

        KernelArguments arguments = default;
        arguments.AddFours(Of(y));
        arguments.AddFours(Of(x));
        arguments.Add(pieces).Add((int)activation);
        _runtime.Launch(
            Activating.Activate, new LaunchShape((pieces + Activating.Threads - 1) / Activating.Threads, 1, Activating.Threads), arguments);
    }

    /// <inheritdoc/>
    public void Rotate(Tensor qkv, PreparedBatch batch, AttentionShape shape, int dims)
    {
        GpuBatch prepared = Of(batch);
        DevicePiece table = AnglesFor(dims, prepared.LastPosition);
        KernelArguments arguments = default;
        arguments.AddFloats(Of(qkv));
        arguments.AddView(table.Address, table.Bytes / sizeof(float));
        arguments.AddInts(prepared.Positions);
        arguments.Add(2 * shape.Heads).Add(shape.HeadDim).Add(dims / 2).Add(Of(qkv).Stride);
        var launch = new KernelLaunch(Rotating.Rotate, new LaunchShape(batch.Source.Rows, 1, Rotating.Threads), arguments);
        _fusion.Rotate(new StepFusion.Rotation
        {
            Launch = launch,
            Qkv = Of(qkv).Address,
            Rows = batch.Source.Rows,
            Table = table.Address,
            TableLength = table.Bytes / sizeof(float),
            Positions = prepared.Positions,
            Heads = shape.Heads,
            HeadDim = shape.HeadDim,
            Pairs = dims / 2,
        });
    }

    /// <inheritdoc/>
    public void GatherRows(Tensor y, Tensor x, ReadOnlySpan<int> rows)
    {
        if (rows.IsEmpty)
        {
            return;
        }

        KernelArguments arguments = default;
        arguments.AddFours(Of(y));
        arguments.AddFours(Of(x));
        arguments.AddInts(Upload(rows));
        arguments.Add(Of(x).Stride / 4);
        _runtime.Launch(LookingUp.GatherRows, new LaunchShape(rows.Length, 1, LookingUp.Threads), arguments);
    }

    /// <summary>Positions that a table of angles has which serves so many.</summary>
    internal static int AnglePositions(int positions) => Math.Max(LeastPositions, checked((int)BitOperations.RoundUpToPowerOf2((uint)positions)));

    private void LookUp(GpuTensor y, GpuMatrix table, GpuBatch.Ints ids, bool add)
    {
        KernelArguments arguments = default;
        arguments.AddFours(y);
        arguments.AddWeights(table);
        arguments.AddInts(ids);
        int stepBytes = table.Format == MatrixFormat.F32 ? 32 : 16;
        arguments.Add(table.RowBytes / stepBytes).Add(table.ScaleStride).Add(y.Stride / 4).Add(add ? 1 : 0);
        Delegate kernel = table.Format switch
        {
            MatrixFormat.F32 => LookingUp.Embed<F32Weights>,
            MatrixFormat.F16 => LookingUp.Embed<F16Weights>,
            MatrixFormat.BF16 => LookingUp.Embed<BF16Weights>,
            MatrixFormat.Q8 => LookingUp.Embed<Q8Weights>,
            _ => LookingUp.Embed<Q4Weights>,
        };
        _runtime.Launch(kernel, new LaunchShape(ids.Length, 1, LookingUp.Threads), arguments);
    }

    private DevicePiece AnglesFor(int dims, int lastPosition)
    {
        if (_angles.TryGetValue(dims, out (DevicePiece Table, int Positions) known) && lastPosition < known.Positions)
        {
            return known.Table;
        }

        int positions = AnglePositions(lastPosition + 1);
        int pairs = dims / 2;
        var values = new float[checked(2 * positions * pairs)];
        for (int pair = 0; pair < pairs; pair++)
        {
            double speed = Math.Pow(10000, -2.0 * pair / dims);
            for (int position = 0; position < positions; position++)
            {
                (double sine, double cosine) = Math.SinCos(position * speed);
                int at = 2 * ((position * pairs) + pair);
                (values[at], values[at + 1]) = ((float)cosine, (float)sine);
            }
        }

        known.Table?.Dispose();
        _angles.Remove(dims);
        DevicePiece table = _runtime.Memory.Allocate((long)values.Length * sizeof(float));
        _runtime.Driver.CopyIn(table.Address, MemoryMarshal.AsBytes(values.AsSpan()));
        _angles[dims] = (table, positions);
        return table;
    }
}
