using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

// Products with weight matrices: Linear and Score. Few rows wait for the weights to be read and compute in 32-bit floats; many rows go to the
// tensor cores, but for F32 weights, which those would round.
internal sealed partial class GpuBackend
{
    // Rows whose logits are made at a time; they share each reading of the head.
    internal const int ScoreRows = 256;

    // Logits that scoring holds at a time: 32 MiB.
    internal const int UsualLogits = 8 << 20;

    // What tiles of the vocabulary are a multiple of, the last but for its own width.
    private const int ScoreTile = 64;

    private readonly GpuScratch _logits;
    private readonly GpuScratch _rounded;
    private readonly GpuScratch _sums;
    private readonly GpuScratch _indices;

    // What _indices holds: decoding asks for rows 0, 1, 2, ... each time, and a copy would cut its step in two. Room for no more than was asked for
    // before is the same room.
    private readonly List<int> _uploaded = [];

    /// <summary>
    /// How exactly more than <see cref="GemmPlan.MostGemvRows"/> rows are multiplied by weights of 16 bits and fewer, and tiles of queries attend.
    /// </summary>
    public GemmPrecision Precision { get; init; } = GemmPrecision.Rounded;

    /// <summary>Logits that scoring holds at a time, 32 MiB unless a test wants many tiles.</summary>
    public int MostLogits { get; init; } = UsualLogits;

    /// <inheritdoc/>
    public void Linear(Tensor y, Tensor x, Matrix w, Tensor? bias, Activation activation, Tensor? residual)
    {
        GpuTensor output = Of(y);
        Product product = new()
        {
            Y = output.Address,
            YLength = output.Length,
            Stride = output.Stride,
            X = Of(x),
            Rows = x.Rows,
            Weights = Of(w),
            Outputs = w.Rows,
            Bias = bias is null ? 0 : Of(bias).Address,
            Residual = residual is null ? 0 : Of(residual).Address,
            Activation = activation,
        };
        Multiply(product);
    }

    /// <inheritdoc/>
    public void Score(Tensor logProb, Tensor? best, Tensor x, Matrix head, Tensor? bias, ReadOnlySpan<int> targets)
    {
        GpuTensor input = Of(x);
        GpuTensor probabilities = Of(logProb);
        int most = Math.Min(ScoreRows, x.Rows);
        if (most == 0)
        {
            return;
        }

        // A norm held back may read memory that was given back since, which scratch memory may get.
        _fusion.Send();
        int tile = ScoreTileOf(most, head.Rows, MostLogits);
        nint scratch = _logits.Room(ScoreBytes(most, head.Rows, MostLogits));
        nint states = scratch + (nint)((long)most * tile * sizeof(float));
        GpuBatch.Ints ids = Upload(targets);
        for (int row = 0; row < x.Rows; row += most)
        {
            int rows = Math.Min(most, x.Rows - row);
            for (int first = 0; first < head.Rows; first += tile)
            {
                int count = Math.Min(tile, head.Rows - first);
                Product product = new()
                {
                    Y = scratch,
                    YLength = (long)most * tile,
                    Stride = tile,
                    X = input,
                    FirstRow = row,
                    Rows = rows,
                    IsRounded = first > 0,
                    Weights = Of(head),
                    FirstOutput = first,
                    Outputs = count,
                    Bias = bias is null ? 0 : Of(bias).Address + (first * sizeof(float)),
                };
                Multiply(product);
                KernelArguments arguments = default;
                arguments.AddView(states, most);
                arguments.AddView(scratch, (long)most * tile);
                arguments.AddView(ids.Address + (row * sizeof(int)), rows);
                nint at = (nint)row * probabilities.Stride * sizeof(float);
                long length = (long)rows * probabilities.Stride;
                arguments.AddView(probabilities.Address + at, length);
                arguments.AddView(best is null ? 0 : Of(best).Address + at, best is null ? 0 : length);
                arguments.Add(first).Add(count).Add(tile).Add(first + count == head.Rows ? 1 : 0).Add(probabilities.Stride);
                _runtime.Launch(Scoring.Score, new LaunchShape(rows, 1, Scoring.Threads), arguments);
            }
        }
    }

