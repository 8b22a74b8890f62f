using Palmyra.Backends;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

/// <summary>Makes one launch of what a decoding step asks for one after the other: a norm, the product that reads it, turning and storing of keys.</summary>
/// <remarks>
/// <para>Within a step (<see cref="StepDriver.InStep"/>) the norm of few rows is held back until the next call shows whether it is a product of
/// its output, and that product until the next shows whether its output is turned and stored. Whatever else reaches the driver first, launches,
/// copies, frees and waits included, has what is held back sent before it (<see cref="StepDriver.Before"/>), so nothing sees memory as it
/// would not be with every launch at its time.</para>
/// <para>What is held back is known by value: addresses, sizes, packed parameters; no tensor is looked at again, whatever became of it. While
/// something is held back the driver does nothing and scratch memory stays where it is, so an address still means what it meant. A launch that
/// fails is told by the call that sent it, which may be a later one. That a kernel does it all changes no bit:
/// <see cref="FusedGemv"/>.</para>
/// </remarks>
internal sealed class StepFusion
{
    private readonly GpuRuntime _runtime;
    private bool _fuses;

    // With a product, the norm is the one it reads; without a product there is no rotation.
    private Norm? _norm;
    private Product? _product;
    private Rotation? _rotation;

    /// <summary>Stands between the operations and their launches.</summary>
    /// <param name="runtime">What launches; its driver sends off first what is held back.</param>
    /// <param name="fuses">Whether anything is held back at all.</param>
    public StepFusion(GpuRuntime runtime, bool fuses)
    {
        (_runtime, _fuses) = (runtime, fuses);
        runtime.Driver.Before = Send;
    }

    /// <summary>Whether anything is held back at all. A change sends what is held back.</summary>
    public bool Fuses
    {
        get => _fuses;
        set
        {
            Send();
            _fuses = value;
        }
    }

    private bool Holds => _fuses && _runtime.Driver.InStep;

    /// <summary>Launches a norm, perhaps as part of the product that is asked for next.</summary>
    public void LayerNorm(in Norm norm)
    {
        // Every block of the product reads what the norm reads and must find it as it was.
        bool apart = norm.Y != norm.X && norm.Y != norm.Gain && norm.Y != norm.Bias;
        if (!Holds || !apart || norm.Rows > FusedGemv.MostNormedRows)
        {
            _runtime.Launch(norm.Launch);
            return;
        }

        Send();
        _norm = norm;
    }

    /// <summary>Launches a product by <see cref="Gemv"/>, perhaps as part of what is asked for next.</summary>
    public void Linear(in Product product)
    {
        if (!Holds)
        {
            _runtime.Launch(product.Launch);
            return;
        }

        if (_product is not null || _norm is not Norm norm || !Reads(product, norm))
        {
            Send();
        }

        _product = product;
        if (product.HasActivation || product.Residual != 0)
        {
            // These are no queries, keys and values.
            Send();
        }
    }

    /// <summary>Launches the turning of queries and keys, perhaps as part of the product that made them.</summary>
    public void Rotate(in Rotation rotation)
    {
        if (_rotation is null && Makes(rotation.Qkv, rotation.Rows, rotation.Heads, rotation.HeadDim))
        {
            _rotation = rotation;
            return;
        }

        _runtime.Launch(rotation.Launch);
    }

    /// <summary>Launches the storing of keys and values, perhaps as part of the product that made them.</summary>
    /// <param name="launch">The launch by itself.</param>
    /// <param name="qkv">Where queries, keys and values lie.</param>
    /// <param name="cache">Takes them.</param>
    /// <param name="layer">Its layer.</param>
    /// <param name="tokens">Of each row its token's number within the sequence.</param>
    /// <param name="firstPages">Of each row where its page list starts, or its first page.</param>
    /// <param name="pages">Page lists, or nothing.</param>
    public void Store(
        in KernelLaunch launch, nint qkv, GpuKvCache cache, int layer, GpuBatch.Ints tokens, GpuBatch.Ints firstPages, GpuBatch.Ints pages)
    {
        // A number of Q8 needs the largest of its head.
        bool fits = cache.Format != CacheFormat.Q8 && Makes(qkv, tokens.Length, cache.Heads, cache.HeadDim);
        if (!fits || _product is not Product product)
        {
            _runtime.Launch(launch);
            return;
        }

        (Norm? norm, Rotation? rotation) = (_norm, _rotation);
        Forget();
        bool halves = cache.Format == CacheFormat.F16;
        LaunchFused(product, norm.GetValueOrDefault(), rotation.GetValueOrDefault(), new Storage
        {
            Numbers = cache.Numbers(layer),
            Length = cache.Pages * cache.PageBytes / (halves ? 8 : 16),
            Halves = halves,
            Pages = pages,
            FirstPages = firstPages,
            Tokens = tokens,
            Heads = cache.Heads,
            HeadDim = cache.HeadDim,
            PageSize = cache.PageSize,
        });
    }

