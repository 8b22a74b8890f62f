using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// ln softmax(x·headᵀ + bias) at a target, the vocabulary in blocks of 384: what one worker does for one block and one group of rows.
// A block's logits live in scratch only. Of each row it keeps the block's largest logit, Σ exp(logit − largest) and the index of the
// largest; CpuBackend.Score combines the blocks in vocabulary order with double sums. 384 is a multiple of every product's width, so neither the
// width nor the threads show in a result. Order inside a block: the product's own (IProduct), then Reduction's sixteen lanes.
// Tail: columns beyond V become −∞ before the sum. Cost: 2·V·C operations a row and one exponential a logit.
internal unsafe struct ScoreJob
{
    /// <summary>Logits of a block.</summary>
    public const int BlockWidth = 384;

    /// <summary>Rows that go through a block together: their logits are 384 KB.</summary>
    public const int RowBlock = 256;

    /// <summary>What a block knows of a row.</summary>
    internal struct Partial
    {
        public float Largest;
        public float Sum;
        public int Best;
    }

    public float* Bias;
    public Factors Factors;
    public int Rows;
    public int Vocabulary;
    public int RowBlocks;
    public int* Targets;
    public float* TargetLogits;
    public Partial* Partials;
    public float* Scratch;
    public nint ScratchStride;

    /// <summary>Floats of scratch a worker needs.</summary>
    public static int ScratchLength<TProduct>()
        where TProduct : struct, IProduct => ((RowBlock + 8) * BlockWidth) + TProduct.ScratchLength;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TVector, TProduct>(void* context, int start, int end, int worker)
        where TVector : struct, IVector<TVector>
        where TProduct : struct, IProduct
    {
        ScoreJob* job = (ScoreJob*)context;
        int width = TProduct.Width;
        float* scratch = job->Scratch + (worker * job->ScratchStride);
        float* logits = scratch + TProduct.ScratchLength;
        for (int item = start; item < end; item++)
        {
            int block = item / job->RowBlocks;
            int row = (item - (block * job->RowBlocks)) * RowBlock;
            int rows = Math.Min(RowBlock, job->Rows - row);
            int first = block * BlockWidth;
            int used = Math.Min(BlockWidth, job->Vocabulary - first);
            for (int column = 0; column < used; column += width)
            {
                TProduct.Multiply(&job->Factors, logits + column, BlockWidth, row, rows, (first + column) / width, scratch);
            }

            for (int r = 0; r < rows; r++)
            {
                Reduce<TVector>(job, logits + (r * BlockWidth), block, first, used, row + r);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Reduce<TVector>(ScoreJob* job, float* logits, int block, int first, int used, int row)
        where TVector : struct, IVector<TVector>
    {
        var valid = new Span<float>(logits, used);
        if (job->Bias != null)
        {
            TensorPrimitives.Add(valid, new ReadOnlySpan<float>(job->Bias + first, used), valid);
        }

        int target = job->Targets[row] - first;
        if (target >= 0 && target < used)
        {
            job->TargetLogits[row] = logits[target];
        }

        int best = TensorPrimitives.IndexOfMax<float>(valid);
        float largest = logits[best];
        int padded = (used + 15) & ~15;
        new Span<float>(logits + used, padded - used).Fill(float.NegativeInfinity);
        job->Partials[((nint)block * job->Rows) + row] = new Partial
        {
            Largest = largest,
            Sum = Reduction.ExpAndSum<TVector>(logits, padded, largest),
            Best = first + best,
        };
    }
}
