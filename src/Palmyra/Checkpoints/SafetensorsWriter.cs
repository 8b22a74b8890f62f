using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>Writes the safetensors container, streaming: of the model only one piece of one tensor is in memory at a time.</summary>
/// <remarks>
/// Tensors are laid out by falling alignment, then by name, so that each is aligned and equal models give equal files. Files are
/// replaced by rename: whatever goes wrong, the old file survives and no temporary one is left behind.
/// </remarks>
public static partial class SafetensorsWriter
{
    /// <summary>The largest file before <see cref="WriteFolder"/> splits: 5 GB, as transformers 4.x does.</summary>
    public const long DefaultMaxShardSize = 5_000_000_000;

    private const int Piece = 1 << 20;
    private const int LengthBytes = 8;

    // A line of the processor's caches: what kernels that read a file where it is mapped want its first tensor to begin at.
    private const int DataAlignment = 64;

    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";

    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes tensors to one file.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="tensors">The tensors, with different names.</param>
    /// <param name="metadata">The pairs of <c>__metadata__</c>; {"format": "pt"}, which transformers asks for, if null.</param>
    /// <param name="cancellation">Stops the writing; the old file stays.</param>
    /// <exception cref="ArgumentException">Two tensors have one name, or a name is reserved.</exception>
    /// <exception cref="CheckpointException">The file cannot be written. The old one is unchanged.</exception>
    public static void Write(
        string path,
        IReadOnlyList<TensorSource> tensors,
        IReadOnlyDictionary<string, string>? metadata = null,
        CancellationToken cancellation = default)
    {
        TensorSource[] ordered = InFileOrder(tensors);
        AtomicFiles.Write(path, stream => Write(stream, ordered, metadata, cancellation));
    }

