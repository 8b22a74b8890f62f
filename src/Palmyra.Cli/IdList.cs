using System.Globalization;
using System.Runtime.InteropServices;

namespace Palmyra.Cli;

/// <summary>Token ids as people write them on a command line: numbers with blanks or commas between.</summary>
internal static class IdList
{
    /// <summary>Reads ids.</summary>
    /// <param name="text">The list.</param>
    /// <param name="option">The option it was given to, for the message.</param>
    public static int[] Parse(string text, string option)
    {
        string[] words = text.Split([',', ' ', '\t', '\n', '\r', '[', ']'], StringSplitOptions.RemoveEmptyEntries);
        int[] ids = [.. words.Select(word => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            ? id
            : throw new UsageException($"{option} was expected to be token ids such as 15496,995; found '{word}'."))];
        return ids.Length > 0 ? ids : throw new UsageException($"{option} was expected to hold at least one token id; found none.");
    }

    /// <summary>Reads a file of 16-bit little-endian ids, the packed form of vocabularies below 65,536.</summary>
    public static int[] ReadPacked(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        if (bytes.Length == 0 || bytes.Length % sizeof(ushort) != 0)
        {
            throw new UsageException($"{path} was expected to hold 16-bit token ids; found {bytes.Length} bytes.");
        }

        int[] ids = new int[bytes.Length / sizeof(ushort)];
        ReadOnlySpan<ushort> packed = MemoryMarshal.Cast<byte, ushort>(bytes);
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = BitConverter.IsLittleEndian ? packed[i] : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(packed[i]);
        }

        return ids;
    }

    /// <summary>Refuses ids a model does not have.</summary>
    public static int[] Within(this int[] ids, int vocabulary, string option)
    {
        int wrong = Array.FindIndex(ids, id => id >= vocabulary);
        return wrong < 0 ? ids : throw new UsageException($"{option} holds {ids[wrong]}; the model's ids are 0 to {vocabulary - 1}.");
    }
}