    /// <summary>Logits of a row that scoring makes at a time.</summary>
    /// <param name="rows">Rows scored together.</param>
    /// <param name="vocabulary">Logits of a row.</param>
    /// <param name="mostLogits">Logits held at a time.</param>
    internal static int ScoreTileOf(int rows, int vocabulary, int mostLogits) =>
        Math.Min(GpuTensor.StrideOf(vocabulary), Math.Max(ScoreTile, mostLogits / rows / ScoreTile * ScoreTile));

    /// <summary>Scratch memory of scoring: logits, and four floats for each row.</summary>
    internal static long ScoreBytes(int rows, int vocabulary, int mostLogits) =>
        (long)rows * (ScoreTileOf(rows, vocabulary, mostLogits) + 4) * sizeof(float);

    /// <summary>y = activation(x·wᵀ + bias) + residual for some rows of x and some outputs of w. Addresses that are 0 stand for nothing.</summary>
    private readonly record struct Product
    {
        public required nint Y { get; init; }

        public required long YLength { get; init; }

        /// <summary>From a row of y, and of the residual, to the next.</summary>
        public required int Stride { get; init; }

        public required GpuTensor X { get; init; }

        public int FirstRow { get; init; }

        public required int Rows { get; init; }

        /// <summary>Whether the product before was of the same rows, so that tensor cores find them rounded.</summary>
        public bool IsRounded { get; init; }

        public required GpuMatrix Weights { get; init; }

        public int FirstOutput { get; init; }

        public required int Outputs { get; init; }

        public nint Bias { get; init; }

        public nint Residual { get; init; }

        public Activation Activation { get; init; }

        public nint XAddress => X.Address + ((nint)FirstRow * X.Stride * sizeof(float));

        public nint WeightsAddress => Weights.Address + (FirstOutput * (nint)Weights.RowBytes);
    }

    // The one place that decides which kernel makes a product.
    private void Multiply(in Product product)
    {
        if (product.Rows == 0)
        {
            return;
        }

        if (product.Rows <= GemmPlan.MostGemvRows(product.Weights.Format))
        {
            MultiplyFewRows(product);
        }
        else if (product.Weights.Format == MatrixFormat.F32)
        {
            MultiplyInTiles(product);
        }
        else
        {
            MultiplyOnTensorCores(product);
        }
    }

    private void MultiplyFewRows(in Product product)
    {
        GpuMatrix weights = product.Weights;
        int steps = weights.RowBytes / (weights.Format == MatrixFormat.F32 ? 32 : 16);
        KernelArguments arguments = default;
        arguments.AddView(product.Y, product.YLength);
        arguments.AddView(product.XAddress, (long)product.Rows * product.X.Stride / 4);
        arguments.AddWeights(weights, product.FirstOutput);
        arguments.AddView(product.Bias, product.Bias == 0 ? 0 : product.Outputs);
        arguments.AddView(product.Residual, product.Residual == 0 ? 0 : product.YLength);
        arguments.Add(product.Rows).Add(product.Outputs).Add(steps).Add(weights.ScaleStride);
        arguments.Add(product.X.Stride / 4).Add(product.Stride).Add((int)product.Activation);

        int blocks = (product.Outputs + Gemv.Outputs - 1) / Gemv.Outputs;
        var launch = new KernelLaunch(FewRows(weights.Format, product.Rows), new LaunchShape(blocks, 1, Gemv.ThreadsFor(steps)), arguments);
        _fusion.Linear(new StepFusion.Product
        {
            Launch = launch,
            Y = product.Y,
            X = product.XAddress,
            Bias = product.Bias,
            Residual = product.Residual,
            Format = weights.Format,
            Rows = product.Rows,
            Outputs = product.Outputs,
            Steps = steps,
            HasActivation = product.Activation != Activation.None,
        });
    }