    /// <summary>Launches what is held back. Whatever may give its memory to others without a call of the driver comes here first.</summary>
    public void Send()
    {
        // Nearly always: every call of the driver comes here.
        if (_norm is null && _product is null)
        {
            return;
        }

        (Norm? norm, Product? product, Rotation? rotation) = (_norm, _product, _rotation);

        // Forgotten first, since a launch comes back here, and one that fails must not be done with somebody's later call.
        Forget();
        switch (norm, product, rotation)
        {
            case (Norm alone, null, _):
                _runtime.Launch(alone.Launch);
                break;
            case (null, Product alone, null):
                _runtime.Launch(alone.Launch);
                break;
            case (_, Product joined, _):
                LaunchFused(joined, norm.GetValueOrDefault(), rotation.GetValueOrDefault(), default);
                break;
        }
    }

    private void Forget() => (_norm, _product, _rotation) = (null, null, null);

    /// <summary>Whether a norm can be part of a product: it makes its inputs, they fit, and neither writes where another block still reads.</summary>
    private bool Reads(in Product product, in Norm norm)
    {
        bool same = product.X == norm.Y && product.Rows == norm.Rows;
        bool apart = product.Y != norm.X && product.Y != norm.Gain && product.Y != norm.Bias && product.Y != norm.Y
            && product.Bias != norm.Y && product.Residual != norm.Y;

        // Two blocks find room on a multiprocessor, which has a little more than what one may ask for.
        return same && apart && 2 * (SharedBytes(product) + FusedGemv.StaticBytes) <= _runtime.Driver.Device.SharedBytesPerBlock;
    }

    /// <summary>Whether the product held back makes these queries, keys and values, so cut that the four outputs of a team lie in one head.</summary>
    private bool Makes(nint qkv, int rows, int heads, int headDim) =>
        _product is Product product && product.Y == qkv && product.Rows == rows && headDim % Gemv.Outputs == 0
        && product.Outputs == 3L * heads * headDim && (_rotation is not Rotation turned || turned.HeadDim == headDim);

    // What is absent is all zeros: empty views, heads of no number.
    private void LaunchFused(in Product product, in Norm norm, in Rotation rotation, in Storage storage)
    {
        int team = product.Launch.Shape.Threads;
        bool normed = norm.Rows > 0;
        KernelArguments arguments = product.Launch.Arguments;
        arguments.AddView(norm.X, (long)norm.Rows * norm.Pieces);
        arguments.AddView(norm.Gain, norm.Pieces);
        arguments.AddView(norm.Bias, norm.Pieces);
        arguments.AddView(rotation.Table, rotation.TableLength);
        arguments.AddInts(rotation.Positions);
        arguments.AddView(storage.Numbers, storage.Length);
        arguments.AddInts(storage.Pages);
        arguments.AddInts(storage.FirstPages);
        arguments.AddInts(storage.Tokens);
        arguments.Add(team).Add(norm.Cols).Add(normed ? FourStride(product) : 0).Add(norm.Epsilon);
        arguments.Add(Math.Max(rotation.Heads, storage.Heads)).Add(Math.Max(rotation.HeadDim, storage.HeadDim));
        arguments.Add(rotation.Pairs).Add(storage.PageSize);
        Delegate kernel = FusedKernels.Of(product.Format, product.Rows, normed, storage.Halves);
        LaunchShape shape = normed
            ? new LaunchShape(NormingBlocks(kernel, product, FusedGemv.Teams * team), 1, FusedGemv.Teams * team, SharedBytes(product))
            : product.Launch.Shape;
        _runtime.Launch(kernel, shape, arguments);
    }

    // As many as run at once, or so few that each goes as many rounds as the others.
    private int NormingBlocks(Delegate kernel, in Product product, int threads)
    {
        GpuDevice device = _runtime.Driver.Device;
        int resident = Math.Min(FusedGemv.ResidentThreads / threads, device.SharedBytesPerBlock / (SharedBytes(product) + FusedGemv.StaticBytes));
        int registers = _runtime.Function(kernel, threads).Registers;
        if (registers > 0)
        {
            resident = Math.Min(resident, FusedGemv.MultiprocessorRegisters / (threads * registers));
        }

        int turns = (product.Outputs + (FusedGemv.Teams * Gemv.Outputs) - 1) / (FusedGemv.Teams * Gemv.Outputs);
        int most = device.Multiprocessors * Math.Max(1, resident);
        int rounds = (turns + most - 1) / most;
        return (turns + rounds - 1) / rounds;
    }

