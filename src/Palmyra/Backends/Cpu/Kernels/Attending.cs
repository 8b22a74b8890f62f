using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// Causal attention of a block of query rows of one head: y_i = Σ_t p_it·v_t / Σ_t p_it, p_it = exp(scale·q_i·k_t − max_t).
//
//   keys      a page holds [H][D][page size]: lanes across tokens, a chain over d
//   values    a page holds [H][page size][D rounded up to 16]: lanes across d, a chain over tokens
//   storage   floats, halves or 8-bit integers, widened in registers; no page is copied. Integers have a scale for each token: that of the
//             key multiplies the finished chain over d, that of the value the token's p, once the sum of p has been taken
//   scores    [16 query rows][tokens of the block's range]; the range starts at a multiple of 16, so lane = token mod 16 everywhere
//
// Order of additions: a score is one chain over d; the sum of p runs in Reduction's sixteen lanes by token number; an output is one
// chain over tokens, ascending from the block's first visible token, divided at the end. Tokens a row may not see enter as p = 0 exactly,
// chosen and not computed: before a window's start such terms meet a sum that is still 0; after a row's own token there are none, for
// four rows go together only up to the token all four see, and each finishes alone. Where values are finite (0·NaN is NaN) nothing therefore
// depends on which rows share a block, on page size, or on how the sequence was cut into steps. Slots beyond a sequence's length may hold
// anything: keys there give scores that are replaced, values there are never read.
// Cost: 4·D operations and one exponential for each visible pair; a page of a head (2 x 16 KB at 64 x 64) is used by sixteen rows from cache.
// Measured: 512 tokens, 12 heads of 64: 5.5 ms, 73 of 107 GFLOP/s FMA peak, softmax included, one thread; one token after 560 of past in 12
// such layers, not in cache: 2.5 ms, 56 % of the read bandwidth, one thread, 1.5 ms, 80 %, two. 2-core AVX-512 machine (shared), November 2026.
// Formats beside each other, best of 60 under load, one thread: that token 2.2 ms in F32, 0.9 in F16, 0.6 in Q8 (the last two partly from the
// 32 MB last-level cache); the 512 tokens 5.2, 8.2, 6.7 ms, as widening is repeated for every four rows.
internal static unsafe class Attending
{
    /// <summary>Query rows of a block.</summary>
    public const int BlockRows = 16;

    private const int TileRows = 4;

    private const int CacheLine = 64;

    /// <summary>Everything a block needs to know; pointers into tensors, the cache and the worker's scratch.</summary>
    internal struct Block
    {
        public float* Queries;
        public nint QueryStride;
        public float* Output;
        public nint OutputStride;
        public float* LogSum;
        public nint LogSumStride;
        public byte* Keys;
        public byte* Values;
        public byte* NextKeys;
        public PageLayout Layout;
        public int* Pages;
        public int Window;
        public float Scale;
        public int Rows;
        public int FirstToken;
        public float* Scratch;
    }

    /// <summary>D rounded up to sixteen: the stride of a value slot.</summary>
    public static int PaddedDim(int headDim) => (headDim + 15) & ~15;

    /// <summary>Floats of scratch for blocks that see up to <paramref name="tokens"/> tokens.</summary>
    public static int ScratchLength(int tokens, int headDim) => checked(BlockRows * (((tokens + 31) & ~15) + PaddedDim(headDim)));

