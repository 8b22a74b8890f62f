using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Tokenization;

namespace Palmyra.Checkpoints;

/// <summary>Tells one checkpoint from another in a moment, however large they are.</summary>
/// <remarks>
/// SHA-256 over the names, lengths and bytes of config.json and the tokenizer's files, and over the name, length, first and last 64 KiB of
/// every weight file. Checkpoints that differ only in the middle of their weight files are not told apart: it is no proof against tampering.
/// The first bytes hold a safetensors file's table of tensors, and training moves all weights.
/// </remarks>
public static class CheckpointDigest
{
    private const int EndBytes = 1 << 16;

    /// <summary>Sums a checkpoint up.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="weightFiles">The paths of the files its weights were read from.</param>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    public static string Compute(string folder, IEnumerable<string> weightFiles)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(weightFiles);
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string path in TokenizerFolder.Files.Prepend(Checkpoint.ConfigFile).Select(name => Path.Combine(folder, name)))
        {
            if (File.Exists(path))
            {
                Append(sum, path, long.MaxValue);
            }
        }

        foreach (string path in weightFiles.Order(StringComparer.Ordinal))
        {
            Append(sum, path, EndBytes);
        }

        return Convert.ToHexStringLower(sum.GetHashAndReset());
    }

    // Name and length go first, so that no two lists of files are the same bytes.
    private static void Append(IncrementalHash sum, string path, long endBytes)
    {
        using var file = new MappedFile(path);
        byte[] name = Encoding.UTF8.GetBytes(Path.GetFileName(path));
        Span<byte> lengths = stackalloc byte[sizeof(int) + sizeof(long)];
        BinaryPrimitives.WriteInt32LittleEndian(lengths, name.Length);
        BinaryPrimitives.WriteInt64LittleEndian(lengths[sizeof(int)..], file.Length);
        sum.AppendData(lengths);
        sum.AppendData(name);
        if (file.Length / 2 <= endBytes)
        {
            Append(sum, file, 0, file.Length);
        }
        else
        {
            Append(sum, file, 0, endBytes);
            Append(sum, file, file.Length - endBytes, endBytes);
        }
    }

    private static void Append(IncrementalHash sum, MappedFile file, long start, long length)
    {
        for (long end = start + length; start < end; start += EndBytes)
        {
            sum.AppendData(file.Slice(start, (int)Math.Min(EndBytes, end - start)));
        }
    }
}