    private static int SharedBytes(in Product product) => checked(product.Rows * 2 * Parts(product.Format) * FourStride(product) * 16);

    private static int FourStride(in Product product) => FusedGemv.FourStride(product.Steps, Parts(product.Format));

    private static int Parts(MatrixFormat format) => format switch
    {
        MatrixFormat.Q8 => Q8Weights.Parts,
        MatrixFormat.Q4 => Q4Weights.Parts,
        _ => F32Weights.Parts,
    };

    /// <summary>A norm.</summary>
    internal readonly struct Norm
    {
        /// <summary>By itself.</summary>
        public required KernelLaunch Launch { get; init; }

        /// <summary>Where its results go.</summary>
        public required nint Y { get; init; }

        /// <summary>Where its inputs lie.</summary>
        public required nint X { get; init; }

        /// <summary>Where its gain lies.</summary>
        public required nint Gain { get; init; }

        /// <summary>Where its bias lies.</summary>
        public required nint Bias { get; init; }

        /// <summary>Rows.</summary>
        public required int Rows { get; init; }

        /// <summary>Columns.</summary>
        public required int Cols { get; init; }

        /// <summary>Fours of floats of a row, padding included.</summary>
        public required int Pieces { get; init; }

        /// <summary>Added to the variance.</summary>
        public required float Epsilon { get; init; }
    }

    /// <summary>A product by <see cref="Gemv"/>.</summary>
    internal readonly struct Product
    {
        /// <summary>By itself.</summary>
        public required KernelLaunch Launch { get; init; }

        /// <summary>Where its results go.</summary>
        public required nint Y { get; init; }

        /// <summary>Where its inputs lie.</summary>
        public required nint X { get; init; }

        /// <summary>Where its bias lies, or 0.</summary>
        public required nint Bias { get; init; }

        /// <summary>Where its residual lies, or 0.</summary>
        public required nint Residual { get; init; }

        /// <summary>The weights' format.</summary>
        public required MatrixFormat Format { get; init; }

        /// <summary>Rows.</summary>
        public required int Rows { get; init; }

        /// <summary>Outputs.</summary>
        public required int Outputs { get; init; }

        /// <summary>Steps of a row of weights.</summary>
        public required int Steps { get; init; }

        /// <summary>Whether it has an activation.</summary>
        public required bool HasActivation { get; init; }
    }

    /// <summary>The turning of queries and keys.</summary>
    internal readonly struct Rotation
    {
        /// <summary>By itself.</summary>
        public required KernelLaunch Launch { get; init; }

        /// <summary>Where queries, keys and values lie.</summary>
        public required nint Qkv { get; init; }

        /// <summary>Their rows.</summary>
        public required int Rows { get; init; }

        /// <summary>Where cosines and sines lie.</summary>
        public required nint Table { get; init; }

        /// <summary>How many there are.</summary>
        public required long TableLength { get; init; }

        /// <summary>Of each row.</summary>
        public required GpuBatch.Ints Positions { get; init; }

        /// <summary>Heads of queries.</summary>
        public required int Heads { get; init; }

        /// <summary>Numbers of a head.</summary>
        public required int HeadDim { get; init; }

        /// <summary>Pairs of a head that turn.</summary>
        public required int Pairs { get; init; }
    }

    /// <summary>The place of keys and values in a cache.</summary>
    private readonly struct Storage
    {
        /// <summary>Where the layer's numbers lie.</summary>
        public required nint Numbers { get; init; }

        /// <summary>How many fours of them there are.</summary>
        public required long Length { get; init; }

        /// <summary>Whether they are 16-bit floats.</summary>
        public required bool Halves { get; init; }

        /// <summary>Page lists, or nothing.</summary>
        public required GpuBatch.Ints Pages { get; init; }

        /// <summary>Of each row where its page list starts, or its first page.</summary>
        public required GpuBatch.Ints FirstPages { get; init; }

        /// <summary>Of each row its token's number within the sequence.</summary>
        public required GpuBatch.Ints Tokens { get; init; }

        /// <summary>Heads.</summary>
        public required int Heads { get; init; }

        /// <summary>Numbers of a head.</summary>
        public required int HeadDim { get; init; }

        /// <summary>Tokens of a page.</summary>
        public required int PageSize { get; init; }
    }
}