    /// <summary>
    /// Computes the block. <see cref="Block.Keys"/> and <see cref="Block.Values"/> point at the head's part of page 0,
    /// <see cref="Block.NextKeys"/> at what will be read after this block.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T, TStorage>(ref Block block)
        where T : struct, IVector<T>
        where TStorage : struct, IStorage
    {
        ref readonly PageLayout layout = ref block.Layout;
        int rows = block.Rows;
        int pageSize = layout.PageSize;
        int headDim = layout.HeadDim;
        int padded = layout.PaddedDim;
        nint valueStride = (nint)padded * TStorage.Size;
        int lastToken = block.FirstToken + rows - 1;
        int firstVisible = FirstVisible(block.FirstToken, block.Window);
        int start = firstVisible & ~15;
        int stride = ((lastToken + 16) & ~15) - start;
        float* scores = block.Scratch;
        float* sums = scores + ((nint)BlockRows * stride);
        new Span<float>(scores, rows * stride).Clear();
        new Span<float>(sums, rows * padded).Clear();

        for (int token = start; token <= lastToken;)
        {
            int page = token / pageSize;
            int slot = token - (page * pageSize);
            int width = Math.Min(pageSize - slot, start + stride - token);
            byte* keys = block.Keys + (block.Pages[page] * layout.KeyPageStride);
            bool more = token + width <= lastToken;
            byte* next = more
                ? block.Keys + (block.Pages[page + 1] * layout.KeyPageStride)
                : block.Values + (block.Pages[start / pageSize] * layout.ValuePageStride);
            if (layout.Scaled)
            {
                AskForScales(next + (more ? layout.KeyScales : layout.ValueScales), pageSize);
            }

            for (int r = 0; r < rows; r += TileRows)
            {
                int tile = Math.Min(TileRows, rows - r);
                int needed = Math.Min(width, ((block.FirstToken + r + tile + 15) & ~15) - token);
                if (needed > 0)
                {
                    float* products = scores + ((nint)r * stride) + (token - start);
                    StridedProduct.Add<T, TStorage>(
                        products, stride,
                        block.Queries + (r * block.QueryStride), block.QueryStride, tile,
                        keys + ((nint)slot * TStorage.Size), (nint)pageSize * TStorage.Size, needed, headDim, next);
                    if (layout.Scaled)
                    {
                        for (int i = 0; i < tile; i++)
                        {
                            Scale(products + ((nint)i * stride), (float*)(keys + layout.KeyScales) + slot, needed);
                        }
                    }
                }
            }

            token += width;
        }

        float* inverse = stackalloc float[BlockRows];
        for (int r = 0; r < rows; r++)
        {
            int last = block.FirstToken + r;
            inverse[r] = Softmax<T>(scores + ((nint)r * stride), FirstVisible(last, block.Window) - start, last - start + 1, stride, block.Scale, out float logSum);
            if (block.LogSum != null)
            {
                block.LogSum[r * block.LogSumStride] = logSum;
            }
        }

        for (int token = firstVisible; token <= lastToken;)
        {
            int page = token / pageSize;
            int slot = token - (page * pageSize);
            int count = Math.Min(pageSize - slot, lastToken + 1 - token);
            byte* head = block.Values + (block.Pages[page] * layout.ValuePageStride);
            byte* values = head + (slot * valueStride);
            bool more = token + count <= lastToken;
            byte* next = more ? block.Values + (block.Pages[page + 1] * layout.ValuePageStride) : block.NextKeys;
            if (layout.Scaled)
            {
                AskForScales(next + (more ? layout.ValueScales : layout.KeyScales), pageSize);
                for (int r = 0; r < rows; r++)
                {
                    // Only what the row sees: the others' weights are 0 and stay so, whatever the scale.
                    int first = Math.Max(token, FirstVisible(block.FirstToken + r, block.Window));
                    int end = Math.Min(token + count, block.FirstToken + r + 1);
                    if (first < end)
                    {
                        Scale(
                            scores + ((nint)r * stride) + (first - start), (float*)(head + layout.ValueScales) + slot + (first - token), end - first);
                    }
                }
            }

            for (int r = 0; r < rows; r += TileRows)
            {
                // All rows of the tile see tokens up to its first row's own; beyond that each row goes on alone, in the same order.
                int tile = Math.Min(TileRows, rows - r);
                int shared = Math.Clamp(block.FirstToken + r + 1 - token, 0, count);
                float* weights = scores + ((nint)r * stride) + (token - start);
                float* sum = sums + ((nint)r * padded);
                if (shared > 0)
                {
                    StridedProduct.Add<T, TStorage>(sum, padded, weights, stride, tile, values, valueStride, padded, shared, next);
                }

                for (int i = 1; i < tile; i++)
                {
                    int own = Math.Min(block.FirstToken + r + i + 1 - token, count);
                    if (own > shared)
                    {
                        StridedProduct.Add<T, TStorage>(
                            sum + ((nint)i * padded), padded, weights + ((nint)i * stride) + shared, stride, 1,
                            values + (shared * valueStride), valueStride, padded, own - shared, next);
                    }
                }
            }

            token += count;
        }

        for (int r = 0; r < rows; r++)
        {
            TensorPrimitives.Multiply(
                new ReadOnlySpan<float>(sums + ((nint)r * padded), headDim),
                inverse[r],
                new Span<float>(block.Output + (r * block.OutputStride), headDim));
        }
    }

    private static int FirstVisible(int token, int window) => window > 0 ? Math.Max(0, token - window + 1) : 0;

    /// <summary>xᵢ ← xᵢ·scaleᵢ.</summary>
    private static void Scale(float* x, float* scales, int count)
    {
        var numbers = new Span<float>(x, count);
        TensorPrimitives.Multiply(numbers, new ReadOnlySpan<float>(scales, count), numbers);
    }

    /// <summary>Asks for a page's scales, which lie behind the numbers that <see cref="StridedProduct"/> asks for.</summary>
    private static void AskForScales(byte* scales, int pageSize)
    {
        if (Sse.IsSupported)
        {
            for (int at = 0; at < pageSize * sizeof(float); at += CacheLine)
            {
                Sse.Prefetch1(scales + at);
            }
        }
    }

    /// <summary>Turns scores [first, end) into exp(scale·score − max), the rest up to <paramref name="length"/> into 0; returns 1/sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Softmax<T>(float* scores, int first, int end, int length, float scale, out float logSum)
        where T : struct, IVector<T>
    {
        new Span<float>(scores, first).Fill(float.NegativeInfinity);
        new Span<float>(scores + end, length - end).Fill(float.NegativeInfinity);
        var visible = new Span<float>(scores + first, end - first);
        TensorPrimitives.Multiply(visible, scale, visible);
        float largest = TensorPrimitives.Max(visible);
        int used = (end + 15) & ~15;
        float sum = Reduction.ExpAndSum<T>(scores, used, largest);
        logSum = largest + MathF.Log(sum);
        return 1 / sum;
    }
}
