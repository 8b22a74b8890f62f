using System.Numerics;
using Palmyra.Backends;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

// The largest logits of rows.
internal sealed partial class GpuBackend
{
    private readonly GpuScratch _lists;

    /// <inheritdoc/>
    public void Top(Tensor top, Tensor logits)
    {
        int rows = logits.Rows;
        if (rows == 0)
        {
            return;
        }

        int wanted = top.Cols / 3;
        int keptBits = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)wanted));
        int kept = 1 << keptBits;
        int parts = (logits.Cols + Ranking.Part - 1) / Ranking.Part;
        int most = Ranking.MostKeys >> keptBits;

        // Merged lists become the lists of the next start.
        (long sumFloats, long listKeys, long bytes) = Ranking.Room(rows, logits.Cols, wanted);
        nint sums = _lists.Room(bytes);
        nint lists = sums + (nint)(sumFloats * sizeof(float));
        nint merged = lists + (nint)(listKeys * sizeof(ulong));

        KernelArguments arguments = default;
        arguments.AddView(lists, listKeys);
        arguments.AddView(sums, sumFloats);
        arguments.AddFours(Of(logits));
        arguments.Add(logits.Cols).Add(Of(logits).Stride / 4).Add(kept);
        _runtime.Launch(Ranking.Begin, new LaunchShape(rows, parts, Ranking.Threads), arguments);
        for (int count = parts, blocks = 0; blocks != 1; count = blocks)
        {
            int width = Math.Min(most, (int)BitOperations.RoundUpToPowerOf2((uint)count));
            blocks = (count + width - 1) / width;
            arguments = default;
            arguments.AddView(merged, (long)rows * blocks * kept);
            arguments.AddFloats(blocks == 1 ? Of(top) : null);
            arguments.AddView(lists, (long)rows * count * kept);
            arguments.AddView(sums, sumFloats);
            arguments.Add(count).Add(width).Add(keptBits).Add(parts).Add(wanted).Add(Of(top).Stride);
            _runtime.Launch(Ranking.Merge, new LaunchShape(rows, blocks, Ranking.MergeThreads), arguments);
            (lists, merged) = (merged, lists);
        }
    }
}
