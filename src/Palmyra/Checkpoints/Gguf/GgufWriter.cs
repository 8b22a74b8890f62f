using System.Text;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints.Gguf;

/// <summary>Writes GGUF files, version 3, streaming: tensors write themselves one after the other.</summary>
/// <remarks>The file is replaced by rename: whatever goes wrong, the old one survives and no temporary one is left behind.</remarks>
internal static class GgufWriter
{
    private const uint Version = 3;
    private const int Alignment = 32;
    private const int LongestName = 63;

    /// <summary>Writes a file.</summary>
    /// <param name="path">The file; replaced if it exists. Its folder must exist.</param>
    /// <param name="header">The metadata.</param>
    /// <param name="tensors">The tensors, with different names.</param>
    /// <exception cref="ArgumentException">Two tensors have one name, or a name is too long.</exception>
    /// <exception cref="CheckpointException">The file cannot be written. The old one is unchanged.</exception>
    public static void Write(string path, GgufHeader header, IReadOnlyList<GgufTensorSource> tensors)
    {
        ArgumentNullException.ThrowIfNull(header);
        ArgumentNullException.ThrowIfNull(tensors);
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (GgufTensorSource tensor in tensors)
        {
            if (!names.Add(tensor.Name) || tensor.Name.Length == 0 || Encoding.UTF8.GetByteCount(tensor.Name) > LongestName)
            {
                throw new ArgumentException($"The name '{tensor.Name}' is empty, longer than {LongestName} bytes, or given to two tensors.", nameof(tensors));
            }
        }

        AtomicFiles.Write(path, stream => Write(stream, header, tensors));
    }

    private static void Write(Stream stream, GgufHeader header, IReadOnlyList<GgufTensorSource> tensors)
    {
        stream.Write("GGUF"u8);
        GgufHeader.WriteUInt32(stream, Version);
        GgufHeader.WriteUInt64(stream, (ulong)tensors.Count);
        GgufHeader.WriteUInt64(stream, (ulong)header.Count);
        stream.Write(header.Bytes);
        long offset = 0;
        foreach (GgufTensorSource tensor in tensors)
        {
            GgufHeader.WriteText(stream, tensor.Name);
            GgufHeader.WriteUInt32(stream, (uint)tensor.Shape.Count);
            foreach (long dimension in tensor.Shape.Reverse())
            {
                GgufHeader.WriteUInt64(stream, (ulong)dimension);
            }

            GgufHeader.WriteUInt32(stream, (uint)tensor.Type);
            GgufHeader.WriteUInt64(stream, (ulong)offset);
            offset = (offset + tensor.Length + Alignment - 1) / Alignment * Alignment;
        }

        Pad(stream);
        foreach (GgufTensorSource tensor in tensors)
        {
            long start = stream.Position;
            tensor.Write(stream);
            if (stream.Position - start != tensor.Length)
            {
                throw new InvalidOperationException($"Tensor '{tensor.Name}' wrote {stream.Position - start} bytes of {tensor.Length}.");
            }

            Pad(stream);
        }
    }

    private static void Pad(Stream stream)
    {
        ReadOnlySpan<byte> zeros = stackalloc byte[Alignment];
        stream.Write(zeros[..(int)((Alignment - (stream.Position % Alignment)) % Alignment)]);
    }
}