    private void MultiplyInTiles(in Product product)
    {
        if (TiledLinear.IsLarge(product.Rows, product.Outputs, _runtime.Driver.Device.Multiprocessors))
        {
            MultiplyInTiles<LargeFloatTile>(product);
        }
        else
        {
            MultiplyInTiles<SmallFloatTile>(product);
        }
    }

    private void MultiplyInTiles<TTile>(in Product product)
        where TTile : struct, IFloatTile<TTile>
    {
        KernelArguments arguments = default;
        arguments.AddView(product.Y, product.YLength);
        arguments.Add((long)product.XAddress).Add((long)product.WeightsAddress);
        arguments.AddView(product.Bias, product.Bias == 0 ? 0 : product.Outputs);
        arguments.AddView(product.Residual, product.Residual == 0 ? 0 : product.YLength);
        arguments.Add(product.Rows).Add(product.Outputs).Add(product.X.Stride / 4).Add(product.Stride).Add((int)product.Activation);
        var grid = new LaunchShape(
            GemmPlan.Ceiling(product.Rows, TTile.Side),
            GemmPlan.Ceiling(product.Outputs, TTile.Side),
            TTile.Threads * TTile.Threads,
            TiledLinear.SharedBytes<TTile>());
        _runtime.Launch(TiledLinear.LinearTiles<TTile>, grid, arguments);
    }

    private void MultiplyOnTensorCores(in Product product)
    {
        GpuMatrix weights = product.Weights;
        var shape = new GemmShape(weights.Format, product.Rows, product.Outputs, weights.Cols, Precision);
        GemmPlan plan = GemmPlan.For(shape, _runtime.Driver.Device.Multiprocessors);
        var operands = new GemmOperands
        {
            Y = product.Y,
            YStride = product.Stride,
            W = product.WeightsAddress,
            Scales = weights.ScalesAddress + (product.FirstOutput * (nint)weights.ScaleStride * sizeof(ushort)),
            ScaleStride = weights.ScaleStride,
            Bias = product.Bias,
            Residual = product.Residual,
            Activation = product.Activation,
        };
        nint rounded = _rounded.Room(plan.RoundedBytes);
        if (!product.IsRounded)
        {
            Gemm.Round(_runtime.Launch, shape, product.XAddress, product.X.Stride, rounded);
        }

        Gemm.Multiply(_runtime.Launch, shape, operands, plan, rounded, plan.Splits == 1 ? 0 : _sums.Room(plan.SumsBytes));
    }

    private static Delegate FewRows(MatrixFormat format, int rows) => format switch
    {
        MatrixFormat.F32 when rows > 8 => Gemv.Linear<F32Weights, Pair<Pair<Pair<Pair<OneRow>>>>>,
        MatrixFormat.F32 => FewRows<F32Weights>(rows),
        MatrixFormat.F16 => FewRows<F16Weights>(rows),
        MatrixFormat.BF16 => FewRows<BF16Weights>(rows),
        MatrixFormat.Q8 => FewRows<Q8Weights>(rows),
        _ => FewRows<Q4Weights>(rows),
    };

    private static Delegate FewRows<TWeights>(int rows)
        where TWeights : struct, IWeights => rows switch
        {
            1 => Gemv.Linear<TWeights, OneRow>,
            2 => Gemv.Linear<TWeights, Pair<OneRow>>,
            <= 4 => Gemv.Linear<TWeights, Pair<Pair<OneRow>>>,
            _ => Gemv.Linear<TWeights, Pair<Pair<Pair<OneRow>>>>,
        };

    private GpuBatch.Ints Upload(ReadOnlySpan<int> indices)
    {
        nint address = _indices.Room((long)indices.Length * sizeof(int));
        if (!CollectionsMarshal.AsSpan(_uploaded).StartsWith(indices))
        {
            _uploaded.Clear();
            _runtime.Driver.CopyIn(address, MemoryMarshal.AsBytes(indices));
            _uploaded.AddRange(indices);
        }

        return new GpuBatch.Ints(address, indices.Length);
    }
}
