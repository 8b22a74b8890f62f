using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>Attention over a range of (head, query block) pairs; blocks of a head lie next to each other, so its keys and values stay in cache.</summary>
internal unsafe struct AttendJob
{
    public float* Qkv;
    public nint QkvStride;
    public float* Y;
    public nint YStride;
    public float* LogSum;
    public nint LogSumStride;
    public byte* Keys;
    public byte* Values;
    public PageLayout Layout;
    public AttentionShape Shape;
    public CpuBatch.QueryBlock* Blocks;
    public int BlockCount;
    public float* Scratch;
    public nint ScratchStride;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T, TStorage>(void* context, int start, int end, int worker)
        where T : struct, IVector<T>
        where TStorage : struct, IStorage
    {
        AttendJob* job = (AttendJob*)context;
        int headDim = job->Shape.HeadDim;
        Attending.Block block = default;
        block.QueryStride = job->QkvStride;
        block.OutputStride = job->YStride;
        block.LogSumStride = job->LogSumStride;
        block.Layout = job->Layout;
        block.Window = job->Shape.Window;
        block.Scale = job->Shape.Scale;
        block.Scratch = job->Scratch + (worker * job->ScratchStride);
        for (int item = start; item < end; item++)
        {
            int head = item / job->BlockCount;
            CpuBatch.QueryBlock* rows = job->Blocks + (item - (head * job->BlockCount));
            block.Queries = job->Qkv + (rows->FirstRow * job->QkvStride) + ((nint)head * headDim);
            block.Output = job->Y + (rows->FirstRow * job->YStride) + ((nint)head * headDim);
            block.LogSum = job->LogSum == null ? null : job->LogSum + (rows->FirstRow * job->LogSumStride) + head;
            block.Keys = job->Keys + (head * job->Layout.KeyHeadStride);
            block.Values = job->Values + (head * job->Layout.ValueHeadStride);
            block.NextKeys = block.Keys + (rows->Pages[0] * job->Layout.KeyPageStride) + job->Layout.KeyHeadStride;
            block.Pages = rows->Pages;
            block.Rows = rows->Rows;
            block.FirstToken = rows->FirstToken;
            Attending.Run<T, TStorage>(ref block);
        }
    }
}