    /// <summary>Writes model.safetensors into a folder, or shards and their index if the model is larger than one file may be.</summary>
    /// <param name="folder">
    /// The folder; made if missing, and not left behind empty if the writing fails. Safetensors weights of an earlier save are replaced and removed.
    /// </param>
    /// <param name="tensors">The tensors, with different names.</param>
    /// <param name="maxShardSize">The most bytes of tensors in one file; a tensor larger than that has a file of its own.</param>
    /// <param name="metadata">The pairs of <c>__metadata__</c>; {"format": "pt"}, which transformers asks for, if null.</param>
    /// <param name="others">
    /// Files that belong to the same save (config.json, the tokenizer's), by plain name: tokenizer files and a generation_config.json that are
    /// not among them are another model's and removed. Null to write weights alone and leave those files be.
    /// </param>
    /// <param name="cancellation">Stops the writing; the old files stay.</param>
    /// <exception cref="ArgumentException">Two tensors have one name, or a name is reserved.</exception>
    /// <exception cref="CheckpointException">The files cannot be written. While tensors are being written the old ones are unchanged.</exception>
    public static void WriteFolder(
        string folder,
        IReadOnlyList<TensorSource> tensors,
        long maxShardSize = DefaultMaxShardSize,
        IReadOnlyDictionary<string, string>? metadata = null,
        IReadOnlyDictionary<string, Action<Stream>>? others = null,
        CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxShardSize);
        List<TensorSource[]> shards = Split(InFileOrder(tensors), maxShardSize);
        bool isNew = !Directory.Exists(folder);
        bool isWritten = false;
        try
        {
            Directory.CreateDirectory(folder);
            var written = new List<string>();
            using var files = new AtomicFiles();
            for (int i = 0; i < shards.Count; i++)
            {
                string name = shards.Count == 1
                    ? SingleFile
                    : string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
                TensorSource[] shard = shards[i];
                files.Stage(Path.Combine(folder, name), stream => Write(stream, shard, metadata, cancellation));
                written.Add(name);
            }

            if (shards.Count > 1)
            {
                files.Stage(Path.Combine(folder, IndexFile), stream => WriteIndex(stream, shards, written));
                written.Add(IndexFile);
            }

            foreach ((string name, Action<Stream> write) in others ?? new Dictionary<string, Action<Stream>>())
            {
                files.Stage(Path.Combine(folder, name), write);
            }

            files.Commit();
            isWritten = true;
            RemoveEarlier(folder, written, others);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{folder}: the folder cannot be written: {error.Message}", error);
        }
        finally
        {
            if (isNew && !isWritten)
            {
                RemoveEmpty(folder);
            }
        }
    }

    private static void RemoveEmpty(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It was never made, or holds something after all; the failure that brought us here is the one to report.
        }
    }

    // A model.safetensors left beside new shards would be read instead of them, and another model's tokenizer as this one's.
    private static void RemoveEarlier(string folder, List<string> written, IReadOnlyDictionary<string, Action<Stream>>? others)
    {
        foreach (string name in others is null ? [] : LanguageModel.SideFileNames.Where(name => !others.ContainsKey(name)))
        {
            File.Delete(Path.Combine(folder, name));
        }

        foreach (string file in Directory.GetFiles(folder, "model*"))
        {
            string name = Path.GetFileName(file);
            if (!written.Contains(name) && (name is SingleFile or IndexFile || ShardName().IsMatch(name)))
            {
                File.Delete(file);
            }
        }
    }

    [GeneratedRegex(@"^model-\d{5}-of-\d{5}\.safetensors$", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();

    private static TensorSource[] InFileOrder(IReadOnlyList<TensorSource> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (TensorSource tensor in tensors)
        {
            if (tensor.Name == SafetensorsReader.MetadataKey || !names.Add(tensor.Name))
            {
                throw new ArgumentException($"The name '{tensor.Name}' is reserved or given to two tensors.", nameof(tensors));
            }

            if (DataAlignment % tensor.Alignment != 0 || tensor.Length % tensor.Alignment != 0)
            {
                throw new ArgumentException(
                    $"Tensor '{tensor.Name}' of {tensor.Length} bytes cannot be aligned to {tensor.Alignment}: "
                    + $"a divisor of both {DataAlignment} and its length was expected.",
                    nameof(tensors));
            }
        }

        return [.. tensors.OrderByDescending(tensor => tensor.Alignment).ThenBy(tensor => tensor.Name, StringComparer.Ordinal)];
    }

    private static List<TensorSource[]> Split(TensorSource[] tensors, long maxShardSize)
    {
        var shards = new List<TensorSource[]>();
        var shard = new List<TensorSource>();
        long size = 0;
        foreach (TensorSource tensor in tensors)
        {
            if (shard.Count > 0 && tensor.Length > maxShardSize - size)
            {
                shards.Add([.. shard]);
                shard.Clear();
                size = 0;
            }

            shard.Add(tensor);
            size += tensor.Length;
        }

        shards.Add([.. shard]);
        return shards;
    }

    private static void Write(
        Stream stream, TensorSource[] tensors, IReadOnlyDictionary<string, string>? metadata, CancellationToken cancellation)
    {
        byte[] header = Header(tensors, metadata);
        Span<byte> length = stackalloc byte[LengthBytes];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Piece);
        try
        {
            foreach (TensorSource tensor in tensors)
            {
                int size = tensor.Type.Size();
                for (long element = 0; element < tensor.Count;)
                {
                    cancellation.ThrowIfCancellationRequested();
                    int count = (int)Math.Min(Piece / size, tensor.Count - element);
                    Span<byte> piece = buffer.AsSpan(0, count * size);
                    tensor.CopyBytes(element, piece);
                    stream.Write(piece);
                    element += count;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static byte[] Header(TensorSource[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, Compact))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafetensorsReader.MetadataKey);
            foreach ((string key, string value) in (metadata ?? new Dictionary<string, string> { ["format"] = "pt" })
                .OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            long offset = 0;
            foreach (TensorSource tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", SafetensorsReader.TypeName(tensor.Type));
                WriteNumbers(json, "shape", tensor.Shape);
                WriteNumbers(json, "data_offsets", [offset, offset + tensor.Length]);
                json.WriteEndObject();
                offset += tensor.Length;
            }

            json.WriteEndObject();
        }

        // Padding with spaces keeps the data aligned, as the reference implementation does (to 8 bytes).
        while ((LengthBytes + bytes.WrittenCount) % DataAlignment != 0)
        {
            bytes.Write(" "u8);
        }

        return bytes.WrittenSpan.ToArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }

    private static void WriteIndex(Stream stream, List<TensorSource[]> shards, List<string> names)
    {
        using var json = new Utf8JsonWriter(stream, Indented);
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", shards.Sum(shard => shard.Sum(tensor => tensor.Length)));
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        foreach ((TensorSource tensor, string file) in shards
            .SelectMany((shard, i) => shard.Select(tensor => (Tensor: tensor, File: names[i])))
            .OrderBy(pair => pair.Tensor.Name, StringComparer.Ordinal))
        {
            json.WriteString(tensor.Name, file);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
