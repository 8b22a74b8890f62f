using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>LayerNorm of a range of rows.</summary>
internal unsafe struct LayerNormJob
{
    public float* Y;
    public nint YStride;
    public float* X;
    public nint XStride;
    public float* Gain;
    public float* Bias;
    public float* Stats;
    public nint StatsStride;
    public int Cols;
    public float Epsilon;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T>(void* context, int start, int end, int worker)
        where T : struct, IVector<T>
    {
        LayerNormJob* job = (LayerNormJob*)context;
        for (int row = start; row < end; row++)
        {
            float* stats = job->Stats == null ? null : job->Stats + (row * job->StatsStride);
            Normalizing.Row<T>(job->Y + (row * job->YStride), job->X + (row * job->XStride), job->Gain, job->Bias, job->Cols, job->Epsilon, stats);
        }
    }
}

/// <summary>An activation over a range of rows.</summary>
internal unsafe struct ActivateJob
{
    public float* Y;
    public nint YStride;
    public float* X;
    public nint XStride;
    public int PaddedCols;
    public Activation Activation;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T>(void* context, int start, int end, int worker)
        where T : struct, IVector<T>
    {
        ActivateJob* job = (ActivateJob*)context;
        for (int row = start; row < end; row++)
        {
            Activating.Run<T>(job->Y + (row * job->YStride), job->X + (row * job->XStride), job->PaddedCols, job->Activation);
        }
    }
}

/// <summary>Packing of a range of row tiles.</summary>
internal unsafe struct PackJob
{
    public float* Packed;
    public nint TileStride;
    public float* X;
    public nint XStride;
    public int Rows;
    public int Cols;
    public int TileRows;

    public static void Run(void* context, int start, int end, int worker)
    {
        PackJob* job = (PackJob*)context;
        for (int tile = start; tile < end; tile++)
        {
            int row = tile * job->TileRows;
            int rows = Math.Min(job->TileRows, job->Rows - row);
            Packing.PackTile(
                job->Packed + (tile * job->TileStride), job->X + (row * job->XStride), job->XStride, job->Cols, rows,
                PanelProduct.TileOf(rows, job->TileRows));
        }
    }
}
