using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>Reads the JSON and text files of a model's folder whole: never a pipe or a device, never more than a stated number of bytes.</summary>
/// <remarks>A downloaded folder may hold links; what counts is the file they lead to, which <see cref="MappedFile"/> sees to.</remarks>
internal static class SmallFile
{
    /// <summary>The bytes of a file, without a byte order mark.</summary>
    /// <exception cref="CheckpointException">It cannot be opened, or is longer than <paramref name="maxBytes"/>.</exception>
    public static byte[] Read(string path, int maxBytes)
    {
        using var file = new MappedFile(path);
        if (file.Length > maxBytes)
        {
            throw new CheckpointException(
                $"{path}: the file has {file.Length} bytes; at most {maxBytes} were expected, so it is not what its name says or is damaged.");
        }

        ReadOnlySpan<byte> bytes = file.Slice(0, (int)file.Length);
        return (bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes).ToArray();
    }
}
