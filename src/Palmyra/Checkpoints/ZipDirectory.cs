using System.Buffers.Binary;
using System.Text;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>The entries of a zip archive that is read in place: where each file's bytes lie. Nothing is copied or inflated.</summary>
/// <remarks>
/// Follows PKWARE's APPNOTE 6.3, zip64 included. torch.save stores its entries without compression; a deflated one is refused, since
/// it could not be viewed in place. Messages do not name the file: <see cref="TorchArchive"/> adds it.
/// </remarks>
internal static class ZipDirectory
{
    private const uint LocalHeader = 0x04034b50;
    private const uint CentralHeader = 0x02014b50;
    private const uint EndRecord = 0x06054b50;
    private const uint End64Record = 0x06064b50;
    private const uint End64Locator = 0x07064b50;
    private const int LocalHeaderLength = 30;
    private const int CentralHeaderLength = 46;
    private const int EndRecordLength = 22;
    private const int End64RecordLength = 56;
    private const int End64LocatorLength = 20;
    private const int MaxDirectoryLength = 64 << 20;

    /// <summary>Offset and length of each entry's bytes.</summary>
    /// <exception cref="CheckpointException">The archive is damaged, or an entry is compressed or encrypted.</exception>
    public static Dictionary<string, (long Offset, long Length)> Read(ByteSource source)
    {
        (long start, long length, long count) = FindDirectory(source);
        if (start < 0 || length < 0 || start > source.Length - length || length > MaxDirectoryLength || count > length / CentralHeaderLength)
        {
            throw Damaged($"its directory of {count} entries and {length} bytes at byte {start} does not fit the file of {source.Length}");
        }

        ReadOnlySpan<byte> directory = source.Slice(start, (int)length);
        var entries = new Dictionary<string, (long Offset, long Length)>((int)count, StringComparer.Ordinal);
        for (long i = 0; i < count; i++)
        {
            if (directory.Length < CentralHeaderLength || U32(directory) != CentralHeader)
            {
                throw Damaged($"entry {i} of {count} is missing from its directory");
            }

            int nameLength = U16(directory[28..]);
            int extraLength = U16(directory[30..]);
            int total = CentralHeaderLength + nameLength + extraLength + U16(directory[32..]);
            if (total > directory.Length)
            {
                throw Damaged($"entry {i} of its directory is cut off");
            }

            string name = Encoding.UTF8.GetString(directory.Slice(CentralHeaderLength, nameLength));
            (long offset, long size) entry = Entry(source, name, directory, directory.Slice(CentralHeaderLength + nameLength, extraLength));
            if (!entries.TryAdd(name, entry))
            {
                throw Damaged($"it has '{name}' twice");
            }

            directory = directory[total..];
        }

        return entries;
    }

    private static (long Start, long Length, long Count) FindDirectory(ByteSource source)
    {
        int tailLength = (int)Math.Min(source.Length, EndRecordLength + ushort.MaxValue + End64LocatorLength);
        ReadOnlySpan<byte> tail = source.Slice(source.Length - tailLength, tailLength);
        int at = tail.Length - EndRecordLength;
        while (at >= 0 && (U32(tail[at..]) != EndRecord || U16(tail[(at + 20)..]) != tail.Length - at - EndRecordLength))
        {
            at--;
        }

        if (at < 0)
        {
            throw Damaged("its end record is missing, as after an incomplete download");
        }

        ReadOnlySpan<byte> record = tail[at..];
        int locator = at - End64LocatorLength;
        if (locator < 0 || U32(tail[locator..]) != End64Locator)
        {
            return (U32(record[16..]), U32(record[12..]), U16(record[10..]));
        }

        long record64 = I64(tail[(locator + 8)..]);
        if (record64 < 0 || record64 > source.Length - End64RecordLength)
        {
            throw Damaged("its zip64 end record lies outside the file");
        }

        ReadOnlySpan<byte> big = source.Slice(record64, End64RecordLength);
        return U32(big) == End64Record
            ? (I64(big[48..]), I64(big[40..]), Math.Max(I64(big[32..]), 0))
            : throw Damaged("its zip64 end record is missing");
    }

    private static (long Offset, long Length) Entry(ByteSource source, string name, ReadOnlySpan<byte> central, ReadOnlySpan<byte> extra)
    {
        const int Encrypted = 1;
        int method = U16(central[10..]);
        if (method != 0 || (U16(central[8..]) & Encrypted) != 0)
        {
            throw new CheckpointException(
                $"its entry '{name}' is {(method == 0 ? "encrypted" : $"compressed (method {method})")}; "
                + "torch.save stores entries plainly, so save the file again with it.");
        }

        long compressed = U32(central[20..]);
        long size = U32(central[24..]);
        long local = U32(central[42..]);
        ReadZip64(extra, name, ref size, ref compressed, ref local);
        if (compressed != size || local < 0 || local > source.Length - LocalHeaderLength)
        {
            throw Damaged($"entry '{name}' has inconsistent sizes or lies outside the file");
        }

        ReadOnlySpan<byte> header = source.Slice(local, LocalHeaderLength);
        long offset = local + LocalHeaderLength + U16(header[26..]) + U16(header[28..]);
        if (U32(header) != LocalHeader || size < 0 || offset > source.Length || size > source.Length - offset)
        {
            throw Damaged($"entry '{name}' ({size} bytes) does not lie inside the file of {source.Length}");
        }

        return (offset, size);
    }

    // Extra field 1 holds, in this order, the values whose 32-bit places are all ones.
    private static void ReadZip64(ReadOnlySpan<byte> extra, string name, ref long size, ref long compressed, ref long local)
    {
        if (size != uint.MaxValue && compressed != uint.MaxValue && local != uint.MaxValue)
        {
            return;
        }

        while (extra.Length >= 4)
        {
            int id = U16(extra);
            int length = U16(extra[2..]);
            if (length > extra.Length - 4)
            {
                break;
            }

            if (id == 1)
            {
                ReadOnlySpan<byte> values = extra.Slice(4, length);
                Take(ref values, ref size);
                Take(ref values, ref compressed);
                Take(ref values, ref local);
                return;
            }

            extra = extra[(4 + length)..];
        }

        void Take(ref ReadOnlySpan<byte> values, ref long value)
        {
            if (value != uint.MaxValue)
            {
                return;
            }

            if (values.Length < 8)
            {
                throw Damaged($"entry '{name}' has an incomplete zip64 field");
            }

            value = I64(values);
            values = values[8..];
        }
    }

    private static CheckpointException Damaged(string what) => new($"the zip archive is damaged: {what}.");

    private static int U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long I64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
