using System.Security.Cryptography;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

/// <summary>Reads tensors to the last element, and holds readers to their promise about damaged files.</summary>
internal static class Reading
{
    public const long AllocationBound = 64 << 20;

    public static byte[] Bytes(TensorView tensor)
    {
        var bytes = new byte[tensor.Count * tensor.Type.Size()];
        tensor.CopyBytes(0, bytes);
        return bytes;
    }

    public static string Sha256(TensorView tensor) => Convert.ToHexStringLower(SHA256.HashData(Bytes(tensor)));

    public static void Everything(IReadOnlyDictionary<string, TensorView> tensors)
    {
        foreach (TensorView tensor in tensors.Values)
        {
            Assert.Equal(tensor.Count * tensor.Type.Size(), Bytes(tensor).LongLength);
            if (tensor.Type.IsFloat())
            {
                Assert.Equal(tensor.Count, tensor.ToFloats().LongLength);
            }
        }
    }

    /// <summary>Runs a reader; it may succeed or throw CheckpointException, within the bound on allocation.</summary>
    /// <returns>Whether it succeeded.</returns>
    public static bool SucceedsOrRefuses(Action read)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool succeeded = true;
        try
        {
            read();
        }
        catch (CheckpointException)
        {
            succeeded = false;
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationBound);
        return succeeded;
    }
}
