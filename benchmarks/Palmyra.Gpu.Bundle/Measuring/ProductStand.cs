using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>Matrices of one shape, and each of the kernels that can multiply rows by them, whichever the backend would choose.</summary>
internal sealed class ProductStand : IDisposable
{
    private readonly GpuRuntime _runtime;
    private readonly List<GpuMatrix> _matrices = [];
    private readonly GpuTensor _x;
    private readonly GpuTensor _y;

    // For tensor cores, with as many rows and parts as there may be: recordings hold addresses.
    private readonly DevicePiece? _rounded;
    private readonly DevicePiece? _sums;

    /// <summary>Loads as many matrices as it takes.</summary>
    /// <param name="bench">What is run on; the device is opened anew.</param>
    /// <param name="weights">The matrices' numbers; columns are a multiple of eight.</param>
    /// <param name="format">How they are stored.</param>
    /// <param name="bytes">What all of them together are to have at least.</param>
    /// <param name="rows">Rows of inputs, at most.</param>
    public ProductStand(Bench bench, WeightView weights, MatrixFormat format, long bytes, int rows)
    {
        Driver = bench.Open();
        _runtime = bench.Runtime(Driver);
        try
        {
            while (_matrices.Count < 2 || Bytes < bytes)
            {
                _matrices.Add(GpuMatrix.Load(weights, format, _runtime.Memory, _runtime.Driver));
            }

            _x = new GpuTensor(rows, weights.Cols, _runtime.Memory);
            _y = new GpuTensor(rows, weights.Rows, _runtime.Memory);
            if (format != MatrixFormat.F32)
            {
                var plan = GemmPlan.Of<SmallTile>(new GemmShape(format, rows, weights.Rows, weights.Cols, GemmPrecision.Rounded), GemmPlan.MostSplits);
                _rounded = _runtime.Memory.Allocate(plan.RoundedBytes);
                _sums = _runtime.Memory.Allocate(plan.SumsBytes);
            }

            _runtime.Driver.CopyIn(_x.Address, MemoryMarshal.AsBytes(Numbers.Spread(2, rows * weights.Cols).AsSpan()));
        }
        catch
        {
            _runtime.Dispose();
            throw;
        }
    }

    /// <summary>The device.</summary>
    public ObservedDriver Driver { get; }

    /// <summary>How many matrices a pass multiplies by.</summary>
    public int Count => _matrices.Count;

    /// <summary>Their bytes.</summary>
    public long Bytes => _matrices.Sum(matrix => matrix.Bytes);

    private GpuMatrix First => _matrices[0];

    /// <summary>The results of the latest product.</summary>
    public float[] Results(int rows)
    {
        var y = new float[rows * _y.Stride];
        _runtime.Driver.CopyOut(MemoryMarshal.AsBytes(y.AsSpan()), _y.Address);
        return y;
    }

    /// <summary>A pass of <see cref="Gemv"/>, of more than 16 rows in pieces of 16.</summary>
    public Action Gemv(int rows)
    {
        Delegate kernel = First.Format switch
        {
            MatrixFormat.F32 => GemvOf<F32Weights>(rows),
            MatrixFormat.F16 => GemvOf<F16Weights>(rows),
            MatrixFormat.BF16 => GemvOf<BF16Weights>(rows),
            MatrixFormat.Q8 => GemvOf<Q8Weights>(rows),
            _ => GemvOf<Q4Weights>(rows),
        };
        return () =>
        {
            foreach (GpuMatrix matrix in _matrices)
            {
                for (int first = 0; first < rows; first += 16)
                {
                    Gemv(kernel, matrix, first, Math.Min(16, rows - first));
                }
            }
        };
    }

    /// <summary>A pass on tensor cores, the rounding of inputs included.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="splits">Blocks that share a tile's inputs.</param>
    public Action TensorCores<TTile>(int rows, int splits)
        where TTile : struct, IGemmTile => () =>
    {
        foreach (GpuMatrix matrix in _matrices)
        {
            var shape = new GemmShape(matrix.Format, rows, matrix.Rows, matrix.Cols, GemmPrecision.Rounded);
            GemmPlan plan = GemmPlan.Of<TTile>(shape, splits);
            var operands = new GemmOperands
            {
                Y = _y.Address, YStride = _y.Stride, W = matrix.Address, Scales = matrix.ScalesAddress, ScaleStride = matrix.ScaleStride,
            };
            Gemm.Round(_runtime.Launch, shape, _x.Address, _x.Stride, _rounded!.Address);
            Gemm.Multiply(_runtime.Launch, shape, operands, plan, _rounded.Address, splits == 1 ? 0 : _sums!.Address);
        }
    };

    /// <summary>A pass of <see cref="TiledLinear"/>.</summary>
    public Action Tiles<TTile>(int rows)
        where TTile : struct, IFloatTile<TTile> => () =>
    {
        foreach (GpuMatrix matrix in _matrices)
        {
            KernelArguments arguments = default;
            arguments.AddView(_y.Address, _y.Length).Add((long)_x.Address).Add((long)matrix.Address).AddView(0, 0).AddView(0, 0);
            arguments.Add(rows).Add(matrix.Rows).Add(_x.Stride / 4).Add(_y.Stride).Add(0);
            var grid = new LaunchShape(
                GemmPlan.Ceiling(rows, TTile.Side), GemmPlan.Ceiling(matrix.Rows, TTile.Side), TTile.Threads * TTile.Threads,
                TiledLinear.SharedBytes<TTile>());
            _runtime.Launch(TiledLinear.LinearTiles<TTile>, grid, arguments);
        }
    };

    /// <summary>Gives all memory and the device back.</summary>
    public void Dispose() => _runtime.Dispose();

    private static Delegate GemvOf<TWeights>(int rows)
        where TWeights : struct, IWeights => rows <= 8
            ? Kernels.Gemv.Linear<TWeights, Pair<Pair<Pair<OneRow>>>>
            : Kernels.Gemv.Linear<TWeights, Pair<Pair<Pair<Pair<OneRow>>>>>;

    private void Gemv(Delegate kernel, GpuMatrix matrix, int first, int rows)
    {
        int steps = matrix.RowBytes / (matrix.Format == MatrixFormat.F32 ? 32 : 16);
        KernelArguments arguments = default;
        arguments.AddView(_y.Address + ((nint)first * _y.Stride * sizeof(float)), (long)rows * _y.Stride);
        arguments.AddView(_x.Address + ((nint)first * _x.Stride * sizeof(float)), (long)rows * _x.Stride / 4);
        arguments.AddWeights(matrix);
        arguments.AddView(0, 0).AddView(0, 0);
        arguments.Add(rows).Add(matrix.Rows).Add(steps).Add(matrix.ScaleStride).Add(_x.Stride / 4).Add(_y.Stride).Add(0);
        var grid = new LaunchShape(GemmPlan.Ceiling(matrix.Rows, Kernels.Gemv.Outputs), 1, Kernels.Gemv.ThreadsFor(steps));
        _runtime.Launch(kernel, grid, arguments);
    }
}
