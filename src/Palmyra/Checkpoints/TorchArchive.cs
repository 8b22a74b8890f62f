using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>Reads a state dict saved by torch.save: the zip form (PyTorch 1.6 and later) and the older pickle stream.</summary>
/// <remarks>
/// Tensors are viewed where the file holds them, shared storages, slices and transposed views included. The pickle inside is interpreted
/// by <see cref="RestrictedUnpickler"/>, which can build a state dict and nothing else.
/// </remarks>
public static class TorchArchive
{
    private const byte PickleStart = 0x80;
    private const long LegacyProtocol = 1001;

    private static readonly BigInteger LegacyMagic = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    private static readonly string[] Wrappers = ["state_dict", "model", "module"];

    /// <summary>Returns a view of every tensor of the file's state dict, in the file's order.</summary>
    /// <param name="source">The file's bytes; the views stay valid as long as it does.</param>
    /// <param name="path">The file's path, for messages.</param>
    /// <remarks>A dict that holds its state dict under "state_dict", "model" or "module" is accepted too; its other entries are ignored.</remarks>
    /// <exception cref="CheckpointException">The file is damaged, or holds anything else than names and tensors.</exception>
    public static IReadOnlyDictionary<string, TensorView> Read(ByteSource source, string path)
    {
        ArgumentNullException.ThrowIfNull(source);
        try
        {
            if (source.Length >= 4 && source.Slice(0, 4).SequenceEqual("PK\u0003\u0004"u8))
            {
                return ReadZip(source, path);
            }

            return source.Length > 0 && source.Slice(0, 1)[0] == PickleStart
                ? ReadLegacy(source, path)
                : throw new CheckpointException("this is neither a zip archive nor a pickle, so torch.save did not write it.");
        }
        catch (CheckpointException error)
        {
            throw new CheckpointException($"{path}: {error.Message}", error);
        }
    }

    private static OrderedDictionary<string, TensorView> ReadZip(ByteSource source, string path)
    {
        const string Pickle = "data.pkl";
        Dictionary<string, (long Offset, long Length)> entries = ZipDirectory.Read(source);
        string[] pickles = [.. entries.Keys.Where(name => name == Pickle || name.EndsWith("/" + Pickle, StringComparison.Ordinal))];
        if (pickles.Length != 1)
        {
            throw new CheckpointException($"the archive was expected to hold one {Pickle}, as torch.save writes; found {pickles.Length}.");
        }

        string prefix = pickles[0][..^Pickle.Length];
        if (entries.TryGetValue(prefix + "byteorder", out (long Offset, long Length) order)
            && (order.Length != 6 || !source.Slice(order.Offset, 6).SequenceEqual("little"u8)))
        {
            throw new CheckpointException("the file was written on a big-endian machine; save it again on a little-endian one.");
        }

        (long offset, long length) = entries[pickles[0]];
        var unpickler = new RestrictedUnpickler(source, offset, offset + length);
        object? root = unpickler.Load();
        if (unpickler.Position != offset + length)
        {
            throw new CheckpointException($"{Pickle} has {offset + length - unpickler.Position} bytes after its end.");
        }

        var places = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (TorchStorage storage in unpickler.Storages.Values)
        {
            string name = $"{prefix}data/{storage.Key}";
            if (!entries.TryGetValue(name, out (long Offset, long Length) entry))
            {
                throw new CheckpointException($"the archive has no '{name}', which its pickle mentions.");
            }

            if (entry.Length != storage.Count * storage.Type.Size())
            {
                throw new CheckpointException(
                    $"storage '{name}' of {storage.Count} {storage.Type} was expected to have "
                    + $"{storage.Count * storage.Type.Size()} bytes; found {entry.Length}.");
            }

            places.Add(storage.Key, entry.Offset);
        }

        return Views(root, places, source, path);
    }

