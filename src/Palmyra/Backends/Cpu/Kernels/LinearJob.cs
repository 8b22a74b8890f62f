using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// y = activation(x·wᵀ + bias) + residual: what one worker does for one stretch of outputs and one block of rows.
// The product (IProduct) leaves the sums in the worker's scratch, where they are still in cache when bias, activation and residual follow; partial
// sums never touch y, which may be the residual. Order: (sum + bias), then the function, then + residual, each rounded once.
// Tails: the last stretch writes only the vectors that hold outputs; the last of them may run into the row's padding.
// Items are numbered with the row blocks of a stretch next to each other, so a worker meets its weights while they are in its cache.
internal unsafe struct LinearJob
{
    /// <summary>Rows that go through a stretch together: their sums, 48 wide, are 48 KB.</summary>
    public const int RowBlock = 256;

    public float* Y;
    public nint YStride;
    public float* Residual;
    public nint ResidualStride;
    public float* Bias;
    public Factors Factors;
    public int Rows;
    public int Outputs;
    public int RowBlocks;
    public Activation Activation;
    public float* Scratch;
    public nint ScratchStride;

    /// <summary>Floats of scratch a worker needs: sums of a row block and a widened depth block.</summary>
    public static int ScratchLength<TProduct>()
        where TProduct : struct, IProduct => ((RowBlock + 8) * TProduct.Width) + TProduct.ScratchLength;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TVector, TProduct>(void* context, int start, int end, int worker)
        where TVector : struct, IVector<TVector>
        where TProduct : struct, IProduct
    {
        LinearJob* job = (LinearJob*)context;
        int width = TProduct.Width;
        float* scratch = job->Scratch + (worker * job->ScratchStride);
        float* sums = scratch + TProduct.ScratchLength;
        for (int item = start; item < end; item++)
        {
            int stretch = item / job->RowBlocks;
            int row = (item - (stretch * job->RowBlocks)) * RowBlock;
            int rows = Math.Min(RowBlock, job->Rows - row);
            TProduct.Multiply(&job->Factors, sums, width, row, rows, stretch, scratch);
            Finish<TVector>(job, sums, width, stretch * width, row, rows);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish<TVector>(LinearJob* job, float* sums, int width, int column, int row, int rows)
        where TVector : struct, IVector<TVector>
    {
        int used = Math.Min(width, (job->Outputs - column + TVector.Count - 1) / TVector.Count * TVector.Count);
        float* bias = job->Bias + column;
        float* y = job->Y + (row * job->YStride) + column;
        float* residual = job->Residual + (row * job->ResidualStride) + column;
        for (int r = 0; r < rows; r++, sums += width, y += job->YStride, residual += job->ResidualStride)
        {
            if (job->Bias != null)
            {
                for (int i = 0; i < used; i += TVector.Count)
                {
                    TVector.Store(sums + i, TVector.Load(sums + i) + TVector.Load(bias + i));
                }
            }

            if (job->Activation != Activation.None)
            {
                Activating.Run<TVector>(sums, sums, used, job->Activation);
            }

            if (job->Residual != null)
            {
                for (int i = 0; i < used; i += TVector.Count)
                {
                    TVector.Store(y + i, TVector.Load(sums + i) + TVector.Load(residual + i));
                }
            }
            else
            {
                for (int i = 0; i < used; i += TVector.Count)
                {
                    TVector.Store(y + i, TVector.Load(sums + i));
                }
            }
        }
    }
}