    private static OrderedDictionary<string, TensorView> ReadLegacy(ByteSource source, string path)
    {
        var unpickler = new RestrictedUnpickler(source, 0, source.Length);
        if (unpickler.Load() is not BigInteger magic || magic != LegacyMagic)
        {
            throw new CheckpointException("the pickle does not start with torch.save's magic number, so torch.save did not write it.");
        }

        if (unpickler.Load() is not LegacyProtocol)
        {
            throw new CheckpointException($"the file's protocol was expected to be {LegacyProtocol}; found another.");
        }

        if (unpickler.Load() is not PickleDictionary system
            || system.Pairs.Any(pair => pair is { Key: "little_endian", Value: not true }))
        {
            throw new CheckpointException("the file was written on a big-endian machine, or its description of the machine is damaged.");
        }

        object? root = unpickler.Load();
        if (unpickler.Load() is not List<object?> keys)
        {
            throw new CheckpointException("the list of storages was expected after the state dict.");
        }

        return Views(root, LegacyPlaces(source, unpickler, keys), source, path);
    }

    // After the pickles come the storages in the listed order: the number of elements in 8 bytes, then the elements.
    private static Dictionary<string, long> LegacyPlaces(ByteSource source, RestrictedUnpickler unpickler, List<object?> keys)
    {
        const int CountLength = 8;
        var places = new Dictionary<string, long>(StringComparer.Ordinal);
        long position = unpickler.Position;
        foreach (object? item in keys)
        {
            if (item is not string key || !unpickler.Storages.TryGetValue(key, out TorchStorage? storage))
            {
                throw new CheckpointException("the list of storages names one that the state dict does not use.");
            }

            if (source.Length - position < CountLength)
            {
                throw new CheckpointException($"the file ends before storage '{key}'. Is the download complete?");
            }

            long count = BinaryPrimitives.ReadInt64LittleEndian(source.Slice(position, CountLength));
            position += CountLength;
            if (count != storage.Count || count * storage.Type.Size() > source.Length - position)
            {
                throw new CheckpointException(
                    $"storage '{key}' was expected to hold {storage.Count} {storage.Type}; found {count}, "
                    + $"with {source.Length - position} bytes left in the file.");
            }

            if (!places.TryAdd(key, position))
            {
                throw new CheckpointException($"the list of storages names '{key}' twice.");
            }

            position += count * storage.Type.Size();
        }

        return position == source.Length
            ? places
            : throw new CheckpointException($"{source.Length - position} bytes after the last storage belong to nothing.");
    }

    private static OrderedDictionary<string, TensorView> Views(
        object? root, Dictionary<string, long> places, ByteSource source, string path)
    {
        var tensors = new OrderedDictionary<string, TensorView>(StringComparer.Ordinal);
        foreach ((object? key, object? value) in StateDict(root).Pairs)
        {
            if (key is not string name || value is not TorchTensor tensor)
            {
                string kind = value is TorchTensor ? "a tensor under a key that is not text" : "something that is not a tensor";
                throw new CheckpointException($"a state dict was expected to hold names and tensors; entry '{key as string}' is {kind}.");
            }

            if (!places.TryGetValue(tensor.Storage.Key, out long place))
            {
                throw new CheckpointException($"tensor '{name}' lies in storage '{tensor.Storage.Key}', which the file does not hold.");
            }

            long offset = place + (tensor.Offset * tensor.Storage.Type.Size());
            var view = new TensorView(name, tensor.Storage.Type, tensor.Shape, tensor.Strides, source, offset, path);
            if (!tensors.TryAdd(name, view))
            {
                throw new CheckpointException($"the state dict has tensor '{name}' twice.");
            }
        }

        return tensors;
    }

    private static PickleDictionary StateDict(object? root)
    {
        if (root is not PickleDictionary dictionary)
        {
            throw new CheckpointException("the file was expected to hold a state dict; it holds something else. Save the model's state_dict().");
        }

        foreach (string wrapper in Wrappers)
        {
            foreach ((object? key, object? value) in dictionary.Pairs)
            {
                if (key is string name && name == wrapper && value is PickleDictionary inner)
                {
                    return inner;
                }
            }
        }

        return dictionary;
    }
}
